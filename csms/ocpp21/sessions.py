"""What 2.1 changes in the messages and commands that it shares with 2.0.1 (blocks B, E, F and K)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from typing import Any

from msgspec import structs

from csms.model.command import Command, CommandResult, GetCompositeSchedule, Reset, Trigger
from csms.model.errors import NotInThisVersion
from csms.model.smart_charging import EvSchedule, ExternalLimitSet
from csms.model.v2x import TransactionTerms
from csms.ocpp21.actions import NOTICES
from csms.ocpp201 import commands as commands_201
from csms.ocpp201 import results, smart_charging
from csms.wire.block import Block, Calls, WriteCommand
from csms.wire.meter_values import parse_number
from csms.wire.reading import items, section, text
from csms.wire.translator import Payload

COMPOSITE_201 = results.RESULTS[GetCompositeSchedule]
LIMIT_201 = smart_charging.BLOCK.calls["NotifyChargingLimit"]
EV_SCHEDULE_201 = smart_charging.BLOCK.calls["NotifyEVChargingSchedule"]
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
    return COMPOSITE_201(command, [_with_limits(answer, "schedule") for answer in answers], zone)


def _with_limits(payload: Payload, name: str) -> Payload:
    """The schedule under `name`, or the schedules there, with a limit in each period, as 2.0.1 has them."""
    told = payload.get(name)
    if isinstance(told, list):
        return {**payload, name: [_limited(entry) if isinstance(entry, dict) else entry for entry in told]}
    return {**payload, name: _limited(told)} if isinstance(told, dict) else payload


def _limited(schedule: Payload) -> Payload:
    periods = schedule.get("chargingSchedulePeriod")
    if not isinstance(periods, list):
        return schedule
    unit = schedule.get("chargingRateUnit")
    limited = [{**p, "limit": _most(p, unit == "A")} if isinstance(p, dict) else p for p in periods]
    return {**schedule, "chargingSchedulePeriod": limited}


def _most(period: Mapping[str, Any], of_current: bool) -> object:
    """The most that may flow into the car: of a current the highest phase, of a power all together (errata 2.62).

    Without a limit the setpoint says it; a car that stands idle or only discharges takes nothing.
    """
    limits = [period[name] for name in _LIMITS if name in period]
    if len(limits) == 1:
        return limits[0]
    if limits:
        return _together(limits, of_current)
    if period.get("operationMode") == "Idle":
        return 0.0
    setpoints = [period[name] for name in _SETPOINTS if name in period]
    most = _together(setpoints, of_current)
    return None if most is None else max(0.0, most)


def _together(told: Sequence[object], of_current: bool) -> float | None:
    """None when a figure is missing or no number: then nobody knows."""
    figures = [figure for figure in map(parse_number, told) if figure is not None]
    if not figures or len(figures) != len(told):
        return None
    return max(figures) if of_current else sum(figures)


def _limit_set(payload: Payload, received_at: datetime, zone: tzinfo) -> ExternalLimitSet:
    """Kept as it came, read as 2.0.1 has it."""
    message = LIMIT_201(_with_limits(payload, "chargingSchedule"), received_at, zone)
    assert isinstance(message, ExternalLimitSet)
    return structs.replace(message, content=tuple(items(payload, "chargingSchedule")))


def _ev_schedule(payload: Payload, received_at: datetime, zone: tzinfo) -> EvSchedule:
    message = EV_SCHEDULE_201(_with_limits(payload, "chargingSchedule"), received_at, zone)
    assert isinstance(message, EvSchedule)
    return structs.replace(message, content=payload)


COMMANDS: Mapping[type[Command], WriteCommand] = {Reset: _reset, Trigger: _trigger}

BLOCK = Block(
    calls={"NotifyChargingLimit": _limit_set, "NotifyEVChargingSchedule": _ev_schedule},
    commands=COMMANDS,
    results={GetCompositeSchedule: _composite},
    notices=NOTICES,
    extras={"TransactionEvent": _terms},
)
