"""The video tab: make clips from words, turn one into another, let one go on, and cut, loop and voice them."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import MediaError, StudioError
from pipelines.settings import SamplingSettings, kind_of
from studio import choosing, runs, sources
from studio.boards.clips import Clips
from studio.events import QUICK
from studio.frames import edited_frames, first_frame, uses
from studio.jobs.runner import EDITED_FRAMES, EDITED_SIDE
from studio.language import phrase, why
from studio.runs import Asked
from studio.session import Result, Session
from studio.stage import failed, said
from studio.tabs.parts import last_seed
from studio.tabs.taking import Given, Taker, look
from studio.tabs.video_forms import Mode, edit, extend, make, tools
from studio.view import ResultView, Start
from studio.wildcards import literal
from studio.workshop import Workshop

KINDS = ("video.generate", "video.edit", "video.extend", "clip.edit")
Updates = dict[Any, Any]


def build(shop: Workshop, page: gr.Blocks) -> Taker:
    """Place the tab's components and wire them."""
    shipped = runs.examples(KINDS)
    with gr.Row(elem_classes=["bench"], equal_height=False):
        with gr.Column(elem_classes=["want"], min_width=320), gr.Tabs(elem_classes=["modes", "four"]) as modes:
            with gr.Tab("Make", id="video.generate", render_children=True):
                first = make(shop)
            with gr.Tab("Edit", id="video.edit", render_children=True):
                second = edit(shop, shipped)
            with gr.Tab("Extend", id="video.extend", render_children=True):
                third = extend(shop)
            with gr.Tab("Cut and loop", id="clip.edit", render_children=True):
                fourth = tools(shop)
        with gr.Column(elem_classes=["get"], min_width=320):
            view = ResultView(shop, KINDS, Clips(), shipped, ("Extend", "Cut and loop"))
    tab = _Tab(shop, modes, {mode.kind: mode for mode in (first, second, third, fourth)}, view)
    tab.wire(page)
    return Taker(
        "video", tab.parts, tab.use, tab.given, view, {"image": tab.begun, "audio": tab.voiced, "lipsync": tab.edited}
    )


