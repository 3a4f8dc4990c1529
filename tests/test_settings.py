"""Settings: one definition, refused by name and value, old files read, new ones not guessed at."""

import math
from typing import get_args

import pytest
from pydantic import ValidationError
from pydantic_core import PydanticUndefined

from pipelines.errors import SettingsError, StudioError
from pipelines.flow.rules import RULES
from pipelines.flow.schedule import SCHEDULES
from pipelines.settings import (
    ANY_SETTINGS,
    MAX_SEED,
    ImageEditSettings,
    ImageSettings,
    LipSyncSettings,
    MeshSettings,
    ScheduleName,
    Solver,
    SoundSettings,
    SpeechEditSettings,
    SpeechSettings,
    ToolSettings,
    VideoSettings,
    kind_of,
)

TOOLS = [kind for kind in ANY_SETTINGS.values() if issubclass(kind, ToolSettings)]
KINDS = [kind for kind in ANY_SETTINGS.values() if kind not in TOOLS]
FIELDS = [(kind, name) for kind in KINDS for name in kind.model_fields]
# What cannot be left out: what to make, or what there is.
NEEDED = dict.fromkeys(KINDS, "prompt") | {
    SpeechSettings: "text", SpeechEditSettings: "source_text", LipSyncSettings: "text",
}  # fmt: skip
OPEN = {MeshSettings, LipSyncSettings}  # whose words may be left out where a picture or a recording is given
BEYOND = {"ge": -1, "le": 1}  # constraint -> direction in which values are refused


def least(kind, **values):
    """Settings with what cannot be left out, and ``values``."""
    return kind(**{NEEDED[kind]: "x", **values})


def limited_fields():
    for kind, name in FIELDS:
        for constraint in kind.model_fields[name].metadata:
            for key, direction in BEYOND.items():
                if hasattr(constraint, key):
                    yield kind, name, getattr(constraint, key), direction


# What another field must come with.
TOGETHER = {"mouth_x": {"mouth_y": 0.5}, "mouth_y": {"mouth_x": 0.5}}


@pytest.mark.parametrize("kind, name", FIELDS)
def test_every_field_explains_itself_and_has_a_default(kind, name):
    field = kind.model_fields[name]
    assert field.title and field.title[0].isupper()
    assert field.description and field.description.endswith(".")
    assert (field.default is PydanticUndefined) == (name == NEEDED[kind] and kind not in OPEN)


@pytest.mark.parametrize("kind", KINDS)
def test_every_number_has_a_range(kind):
    limited = {name for owner, name, _, _ in limited_fields() if owner is kind}
    numbers = {name for name, field in kind.model_fields.items() if field.annotation in (int, float)}
    assert numbers <= limited and len(numbers) >= 3


@pytest.mark.parametrize("kind, name, limit, direction", list(limited_fields()))
def test_a_range_holds_and_its_refusal_names_field_and_value(kind, name, limit, direction):
    beyond = limit + direction * (8 if name in {"width", "height"} else 1)
    # A starter does not go as far as checkpoints may.
    model = {"model": "owner/name"} if limit > kind.LIMITS.get(name, math.inf) else {}
    if name not in {"guidance_from", "guidance_to", "start", "end"}:
        assert getattr(least(kind, **{name: limit}, **TOGETHER.get(name, {}), **model), name) == limit
    with pytest.raises(SettingsError, match=rf"^{name}: .*{limit}.*got {beyond}"):
        least(kind, **{name: beyond})


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("name", ["guidance", "shift", "steps"])
def test_numbers_are_finite(name, value):
    with pytest.raises(SettingsError, match=f"^{name}: .*got {value}"):
        ImageSettings(prompt="x", **{name: value})


@pytest.mark.parametrize("value, seed", [(None, None), (0, 0), (7.0, 7), (float(MAX_SEED), MAX_SEED), ("12", 12)])
def test_a_whole_seed_is_taken_however_it_is_written(value, seed):
    found = ImageSettings(prompt="x", seed=value).seed
    assert found == seed and type(found) is type(seed)


