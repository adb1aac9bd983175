"""Puts the HTTP application together: operations routes, routers of other rooms, problem documents, the body bound."""

from __future__ import annotations

import re

from fastapi import APIRouter, FastAPI

from csms.api import (
    commands,
    description,
    device,
    diagnosis,
    docs_page,
    feeders,
    files,
    firmware,
    frames,
    ladders,
    operations,
    overview,
    problems,
    proof,
    security,
    sessions,
    station_records,
    stations,
    tokens,
    v2x,
)
from csms.api.body_limit import BodyLimit
from csms.api.ports import ApiDeps
from csms.api.schemas import Health

PREFIX = "/api/v1"
DESCRIPTION = (
    "Central system for EV charging. Units stand in the names (power_w, energy_wh, limit_a), times are UTC, "
    "errors are RFC 9457 problem documents with a stable code."
)
WHOLE_FILES = (re.compile(rf"{files.PATH}/upload/.+"), re.compile(rf"{PREFIX}/firmware/[^/]+"))
"""Paths whose bodies are files; the file desk bounds them."""


def create_api(deps: ApiDeps) -> FastAPI:
    """The application over `deps`; it starts nothing and owns nothing."""
    app = FastAPI(
        title="csms",
        version=deps.version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=description.PROBLEMS,
    )
    app.add_middleware(BodyLimit, bounded_elsewhere=WHOLE_FILES)
    problems.install(app)
    docs_page.install(app)
    app.include_router(_health(deps))
    for room in (
        overview,
        stations,
        ladders,
        diagnosis,
        device,
        tokens,
        commands,
        sessions,
        station_records,
        feeders,
        frames,
        operations,
        firmware,
        proof,
        security,
        v2x,
    ):
        app.include_router(room.router(deps), prefix=PREFIX)
    app.include_router(files.router(deps))
    for router in deps.routers:
        app.include_router(router)
    description.install(app, PREFIX + commands.PATH)
    return app


def _health(deps: ApiDeps) -> APIRouter:
    routes = APIRouter(tags=["server"])

    @routes.get("/healthz", summary="Is the server alive?")
    async def healthz() -> Health:
        """The process answers, 200 also while it is degraded: a restart would not help."""
        now = deps.condition()
        traces = "off" if deps.traces is None else deps.traces.fault
        return Health(
            status="degraded" if now.fault or now.disk_low or now.clock_stepped or (deps.traces and traces) else "ok",
            version=deps.version,
            clock_time=deps.clock.now(),
            store=now.fault or "ok",
            store_refused=now.refused,
            disk_free_mb=now.disk_free_mb,
            clock_stepped=now.clock_stepped,
            traces=traces or "ok",
        )

    return routes
