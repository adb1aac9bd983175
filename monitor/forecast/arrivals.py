"""Cars that are not there yet: what an online plan is told about the hours to come. Pure.

Working days and the rest have each their mean day (`optimizer.expected.MeanDay`) of the newest weeks; which day is
which kind follows from its number. As a `Forecaster` of `optimizer.expected` it feeds `Running.expect` of
`optimizer.online`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.expected import ExpectedCars, MeanDay, Visit
from optimizer.models.scenarios import ScenarioSet

WEEKS = 4
"""Visits before that are forgotten: habits change with terms and seasons."""
BIN_H = 1.0


@dataclass(slots=True)
class Arrivals:
    """`kind_of`: number of a day, counted as the slots of visits are, -> what kind of day it is.

    `slot_h` hours make a slot. Visits are kept in the order in which they come.
    """

    slot_h: float
    kind_of: Callable[[int], str]
    visits: list[Visit] = field(default_factory=list)
    _learned: tuple[int, dict[str, MeanDay]] = (-1, {})

    @property
    def day_slots(self) -> int:
        """Slots of a day."""
        return round(24 / self.slot_h)

    def came(self, visit: Visit) -> None:
        """One more stay of the past, known when it is over."""
        self.visits.append(visit)

    def expected(self, first_slot: int, slots: int) -> list[ExpectedCars]:
        """Cars that will arrive in the slots after `first_slot`, learned from the whole days before it."""
        today = first_slot // self.day_slots
        if self._learned[0] != today:
            self._learned = today, self._learn(today)
        found = []
        for kind, day in self._learned[1].items():
            coming = day.expected(first_slot, slots)
            found += [one for one in coming if self.kind_of((first_slot + one.arrive) // self.day_slots) == kind]
        return sorted(found, key=lambda one: (one.arrive, one.depart, one.node, one.lines))

    def _learn(self, today: int) -> dict[str, MeanDay]:
        first = today - 7 * WEEKS
        self.visits = [visit for visit in self.visits if visit.arrive >= first * self.day_slots]
        past = [visit for visit in self.visits if visit.depart <= today * self.day_slots]
        begun = min((visit.arrive // self.day_slots for visit in past), default=today)
        found: dict[str, MeanDay] = {}
        for kind in sorted({self.kind_of(day) for day in range(max(first, begun), today)}):
            days = [day for day in range(max(first, begun), today) if self.kind_of(day) == kind]
            seen = [visit for visit in past if self.kind_of(visit.arrive // self.day_slots) == kind]
            found[kind] = MeanDay(self.day_slots, max(round(BIN_H / self.slot_h), 1))
            found[kind].learn(seen, len(days))
        return found


def energy_scenarios(
    visits: Sequence[Visit], day_slots: int, days: Sequence[int], count: int, seed: int
) -> ScenarioSet:
    """[count, day_slots] kWh that arrivals bring by slot, drawn from these days as they were and reduced.

    For a planner that weighs what may come instead of its mean (`optimizer.models.scenarios`).
    """
    history: FloatArray = np.zeros((len(days), day_slots))
    row = {day: place for place, day in enumerate(days)}
    for visit in visits:
        if (day := visit.arrive // day_slots) in row:
            history[row[day], visit.arrive % day_slots] += visit.energy
    return ScenarioSet.drawn(history, max(count, len(days)), seed).reduced(count)
