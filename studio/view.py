"""The right side of a tab: the result on its checkerboard, what is known about it, what can be done with it.

The pictures are drawn as HTML rather than with picture components: those re-encode what they show, and they flash when
a preview replaces another. Gradio patches the HTML in place, so the stage never jumps.
"""

import json
import logging
import math
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import gradio as gr

from pipelines.errors import StudioError
from pipelines.events import Done, Event, Note, Preview, Progress
from pipelines.media import Picture
from pipelines.settings import SamplingSettings
from studio import runs
from studio.pictures import address
from studio.runs import Kept, Result, Session

log = logging.getLogger(__name__)
FORMATS = {"png": "PNG", "jpeg": "JPEG", "webp": "WebP"}
PICK = """
element.addEventListener('click', (event) => {
  const chosen = event.target.closest('[data-index]');
  if (chosen) trigger('select', {index: Number(chosen.dataset.index)});
});
"""
Updates = dict[Any, Any]
QUICK: dict[str, Any] = {"queue": False, "show_progress": "hidden", "api_visibility": "private"}


@dataclass(frozen=True)
class Job:
    """What a run button starts: ``start`` reads the ``inputs`` and gives the events."""

    run: gr.Button
    stop: gr.Button
    start: Callable[[dict[Any, Any]], Iterator[Event[Picture] | Kept]]
    inputs: set[Any]


