"""Controls made from a settings class, so that a default, a range or a help text is written once, there.

A :class:`Form` owns the reading and the writing of its controls: ``inputs`` is a set, Gradio then hands an event one
dict keyed by component, ``read`` turns that dict into settings and ``write`` turns settings into updates.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Literal, TypeVar, Union, get_args, get_origin

import gradio as gr
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from pipelines.errors import SettingsError
from pipelines.settings import SamplingSettings
from studio import choosing

SettingsT = TypeVar("SettingsT", bound=SamplingSettings)
Labels = Mapping[str, Mapping[str, str]]
LONG = 1000  # characters beyond which a text is more than a prompt
FEW = 4  # up to this many choices stand side by side; more fold into a list
EMPTY = {"seed": "New each time"}  # what an empty field means, where it means something
WIDE = 10_000  # a slider over a wider range than this cannot be aimed; a number field can


class Form(Generic[SettingsT]):
    """The controls of one settings class, placed where ``place`` is called.

    ``labels`` says what a choice is called on the page (``{"style": {"3d": "3D"}}``) and, for a field that is free
    text in the class, which choices there are.
    """

    def __init__(self, settings: type[SettingsT], labels: Labels | None = None) -> None:
        self.settings = settings
        self.labels = labels or {}
        self.controls: dict[str, gr.components.Component] = {}

    @classmethod
    def build(
        cls,
        settings: type[SettingsT],
        main: Sequence[str],
        advanced: Sequence[str] = (),
        skip: Sequence[str] = (),
        labels: Labels | None = None,
    ) -> "Form[SettingsT]":
        """A form with ``main`` in sight, ``advanced`` folded and ``skip`` left at its defaults."""
        form = cls(settings, labels)
        form.place(*main)
        form.fold(*advanced)
        form.finish(*skip)
        return form

    def place(self, *names: str) -> None:
        """Make the controls of ``names`` here."""
        for name in names:
            field, labels = self.settings.model_fields[name], self.labels.get(name, {})
            if name == "model" and choosing.takes_checkpoints(self.settings):
                self.controls[name] = _models(self.settings, field, labels)
            else:
                self.controls[name] = control(name, field, labels, self.settings.LIMITS.get(name))

    def fold(self, *names: str) -> None:
        """Make the controls of ``names`` here, under a closed heading."""
        if names:
            with gr.Accordion("Advanced", open=False, elem_classes=["fold"]):
                self.place(*names)

    def finish(self, *skip: str) -> None:
        """Check that every field has a control or is named in ``skip``, so that a new setting is never forgotten."""
        missing = set(self.settings.model_fields) - set(self.controls) - set(skip) - {"version"}
        if missing:
            raise ValueError(f"{self.settings.__name__}: no control for {', '.join(sorted(missing))}")

    def inputs(self) -> set[gr.components.Component]:
        """The controls as a set: an event that takes them gets one dict."""
        return set(self.controls.values())

    def outputs(self) -> list[gr.components.Component]:
        """The controls as a list, for an event that fills them."""
        return list(self.controls.values())

    def read(self, values: Mapping[Any, Any]) -> SettingsT:
        """The settings that the page shows.

        Raises:
            SettingsError: a control holds something that the settings refuse.
        """
        shown = {name: self._value(name, values[part]) for name, part in self.controls.items()}
        # A cleared number arrives as None; only a field that may be empty keeps it.
        for name, value in shown.items():
            if value is None and not _optional(self.settings.model_fields[name]):
                title = self.settings.model_fields[name].title or name
                raise SettingsError(f"{name}: '{title}' is empty; give a value")
        return self.settings(**shown)

    def _value(self, name: str, value: Any) -> Any:
        """What a text field that stands for an optional number says; everything else as it is."""
        if not isinstance(value, str) or not _optional(self.settings.model_fields[name]):
            return value
        plain = value.strip()
        return None if not plain else int(plain) if plain.isascii() and plain.isdigit() else value

    def write(self, settings: SamplingSettings) -> dict[gr.components.Component, Any]:
        """Updates that show ``settings``; fields that this form does not have are left out."""
        held = settings.model_dump()
        for name in self.controls:
            if name in held and _optional(self.settings.model_fields[name]):
                held[name] = "" if held[name] is None else str(held[name])
        return self.fill({name: held[name] for name in self.controls if name in held}, settings.checkpoint)

    def fill(self, values: Mapping[str, Any], checkpoint: bool) -> dict[gr.components.Component, Any]:
        """Updates that show ``values`` by name; sliders reach as far as the model does."""
        updates = {self.controls[name]: gr.update(value=value) for name, value in values.items()}
        for name, most in self.settings.LIMITS.items():
            part = self.controls.get(name)
            if name in values and isinstance(part, gr.Slider):
                high = _bound(self.settings.model_fields[name], "le") if checkpoint else most
                updates[part] = gr.update(value=values[name], maximum=high)
        return updates


def _models(settings: type[SamplingSettings], field: FieldInfo, starters: Mapping[str, str]) -> gr.Dropdown:
    """Starters and the checkpoints that are here; a name can be typed too, and is refused where it cannot be used."""
    return gr.Dropdown(
        choices=choosing.choices(settings, starters), value=field.default, allow_custom_value=True, label=field.title,
        info=field.description, elem_classes=["field", "field-model"],
    )  # fmt: skip


def control(
    name: str, field: FieldInfo, labels: Mapping[str, str], most: float | None = None
) -> gr.components.Component:
    """The control that fits a field's type and bounds; ``most`` is how far the starter goes."""
    kind = _kind(field)
    start = None if field.default is PydanticUndefined else field.default
    said: dict[str, Any] = {"label": field.title or name, "info": field.description}
    said["elem_classes"] = ["field", f"field-{name.replace('_', '-')}"]
    choices = [(labels.get(value, value), value) for value in get_args(kind)] if get_origin(kind) is Literal else []
    choices = choices or [(text, value) for value, text in labels.items()]
    if choices:
        make = gr.Radio if len(choices) <= FEW and len(choices) > 1 else gr.Dropdown
        return make(choices=choices, value=start, **said)
    if kind is bool:
        return gr.Checkbox(value=bool(start), **said)
    if kind in (int, float) and not _optional(field):
        return _number(field, kind, start, said, most)
    if kind is not str:
        # A number field shows 0 for "nothing"; a text field can be empty, and says what that means.
        return gr.Textbox(value="", lines=1, max_lines=1, placeholder=EMPTY.get(name, "Not set"), **said)
    if field.is_required() or not start:
        said["placeholder"] = said.pop("info")
    if (_bound(field, "max_length") or 0) > LONG:
        return gr.Textbox(value=start or "", lines=4, max_lines=16, **said)
    return gr.Textbox(value=start or "", lines=2 if field.is_required() else 1, max_lines=8, **said)


