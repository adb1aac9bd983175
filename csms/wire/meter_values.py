"""Meter values of every version as samples in base units (field rules SR-02, RB-35, RB-38, RB-40 to RB-46).

One bad value is dropped and the others are kept; nothing here raises. Signed data is no number and stays out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta, tzinfo
from itertools import islice
from typing import Any

from csms.model.bounds import CLOCK_SKEW_FLAG_S, METER_REGISTER_WH_MAX, SAMPLED_VALUES_MAX
from csms.model.meter import ENERGY_REGISTER, Sample
from csms.wire import reading, units
from csms.wire.times import parse_time

NAME_LENGTH_MAX = 64
"""Measurands, contexts and the like; the longest of OCPP 2.1 has 41 characters."""

MULTIPLIER_MAX = 12
"""Powers of ten that honest meters use; a larger one only overflows."""

FIRST_YEAR = 2010
"""Before OCPP existed: a clock that was never set (RB-35)."""

_PHASES = frozenset({"L1", "L2", "L3", "N", "L1-N", "L2-N", "L3-N", "L1-L2", "L2-L3", "L3-L1"})
_LOCATIONS = frozenset({"Body", "Cable", "EV", "Inlet", "Outlet"})
_NUMBER = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")


def read_samples(payload: Mapping[str, Any], key: str, received_at: datetime, zone: tzinfo = UTC) -> tuple[Sample, ...]:
    """The samples in the list of meter values under `key`, at most SAMPLED_VALUES_MAX of them.

    A time that cannot be read, or that no set clock shows, becomes the time of arrival, marked as not trusted.
    """
    return tuple(islice(_samples(reading.items(payload, key), received_at, zone), SAMPLED_VALUES_MAX))


def _samples(values: list[Mapping[str, Any]], received_at: datetime, zone: tzinfo) -> Iterator[Sample]:
    for value in values:
        time, trusted = _time(value.get("timestamp"), received_at, zone)
        for sampled in reading.items(value, "sampledValue"):
            sample = _sample(sampled, time)
            if sample is not None:
                yield sample if trusted else replace(sample, trusted_time=False)


def _time(value: object, received_at: datetime, zone: tzinfo) -> tuple[datetime, bool]:
    time = parse_time(value, zone)
    if time is None or time.year < FIRST_YEAR or time - received_at > timedelta(seconds=CLOCK_SKEW_FLAG_S):
        return received_at, False
    return time, True


def _sample(sampled: Mapping[str, Any], time: datetime) -> Sample | None:
    value = _value(sampled)
    if value is None or sampled.get("format") == "SignedData":
        return None
    measurand, phase, location = _split(_name(sampled, "measurand") or ENERGY_REGISTER)
    unit = _unit(sampled) or units.default_unit(measurand)
    value, unit = units.to_base(value, unit)
    if not abs(value) <= METER_REGISTER_WH_MAX:
        return None
    return Sample(
        time=time,
        measurand=measurand,
        value=value,
        unit=unit,
        phase=_name(sampled, "phase") or phase,
        context=_name(sampled, "context") or "Sample.Periodic",
        location=_name(sampled, "location") or location or "Outlet",
    )


def _value(sampled: Mapping[str, Any]) -> float | None:
    """The number times its power of ten (2.0.1); None for what is no finite number."""
    value = parse_number(sampled.get("value"))
    measure = reading.section(sampled, "unitOfMeasure")
    multiplier = reading.optional_number(measure, "multiplier") if "multiplier" in measure else 0
    if value is None or multiplier is None or abs(multiplier) > MULTIPLIER_MAX:
        return None
    return value * 10.0**multiplier


def parse_number(value: object) -> float | None:
    """A finite number, given as one or as text; None for anything else."""
    if isinstance(value, str):
        value = value.strip()
        number = float(value) if len(value) <= NAME_LENGTH_MAX and _NUMBER.fullmatch(value) else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= 1e300:
        number = float(value)
    else:
        return None
    return number if math.isfinite(number) else None


def _unit(sampled: Mapping[str, Any]) -> str:
    return _name(sampled, "unit") or _name(reading.section(sampled, "unitOfMeasure"), "unit")


def _split(measurand: str) -> tuple[str, str, str]:
    """`Current.Import.L1` is a measurand with its phase, `Power.Active.Import.Inlet` one with its location (RB-45)."""
    phase = location = ""
    while True:
        head, _, tail = measurand.rpartition(".")
        if not head or tail not in _PHASES | _LOCATIONS:
            return measurand, phase, location
        measurand = head
        phase, location = (tail, location) if tail in _PHASES else (phase, tail)


def _name(sampled: Mapping[str, Any], key: str) -> str:
    return reading.text(sampled, key).strip()[:NAME_LENGTH_MAX]
