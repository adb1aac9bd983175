"""What is expected is what came on days of the kind, and nothing of today; a plan that knows it delivers more."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.forecast.arrivals import WEEKS, Arrivals, energy_scenarios
from optimizer import Problem
from optimizer.expected import ExpectedCars, Visit
from optimizer.online import Running

DAY = 96


def _kind(day: int) -> str:
    return "working day" if day % 7 < 5 else "weekend"


def _week(first_day: int) -> list[Visit]:
    """Two cars at 8 h on working days, one at 20 h on the others; 8 kWh in four hours each."""
    found = []
    for day in range(first_day, first_day + 7):
        hour, count = (8, 2) if day % 7 < 5 else (20, 1)
        found += [Visit(day * DAY + hour * 4, day * DAY + hour * 4 + 16, 2.0, 8.0)] * count
    return found


def _learned(weeks: int = 2) -> Arrivals:
    arrivals = Arrivals(0.25, _kind)
    for week in range(weeks):
        for visit in _week(7 * week):
            arrivals.came(visit)
    return arrivals


def test_working_days_and_weekends_have_their_own_hours() -> None:
    monday = 14 * DAY
    working = _learned().expected(monday, DAY)
    assert sum(one.count for one in working) == pytest.approx(2.0)
    assert {one.arrive // 4 for one in working} == {8}
    saturday = 19 * DAY
    rest = _learned().expected(saturday, DAY)
    assert sum(one.count for one in rest) == pytest.approx(1.0)
    assert {one.arrive // 4 for one in rest} == {20}
    assert sum(one.count * one.energy for one in working) == pytest.approx(16.0)


def test_friday_evening_looks_into_saturday() -> None:
    friday_noon = 18 * DAY + 48
    assert _learned().expected(friday_noon, DAY) == []
    until_the_night = _learned().expected(friday_noon, DAY + 48)
    assert [(48 + one.arrive) // 4 for one in until_the_night] == [24 + 20]


def test_nothing_of_today_is_known() -> None:
    """Cars of the day itself change what is expected tomorrow, not today."""
    first, second = _learned(), _learned()
    for _ in range(20):
        second.came(Visit(14 * DAY + 1, 14 * DAY + 5, 2.0, 8.0))
    now = 14 * DAY + 24
    assert first.expected(now, 60) == second.expected(now, 60)
    assert first.expected(15 * DAY, DAY) != second.expected(15 * DAY, DAY)


def test_old_habits_are_forgotten() -> None:
    arrivals = _learned(1)
    assert arrivals.expected((7 * WEEKS + 8) * DAY, DAY) == []


def test_a_plan_that_expects_the_evening_leaves_it_room() -> None:
    """One car that could charge at any time and is told that later is cheaper, and two that come only later."""
    slots = 8
    cap = np.full(slots, 4.0)

    def delivered(expect: bool) -> float:
        price = np.where(np.arange(slots) < 4, 1.0, 0.0)
        problem = Problem(1.0, np.zeros(slots), cap, (), price=price)
        running = Running.of(problem)
        row = running.arrive(0, 8, 4.0, 16.0)
        if expect:
            running.expect([ExpectedCars(4, 8, 2.0, 8.0, count=2.0)])
        running.improve(1e-4)
        total = float(running.energy[row, :4].sum())
        for _ in range(4):
            running.shift(np.zeros(slots), np.full((1, slots), 4.0), problem.instance().cost)
        running.expect([])
        for _ in range(2):
            running.arrive(0, 4, 2.0, 8.0)
        running.improve(1e-4)
        return total + float(running.energy[: running.cars, :4].sum())

    assert delivered(expect=True) > delivered(expect=False) + 2.0


def test_scenarios_are_days_as_they_were() -> None:
    visits = [*_week(0), *_week(7)]
    made = energy_scenarios(visits, DAY, [0, 1, 5, 6, 7], 3, seed=1)
    assert made.values.shape == (3, DAY)
    assert made.weights.sum() == pytest.approx(1.0)
    assert {float(row.sum()) for row in made.values} <= {8.0, 16.0}
