"""Following jobs for a page: what to show while one waits and runs, and when it is over.

One follower serves a page at a time. A later one takes over what the earlier still had to show, so that nothing that
was asked for from a page ends unseen.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import TYPE_CHECKING, Any

import gradio as gr

from pipelines.errors import StudioError
from studio import runs, stage
from studio.jobs import Job
from studio.language import phrase

if TYPE_CHECKING:
    from studio.view import ResultView, Start

Updates = dict[Any, Any]
BEAT = 0.05  # seconds between looks at a job: a piece of a sound is to be heard as soon as it is there


async def follow(
    view: "ResultView", owner: str, page: str, jobs: Sequence[str], starts: Sequence["Start"]
) -> AsyncIterator[Updates]:
    """Updates that show ``jobs``, then whatever of this owner still waits, until nothing does.

    Raises:
        StudioError: the last one failed; the message says why. The page is ready again by then.
    """
    pages, watch, failure = view.pages, view.shop.watch, None
    token = pages.begin(page, jobs)
    try:
        while pages.holds(page, token):
            current = pages.current(page)
            if current is None:
                waiting = watch.waiting(owner, view.kinds)
                if not waiting:
                    break
                current = pages.also(page, waiting[0].id)
            pages.look_back(page)
            async for update, ended in _watched(view, watch.job(current, owner), page, token):
                if ended is not None:
                    pages.finish(page, current)
                    update, failure = await asyncio.to_thread(_over, view, ended)
                yield update
        if pages.holds(page, token):  # else another follower is at work, and the page is as busy as before
            yield busy(starts, False)
    finally:
        pages.end(page, token)
    if failure:
        raise StudioError(failure)


def busy(starts: Sequence["Start"], on: bool) -> Updates:
    """Updates that turn run buttons into stop buttons, or back."""
    updates: Updates = {}
    for start in starts:
        updates |= {start.run: gr.update(visible=not on), start.more: gr.update(visible=on)}
        updates |= {start.stop: gr.update(visible=on)}
    return updates


async def _watched(view: "ResultView", job: Job, page: str, token: int) -> AsyncIterator[tuple[Updates, Job | None]]:
    """Updates while a job waits and runs; at the end, the ended job."""
    shown: tuple[Any, ...] = ()
    while view.pages.holds(page, token):
        job = view.shop.watch.job(job.id, job.owner)
        if not job.waiting:
            yield {}, job
            return
        now = (job.state, job.done, job.preview, job.notes, job.cancel, view.shop.watch.ahead(job))
        if now != shown:
            yield await asyncio.to_thread(_standing, view, job, now[-1], view.pages.elsewhere(page)), None
            shown = now
        await asyncio.sleep(BEAT)


def _standing(view: "ResultView", job: Job, ahead: int, elsewhere: bool) -> Updates:
    """What to show of a job that waits or runs."""
    if job.state == "queued":
        held = phrase("The queue is paused.") if view.shop.jobs.paused(job.owner) else view.shop.trouble()
        first = "Next in line." if view.shop.loaded() else "Waiting for the model to load."
        line = phrase("Waiting: {ahead} before this one.", ahead=ahead) if ahead else phrase(first)
        return {view.line: stage.progress(line, 0, None, held)}
    text = "Step {done} of {total}" if job.total else "Starting"
    line = phrase("Stopping") if job.cancel else phrase(text, done=job.done, total=job.total)
    updates: Updates = {view.line: stage.progress(line, job.done / max(job.total, 1), job.seconds_left)}
    if job.notes:
        updates[view.notes] = stage.said(list(job.notes))
    shown = None if elsewhere else view.board.running(job, view.shop.jobs.folder(job.id))
    if shown is not None:
        updates[view.stage] = shown
    return updates


def _over(view: "ResultView", job: Job) -> tuple[Updates, str | None]:
    """What to show of a job that is over, and why it failed."""
    if job.state == "done":
        # From the library, not from what the page held when it began: meanwhile its person may have starred or deleted.
        session = runs.last(view.shop, job.owner, view.kinds, view.shipped)
        made = next((i for i, each in enumerate(session.results) if each.run == job.id), 0)
        notes = {view.notes: stage.said(list(job.notes))} if job.notes else {}
        return {**view.show(session.pick(made), fresh=True), **notes}, None
    if job.state == "cancelled":
        text = phrase("Stopped. What was there so far stays on view; it was not kept.")
        unfinished = [view.source, *view.onward, view.vary, view.star, view.delete]
        quiet = {part: gr.update(interactive=False) for part in unfinished} if job.started else {}
        return {view.line: stage.told(text), **quiet}, None
    reason = job.reason or phrase("It failed without a reason.")
    return {view.line: stage.failed(reason)}, reason
