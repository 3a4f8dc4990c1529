"""The audio tab: read a text aloud, change words of a recording, make sounds from words, turn one into another."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.settings import SpeechSettings, kind_of
from studio import runs, sources
from studio.boards.sounds import Sounds
from studio.events import QUICK
from studio.language import why
from studio.provenance import read_words
from studio.runs import Asked
from studio.session import Result, Session
from studio.stage import failed, said
from studio.tabs.audio_forms import Mode, edit_sound, edit_speech, make_sound, speak
from studio.tabs.parts import last_seed
from studio.tabs.taking import Given, Taker, look
from studio.view import ResultView, Start
from studio.wildcards import literal
from studio.workshop import Workshop

KINDS = ("speech.generate", "speech.edit", "sound.generate", "sound.edit")
Updates = dict[Any, Any]


def build(shop: Workshop, page: gr.Blocks) -> Taker:
    """Place the tab's components and wire them."""
    shipped = runs.examples(KINDS)
    with gr.Row(elem_classes=["bench"], equal_height=False):
        with gr.Column(elem_classes=["want"], min_width=320), gr.Tabs(elem_classes=["modes", "four"]) as modes:
            with gr.Tab("Speak", id="speech.generate", render_children=True):
                first = speak(shop)
            with gr.Tab("Edit speech", id="speech.edit", render_children=True):
                second = edit_speech(shop, shipped)
            with gr.Tab("Make sound", id="sound.generate", render_children=True):
                third = make_sound(shop)
            with gr.Tab("Edit sound", id="sound.edit", render_children=True):
                fourth = edit_sound(shop, shipped)
        with gr.Column(elem_classes=["get"], min_width=320):
            view = ResultView(shop, KINDS, Sounds(), shipped)
    tab = _Tab(shop, modes, {mode.kind: mode for mode in (first, second, third, fourth)}, view)
    tab.wire(page)
    return Taker("audio", tab.parts, tab.use, tab.given, view)


