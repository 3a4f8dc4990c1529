"""The cost line: calls counted as the engine makes them, a pace from past runs, and settings that fit."""

import json

import numpy as np
import pytest
import torch
from speech.voices import tiny_pipeline
from starters import any_picture

from pipelines.backbone import BackboneConfig
from pipelines.codecs.mel import BANDS, HOP, SAMPLE_RATE
from pipelines.events import Done
from pipelines.flow.rules import RULES
from pipelines.image import ImagePipeline
from pipelines.media import Sound
from pipelines.models.sound import SoundConfig, SoundModel
from pipelines.score import Note as Struck
from pipelines.score.noises import MODIFIERS
from pipelines.score.timbres import TIMBRES
from pipelines.settings import (
    ImageEditSettings,
    ImageSettings,
    SoundEditSettings,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
)
from pipelines.sound import SoundPipeline
from pipelines.sound.extending import CONTEXT, TOKEN_SECONDS, WINDOW
from pipelines.sound.filling import PATCH
from pipelines.training.sound import sound_network
from studio.cost import (
    GOES_ON,
    LOOKS_AT,
    RULE_CALLS,
    Paces,
    calls,
    estimate,
    fitting,
    memory,
    pace_of,
    roughly,
    scale,
    too_large,
    work,
)

HEART = ImageSettings(prompt="a heart")
EDIT = ImageEditSettings(prompt="a blue heart", source_prompt="a red heart")
RAIN = SoundSettings(prompt="rain", seconds=1.5, steps=4)
STRINGS = SoundEditSettings(prompt="strings", source_prompt="piano")
TEXT = "The river turns round behind the rock, and nobody who has not seen it would believe it. "
SPEECH = SpeechSettings(text=TEXT)
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


@pytest.fixture(scope="module")
def tiny_sound():
    shape = BackboneConfig(
        channels=BANDS, grid=(240,), patch=(PATCH,), dim=32, depth=2, heads=2, bottleneck=16, reference=True
    )
    return SoundModel(sound_network(SoundConfig(shape, TIMBRES, MODIFIERS, 16, 1), 0), "tiny")


@pytest.mark.parametrize(
    "settings",
    [RAIN.with_(**changes) for changes in ({}, {"guidance": 1}, {"loop": True, "steps": 6}, {"solver": "heun"})]
    + [STRINGS.with_(**changes) for changes in (
        {}, {"method": "flowedit"}, {"method": "magicmix"}, {"method": "sdedit"}, {"features": "cache"},
        {"extend": 2.0}, {"extend": 10.0, "guidance": 1},
    )],
)  # fmt: skip
def test_calls_for_sounds_are_counted_as_the_pipeline_counts_them(settings, tiny_sound):
    heard = (Struck(0.1, 0.3, 69, 84),)
    pipe = SoundPipeline(tiny_sound, lambda mel: torch.zeros(len(mel), mel.shape[2] * HOP) + 0.1, lambda _: heard)
    source = Sound(any_noise(1.5), SAMPLE_RATE)
    run = pipe.generate(settings) if isinstance(settings, SoundSettings) else pipe.edit(settings, source)
    done = [event for event in run if isinstance(event, Done)][0]
    assert calls(settings) == pytest.approx(done.calls, rel=0.12)


def any_noise(seconds):
    return np.random.default_rng(0).uniform(-0.5, 0.5, (1, round(seconds * SAMPLE_RATE))).astype(np.float32)


def test_going_on_costs_what_the_engine_looks_at():
    assert GOES_ON == pytest.approx(WINDOW * TOKEN_SECONDS, rel=0.01)
    assert LOOKS_AT == pytest.approx((WINDOW + CONTEXT) * TOKEN_SECONDS, rel=0.01)
    assert work(STRINGS.with_(extend=12)) == pytest.approx(4 * work(STRINGS.with_(extend=3)))


def test_calls_for_a_sentence_are_counted_as_the_pipeline_counts_them():
    for settings in (SPEECH, SPEECH.with_(guidance=1, steps=3)):
        done = [event for event in tiny_pipeline().generate(settings) if isinstance(event, Done)][0]
        assert calls(settings) == done.calls


def test_more_costs_more():
    assert scale(HEART) == 1 and scale(WIDE) == 32
    assert work(WIDE) > 20 * work(HEART) and memory(WIDE) > memory(HEART)
    assert memory(EDIT.with_(method="rf-edit", features="cache", share_steps=100, steps=100)) > memory(EDIT)


def test_speech_costs_as_much_as_there_is_to_say():
    assert scale(SPEECH) == pytest.approx(len(TEXT) / 14 / 5)
    long = SPEECH.with_(text=TEXT * 20)
    assert scale(long) == pytest.approx(20 * scale(SPEECH)) and 10 < work(long) / work(SPEECH) < 20
    assert scale(SPEECH.with_(speed=2)) == pytest.approx(scale(SPEECH) / 2)
    assert calls(SPEECH) == 8 and calls(SPEECH.with_(guidance=1.5)) == 16
    assert memory(SPEECH) < memory(SPEECH.with_(text="x" * 20_000)) < memory(SPEECH) + 1_200_000_000


def test_a_ready_made_voice_takes_no_steps():
    ready = SPEECH.with_(model="hibari")
    assert calls(ready) == calls(ready.with_(steps=50)) == 1 and scale(ready) == scale(SPEECH)


def test_an_edit_of_speech_costs_what_it_says_anew():
    same = SpeechEditSettings(source_text=TEXT * 9, text=TEXT * 9, takes=1)
    assert scale(same.with_(takes=4)) == pytest.approx(4 * scale(same))
    assert scale(same) == pytest.approx(4 / 5)  # what is around nothing
    one = same.with_(text=TEXT * 4 + TEXT.replace("rock", "mountain") + TEXT * 4)
    assert scale(one) == pytest.approx((4 + len("mountain,") / 14) / 5)
    assert scale(same.with_(text=TEXT * 8)) == pytest.approx(4 / 5)  # left out, not said
    assert scale(same.with_(text=TEXT * 10)) == pytest.approx((4 + (len(TEXT) - 1) / 14) / 5)
    assert scale(same.with_(start=2, end=12)) == pytest.approx(14 / 5)
    assert scale(same.with_(text="")) == pytest.approx(4 / 5)


def test_sounds_cost_by_length_and_number():
    rain = SoundSettings(prompt="rain")
    assert scale(rain) == 1 and scale(rain.with_(seconds=10, count=4)) == 10
    for method in ("rf-edit", "flowedit", "magicmix", "sdedit"):
        edit = SoundEditSettings(prompt="strings", method=method, guidance=2)
        assert calls(edit) > 20 and memory(edit) >= memory(rain)
    assert fitting(rain.with_(count=4), memory(rain.with_(count=2))).count == 2


@pytest.mark.parametrize("settings", [SPEECH, SPEECH.with_(model="hibari"), SoundSettings(prompt="rain")])
def test_paces_of_sounds_are_their_own(tmp_path, settings):
    paces = Paces(tmp_path)
    paces.record(HEART, work(HEART) * 0.5)
    paces.record(settings, work(settings) * 0.01)
    assert paces.pace(settings) == pytest.approx(0.01)
    assert estimate(settings, paces).seconds == pytest.approx(work(settings) * 0.01)


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
