"""Charging schedules as both versions write them: limits out, composite schedules in."""

from __future__ import annotations

import math
from collections.abc import Mapping
from datetime import UTC, tzinfo
from typing import Any

from csms.model.charging_profile import ChargingProfile, CompositeSchedule, ProfileKind, RateUnit
from csms.wire import reading
from csms.wire.meter_values import parse_number
from csms.wire.times import format_time, parse_time

UNKNOWN = CompositeSchedule(None, None, ())
"""The station accepted and told nothing that could be used (RB-61, RB-62): not a proof of anything."""

GARBLED = CompositeSchedule(None, None, (), sound=False)
"""The station told something that makes no sense (RB-65): no proof either, and worth telling."""

_FLOAT_NOISE = 1e-6


def one_decimal(limit: float) -> float:
    """`limit` rounded down to a multiple of 0.1, the finest that schedules may carry; float noise does not cost 0.1."""
    return math.floor(limit * 10 + _FLOAT_NOISE) / 10


def encode_schedule(profile: ChargingProfile) -> dict[str, Any]:
    """The members of a ChargingSchedule that both versions share; a relative one has no start."""
    schedule: dict[str, Any] = {
        "chargingRateUnit": profile.unit.value,
        "chargingSchedulePeriod": [_period(p.start_s, p.limit, p.phases) for p in profile.periods],
    }
    if profile.duration_s is not None:
        schedule["duration"] = profile.duration_s
    if profile.start is not None and profile.kind is not ProfileKind.RELATIVE:
        schedule["startSchedule"] = format_time(profile.start)
    return schedule


def _period(start_s: int, limit: float, phases: int | None) -> dict[str, Any]:
    period: dict[str, Any] = {"startPeriod": start_s, "limit": one_decimal(limit)}
    return period if phases is None else {**period, "numberPhases": phases}


def encode_validity(profile: ChargingProfile) -> dict[str, Any]:
    """The members of a ChargingProfile that both versions spell alike and that may be absent."""
    members: dict[str, Any] = {"stackLevel": profile.stack_level, "chargingProfileKind": profile.kind.value}
    if profile.recurrency is not None and profile.kind is ProfileKind.RECURRING:
        members["recurrencyKind"] = profile.recurrency
    if profile.valid_from is not None:
        members["validFrom"] = format_time(profile.valid_from)
    if profile.valid_to is not None:
        members["validTo"] = format_time(profile.valid_to)
    return members


def read_composite(schedule: Mapping[str, Any], start: object, zone: tzinfo = UTC) -> CompositeSchedule:
    """A composite schedule; without periods when any of it makes no sense, so that nobody takes it for a proof (RB-65).

    A negative limit is how stations write "no limit" (RB-63).
    """
    periods = [(reading.optional_number(p, "startPeriod"), parse_number(p.get("limit"))) for p in _periods(schedule)]
    starts = [start_s for start_s, _ in periods if start_s is not None]
    unit = reading.optional_name(RateUnit, schedule.get("chargingRateUnit"))
    sound = len(starts) == len(periods) and starts[:1] == [0] and starts == sorted(set(starts))
    limits = [limit for _, limit in periods if limit is not None]
    if not periods:
        return UNKNOWN
    if unit is None or not sound or len(limits) != len(starts):
        return GARBLED
    steps = ((start_s, None if limit < 0 else limit) for start_s, limit in zip(starts, limits, strict=True))
    return CompositeSchedule(parse_time(start, zone), unit, tuple(steps))


def _periods(schedule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The periods; an entry that is no object counts as a period without a start, which makes the schedule unsound."""
    value = schedule.get("chargingSchedulePeriod")
    return [p if isinstance(p, dict) else {} for p in value] if isinstance(value, list) else []