@pytest.mark.parametrize("value", [1.5, math.nan, math.inf, True, False, -1, MAX_SEED + 1, "x", "", [1]])
def test_any_other_seed_is_refused_by_name_and_value(value):
    with pytest.raises(SettingsError) as error:
        ImageSettings(prompt="x", seed=value)
    assert str(error.value).startswith("seed: ") and str(error.value).endswith(f"got {value!r}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("prompt", ["", "  ", "\n\t"])
def test_an_empty_prompt_is_refused(kind, prompt):
    if kind in OPEN:
        assert getattr(least(kind, **{NEEDED[kind]: prompt}), NEEDED[kind]) == prompt
        return
    with pytest.raises(SettingsError, match=f"^{NEEDED[kind]}: is empty"):
        least(kind, **{NEEDED[kind]: prompt})


@pytest.mark.parametrize("kind", KINDS)
def test_a_missing_a_long_and_a_broken_prompt_are_refused(kind):
    name = NEEDED[kind]
    limit = 1000 if name == "prompt" else 20_000
    if kind not in OPEN:
        with pytest.raises(SettingsError, match=f"^{name}: field required$"):
            kind()
    with pytest.raises(SettingsError, match=f"^{name}: at most {limit} characters, got {limit + 1}; shorten it$"):
        least(kind, **{name: "x" * (limit + 1)})
    with pytest.raises(SettingsError, match=f"^{name}: .*unicode"):
        least(kind, **{name: "\ud800"})
    assert len(getattr(least(kind, **{name: "x" * limit}), name)) == limit


def test_several_mistakes_are_all_named():
    with pytest.raises(SettingsError) as error:
        ImageSettings(prompt="x", steps=0, width=70, solver="rk45")
    assert all(part in str(error.value) for part in ("steps: ", "got 0", "width: ", "got 70", "solver: ", "'rk45'"))


@pytest.mark.parametrize("name, most", [("width", 128), ("height", 128)])
def test_a_starter_has_limits_of_its_own(name, most):
    with pytest.raises(
        SettingsError, match=f"^{name}: the starter goes up to {most}, got {most + 8}; use a checkpoint"
    ):
        ImageSettings(prompt="x", **{name: most + 8})
    assert ImageSettings(prompt="x", model="flux-1-dev", **{name: most + 8}).checkpoint


def test_a_checkpoint_brings_what_its_makers_recommend_and_what_is_typed_stands():
    found = ImageSettings(prompt="x", model="flux-1-schnell")
    assert (found.steps, found.guidance, found.width, found.solver, found.schedule) == (4, 1, 1024, "euler", "model")
    assert ImageSettings(prompt="x", model="flux-1-schnell", steps=8).steps == 8
    assert ImageSettings(prompt="x", model="black-forest-labs/FLUX.1-dev").guidance == 3.5
    assert VideoSettings(prompt="x", model="wan-2.1-1.3b").frames == 81
    assert SoundSettings(prompt="x", model="ace-step-1.5").seconds == 60
    assert ImageSettings(prompt="x").with_(model="flux-1-dev").steps == 20  # a change is no new beginning
    assert ImageEditSettings(prompt="x", model="owner/unknown").schedule == "model"


@pytest.mark.parametrize("width", [31, 33, 65, 127, 64.5])
def test_sizes_are_multiples_of_eight(width):
    with pytest.raises(SettingsError, match=f"^width: .*got {width}"):
        ImageSettings(prompt="x", width=width)


def test_a_turned_guidance_interval_is_refused_with_both_ends():
    with pytest.raises(SettingsError, match="^guidance_from: .*guidance_to, got 0.9 and 0.1$"):
        ImageSettings(prompt="x", guidance_from=0.9, guidance_to=0.1)
    assert ImageSettings(prompt="x", guidance_from=0.5, guidance_to=0.5).guidance_to == 0.5


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_is_refused_by_name(kind):
    with pytest.raises(SettingsError, match="^colour: unknown setting, got 'red'$"):
        least(kind, colour="red")


@pytest.mark.parametrize("kind", KINDS)
def test_an_unknown_field_of_a_file_is_kept_and_reported(kind):
    held = {NEEDED[kind]: "x", "version": 1, "steps": 5, "colour": "red", "nested": {"a": [1]}}
    settings, unknown = kind.migrate(held)
    assert settings == least(kind, steps=5)
    assert unknown == {"colour": "red", "nested": {"a": [1]}}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_written_is_read_back(kind):
    settings = least(kind, steps=7, seed=3, guidance=2.5, schedule="sway")
    assert kind.migrate(settings.model_dump(mode="json")) == (settings, {})
    assert kind.migrate({NEEDED[kind]: "x"}) == (least(kind), {})


@pytest.mark.parametrize("version", [2, 99, "1", None, 1.5])
def test_a_version_from_the_future_is_refused(version):
    with pytest.raises(SettingsError, match=f"^version: .*{version!r}.*reads up to 1"):
        ImageSettings.migrate({"version": version, "prompt": "x"})
    with pytest.raises(SettingsError, match="^version: "):
        ImageSettings(prompt="x", version=2)


def test_a_bad_value_in_a_file_is_refused_by_name():
    with pytest.raises(SettingsError, match="^steps: .*got -3"):
        ImageSettings.migrate({"prompt": "x", "steps": -3, "colour": "red"})


@pytest.mark.parametrize("kind", KINDS)
def test_settings_do_not_change(kind):
    settings = least(kind)
    with pytest.raises(ValidationError):
        settings.steps = 5
    assert settings.steps == kind.model_fields["steps"].default


def test_a_copy_with_changes_is_validated():
    settings = ImageSettings(prompt="x", seed=3)
    changed = settings.with_(steps=5, seed=None)
    assert (changed.steps, changed.seed, changed.prompt) == (5, None, "x") and settings.steps == 20
    with pytest.raises(SettingsError, match="^steps: .*got 0"):
        settings.with_(steps=0)
    with pytest.raises(SettingsError, match="^colour: unknown"):
        settings.with_(colour="red")


def test_an_empty_seed_is_resolved_once():
    assert ImageSettings(prompt="x").resolved(9).seed == 9
    assert ImageSettings(prompt="x", seed=0).resolved(9).seed == 0


def test_every_rule_and_spacing_can_be_chosen():
    assert set(get_args(Solver)) == set(RULES) and set(get_args(ScheduleName)) == set(SCHEDULES)
    assert [ImageSettings(prompt="x", solver=name).solver for name in RULES] == list(RULES)
    assert [ImageEditSettings(prompt="x", schedule=name).schedule for name in SCHEDULES] == list(SCHEDULES)


def test_kinds_are_written_by_the_names_they_are_found_under():
    found = {kind_of(least(kind)): kind for kind in KINDS} | {kind_of(kind()): kind for kind in TOOLS}
    assert found == ANY_SETTINGS


@pytest.mark.parametrize("kind", TOOLS)
def test_tools_have_nothing_to_say_about_sampling(kind):
    assert not {"seed", "steps", "model", "schedule", "shift"} & set(kind.model_fields)
    assert kind().seed == 0 and kind().model == "tools" and kind().with_(seed=5) == kind()
    for name, field in kind.model_fields.items():
        assert field.title and field.description.endswith(".") and field.default is not PydanticUndefined
        if field.annotation in (int, float):
            low, high = (next(getattr(m, key) for m in field.metadata if hasattr(m, key)) for key in ("ge", "le"))
            for beyond in (low - 1, high + 1):
                with pytest.raises(SettingsError, match=rf"^{name}: .*got {beyond}"):
                    kind(**{name: beyond})
    with pytest.raises(SettingsError, match="^seed: unknown setting"):
        kind(seed=3)
    assert kind.migrate({**kind().model_dump(mode="json"), "seed": 4}) == (kind(), {"seed": 4})


@pytest.mark.parametrize("kind", KINDS)
def test_what_to_make_is_found_whatever_its_field_is_called(kind):
    assert kind.PROMPT in kind.model_fields and least(kind, **{kind.PROMPT: "a kite"}).asked == "a kite"


def test_a_part_to_speak_anew_has_two_ends_in_order():
    for start, end in ((1, None), (None, 1), (2, 1), (1, 1)):
        with pytest.raises(SettingsError, match="^start: "):
            SpeechEditSettings(source_text="x", start=start, end=end)
    assert SpeechEditSettings(source_text="x", start=1, end=2).end == 2


def test_the_ready_made_voice_has_no_other():
    with pytest.raises(SettingsError, match="^voice: .*got 'slt'; choose the flow model"):
        SpeechSettings(text="x", model="hibari", voice="slt")


def test_a_refusal_is_an_error_of_this_program_and_a_value_error():
    assert issubclass(SettingsError, StudioError) and issubclass(SettingsError, ValueError)


def test_what_works_without_a_model_takes_no_checkpoint():
    from pipelines.settings import ANY_SETTINGS
    from studio.choosing import takes_checkpoints

    taken = {kind: takes_checkpoints(settings) for kind, settings in ANY_SETTINGS.items()}
    assert not any(taken[kind] for kind in ("shape.edit", "clip.edit", "turntable.edit")) and taken["image.generate"]
