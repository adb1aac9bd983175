"""A running plan: newcomers are placed under every cap, the proof stays honest, few cars move."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.arrays import IntArray
from optimizer.certificate import lower_bound
from optimizer.expected import ExpectedCars
from optimizer.instance import Instance, make_instance
from optimizer.online import Running
from optimizer.slot_cost import Quadratic
from optimizer.solver import solve_instance

SLOTS = 48


def site(count: int, seed: int, feeders: int = 0) -> Instance:
    rng = np.random.default_rng(seed)
    arrive = rng.integers(0, SLOTS - 8, count)
    depart = np.minimum(arrive + rng.integers(4, 24, count), SLOTS)
    rate = rng.choice([1.0, 1.75, 2.75], count)
    energy = rng.uniform(0.1, 0.8, count) * rate * (depart - arrive)
    base = count * (0.3 + 0.2 * np.sin(np.arange(SLOTS) / SLOTS * 6))
    caps = np.full((1 + feeders, SLOTS), 2.0 * base.max() + energy.sum() / SLOTS)
    caps[0, 30:36] = base[30:36] + 0.6 * energy.sum() / SLOTS
    caps[1:] = 1.6 * energy.sum() / SLOTS / max(feeders, 1)
    return make_instance(
        base, Quadratic(np.ones(SLOTS), np.zeros(SLOTS)), arrive, depart, rate, energy, caps,
        node=rng.integers(0, feeders + 1, count), parent=np.append(-1, np.zeros(feeders, dtype=np.int64)),
    )  # fmt: skip


def sound(running: Running) -> None:
    """What must hold at any moment, looked at from outside."""
    i, energy = running.instance, running.energy
    assert energy.shape == (len(i.rate), i.slots)
    assert energy.min(initial=0) >= 0
    assert (energy <= i.rate[:, None] * (1 + 1e-9) + 1e-12).all()
    assert not energy[~i.window()].any()
    assert (energy.sum(axis=1) <= i.energy * (1 + 1e-9) + 1e-12).all()
    flow = i.flow(energy)
    np.testing.assert_allclose(running.flow, flow, atol=1e-9)
    assert (flow <= i.room * (1 + 1e-9) + 1e-12).all()


def newcomers(seed: int, count: int) -> list[tuple[int, int, float, float]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        arrive = int(rng.integers(0, SLOTS - 6))
        depart = int(rng.integers(arrive + 3, SLOTS + 1))
        found.append((arrive, depart, 1.75, float(rng.uniform(0.1, 0.7)) * 1.75 * (depart - arrive)))
    return found


@pytest.mark.parametrize("feeders", [0, 3])
def test_arrivals_one_after_the_other(feeders: int) -> None:
    running = Running(site(150, 1, feeders))
    for number, (arrive, depart, rate, energy) in enumerate(newcomers(2, 25)):
        row = running.arrive(arrive, depart, rate, energy, node=number % (feeders + 1))
        assert row == 150 + number
        sound(running)
        assert running.improve(1e-4) <= 1e-4
        sound(running)
    optimum = solve_instance(running.instance)
    assert running.objective <= optimum.objective * (1 + 2e-4)
    assert running.lower_bound <= optimum.objective * (1 + 1e-9)
    assert running.lower_bound == pytest.approx(lower_bound(running.instance, running.price), rel=1e-9)


def test_a_newcomer_with_room_moves_nobody() -> None:
    running = Running(site(60, 3))
    before = running.energy.copy()
    row = running.arrive(0, 20, 1.75, 5.0)
    np.testing.assert_array_equal(running.energy[:row], before)
    assert running.energy[row].sum() == pytest.approx(5.0, rel=1e-9)
    assert running.improve(1e-3) <= 1e-3


def two(depart_first: int, cap: float) -> Running:
    """One car of 2 kWh that may charge in two slots, and a cap in the first."""
    ones: IntArray = np.zeros(1, dtype=np.int64)
    base, caps = np.zeros(2), np.array([[cap, 9.0]])
    return Running(
        make_instance(base, Quadratic(np.ones(2), np.zeros(2)), ones, ones + depart_first, np.ones(1) * 2.0,
                      np.ones(1) * 2.0, caps)
    )  # fmt: skip


def test_who_can_wait_makes_way() -> None:
    running = two(depart_first=2, cap=1.0)
    np.testing.assert_allclose(running.energy, [[1.0, 1.0]], atol=1e-2)
    row = running.arrive(0, 1, 1.0, 1.0)
    np.testing.assert_allclose(running.energy, [[0.0, 2.0], [1.0, 0.0]], atol=1e-2)
    assert row == 1
    assert running.improve(1e-4) <= 1e-4


def test_who_cannot_wait_stays_and_the_newcomer_goes_short() -> None:
    running = two(depart_first=1, cap=2.0)
    running.arrive(0, 1, 1.0, 1.0)
    sound(running)
    assert running.energy.sum() == pytest.approx(2.0, rel=1e-6)
    assert running.improve(1e-4) <= 1e-4


def test_what_the_meter_says_changes_what_is_wanted() -> None:
    running = Running(site(40, 6))
    running.want(3, 0.5 * float(running.instance.energy[3]))
    sound(running)
    assert running.energy[3].sum() == pytest.approx(running.instance.energy[3], rel=1e-9)
    assert running.improve(1e-4) <= 1e-4


def test_departures() -> None:
    running = Running(site(40, 5))
    rows = running.energy.copy()
    running.leave(7)
    np.testing.assert_array_equal(running.energy, np.delete(rows, 7, axis=0))
    sound(running)
    assert running.improve(1e-4) <= 1e-4
    sound(running)


def test_a_higher_class_pushes_a_lower_one_out() -> None:
    running = two(depart_first=1, cap=2.0)
    running.arrive(0, 1, 2.0, 2.0, priority=1)
    assert running.improve(1e-6) <= 1e-6
    np.testing.assert_allclose(running.energy[:, 0], [0.0, 2.0], atol=1e-4)


def moved_on(running: Running, slots: int) -> tuple[np.ndarray, np.ndarray, Quadratic]:
    """The new horizon: yesterday's slots come again."""
    i = running.instance
    return np.roll(i.base, -slots), np.roll(i.room, -slots, axis=1), Quadratic(np.ones(i.slots), np.zeros(i.slots))


