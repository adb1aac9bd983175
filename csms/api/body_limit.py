"""A bound on request bodies: the server below has none (uvicorn takes any length)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from csms.api.problems import problem

BODY_BYTES_MAX = 256 * 1024
"""The largest honest body is a limit of a day in 15-minute blocks (under 20 KiB); grid-limits A6 asks for 256 KiB."""


class BodyLimit:
    """ASGI middleware that answers 413 to a body above `bytes_max`, announced or not.

    Paths that fit one of `bounded_elsewhere` take whole files and count for themselves while these stream by.
    """

    def __init__(
        self, app: ASGIApp, bytes_max: int = BODY_BYTES_MAX, bounded_elsewhere: Sequence[re.Pattern[str]] = ()
    ) -> None:
        self._app = app
        self._bytes_max = bytes_max
        self._bounded_elsewhere = bounded_elsewhere

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, counting its body."""
        if scope["type"] != "http" or any(path.fullmatch(scope["path"]) for path in self._bounded_elsewhere):
            await self._app(scope, receive, send)
            return
        announced = Headers(scope=scope).get("content-length", "0")
        if announced.isdecimal() and int(announced) > self._bytes_max:
            await problem(413, "body_too_large", self._text())(scope, receive, send)
            return
        await self._app(scope, self._counted(receive), send)

    def _counted(self, receive: Receive) -> Receive:
        total = 0

        async def counted() -> Message:
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            if total > self._bytes_max:
                raise HTTPException(413, self._text())
            return message

        return counted

    def _text(self) -> str:
        return f"a request body has at most {self._bytes_max} bytes"
