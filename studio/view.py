"""The right side of a tab: the result, what is known about it, what can be done with it, and the run that makes it.

A run is a job in the queue; the view only follows it. Closing the page ends the following and nothing else, and a page
that opens while a job of its owner waits or runs picks up where that job stands.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from studio import runs, stage
from studio.boards import Board, told
from studio.events import QUEUED, QUICK
from studio.following import busy, follow
from studio.jobs import Job
from studio.language import html_of, marked, phrase, why
from studio.runs import Asked
from studio.session import Pages, Result, Session
from studio.workshop import Workshop

log = logging.getLogger(__name__)
PICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('[data-index]');
  if (chosen) trigger('select', {index: Number(chosen.dataset.index)});
});
"""
Updates = dict[Any, Any]


@dataclass(frozen=True)
class Start:
    """A run bar: its buttons, what they read, and what that asks for. ``ask`` gets (values, owner)."""

    run: gr.Button
    more: gr.Button
    stop: gr.Button
    ask: Callable[[dict[Any, Any], str], Asked]
    inputs: set[Any]


class ResultView:
    """Components of a result and the updates that fill them; made once a tab, for the jobs of ``kinds``.

    ``board`` shows the medium; everything else is the same for all, but for what more can be done with a result of
    this tab: ``onward`` names a button for each.
    """

    def __init__(
        self,
        shop: Workshop,
        kinds: Sequence[str],
        board: Board,
        shipped: tuple[Result, ...] = (),
        onward: Sequence[str] = (),
    ) -> None:
        self.shop, self.kinds, self.board, self.shipped = shop, tuple(kinds), board, shipped
        self.pages = Pages()
        first = Session(shipped)
        self.session = gr.State(first)
        self.stage = gr.HTML(board.whole(first), js_on_load=PICK, elem_classes=["stage"], apply_default_css=False)
        self.line = gr.HTML(self.line_of(first), elem_classes=["line"], apply_default_css=False, js_on_load=None)
        with gr.Row(elem_classes=["actions"]):
            self.saves = gr.HTML(
                stage.downloads(first), elem_classes=["saves"], apply_default_css=False, js_on_load=None
            )
            self.source = gr.Button("Use as source", size="sm", interactive=bool(shipped))
            self.onward = [gr.Button(text, size="sm", interactive=bool(shipped)) for text in onward]
            self.vary = gr.Button("Variation", size="sm", interactive=bool(shipped), elem_classes=["again"])
            self.star = gr.Button("Star", size="sm", interactive=False)
            self.delete = gr.Button("Delete", size="sm", interactive=False)
            self.undo = gr.Button("Undo delete", size="sm", visible=False)
            # Filled once every tab is there; see studio.tabs.sending.
            self.sends = gr.Row(elem_classes=["sends"], visible=bool(shipped))
        self.deleted = gr.State("")
        self.notes = gr.HTML("", elem_classes=["notes"], apply_default_css=False, js_on_load=None)
        self.strip = gr.HTML(self._strip(first), js_on_load=PICK, elem_classes=["strip"], apply_default_css=False)

    def outputs(self) -> list[Any]:
        """Everything that a run or a click may change."""
        parts = [self.session, self.stage, self.line, self.notes, self.strip, self.saves]
        return [*parts, self.source, *self.onward, self.vary, self.star, self.delete, self.undo, self.sends]

    def show(self, session: Session, *, fresh: bool = False) -> Updates:
        """Updates that put the picked result on the stage; ``fresh`` when its run ended this moment."""
        result = session.result
        own = result is not None and not result.example
        notes = told(self.board, result)
        return {
            **({self.notes: stage.said(notes)} if notes else {}),
            self.session: session,
            self.stage: self.board.whole(session, fresh=fresh),
            self.line: self.line_of(session),
            self.strip: self._strip(session),
            self.saves: stage.downloads(session),
            self.source: gr.update(interactive=result is not None),
            **{button: gr.update(interactive=result is not None) for button in self.onward},
            # What has no seed comes out the same each time.
            self.vary: gr.update(interactive=result is not None and "seed" in type(result.settings).model_fields),
            self.star: gr.update(interactive=own, value=marked("Starred" if result and result.starred else "Star")),
            self.delete: gr.update(interactive=own),
            self.sends: gr.update(visible=result is not None),
        }

    def line_of(self, session: Session) -> str:
        """The line below the stage."""
        return stage.info(session, self.board.facts(session.result) if session.result else ())

    def _strip(self, session: Session) -> str:
        return stage.strip(session, [self.board.tile(each) for each in session.results])

    # Wiring ---------------------------------------------------------------------------------------------------------

    def wire(self, page: gr.Blocks, *starts: Start) -> None:
        """Make the buttons work, and let an opening page find its work again."""
        buttons = [part for start in starts for part in (start.run, start.more, start.stop)]
        outputs = [*self.outputs(), *buttons]
        for start in starts:
            start.run.click(self._runner(start, starts), start.inputs | {self.session}, outputs, **QUEUED)
            start.more.click(self._adder(start), start.inputs, [self.notes], **QUICK)
            start.stop.click(self._stopper(), None, None, **QUICK)
        self.vary.click(self._runner(self._again(starts[0]), starts), {self.session}, outputs, **QUEUED)
        page.load(self._opener(starts), None, outputs, **QUEUED)
        self._wire_keeping()

    def picked(self, restore: Callable[[Session], Updates], parts: list[Any]) -> None:
        """Put what is clicked in the strip or on the stage in sight; ``restore`` fills the controls ``parts``."""

        def pick(session: Session, chosen: gr.EventData, request: gr.Request) -> Updates:
            self.pages.look_away(str(request.session_hash))
            session = session.pick(int(chosen.index))
            return {self.notes: "", **self.show(session), **restore(session)}

        for board in (self.stage, self.strip):
            board.select(pick, self.session, [*self.outputs(), *parts], **QUICK)

    def _wire_keeping(self) -> None:
        def star(session: Session, request: gr.Request) -> Updates:
            result = session.result
            if result is None or result.example:
                return {}
            self.shop.library.star(result.id, not result.starred, self.shop.people.owner(request))
            return self.show(session.starred(result.id, not result.starred))

        def delete(session: Session, request: gr.Request) -> Updates:
            result = session.result
            if result is None or result.example:
                return {}
            self.shop.library.delete([result.id], self.shop.people.owner(request))
            said = {self.notes: stage.said([phrase("Deleted. It stays in the library's trash until that is emptied.")])}
            return {
                **self.show(session.without(result.id)), **said,
                self.undo: gr.update(visible=True), self.deleted: result.id,
            }  # fmt: skip

        def undo(session: Session, deleted: str, request: gr.Request) -> Updates:
            owner = self.shop.people.owner(request)
            self.shop.library.restore([deleted], owner)
            asset = self.shop.library.get(deleted, owner)
            back = () if asset is None else (Result.of(asset, self.shop.library),)
            return {**self.show(session.add(back)), self.notes: "", self.undo: gr.update(visible=False)}

        self.star.click(star, self.session, self.outputs(), **QUICK)
        self.delete.click(delete, self.session, [*self.outputs(), self.deleted], **QUICK)
        self.undo.click(undo, [self.session, self.deleted], self.outputs(), **QUICK)

    def _again(self, start: Start) -> Start:
        def ask(values: dict[Any, Any], owner: str) -> Asked:
            result = values[self.session].result
            if result is None:
                raise StudioError(phrase("Variation: there is no result yet; make one first"))
            return runs.again(self.shop, result, owner)

        return Start(self.vary, start.more, start.stop, ask, {self.session})

    def _runner(self, start: Start, starts: Sequence[Start]) -> Callable[..., AsyncIterator[Updates]]:
        async def run(values: dict[Any, Any], request: gr.Request) -> AsyncIterator[Updates]:
            yield {self.line: stage.progress(phrase("Starting"), 0, None), self.notes: "", **busy(starts, True)}
            page = str(request.session_hash)
            try:
                owner = self.shop.people.owner(request)
                jobs, notes = await asyncio.to_thread(self._submit, start, values, owner)
                yield {self.notes: stage.said(notes)}
                async for update in follow(self, owner, page, [job.id for job in jobs], starts):
                    yield update
            except StudioError as error:
                text = why(error)
                yield {self.line: stage.failed(text), **busy(starts, self.pages.served(page))}
                raise gr.Error(html_of(text), title="Could not do that", print_exception=False) from None
            except Exception as error:
                log.exception("run failed")
                what = f"{type(error).__name__}: {error}"
                text = phrase("Something went wrong ({error}). What you typed is still here.", error=what)
                yield {self.line: stage.failed(text), **busy(starts, self.pages.served(page))}
                raise gr.Error(html_of(text), title="Something went wrong", print_exception=False) from error

        return run

    def _submit(self, start: Start, values: dict[Any, Any], owner: str) -> tuple[list[Job], Sequence[str]]:
        asked = start.ask(values, owner)
        return self.shop.submit(asked.settings, owner, asked.inputs), asked.notes

    def _adder(self, start: Start) -> Callable[..., Updates]:
        def add(values: dict[Any, Any], request: gr.Request) -> Updates:
            try:
                jobs, notes = self._submit(start, values, self.shop.people.owner(request))
            except StudioError as error:
                raise gr.Error(html_of(why(error)), title="Could not do that", print_exception=False) from None
            text = "One job added to the queue." if len(jobs) == 1 else "{count} jobs added to the queue."
            return {self.notes: stage.said([*notes, phrase(text, count=len(jobs))])}

        return add

    def _stopper(self) -> Callable[..., None]:
        def halt(request: gr.Request) -> None:
            owner = self.shop.people.owner(request)
            # What this page shows; a page that follows nothing stops what is first in line.
            job = self.pages.current(str(request.session_hash))
            for each in [job] if job else [each.id for each in self.shop.watch.waiting(owner, self.kinds)[:1]]:
                self.shop.jobs.cancel(each, owner)
            # Whoever follows the job says so: an answer from here could come after the last word on it.

        return halt

    def _opener(self, starts: Sequence[Start]) -> Callable[..., AsyncIterator[Updates]]:
        async def attach(request: gr.Request) -> AsyncIterator[Updates]:
            try:
                owner = self.shop.people.owner(request)
                session = await asyncio.to_thread(runs.last, self.shop, owner, self.kinds, self.shipped)
            except StudioError as error:
                yield {self.line: stage.failed(why(error))}
                return
            yield self.show(session)
            if self.shop.watch.waiting(owner, self.kinds):
                yield busy(starts, True)
                try:
                    async for update in follow(self, owner, str(request.session_hash), [], starts):
                        yield update
                except StudioError:
                    pass  # the line says it; a toast for what this page did not ask for would only startle

        return attach
