"""Answers of 2.0.1 stations as results of neutral commands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import tzinfo
from typing import Any

import orjson

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, GetTransactionStatus, SendData
from csms.wire.block import ReadResults, plain_result
from csms.wire.reading import section
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.translator import Payload


def _composite(command: GetCompositeSchedule, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    return replace(plain, composite=_schedule(plain.payload, zone))


def _data(command: SendData, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Data may be any JSON; what is no text is told as its JSON text."""
    plain = plain_result(answers)
    data = plain.payload.get("data")
    written = data if isinstance(data, str) else "" if data is None else orjson.dumps(data).decode()
    return replace(plain, data=written)


def _schedule(answer: Mapping[str, Any], zone: tzinfo) -> CompositeSchedule | None:
    if answer.get("status") != "Accepted":
        return None
    schedule = section(answer, "schedule")
    return read_composite(schedule, schedule.get("scheduleStart"), zone) if schedule else UNKNOWN


def _transaction_status(command: GetTransactionStatus, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    """Whether it goes on (unknown without a transaction, E14.FR.06) and whether messages wait to be sent."""
    plain = plain_result(answers)
    names = {"ongoing": "ongoingIndicator", "messages_in_queue": "messagesInQueue"}
    told = {name: plain.payload.get(key) for name, key in names.items()}
    return replace(plain, values={name: str(v).lower() if isinstance(v, bool) else None for name, v in told.items()})


RESULTS: Mapping[type[Command], ReadResults] = {
    GetCompositeSchedule: _composite,
    GetTransactionStatus: _transaction_status,
    SendData: _data,
}
