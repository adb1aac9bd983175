"""The published JSON schemas as a judge of its own: whatever we send must pass strictly, formats of times included."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from importlib import resources
from typing import Any

import jsonschema_rs

FOLDERS = {"ocpp1.6": "v16", "ocpp2.0.1": "v201", "ocpp2.1": "v21"}

Payload = dict[str, Any]


@cache
def schema(protocol: str, name: str) -> Mapping[str, Any]:
    """`BootNotification` and `BootNotificationResponse`, whatever the files of the version are called."""
    folder = resources.files("ocpp") / FOLDERS[protocol] / "schemas"
    request = name.endswith("Response") or protocol == "ocpp1.6"
    text = (folder / f"{name if request else name + 'Request'}.json").read_text("utf-8-sig")
    found: Mapping[str, Any] = json.loads(text)
    return found


@cache
def _judge(protocol: str, name: str) -> jsonschema_rs.Validator:
    return jsonschema_rs.Draft4Validator(schema(protocol, name), validate_formats=True)


def faults(protocol: str, name: str, payload: object) -> list[str]:
    """What is wrong with a request (`Reset`) or an answer (`ResetResponse`); a name without a schema is a fault too."""
    try:
        judge = _judge(protocol, name)
    except FileNotFoundError:
        return [f"{name} is no message of {protocol}"]
    found = judge.iter_errors(payload)
    return [f"{name}{'/'.join(['', *map(str, fault.instance_path)])}: {fault.message}" for fault in found]


def plain_answer(protocol: str, action: str) -> Payload:
    """The shortest valid answer to `action`, with Accepted wherever a status may be."""
    root = schema(protocol, f"{action}Response")
    answer: Payload = _least(root, root)
    return answer


def _least(part: Mapping[str, Any], root: Mapping[str, Any]) -> Any:
    while "$ref" in part:
        part = root["definitions"][part["$ref"].rsplit("/", 1)[1]]
    if "enum" in part:
        return "Accepted" if "Accepted" in part["enum"] else part["enum"][0]
    kind = part.get("type", "string")
    if kind == "object":
        return {name: _least(part["properties"][name], root) for name in part.get("required", ())}
    if kind == "array":
        return [_least(part["items"], root) for _ in range(part.get("minItems", 0))]
    if part.get("format") == "date-time":
        return "2026-03-01T12:00:00Z"
    return {"string": "", "integer": int(part.get("minimum", 0)), "number": 0, "boolean": False}[kind]
