"""Calls by operator, interface and hour: codes, latency, bytes, retries, dead letters, last success (18.3). Pure."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

DEAD = (4001, 4003, 4004)
"""A message that was answered so will not be sent again as it is."""
NO_ANSWER = "none"
"""In a histogram: refused without a signed answer, or, in a pull, not answered at all."""


@dataclass(frozen=True, slots=True)
class CallFact:
    """One call in either direction. `retried`: the same business id was called with before."""

    at: datetime
    operator_id: str
    interface: str
    ret: int | None
    ok: bool
    latency_us: int = 0
    size_bytes: int = 0
    retried: bool = False


@dataclass(frozen=True, slots=True)
class HourRecord:
    """One operator, interface and hour. Percentiles by nearest rank, in microseconds."""

    operator_id: str
    interface: str
    hour: datetime
    calls: int
    ok: int
    rets: Mapping[str, int]
    p50_us: int
    p95_us: int
    p99_us: int
    size_bytes: int
    retries: int
    dead_letters: int
    last_success: datetime | None

    def as_document(self) -> dict[str, Any]:
        """As JSON."""
        values = asdict(self)
        return values | {
            "hour": self.hour.isoformat(),
            "last_success": self.last_success and self.last_success.isoformat(),
        }


def by_hour(calls: Iterable[CallFact]) -> list[HourRecord]:
    """The records of these calls, in the order of operator, interface and hour."""
    groups: dict[tuple[str, str, datetime], list[CallFact]] = defaultdict(list)
    for call in calls:
        groups[call.operator_id, call.interface, call.at.replace(minute=0, second=0, microsecond=0)].append(call)
    return [_record(*key, groups[key]) for key in sorted(groups)]


def _record(operator_id: str, interface: str, hour: datetime, calls: list[CallFact]) -> HourRecord:
    latencies = sorted(call.latency_us for call in calls)
    rets = Counter(NO_ANSWER if call.ret is None else str(call.ret) for call in calls)
    return HourRecord(
        operator_id,
        interface,
        hour,
        len(calls),
        sum(call.ok for call in calls),
        dict(sorted(rets.items())),
        percentile(latencies, 50),
        percentile(latencies, 95),
        percentile(latencies, 99),
        sum(call.size_bytes for call in calls),
        sum(call.retried for call in calls),
        sum(call.ret in DEAD for call in calls),
        max((call.at for call in calls if call.ok), default=None),
    )


def percentile(ordered: Sequence[int], share: int) -> int:
    """The smallest value that `share` of a hundred values do not exceed; 0 of none."""
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0


def success_ratio(calls: Iterable[CallFact]) -> tuple[int, int]:
    """(successes, calls)."""
    counted = Counter(call.ok for call in calls)
    return counted[True], counted.total()
