"""The supervising platform as a FastAPI application: the interfaces of every profile in use, and a summary.

The demo runs it on loopback as the provincial platform.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.responses import JSONResponse

from csms.model.clock import Clock
from csms.province import strict_json
from csms.province.profile import Kind
from monitor.intake.desk import IntakeDesk
from monitor.intake.figures import Figures
from monitor.intake.settings import PlatformSettings
from monitor.store.intake import IntakeStore

TOKEN_BYTES = 48
JSON_TYPE = "application/json; charset=utf-8"


def new_token() -> str:
    """64 characters that nobody can guess."""
    return secrets.token_urlsafe(TOKEN_BYTES)


async def create_platform(
    settings: PlatformSettings, clock: Clock, store: IntakeStore, make_token: Callable[[], str] = new_token
) -> FastAPI:
    """The application on an open store; `app.state.desk` is its desk."""
    desk = IntakeDesk(settings, clock, store, make_token)
    await desk.start()
    app = FastAPI(title="Supervising platform", docs_url=None, redoc_url=None, openapi_url=None)
    app.state.desk = desk
    figures = Figures(clock)
    for path, kinds in paths_of(settings).items():
        app.add_api_route(path, _endpoint(desk, path, kinds, figures), methods=["POST"], response_model=None)

    @app.get("/summary")
    async def summary(request: Request) -> Response:
        if not _is_local(request):
            return Response(status_code=403)
        return JSONResponse(
            await store.summary() | {"profiles": _standings(settings), "service": figures.as_document()}
        )

    return app


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
