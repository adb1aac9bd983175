"""Puts the HTTP application together: operations routes, routers of other rooms, problem documents, the body bound."""

from __future__ import annotations

import re

from fastapi import FastAPI

from csms.access.needs import open_to_all
from csms.access.routing import Router, check_routes
from csms.api import (
    access_tokens,
    alerts,
    audit,
    changes,
    commands,
    description,
    device,
    diagnosis,
    docs_page,
    feeder_day,
    feeder_tree,
    feeders,
    files,
    firmware,
    frames,
    id_tokens,
    ladders,
    metrics,
    money,
    operations,
    overview,
    partners,
    pki,
    problems,
    proof,
    security,
    server_diagnosis,
    sessions,
    sites,
    station_records,
    stations,
    v2x,
)
from csms.api.body_limit import BodyLimit
from csms.api.ports import ApiDeps
from csms.api.schemas import Health
from csms.api.security_headers import SecurityHeaders

PREFIX = "/api/v1"
DESCRIPTION = (
    "Central system for EV charging. Units stand in the names (power_w, energy_wh, limit_a), times are UTC, "
    "errors are RFC 9457 problem documents with a stable code."
)
WHOLE_FILES = (re.compile(rf"{files.PATH}/upload/.+"), re.compile(rf"{PREFIX}/firmware/[^/]+"))
"""Paths whose bodies are files; the file desk bounds them."""


def create_api(deps: ApiDeps) -> FastAPI:
    """The application over `deps`; it starts nothing and owns nothing.

    Raises UndeclaredRoute for a route that does not say who may use it.
    """
    app = FastAPI(
        title="csms",
        version=deps.version,
        description=DESCRIPTION,
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        responses=description.PROBLEMS,
    )
    app.state.guard = deps.guard
    app.add_middleware(BodyLimit, bounded_elsewhere=WHOLE_FILES)
    app.add_middleware(SecurityHeaders)
    problems.install(app)
    app.include_router(docs_page.router())
    app.include_router(description.router())
    app.include_router(_health(deps))
    for room in (
        overview,
        stations,
        changes,
        sites,
        ladders,
        diagnosis,
        device,
        id_tokens,
        commands,
        sessions,
        money,
        station_records,
        feeders,
        feeder_day,
        partners,
        feeder_tree,
        frames,
        operations,
        firmware,
        proof,
        security,
        pki,
        alerts,
        metrics,
        server_diagnosis,
        v2x,
        access_tokens,
        audit,
    ):
        app.include_router(room.router(deps), prefix=PREFIX)
    app.include_router(files.router(deps))
    for router in deps.routers():
        app.include_router(router)
    description.install(app, PREFIX, PREFIX + commands.PATH, check_routes(app))
    return app


def _health(deps: ApiDeps) -> Router:
    routes = Router(tags=["server"])

    @routes.get("/healthz", summary="Is the server alive?")
    @open_to_all("a supervisor has no token, and learns nothing of stations or people")
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
