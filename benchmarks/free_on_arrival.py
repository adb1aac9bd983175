"""Is an outlet free when one arrives? The chances that drivers are told, against what came, on recorded sessions.

Input: the ACN months in `shared/data/acn`, or the folder that ACN_DATA names (Z. Lee, T. Li, S. Low, e-Energy 2019).
The outlets of a site, in the order of their names, are cut into groups as a driver finds them at a smaller place.
Habits are learned from all days of a file but the last thirty; in these every hour from 6 to 22 is asked for, each
group, some times ahead. Brier score (mean square of chance less what came, 1 or 0) beside two yardsticks that know the
same past: the share of days on which the group had an outlet free at that hour of a working day or weekend (base rate),
and "as it is now" (persistence). Calibration: mean of |chance - share that came| over ten bins of chances, weighted.
"""

from __future__ import annotations

import csv
import gzip
from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.optimizer_acn import folder
from benchmarks.tables import Figures
from csms.public.likely import SATURDAY, Habits, Stay, chance_free, learn
from optimizer.arrays import FloatArray

ZONE = ZoneInfo("America/Los_Angeles")
GROUP_SIZES = (2, 4, 8)
AHEAD_MIN = (15, 30, 60, 120)
TEST = timedelta(days=30)
HOURS = range(6, 22)
HOUR = timedelta(hours=1)
BINS = 10


@dataclass(frozen=True)
class Outlet:
    """Its stays in order; they do not overlap."""

    begins: list[datetime]
    ends: list[datetime]

    def since(self, at: datetime) -> datetime | None:
        """Since when it is taken at a moment; None when it is free."""
        place = bisect_right(self.begins, at) - 1
        return self.begins[place] if place >= 0 and self.ends[place] > at else None


@dataclass(frozen=True)
class Asked:
    """One question: the chance told, the yardsticks, and what came."""

    ahead_min: int
    chance: float
    base_rate: float
    as_now: float
    came: float


def read(path: Path) -> dict[str, list[Stay]]:
    """Stays by outlet; of two that overlap at one outlet the later begins when the earlier ends."""
    with gzip.open(path, "rt", encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    found: defaultdict[str, list[Stay]] = defaultdict(list)
    for row in sorted(rows, key=lambda row: datetime.fromisoformat(row["arrival"])):
        begin, end = (datetime.fromisoformat(row[name]) for name in ("arrival", "departure"))
        own = found[row["station_id"]]
        begin = max(begin, own[-1].end or begin) if own else begin
        if end > begin:
            own.append(Stay(begin, end))
    return dict(found)


def questions(path: Path, size: int) -> Iterator[Asked]:
    """Every group, every hour of the test days, every time ahead."""
    stays = read(path)
    first = min(own[0].begin for own in stays.values())
    last = max(own[-1].begin for own in stays.values())
    midnight = (last - TEST).astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0)
    names = sorted(stays)
    for start in range(0, len(names) - size + 1, size):
        group = [stays[name] for name in names[start : start + size]]
        habits = learn((stay for own in group for stay in own), first, midnight, ZONE)
        if habits is not None:
            outlets = [Outlet([s.begin for s in own], [s.end or s.begin for s in own]) for own in group]
            yield from _of_group(outlets, habits, first, midnight, last)


def _of_group(
    outlets: Sequence[Outlet], habits: Habits, first: datetime, begin: datetime, end: datetime
) -> Iterator[Asked]:
    base = _base_rates(outlets, first, begin)
    for at in _hours(begin, end):
        if at.hour in HOURS:
            taken = [since for outlet in outlets if (since := outlet.since(at)) is not None]
            free = len(outlets) - len(taken)
            for minutes in AHEAD_MIN:
                then = (at + timedelta(minutes=minutes)).astimezone(ZONE)
                yield Asked(
                    minutes,
                    chance_free(habits, free, taken, at, timedelta(minutes=minutes)),
                    base[_kind(then), then.hour],
                    float(free > 0),
                    _any_free(outlets, then),
                )


def _base_rates(outlets: Sequence[Outlet], begin: datetime, end: datetime) -> dict[tuple[bool, int], float]:
    """The share of days with an outlet free, at the middle of each hour."""
    seen: defaultdict[tuple[bool, int], list[float]] = defaultdict(list)
    for at in _hours(begin.replace(minute=30, second=0, microsecond=0), end):
        seen[_kind(at), at.hour].append(_any_free(outlets, at))
    return {key: float(np.mean(values)) for key, values in seen.items()}


def _hours(begin: datetime, end: datetime) -> Iterator[datetime]:
    """Hours that pass, not hands of the clock."""
    at = begin.astimezone(UTC)
    while at < end:
        yield at.astimezone(ZONE)
        at += HOUR


def _any_free(outlets: Sequence[Outlet], at: datetime) -> float:
    return float(any(outlet.since(at) is None for outlet in outlets))


def _kind(at: datetime) -> bool:
    return at.weekday() >= SATURDAY


def brier(chances: FloatArray, came: FloatArray) -> float:
    """Mean square of the difference, 0 (always right and sure) to 1."""
    return float(np.mean((chances - came) ** 2))


def calibration(chances: FloatArray, came: FloatArray) -> float:
    """How far chances are from the shares that came, on the mean."""
    bins = np.minimum((chances * BINS).astype(int), BINS - 1)
    off = 0.0
    for number in range(BINS):
        inside = bins == number
        if inside.any():
            off += float(inside.mean()) * abs(float(chances[inside].mean()) - float(came[inside].mean()))
    return off


def measured(path: Path, size: int) -> tuple[FloatArray, FloatArray]:
    """Minutes ahead, and columns: chance, base rate, as now, what came."""
    asked = list(questions(path, size))
    minutes = np.array([one.ahead_min for one in asked], dtype=float)
    rows = np.array([(one.chance, one.base_rate, one.as_now, one.came) for one in asked], dtype=float).reshape(-1, 4)
    return minutes, rows


def run(quick: bool = False) -> Figures:
    """Every file, by the size of groups and the time ahead; the bar is the better one of the yardsticks."""
    found: list[dict[str, object]] = []
    files = sorted(folder().glob("acn_*_2019-*.csv.gz"))
    for size in GROUP_SIZES:
        parts = [measured(path, size) for path in (files[:1] if quick else files)]
        minutes = np.concatenate([part[0] for part in parts])
        rows = np.concatenate([part[1] for part in parts])
        for ahead in AHEAD_MIN:
            chance, base, now, came = rows[minutes == ahead].T
            best = min(brier(base, came), brier(now, came))
            told = f"groups of {size}, {ahead} min ahead ({len(came)} questions, {came.mean():.1%} free)"
            ours = brier(chance, came)
            found += [
                {"figure": f"{told}: Brier", "value": ours, "unit": "", "bar": f"< {best:.4f}", "met": ours < best},
                _beside(f"{told}: Brier of the base rate", brier(base, came)),
                _beside(f"{told}: Brier of as it is now", brier(now, came)),
                _beside(f"{told}: calibration", calibration(chance, came)),
            ]
    return found


def _beside(figure: str, value: float) -> dict[str, object]:
    return {"figure": figure, "value": value, "unit": "", "bar": "", "met": None}
