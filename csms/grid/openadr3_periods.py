"""When the intervals of an OpenADR 3 event hold, as its user guide has it. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any

from csms.grid.schedule import NEVER, duration_of, later, moment_of
from csms.grid.statement import BLOCKS_MAX

AT_ONCE = datetime(1, 1, 2, tzinfo=UTC)
"""A start before it, "0001-01-01", means: as soon as it is said."""
CLOCKS_APART = timedelta(hours=1)
"""What holds at once holds also where the clock of the VTN is ahead of ours by this."""
SHIFT_MAX = timedelta(days=1)
"""A start is shifted at random by at most this."""
AHEAD = timedelta(days=2)
"""How far intervals that repeat are written out."""
INTERVALS_MAX = 5000


class Release(StrEnum):
    """Of OpenADR 3. They differ: targets are typed lists in 3.0, plain texts in 3.1; a duration of zero is "no end" in
    3.0 and nothing in 3.1; reports name their program in 3.0 only; events repeat in 3.1 only.
    """

    V3_0 = "3.0"
    V3_1 = "3.1"


class Unreadable(ValueError):
    """An event that makes no sense; the text says why."""


Period = tuple[tuple[datetime, datetime], Sequence[Mapping[str, Any]]]
"""From when until when, and the payloads."""


def periods_of(
    event: Mapping[str, Any], ven_name: str, release: Release, modified: datetime, now: datetime
) -> list[Period]:
    """When each interval holds, as the guide has it: what an interval does not say comes from the event, or follows the
    one before. What is to hold at once holds since it was said.
    """
    intervals = event.get("intervals") or []
    if not isinstance(intervals, list) or len(intervals) > INTERVALS_MAX:
        raise Unreadable(f"intervals is a list of at most {INTERVALS_MAX}")
    common = _period(event)
    begin = _start(common)
    at = modified if begin is None else begin
    unit, shift = chance_of(str(event["id"]), ven_name), timedelta()
    placed: list[tuple[datetime, datetime | None, Sequence[Mapping[str, Any]]]] = []
    for n, interval in enumerate(intervals):
        own = _period(interval)
        given = _start(own)
        if n == 0 or own.get("randomizeStart"):
            shift = _shift({**common, **own} if n == 0 else own, unit)
        start = at if given is None else given
        length = _length({**common, **own}, release)
        end = None if length is None else later(start, length)
        early = (
            CLOCKS_APART if n == 0 and begin is given is None and not shift and length != timedelta() else timedelta()
        )
        placed.append((later(start, shift - early), None if end is None else later(end, shift), _payloads(interval)))
        at = start if end is None else end
    closed = [((start, _until(placed, n)), payloads) for n, (start, _, payloads) in enumerate(placed)]
    return _whole(event, closed, now) if release is Release.V3_1 else closed


def _until(placed: Sequence[tuple[datetime, datetime | None, Any]], n: int) -> datetime:
    """Without a duration an interval goes on until the next one begins, the last one without an end."""
    start, end, _ = placed[n]
    if end is not None:
        return end
    return next((other for other, _, _ in placed[n + 1 :] if other > start), NEVER)


def _period(of: Mapping[str, Any]) -> dict[str, Any]:
    period = of.get("intervalPeriod") or {}
    if not isinstance(period, dict):
        raise Unreadable("intervalPeriod is an object")
    return {name: value for name, value in period.items() if value is not None}


def _start(period: Mapping[str, Any]) -> datetime | None:
    """None: it says none, or "0001-01-01"."""
    start = moment_of(period["start"]) if "start" in period else None
    return None if start is None or start < AT_ONCE else start


def _length(period: Mapping[str, Any], release: Release) -> timedelta | None:
    """None: it says none. Zero from "0001-01-01" on is how both releases take an event back."""
    if "duration" not in period:
        return None
    length = duration_of(period["duration"])
    taken_back = "start" in period and _start(period) is None
    return None if not length and release is Release.V3_0 and not taken_back else length


def _shift(period: Mapping[str, Any], unit: float) -> timedelta:
    if "randomizeStart" not in period:
        return timedelta()
    return min(abs(duration_of(period["randomizeStart"])), SHIFT_MAX) * unit


def chance_of(event_id: str, ven_name: str) -> float:
    """From -1 to 1, the same for an event at every reading, different from VEN to VEN."""
    digest = hashlib.sha256(f"{ven_name}\n{event_id}".encode()).digest()
    return int.from_bytes(digest[:6], "big") / (2**47) - 1.0


def _whole(event: Mapping[str, Any], periods: list[Period], now: datetime) -> list[Period]:
    """`duration` of an event cuts its intervals off, or repeats them (3.1)."""
    if event.get("duration") is None or not periods:
        return periods
    first = min(start for (start, _), _ in periods)
    last = max(end for (_, end), _ in periods)
    total = duration_of(event["duration"])
    if not total:
        return periods
    end = later(first, total)
    if last == NEVER or last >= end or last <= first:
        return [((start, min(until, end)), payloads) for (start, until), payloads in periods if start < end]
    return _repeated(periods, first, last, end, now)


def _repeated(periods: list[Period], first: datetime, last: datetime, end: datetime, now: datetime) -> list[Period]:
    """Written out for some days, by whole rounds, so that it is said anew once a day and not at each reading."""
    cycle = last - first
    rounds = max(1, min(-(-AHEAD // cycle), BLOCKS_MAX // (2 * len(periods))))
    step = max(1, rounds // 2)
    begin = max(0, (now - first) // cycle) // step * step
    found: list[Period] = []
    for n in range(begin, begin + rounds + step):
        moved = n * cycle
        found += [
            ((later(start, moved), min(later(until, moved), end)), payloads)
            for (start, until), payloads in periods
            if later(start, moved) < end
        ]
    return found


def _payloads(interval: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    payloads = interval.get("payloads") or []
    if not isinstance(payloads, list) or not all(isinstance(payload, dict) for payload in payloads):
        raise Unreadable("payloads is a list of objects")
    return payloads
