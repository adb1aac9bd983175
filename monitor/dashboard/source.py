"""Reads snapshots from the operations API."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import httpx

from monitor.dashboard.history import Snapshot

PREFIX = "/api/v1"
SESSIONS_READ = 50
TIMEOUT = httpx.Timeout(10.0, connect=5.0)


class SourceLost(Exception):
    """The server does not answer, or not with what the API answers."""


class SourceRefused(SourceLost):
    """The server answers, but not to us: without a token, or with one that may not see this."""


class Source:
    """One server. `await close()` at the end."""

    def __init__(self, url: str, token: str | None = None) -> None:
        self.url = url.rstrip("/")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._http = httpx.AsyncClient(trust_env=False, timeout=TIMEOUT, follow_redirects=False, headers=headers)

    async def read(self, plan_of: str = "") -> Snapshot:
        """One look, with the plan in force of a feeder if one is named; raises SourceLost with a reason for people."""
        try:
            overview = await self._get("/overview")
            stations = await self._get("/stations")
            sessions = await self._get("/sessions", limit=SESSIONS_READ)
            plan = await self._plan(plan_of) if plan_of else None
            return Snapshot(overview, stations["stations"], sessions["sessions"], plan)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError, AttributeError) as fault:
            raise SourceLost(str(fault) or type(fault).__name__) from fault

    async def _plan(self, feeder_id: str) -> dict[str, Any] | None:
        """None where there is none yet."""
        try:
            return await self._get(f"/plans/{quote(feeder_id, safe='')}")
        except httpx.HTTPStatusError as fault:
            if fault.response.status_code == httpx.codes.NOT_FOUND:
                return None
            raise

    async def _get(self, path: str, **params: int) -> dict[str, Any]:
        answer = await self._http.get(self.url + PREFIX + path, params=params)
        if answer.status_code in (401, 403):
            raise SourceRefused(str(answer.json().get("detail", answer.status_code)))
        answer.raise_for_status()
        document: dict[str, Any] = answer.json()
        return document

    async def close(self) -> None:
        """Let the connection go."""
        await self._http.aclose()
