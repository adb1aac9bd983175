"""Routes about charging sessions and their samples."""

from __future__ import annotations

from typing import Literal

from fastapi import Query
from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import SamplesOut, SessionOut, SessionsOut
from csms.api.views import sample_view, session_view
from csms.station.state import OpenSession
from csms.store.tables import Session

SAMPLES_MAX = 10_000
"""Samples in one answer: a day of one session every 10 s, about 2 MB."""


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/sessions", tags=["sessions"])

    @routes.get("", summary="List sessions")
    @viewers
    async def list_sessions(
        limit: int = Query(default=50, ge=1, le=1000),
        station_id: str | None = None,
        status: Literal["open", "aside", "ended"] | None = None,
        before_id: int | None = Query(default=None, ge=1),
    ) -> SessionsOut:
        """Newest first; older ones with `before_id`."""
        rows = await deps.reader.sessions(limit, station_id=station_id, status=status, before_id=before_id)
        views = [session_view(row, running(deps, row)) for row in rows]
        next_before_id = views[-1].session_id if len(views) == limit else None
        return SessionsOut(clock_time=deps.clock.now(), sessions=views, next_before_id=next_before_id)

    @routes.get("/{session_id}", summary="Show a session")
    @viewers
    async def show_session(session_id: int) -> SessionOut:
        """One session."""
        row = await known_session(deps, session_id)
        return session_view(row, running(deps, row))

    _add_samples(routes, deps)
    return routes


def _add_samples(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/{session_id}/samples", summary="Metered values of a session")
    @viewers
    async def session_samples(
        session_id: int,
        since: AwareDatetime | None = None,
        until: AwareDatetime | None = None,
        limit: int = Query(default=1000, ge=1, le=SAMPLES_MAX),
    ) -> SamplesOut:
        """In order of time, as the station sent them, in base units."""
        await known_session(deps, session_id)
        rows = await deps.reader.samples(session_id=session_id, since=since, until=until, limit=limit + 1)
        views = [sample_view(row) for row in rows[:limit]]
        return SamplesOut(session_id=session_id, samples=views, truncated=len(rows) > limit)


def running(deps: ApiDeps, row: Session) -> OpenSession | None:
    """The session as it runs now; its stored progress may be a minute old."""
    station = deps.stations.stations.get(row.station_id)
    evse = station.evses.get(row.evse_id) if station else None
    running = evse.session if evse else None
    return running if running is not None and running.session_id == row.id else None


async def known_session(deps: ApiDeps, session_id: int) -> Session:
    """A stored session, or the refusal that there is none."""
    row = await deps.reader.session(session_id) if 0 < session_id < 2**63 else None
    if row is None:
        raise Refused(404, "unknown_session", f"there is no session {session_id}")
    return row
