"""How likely an outlet is free when one arrives. Pure.

A group of outlets is taken as a system of many servers. Of those that are taken now, one with a car that has stayed for
e is free after a time h with 1 - S(e + h) / S(e), S being the share of past stays that lasted longer (by the part of
the day in which they began). Cars that come until then come as a Poisson stream with the rate of the hour, of working
days or of weekends; one that comes at u is still there at h with S(h - u). An outlet is free if fewer of them are there
than were free or have become free:

    P = sum over d of P(D = d) · P(A <= free + d - 1),   D Poisson-binomial, A Poisson

It is not kept that a car that finds nothing free goes on, and that the past counts only the cars that found something;
the two work against each other. How good it is: `python -m benchmarks free-on-arrival`.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

HOURS = 24
PARTS = 4
"""Of the day, six hours each: who comes in the morning stays longer than who comes at noon."""
SATURDAY = 5
STEP = timedelta(minutes=5)
STAYS_MIN = 30
"""Fewer of a part of the day say less than all together; fewer in all say nothing."""
DAYS_MIN = 7
"""A week: before that an hour of a weekend was hardly seen."""
STAY_MAX = timedelta(days=2)
"""Who stays longer is not charging but parked for good, or forgotten."""


@dataclass(frozen=True, slots=True)
class Stay:
    """One past session of a group, or one that runs (`end` None)."""

    begin: datetime
    end: datetime | None


@dataclass(frozen=True, slots=True)
class Habits:
    """Of a group. `arrivals_per_h`: by kind of day (working day, weekend) and hour. `stays_s`: how long cars stayed,
    sorted, by part of the day; the last entry is of all together.
    """

    zone: tzinfo
    arrivals_per_h: tuple[tuple[float, ...], tuple[float, ...]]
    stays_s: tuple[tuple[float, ...], ...]

    def rate_per_h(self, at: datetime) -> float:
        """Arrivals at a moment."""
        local = at.astimezone(self.zone)
        return self.arrivals_per_h[_kind(local.date())][local.hour]

    def still_there(self, begin: datetime, stayed: timedelta, more: timedelta) -> float:
        """The chance that a car that came at `begin` and has stayed so long stays so much longer.

        Half a stay is added to those longer and half to those shorter: beyond all that was seen it is one half.
        """
        own = self.stays_s[begin.astimezone(self.zone).hour * PARTS // HOURS]
        stays = own if len(own) >= STAYS_MIN else self.stays_s[PARTS]
        seconds = stayed.total_seconds()
        as_long = len(stays) - bisect_right(stays, seconds)
        longer = len(stays) - bisect_right(stays, seconds + more.total_seconds())
        return (longer + 0.5) / (as_long + 1.0)


def learn(stays: Iterable[Stay], since: datetime, until: datetime, zone: tzinfo) -> Habits | None:
    """The habits of a group from what was seen from `since` to `until`; None when that is too little.

    Stays that began before `since` and those of more than two days are left out.
    """
    seen = [stay for stay in stays if stay.end is not None and since <= stay.begin < until]
    lasting = [(stay.begin, stay.end - stay.begin) for stay in seen if stay.end is not None]
    kept = [(begin, stayed) for begin, stayed in lasting if timedelta(0) < stayed <= STAY_MAX]
    days = _days(since, until, zone)
    if len(kept) < STAYS_MIN or sum(days) < DAYS_MIN or not all(days):
        return None
    counts = [[0.0] * HOURS, [0.0] * HOURS]
    parts: list[list[float]] = [[] for _ in range(PARTS + 1)]
    for begin, stayed in kept:
        local = begin.astimezone(zone)
        counts[_kind(local.date())][local.hour] += 1.0
        for part in (local.hour * PARTS // HOURS, PARTS):
            parts[part].append(stayed.total_seconds())
    working, weekend = (tuple(count / days[kind] for count in counts[kind]) for kind in (0, 1))
    return Habits(zone, (working, weekend), tuple(tuple(sorted(part)) for part in parts))


def chance_free(habits: Habits, free: int, taken: Sequence[datetime], now: datetime, ahead: timedelta) -> float:
    """That at least one outlet is free at `now + ahead`. `taken`: since when each of the others is taken."""
    if ahead <= timedelta(0):
        return 1.0 if free > 0 else 0.0
    leaving = [1.0 - habits.still_there(begin, max(now - begin, timedelta(0)), ahead) for begin in taken]
    coming = _still_there_of_coming(habits, now, ahead)
    return sum(
        chance * _at_most(free + left - 1, coming) for left, chance in enumerate(_how_many(leaving)) if free + left > 0
    )


def _still_there_of_coming(habits: Habits, now: datetime, ahead: timedelta) -> float:
    """The mean number of cars that come in between and are there at the end."""
    steps = max(1, round(ahead / STEP))
    step = ahead / steps
    middles = (now + step * (number + 0.5) for number in range(steps))
    hours = step / timedelta(hours=1)
    end = now + ahead
    return sum(habits.rate_per_h(at) * hours * habits.still_there(at, timedelta(0), end - at) for at in middles)


def _how_many(chances: Iterable[float]) -> list[float]:
    """The distribution of how many of independent events happen (Poisson-binomial)."""
    found = [1.0]
    for chance in chances:
        found = [
            (found[n] * (1.0 - chance) if n < len(found) else 0.0) + (found[n - 1] * chance if n else 0.0)
            for n in range(len(found) + 1)
        ]
    return found


def _at_most(most: int, mean: float) -> float:
    """P(A <= most) of a Poisson number."""
    term = total = math.exp(-mean)
    for number in range(1, most + 1):
        term *= mean / number
        total += term
    return min(total, 1.0)


def _kind(day: date) -> int:
    return 1 if day.weekday() >= SATURDAY else 0


def _days(since: datetime, until: datetime, zone: tzinfo) -> tuple[float, float]:
    """How many working days and weekend days lie between, in parts of days."""
    found = [0.0, 0.0]
    at = since
    while at < until:
        local = at.astimezone(zone)
        midnight = (local + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        end = min(midnight.astimezone(since.tzinfo), until)
        found[_kind(local.date())] += (end - at) / timedelta(days=1)
        at = end
    return found[0], found[1]
