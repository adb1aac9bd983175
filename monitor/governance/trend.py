"""How the scores of stations go: the last week against the four weeks before it. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Protocol

RECENT_DAYS, BEFORE_DAYS = 7, 28


class ScoredDay(Protocol):
    """What a station earned on a local day (ISO), 0 to 100."""

    operator: str
    station: str
    day: str
    orders: int
    score: float
    rule_set: str


@dataclass(frozen=True, slots=True)
class Trend:
    """Mean scores by orders, None where there were none; `change` is recent less before, in points."""

    operator: str
    station: str
    recent: float | None
    before: float | None
    change: float | None


def trends(days: Iterable[ScoredDay]) -> list[Trend]:
    """Of each station, the one that lost most first; counted back from the newest day of all.

    Days that were judged by another set of rules than the newest are left out: such scores do not compare.
    """
    known = list(days)
    if not known:
        return []
    newest = max(known, key=lambda one: one.day)
    parts: dict[tuple[str, str], tuple[list[ScoredDay], list[ScoredDay]]] = {}
    for one in known:
        age = (date.fromisoformat(newest.day) - date.fromisoformat(one.day)).days
        if one.rule_set == newest.rule_set and age < RECENT_DAYS + BEFORE_DAYS:
            parts.setdefault((one.operator, one.station), ([], []))[age >= RECENT_DAYS].append(one)
    found = [_trend(*names, _mean(recent), _mean(before)) for names, (recent, before) in sorted(parts.items())]
    return sorted(found, key=lambda one: (one.change is None, one.change or 0.0))


def _trend(operator: str, station: str, recent: float | None, before: float | None) -> Trend:
    change = None if recent is None or before is None else round(recent - before, 2)
    return Trend(operator, station, recent, before, change)


def _mean(days: list[ScoredDay]) -> float | None:
    orders = sum(one.orders for one in days)
    return round(sum(one.score * one.orders for one in days) / orders, 2) if orders else None
