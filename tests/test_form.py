import re
from typing import Any, get_args

import gradio as gr
import pytest
from pages import loops_closed  # noqa: F401

from pipelines.errors import SettingsError
from pipelines.settings import ImageEditSettings, ImageSettings, SamplingSettings
from studio.form import Form
from studio.tabs import image as tab

pytestmark = pytest.mark.usefixtures("loops_closed")

BOTH = [ImageSettings, ImageEditSettings]


def built(settings: type[SamplingSettings]) -> Form[Any]:
    names = [name for name in settings.model_fields if name != "version"]
    with gr.Blocks(analytics_enabled=False):
        return Form.build(settings, main=names[:4], advanced=names[4:])


def as_sent(form: Form[Any], **typed: Any) -> dict[Any, Any]:
    """What the page would send if ``typed`` was typed into an untouched form."""
    return {part: typed.get(name, part.value) for name, part in form.controls.items()}


@pytest.mark.parametrize("settings", BOTH)
def test_untouched_form_reads_as_the_defaults_of_the_class(settings):
    form = built(settings)
    assert form.read(as_sent(form, prompt="a cat")) == settings(prompt="a cat")


@pytest.mark.parametrize("settings", BOTH)
def test_bounds_choices_and_texts_are_those_of_the_class(settings):
    form = built(settings)
    for name, part in form.controls.items():
        field = settings.model_fields[name]
        assert part.label == field.title
        if name == "prompt":
            assert part.placeholder == field.description
        bounds = {key: getattr(rule, key) for rule in field.metadata for key in ("ge", "le") if hasattr(rule, key)}
        if isinstance(part, gr.Slider):
            assert (part.minimum, part.maximum) == (bounds["ge"], settings.LIMITS.get(name, bounds["le"]))
            steps = (part.value - part.minimum) / part.step
            assert abs(steps - round(steps)) < 1e-6, f"{name}: its default cannot be reached by sliding"
        if isinstance(part, (gr.Radio, gr.Dropdown)):
            assert [value for _, value in part.choices] == list(get_args(field.annotation))


def test_multiple_of_is_the_step():
    assert built(ImageSettings).controls["width"].step == 8


@pytest.mark.parametrize("seed", [None, 0, 7, 2**32 - 1])
def test_writing_then_reading_gives_the_same_settings(seed):
    settings = ImageSettings(prompt="a fish", seed=seed, steps=7, guidance=2.5, style="flat", count=3, width=96)
    form = built(ImageSettings)
    shown = {part: update["value"] for part, update in form.write(settings).items()}
    assert form.read(shown) == settings


@pytest.mark.parametrize(("typed", "said"), [("-3", "seed"), ("many", "seed"), ("1.5", "seed"), (str(2**32), "seed")])
def test_bad_seed_is_refused_with_its_name(typed, said):
    form = built(ImageSettings)
    with pytest.raises(SettingsError, match=said):
        form.read(as_sent(form, prompt="a cat", seed=typed))


def test_blank_seed_is_none_and_spaces_do_not_matter():
    form = built(ImageSettings)
    assert form.read(as_sent(form, prompt="a cat", seed="  ")).seed is None
    assert form.read(as_sent(form, prompt="a cat", seed=" 12 ")).seed == 12


def test_cleared_number_is_refused_not_filled_in():
    form = built(ImageSettings)
    with pytest.raises(SettingsError, match="steps: 'Steps' is empty"):
        form.read(as_sent(form, prompt="a cat", steps=None))


def test_writing_the_other_kind_of_settings_fills_what_both_have():
    form = built(ImageEditSettings)
    updates = form.write(ImageSettings(prompt="a star", width=32))
    assert updates[form.controls["prompt"]]["value"] == "a star"
    assert form.controls["method"] not in updates


def test_forgotten_field_is_an_error():
    with gr.Blocks(analytics_enabled=False), pytest.raises(ValueError, match=re.escape("no control for")):
        Form.build(ImageSettings, main=["prompt"], skip=["seed"])


def test_inputs_are_a_set_so_that_one_dict_arrives():
    form = built(ImageSettings)
    assert isinstance(form.inputs(), set) and len(form.inputs()) == len(ImageSettings.model_fields) - 1


def test_labels_of_the_tab_name_every_choice():
    for labels, name, settings in (
        (tab.STYLES, "style", ImageSettings),
        (tab.STYLES, "style", ImageEditSettings),
        (tab.METHODS, "method", ImageEditSettings),
    ):
        assert set(labels) == set(get_args(settings.model_fields[name].annotation))