class ResultView:
    """Components of a result and the updates that fill them; made once a tab."""

    def __init__(self, shipped: tuple[Result, ...] = ()) -> None:
        first = Session(shipped)
        self.session = gr.State(first)
        self.stage = gr.HTML(stage(first), js_on_load=PICK, elem_classes=["stage"], apply_default_css=False)
        self.line = gr.HTML(info(first), elem_classes=["line"], apply_default_css=False, js_on_load=None)
        with gr.Row(elem_classes=["actions"]):
            gr.HTML("<span>Download</span>", elem_classes=["caption"], apply_default_css=False, js_on_load=None)
            saved = runs.exports(first.result) if first.result else {}
            self.saves = {
                name: gr.DownloadButton(
                    title, value=saved.get(name), size="sm", interactive=name in saved, elem_classes=["save"]
                )
                for name, title in FORMATS.items()
            }
            self.source = gr.Button("Use as source", size="sm", interactive=bool(shipped))
            self.vary = gr.Button("Variation", size="sm", interactive=bool(shipped))
        self.notes = gr.HTML("", elem_classes=["notes"], apply_default_css=False, js_on_load=None)
        self.strip = gr.HTML(strip(first), js_on_load=PICK, elem_classes=["strip"], apply_default_css=False)

    def outputs(self) -> list[Any]:
        """Everything that a run or a click may change."""
        parts = [self.session, self.stage, self.line, self.notes, self.strip, self.source, self.vary]
        return [*parts, *self.saves.values()]

    def show(self, session: Session) -> Updates:
        """Updates that put the picked result on the stage."""
        result = session.result
        saved = runs.exports(result) if result else {}
        return {
            self.session: session,
            self.stage: stage(session),
            self.line: info(session),
            self.strip: strip(session),
            self.source: gr.update(interactive=result is not None),
            self.vary: gr.update(interactive=result is not None),
            **{part: gr.update(value=saved.get(n), interactive=n in saved) for n, part in self.saves.items()},
        }

    def wire(self, *jobs: Job) -> None:
        """Make the run buttons run, the stop buttons stop, and 'Variation' repeat with a new seed."""
        again = Job(self.vary, jobs[0].stop, self._variation, {self.session})
        buttons = [part for job in jobs for part in (job.run, job.stop)]
        running = [self._runs(job, jobs, buttons) for job in (*jobs, again)]

        def halt() -> Updates:
            return {self.line: stopped(), **self._unfinished(), **_busy(jobs, False)}

        for job in jobs:
            job.stop.click(halt, None, [*self.outputs(), *buttons], cancels=running, **QUICK)

    def _unfinished(self) -> Updates:
        """What is on the stage is no result: the actions must not reach for the one before it."""
        return {part: gr.update(interactive=False) for part in (self.source, self.vary, *self.saves.values())}

    def picked(self, restore: Callable[[Session], Updates], parts: list[Any]) -> None:
        """Put what is clicked in the strip or on the stage in sight; ``restore`` fills the controls ``parts``."""

        def pick(session: Session, chosen: gr.EventData) -> Updates:
            session = session.pick(int(chosen.index))
            return {**self.show(session), **restore(session)}

        for board in (self.stage, self.strip):
            board.select(pick, self.session, [*self.outputs(), *parts], **QUICK)

    def _runs(self, job: Job, jobs: tuple[Job, ...], buttons: list[Any]) -> Any:
        def run(values: dict[Any, Any]) -> Iterator[Updates]:
            yield {self.line: progress("Starting", 0, None), self.notes: "", **_busy(jobs, True)}
            ready = _busy(jobs, False)
            try:
                with closing(job.start(values)) as events:  # type: ignore[type-var]
                    yield from self.follow(events, values[self.session])
                yield ready
            except StudioError as error:
                text = str(error).removeprefix("settings: ")
                yield {self.line: failed(text), **ready}
                raise gr.Error(escape(text), title="Could not do that", print_exception=False) from None
            except Exception as error:
                log.exception("run failed")
                text = f"Something went wrong ({type(error).__name__}: {error}). What you typed is still here."
                yield {self.line: failed(text), **ready}
                raise gr.Error(escape(text), title="Something went wrong", print_exception=False) from error

        return job.run.click(
            run, job.inputs | {self.session}, [*self.outputs(), *buttons],
            concurrency_id="model", concurrency_limit=1, show_progress="hidden", api_visibility="private",
        )  # fmt: skip

    def _variation(self, values: dict[Any, Any]) -> Iterator[Event[Picture] | Kept]:
        result = values[self.session].result
        if result is None:
            raise StudioError("Variation: there is no result yet; make one first")
        return runs.again(result)

    def follow(self, events: Iterator[Event[Picture] | Kept], session: Session) -> Iterator[Updates]:
        """Updates that show a run as it goes."""
        notes: list[str] = []
        for event in events:
            if isinstance(event, Note):
                notes.append(event.text)
                yield {self.notes: said(notes)}
            elif isinstance(event, Kept):
                yield self.show(session.add(event.results))
            elif not isinstance(event, Done):
                yield self._step(event)

    def _step(self, event: Progress | Preview[Picture]) -> Updates:
        if isinstance(event, Preview):
            return {self.stage: preview(event.items)}
        done = f"Step {event.done} of {event.total}"
        return {self.line: progress(done, event.done / max(event.total, 1), event.seconds_left)}


def stage(session: Session) -> str:
    """The picked result, with those of the same run beside it, or before and after for an edit."""
    result = session.result
    if result is None:
        return '<div class="board empty"><p>Your picture will appear here.</p></div>'
    badge = '<span class="badge">Example</span>' if result.example else ""
    together = session.together
    if len(together) > 1:
        tiles = "".join(_tile(i, each, i == session.picked) for i, each in together)
        return f'<div class="board many n{_columns(len(together))}">{tiles}{badge}</div>'
    words = escape(_words(result.settings), quote=True)
    after = f'<img class="after" src="{address(result.path)}" alt="{words}">'
    before = _before(result.source)
    if before is None:
        return f'<div class="board">{after}{badge}</div>'
    # A range field is the handle: it works with a finger, a mouse and the arrow keys.
    return (
        f'<div class="board compare">{after}<img class="before" src="{before}" alt="Before the edit">'
        '<input type="range" min="0" max="100" value="50" aria-label="Before and after">'
        '<i class="cut" aria-hidden="true"></i>'
        f'<span class="side left">Before</span><span class="side right">After</span>{badge}</div>'
    )