def _number(
    field: FieldInfo, kind: type, start: Any, said: dict[str, Any], most: float | None = None
) -> gr.components.Component:
    low, high = _bound(field, "ge"), most or _bound(field, "le")
    if low is None or high is None or high - low > WIDE:
        # No bounds here: a value out of range is refused by the settings, whose message says what to do.
        return gr.Number(value=start, precision=0 if kind is int else None, **said)
    return gr.Slider(low, high, value=start, step=_step(field, kind, high - low), buttons=[], **said)


def _step(field: FieldInfo, kind: type, span: float) -> float:
    multiple = _bound(field, "multiple_of")
    if multiple is not None:
        return multiple
    if kind is int:
        return 1
    return 0.05 if span <= 2 else 0.1 if span <= 20 else 0.5


def _bound(field: FieldInfo, which: str) -> Any:
    return next((getattr(rule, which) for rule in field.metadata if hasattr(rule, which)), None)


def _optional(field: FieldInfo) -> bool:
    return type(None) in get_args(field.annotation)


def _kind(field: FieldInfo) -> Any:
    """The field's type without ``None`` and without annotations."""
    kind = field.annotation
    if get_origin(kind) is Union or _optional(field):
        kind = next(part for part in get_args(kind) if part is not type(None))
    return get_args(kind)[0] if hasattr(kind, "__metadata__") else kind
