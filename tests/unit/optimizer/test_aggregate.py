"""A fleet as one object: the tables and walks of the specification, and agreement with every car by itself."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.aggregate import Aggregate, Mixture
from optimizer.arrays import FloatArray, IntArray


def fleet(slots: int, cars: list[tuple[int, int, float, float]], classes: list[int] | None = None) -> Aggregate:
    arrive, depart, rate, energy = (np.array(column) for column in zip(*cars, strict=True))
    kinds = None if classes is None else np.array(classes)
    return Aggregate(slots, arrive, depart, rate.astype(float), energy.astype(float), kinds)


def random_cars(seed: int, slots: int = 9, count: int = 40) -> list[tuple[int, int, float, float]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        arrive = int(rng.integers(0, slots))
        depart = int(rng.integers(arrive + 1, slots + 1))
        rate = float(rng.choice([1.0, 2.5, 3.0]))
        found.append(
            (arrive, depart, rate, float(rng.choice([rng.uniform(0, 1), 0.5, 1.0])) * rate * (depart - arrive))
        )
    return found


def one_by_one(slots: int, cars: list[tuple[int, int, float, float]], place: IntArray) -> FloatArray:
    """Every car fills its slots in the order of place."""
    table = np.zeros((len(cars), slots))
    for car, (arrive, depart, rate, energy) in enumerate(cars):
        for slot in sorted(range(arrive, depart), key=lambda t: place[t]):
            table[car, slot] = min(rate, energy)
            energy -= table[car, slot]
    return table


def places(prices: list[float]) -> IntArray:
    return np.argsort(np.argsort(np.array(prices), kind="stable"), kind="stable")


def test_vector_1_the_table_of_a_window() -> None:
    both = fleet(3, [(0, 3, 3.0, 7.0), (0, 3, 2.0, 3.0)])
    np.testing.assert_array_equal(both.full, [2, 1])
    np.testing.assert_array_equal(both.rest, [1, 1])
    np.testing.assert_array_equal(both.windows.gain[1:4], [5, 4, 1])
    np.testing.assert_array_equal(np.cumsum(both.windows.gain[:4]), [0, 5, 9, 10])


def test_vector_2_the_walk_for_prices() -> None:
    both = fleet(3, [(0, 3, 3.0, 7.0), (0, 3, 2.0, 3.0)])
    np.testing.assert_array_equal(places([10, 4, 7]) + 1, [3, 1, 2])
    np.testing.assert_array_equal(both.windows.greedy(places([10, 4, 7])), [1, 5, 4])


@pytest.mark.parametrize("seed", range(8))
def test_the_walk_of_all_is_the_sum_of_the_walks_of_each(seed: int) -> None:
    cars = random_cars(seed)
    place = np.random.default_rng(seed).permutation(9)
    np.testing.assert_allclose(fleet(9, cars).windows.greedy(place), one_by_one(9, cars, place).sum(axis=0), atol=1e-12)


@pytest.mark.parametrize("seed", range(8))
def test_gains_never_rise_with_the_rank(seed: int) -> None:
    made = fleet(9, random_cars(seed))
    for first, length in zip(made.offset, made.length, strict=False):
        assert (np.diff(made.windows.gain[first + 1 : first + length + 2]) <= 1e-12).all()


@pytest.mark.parametrize("seed", range(8))
def test_shares_are_the_mixture_of_every_car_s_own_walks(seed: int) -> None:
    cars, rng = random_cars(seed), np.random.default_rng(seed)
    walks = np.stack([rng.permutation(9) for _ in range(4)])
    weights = np.array([0.4, 0.3, 0.2, 0.1])
    out = np.zeros((len(cars), 9))
    fleet(9, cars).share([Mixture(np.ones(9, dtype=bool), walks, weights)], out)
    expected = sum(w * one_by_one(9, cars, walk) for w, walk in zip(weights, walks, strict=True))
    np.testing.assert_allclose(out, expected, atol=1e-12)


def test_a_class_gives_up_where_its_element_stands() -> None:
    two = fleet(3, [(0, 3, 2.0, 5.0), (0, 3, 2.0, 5.0)], classes=[0, 1])
    # Slots 1, 0, 2; class 0 gives up after the first, class 1 after all.
    np.testing.assert_allclose(two.windows.greedy(np.array([2, 0, 3, 1, 4])), [2, 4, 1, 3, 0])


def test_classes_share_too() -> None:
    two = fleet(3, [(0, 3, 2.0, 5.0), (0, 3, 2.0, 5.0)], classes=[0, 1])
    out = np.zeros((2, 3))
    two.share([Mixture(np.ones(3, dtype=bool), np.array([[2, 0, 3, 1, 4]]), np.ones(1))], out, unit=10.0)
    np.testing.assert_allclose(out, [[0, 20, 0], [20, 20, 10]])


def test_nearly_whole_slots_are_whole() -> None:
    one = fleet(4, [(0, 4, 0.1, 0.1 * 3)])
    assert (one.full[0], one.rest[0]) == (3, 0.0)
