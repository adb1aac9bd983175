"""What FastAPI cannot know for `/openapi.json`: commands, whose types are msgspec's, and problem documents.

One route serves all commands and every refusal has one schema: a route of its own for each of a hundred commands, with
a model for each of its errors, takes longer to put together than all the rest of the application.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse

from csms.access.needs import Need, open_to_all
from csms.access.routing import GuardedRoute, Router
from csms.api.command_results import CommandResultOut
from csms.api.problems import MEDIA_TYPE
from csms.api.schemas import Problem
from csms.model.command import Command
from csms.model.commands import COMMANDS

_REF = "#/components/schemas/{model}"


def _reference(kind: type) -> dict[str, str]:
    return {"$ref": _REF.format(model=kind.__name__)}


def problem_document(description: str) -> dict[str, Any]:
    """A refusal, as a value of `responses`."""
    return {"description": description, "content": {MEDIA_TYPE: {"schema": _reference(Problem)}}}


PROBLEMS: dict[int | str, dict[str, Any]] = {"4XX": problem_document("a problem document; code says which")}
COMMAND_PROBLEMS: Mapping[int, str] = {
    404: "unknown_station, unknown_command",
    409: "station_offline, station_not_accepted, not_in_this_version",
    422: "invalid_request, command_invalid",
    502: "call_refused, connection_lost, answer_unreadable",
    504: "call_timeout: whether the station acted is unknown",
}


SCHEME = "token"
"""The name of our security scheme."""

BEARER = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "csms_<public>_<secret>",
    "description": "A token of this server (csms token create). x-roles says which roles an operation serves.",
}


def router() -> Router:
    """Serves the description."""
    routes = Router()

    @routes.get("/openapi.json", include_in_schema=False)
    @open_to_all("it tells what everybody can read in the source")
    async def openapi(request: Request) -> JSONResponse:
        return JSONResponse(request.app.openapi())

    return routes


def install(app: FastAPI, prefix: str, commands_path: str, routes: Iterable[GuardedRoute]) -> None:
    """Complete what `app` tells of itself; commands are served under `commands_path`, which begins with `prefix`."""
    plain = app.openapi
    needs = {(place + r.path, m.lower()): r.need for r in routes for m in r.methods or () for place in ("", prefix)}
    of_commands = needs[f"{commands_path}/{{name}}", "post"]

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            for path, methods in document["paths"].items():
                for method, operation in methods.items():
                    operation.update(_security(needs[path, method]))
            document["paths"].update(
                {f"{commands_path}/{name}": _command(name, COMMANDS[name], of_commands) for name in COMMANDS}
            )
            components = document.setdefault("components", {})
            components["securitySchemes"] = {SCHEME: BEARER}
            schemas = components.setdefault("schemas", {})
            schemas.update({name: schema for name, schema in _components().items() if name not in schemas})
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _security(need: Need) -> dict[str, Any]:
    """What an operation asks of its caller; `x-roles` for people."""
    return {"security": []} if need.is_open else {"security": [{SCHEME: []}], "x-roles": sorted(need.roles)}


def _command(name: str, kind: type[Command], need: Need) -> dict[str, Any]:
    """The path item of one command."""
    answered = {
        "description": "Successful Response",
        "content": {"application/json": {"schema": _reference(CommandResultOut)}},
    }
    refused = {str(status): problem_document(codes) for status, codes in COMMAND_PROBLEMS.items()}
    station = {"name": "station_id", "in": "path", "required": True, "schema": {"type": "string"}}
    body = {"required": False, "content": {"application/json": {"schema": _reference(kind)}}}
    operation = {
        "tags": ["commands"],
        "summary": name.replace("_", " ").capitalize(),
        "description": kind.__doc__,
        "operationId": f"command_{name}",
        "parameters": [station],
        "requestBody": body,
        "responses": {"200": answered, **refused},
        **_security(need),
    }
    return {"post": operation}


def _components() -> dict[str, Any]:
    """The schemas of commands, of their answer and of problems, by name."""
    _, found = msgspec.json.schema_components(COMMANDS.values(), ref_template=_REF.format(model="{name}"))
    for model in (CommandResultOut, Problem):
        schema = model.model_json_schema(ref_template=_REF)
        found.update(schema.pop("$defs", {}))
        found[model.__name__] = schema
    return found
