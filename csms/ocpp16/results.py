"""Answers of 1.6 stations as results of neutral commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, GetVariables, SendData, SetVariables
from csms.wire.block import ReadResults, plain_result
from csms.wire.reading import items, section, text
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.statuses import overall
from csms.wire.translator import Payload


def _changed(command: SetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    statuses = {key: text(answer, "status") for key, answer in zip(command.values, answers, strict=False)}
    payload: Payload = answers[0] if len(answers) == 1 else {"answers": list(answers)}
    return CommandResult(overall(statuses.values()), values=dict(statuses), payload=payload)


def _configuration(command: GetVariables, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Every name asked for and every one told; None for unknown keys and keys without a value (OA-09, OA-10)."""
    answer = answers[0] if answers else {}
    told: dict[str, str | None] = dict.fromkeys(command.names)
    for entry in items(answer, "configurationKey"):
        told[text(entry, "key")] = text(entry, "value") if isinstance(entry.get("value"), str) else None
    return CommandResult("Accepted", values=told, payload=answer)


def _composite(command: GetCompositeSchedule, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    return replace(plain, composite=_schedule(plain.payload, zone))


def _data(command: SendData, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    return replace(plain, data=text(plain.payload, "data"))


def _schedule(answer: Mapping[str, Any], zone: tzinfo) -> CompositeSchedule | None:
    if answer.get("status") != "Accepted":
        return None
    schedule = section(answer, "chargingSchedule")
    start = answer.get("scheduleStart", schedule.get("startSchedule"))
    return read_composite(schedule, start, zone) if schedule else UNKNOWN


RESULTS: Mapping[type[Command], ReadResults] = {
    SetVariables: _changed,
    GetVariables: _configuration,
    GetCompositeSchedule: _composite,
    SendData: _data,
}
