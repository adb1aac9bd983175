"""The supervising platform as a FastAPI application: the interfaces of every profile in use, and a summary.

The demo runs it on loopback as the provincial platform.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse

from csms.model.clock import Clock
from csms.model.exposition import MEDIA_TYPE
from csms.province import strict_json
from csms.province.profile import Kind
from monitor.evidence.service import Evidence
from monitor.intake.desk import IntakeDesk
from monitor.intake.figures import Figures
from monitor.intake.head_routes import head_routes
from monitor.intake.health import free_bytes, stalled
from monitor.intake.keys import OperatorKeys
from monitor.intake.settings import PlatformSettings
from monitor.store.intake import IntakeStore

JSON_TYPE = "application/json; charset=utf-8"


async def create_platform(
    settings: PlatformSettings,
    clock: Clock,
    store: IntakeStore,
    keys: OperatorKeys | None = None,
    figures: Figures | None = None,
    evidence: Evidence | None = None,
) -> FastAPI:
    """The application on an open store; `app.state.desk` is its desk. What the machine alone may see is for a caller of
    this machine that no proxy speaks for."""
    figures = figures or Figures(clock)
    desk = IntakeDesk(settings, clock, store, keys or OperatorKeys(settings, clock, store.keys, store.folder), figures)
    await desk.start()
    app = FastAPI(title="Supervising platform", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    for path, kinds in paths_of(settings).items():
        app.add_api_route(path, _endpoint(desk, path, kinds, figures), methods=["POST"], response_model=None)

    own = APIRouter(dependencies=[Depends(_local_only)])

    @own.get("/summary")
    async def summary() -> Response:
        told = {"profiles": _standings(settings), "service": figures.as_document()}
        return JSONResponse(await store.summary() | told)

    @own.get("/service")
    async def service() -> Response:
        told = figures.as_document() | {"disk_free_bytes": free_bytes(store.folder), "stalled": stalled(figures)}
        return JSONResponse(told | {"profiles": _standings(settings)})

    @own.get("/metrics")
    async def metrics() -> Response:
        known = {"disk_free_bytes": float(free_bytes(store.folder)), "stalled": float(stalled(figures))}
        return Response(figures.exposition(known), media_type=MEDIA_TYPE)

    @app.get("/healthz")
    async def health() -> Response:
        await store.tokens()
        return Response(status_code=503 if stalled(figures) else 204)

    app.include_router(own)
    if evidence is not None:
        app.include_router(head_routes(desk, evidence))
    return app


def _local_only(request: Request) -> None:
    proxied = any(name in request.headers for name in ("x-forwarded-for", "x-real-ip", "forwarded"))
    if proxied or not _is_local(request):
        raise HTTPException(403)


def paths_of(settings: PlatformSettings) -> dict[str, dict[str, Kind]]:
    """Every path that an operator of ours may call, with what it is in which profile."""
    paths: dict[str, dict[str, Kind]] = {}
    for operator in settings.operators.values():
        for kind, interface in operator.profile.interfaces.items():
            if interface.host == "platform" and interface.enabled:
                paths.setdefault(operator.profile.path(kind), {})[operator.profile.id] = kind
    return paths


def _endpoint(
    desk: IntakeDesk, path: str, kinds: dict[str, Kind], figures: Figures
) -> Callable[[Request], Awaitable[Response]]:
    interface = path.rpartition("/")[2]

    async def receive(request: Request) -> Response:
        raw = await strict_json.bounded(request.stream())
        with figures.call():
            reply = await desk.receive(kinds, interface, raw, request.headers.get("Authorization", ""))
        return Response(reply.body, reply.http_status, media_type=JSON_TYPE)

    return receive


def _is_local(request: Request) -> bool:
    try:
        return request.client is not None and ip_address(request.client.host).is_loopback
    except ValueError:
        return False


def _standings(settings: PlatformSettings) -> dict[str, Any]:
    """How far each profile in use can be trusted (section 2.1)."""
    return {operator.profile.id: operator.profile.state for operator in settings.operators.values()}
