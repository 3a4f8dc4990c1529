"""What stands before the web server: bodies of bounded size, and files that a browser shows but never runs.

A file that a person gave could be an SVG or a web page; opened under this server's address, its scripts would act for
whoever is logged in. So on the routes that serve files, what is not picture, sound, video or mesh is sent as a download
that may not be guessed at, and what could run is not even named as what it is. Pure ASGI, so that it works around any
server application; the page's own scripts and styles come by other routes and are left alone.
"""

import mimetypes
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any
from urllib.parse import unquote

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

UPLOAD_BYTES = 520_000_000  # the largest file that is taken and some for the form around it
BODY_BYTES = 16_000_000  # everything else: a painted mask is the largest
UPLOADS = ("/upload",)
FILES = ("/file=", "/file/", "/proxy=", "/stream/", "/run-history/")
# Sent as a type that no browser runs or renders, whatever the server calls it.
_ACTIVE = (".svg", ".svgz", ".html", ".htm", ".xhtml", ".xht", ".shtml", ".xml", ".xsl", ".xslt", ".mathml", ".mml",
           ".js", ".mjs", ".cjs", ".css", ".wasm", ".swf", ".pdf", ".hta", ".mht", ".mhtml")  # fmt: skip
_SHOWN = ("image/", "audio/", "video/", "model/")
# Lists of a stream's parts are fetched by the player; everything else of the kind is a document.
_PLAYLISTS = ("application/vnd.apple.mpegurl", "application/x-mpegurl")
_DOWNLOAD = b"application/octet-stream"


class Guard:
    """ASGI middleware; ``Guard(app)`` or ``Middleware(Guard, upload_bytes=...)``.

    Args:
        app: what it stands before.
        upload_bytes: most that the body of an upload may be.
        body_bytes: most that any other body may be.
        uploads: ends of paths that take uploads.
        files: parts of paths behind which files are served.
    """

    def __init__(
        self,
        app: App,
        upload_bytes: int = UPLOAD_BYTES,
        body_bytes: int = BODY_BYTES,
        uploads: tuple[str, ...] = UPLOADS,
        files: tuple[str, ...] = FILES,
    ) -> None:
        self.app = app
        self.upload_bytes, self.body_bytes = upload_bytes, body_bytes
        self.uploads, self.files = uploads, files

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = str(scope.get("path", ""))
        if any(part in path for part in self.files):
            send = _files_only(path, send)
        limit = self.upload_bytes if path.rstrip("/").endswith(self.uploads) else self.body_bytes
        announced = _header(scope, b"content-length")
        if announced is not None and (not announced.isdigit() or int(announced[:18]) > limit):
            await _refuse(send, limit)
            return
        await self._counted(scope, receive, send, limit)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, limit: int) -> None:
        """Pass the body on until it is above the limit; then the answer is ours, whatever the application says."""
        got, over, started = 0, False, False

        async def receive_some() -> Message:
            nonlocal got, over
            message = await receive()
            got += len(message.get("body", b""))
            over = over or got > limit
            if over:
                raise BodyTooLarge
            return message

        async def send_unless_over(message: Message) -> None:
            nonlocal started
            if over and not started:
                return
            started = True
            await send(message)

        try:
            await self.app(scope, receive_some, send_unless_over)
        except BodyTooLarge:
            if started:
                raise
        if over and not started:
            await _refuse(send, limit)


class Local:
    """ASGI middleware for a server of one machine: requests by another name, or from another site's page, fail.

    A website can have its own name answer with 127.0.0.1 and so reach a server here through the person's browser; the
    name that it asks for gives it away. And what a page of another site sends names that site as its origin.
    """

    NAMES = ("localhost", "127.0.0.1", "[::1]")

    def __init__(self, app: App, names: tuple[str, ...] = ()) -> None:
        """``names``: further host names to answer to."""
        self.app, self.names = app, {*self.NAMES, *names}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection."""
        if scope["type"] in ("http", "websocket"):
            host = (_header(scope, b"host") or b"").decode("latin-1").lower()
            origin = (_header(scope, b"origin") or b"").decode("latin-1").lower()
            changes = scope.get("method", "GET") not in ("GET", "HEAD", "OPTIONS")
            if _name(host) not in self.names or (changes and origin and origin.partition("://")[2] != host):
                await _say(send, 403, "This studio answers its own page alone; behind a proxy, start it with --shared.")
                return
        await self.app(scope, receive, send)


def _name(host: str) -> str:
    """A Host header without its port."""
    return host if host.endswith("]") else host.rpartition(":")[0] or host


class BodyTooLarge(Exception):
    """The body of a request went above its limit while it was read."""


def _files_only(path: str, send: Send) -> Send:
    """``send`` with the headers of a served file."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            message = {**message, "headers": file_headers(path, list(message.get("headers", [])))}
        await send(message)

    return sending


def file_headers(path: str, headers: list[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """The headers of a file served under ``path``: never guessed, never run, and only media shown in place."""
    name = unquote(unquote(path)).lower().rstrip(" ./")
    kind = next((value.decode("latin-1") for key, value in headers if key.lower() == b"content-type"), "")
    kind = (kind or mimetypes.guess_type(name)[0] or "").split(";")[0].strip().lower()
    active = name.endswith(_ACTIVE) or kind.endswith("xml") or any(word in kind for word in ("html", "script", "css"))
    shown = not active and (kind.startswith(_SHOWN) or kind in _PLAYLISTS)
    drop = {b"x-content-type-options"}
    if not shown:
        drop |= {b"content-security-policy"}
    if active:
        drop |= {b"content-type"}
    kept = [(key, value) for key, value in headers if key.lower() not in drop]
    kept.append((b"x-content-type-options", b"nosniff"))
    if not shown:
        kept = [(key, _attachment(value) if key.lower() == b"content-disposition" else value) for key, value in kept]
        if not any(key.lower() == b"content-disposition" for key, _ in kept):
            kept.append((b"content-disposition", b"attachment"))
        kept.append((b"content-security-policy", b"sandbox; default-src 'none'"))
    if active:
        kept.append((b"content-type", _DOWNLOAD))
    return kept


def _attachment(disposition: bytes) -> bytes:
    """The same disposition, as a download, with the name that it had."""
    _, mark, rest = disposition.partition(b";")
    return b"attachment" + mark + rest


def _header(scope: Scope, name: bytes) -> bytes | None:
    return next((value.strip() for key, value in scope.get("headers", []) if key.lower() == name), None)


async def _refuse(send: Send, limit: int) -> None:
    await _say(send, 413, f"upload: too large, at most {limit / 1e6:,.0f} MB; make the file smaller, or cut it, first")


async def _say(send: Send, status: int, text: str) -> None:
    body = text.encode()
    headers = [
        (b"content-type", b"text/plain; charset=utf-8"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),  # what is left of the body is not read
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
