"""Addresses of the server beside Gradio's own: the queue as JSON, and files that only their owner may fetch."""

import logging
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

from starlette.background import BackgroundTask
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import BaseRoute, Route

from pipelines.errors import StudioError
from pipelines.paths import assets
from studio.exports import exported
from studio.jobs import Job
from studio.library import Asset
from studio.workshop import Workshop

log = logging.getLogger(__name__)
ROOT = "/studio"
Handler = Callable[[Request], Awaitable[Response]]
INLINE = {".png", ".webp", ".jpg", ".jpeg", ".avif", ".gif", ".mp4", ".webm", ".wav", ".flac", ".ogg", ".mp3"}
PRIVATE = {"Cache-Control": "private, max-age=86400", "X-Content-Type-Options": "nosniff"}


def routes(shop: Workshop) -> list[BaseRoute]:
    """All of them, to be put before Gradio's."""
    desk = _Desk(shop)
    return [
        Route(f"{ROOT}/queue", _answer(desk.queue)),
        Route(f"{ROOT}/queue/pause", _answer(desk.pause, changes=True), methods=["POST"]),
        Route(f"{ROOT}/queue/forget", _answer(desk.forget, changes=True), methods=["POST"]),
        Route(f"{ROOT}/queue/{{job}}/{{act}}", _answer(desk.act, changes=True), methods=["POST"]),
        Route(f"{ROOT}/jobs/{{job}}/preview", _answer(desk.preview)),
        Route(f"{ROOT}/assets/{{asset}}/thumbnail", _answer(desk.thumbnail)),
        Route(f"{ROOT}/assets/{{asset}}/file", _answer(desk.file)),
        Route(f"{ROOT}/examples/{{name}}", _answer(desk.example)),
        Route(f"{ROOT}/project", _answer(desk.project)),
    ]


class _Desk:
    """Answers, each from (owner, request, sent JSON); plain functions, run in a thread."""

    def __init__(self, shop: Workshop) -> None:
        self.shop, self.jobs, self.library, self.people = shop, shop.jobs, shop.library, shop.people

    def queue(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        jobs = self.jobs.list(owner, limit=60)
        ahead = self.jobs.ahead(jobs)
        made = self.library.made_by([job.id for job in jobs if job.state == "done"], owner)
        rows = [
            {**_described(job), "ahead": ahead.get(job.id), "assets": [each.id for each in made.get(job.id, ())]}
            for job in jobs
        ]
        return JSONResponse({"paused": self.jobs.paused(owner), "jobs": rows})

    def pause(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        if not isinstance(sent.get("on"), bool):
            return JSONResponse({"error": "on: expected true or false"}, 400)
        self.jobs.pause(owner, sent["on"])
        return self.queue(owner, request, sent)

    def forget(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        self.jobs.forget(owner)
        return self.queue(owner, request, sent)

    def act(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        job, act = request.path_params["job"], request.path_params["act"]
        if act == "cancel":
            self.jobs.cancel(job, owner)
        elif act == "again":
            held = self.jobs.get(job, owner)
            self.shop.submit([held.settings], owner, held.inputs)
        elif act == "move":
            before = sent.get("before")
            self.jobs.move(job, owner, None if before is None else str(before))
        else:
            return JSONResponse({"error": f"queue: cannot {act[:20]!r}; cancel, again or move"}, 404)
        return self.queue(owner, request, sent)

    def preview(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        job = self.jobs.get(request.path_params["job"], owner)
        return _file(self.jobs.folder(job.id) / "preview-0.png", {"Cache-Control": "no-store"})

    def thumbnail(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return _file(self.library.thumbnail(self._asset(owner, request)), PRIVATE)

    def file(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return self._export(self._asset(owner, request).path, request)

    def example(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        name = request.path_params["name"]
        found = next((path for path in (assets() / "examples").iterdir() if path.name == name), None)
        if found is None:
            return JSONResponse({"error": "example: there is none of this name"}, 404)
        return self._export(found, request)

    def project(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        from studio.project import export_project

        ids = [each for each in request.query_params.get("ids", "").split(",") if each]
        folder = self.library.home / ".exports"
        for old in folder.glob("project-*.zip"):  # of readers that broke off
            if old.stat().st_mtime < time.time() - 3600:
                old.unlink(missing_ok=True)
        target = export_project(self.library, ids, folder / f"project-{uuid4().hex}.zip", owner)
        sweep = BackgroundTask(target.unlink, missing_ok=True)  # packed anew each time: the selection differs
        return FileResponse(target, headers=PRIVATE, filename="eddyline-project.zip", background=sweep)

    def _asset(self, owner: str, request: Request) -> Asset:
        found = self.library.get(request.path_params["asset"], owner)
        if found is None:
            raise StudioError("file: there is none of this id; it may have been deleted")
        return found

    def _export(self, path: Path, request: Request) -> Response:
        """A kept file, in another format where one is asked for."""
        made = exported(self.library.home, path, request.query_params.get("format", ""))
        shown = made.suffix in INLINE and "download" not in request.query_params
        return _file(made, PRIVATE, name=path.with_suffix(made.suffix).name, inline=shown)


def _answer(action: Callable[[str, Request, dict[str, Any]], Response], *, changes: bool = False) -> Handler:
    """An endpoint of :class:`_Desk` method ``action``; a StudioError becomes a sentence with a status."""
    people = action.__self__.people  # type: ignore[attr-defined]

    async def handle(request: Request) -> Response:
        # A page of another site can send a form here, but not this header.
        if changes and request.headers.get("x-eddyline") != "1":
            return JSONResponse({"error": "header: x-eddyline: 1 is missing"}, 403)
        try:
            owner = people.owner(request)
        except StudioError as error:
            return JSONResponse({"error": str(error)}, 401)
        try:
            sent = await request.json() if changes and await request.body() else {}
            if not isinstance(sent, dict):
                raise ValueError("not an object")
        except (ValueError, RecursionError):
            return JSONResponse({"error": "body: expected a JSON object"}, 400)
        try:
            return await run_in_threadpool(action, owner, request, sent)
        except StudioError as error:
            return JSONResponse({"error": str(error)}, 404)

    return handle


def _described(job: Job) -> dict[str, Any]:
    held = job.settings.model_dump(mode="json")
    return {
        "id": job.id, "number": job.number, "kind": job.kind, "state": job.state, "title": held.get("prompt", ""),
        "from": held.get("source_prompt", ""), "model": job.settings.model, "done": job.done, "total": job.total,
        "left": job.seconds_left, "preview": job.preview, "reason": job.reason, "notes": list(job.notes),
        "stopping": job.cancel and job.state == "running",
        "took": job.finished - job.started if job.finished and job.started else None,
    }  # fmt: skip


def _file(path: Path, headers: dict[str, str], *, name: str | None = None, inline: bool = True) -> Response:
    if not path.is_file():
        return JSONResponse({"error": "file: it is not there any more"}, 404)
    kind = "inline" if inline else "attachment"
    return FileResponse(path, headers=headers, filename=name, content_disposition_type=kind)
