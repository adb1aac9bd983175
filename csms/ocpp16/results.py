"""Answers of 1.6 stations as results of neutral commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, SendData
from csms.wire.block import ReadResults, plain_result
from csms.wire.reading import section, text
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.translator import Payload


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
    GetCompositeSchedule: _composite,
    SendData: _data,
}
