"""Cars that are not there yet, and stays that may end early: what a running plan is told about tomorrow.

Expected arrivals enter a plan as scenario cars: `count` cars of a kind are one car of `count` times the power and the
energy, by the exact addition of equal windows. They keep room free; nobody ever sees their set-points. An uncertain
departure enters as the slot that the car is still there at with the confidence asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from optimizer.arrays import FloatArray


@dataclass(frozen=True, slots=True)
class ExpectedCars:
    """`count` (a mean, any number >= 0) cars that will charge in the slots [arrive, depart), at most `rate` kWh per
    slot and `energy` kWh each, under `node` and on the conductors `lines`.
    """

    arrive: int
    depart: int
    rate: float
    energy: float
    count: float = 1.0
    node: int = 0
    lines: str = "123"

    def __post_init__(self) -> None:
        """Raises ValueError when these make no sense."""
        if not 0 <= self.arrive < self.depart:
            raise ValueError("expected cars: they must arrive before they leave")
        if not (self.rate > 0 and self.energy >= 0 and self.count >= 0):
            raise ValueError("expected cars: rate must be above 0, energy and count from 0 up")


class Forecaster(Protocol):
    """Whoever knows what is to come."""

    def expected(self, first_slot: int, slots: int) -> Sequence[ExpectedCars]:
        """Cars that arrive in the slots [first_slot, first_slot + slots) of its calendar, counted from first_slot."""
        ...


@dataclass(frozen=True, slots=True)
class Visit:
    """A stay of the past: slots counted through from a midnight on, rate kWh per slot, energy kWh."""

    arrive: int
    depart: int
    rate: float
    energy: float
    node: int = 0
    lines: str = "123"


@dataclass(slots=True)
class MeanDay:
    """Tomorrow is the mean of the days seen: visits by hour of arrival, length of stay, `bin_slots` at a time, and
    place.
    """

    day_slots: int
    bin_slots: int
    days: int = 0
    kinds: dict[tuple[int, int, int, str], list[float]] = field(default_factory=dict)

    def learn(self, visits: Iterable[Visit], days: int) -> None:
        """Adds what came in so many days."""
        self.days += days
        for visit in visits:
            stay = -(-(visit.depart - visit.arrive) // self.bin_slots)
            key = (visit.arrive % self.day_slots // self.bin_slots, stay, visit.node, visit.lines)
            sums = self.kinds.setdefault(key, [0.0, 0.0, 0.0])
            for n, value in enumerate((1.0, visit.rate, visit.energy)):
                sums[n] += value

    def expected(self, first_slot: int, slots: int) -> list[ExpectedCars]:
        """As in `Forecaster`; a stay reaches beyond the horizon as far as its energy is cut in proportion."""
        found = []
        for day in range(first_slot // self.day_slots, (first_slot + slots) // self.day_slots + 1):
            for (hour, stay, node, lines), (count, rate, energy) in sorted(self.kinds.items()):
                begin = day * self.day_slots + hour * self.bin_slots + self.bin_slots // 2 - first_slot
                end = begin + stay * self.bin_slots
                if 0 < begin < slots:
                    part = (min(end, slots) - begin) / (end - begin)
                    each = (rate / count, part * energy / count)
                    found.append(ExpectedCars(begin, min(end, slots), *each, count / self.days, node, lines))
        return found


def sure_departure(
    departures: Sequence[int], weights: Sequence[float] | FloatArray, confidence: float, needed_slots: int = 0
) -> int:
    """The last slot border that a car of uncertain stay is still there at with `confidence`, but late enough for
    `needed_slots` from 0 on where it may stay so long.

    `departures` and their `weights` >= 0 are its possible ends. Raises ValueError without any.
    """
    ends, share = np.asarray(departures), np.asarray(weights, dtype=np.float64)
    if len(ends) == 0 or ends.shape != share.shape or (share < 0).any() or share.sum() <= 0:
        raise ValueError("sure_departure: departures with weights from 0 up expected")
    if not 0.0 <= confidence <= 1.0:
        raise ValueError(f"sure_departure: confidence must lie between 0 and 1, got {confidence}")
    order = np.argsort(ends, kind="stable")
    ends, share = ends[order], share[order] / share.sum()
    stays = np.cumsum(share[::-1])[::-1]
    sure = ends[stays >= confidence - 1e-12]
    return int(min(max(int(sure[-1]), needed_slots), int(ends[share > 0][-1])))
