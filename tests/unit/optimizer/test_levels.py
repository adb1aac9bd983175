"""The method of levels: exact ends, other costs than squares, merges after wrong cuts, its parts by themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from optimizer import levels, valley
from optimizer.aggregate import Aggregate
from optimizer.arrays import FloatArray
from optimizer.demand import Demand, fill_valleys
from optimizer.instance import make_instance
from optimizer.slot_cost import Quadratic
from optimizer.solver import by_interior_point, by_levels

SQUARES = Quadratic(np.ones(4), np.zeros(4))


@dataclass(frozen=True, eq=False, slots=True)
class Steep:
    """⅓ L³ + ½ w L² for loads from 0 up: a cost with a bend in its curvature everywhere."""

    weight: FloatArray

    def value(self, load: FloatArray) -> FloatArray:
        """The cost."""
        return np.asarray(load**3 / 3 + 0.5 * self.weight * load**2)

    def price(self, load: FloatArray) -> FloatArray:
        """Its slope."""
        return np.asarray(load**2 + self.weight * load)

    def curvature(self, load: FloatArray) -> FloatArray:
        """Its curvature."""
        return 2 * load + self.weight

    def load(self, price: FloatArray) -> FloatArray:
        """The load at a slope."""
        root = np.sqrt(self.weight**2 + 4 * np.maximum(price, 0.0))
        return np.asarray((root - self.weight) / 2)


def fleet(seed: int, slots: int, count: int) -> tuple[np.ndarray, ...]:
    rng = np.random.default_rng(seed)
    arrive = rng.integers(0, slots - 1, count)
    depart = np.minimum(arrive + rng.integers(1, slots, count), slots)
    rate = rng.choice([1.0, 2.0, 3.0], count)
    energy = rng.uniform(0.05, 1.0, count) * rate * (depart - arrive)
    return arrive, depart, rate, energy


@pytest.mark.parametrize("seed", range(12))
def test_a_cost_that_is_no_square(seed: int) -> None:
    slots = 24
    arrive, depart, rate, energy = fleet(seed, slots, 60)
    base = np.random.default_rng(seed).uniform(5, 30, slots)
    cap = np.full((1, slots), np.inf if seed % 2 else 60.0)
    made = make_instance(base, Steep(np.ones(slots)), arrive, depart, rate, energy, cap)
    one, other = by_levels(made), by_interior_point(made)
    assert one.gap <= 1e-9
    assert other.gap <= 1e-6
    assert one.objective == pytest.approx(other.objective, rel=2e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_end_is_exact_under_tight_and_uneven_caps(seed: int) -> None:
    slots = 20
    arrive, depart, rate, energy = fleet(seed, slots, 80)
    rng = np.random.default_rng(100 + seed)
    base = rng.uniform(0, 20, slots)
    cap = base + rng.uniform(0.0, 2.0, slots) * energy.sum() / slots
    made = make_instance(base, Quadratic(rng.uniform(0.5, 2, slots), rng.uniform(0, 3, slots)), arrive, depart, rate,
                         energy, cap[None], rng.integers(0, 3, 80))  # fmt: skip
    answer = by_levels(made)
    assert answer.method == "levels"
    assert -1e-12 <= answer.gap <= 1e-8
    assert (answer.energy.sum(axis=0) <= made.room[0] * (1 + 1e-12)).all()


def test_permuting_the_cars_permutes_the_rows() -> None:
    arrive, depart, rate, energy = fleet(3, 30, 200)
    base = np.linspace(50, 150, 30)
    order = np.random.default_rng(0).permutation(200)
    one = valley.fill(base, energy, rate, arrive, depart, np.full(30, np.inf), 1.0, method="levels")
    other = valley.fill(base, energy[order], rate[order], arrive[order], depart[order], np.full(30, np.inf), 1.0,
                        method="levels")  # fmt: skip
    np.testing.assert_allclose(other.power_w, one.power_w[order], atol=1e-6)


def test_what_does_not_fit_is_noticed_when_nothing_may_stay_unserved() -> None:
    cars = Aggregate(4, np.zeros(2, int), np.full(2, 4), np.ones(2), np.full(2, 3.0))
    demand = Demand(SQUARES, np.zeros(4), np.ones(4), np.zeros(0), np.zeros(0))
    assert levels.fill(cars.windows, demand).short


def test_a_round_trip_of_restrictions() -> None:
    """What is left after some slots come first is what the walk of all says about the others."""
    arrive, depart, rate, energy = fleet(9, 12, 50)
    windows = Aggregate(12, arrive, depart, rate, energy, np.arange(50) % 2).windows
    first, rest = np.array([1, 4, 5, 12]), np.array([0, 2, 3, 6, 7, 8, 9, 10, 11, 13])
    before = np.zeros(14, dtype=bool)
    before[first] = True
    inside = np.random.default_rng(1).permutation(len(rest))
    place = np.empty(14, dtype=np.int64)
    place[first], place[rest] = np.arange(4), 4 + inside
    np.testing.assert_allclose(windows.restrict(rest, before).greedy(inside), windows.greedy(place)[rest], atol=1e-12)


def test_blocks_meet_their_totals() -> None:
    demand = Demand(SQUARES, np.array([1.0, 2.0, 3.0, 9.0]), np.full(4, 4.0), np.array([5.0]), np.array([7.0]))
    price, wanted = demand.meet(np.array([0, 0, 1, 2, 1]), np.array([5.0, 4.0]))
    np.testing.assert_allclose(price, [4.0, 5.0], atol=1e-9)
    np.testing.assert_allclose(wanted[[0, 1, 2, 4]], [3.0, 2.0, 2.0, 2.0], atol=1e-9)


@pytest.mark.parametrize("total", [0.5, 3.0, 7.9, 8.0, 50.0])
def test_one_car_fills_the_valleys(total: float) -> None:
    load, room = np.array([5.0, 1.0, 3.0, 2.0]), np.array([4.0, 2.0, 2.0, 0.0])
    filled = fill_valleys(SQUARES, load, room, total)
    assert filled.sum() == pytest.approx(min(total, 8.0))
    assert ((filled >= 0) & (filled <= room)).all()
    lowered = (load + filled)[(filled > 1e-9) & (filled < room - 1e-9)]
    assert np.ptp(lowered) <= 1e-9 if len(lowered) else True


def test_one_car_with_prices_alone_takes_the_cheapest() -> None:
    filled = fill_valleys(Quadratic(np.zeros(3), np.array([3.0, 1.0, 2.0])), np.ones(3), np.full(3, 2.0), 3.0)
    np.testing.assert_allclose(filled, [0, 2, 1], atol=1e-9)
