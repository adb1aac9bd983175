"""Routes that ask a station to do something, one per command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter

from csms.api.command_bodies import BODIES, CommandBody, CommandResultOut, result_view
from csms.api.ports import ApiDeps
from csms.api.schemas import Problem

ERRORS: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "unknown_station"},
    409: {"model": Problem, "description": "station_offline, not_in_this_version"},
    502: {"model": Problem, "description": "call_refused, connection_lost, answer_unreadable"},
    504: {"model": Problem, "description": "call_timeout: whether the station acted is unknown"},
}


def router(deps: ApiDeps) -> APIRouter:
    """The routes over `deps`."""
    routes = APIRouter(prefix="/stations/{station_id}/commands", tags=["commands"], responses=ERRORS)
    for name, body in BODIES.items():
        summary = name.replace("_", " ").capitalize()
        routes.add_api_route(
            f"/{name}",
            _endpoint(deps, name, body),
            methods=["POST"],
            summary=summary,
            description=body.__doc__,
            operation_id=f"command_{name}",
            response_model=CommandResultOut,
        )
    return routes


def _endpoint(deps: ApiDeps, name: str, model: type[CommandBody]) -> Callable[..., Awaitable[CommandResultOut]]:
    async def run(station_id: str, body: CommandBody) -> CommandResultOut:
        return result_view(station_id, name, await deps.stations.command(station_id, body.command()))

    run.__annotations__["body"] = model
    return run
