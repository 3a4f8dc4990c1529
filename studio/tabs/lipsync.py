"""The lip-sync tab: a face and a voice in, a talking clip out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import MediaError, StudioError
from pipelines.settings import LipSyncSettings, SamplingSettings
from studio import characters, faces, runs, sources
from studio.boards.talks import Talks
from studio.events import QUICK
from studio.extras import Extras
from studio.form import Form
from studio.language import phrase, why
from studio.provenance import read_words
from studio.recorder import recorder
from studio.runs import Asked
from studio.session import Result, Session
from studio.stage import failed, said
from studio.tabs.audio_forms import VOICES
from studio.tabs.parts import knows, last_seed, run_bar, seed, starting_points
from studio.tabs.taking import Given, Taker, look
from studio.view import ResultView, Start
from studio.workshop import Workshop

KINDS = ("lipsync.generate",)
KNOWS = (
    "Starter: the mouth of a drawn face is painted anew, a photograph's is moved by its landmarks. It reads English "
    "texts; recordings may be of any language."
)
TYPED, RECORDED = "typed", "recorded"
HEARD = [("Typed words", TYPED), ("A recording", RECORDED)]
ENGINES = {"auto": "Find out", "drawn": "Drawn", "photograph": "Photograph"}
FACES = {"largest": "The largest", "all": "All", "left": "The leftmost", "right": "The rightmost"}
SEVERAL = (
    "With 'All' the voice above is the leftmost face's. Drop recordings here for the second, third and fourth from the "
    "left; a face without one stays as it is."
)
GUIDE = {"field": "Around the mouth", "plain": "Everywhere"}
SAY = (
    "Good morning. The river is calm today.",
    "Hello, I am made of a few lines and a voice.",
    "Where the current turns round, the water rests.",
)
MORE = (
    "recording_2",
    "recording_3",
    "recording_4",
)  # roles of further voices, for the second face from the left and on
Updates = dict[Any, Any]


def build(shop: Workshop, page: gr.Blocks) -> Taker:
    """Place the tab's components and wire them."""
    with gr.Row(elem_classes=["bench"], equal_height=False):
        with gr.Column(elem_classes=["want"], min_width=320):
            tab = _Tab(shop)
        with gr.Column(elem_classes=["get"], min_width=320):
            tab.view = ResultView(shop, KINDS, Talks(), runs.examples(KINDS))
    tab.wire(page)
    takes = {"image": tab.faced, "video": tab.faced, "audio": tab.voiced}
    return Taker("lipsync", tab.parts, tab.use, tab.given, tab.view, takes)


