"""Who goes short: by class, by departure, or everybody alike; shares known by hand and against linear programs."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer import Conductors, EvSession, Feeder, Plan, Problem, check_plan, deliverable, solve
from optimizer.certificate import lower_bound
from optimizer.fairness import FAIRNESS, Fairness, classes
from optimizer.solver import by_levels, solve_instance

SESSIONS = (EvSession("a", 0, 4, 10, 20), EvSession("b", 0, 4, 10, 10), EvSession("c", 0, 2, 10, 10))


def site(rule: Fairness, sessions: tuple[EvSession, ...] = SESSIONS, cap: float = 5.0, **more: object) -> Problem:
    return Problem(1.0, [0.0] * 4, [cap] * 4, sessions, fairness=rule, **more)  # type: ignore[arg-type]


def shares(problem: Problem) -> np.ndarray:
    plan = proven(problem)
    return plan.served_kwh / np.array([s.energy_kwh for s in problem.sessions])


def proven(problem: Problem) -> Plan:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.current_excess_a) == 0
    assert -1e-9 <= check.gap <= 1e-6
    return plan


def test_equal_shares() -> None:
    assert shares(site("equal share")) == pytest.approx([0.5, 0.5, 0.5], abs=1e-4)


def test_who_leaves_first_comes_first() -> None:
    assert shares(site("earliest departure"))[2] == pytest.approx(1.0, abs=1e-4)


@pytest.mark.parametrize("rule", FAIRNESS)
def test_every_rule_serves_the_most(rule: Fairness) -> None:
    assert proven(site(rule)).served_kwh.sum() == pytest.approx(20.0, rel=1e-5)


@pytest.mark.parametrize("rule", FAIRNESS)
def test_without_shortage_the_rule_makes_no_difference(rule: Fairness) -> None:
    plan = proven(site(rule, cap=50.0))
    assert not plan.shortfalls
    assert plan.objective == pytest.approx(solve(site("priority", cap=50.0)).objective, rel=2e-6)


def test_shares_are_equal_within_a_class_only() -> None:
    paid = (replace(SESSIONS[0], priority=1), *SESSIONS[1:])
    assert shares(site("equal share", paid, cap=7.5)) == pytest.approx([1.0, 0.5, 0.5], abs=2e-3)


def test_who_competes_shares_and_who_does_not_is_spared() -> None:
    feeders = (Feeder("F", [1.0] * 4), Feeder("G", [9.0] * 4))
    cars = tuple(EvSession(n, 0, 4, 9.0, 4.0 + 4.0 * i, feeder="F" if i < 2 else "G") for i, n in enumerate("abc"))
    found = shares(site("equal share", cars, 99.0, feeders=feeders))
    assert found == pytest.approx([1 / 3, 1 / 3, 1.0], abs=1e-4)


def test_conductors_and_equal_shares() -> None:
    cars = tuple(EvSession(str(n), 0, 4, 7.0, 4.6 * (n + 1), lines="1") for n in range(3))
    assert shares(site("equal share", cars, 99.0, conductors=Conductors(cap_a=10.0))) == pytest.approx(1 / 3, abs=1e-4)


def test_no_share_can_be_larger_without_a_smaller_one_being_less() -> None:
    """The smallest share is the largest possible, by a linear program, up to what cheaper slots are worth."""
    rng = np.random.default_rng(3)
    slots, count = 6, 8
    for _ in range(5):
        arrive = rng.integers(0, slots - 2, count)
        depart = arrive + rng.integers(1, 3, count)
        energy = rng.uniform(2, 9, count)
        cars = tuple(EvSession(str(i), int(arrive[i]), int(depart[i]), 9.0, float(energy[i])) for i in range(count))
        problem = Problem(1.0, [0.0] * slots, [7.0] * slots, cars, fairness="equal share")  # type: ignore[arg-type]
        wanted = problem.instance().energy
        pairs = [(i, t) for i in range(count) for t in range(arrive[i], depart[i])]
        rows = [[float(i == j) for i, _ in pairs] + [-wanted[j]] for j in range(count)]
        caps = [[float(s == t) for _, t in pairs] + [0.0] for s in range(slots)]
        best = linprog(
            [0.0] * len(pairs) + [-1.0], A_ub=caps, b_ub=[7.0] * slots, A_eq=rows, b_eq=[0.0] * count,
            bounds=[(0, 9.0)] * len(pairs) + [(0, 1)],
        )  # fmt: skip
        plan = proven(problem)
        assert (plan.served_kwh / wanted).min() == pytest.approx(-best.fun, abs=1 / 30)
        assert plan.served_kwh.sum() == pytest.approx(deliverable(problem).energy_kwh, rel=1e-5)


def test_any_guess_of_what_is_served_proves_something() -> None:
    instance = site("equal share").instance()
    answer = solve_instance(instance)
    for served in (None, instance.energy, np.zeros(3), 0.3 * instance.energy):
        assert lower_bound(instance, answer.price, served) <= answer.objective + 1e-9
    with pytest.raises(ValueError, match="constant prices"):
        by_levels(instance)


def test_classes() -> None:
    priority, depart = np.array([0, 0, 1]), np.array([4, 2, 9])
    assert classes(priority, depart, "priority").tolist() == [0, 0, 1]
    assert classes(priority, depart, "earliest departure").tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="fairness"):
        site("first come")  # type: ignore[arg-type]