class _Tab:
    """What happens between the four forms and the view."""

    def __init__(self, shop: Workshop, modes: gr.Tabs, by_kind: dict[str, Mode], view: ResultView) -> None:
        self.shop, self.modes, self.by_kind, self.view = shop, modes, by_kind, view
        self.forms = [part for mode in by_kind.values() for part in mode.form.outputs()]
        fields = [mode.source for mode in by_kind.values() if mode.source is not None]
        self.parts = [modes, view.notes, *fields, *self.forms]

    def wire(self, page: gr.Blocks) -> None:
        """Make everything work."""
        view = self.view
        starts = [
            Start(*mode.bar, self._asking(mode), mode.form.inputs() | mode.more.inputs() | _fields(mode))
            for mode in self.by_kind.values()
        ]
        view.wire(page, *starts)
        view.picked(self._restore, [part for part in self.parts if part is not view.notes])
        view.source.click(self._as_source, view.session, self.parts, **QUICK)
        for mode in self.by_kind.values():
            mode.more.wire(page)
            mode.reuse.click(last_seed, view.session, mode.form.controls["seed"], **QUICK)
            if mode.source is not None:
                outputs = [view.line, view.notes, *self.forms]
                dropped = self._dropped if mode.role == "source" else self._voiced
                mode.source.upload(dropped(mode), [mode.source, view.session], outputs, **QUICK)
            if mode.fold is not None:
                model, voice = mode.form.controls["model"], mode.form.controls["voice"]
                model.change(_cloning, model, [mode.fold, voice], **QUICK)  # type: ignore[attr-defined]
        spoken = self.by_kind["speech.edit"]
        assert spoken.source is not None
        spoken.source.select(_span(spoken), None, [spoken.form.controls[name] for name in ("start", "end")], **QUICK)

    def _asking(self, mode: Mode) -> Callable[[Updates, str], Asked]:
        def ask(values: Updates, owner: str) -> Asked:
            if mode.source is None or mode.role == "source":
                inputs = {} if mode.source is None else sources.kept(self.shop, values[mode.source], owner)
                return Asked(mode.more.asked(values, owner), inputs)
            asked = mode.more.asked(values, owner)
            if not asked[0].checkpoint:  # what lies in the folded field is for another model
                return Asked(asked, {})
            kept = sources.kept(self.shop, values[mode.source], owner, sources.NO_VOICE, "audio")
            return Asked(asked, {mode.role: kept["source"]})

        return ask

    def _restore(self, session: Session) -> Updates:
        return {} if session.result is None else self._filled(session.result)

    def _filled(self, result: Result) -> Updates:
        """Updates that show a result's settings, and its source where it is an edit."""
        mode = self.by_kind[kind_of(result.settings)]
        name = sources.source_named(result)
        if mode.role != "source":
            held = {role: f"{sources.ASSET}{asset}" for role, path, asset in result.given if path.exists()}
            name = held.get(mode.role, "")
        given = {mode.source: name} if mode.source is not None else {}
        return {self.modes: gr.Tabs(selected=mode.kind), **mode.more.write(result.settings), **given}

    def _as_source(self, session: Session) -> Updates:
        return {} if session.result is None else self._from_result(session.result)

    def _from_result(self, result: Result) -> Updates:
        """Updates that make a result the source of an edit, with what it says or is."""
        words = result.settings.asked if result.told else ""
        return self._sourced(sources.named(result), result.settings.SUBJECT, words)

    def _sourced(self, name: str, subject: str, words: str) -> Updates:
        mode = self.by_kind[f"{subject}.edit"]
        updates: Updates = {self.modes: gr.Tabs(selected=mode.kind), mode.source: name}
        if subject == "speech":
            # Both fields: what is to be said differs in a word or two, and the marked part was of another recording.
            blank = {mode.form.controls[part]: "" for part in ("start", "end")}
            return {**updates, mode.source_words: words, mode.words: words, **blank}
        return {**updates, mode.source_words: literal(words)}

    def use(self, result: Result, as_source: bool) -> Updates:
        """A result of the library as source, or its settings."""
        return self._from_result(result) if as_source else self._filled(result)

    def given(self, taken: Given) -> Updates:
        """Updates that make a dropped file the source, with the settings that it holds."""
        subject = taken.settings.SUBJECT if taken.settings is not None else "speech"
        return {**self._sourced(str(taken.path), subject, _heard(taken)), **self._settings_of(taken)}

    def _settings_of(self, taken: Given) -> Updates:
        told = {self.view.notes: said(taken.notes)}
        mode = self.by_kind.get(kind_of(taken.settings)) if taken.settings is not None else None
        if taken.settings is None or mode is None:
            return told
        return {**told, **mode.more.write(taken.settings)}

    def _dropped(self, mode: Mode) -> Callable[[str, Session], Updates]:
        """Updates for a file given to the field of ``mode``: its words, whatever mode would suit it better."""

        def dropped(name: str, session: Session) -> Updates:
            try:
                path = sources.found(self.shop, name, "")
                taken = look(path or Path())
            except StudioError as error:
                return {self.view.line: failed(why(error))}
            words = self._sourced(name, mode.kind.partition(".")[0], _heard(taken))
            kept = {part: update for part, update in words.items() if part not in (self.modes, mode.source)}
            return {**kept, **self._settings_of(taken), self.view.line: self.view.line_of(session)}

        return dropped

    def _voiced(self, mode: Mode) -> Callable[[str, Session], Updates]:
        """Updates for a recording given as a voice: its words, where it tells them."""

        def voiced(name: str, session: Session) -> Updates:
            try:
                taken = look(sources.found(self.shop, name, "") or Path())
            except StudioError as error:
                return {self.view.line: failed(why(error))}
            words = " ".join(word.text for word in read_words(taken.path))
            return {mode.form.controls["voice_words"]: words, self.view.line: self.view.line_of(session)}

        return voiced


def _cloning(model: str | None) -> tuple[Any, Any]:
    """A checkpoint is given a voice; a starter has some."""
    checkpoint = bool(model) and model not in SpeechSettings.STARTERS
    return gr.Accordion(visible=checkpoint), gr.update(visible=not checkpoint)


def _heard(taken: Given) -> str:
    """What a file says or is, as far as it tells."""
    words = " ".join(word.text for word in read_words(taken.path))
    return words or (taken.settings.asked if taken.settings is not None else "")


def _fields(mode: Mode) -> set[Any]:
    return {mode.source} if mode.source is not None else set()


def _span(mode: Mode) -> Callable[..., Updates]:
    """From and To of a part that was marked; both empty where the mark was taken away."""
    start, end = mode.form.controls["start"], mode.form.controls["end"]

    def span(marked: gr.EventData) -> Updates:
        if marked.start is None or marked.end is None:
            return {start: "", end: ""}
        return {start: f"{float(marked.start):.2f}", end: f"{float(marked.end):.2f}"}

    return span
