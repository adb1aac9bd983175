"""Puts the HTTP application together: operations routes, routers of other rooms, problem documents, the body bound."""

from __future__ import annotations

import re
from typing import Any

from fastapi import APIRouter, FastAPI

from csms.api import (
    commands,
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
    security,
    sessions,
    station_records,
    stations,
    tokens,
    v2x,
)
from csms.api.body_limit import BodyLimit
from csms.api.command_bodies import components
from csms.api.ports import ApiDeps
from csms.api.schemas import Health, Problem

PREFIX = "/api/v1"
DESCRIPTION = (
    "Central system for EV charging. Units stand in the names (power_w, energy_wh, limit_a), times are UTC, "
    "errors are RFC 9457 problem documents with a stable code."
)
WHOLE_FILES = (re.compile(rf"{files.PATH}/upload/.+"), re.compile(rf"{PREFIX}/firmware/[^/]+"))
"""Paths whose bodies are files; the file desk bounds them."""
PROBLEMS: dict[int | str, dict[str, object]] = {
    "4XX": {"model": Problem, "description": "a problem document; code says which"}
}


def create_api(deps: ApiDeps) -> FastAPI:
    """The application over `deps`; it starts nothing and owns nothing."""
    app = FastAPI(
        title="csms",
        version=deps.version,
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        responses=PROBLEMS,
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
        security,
        v2x,
    ):
        app.include_router(room.router(deps), prefix=PREFIX)
    app.include_router(files.router(deps))
    for router in deps.routers:
        app.include_router(router)
    _describe_commands(app)
    return app


def _describe_commands(app: FastAPI) -> None:
    """Add what FastAPI cannot know: the types of commands, which are no models of its own."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update({name: schema for name, schema in components().items() if name not in schemas})
        return document

    app.openapi = openapi  # type: ignore[method-assign]


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
