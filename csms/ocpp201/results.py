"""Answers of 2.0.1 stations as results of neutral commands."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo

import orjson

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, GetVariables, SetVariables
from csms.ocpp201 import variables
from csms.wire.reading import items, section, text
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.statuses import overall
from csms.wire.translator import Payload


def decode(command: Command, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """The result; answers that the station left half empty give what they hold."""
    answer = answers[0] if answers else {}
    if isinstance(command, SetVariables):
        return _set(command, answer)
    if isinstance(command, GetVariables):
        return _got(command, answer)
    status = text(answer, "status") or "Accepted"
    composite = _composite(answer, zone) if isinstance(command, GetCompositeSchedule) else None
    return CommandResult(status, composite=composite, data=_data(answer), payload=answer)


def _set(command: SetVariables, answer: Payload) -> CommandResult:
    """A variable that the answer leaves out was not set."""
    statuses = dict.fromkeys(command.values, "Rejected")
    for entry in items(answer, "setVariableResult"):
        statuses[variables.written(entry)] = text(entry, "attributeStatus")
    return CommandResult(overall(statuses.values()), values=dict(statuses), payload=answer)


def _got(command: GetVariables, answer: Payload) -> CommandResult:
    """Every name asked for; None where the station refused it or it can only be written."""
    told: dict[str, str | None] = dict.fromkeys(command.names)
    statuses = []
    for entry in items(answer, "getVariableResult"):
        statuses.append(text(entry, "attributeStatus"))
        value = entry.get("attributeValue") if statuses[-1] == "Accepted" else None
        told[variables.written(entry)] = value if isinstance(value, str) else None
    return CommandResult(overall(statuses), values=told, payload=answer)


def _composite(answer: Payload, zone: tzinfo) -> CompositeSchedule | None:
    if answer.get("status") != "Accepted":
        return None
    schedule = section(answer, "schedule")
    return read_composite(schedule, schedule.get("scheduleStart"), zone) if schedule else UNKNOWN


def _data(answer: Payload) -> str:
    data = answer.get("data")
    return text(answer, "data") if isinstance(data, str) or data is None else orjson.dumps(data).decode()