def preview(items: tuple[Picture, ...]) -> str:
    """The clean estimates of a running job, in the places where the results will stand."""
    many = f" many n{_columns(len(items))}" if len(items) > 1 else ""
    shown = "".join(f'<img class="after" src="{address(item)}" alt="Preview">' for item in items)
    return f'<div class="board running{many}">{shown}</div>'


def progress(text: str, part: float, seconds_left: float | None) -> str:
    """One line with a bar: how far, and how long still."""
    left = "" if seconds_left is None else f" &middot; {duration(seconds_left)} left"
    percent = round(100 * part)
    return (
        f'<div class="meter" role="progressbar" aria-label="Progress" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><i style="width:{percent}%"></i></div>'
        f'<p class="facts"><span>{escape(text)}{left}</span></p>'
    )


def info(session: Session) -> str:
    """One line about the picked result: model, seed, time, size, and its settings to copy."""
    result = session.result
    if result is None:
        return '<p class="facts"><span>Nothing made yet.</span></p>'
    settings = result.settings
    width, height = result.size
    facts = [settings.model.capitalize(), f"seed {settings.seed}", f"{width} × {height} px"]
    if result.seconds is not None:
        facts.insert(2, duration(result.seconds))
    held = escape(json.dumps(settings.model_dump(), indent=1), quote=True)
    spans = "".join(f"<span>{escape(fact)}</span>" for fact in facts)
    return (
        f'<p class="words">{escape(_words(settings))}</p><p class="facts" role="status">{spans}'
        f'<button type="button" class="link" data-copy="{held}">Copy settings</button></p>'
    )


def failed(text: str) -> str:
    """One line that says what went wrong and what to do."""
    return f'<p class="facts failed" role="alert"><span>{escape(text)}</span></p>'


def stopped() -> str:
    """One line after Stop."""
    return (
        '<p class="facts" role="status"><span>Stopped. What was there so far stays on view; it was not kept.</span></p>'
    )


def said(notes: list[str]) -> str:
    """Quiet lines: unknown words, a first frame taken, settings restored."""
    return "".join(f"<p>{escape(note)}</p>" for note in dict.fromkeys(notes))


def strip(session: Session) -> str:
    """The last results, newest first."""
    if not session.results:
        return ""
    tiles = "".join(_tile(i, each, i == session.picked) for i, each in enumerate(session.results))
    return f'<div class="tiles" role="group" aria-label="Last results">{tiles}</div>'


def duration(seconds: float) -> str:
    """Seconds as a person says them."""
    if seconds < 10:
        return f"{max(seconds, 0.1):.1f} s"
    if seconds < 90:
        return f"{math.ceil(seconds)} s"
    return f"{math.ceil(seconds / 60)} min"


def _busy(jobs: tuple[Job, ...], busy: bool) -> Updates:
    both = ((job.run, not busy) for job in jobs), ((job.stop, busy) for job in jobs)
    return {button: gr.update(visible=seen) for side in both for button, seen in side}


def _tile(index: int, result: Result, picked: bool) -> str:
    name = escape(f"{'Example' if result.example else 'Result'}: {_words(result.settings)}", quote=True)
    return (
        f'<button type="button" data-index="{index}" title="{name}" aria-label="{name}" '
        f'aria-pressed="{str(picked).lower()}"><img src="{address(result.path)}" alt=""></button>'
    )


def _before(source: Path | None) -> str | None:
    if source is None or not source.exists():
        return None
    try:
        return address(source)
    except StudioError:
        return None


def _columns(items: int) -> int:
    return items if items <= 3 else 2 if items == 4 else 3 if items <= 6 else 4


def _words(settings: SamplingSettings) -> str:
    return str(getattr(settings, "prompt", ""))