def test_time_moves_on_and_the_plan_stands() -> None:
    running = Running(site(60, 7, feeders=2))
    before, wanted, departs = running.energy.copy(), running.instance.energy.copy(), running.instance.depart.copy()
    gone = running.shift(*moved_on(running, 10), slots=10)
    np.testing.assert_array_equal(gone, np.flatnonzero(departs <= 10))
    stay = departs > 10
    np.testing.assert_allclose(running.energy[:, :-10], before[stay][:, 10:], atol=1e-12)
    np.testing.assert_allclose(running.instance.energy, (wanted - before[:, :10].sum(axis=1))[stay], atol=1e-9)
    sound(running)
    assert running.improve(1e-4) <= 1e-4
    sound(running)


def test_slot_after_slot_with_arrivals_the_proof_goes_on() -> None:
    running = Running(site(80, 8))
    for number, (arrive, depart, rate, energy) in enumerate(newcomers(9, 20)):
        running.shift(*moved_on(running, 1))
        sound(running)
        running.arrive(arrive, depart, rate, energy)
        assert running.improve(1e-4) <= 1e-4
        assert running.cars == len(running.instance.rate)
        if number % 5 == 0:
            assert running.objective <= solve_instance(running.instance).objective * (1 + 2e-4)


def test_a_cap_that_comes_down_cuts_the_plan_at_once() -> None:
    running = Running(site(60, 7))
    base, room, cost = moved_on(running, 1)
    running.shift(base, 0.5 * room, cost)
    sound(running)
    assert running.improve(1e-4) <= 1e-4


def test_the_first_slot_of_a_car_counts_as_delivered() -> None:
    running = two(depart_first=2, cap=1.0)
    delivered = float(running.energy[0, 0])
    flat = Quadratic(np.ones(2), np.zeros(2))
    gone = running.shift(np.zeros(2), np.array([[9.0, 9.0]]), flat)
    assert len(gone) == 0
    assert running.instance.energy[0] == pytest.approx(2.0 - delivered)
    assert len(running.shift(np.zeros(2), np.array([[9.0, 9.0]]), flat)) == 1
    assert running.energy.shape == (0, 2)


def test_a_departure_that_moves() -> None:
    running = Running(site(40, 6))
    row = int(np.argmax(running.instance.depart - running.instance.arrive))
    arrive, wanted = int(running.instance.arrive[row]), float(running.instance.energy[row])
    running.stays(row, arrive + 2)
    sound(running)
    assert not running.energy[row, arrive + 2 :].any()
    running.stays(row, SLOTS + 5)
    running.want(row, wanted)
    assert running.instance.depart[row] == SLOTS
    assert running.energy[row].sum() == pytest.approx(wanted, rel=1e-9)
    assert running.improve(1e-4) <= 1e-4


def test_expected_cars_keep_room_and_a_newcomer_takes_it() -> None:
    """One car now, one like it expected: the valley of slot 1 is kept for who can charge only then."""
    start, ones = np.zeros(1, dtype=np.int64), np.ones(1)
    flat = Quadratic(np.ones(2), np.zeros(2))
    running = Running(make_instance(np.zeros(2), flat, start, start + 2, 2 * ones, 2 * ones, np.full((1, 2), 2.0)))
    running.expect([ExpectedCars(1, 2, 1.0, 1.0, count=2.0)])
    assert (running.cars, len(running.instance.rate)) == (1, 2)
    assert running.improve(1e-6) <= 1e-6
    np.testing.assert_allclose(running.energy, [[2.0, 0.0], [0.0, 2.0]], atol=1e-2)
    row = running.arrive(1, 2, 1.0, 1.0)
    assert (row, running.cars) == (1, 2)
    np.testing.assert_allclose(running.energy[1:], [[0.0, 1.0], [0.0, 1.0]], atol=1e-2)
    assert running.counts.tolist() == [1.0]
    sound(running)
    running.arrive(1, 2, 1.0, 0.5)
    running.expect([])
    assert len(running.instance.rate) == running.cars == 3
    sound(running)


def test_what_was_expected_and_did_not_come_is_forgotten() -> None:
    running = Running(site(20, 4))
    running.expect([ExpectedCars(0, 9, 1.0, 2.0), ExpectedCars(3, 9, 1.0, 2.0, count=0.5)])
    sound(running)
    assert len(running.instance.rate) == 22
    gone = running.shift(*moved_on(running, 1))
    assert len(running.instance.rate) == 21 - len(gone)
    assert running.counts.tolist() == [0.5]
    sound(running)