class _Tab:
    """What happens between the four forms and the view."""

    def __init__(self, shop: Workshop, modes: gr.Tabs, by_kind: dict[str, Mode], view: ResultView) -> None:
        self.shop, self.modes, self.by_kind, self.view = shop, modes, by_kind, view
        self.make, self.edit = by_kind["video.generate"], by_kind["video.edit"]
        self.forms = [part for mode in by_kind.values() for part in mode.form.outputs()]
        self.fields = [mode.source for mode in by_kind.values() if mode.source is not None]
        self.begin, self.led = self.make.files["first_frame"], self.make.files["sound"]
        self.sound = by_kind["clip.edit"].files["sound_file"]
        self.parts = [modes, view.notes, self.begin, self.led, self.sound, *self.fields, *self.forms]

    # Wiring ---------------------------------------------------------------------------------------------------------

    def wire(self, page: gr.Blocks) -> None:
        """Make everything work."""
        view = self.view
        view.wire(page, *(Start(*mode.bar, self._asking(mode), mode.inputs()) for mode in self.by_kind.values()))
        view.picked(self._restore, [part for part in self.parts if part is not view.notes])
        view.source.click(self._as_source("video.edit"), view.session, self.parts, **QUICK)
        onward, cut = view.onward
        onward.click(self._as_source("video.extend"), view.session, self.parts, **QUICK)
        marked = gr.Textbox("", visible="hidden")
        # What is marked on the stage is known to the page alone.
        cut.click(
            self._cut, [view.session, marked], self.parts, js="(session, mark) => [session, eddylineMarked()]", **QUICK
        )
        for mode in self.by_kind.values():
            mode.more.wire(page)
            if mode.reuse is not None:
                mode.reuse.click(last_seed, view.session, mode.form.controls["seed"], **QUICK)
            if mode.fold is not None:
                model = mode.form.controls["model"]
                model.change(following, model, mode.fold, **QUICK)  # type: ignore[attr-defined]
            if mode.source is not None:
                outputs = [view.line, view.notes, *self.forms]
                mode.source.upload(self._dropped(mode), [mode.source, view.session], outputs, **QUICK)
        assert self.edit.source is not None
        self.edit.source.change(self._canvas, self.edit.source, self.edit.files["mask"], **QUICK)
        spans = self.by_kind["clip.edit"]
        assert spans.source is not None
        spans.source.select(_span(spans), None, [spans.form.controls[name] for name in ("start", "end")], **QUICK)

    def _asking(self, mode: Mode) -> Callable[[Updates, str], Asked]:
        def ask(values: Updates, owner: str) -> Asked:
            return Asked(mode.more.asked(values, owner), self._inputs(mode, values, owner))

        return ask

    def _inputs(self, mode: Mode, values: Updates, owner: str) -> dict[str, str]:
        """Files of a run as assets by role.

        Raises:
            StudioError: there is no clip to start from, or a file cannot be read or kept.
        """
        found: dict[str, str] = {}
        if mode.source is not None:
            found = sources.kept(self.shop, values[mode.source], owner, sources.NO_CLIP, "video")
        for role, part in mode.files.items():
            value = values[part]
            if role in ("first_frame", "last_frame") and value:
                found[role] = self.shop.keep(Path(value), owner, "image")
            elif role == "sound" and value and choosing.follows_sound(str(values[mode.form.controls["model"]])):
                found[role] = sources.kept(self.shop, value, owner, medium="audio")["source"]
            elif role == "sound_file" and value:
                found[role] = sources.kept(self.shop, value, owner)["source"]
            elif role == "mask" and value:
                painted = runs.masked(self.shop, value, owner, lambda: self._size(values[mode.source], owner))
                found |= {role: painted} if painted else {}
        return found

    def _size(self, name: str, owner: str) -> tuple[int, int]:
        """Width and height of what a run reads of a clip."""
        return first_frame(sources.found(self.shop, name, owner) or Path(), EDITED_SIDE).size

    # From a result, or from a file ----------------------------------------------------------------------------------

    def _restore(self, session: Session) -> Updates:
        return {} if session.result is None else self._filled(session.result)

    def _filled(self, result: Result) -> Updates:
        """Updates that show a result's settings, and what it was made from."""
        mode = self.by_kind.get(kind_of(result.settings))
        if mode is None:  # a clip that another tab has made
            return self._from_result(result, "video.edit")
        given: Updates = {mode.source: sources.source_named(result)} if mode.source is not None else {}
        if mode is self.make:
            held = {role: (str(path), f"{sources.ASSET}{asset}") for role, path, asset in result.given if path.exists()}
            given = {self.begin: held.get("first_frame", (None, ""))[0], self.led: held.get("sound", ("", ""))[1]}
        return {self.modes: gr.Tabs(selected=mode.kind), **mode.more.write(result.settings), **given}

    def _as_source(self, kind: str) -> Callable[[Session], Updates]:
        return lambda session: {} if session.result is None else self._from_result(session.result, kind)

    def _cut(self, session: Session, marked: str) -> Updates:
        """The result in the form that cuts it, with the part that is marked on the stage."""
        if session.result is None:
            return {}
        start, _, end = str(marked or "").partition(" ")
        held = self.by_kind["clip.edit"].form.controls
        return {**self._from_result(session.result, "clip.edit"), held["start"]: start, held["end"]: end}

    def _from_result(self, result: Result, kind: str) -> Updates:
        """Updates that make a result the source of a run of ``kind``, with what it shows."""
        words = literal(_shown(result.settings)) if result.told else ""
        return self._sourced(sources.named(result), kind, words)

    def _sourced(self, name: str, kind: str, words: str) -> Updates:
        mode = self.by_kind[kind]
        says = {mode.source_words: words} if mode.source_words is not None else {}
        return {self.modes: gr.Tabs(selected=kind), mode.source: name, **says}

    def use(self, result: Result, as_source: bool) -> Updates:
        """A result of the library as source, or its settings."""
        return self._from_result(result, "video.edit") if as_source else self._filled(result)

    def edited(self, result: Result) -> Updates:
        """A talking clip of another tab as source."""
        return self.use(result, True)

    def begun(self, result: Result) -> Updates:
        """A picture of another tab as the first frame of a clip."""
        says = {self.make.form.controls["prompt"]: literal(result.settings.asked)} if result.told else {}
        return {self.modes: gr.Tabs(selected="video.generate"), self.begin: str(result.path), **says}

    def voiced(self, result: Result) -> Updates:
        """A sound of another tab for the clip that is cut."""
        mode = self.by_kind["clip.edit"]
        said = {mode.form.controls["sound"]: "new", self.sound: sources.named(result)}
        return {self.modes: gr.Tabs(selected="clip.edit"), **said}

    def given(self, taken: Given) -> Updates:
        """Updates that make a dropped file the source, with the settings that it holds."""
        words = _shown(taken.settings) if taken.settings is not None else ""
        return {**self._sourced(str(taken.path), "video.edit", literal(words)), **self._settings_of(taken)}

    def _settings_of(self, taken: Given) -> Updates:
        told = {self.view.notes: said([*taken.notes, *uses(taken.path, EDITED_FRAMES, EDITED_SIDE)])}
        mode = self.by_kind.get(kind_of(taken.settings)) if taken.settings is not None else None
        return told if mode is None or taken.settings is None else {**told, **mode.more.write(taken.settings)}

    def _dropped(self, mode: Mode) -> Callable[[str, Session], Updates]:
        """Updates for a file given to the field of ``mode``: what it says of itself, whatever mode would suit it."""

        def dropped(name: str, session: Session) -> Updates:
            try:
                taken = look(sources.found(self.shop, name, "") or Path())
                if not taken.taken.moves:
                    raise MediaError(phrase("{file}: is no clip; drop moving pictures here", file=taken.taken.filename))
                told = self._settings_of(taken)
            except StudioError as error:
                return {self.view.line: failed(why(error))}
            words = _shown(taken.settings) if taken.settings is not None else ""
            says = {mode.source_words: literal(words)} if mode.source_words is not None and words else {}
            return {**told, **says, self.view.line: self.view.line_of(session)}

        return dropped

    def _canvas(self, name: str, request: gr.Request) -> Any:
        """The frames of a clip to paint over, those that an edit reads."""
        try:
            path = sources.found(self.shop, name, self.shop.people.owner(request))
            return gr.update(sheet=edited_frames(path, EDITED_FRAMES) if path else {})
        except StudioError:
            return gr.update(sheet={})


def following(model: str | None) -> Any:
    """The field for a sound that a clip follows is there where the model can."""
    return gr.Accordion(visible=choosing.follows_sound(str(model or "")))


def _shown(settings: SamplingSettings | None) -> str:
    """What a clip shows, as far as its settings tell."""
    return settings.asked if settings is not None and settings.PROMPT else ""


def _span(mode: Mode) -> Callable[..., Updates]:
    """From and To of a part that was marked; both empty where the mark was taken away."""
    start, end = mode.form.controls["start"], mode.form.controls["end"]

    def span(marked: gr.EventData) -> Updates:
        if marked.start is None or marked.end is None:
            return {start: "", end: ""}
        return {start: f"{float(marked.start):.3f}", end: f"{float(marked.end):.3f}"}

    return span
