"""The route that asks a station to do something: `/stations/{station_id}/commands/{name}`."""

from __future__ import annotations

from fastapi import Request

from csms.access.needs import technicians
from csms.access.routing import Router, caller_of
from csms.api.command_bodies import read_command
from csms.api.command_results import CommandResultOut, result_view
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.model.access import NotAuthorised, Role
from csms.model.command import SetVariables
from csms.model.commands import COMMANDS
from csms.model.device import place

PATH = "/stations/{station_id}/commands"
NETWORK, _ = place("NetworkConfiguration")

ADMINISTRATORS_ONLY = frozenset({"install_certificate", "delete_certificate", "set_network_profile", "call"})
"""What decides whom a station trusts and where it connects to, and the raw call, which can do nearly all of it. What a
station proves itself by (password, certificate) is the work of those who commission it."""

SECRET_BODIES = frozenset({"set_password", "set_network_profile"})
"""Their bodies are not recorded: a secret under a mistyped name would look like a word."""

STOPPING = frozenset({"remote_stop"})
"""What ends a load is not refused because the audit log cannot be written."""


def router(deps: ApiDeps) -> Router:
    """The route over `deps`; `csms.api.description` tells of each command."""
    routes = Router(prefix=PATH)

    @routes.post("/{name}", include_in_schema=False)
    @technicians.but(owed=("name", STOPPING), silent=("name", SECRET_BODIES))
    async def command(station_id: str, name: str, request: Request) -> CommandResultOut:
        kind = COMMANDS.get(name)
        if kind is None:
            raise Refused(404, "unknown_command", f"there is no command {name}; /docs lists them")
        administrator = caller_of(request).role is Role.ADMINISTRATOR
        if name in ADMINISTRATORS_ONLY and not administrator:
            raise NotAuthorised("role", f"{name} needs the role administrator")
        asked = read_command(kind, await request.body())
        if isinstance(asked, SetVariables) and not administrator and any(map(_says_where_to, asked.values)):
            raise NotAuthorised("role", "where a station connects to needs the role administrator")
        return result_view(station_id, name, await deps.stations.order(station_id, asked))

    return routes


def _says_where_to(variable: str) -> bool:
    """Whether it does what `set_network_profile` does (2.1)."""
    return place(variable)[0] == NETWORK
