"""Whose work is whose. On one person's machine everything is theirs; on a shared server each sees their own.

A shared server knows people by the name they log in with, or by a random cookie that their browser keeps. Files and
rows hold a digest of either, so that neither a folder's name nor a database gives a login away.
"""

import hashlib
import ipaddress
import secrets
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from starlette.requests import Request

from pipelines.errors import StudioError

COOKIE = "eddyline"
Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]


def is_local(host: str) -> bool:
    """Whether a server that listens on ``host`` can be reached from its own machine alone."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class People:
    """Tells owners apart; ``shared`` is False where there is only one."""

    def __init__(self, shared: bool, *, locked: bool = False, embedded: bool = False) -> None:
        """``locked`` servers ask for a login; ``embedded`` pages stand in another site's frame, as on a Space."""
        self.shared, self.locked, self.embedded = shared or locked, locked, embedded

    def owner(self, request: Any) -> str:
        """Owner id of a request: empty on an unshared server, else 24 hex digits.

        ``request`` is Starlette's or Gradio's. Where a browser refuses the cookie, the page's own session stands in,
        and its work is found again only while the page is open.

        Raises:
            StudioError: the server asks for a login and there is none.
        """
        if not self.shared:
            return ""
        name = request.username if hasattr(request, "session_hash") else _logged_in(request)
        if name:
            return _digest(f"name {name}")
        if self.locked:
            raise StudioError("login: this studio asks for a name and a password; log in first")
        cookie = request.cookies.get(COOKIE)
        if cookie:
            return _digest(f"cookie {cookie}")
        session = getattr(request, "session_hash", None)
        return _digest(f"session {session}") if session else _digest(f"nobody {secrets.token_hex()}")

    def middleware(self, app: Any) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
        """ASGI middleware that hands every browser its cookie on a shared server."""

        async def handle(scope: Scope, receive: Receive, send: Send) -> None:
            if not self.shared or scope["type"] != "http" or Request(scope).cookies.get(COOKIE) or scope["path"] != "/":
                await app(scope, receive, send)
                return
            flags = "SameSite=None; Secure; Partitioned" if self.embedded else "SameSite=Lax"
            value = f"{COOKIE}={secrets.token_hex(16)}; Path=/; Max-Age=31536000; HttpOnly; {flags}"

            async def with_cookie(message: MutableMapping[str, Any]) -> None:
                if message["type"] == "http.response.start":
                    message["headers"] = [*message.get("headers", []), (b"set-cookie", value.encode())]
                await send(message)

            await app(scope, receive, with_cookie)

        return handle


def _logged_in(request: Any) -> str | None:
    """Name that a request's login belongs to, as Gradio keeps it; None without a login."""
    app = getattr(request, "scope", {}).get("app")
    tokens, cookie = getattr(app, "tokens", None), getattr(app, "cookie_id", None)
    if not tokens or cookie is None:
        return None
    token = request.cookies.get(f"access-token-{cookie}") or request.cookies.get(f"access-token-unsecure-{cookie}")
    name = tokens.get(token) if token else None
    return str(name) if name else None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:24]
