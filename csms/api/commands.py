"""The route that asks a station to do something: `/stations/{station_id}/commands/{name}`."""

from __future__ import annotations

from fastapi import APIRouter, Request

from csms.api.command_bodies import read_command
from csms.api.command_results import CommandResultOut, result_view
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.model.commands import COMMANDS

PATH = "/stations/{station_id}/commands"


def router(deps: ApiDeps) -> APIRouter:
    """The route over `deps`; `csms.api.description` tells of each command."""
    routes = APIRouter(prefix=PATH)

    @routes.post("/{name}", include_in_schema=False)
    async def command(station_id: str, name: str, request: Request) -> CommandResultOut:
        kind = COMMANDS.get(name)
        if kind is None:
            raise Refused(404, "unknown_command", f"there is no command {name}; /docs lists them")
        asked = read_command(kind, await request.body())
        return result_view(station_id, name, await deps.stations.order(station_id, asked))

    return routes
