"""Expected arrivals and uncertain stays: means by hand, horizons, what confidence costs."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.expected import ExpectedCars, Forecaster, MeanDay, Visit, sure_departure


def test_the_mean_of_the_days_seen() -> None:
    day = MeanDay(day_slots=96, bin_slots=4)
    day.learn([Visit(33, 60, 1.0, 8.0), Visit(96 + 34, 96 + 60, 2.0, 12.0), Visit(96 + 70, 96 + 80, 1.0, 3.0)], days=2)
    forecaster: Forecaster = day
    first, second = forecaster.expected(0, 96)
    assert first == ExpectedCars(34, 62, 1.5, 10.0, count=1.0)
    assert (second.arrive, second.depart, second.count) == (70, 82, 0.5)


def test_expected_cars_of_tomorrow_and_those_cut_by_the_horizon() -> None:
    day = MeanDay(day_slots=24, bin_slots=2)
    day.learn([Visit(8, 16, 1.0, 6.0)], days=1)
    assert [(c.arrive, c.depart, c.energy) for c in day.expected(12, 24)] == [(21, 24, 6.0 * 3 / 8)]
    assert [c.arrive for c in day.expected(8, 48)] == [1, 25]
    assert day.expected(9, 10) == []


def test_who_may_leave_early_is_planned_early() -> None:
    ends, weights = [40, 20, 30, 50], [0.2, 0.1, 0.2, 0.5]
    assert [sure_departure(ends, weights, c) for c in (1.0, 0.9, 0.7, 0.5, 0.0)] == [20, 30, 40, 50, 50]


def test_but_not_so_early_that_it_goes_short_for_sure() -> None:
    assert sure_departure([20, 50], [0.5, 0.5], 0.9, needed_slots=35) == 35
    assert sure_departure([20, 50], [0.5, 0.5], 0.9, needed_slots=80) == 50
    assert sure_departure([20, 50], [1.0, 0.0], 0.0, needed_slots=35) == 20


def test_confidence_saves_energy_of_those_who_leave_early() -> None:
    """A car of 4 kWh that stays 4 or 8 slots: planned for the sure end it always gets all, for the last one half."""
    rng = np.random.default_rng(0)
    ends = rng.choice([4, 8], 1000)
    got = {}
    for confidence in (0.9, 0.1):
        planned = sure_departure([4, 8], [0.5, 0.5], confidence)
        got[confidence] = np.minimum(ends / planned, 1.0).mean() * 4.0
    assert got[0.9] == pytest.approx(4.0)
    assert got[0.1] < 3.2


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: ExpectedCars(3, 3, 1.0, 1.0), "arrive"),
        (lambda: ExpectedCars(0, 3, 0.0, 1.0), "rate"),
        (lambda: sure_departure([], [], 0.5), "departures"),
        (lambda: sure_departure([1], [-1.0], 0.5), "departures"),
        (lambda: sure_departure([1], [1.0], 1.5), "confidence"),
    ],
)
def test_nonsense_is_refused(make: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        make()  # type: ignore[operator]
