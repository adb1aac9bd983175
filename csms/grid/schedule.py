"""Durations and intervals of other protocols as limit statements of ours. Pure.

What overlaps counts at its lowest; a gap between intervals limits nothing, so it parts the statement in two.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from itertools import pairwise
from math import isfinite
from typing import Any

NEVER = datetime.max.replace(tzinfo=UTC)
"""The end of what holds until it is taken back."""
LONGEST = timedelta(days=3650)
"""What lasts longer, such as P9999Y, is meant to have no end."""
DAYS_OF = {"years": 365, "months": 30, "weeks": 7, "days": 1}
DURATION = re.compile(
    r"(?P<sign>[+-]?)P(?=.)(?:(?P<years>\d{1,9})Y)?(?:(?P<months>\d{1,9})M)?(?:(?P<weeks>\d{1,9})W)?(?:(?P<days>\d{1,9})D)?"
    r"(?:T(?=.)(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d{1,9})?)S)?)?",
    re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Span:
    """A value from `start` until `end`; None: nothing is limited."""

    start: datetime
    end: datetime
    value_w: Any


def duration_of(text: object) -> timedelta:
    """An ISO 8601 duration, at most LONGEST either way; a year has 365 days, a month 30. Raises ValueError."""
    found = DURATION.fullmatch(text) if isinstance(text, str) else None
    if found is None:
        raise ValueError(f"no duration: {str(text)[:40]!r}")
    part = {name: float(value) for name, value in found.groupdict().items() if value and name != "sign"}
    days = sum(part.pop(name, 0.0) * count for name, count in DAYS_OF.items())
    length = min(timedelta(days=min(days, LONGEST.days), **part), LONGEST)
    return -length if found["sign"] == "-" else length


def moment_of(text: object) -> datetime:
    """An RFC 3339 moment; without a zone it is UTC. Raises ValueError."""
    if not isinstance(text, str):
        raise ValueError(f"no moment: {str(text)[:40]!r}")
    moment = datetime.fromisoformat(text)
    try:
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"no moment: {text[:40]!r}") from None


def later(moment: datetime, by: timedelta) -> datetime:
    """`moment` + `by`; what goes on for LONGEST or beyond the calendar never ends."""
    if by >= LONGEST or moment == NEVER:
        return NEVER
    try:
        return moment + by
    except OverflowError:
        return NEVER if by > timedelta() else datetime.min.replace(tzinfo=UTC)


def flattened(spans: Sequence[Span]) -> list[Span]:
    """Without overlaps: the lowest value counts; a value that is no number wins, so that somebody judges it."""
    edges = sorted({edge for span in spans for edge in (span.start, span.end)})
    waiting = sorted((span for span in spans if span.value_w is not None), key=lambda span: span.start, reverse=True)
    flat: list[Span] = []
    active: list[tuple[tuple[bool, float], int, Span]] = []
    for since, until in pairwise(edges):
        while waiting and waiting[-1].start <= since:
            span = waiting.pop()
            heappush(active, (_rank(span.value_w), len(waiting), span))
        while active and active[0][2].end <= since:
            heappop(active)
        flat.append(Span(since, until, active[0][2].value_w if active else None))
    return flat


def statements(spans: Sequence[Span]) -> list[dict[str, Any]]:
    """Bodies of limit statements, one for each run without a gap, without their versions."""
    runs: list[list[Span]] = []
    for span in (span for span in flattened(spans) if span.value_w is not None):
        if runs and runs[-1][-1].end == span.start:
            _append(runs[-1], span)
        else:
            runs.append([span])
    return [_body(run) for run in runs]


def backwards(spans: Iterable[Span]) -> Span | None:
    """One that ends before it begins."""
    return next((span for span in spans if span.end < span.start), None)


def window(span: Span) -> dict[str, Any]:
    """The window of a statement."""
    since = {"valid_from": span.start.isoformat()}
    return since if span.end == NEVER else since | {"valid_to": span.end.isoformat()}


def over(body: Mapping[str, Any], now: datetime) -> bool:
    """Whether a statement is about the past alone."""
    if "valid_to" not in body:
        return False
    since, until = (datetime.fromisoformat(body[name]) for name in ("valid_from", "valid_to"))
    return since <= until <= now


def _append(run: list[Span], span: Span) -> None:
    if run[-1].value_w == span.value_w:
        run[-1] = Span(run[-1].start, span.end, span.value_w)
    else:
        run.append(span)


def _body(run: Sequence[Span]) -> dict[str, Any]:
    body = window(Span(run[0].start, run[-1].end, None))
    if len(run) == 1:
        return body | {"value_w": run[0].value_w}
    return body | {"blocks": [{"start": span.start.isoformat(), "value_w": span.value_w} for span in run]}


def _rank(value: Any) -> tuple[bool, float]:
    """What is no number comes first."""
    plain = isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)
    return (True, float(value)) if plain else (False, 0.0)
