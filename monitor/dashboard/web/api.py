"""The operations API as the dashboard uses it: every call with the token of the person whom it is for."""

from __future__ import annotations

import os
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx
import orjson

from monitor.dashboard.source import PREFIX, SourceLost, SourceRefused

CA_VARIABLE = "CSMS_CA_FILE"
PATIENCE = httpx.Timeout(75.0, connect=5.0)
"""A station may take a minute to answer a command; the server itself answers in milliseconds."""
NO_RIGHT = (401, 403)


class Refused(Exception):
    """The server answered with a problem document (RFC 9457); `detail` is for people."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(f"{detail} ({code})")
        self.status, self.code, self.detail = status, code, detail


class Api:
    """One server. Every call raises SourceLost (no answer), SourceRefused (no right) or Refused. `await close()`."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        limits = httpx.Limits(max_connections=20)
        self._http = httpx.AsyncClient(trust_env=False, timeout=PATIENCE, limits=limits, verify=_trust(url))

    async def get(self, token: str, path: str, **params: Any) -> Any:
        """Read below `/api/v1`; parameters that are None are left out."""
        given = {name: _plain(value) for name, value in params.items() if value is not None}
        return await self._call("GET", path, token, params=given)

    async def open_get(self, path: str) -> Any:
        """Read what the server tells to anybody."""
        return await self._call("GET", path, "")

    async def put(self, token: str, path: str, body: Any) -> Any:
        """Write below `/api/v1`."""
        return await self._call("PUT", path, token, json=body)

    async def post(self, token: str, path: str, body: Any) -> Any:
        """Ask below `/api/v1`."""
        return await self._call("POST", path, token, json=body)

    async def delete(self, token: str, path: str) -> Any:
        """Cancel below `/api/v1`."""
        return await self._call("DELETE", path, token)

    @asynccontextmanager
    async def stream(self, token: str, path: str) -> AsyncIterator[AsyncIterator[str]]:
        """The lines of an answer that goes on and on; the errors of a call, also while it is read."""
        headers = {"Authorization": f"Bearer {token}"}
        try:
            async with self._http.stream("GET", self.url + PREFIX + path, headers=headers) as answer:
                if answer.status_code >= 400:
                    document = orjson.loads(await answer.aread() or b"null")
                    raise _refusal(document, answer.status_code)
                yield answer.aiter_lines()
        except (httpx.HTTPError, httpx.InvalidURL, orjson.JSONDecodeError) as fault:
            raise SourceLost(str(fault) or type(fault).__name__) from fault

    async def _call(self, method: str, path: str, token: str, **more: Any) -> Any:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._http.request(method, self.url + PREFIX + path, headers=headers, **more)
            document = answer.json() if answer.content else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            raise SourceLost(str(fault) or type(fault).__name__) from fault
        if answer.status_code >= 400:
            raise _refusal(document, answer.status_code)
        return document

    async def close(self) -> None:
        """Let the connections go."""
        await self._http.aclose()


def segment(words: str) -> str:
    """One segment of a path, whatever it holds."""
    return quote(words, safe="")


def _plain(value: Any) -> Any:
    return str(value).lower() if isinstance(value, bool) else value


def _refusal(document: Any, status: int) -> SourceRefused | Refused:
    code, detail = _said(document, status)
    return SourceRefused(detail) if status in NO_RIGHT else Refused(status, code, detail)


def _said(document: Any, status: int) -> tuple[str, str]:
    """Stable code and words of a problem document."""
    said = document if isinstance(document, dict) else {}
    return str(said.get("code", f"http_{status}")), str(said.get("detail") or said.get("title") or f"HTTP {status}")


def _trust(url: str) -> ssl.SSLContext | bool:
    """Whose certificates count: those of the system, and of the file that CSMS_CA_FILE names. Raises OSError."""
    if not url.startswith("https://"):
        return False
    context = ssl.create_default_context()
    if file := os.environ.get(CA_VARIABLE, ""):
        context.load_verify_locations(file)
    return context
