"""OpenADR 2.0b events, as openleadr hands them over, as limits. Pure; judged is by the one decision, as with 3.x.

LOAD_CONTROL as capacity and SIMPLE are shares of the contract's cap, LOAD_DISPATCH as set point is power.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from csms.grid.listed import Wish
from csms.grid.openadr3 import FACTORS, Agreed, Reading, feeders_of, level_w, limit_group
from csms.grid.openadr3_periods import SHIFT_MAX, chance_of
from csms.grid.schedule import NEVER, Span, backwards, later, over, statements, window
from csms.grid.statement import PRIORITY_MAX

PREFIX = "oadr2:"
"""Limit ids of events begin with it."""
CANCELLED = "cancelled"
TEST = "test_event"
_KINDS = {
    ("SIMPLE", "level"): "level",
    ("LOAD_CONTROL", "x-loadControlCapacity"): "control",
    ("LOAD_DISPATCH", "setpoint"): "dispatch",
}
_SCALES = {"none": 1, "k": 1000, "M": 1_000_000}


def group_of_event(event_id: str) -> str:
    """What the ids of all limits of an event begin with."""
    return limit_group(event_id, PREFIX)


def read_event(event: Any, agreed: Agreed, ven_id: str, now: datetime) -> Reading:
    """What an event wants; `remarks` says cancelled, test_event, unknown_target, not_mapped. Never raises."""
    event_id = ""
    try:
        descriptor = event["event_descriptor"]
        event_id = str(descriptor["event_id"])
        return _read(event, descriptor, event_id, agreed, ven_id, now)
    except (LookupError, ValueError, TypeError, OverflowError, AttributeError) as fault:
        body = {"openadr_event": str(event)[:4000], "fault": str(fault)[:200]}
        group = group_of_event(event_id)
        wishes = [Wish(one, group + ":event", body, group=group) for one in sorted(agreed.mapped)] if event_id else []
        return Reading(event_id, wishes=tuple(wishes), unreadable=True)


def _read(event: Any, descriptor: Any, event_id: str, agreed: Agreed, ven_id: str, now: datetime) -> Reading:
    status = str(descriptor.get("event_status"))
    if status == CANCELLED or descriptor.get("test_event"):
        return Reading(event_id, remarks=(CANCELLED if status == CANCELLED else TEST,))
    spans: dict[tuple[str, str], list[Span]] = {}
    units: dict[tuple[str, str], str] = {}
    remarks: list[str] = []
    for signal in event["event_signals"]:
        kind = _KINDS.get((str(signal["signal_name"]).upper(), str(signal["signal_type"])))
        feeders, known = feeders_of(_targets(signal.get("targets") or event.get("targets"), ven_id, agreed), agreed)
        remarks += [] if known else ["unknown_target"]
        if kind is None or (kind == "level" and not agreed.levels):
            remarks.append("not_mapped")
            continue
        factor, unit = _unit(signal.get("measurement"), agreed)
        for feeder_id in feeders:
            placed = _spans(event, signal, kind, factor, feeder_id, agreed, event_id)
            spans.setdefault((feeder_id, kind), []).extend(placed)
            if unit and kind == "dispatch":
                units[feeder_id, kind] = unit
    stamp = _whole(descriptor["modification_number"]) + 1
    more = {"reason": "OpenADR 2.0b"} | _priority(descriptor)
    group = group_of_event(event_id)
    wishes = [
        Wish(
            feeder_id,
            f"{group}:{kind}{f'-{n}' if n else ''}",
            body | more | _named(units.get((feeder_id, kind))),
            stamp,
            group,
        )
        for (feeder_id, kind), listed in spans.items()
        for n, body in enumerate(_bodies(listed))
    ]
    alive = tuple(wish for wish in wishes if not over(wish.body, now))
    return Reading(event_id, wishes=alive, remarks=tuple(dict.fromkeys(remarks)))


def _bodies(spans: list[Span]) -> list[dict[str, Any]]:
    wrong = backwards(spans)
    return [window(wrong) | {"value_w": wrong.value_w}] if wrong else statements(spans)


def _spans(
    event: Any, signal: Any, kind: str, factor: int, feeder_id: str, agreed: Agreed, event_id: str
) -> Iterable[Span]:
    """Intervals follow each other inside the active period; one without a duration lasts until its end."""
    active = event["active_period"]
    begin, lasts = _moment(active["dtstart"]), _length(active.get("duration"))
    end = NEVER if not lasts else later(begin, lasts)
    shift = _tolerance(active.get("tolerance")) * ((chance_of(event_id, agreed.ven_name) + 1) / 2)
    at = begin
    for interval in signal["intervals"]:
        start = _moment(interval["dtstart"]) if interval.get("dtstart") else at
        length = _length(interval.get("duration"))
        at = later(start, length) if length else end
        value = _value_w(kind, interval.get("signal_payload"), factor, feeder_id, agreed)
        until = min(at, end) if at >= start else at
        yield Span(later(start, shift), until if until == NEVER else later(until, shift), value)


def _value_w(kind: str, value: Any, factor: int, feeder_id: str, agreed: Agreed) -> Any:
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return [] if value is None else str(value)
    if kind == "level":
        return level_w(value, feeder_id, agreed)
    return math.floor(value * agreed.rating_w[feeder_id]) if kind == "control" else value * factor


def _unit(measurement: Any, agreed: Agreed) -> tuple[int, str]:
    """The factor to W, and the name of a unit that is no power."""
    if not isinstance(measurement, Mapping) or measurement.get("unit") is None:
        return FACTORS[agreed.unit], ""
    unit, scale = str(measurement["unit"]), str(measurement.get("scale") or "none")
    known = unit == "W" and scale in _SCALES
    return _SCALES.get(scale, 1), "" if known else f"{scale}{unit}"


def _targets(targets: Any, ven_id: str, agreed: Agreed) -> list[dict[str, Any]]:
    """As typed lists; our own id means everything that is agreed for events without targets."""
    found = []
    for target in targets if isinstance(targets, list) else ():
        for kind, value in target.items():
            ours = kind == "ven_id" and value == ven_id
            found.append({"type": kind, "values": [agreed.ven_name if ours else str(value)]})
    return found


def _priority(descriptor: Mapping[str, Any]) -> dict[str, int]:
    """1 is the highest in 2.0b, 0 says nothing."""
    priority = _whole(descriptor.get("priority") or 0)
    return {"priority": min(priority - 1, PRIORITY_MAX)} if priority > 0 else {}


def _named(unit: str | None) -> dict[str, str]:
    return {"unit": unit[:40]} if unit else {}


def _whole(value: Any) -> int:
    number = int(value)
    if not 0 <= number < 10**9:
        raise ValueError("a number out of all bounds")
    return number


def _moment(value: Any) -> datetime:
    if not isinstance(value, datetime) or value.tzinfo is None:
        raise ValueError(f"no moment: {str(value)[:40]!r}")
    return value


def _length(value: Any) -> timedelta:
    if value is not None and not isinstance(value, timedelta):
        raise ValueError(f"no duration: {str(value)[:40]!r}")
    return value or timedelta()


def _tolerance(value: Any) -> timedelta:
    """How much later than told the event may begin, at random."""
    while isinstance(value, Mapping) and len(value) == 1:
        value = next(iter(value.values()))
    return min(max(_length(value), timedelta()), SHIFT_MAX)
