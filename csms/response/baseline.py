"""What would have been drawn without the event: four methods over earlier days. Pure; powers in W by quarter-hour.

A day counts when the load of every quarter-hour of the window is known. Days off and days with an event are passed
over; a day that is missing makes the look-back longer, and too few days are told, never filled up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

from csms.model.response import Method

LOOK_BACK_DAYS = 60
CLIP_SHARE = 0.2
SATURDAY = 5
ONE_DAY = timedelta(days=1)

Load = Sequence[float | None]
"""W by quarter-hour of the window; None: not known."""


@dataclass(frozen=True, slots=True)
class Calendar:
    """Which days are alike: public holidays, weekend days that are worked, days on which an event took place."""

    days_off: frozenset[date] = frozenset()
    days_worked: frozenset[date] = frozenset()
    event_days: frozenset[date] = frozenset()

    def works(self, day: date) -> bool:
        """Monday to Friday without holidays, and the weekend days worked instead."""
        return day in self.days_worked or (day.weekday() < SATURDAY and day not in self.days_off)


@dataclass(frozen=True, slots=True)
class Baseline:
    """`load_w` by quarter-hour, with `adjusted_w` added to each. `days`: those it is made of, `passed`: days that would
    have counted but whose load is not known.
    """

    method: Method
    load_w: tuple[float, ...]
    days: tuple[date, ...] = ()
    passed: tuple[date, ...] = ()
    adjusted_w: float = 0.0


@dataclass(frozen=True, slots=True)
class TooFew:
    """There is no baseline: `found` of `needed` days; `passed`: days whose load is not known."""

    method: Method
    needed: int
    found: int
    passed: tuple[date, ...] = ()


@dataclass(frozen=True, slots=True)
class _Rule:
    """`skip`: so many days before the event day are left out (D-1 of `high5of10` is not over when D is told)."""

    needed: int
    skip: int
    alike: bool
    pick: Callable[[Sequence[Load]], Sequence[int]] = field(default=lambda loads: range(len(loads)))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def _by_mean(loads: Sequence[Load]) -> list[int]:
    """Indices from the lowest to the highest mean load over the window; of equals the newer day is the higher one."""
    return sorted(range(len(loads)), key=lambda n: (_mean(_known(loads[n])), -n))


def _known(load: Load) -> list[float]:
    return [value for value in load if value is not None]


RULES: Mapping[Method, _Rule] = {
    Method.MEAN5: _Rule(5, 0, alike=False),
    Method.HIGH5OF10: _Rule(10, 1, alike=False, pick=lambda loads: _by_mean(loads)[-5:]),
    Method.MEAN10TRIM: _Rule(10, 0, alike=True, pick=lambda loads: _by_mean(loads)[1:-1]),
}


def candidates(method: Method, told: date, event: date, calendar: Calendar) -> Iterator[date]:
    """Days that a method may use, newest first, before the invitation of day `told` for an event on day `event`.

    `high5of10` begins two days before the event; `mean10trim` takes days like the event's (worked or not), the others
    working days. None for `pre15min`.
    """
    rule = RULES.get(method)
    if rule is None:
        return
    newest = min(told - ONE_DAY, event - ONE_DAY * (1 + rule.skip))
    wanted = calendar.works(event) if rule.alike else True
    for back in range(LOOK_BACK_DAYS):
        day = newest - ONE_DAY * back
        if (
            calendar.works(day) is wanted
            and day not in calendar.event_days
            and (wanted or day not in calendar.days_off)
        ):
            yield day


def of_days(method: Method, days: Sequence[date], loads: Mapping[date, Load]) -> Baseline | TooFew:
    """The baseline from candidates, newest first; `loads` may lack days."""
    rule = RULES[method]
    used: list[date] = []
    passed: list[date] = []
    for day in days:
        if len(used) == rule.needed:
            break
        load = loads.get(day, ())
        (used if load and None not in load else passed).append(day)
    if len(used) < rule.needed:
        return TooFew(method, rule.needed, len(used), tuple(passed))
    listed = [loads[day] for day in used]
    picked = sorted(rule.pick(listed))
    load_w = tuple(_mean(_known(values)) for values in zip(*(listed[n] for n in picked), strict=True))
    return Baseline(method, load_w, tuple(used[n] for n in picked), tuple(passed))


def before_control(load_w: float | None, slots: int) -> Baseline | TooFew:
    """`pre15min`: the mean load of the quarter-hour before control, through the whole event."""
    if load_w is None:
        return TooFew(Method.PRE15MIN, 1, 0)
    return Baseline(Method.PRE15MIN, (load_w,) * slots)


def adjusted(baseline: Baseline, usual: Load, seen: Load) -> Baseline:
    """The same-day additive adjustment: by how much the load of the two hours before the notice differs from what is
    usual then, at most a fifth of the baseline's mean either way. What is not known adjusts nothing.
    """
    pairs = [(was, often) for was, often in zip(seen, usual, strict=True) if was is not None and often is not None]
    if not pairs:
        return baseline
    most = CLIP_SHARE * _mean(baseline.load_w)
    added = max(-most, min(most, _mean([was - often for was, often in pairs])))
    load_w = tuple(max(value + added, 0.0) for value in baseline.load_w)
    return Baseline(baseline.method, load_w, baseline.days, baseline.passed, added)
