"""What FastAPI cannot know for `/openapi.json`: commands, whose types are msgspec's, and problem documents.

One route serves all commands and every refusal has one schema: a route of its own for each of a hundred commands, with
a model for each of its errors, takes longer to put together than all the rest of the application.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from fastapi import FastAPI

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


def install(app: FastAPI, commands_path: str) -> None:
    """Complete what `app` tells of itself; commands are served under `commands_path`."""
    plain = app.openapi

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            document = plain()
            document["paths"].update({f"{commands_path}/{name}": _command(name, COMMANDS[name]) for name in COMMANDS})
            schemas = document.setdefault("components", {}).setdefault("schemas", {})
            schemas.update({name: schema for name, schema in _components().items() if name not in schemas})
        return app.openapi_schema or {}

    app.openapi = openapi  # type: ignore[method-assign]


def _command(name: str, kind: type[Command]) -> dict[str, Any]:
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
