"""Routes that ask a station to do something, one per command."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import APIRouter, Request

from csms.api.command_bodies import read_command, schema_of
from csms.api.command_results import CommandResultOut, result_view
from csms.api.ports import ApiDeps
from csms.api.schemas import Problem
from csms.model.command import Command
from csms.model.commands import COMMANDS

ERRORS: dict[int | str, dict[str, object]] = {
    404: {"model": Problem, "description": "unknown_station"},
    409: {"model": Problem, "description": "station_offline, station_not_accepted, not_in_this_version"},
    422: {"model": Problem, "description": "invalid_request, command_invalid"},
    502: {"model": Problem, "description": "call_refused, connection_lost, answer_unreadable"},
    504: {"model": Problem, "description": "call_timeout: whether the station acted is unknown"},
}


def router(deps: ApiDeps) -> APIRouter:
    """The routes over `deps`."""
    routes = APIRouter(prefix="/stations/{station_id}/commands", tags=["commands"], responses=ERRORS)
    for name, kind in COMMANDS.items():
        routes.add_api_route(
            f"/{name}",
            _endpoint(deps, name, kind),
            methods=["POST"],
            summary=name.replace("_", " ").capitalize(),
            description=kind.__doc__,
            operation_id=f"command_{name}",
            response_model=CommandResultOut,
            openapi_extra=schema_of(kind),
        )
    return routes


def _endpoint(deps: ApiDeps, name: str, kind: type[Command]) -> Callable[..., Awaitable[CommandResultOut]]:
    async def run(station_id: str, request: Request) -> CommandResultOut:
        command = read_command(kind, await request.body())
        return result_view(station_id, name, await deps.stations.command(station_id, command))

    return run
