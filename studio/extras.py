"""What stands beside a form's own controls: what a run will cost, presets, earlier prompts, and runs over a list."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, cast
from uuid import uuid4

import gradio as gr

from pipelines.errors import SettingsError, StudioError
from pipelines.settings import SamplingSettings, ToolSettings, kind_of
from studio import choosing, library
from studio.cost import estimate
from studio.events import QUICK
from studio.form import Form
from studio.language import marked, phrase, why
from studio.presets import Preset, Presets
from studio.prompts import FIELDS, History, batch, drawn
from studio.runs import seeded
from studio.sources import found
from studio.stage import failed, said
from studio.wildcards import Lists, literal
from studio.workshop import Workshop

Updates = dict[Any, Any]
LINES = [("One prompt", "one"), ("One a line", "draw"), ("All combinations", "all")]
COSTLY = (
    *("steps", "count", "width", "height", "solver", "method", "average", "guidance", "share_steps", "features"),
    *("model", "text", "speed", "seconds", "extend", "frames", "rate", "guide", "faces", "colours"),
    "follow_sound",
)
# Whose earlier prompts are of use to whom.
KEPT_APART = {
    "image": "",
    "speech": "speech",
    "sound": "sound",
    "video": "video",
    "lipsync": "lipsync",
    "shape": "mesh",
}


class Extras:
    """Beside one form. Place them with :meth:`place` and :meth:`cost_line`, then :meth:`wire`."""

    def __init__(self, shop: Workshop, form: Form[Any], name: str, heard: Any = None) -> None:
        """``heard`` is a field for a recording: a run's cost grows with its length where it is as long as that."""
        self.shop, self.form, self.name, self.heard = shop, form, name, heard
        self.history = History(shop.store.home, kind=KEPT_APART.get(name.partition(".")[0], name.partition(".")[0]))
        self.prompt = form.controls.get(form.settings.PROMPT)  # a tool has none
        self.lists = Lists(shop.store.home / "lists")
        self.lines: gr.Radio | None = None

    # Placing --------------------------------------------------------------------------------------------------------

    def place(self, *, lines: bool) -> None:
        """Make the folded controls here; ``lines`` offers to run over several prompts."""
        title = "Presets" if self.prompt is None else "Presets and prompts"
        with gr.Accordion(title, open=False, elem_classes=["fold"]):
            if self.prompt is not None:
                self.earlier = gr.Dropdown([], label="Earlier prompts", value=None, elem_classes=["field"])
            if lines:
                self.lines = gr.Radio(
                    LINES,
                    value="one",
                    label="The prompt is",
                    info="Words in braces, divided by strokes, are drawn by the seed.",
                    elem_classes=["field"],
                )
            self.preset = gr.Dropdown([], label="Preset", value=None, elem_classes=["field"])
            self.called = gr.Textbox(label="Save these settings as", max_length=60, elem_classes=["field"])
            with gr.Row(elem_classes=["starts"]):
                self.save = gr.Button("Save preset", size="sm")
                self.delete = gr.Button("Delete preset", size="sm")
                self.share = gr.DownloadButton("Share as JSON", size="sm", interactive=False)
                self.bring = gr.UploadButton("Import preset", file_types=[".json"], size="sm")
            self.told = gr.HTML("", elem_classes=["notes"], apply_default_css=False, js_on_load=None)

    def cost_line(self) -> None:
        """Make the line under the run button here."""
        self.cost = gr.HTML("", elem_classes=["cost"], apply_default_css=False, js_on_load=None)

    def inputs(self) -> set[Any]:
        """What :meth:`asked` reads beside the form."""
        return {self.lines} if self.lines is not None else set()

    # Reading --------------------------------------------------------------------------------------------------------

    def asked(self, values: Mapping[Any, Any], owner: str) -> list[SamplingSettings]:
        """The settings of every job that the page asks for, wildcards drawn and seeds filled in.

        Raises:
            SettingsError: a control or a wildcard is refused.
        """
        mode = values[self.lines] if self.lines is not None else "one"
        prompt = self.prompt
        if prompt is None:
            return [seeded(self.form.read(values))]
        typed = str(values[prompt] or "")
        if mode == "one":
            settings = seeded(self.form.read(values))
            found = [drawn(settings, self.lists).settings]
        else:
            if not typed.strip():
                raise SettingsError(phrase("prompt: the list is empty; write one prompt a line"))
            shared = seeded(self.form.read({**values, prompt: "x"}))
            seeds: Literal["same", "count up"] = "same" if values[self.form.controls["seed"]] else "count up"
            mode = cast(Literal["draw", "all"], mode)
            found = [each.settings for each in batch(shared, typed, self.lists, mode, seeds)]
        self.history.add(owner, typed)
        return found

    def write(self, settings: SamplingSettings) -> Updates:
        """Updates that show ``settings``; signs that would be read as wildcards are written so that they are not."""
        updates = self.form.write(settings)
        for name in FIELDS:
            part = self.form.controls.get(name)
            if part is not None and part in updates:
                updates[part] = gr.update(value=literal(getattr(settings, name, "")))
        return updates

    # Wiring ---------------------------------------------------------------------------------------------------------

    def wire(self, page: gr.Blocks) -> None:
        """Make them work."""
        parts = [self.form.controls[name] for name in COSTLY if name in self.form.controls]
        inputs = self.form.inputs() | self.inputs() | ({self.heard} if self.heard is not None else set())
        if self.heard is not None:
            self.heard.change(self._cost, inputs, self.cost, trigger_mode="always_last", **QUICK)
        page.load(self._cost, inputs, self.cost, **QUICK)
        for part in parts:
            part.change(self._cost, inputs, self.cost, trigger_mode="always_last", **QUICK)  # type: ignore[attr-defined]
        model = self.form.controls.get("model")
        if isinstance(model, gr.Dropdown) and choosing.takes_checkpoints(self.form.settings):
            model.focus(self._models, None, model, **QUICK)
            model.input(self._suit, model, self.form.outputs(), **QUICK)
        if self.prompt is not None:
            self.earlier.focus(self._recall, None, self.earlier, **QUICK)
            self.earlier.input(lambda text: text, self.earlier, self.prompt, **QUICK)
        self.preset.focus(self._listed, None, self.preset, **QUICK)
        shown = [self.told, self.share, *self.form.outputs()]
        self.preset.input(self._apply, inputs | {self.preset}, shown, **QUICK)
        self.save.click(self._save, inputs | {self.called}, [self.told, self.preset, self.share], **QUICK)
        self.delete.click(self._delete, self.preset, [self.told, self.preset, self.share], **QUICK)
        self.bring.upload(self._import, self.bring, [self.told, self.preset, self.share], **QUICK)

    def _cost(self, values: dict[Any, Any], request: gr.Request) -> str:
        try:
            settings, length = self._read(values), self._length(values, request)
        except StudioError:
            return ""  # the run button says what is wrong
        loaded = isinstance(settings, ToolSettings) or (settings.MEDIUM, settings.model) in self.shop.loaded()
        return estimate(settings, self.shop.paces, loaded, length).sentence.html("p")

    def _length(self, values: Mapping[Any, Any], request: gr.Request) -> float | None:
        """Seconds of the recording that a run starts from; None where there is none or its file does not say."""
        name = values[self.heard] if self.heard is not None else ""
        if not name or not self._as_long(values):
            return None
        path = found(self.shop, name, self.shop.people.owner(request))
        seconds = None if path is None else library.looks.measure(path, "audio").get("seconds")
        return None if seconds is None else float(seconds)

    def _as_long(self, values: Mapping[Any, Any]) -> bool:
        """Whether a run lasts as long as the recording: where no text is spoken instead, or where a clip follows it."""
        follows = self.form.controls.get("follow_sound")
        if follows is None:
            return not str(values[self.prompt] or "").strip()
        return bool(values[follows]) and choosing.follows_sound(str(values[self.form.controls["model"]] or ""))

    def _read(self, values: Mapping[Any, Any]) -> SamplingSettings:
        """What the page shows, with a stand-in for words that are yet to be typed."""
        needed = {name for name, field in self.form.settings.model_fields.items() if field.is_required()}
        blank = [self.form.controls[name] for name in needed if not str(values[self.form.controls[name]] or "").strip()]
        settings: SamplingSettings = self.form.read({**values, **dict.fromkeys(blank, "x")})
        return settings

    def _models(self) -> Any:
        return gr.update(choices=choosing.choices(self.form.settings, self.form.labels.get("model", {})))

    def _suit(self, model: str | None) -> Updates:
        """What suits the model that was chosen; words and seed stay."""
        chosen = model or str(self.form.settings.model_fields["model"].default)
        values = choosing.suited(self.form.settings, chosen)
        shown = {name: value for name, value in values.items() if name in self.form.controls}
        return self.form.fill(shown, chosen not in self.form.settings.STARTERS)

    def _recall(self, request: gr.Request) -> Any:
        return gr.update(choices=list(self.history.prompts(self.shop.people.owner(request))))

    def _listed(self, request: gr.Request) -> Any:
        return gr.update(choices=self._names(request))

    def _names(self, request: gr.Request) -> list[tuple[str, str]]:
        found = self._presets(request).all(self.name)
        return [(str(marked(each.name)) if each.shipped else each.name, each.name) for each in found]

    def _presets(self, request: gr.Request) -> Presets:
        return Presets(self.shop.store.home, self.shop.people.owner(request))

    def _apply(self, values: dict[Any, Any], request: gr.Request) -> Updates:
        try:
            preset = self._presets(request).load(values[self.preset])
            settings = preset.apply(self._read(values))
        except StudioError as error:
            return {self.told: failed(why(error))}
        updates = self.write(settings)
        kept = {part: update for part, update in updates.items() if self._of(part) in preset.fields}
        about = phrase(preset.about) if preset.shipped else preset.about  # a person's own may hold braces
        notes = [about] if about else []
        return {self.told: said([*notes, *_unknown(preset)]), self.share: self._shared(preset, request), **kept}

    def _of(self, part: Any) -> str:
        return next(name for name, each in self.form.controls.items() if each is part)

    def _save(self, values: dict[Any, Any], request: gr.Request) -> Updates:
        try:
            settings = self._read(values)
            assert kind_of(settings) == self.name
            preset = self._presets(request).save(values[self.called] or "", settings, overwrite=False)
        except StudioError as error:
            return {self.told: failed(why(error))}
        return self._now(preset, request, phrase("Saved as {name}.", name=preset.name))

    def _delete(self, name: str | None, request: gr.Request) -> Updates:
        try:
            preset = self._presets(request).delete(name or "")
        except StudioError as error:
            return {self.told: failed(why(error))}
        choices = gr.update(choices=self._names(request), value=None)
        text = phrase("{name} deleted.", name=preset.name)
        return {
            self.told: said([text]), self.preset: choices, self.share: gr.update(interactive=False)
        }  # fmt: skip

    def _import(self, path: str | None, request: gr.Request) -> Updates:
        try:
            preset = self._presets(request).import_(Path(path or ""))
        except StudioError as error:
            return {self.told: failed(why(error))}
        return self._now(preset, request, phrase("The preset {name} is here now.", name=preset.name), *_unknown(preset))

    def _now(self, preset: Preset, request: gr.Request, *notes: str) -> Updates:
        update = gr.update(choices=self._names(request), value=preset.name)
        return {self.told: said(notes), self.preset: update, self.share: self._shared(preset, request)}

    def _shared(self, preset: Preset, request: gr.Request) -> Any:
        folder = Path(gr.utils.get_upload_folder()) / uuid4().hex  # the address of a file there must not be guessed
        folder.mkdir(parents=True, exist_ok=True)
        return gr.update(value=str(self._presets(request).export(preset.name, folder)), interactive=True)


def _unknown(preset: Preset) -> Sequence[str]:
    names = ", ".join(sorted(preset.unknown))
    return [phrase("Not known to this version: {names}.", names=names)] if names else []
