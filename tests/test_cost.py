"""The cost line: calls counted as the engine makes them, a pace from past runs, and settings that fit."""

import json

import pytest
from starters import any_picture

from pipelines.events import Done
from pipelines.flow.rules import RULES
from pipelines.image import ImagePipeline
from pipelines.settings import ImageEditSettings, ImageSettings
from studio.cost import RULE_CALLS, Paces, calls, estimate, fitting, memory, pace_of, roughly, scale, too_large, work

HEART = ImageSettings(prompt="a heart")
EDIT = ImageEditSettings(prompt="a blue heart", source_prompt="a red heart")
WIDE = ImageSettings(prompt="a heart", count=8, width=128, height=128)


def test_calls_of_a_rule_are_those_of_the_engine():
    assert {name: rule.calls for name, rule in RULES.items() if rule.calls > 1} == RULE_CALLS


@pytest.mark.parametrize(
    "settings",
    [HEART.with_(**changes) for changes in (
        {}, {"guidance": 1}, {"solver": "heun"}, {"solver": "rk4", "steps": 5}, {"guidance_from": 0.5},
        {"guidance_to": 0.4}, {"guidance_from": 0.3, "schedule": "uniform"},
    )]
    + [EDIT.with_(**changes) for changes in (
        {}, {"average": 3}, {"method": "rf-edit"}, {"method": "rf-edit", "share_steps": 10},
        {"method": "rf-edit", "features": "cache"}, {"method": "rf-edit", "solver": "heun"},
        {"method": "magicmix"}, {"method": "sdedit", "steps": 8}, {"strength": 0.2},
    )],
)  # fmt: skip
def test_calls_are_counted_as_the_pipeline_counts_them(settings, tiny_starter):
    pipe = ImagePipeline(tiny_starter)
    run = pipe.generate(settings) if isinstance(settings, ImageSettings) else pipe.edit(settings, any_picture(64, 64))
    done = [event for event in run if isinstance(event, Done)][0]
    assert calls(settings) == pytest.approx(done.calls, rel=0.12)


def test_more_costs_more():
    assert scale(HEART) == 1 and scale(WIDE) == 32
    assert work(WIDE) > 20 * work(HEART) and memory(WIDE) > memory(HEART)
    assert memory(EDIT.with_(method="rf-edit", features="cache", share_steps=100, steps=100)) > memory(EDIT)


def fake_seconds(settings, machine=0.021):
    """A machine whose time does not grow quite as ours is thought to."""
    return 0.3 + machine * calls(settings) * (0.1 + 0.9 * scale(settings) ** 0.9)


@pytest.mark.parametrize("measured", [HEART, HEART.with_(count=4), HEART.with_(steps=60, solver="heun")])
@pytest.mark.parametrize(
    "asked", [HEART, HEART.with_(count=8), HEART.with_(width=128, height=128), HEART.with_(steps=80)]
)
def test_within_a_factor_of_two_after_one_run(tmp_path, measured, asked):
    Paces(tmp_path).record(measured, fake_seconds(measured))
    said = estimate(asked, Paces(tmp_path)).seconds
    assert 0.5 < said / fake_seconds(asked) < 2


def test_an_edit_takes_its_pace_from_pictures_made_until_one_was_measured(tmp_path):
    paces = Paces(tmp_path)
    paces.record(HEART, work(HEART) * 0.01)
    assert paces.pace(EDIT) == pytest.approx(0.01)
    paces.record(EDIT, work(EDIT) * 0.03)
    assert paces.pace(EDIT) == pytest.approx(0.03) and paces.pace(HEART) == pytest.approx(0.01)


def test_one_slow_run_does_not_move_the_pace(tmp_path):
    paces = Paces(tmp_path)
    for rate in (0.02, 0.02, 5.0, 0.02, 0.021):
        paces.record(HEART, work(HEART) * rate)
    assert paces.pace(HEART) == pytest.approx(0.02)
    for _ in range(20):
        paces.record(HEART, work(HEART) * 0.5)
    assert paces.pace(HEART) == pytest.approx(0.5)
    assert len(json.loads((tmp_path / "paces.json").read_text())["generate image starter"]) == 8


def test_the_pace_of_a_list_of_runs():
    assert pace_of([]) is None
    assert pace_of([(HEART, work(HEART) * 0.04), (EDIT, work(EDIT) * 0.04)]) == pytest.approx(0.04)


@pytest.mark.parametrize(
    "text", ["", "[1, 2]", '{"generate image starter": "fast"}', '{"generate image starter": [-1]}']
)
def test_a_damaged_file_is_begun_anew(tmp_path, text):
    (tmp_path / "paces.json").write_text(text)
    fresh = estimate(HEART, Paces(tmp_path)).seconds
    assert fresh == estimate(HEART).seconds
    Paces(tmp_path).record(HEART, 100)
    assert estimate(HEART, Paces(tmp_path)).seconds == pytest.approx(100)
    assert [path.name for path in tmp_path.iterdir()] == ["paces.json"]


def test_the_sentence_and_the_first_load(tmp_path):
    paces = Paces(tmp_path)
    paces.record(HEART, 3.2)
    paces.record_load("image", "starter", 4)
    assert estimate(HEART, paces).sentence == "about 3 s, 400 MB"
    first = estimate(HEART, paces, loaded=False)
    assert first.seconds == pytest.approx(7.2)
    assert first.sentence == "about 7 s, 400 MB; the first run also loads the model"


def test_an_unknown_model_has_a_cost_as_well():
    assert estimate(HEART.with_(model="mine")).bytes > 0


@pytest.mark.parametrize(
    "seconds, said", [(0.02, "1 s"), (9.4, "9 s"), (12, "10 s"), (88, "90 s"), (100, "2 min"), (7200, "2.0 h")]
)
def test_times_are_said_as_guesses(seconds, said):
    assert roughly(seconds) == said


def test_what_fits_is_found_and_is_the_nearest():
    assert fitting(WIDE, 10**12) == WIDE
    room = memory(WIDE.with_(count=2))
    assert fitting(WIDE, room) == WIDE.with_(count=2)
    assert fitting(WIDE, memory(HEART)) is not None and fitting(WIDE, 1000) is None


def test_thrifty_sharing_is_tried_first():
    greedy = EDIT.with_(method="rf-edit", features="cache", steps=100, share_steps=100, share_from=0)
    assert fitting(greedy, memory(greedy) - 1) == greedy.with_(features="recompute")


def test_what_does_not_fit_is_said_with_what_does():
    advice = too_large(WIDE, memory(WIDE.with_(count=2)))
    assert advice.settings == WIDE.with_(count=2)
    assert advice.sentence == "It needs 524 MB of memory, 428 MB are free. This fits: How many 2."
    worse = too_large(WIDE, 450_000_000, needed=900_000_000)
    assert "It needs 900 MB of memory, 450 MB are free." in worse.sentence and worse.settings is None
    assert "smaller model" in worse.sentence
