"""A running plan under limits of conductors: every limit at any moment, the proof, and the plan made anew beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer import Conductors, EvSession, Feeder, Problem, solve
from optimizer.expected import ExpectedCars
from optimizer.online import Running

SLOTS, SLOT_H = 32, 0.5
KINDS = ("1", "2", "3", "23", "123")


def base(first: int = 0) -> np.ndarray:
    return 8.0 + 4.0 * np.sin((np.arange(SLOTS) + first) / 5)


def problem(count: int, seed: int = 0, first: int = 0, scale: float = 1.0) -> Problem:
    """Two halls of 70 A, 25 A apart, behind 125 A, 30 A apart; or so many times as much."""
    rng = np.random.default_rng(seed)
    sessions = []
    for number in range(count):
        arrive, energy, lines = int(rng.integers(0, SLOTS - 8)), rng.uniform(0.1, 0.3), str(rng.choice(KINDS))
        depart = min(arrive + int(rng.integers(5, 16)), SLOTS)
        power = 3.68 * len(lines)
        sessions.append(
            EvSession(f"s{number}", arrive, depart, power, energy * power * (depart - arrive) * SLOT_H,
                      feeder=str(rng.choice(["a", "b"])), lines=lines)
        )  # fmt: skip
    free = np.full(SLOTS, np.inf)
    hall = Conductors(cap_a=70.0 * scale, unbalance_a=25.0 * scale)
    halls = (Feeder("a", free, conductors=hall), Feeder("b", free, conductors=hall))
    return Problem(SLOT_H, base(first), np.full(SLOTS, 90.0 * scale), tuple(sessions), feeders=halls,
                   conductors=Conductors(cap_a=125.0 * scale, unbalance_a=30.0 * scale))  # fmt: skip


def sound(running: Running, first: int = 0, scale: float = 1.0) -> None:
    """Looked at from outside, in ampere."""
    i, power = running.instance, running.energy / SLOT_H
    assert power.min(initial=0) >= 0
    assert not power[~i.window()].any()
    assert (running.energy <= i.rate[:, None] * (1 + 1e-9) + 1e-12).all()
    assert (running.energy.sum(axis=1) <= i.energy * (1 + 1e-9) + 1e-12).all()
    assert (base(first) + power.sum(axis=0) <= 90.0 * scale * (1 + 1e-9)).all()
    lines = [sorted(KINDS)[kind] for kind in running.kind]
    on = np.array([[(line in own) / len(own) for own in lines] for line in "123"])
    even = base(first) * 1000 / 690
    for node, cap, apart, carried in ((0, 125.0, 30.0, even), (1, 70.0, 25.0, 0.0), (2, 70.0, 25.0, 0.0)):
        inside = (i.node == node) | (node == 0)
        ampere = (on * inside) @ power * 1000 / 230 + carried
        assert ampere.max() <= scale * cap * (1 + 1e-9) + 1e-9
        assert (ampere.max(axis=0) - ampere.min(axis=0)).max() <= scale * apart * (1 + 1e-9) + 1e-3


def newcomers(seed: int, count: int) -> list[tuple[int, int, float, float, int, str]]:
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(count):
        arrive, lines = int(rng.integers(0, SLOTS - 8)), str(rng.choice(KINDS))
        depart = int(rng.integers(arrive + 4, SLOTS + 1))
        rate = 3.68 * len(lines) * SLOT_H
        found.append((arrive, depart, rate, float(rng.uniform(0.1, 0.3)) * rate * (depart - arrive),
                      int(rng.integers(0, 3)), lines))  # fmt: skip
    return found


@pytest.mark.parametrize(("count", "scale"), [(30, 1.0), (450, 14.0)])
def test_arrivals_one_after_the_other(count: int, scale: float) -> None:
    """Few cars are planned anew as a whole, many some at a time."""
    running = Running.of(problem(count, scale=scale), KINDS)
    for number, (arrive, depart, rate, energy, node, lines) in enumerate(newcomers(2, 8)):
        row = running.arrive(arrive, depart, rate, energy, node=node, lines=lines)
        assert row == count + number
        sound(running, scale=scale)
        assert running.improve(1e-4) <= 1e-4
        sound(running, scale=scale)
    anew = Running(running.instance, running.priority, running.limits, running.kind)
    assert running.objective <= anew.objective * (1 + 2e-4)
    assert running.lower_bound <= anew.objective * (1 + 1e-9)


def test_the_first_plan_is_that_of_the_problem() -> None:
    one = problem(30, seed=4)
    running, plan = Running.of(one), solve(one)
    assert running.gap <= 1e-6
    assert running.objective == pytest.approx(plan.objective, rel=2e-6)
    assert running.improve(1e-5) <= 1e-5


def test_who_held_the_balance_leaves() -> None:
    """The car on conductor 1 may draw 20 A only beside the one on 2; what is left fits without it."""
    cars = (EvSession("a", 0, 1, 4.6, 4.6, lines="1"), EvSession("b", 0, 1, 2.3, 2.3, lines="2"),
            EvSession("c", 0, 1, 2.3, 2.3, lines="3"))  # fmt: skip
    one = Problem(1.0, [0.0], [99.0], cars, conductors=Conductors(unbalance_a=10.0))  # type: ignore[arg-type]
    running = Running.of(one)
    np.testing.assert_allclose(running.energy[:, 0], [4.6, 2.3, 2.3], atol=1e-3)
    running.leave(1)
    ampere = running.energy[:, 0] * 1000 / 230
    assert max(ampere) <= 10.0 + 1e-3 + 1e-9
    assert running.improve(1e-6) <= 1e-6
    np.testing.assert_allclose(running.energy[:, 0], [2.3, 2.3], atol=1e-3)


def test_a_car_that_is_placed_anew_keeps_up_the_balance() -> None:
    """It wants less than thought, but what conductor 1 needs beside it comes first."""
    cars = (EvSession("a", 0, 1, 4.6, 4.6, lines="1"), EvSession("b", 0, 2, 4.6, 4.6, lines="23"))
    one = Problem(1.0, [0.0] * 2, [99.0] * 2, cars, conductors=Conductors(unbalance_a=15.0))  # type: ignore[arg-type]
    running = Running.of(one)
    running.want(1, 3.0)
    np.testing.assert_allclose(running.energy, [[4.6, 0.0], [2.3, 0.7]], atol=1e-2)
    assert running.improve(1e-6) <= 1e-6


def test_connections_that_were_not_planned_for_are_refused() -> None:
    running = Running.of(problem(5))
    with pytest.raises(ValueError, match="lines"):
        running.arrive(0, 4, 1.0, 1.0, lines="?")


def test_time_moves_on_and_caps_come_down() -> None:
    running = Running.of(problem(40, seed=7), KINDS)
    for step in range(1, 5):
        running.shift_to(problem(0, first=step))
        sound(running, step)
        arrive, depart, rate, energy, node, on_lines = newcomers(step, 1)[0]
        running.arrive(arrive, depart, rate, energy, node=node, lines=on_lines)
        sound(running, step)
        assert running.improve(1e-4) <= 1e-4
        sound(running, step)
    low = Conductors(cap_a=30.0, unbalance_a=8.0)
    tight = replace(problem(0, first=5), feeders=tuple(replace(f, conductors=low) for f in problem(0).feeders))
    running.shift_to(tight)
    sound(running, 5)
    on = np.array(
        [[(line in sorted(KINDS)[kind]) / len(sorted(KINDS)[kind]) for kind in running.kind] for line in "123"]
    )
    for node in (1, 2):
        ampere = (on * (running.instance.node == node)) @ running.energy / SLOT_H * 1000 / 230
        assert ampere.max() <= 30.0 + 1e-9
        assert (ampere.max(axis=0) - ampere.min(axis=0)).max() <= 8.0 + 1e-3


def test_expected_cars_keep_room_on_their_own_conductor() -> None:
    """10 A each: a newcomer on conductor 1 takes the place of who was expected there, not that on 2."""
    cars = (EvSession("a", 0, 2, 2.3, 2.3, lines="1"),)
    running = Running.of(
        Problem(1.0, [0.0] * 2, [99.0] * 2, cars, conductors=Conductors(cap_a=10.0)),
        ["2"],  # type: ignore[arg-type]
    )
    running.expect([ExpectedCars(1, 2, 2.3, 2.3, lines="1"), ExpectedCars(1, 2, 2.3, 2.3, lines="2")])
    assert running.improve(1e-6) <= 1e-6
    np.testing.assert_allclose(running.energy, [[2.3, 0.0], [0.0, 2.3], [0.0, 2.3]], atol=1e-2)
    running.arrive(1, 2, 2.3, 2.3, lines="1")
    assert running.counts.tolist() == [0.0, 1.0]


@pytest.mark.parametrize("limits", [None, Conductors(cap_a=20.0)])
def test_equal_shares_while_cars_come_and_go(limits: Conductors | None) -> None:
    """4.6 kWh for two cars that want 4.6 each, then for four."""
    cap = 4.6 if limits is None else 99.0
    cars = tuple(EvSession(name, 0, 1, 4.6, 4.6, lines="1") for name in "ab")
    one = Problem(1.0, [0.0], [cap], cars, conductors=limits, fairness="equal share")  # type: ignore[arg-type]
    running = Running.of(one)
    np.testing.assert_allclose(running.energy[:, 0], 2.3, rtol=0.04)
    for _ in range(2):
        running.arrive(0, 1, 4.6, 4.6, lines="1")
    assert running.improve(1e-5) <= 1e-5
    np.testing.assert_allclose(running.energy[:, 0], 1.15, rtol=0.04)
    running.leave(0)
    assert running.improve(1e-5) <= 1e-5
    np.testing.assert_allclose(running.energy[:, 0], 4.6 / 3, rtol=0.04)
    assert running.energy.sum() == pytest.approx(4.6, rel=1e-6)


def test_who_leaves_first_comes_first_while_cars_come_and_go() -> None:
    cars = (EvSession("a", 0, 2, 2.0, 3.0),)
    one = Problem(1.0, [0.0] * 2, [2.0, 1.0], cars, fairness="earliest departure")  # type: ignore[arg-type]
    running = Running.of(one)
    running.arrive(0, 1, 2.0, 1.5, priority=1)
    assert running.improve(1e-5) <= 1e-5
    np.testing.assert_allclose(running.energy.sum(axis=1), [1.5, 1.5], atol=1e-3)
