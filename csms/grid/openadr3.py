"""OpenADR 3 events as limits, for 3.0.1 and 3.1. Pure: what a VTN says goes in, wishes and remarks come out.

Nothing is judged here: an unknown unit, a negative value, a window the wrong way round are handed on, so that the one
decision refuses them with its code and the audit log has them. Only what cannot be put into a statement at all is
handed on as it came, and refused as malformed.
"""

from __future__ import annotations

import hashlib
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

from csms.grid.listed import Wish
from csms.grid.openadr3_periods import Period, Release, Unreadable, periods_of
from csms.grid.schedule import Span, backwards, moment_of, over, statements, window
from csms.grid.statement import PRIORITY_MAX
from csms.model.limit import Direction

PREFIX = "oadr3:"
"""Limit ids of events begin with it."""
PLAIN = re.compile(r"[A-Za-z0-9_.-]{1,40}")
"""An event id that can stand in a limit id as it is."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Agreed:
    """What is agreed with one VTN. `targets`: feeder by target, written `value` or `TYPE:value`; `feeders`: those of
    events for everybody and for the VEN by name. `levels`: the share of the contract's cap by level of SIMPLE.
    `emergency_w`: by feeder, while ALERT_GRID_EMERGENCY holds. `unit`: where an event and its program say none.
    `response_price`: what is paid for responses where an event says nothing of it; `zone`: of its days.
    """

    ven_name: str
    release: Release = Release.V3_1
    feeders: tuple[str, ...] = ()
    targets: Mapping[str, str] = field(default_factory=dict)
    levels: Mapping[int, float] = field(default_factory=dict)
    emergency_w: Mapping[str, int] = field(default_factory=dict)
    rating_w: Mapping[str, int] = field(default_factory=dict)
    unit: str = "KW"
    response_price: float = 0.0
    zone: tzinfo = UTC

    @property
    def mapped(self) -> frozenset[str]:
        """All feeders that the VTN may limit."""
        return frozenset(self.feeders) | frozenset(self.targets.values())


@dataclass(frozen=True, slots=True)
class Reading:
    """An event read. `remarks`: codes of what was left out: unknown_target, not_mapped. `unreadable`: what it means for
    limits is not known, so what it meant before stays.
    """

    event_id: str
    program_id: str = ""
    modified: datetime = EPOCH
    wishes: tuple[Wish, ...] = ()
    remarks: tuple[str, ...] = ()
    unreadable: bool = False


def event_id_of(event: Any) -> str:
    """The id of an event, empty if it has none."""
    id_ = event.get("id") if isinstance(event, dict) else None
    return id_ if isinstance(id_, str) and 0 < len(id_) <= 128 and id_.isprintable() else ""


def limit_group(event_id: str, prefix: str = PREFIX) -> str:
    """What the ids of all limits of an event begin with; at most 46 characters."""
    if PLAIN.fullmatch(event_id):
        return prefix + event_id
    begin = "".join(one if PLAIN.fullmatch(one) else "." for one in event_id[:23])
    return f"{prefix}{begin}~{hashlib.sha256(event_id.encode()).hexdigest()[:16]}"


def group_of(limit_id: str) -> str:
    """The group that a limit id belongs to."""
    return limit_id.rpartition(":")[0]


def read_event(event: Any, descriptors: Sequence[Any], agreed: Agreed, now: datetime) -> Reading:
    """What an event wants. `descriptors`: those of its program. Never raises."""
    event_id = event_id_of(event)
    if not event_id:
        return Reading("", unreadable=True)
    try:
        return _read(event, event_id, descriptors, agreed, now)
    except (Unreadable, ValueError, TypeError, LookupError, OverflowError, AttributeError) as fault:
        named = feeders_of(event.get("targets"), agreed)[0] or sorted(agreed.mapped)
        return Reading(event_id, wishes=tuple(_raw(event, event_id, one, fault) for one in named), unreadable=True)


def _raw(event: Mapping[str, Any], event_id: str, feeder_id: str, fault: Exception) -> Wish:
    """For the record: it is refused as malformed, with the event as it came."""
    body = {"openadr_event": event, "fault": str(fault)[:200]}
    return Wish(feeder_id, limit_group(event_id) + ":event", body, group=limit_group(event_id))


def _read(event: Any, event_id: str, descriptors: Sequence[Any], agreed: Agreed, now: datetime) -> Reading:
    modified = moment_of(event.get("modificationDateTime"))
    feeders, known = feeders_of(event.get("targets"), agreed)
    remarks = [] if known else ["unknown_target"]
    periods = periods_of(event, agreed.ven_name, agreed.release, modified, now)
    units = units_of(event.get("payloadDescriptors"), units_of(descriptors, {}))
    kinds = {_text(payload, "type") for _, payloads in periods for payload in payloads}
    wishes: list[Wish] = []
    for kind in sorted(kinds):
        if kind not in _KINDS or not _configured(kind, feeders, agreed):
            remarks.append("not_mapped")
            continue
        for feeder_id in feeders:
            wishes += _wishes(event, event_id, kind, feeder_id, periods, units, agreed, modified)
    return Reading(
        event_id,
        str(event.get("programID") or ""),
        modified,
        tuple(wish for wish in wishes if not over(wish.body, now)),
        tuple(dict.fromkeys(remarks)),
    )


_KINDS = {
    "IMPORT_CAPACITY_LIMIT": "import",
    "EXPORT_CAPACITY_LIMIT": "export",
    "DISPATCH_SETPOINT": "setpoint",
    "SIMPLE": "level",
    "ALERT_GRID_EMERGENCY": "emergency",
}
"""What limits, and how the id of such a limit ends. A reservation grants more than the contract, which the minimum rule
cannot say: it is left out, with its fees and offers.
"""


def _configured(kind: str, feeders: Iterable[str], agreed: Agreed) -> bool:
    if kind == "ALERT_GRID_EMERGENCY":
        return any(feeder_id in agreed.emergency_w for feeder_id in feeders)
    return kind != "SIMPLE" or bool(agreed.levels)


def _wishes(
    event: Mapping[str, Any],
    event_id: str,
    kind: str,
    feeder_id: str,
    periods: Sequence[Period],
    units: Mapping[str, str],
    agreed: Agreed,
    modified: datetime,
) -> list[Wish]:
    unit = units.get(kind) or agreed.unit
    spans = [
        Span(*when, _value_w(kind, payload.get("values"), unit, feeder_id, agreed))
        for when, payloads in periods
        for payload in payloads
        if payload.get("type") == kind
    ]
    wrong = backwards(spans)
    bodies = [window(wrong) | {"value_w": wrong.value_w}] if wrong else statements(spans)
    more: dict[str, Any] = {"issued_at": modified.isoformat(), "reason": _why(event, kind)}
    if kind == "EXPORT_CAPACITY_LIMIT":
        more["direction"] = Direction.EXPORT.value
    if event.get("priority") is not None:
        priority = event["priority"]
        more["priority"] = min(priority, PRIORITY_MAX) if isinstance(priority, int) else priority
    if kind in ("IMPORT_CAPACITY_LIMIT", "EXPORT_CAPACITY_LIMIT", "DISPATCH_SETPOINT") and unit.upper() not in FACTORS:
        more["unit"] = unit
    group = limit_group(event_id)
    return [
        Wish(feeder_id, f"{group}:{_KINDS[kind]}{f'-{n}' if n else ''}", body | more, stamp_of(modified), group)
        for n, body in enumerate(bodies)
    ]


def stamp_of(modified: datetime) -> int:
    """The stamp of a moment: hundredths of seconds since 1970, at least one."""
    return max((modified - EPOCH) // timedelta(milliseconds=10), 1)


FACTORS = {"W": 1, "KW": 1000, "MW": 1_000_000}


def _value_w(kind: str, values: Any, unit: str, feeder_id: str, agreed: Agreed) -> Any:
    """Watts where it can be told, else what came; None: this payload limits nothing."""
    if kind == "ALERT_GRID_EMERGENCY":
        return agreed.emergency_w.get(feeder_id)
    value = values[0] if isinstance(values, list) and len(values) == 1 else values
    if not isinstance(value, int | float) or isinstance(value, bool) or not math.isfinite(value):
        return [] if value is None else value
    if kind == "SIMPLE":
        return level_w(value, feeder_id, agreed)
    return value * FACTORS.get(unit.upper(), 1)


def level_w(level: float, feeder_id: str, agreed: Agreed) -> Any:
    """A level above all that are agreed is taken as the highest of them; level 0 limits nothing."""
    if level <= 0:
        return None
    share = agreed.levels.get(int(level), agreed.levels[max(agreed.levels)])
    return math.floor(share * agreed.rating_w[feeder_id])


def units_of(descriptors: Any, known: Mapping[str, str]) -> dict[str, str]:
    """Units by payload type, as descriptors say; `known` where they say none."""
    found = dict(known)
    for one in descriptors if isinstance(descriptors, list | tuple) else ():
        if isinstance(one, dict) and isinstance(one.get("payloadType"), str) and isinstance(one.get("units"), str):
            found[one["payloadType"]] = one["units"][:40]
    return found


def feeders_of(targets: Any, agreed: Agreed) -> tuple[list[str], bool]:
    """Which feeders are meant, and whether every target is known."""
    named = list(_targets(targets))
    if not named:
        return list(agreed.feeders), bool(agreed.feeders)
    found, known = dict[str, None](), True
    for typed, value in named:
        if value == agreed.ven_name:
            found.update(dict.fromkeys(agreed.feeders))
            continue
        feeder_id = agreed.targets.get(typed) or agreed.targets.get(value)
        known = known and feeder_id is not None
        if feeder_id is not None:
            found[feeder_id] = None
    return list(found), known


def _targets(targets: Any) -> Iterable[tuple[str, str]]:
    """As `TYPE:value` and `value`, of both releases."""
    for target in targets if isinstance(targets, list) else ():
        if isinstance(target, str):
            yield target, target
        elif isinstance(target, dict):
            values = target.get("values")
            for value in values if isinstance(values, list) else ():
                yield f"{target.get('type')}:{value}", str(value)
        else:
            yield "?", "?"


def _text(payload: Mapping[str, Any], name: str) -> str:
    value = payload.get(name)
    return value if isinstance(value, str) else "?"


def _why(event: Mapping[str, Any], kind: str) -> str:
    name = event.get("eventName")
    return f"OpenADR {kind}" + (f": {name[:100]}" if isinstance(name, str) and name else "")
