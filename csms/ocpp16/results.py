"""Answers of 1.6 stations as results of neutral commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import tzinfo

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, GetVariables, SetVariables
from csms.wire.reading import items, section, text
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.statuses import overall
from csms.wire.translator import Payload


def decode(command: Command, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """The result; answers that the station left half empty give what they hold."""
    if isinstance(command, SetVariables):
        return _changed(command, answers)
    answer = answers[0] if answers else {}
    if isinstance(command, GetVariables):
        return CommandResult("Accepted", values=_configuration(command, answer), payload=answer)
    status = text(answer, "status") or "Accepted"
    composite = _composite(answer, zone) if isinstance(command, GetCompositeSchedule) else None
    return CommandResult(status, composite=composite, data=text(answer, "data"), payload=answer)


def _changed(command: SetVariables, answers: Sequence[Payload]) -> CommandResult:
    statuses = {key: text(answer, "status") for key, answer in zip(command.values, answers, strict=False)}
    payload: Payload = answers[0] if len(answers) == 1 else {"answers": list(answers)}
    return CommandResult(overall(statuses.values()), values=dict(statuses), payload=payload)


def _configuration(command: GetVariables, answer: Payload) -> Mapping[str, str | None]:
    """Every name asked for and every one told; None for unknown keys and keys without a value (OA-09, OA-10)."""
    told: dict[str, str | None] = dict.fromkeys(command.names)
    for entry in items(answer, "configurationKey"):
        told[text(entry, "key")] = text(entry, "value") if isinstance(entry.get("value"), str) else None
    return told


def _composite(answer: Payload, zone: tzinfo) -> CompositeSchedule | None:
    if answer.get("status") != "Accepted":
        return None
    schedule = section(answer, "chargingSchedule")
    start = answer.get("scheduleStart", schedule.get("startSchedule"))
    return read_composite(schedule, start, zone) if schedule else UNKNOWN
