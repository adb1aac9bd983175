"""What 2.1 changes in the messages and commands that it shares with 2.0.1 (blocks B, E, F and K)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, tzinfo
from typing import Any

from msgspec import structs

from csms.model.charging_profile import CompositeSchedule
from csms.model.command import Command, CommandResult, GetCompositeSchedule, Reset, Trigger
from csms.model.errors import NotInThisVersion
from csms.model.v2x import TransactionTerms
from csms.ocpp21.actions import NOTICES
from csms.ocpp201 import commands as commands_201
from csms.wire.block import Block, Calls, WriteCommand, plain_result
from csms.wire.meter_values import parse_number
from csms.wire.reading import items, section, text
from csms.wire.schedules import UNKNOWN, read_composite
from csms.wire.translator import Payload

CUSTOM_TRIGGER_LENGTH_MAX = 50
_LIMITS = ("limit", "limit_L2", "limit_L3")
_SETPOINTS = ("setpoint", "setpoint_L2", "setpoint_L3")


def _terms(payload: Payload, received_at: datetime, zone: tzinfo) -> Sequence[TransactionTerms]:
    """Tariff, cost, limits and mode of a transaction, where an event tells any of them (E16, I12, Q block)."""
    transaction = section(payload, "transactionInfo")
    sleeps = payload.get("evseSleep")
    terms = TransactionTerms(
        transaction_id=text(transaction, "transactionId"),
        tariff_id=text(transaction, "tariffId"),
        operation_mode=text(transaction, "operationMode"),
        preconditioning=text(payload, "preconditioningStatus"),
        evse_sleep=sleeps if isinstance(sleeps, bool) else None,
        cost=dict(section(payload, "costDetails")) or None,
        limit=dict(section(transaction, "transactionLimit")) or None,
    )
    return () if terms == TransactionTerms(terms.transaction_id) else (terms,)


def _reset(command: Reset) -> Calls:
    """B13: a session that is interrupted goes on after the restart."""
    (action, payload), *_ = commands_201.COMMANDS[Reset](structs.replace(command, resume=False))
    return [(action, {**payload, "type": "ImmediateAndResume"} if command.resume else payload)]


def _trigger(command: Trigger) -> Calls:
    """What is no message of OCPP is a custom trigger (F06.FR.20)."""
    try:
        return commands_201.COMMANDS[Trigger](command)
    except NotInThisVersion:
        if len(command.message) > CUSTOM_TRIGGER_LENGTH_MAX:
            raise
    evse = {"evse": {"id": command.evse_id}} if command.evse_id else {}
    if command.message == "SignV2G20Certificate":
        return [("TriggerMessage", {"requestedMessage": command.message, **evse})]
    return [("TriggerMessage", {"requestedMessage": "CustomTrigger", "customTrigger": command.message, **evse})]


def _composite(command: GetCompositeSchedule, answers: Sequence[Payload], zone: tzinfo) -> CommandResult:
    plain = plain_result(answers)
    return replace(plain, composite=_schedule(plain.payload, zone))


def _schedule(answer: Mapping[str, Any], zone: tzinfo) -> CompositeSchedule | None:
    if answer.get("status") != "Accepted":
        return None
    schedule = section(answer, "schedule")
    if not schedule:
        return UNKNOWN
    of_current = schedule.get("chargingRateUnit") == "A"
    periods = [{**period, "limit": _most(period, of_current)} for period in items(schedule, "chargingSchedulePeriod")]
    whole = len(periods) == len(schedule.get("chargingSchedulePeriod") or ())
    shown = {**schedule, "chargingSchedulePeriod": periods} if whole else schedule
    return read_composite(shown, schedule.get("scheduleStart"), zone)


def _most(period: Mapping[str, Any], of_current: bool) -> object:
    """The most that may flow into the car: of a current the highest phase, of a power all together (errata 2.62).

    Without a limit the setpoint says it; a car that stands idle or only discharges takes nothing.
    """
    told = [parse_number(period[name]) for name in _LIMITS if name in period]
    phases = [limit for limit in told if limit is not None]
    if phases and len(phases) == len(told):
        return max(phases) if of_current else sum(phases)
    if told:
        return None
    if period.get("operationMode") == "Idle":
        return 0.0
    setpoints = [parse_number(period[name]) for name in _SETPOINTS if name in period]
    wanted = [max(0.0, point) for point in setpoints if point is not None]
    if not wanted or len(wanted) != len(setpoints):
        return None
    return max(wanted) if of_current else sum(wanted)


COMMANDS: Mapping[type[Command], WriteCommand] = {Reset: _reset, Trigger: _trigger}

BLOCK = Block(
    commands=COMMANDS,
    results={GetCompositeSchedule: _composite},
    notices=NOTICES,
    extras={"TransactionEvent": _terms},
)
