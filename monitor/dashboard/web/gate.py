"""What stands before every page: who is not signed in sees the door; answers carry headers that trust nobody else.

The content policy allows inline script and `eval`, because NiceGUI builds pages from strings; therefore no word of a
person or a station ever becomes part of a script (docs/security.md).
"""

from __future__ import annotations

from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from monitor.dashboard.web.visitors import Visitor, Visitors

COOKIE = "csms_dashboard"
DOOR = "/login"
OPEN = (DOOR, "/assets/", "/find", "/healthz")
"""Beginnings of paths that need no visitor."""
STATIC = "/_nicegui/"
"""Scripts and fonts of the package, the same for everybody."""
SAFE = frozenset({"GET", "HEAD"})

POLICY = (
    "default-src 'none'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; worker-src 'self' blob:; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
}
OVER_TLS = {"strict-transport-security": "max-age=31536000"}


class Gate:
    """ASGI middleware around the whole application."""

    def __init__(self, app: ASGIApp, visitors: Visitors, also_open: tuple[str, ...] = ()) -> None:
        self._app, self._visitors, self._also_open = app, visitors, also_open

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass on, or answer instead."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        sending = _with_headers(scope, send)
        visitor = self._visitors.known(cookie_of(scope))
        scope.setdefault("state", {})["visitor"] = visitor
        if not _from_here(scope):
            await _refuse(scope, receive, sending, Response("another site may not do this\n", 403))
        elif visitor is None and not self._is_open(scope["path"]):
            wants_page = scope["type"] == "http" and scope["method"] in SAFE
            door = RedirectResponse(DOOR, 303) if wants_page else Response("sign in first\n", 401)
            await _refuse(scope, receive, sending, door)
        else:
            await self._app(scope, receive, sending)

    def _is_open(self, path: str) -> bool:
        below = tuple(f"{one}/" for one in self._also_open)
        return path in (DOOR, *self._also_open) or path.startswith((*OPEN[1:], STATIC, *below))


def visitor_of(scope: Scope) -> Visitor | None:
    """Whom the gate let in."""
    found: Visitor | None = scope.get("state", {}).get("visitor")
    return found


def cookie_of(scope: Scope) -> str:
    """The number in the cookie; empty without one."""
    try:
        morsel = SimpleCookie(Headers(scope=scope).get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return morsel.value if morsel is not None else ""


def _from_here(scope: Scope) -> bool:
    """Whether this page itself asks: what changes something, and every live connection, names its origin."""
    if scope["type"] == "http" and scope["method"] in SAFE and not scope["path"].startswith("/_nicegui_ws/"):
        return True
    headers = Headers(scope=scope)
    origin = headers.get("origin")
    if origin is None:
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")
    return urlsplit(origin).netloc == headers.get("host", "")


async def _refuse(scope: Scope, receive: Receive, send: Send, response: Response) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await response(scope, receive, send)


def _with_headers(scope: Scope, send: Send) -> Send:
    if scope["type"] == "websocket":
        return send
    wanted = HEADERS | (OVER_TLS if scope.get("scheme") == "https" else {})
    cached = scope["path"].startswith((STATIC, "/assets/"))

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in wanted.items():
                headers.setdefault(name, value)
            if not cached:
                headers["cache-control"] = "no-store"
        await send(message)

    return sending