class _Tab:
    """The form, and what happens between it and the view."""

    view: ResultView

    def __init__(self, shop: Workshop) -> None:
        self.shop = shop
        labels = {"voice": VOICES, "engine": ENGINES, "faces": FACES, "guide": GUIDE, "model": {"starter": "Starter"}}
        self.form = Form(LipSyncSettings, labels)
        with gr.Column(elem_classes=["fields"]):
            self.face = faces.face_field()
            self.heard = gr.Radio(HEARD, value=TYPED, label="The voice is", elem_classes=["field"])
            with gr.Column(elem_classes=["fields"]) as self.typed:
                self.form.place("text")
                starting_points([(words,) for words in SAY], [self.form.controls["text"]], _short)
                self.form.place("voice", "speed")
            with gr.Column(elem_classes=["fields"], visible=False) as self.recorded:
                self.voice = recorder("edit-voice")
            self.form.place("strength", "expressiveness", "offset_ms", "blinking", "head_motion")
            self.others = self._several()
            self.reuse = seed(self.form)
            skipped = {"version", "character", *self.form.controls}
            self.form.fold(*(name for name in LipSyncSettings.model_fields if name not in skipped))
            self.more = Extras(shop, self.form, KINDS[0], heard=self.voice)
            self.more.place(lines=False)
            knows(KNOWS)
        self.form.finish("character")
        self.bar = run_bar("Make it talk", self.more)

    def _several(self) -> list[gr.HTML]:
        with gr.Accordion("Several faces", open=False, elem_classes=["fold"]):
            self.form.place("faces")
            knows(SEVERAL)
            return [recorder(f"edit-{role}") for role in MORE]

    # Wiring ---------------------------------------------------------------------------------------------------------

    @property
    def _fields(self) -> list[Any]:
        return [self.face, self.heard, self.voice, *self.others]

    @property
    def parts(self) -> list[Any]:
        """Every component that a result, a dropped file or the library may change."""
        return [self.view.line, self.view.notes, *self._fields, self.typed, self.recorded, *self.form.outputs()]

    def wire(self, page: gr.Blocks) -> None:
        """Make everything work."""
        view = self.view
        inputs = {*self.form.inputs(), *self.more.inputs(), *self._fields}
        view.wire(page, Start(*self.bar, self._ask, inputs))
        self.more.wire(page)
        quiet = (view.line, view.notes)
        view.picked(self._restore, [part for part in self.parts if part not in quiet])
        view.source.click(self._as_face, view.session, self.parts, **QUICK)
        self.heard.input(self._turned, self.heard, [self.typed, self.recorded], **QUICK)
        self.reuse.click(last_seed, view.session, self.form.controls["seed"], **QUICK)
        for field in (self.face, self.voice, *self.others):
            field.upload(self._dropped, [field, view.session], [view.line, view.notes], **QUICK)

    def _turned(self, heard: str) -> Updates:
        return {self.typed: gr.update(visible=heard == TYPED), self.recorded: gr.update(visible=heard == RECORDED)}

    def _ask(self, values: Updates, owner: str) -> Asked:
        """The run that the page asks for.

        Raises:
            StudioError: there is no face, or nothing to say; says where to put it.
        """
        character, typed = characters.chosen(values[self.face]), values[self.heard] == TYPED
        inputs = {} if character else self._kept("source", values[self.face], owner, NO_FACE)
        if not typed:
            inputs |= self._kept("recording", values[self.voice], owner, NO_VOICE)
        elif not str(values[self.form.controls["text"]] or "").strip():
            raise MediaError(phrase(NO_TEXT))
        for role, field in zip(MORE, self.others, strict=True):
            if values[field]:
                inputs |= self._kept(role, values[field], owner, NO_VOICE)
        settings = [self._told(each, character, typed) for each in self.more.asked(values, owner)]
        return Asked(settings, inputs)

    def _told(self, settings: SamplingSettings, character: str, typed: bool) -> SamplingSettings:
        return settings.with_(character=character, **({} if typed else {"text": ""}))

    def _kept(self, role: str, name: object, owner: str, missing: str) -> dict[str, str]:
        if not name:
            raise MediaError(phrase(missing))
        return {role: sources.kept(self.shop, name, owner)["source"]}

    # Filling --------------------------------------------------------------------------------------------------------

    def _restore(self, session: Session) -> Updates:
        return {} if session.result is None else self._filled(session.result)

    def _filled(self, result: Result) -> Updates:
        """Updates that show a result's settings, its face and its voices."""
        settings = result.settings
        assert isinstance(settings, LipSyncSettings)
        given = {role: f"{sources.ASSET}{asset}" for role, path, asset in result.given if path.exists()}
        face = f"{characters.CHARACTER}{settings.character}" if settings.character else given.get("source", "")
        updates = {self.face: face, **self._saying(TYPED if settings.text else RECORDED)}
        updates |= {self.voice: given.get("recording", "")}
        updates |= {field: given.get(role, "") for role, field in zip(MORE, self.others, strict=True)}
        return {**self.more.write(settings), **updates}

    def _saying(self, heard: str) -> Updates:
        return {self.heard: heard, **self._turned(heard)}

    def _as_face(self, session: Session) -> Updates:
        """Voice a result anew: it becomes the face."""
        return {} if session.result is None else self.faced(session.result)

    def use(self, result: Result, as_source: bool) -> Updates:
        """A result of the library as the face to be voiced anew, or its settings."""
        return self.faced(result) if as_source else self._filled(result)

    def faced(self, result: Result) -> Updates:
        """A picture or clip as face."""
        return {self.face: sources.named(result)}

    def voiced(self, result: Result) -> Updates:
        """A sound as voice."""
        return {self.voice: sources.named(result), **self._saying(RECORDED)}

    def given(self, taken: Given) -> Updates:
        """Updates that take a dropped file for the face, or for the voice where it is a sound."""
        told: Updates = {self.view.notes: said(taken.notes)}
        if taken.taken.medium == "audio":
            return {**told, self.voice: str(taken.path), **self._saying(RECORDED)}
        if isinstance(taken.settings, LipSyncSettings):
            told |= self.more.write(taken.settings)
        return {**told, self.face: str(taken.path)}

    def _dropped(self, name: str, session: Session) -> Updates:
        """What there is to know about a file that was given to a field; its own line where it is refused."""
        try:
            path = sources.found(self.shop, name, "")
            taken = look(path or Path())
        except StudioError as error:
            return {self.view.line: failed(why(error))}
        return {self.view.notes: said(_notes(taken)), self.view.line: self.view.line_of(session)}


def _notes(taken: Given) -> Sequence[str]:
    if taken.taken.medium != "audio" or not read_words(taken.path):
        return taken.notes
    return [*taken.notes, phrase("It is known what is said in it and when, so the mouth can follow the words.")]


def _short(text: str) -> str:
    return text


NO_FACE = "Face: there is none yet; drop a picture or clip above, or choose one of the characters"
NO_VOICE = "Voice: there is none yet; drop a recording, record one, or choose typed words"
NO_TEXT = "Text: nothing to say yet; type something, or choose a recording"
