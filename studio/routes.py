"""Addresses of the server beside Gradio's own: the queue as JSON, and files that only their owner may fetch."""

import asyncio
import hashlib
import logging
import re
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
from studio import characters, talks
from studio.exports import exported
from studio.frames import sheet_of
from studio.intake import take
from studio.jobs import Job, reins
from studio.library import Asset, looks
from studio.prompts import source_words_of, words_of
from studio.provenance import read_words
from studio.runs import example
from studio.solids import figures, turned
from studio.sources import found
from studio.workshop import Workshop

log = logging.getLogger(__name__)
ROOT = "/studio"
Handler = Callable[[Request], Awaitable[Response]]
INLINE = {".png", ".webp", ".jpg", ".jpeg", ".avif", ".gif", ".mp4", ".webm", ".wav", ".flac", ".ogg", ".mp3"}
_PART = re.compile(r"piece-\d{3,6}\.(wav|json)|preview-\d\.(wav|png|json|glb)")  # see studio.jobs.desk
_PARTS = {".wav": "audio/wav", ".json": "application/json", ".png": "image/png", ".glb": "model/gltf-binary"}
WAIT, LOOK = 20.0, 0.02  # seconds that a part is waited for, and between two looks
LONGEST_TITLE = 300  # characters of a text that a list shows
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
        Route(f"{ROOT}/jobs/{{job}}/parts/{{name}}", desk.part),
        Route(f"{ROOT}/jobs/{{job}}/reins", _answer(desk.reins, changes=True), methods=["POST"]),
        Route(f"{ROOT}/assets/{{asset}}/thumbnail", _answer(desk.thumbnail)),
        Route(f"{ROOT}/assets/{{asset}}/words", _answer(desk.words)),
        Route(f"{ROOT}/assets/{{asset}}/timeline", _answer(desk.timeline)),
        Route(f"{ROOT}/assets/{{asset}}/strip", _answer(desk.strip)),
        Route(f"{ROOT}/assets/{{asset}}/file", _answer(desk.file)),
        Route(f"{ROOT}/examples/{{name}}", _answer(desk.example)),
        Route(f"{ROOT}/examples/{{name}}/thumbnail", _answer(desk.example_thumbnail)),
        Route(f"{ROOT}/examples/{{name}}/words", _answer(desk.example_words)),
        Route(f"{ROOT}/frames", _answer(desk.frames)),
        Route(f"{ROOT}/examples/{{name}}/timeline", _answer(desk.example_timeline)),
        Route(f"{ROOT}/examples/{{name}}/strip", _answer(desk.example_strip)),
        Route(f"{ROOT}/characters/{{name}}", _answer(desk.character)),
        Route(f"{ROOT}/solid", _answer(desk.solid)),
        Route(f"{ROOT}/solid/figures", _answer(desk.figures)),
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

    async def part(self, request: Request) -> Response:
        """What a running job has left so far, for its owner alone: a finished piece, its words, or a preview.

        With ``wait`` the answer is held back until it is there, for some seconds: a piece is to be heard at once, and
        asking over and over would cost more. 202: not yet, ask again; 204: it will not come, its job has ended.
        """
        try:
            owner = self.people.owner(request)
            job, name = self.shop.watch.job(request.path_params["job"], owner), request.path_params["name"]
        except StudioError as error:
            return JSONResponse({"error": str(error)}, 404)
        if not _PART.fullmatch(name):
            return JSONResponse({"error": "part: it is called piece-000.wav, piece-000.json or preview-0.wav"}, 404)
        end = time.monotonic() + (WAIT if "wait" in request.query_params else 0)
        path, headers = self.jobs.folder(job.id) / name, {**PRIVATE, "Cache-Control": "no-store"}
        while True:
            try:  # whole, at once: the folder may go while it is being sent
                content = await run_in_threadpool(path.read_bytes)
                return Response(content, headers=headers, media_type=_PARTS[path.suffix])
            except OSError:
                ended = not self.shop.watch.job(job.id, owner).waiting
                if ended or time.monotonic() > end or await request.is_disconnected():
                    # What is watched runs a moment behind; only the queue itself knows that nothing more will come.
                    waiting = (await run_in_threadpool(self.jobs.get, job.id, owner)).waiting
                    return Response(status_code=202 if waiting else 204, headers=headers)
            await asyncio.sleep(LOOK)

    def reins(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        """While a clip goes on: other words (``prompt``), or its end with what is there (``finish``)."""
        job = self.jobs.get(request.path_params["job"], owner)
        if sent.get("finish") is True:
            reins.finish(self.jobs.folder(job.id))
        else:
            reins.say(self.jobs.folder(job.id), str(sent.get("prompt", "")))
        return JSONResponse({"job": job.id})

    def thumbnail(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        asset = self._asset(owner, request)
        return _small(looks.thumbnail(self.shop.store.home, asset.path, asset.medium, asset.sha256, 256), request)

    def file(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return self._export(self._asset(owner, request).path, request)

    def words(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return _words(self._asset(owner, request).path)

    def timeline(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        asset = self._asset(owner, request)
        return _file(talks.timeline(self.shop.store.home, asset.path, asset.sha256), PRIVATE)

    def strip(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        asset = self._asset(owner, request)
        return _file(talks.strip(self.shop.store.home, asset.path, asset.sha256), PRIVATE)

    def example(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return self._export(self._example(request), request)

    def example_thumbnail(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        path = self._example(request)
        medium = path.name.partition("-")[0]
        return _small(looks.thumbnail(self.shop.store.home, path, medium, _digest(path), 256), request)

    def example_words(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return _words(self._example(request))

    def frames(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        """All frames of a clip on one sheet; ``name`` is as in :mod:`studio.sources`."""
        path = found(self.shop, request.query_params.get("name", ""), owner)
        if path is None:
            raise StudioError("name: is missing; say which clip")
        return JSONResponse(sheet_of(self.shop.store.home, path), headers=PRIVATE)

    def example_timeline(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        path = self._example(request)
        return _file(talks.timeline(self.shop.store.home, path, _digest(path)), PRIVATE)

    def example_strip(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        path = self._example(request)
        return _file(talks.strip(self.shop.store.home, path, _digest(path)), PRIVATE)

    def character(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        return _file(characters.portrait(request.path_params["name"]), PRIVATE)

    def solid(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        """A mesh as a GLB that a browser can turn; ``name`` is as in :mod:`studio.sources`."""
        return _file(turned(self.shop.store.home, self._mesh(owner, request)), PRIVATE)

    def figures(self, owner: str, request: Request, sent: dict[str, Any]) -> Response:
        """Its figures: faces, size, whether it is watertight."""
        return JSONResponse(figures(self.shop.store.home, self._mesh(owner, request)), headers=PRIVATE)

    def _mesh(self, owner: str, request: Request) -> Path:
        path = found(self.shop, request.query_params.get("name", ""), owner)
        if path is None:
            raise StudioError("name: is missing; say which mesh")
        if take(path).medium != "mesh":  # through the gate: it may be an upload that nobody has looked at yet
            raise StudioError("name: is not a mesh")
        return path

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

    def _example(self, request: Request) -> Path:
        return example(request.path_params["name"])

    def _asset(self, owner: str, request: Request) -> Asset:
        found = self.library.get(request.path_params["asset"], owner)
        if found is None:
            raise StudioError("file: there is none of this id; it may have been deleted")
        return found

    def _export(self, path: Path, request: Request) -> Response:
        """A kept file, in another format where one is asked for."""
        asked = request.query_params
        made = exported(self.library.home, path, asked.get("format", ""), _times(asked.get("times", "1")))
        shown = made.suffix in INLINE and "download" not in asked
        return _file(made, PRIVATE, name=path.with_suffix(made.suffix).name, inline=shown)


def _times(said: str) -> int:
    if not (said.isascii() and said.isdigit() and len(said) < 5):
        raise StudioError(f"times: a whole number, got {said!r:.20}")
    return int(said)


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


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _small(path: Path, request: Request) -> Response:
    """A thumbnail; with ``still`` one that does not move, for who asked for less motion."""
    return _file(looks.standing(path) if "still" in request.query_params else path, PRIVATE)


def _words(path: Path) -> Response:
    """What is said in a kept sound and when; an empty list where nobody knows."""
    words = [{"text": word.text, "start": word.start, "end": word.end} for word in read_words(path)]
    return JSONResponse({"words": words}, headers=PRIVATE)


def _described(job: Job) -> dict[str, Any]:
    title, source = (words(job.settings)[:LONGEST_TITLE] for words in (words_of, source_words_of))
    return {
        "id": job.id, "number": job.number, "kind": job.kind, "state": job.state, "title": title, "from": source,
        "model": job.settings.model, "done": job.done, "total": job.total,
        "left": job.seconds_left, "preview": job.preview, "reason": job.reason, "notes": list(job.notes),
        "stopping": job.cancel and job.state == "running",
        "took": job.finished - job.started if job.finished and job.started else None,
    }  # fmt: skip


def _file(path: Path, headers: dict[str, str], *, name: str | None = None, inline: bool = True) -> Response:
    if not path.is_file():
        return JSONResponse({"error": "file: it is not there any more"}, 404)
    kind = "inline" if inline else "attachment"
    return FileResponse(path, headers=headers, filename=name, content_disposition_type=kind)
