"""The mesh tab: make a mesh from words or a picture, turn one into another, work on one without a model."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import MediaError, StudioError
from pipelines.settings import TurntableSettings, kind_of
from studio import library, runs, sources
from studio.boards.meshes import Meshes
from studio.events import QUEUED, QUICK
from studio.language import html_of, phrase, why
from studio.runs import Asked
from studio.session import Result, Session
from studio.stage import failed, said
from studio.tabs.mesh_forms import Mode, edit, make, tools
from studio.tabs.parts import last_seed
from studio.tabs.taking import Given, Taker, look
from studio.view import ResultView, Start
from studio.wildcards import literal
from studio.workshop import Workshop

KINDS = ("mesh.generate", "mesh.edit", "shape.edit")
WORK, FILM = "Open in Tools", "Film a turn"
BEAT = 0.2  # seconds between looks at a film that is being made
Updates = dict[Any, Any]


class MeshTab:
    """The tab: its components, and what happens between its three forms and the view."""

    def __init__(self, shop: Workshop, page: gr.Blocks) -> None:
        self.shop, self.shelves = shop, library.Library(shop.store)
        with gr.Row(elem_classes=["bench"], equal_height=False):
            with gr.Column(elem_classes=["want"], min_width=320), gr.Tabs(elem_classes=["modes", "three"]) as modes:
                with gr.Tab("Make", id="mesh.generate", render_children=True):
                    first = make(shop)
                with gr.Tab("Edit", id="mesh.edit", render_children=True):
                    second = edit(shop)
                with gr.Tab("Tools", id="shape.edit", render_children=True):
                    third = tools(shop)
            with gr.Column(elem_classes=["get"], min_width=320):
                self.view = ResultView(shop, KINDS, Meshes(), runs.examples(KINDS), (WORK, FILM))
        self.work, self.film = self.view.onward
        self.modes = modes
        self.by_kind = {mode.kind: mode for mode in (first, second, third)}
        self.forms = [part for mode in self.by_kind.values() for part in mode.form.outputs()]
        self.fields = [mode.source for mode in self.by_kind.values()]
        self.parts = [self.modes, self.view.notes, *self.fields, *self.forms]
        self.taker = Taker("mesh", self.parts, self.use, self.given, takes={"image": self._pictured})
        self._wire(page)

    def _wire(self, page: gr.Blocks) -> None:
        view = self.view
        starts = [
            Start(*mode.bar, self._asking(mode), mode.form.inputs() | mode.more.inputs() | {mode.source})
            for mode in self.by_kind.values()
        ]
        view.wire(page, *starts)
        view.picked(self._restore, [part for part in self.parts if part is not view.notes])
        view.source.click(self._opened("mesh.edit"), view.session, self.parts, **QUICK)
        self.work.click(self._opened("shape.edit"), view.session, self.parts, **QUICK)
        for mode in self.by_kind.values():
            mode.more.wire(page)
            if mode.reuse is not None:
                mode.reuse.click(last_seed, view.session, mode.form.controls["seed"], **QUICK)
            outputs = [view.line, view.notes, *self.forms]
            mode.source.upload(self._dropped(mode), [mode.source, view.session], outputs, **QUICK)

    def _asking(self, mode: Mode) -> Callable[[Updates, str], Asked]:
        def ask(values: Updates, owner: str) -> Asked:
            path = sources.found(self.shop, values[mode.source], owner)
            if path is None and mode.role == "source":
                text = "Mesh: there is none yet; drop one above, or choose 'Use as source' below a result"
                raise MediaError(phrase(text))
            inputs = {} if path is None else {mode.role: self.shelves.bring_in(path, path.name, owner).id}
            return Asked(mode.more.asked(values, owner), inputs)

        return ask

    # Filling --------------------------------------------------------------------------------------------------------

    def _restore(self, session: Session) -> Updates:
        return {} if session.result is None else self._filled(session.result)

    def _filled(self, result: Result) -> Updates:
        """Updates that show a result's settings, and what it was made from."""
        mode = self.by_kind[kind_of(result.settings)]
        given = {role: f"{sources.ASSET}{asset}" for role, _, asset in result.given}
        name = given.get(mode.role) or (sources.source_named(result) if mode.role == "source" else "")
        return {self.modes: gr.Tabs(selected=mode.kind), mode.source: name, **mode.more.write(result.settings)}

    def _opened(self, kind: str) -> Callable[[Session], Updates]:
        def opened(session: Session) -> Updates:
            return {} if session.result is None else self._from_result(session.result, kind)

        return opened

    def _from_result(self, result: Result, kind: str = "mesh.edit") -> Updates:
        """Updates that make a result the source of an edit, with what it is."""
        mode = self.by_kind[kind]
        updates: Updates = {self.modes: gr.Tabs(selected=kind), mode.source: sources.named(result)}
        if kind == "mesh.edit" and result.told and result.settings.PROMPT:
            updates[mode.form.controls["source_prompt"]] = literal(result.settings.asked)
        return updates

    def _pictured(self, result: Result) -> Updates:
        """Updates that make a mesh of a picture, with the words that made it."""
        mode = self.by_kind["mesh.generate"]
        words = literal(result.settings.asked) if result.told else ""
        picture = {self.modes: gr.Tabs(selected=mode.kind), mode.source: sources.named(result)}
        return {**picture, mode.form.controls["prompt"]: words}

    def use(self, result: Result, as_source: bool) -> Updates:
        """A result of the library as source, or its settings."""
        return self._from_result(result) if as_source else self._filled(result)

    def given(self, taken: Given) -> Updates:
        """Updates that make a dropped mesh the source, with the settings that it holds."""
        kind = "mesh.edit" if taken.settings is None or taken.settings.PROMPT else "shape.edit"
        mode = self.by_kind[kind]
        updates = {self.modes: gr.Tabs(selected=kind), mode.source: str(taken.path), **self._settings_of(taken)}
        if kind == "mesh.edit" and taken.settings is not None:
            updates[mode.form.controls["source_prompt"]] = literal(taken.settings.asked)
        return updates

    def _settings_of(self, taken: Given) -> Updates:
        told = {self.view.notes: said(taken.notes)}
        mode = self.by_kind.get(kind_of(taken.settings)) if taken.settings is not None else None
        return told if taken.settings is None or mode is None else {**told, **mode.more.write(taken.settings)}

    def _dropped(self, mode: Mode) -> Callable[[str, Session], Updates]:
        """Updates for a file given to the field of ``mode``: it passed the gate, or why not."""
        wanted = "mesh" if mode.role == "source" else "image"

        def dropped(name: str, session: Session) -> Updates:
            try:
                path = sources.found(self.shop, name, "")
                taken = look(path or Path())
                if taken.taken.medium != wanted:
                    text = "{file}: is not a mesh; drop a GLB, OBJ, STL or PLY"
                    text = text if wanted == "mesh" else "{file}: is not a picture; drop a PNG, JPEG or WebP"
                    raise MediaError(phrase(text, file=taken.taken.filename))
            except StudioError as error:
                return {self.view.line: failed(why(error))}
            told: Updates = {self.view.line: self.view.line_of(session), self.view.notes: said(taken.taken.notes)}
            if mode.kind == "mesh.edit" and taken.settings is not None and taken.settings.PROMPT:
                told[mode.form.controls["source_prompt"]] = literal(taken.settings.asked)
            return told

        return dropped

    # Filming --------------------------------------------------------------------------------------------------------

    def send_films(self, tabs: gr.Tabs, takers: Mapping[str, Taker]) -> None:
        """Make the button work that films a turn: the clip is kept, and opened in the video tab where there is one."""
        video = takers.get("video")
        outputs = [self.view.notes, *([tabs, *video.parts] if video is not None else [])]

        async def film(session: Session, request: gr.Request) -> AsyncIterator[Updates]:
            notes = self.view.notes
            if session.result is None:
                return
            try:
                owner = self.shop.people.owner(request)
                yield {notes: said([phrase("Filming one turn.")])}
                job = await asyncio.to_thread(self._submit_film, session.result, owner)
                while (now := self.shop.watch.job(job, owner)).waiting:
                    await asyncio.sleep(BEAT)
                made = self.shelves.made_by([job], owner).get(job, ())
                if now.state != "done" or not made:
                    raise StudioError(now.reason or str(phrase("It failed without a reason.")))
            except StudioError as error:
                yield {notes: failed(why(error))}
                raise gr.Error(html_of(why(error)), title="Could not do that", print_exception=False) from None
            yield {notes: said([phrase("The clip of one turn is in the library.")])}
            if video is not None:
                clip = Result.of(made[0], self.shelves)
                yield {tabs: gr.Tabs(selected="video"), **video.use(clip, True)}

        self.film.click(film, self.view.session, outputs, **QUEUED)

    def _submit_film(self, result: Result, owner: str) -> str:
        source = self.shelves.bring_in(result.path, result.path.name, owner)
        return self.shop.submit([TurntableSettings()], owner, {"source": source.id})[0].id
