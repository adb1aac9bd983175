"""What holds for every plan: limits, certificate, the energy a cap allows, and agreement with independent methods."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from optimizer import EvSession, Feeder, Plan, Problem, check_plan, deliverable, lower_bound, solve, unserved_price
from optimizer.solver import solve_instance

COMMON = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
FEW = settings(COMMON, max_examples=30)


def amounts(low: float, high: float) -> st.SearchStrategy[float]:
    """Numbers with many ties and round values, three decimals at most."""
    return st.one_of(
        st.integers(int(low), int(high)).map(float), st.floats(low, high).map(lambda value: round(value, 3))
    )


@st.composite
def session_lists(draw: st.DrawFn, slots: int, most: int, priorities: int = 0) -> tuple[EvSession, ...]:
    found = []
    for i in range(draw(st.integers(0, most))):
        arrival = draw(st.integers(0, slots - 1))
        departure = draw(st.integers(arrival + 1, slots))
        power, energy = draw(amounts(0, 22)), draw(amounts(0, 60))
        found.append(EvSession(f"s{i}", arrival, departure, power, energy, draw(st.integers(0, priorities))))
    return tuple(found)


@st.composite
def problems(draw: st.DrawFn, slots_max: int = 12, most: int = 8, priorities: int = 0, plain: bool = False) -> Problem:
    slots = draw(st.integers(1, slots_max))
    base = draw(st.lists(amounts(0 if plain else -5, 30), min_size=slots, max_size=slots))
    caps = st.one_of(amounts(0, 60), st.just(float("inf")))
    weight = None if plain else draw(st.none() | st.lists(amounts(0, 3), min_size=slots, max_size=slots))
    price = None if plain else draw(st.none() | st.lists(amounts(-2, 5), min_size=slots, max_size=slots))
    return Problem(
        slot_h=draw(st.sampled_from([0.25, 1.0, 1 / 12])),
        base_load_kw=base,  # type: ignore[arg-type]
        cap_kw=draw(st.lists(caps, min_size=slots, max_size=slots)),  # type: ignore[arg-type]
        sessions=draw(session_lists(slots, most, priorities)),
        weight=weight,  # type: ignore[arg-type]
        price=price,  # type: ignore[arg-type]
    )


def proven(problem: Problem) -> Plan:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert check.cap_excess_kw == check.box_excess_kw == check.outside_window_kw == 0
    assert check.energy_excess_kwh <= 1e-9
    assert -1e-9 <= check.gap <= 1e-4
    assert not np.any(plan.power_kw[:, problem.base_load_kw >= problem.cap_kw])
    return plan


@COMMON
@given(problems(priorities=3))
def test_every_plan_keeps_its_limits_and_proves_its_gap(problem: Problem) -> None:
    plan = proven(problem)
    wanted = sum(s.energy_kwh for s in problem.sessions)
    missing = sum(s.energy_kwh for s in plan.shortfalls)
    assert plan.served_kwh.sum() + missing == pytest.approx(wanted, abs=2e-4 * max(1.0, wanted))


@COMMON
@given(problems(priorities=2), st.data())
def test_any_price_bounds_the_objective(problem: Problem, data: st.DataObject) -> None:
    price = data.draw(st.lists(st.floats(-1e3, 1e3), min_size=problem.slots, max_size=problem.slots))
    objective = solve(problem).objective
    assert lower_bound(problem, np.array(price)) <= objective + 1e-9 * max(1.0, abs(objective))


@COMMON
@given(problems())
def test_all_is_served_that_the_cap_allows(problem: Problem) -> None:
    possible = deliverable(problem).energy_kwh
    assert proven(problem).served_kwh.sum() == pytest.approx(possible, rel=3e-6, abs=1e-6)


@COMMON
@given(problems(priorities=1))
def test_the_higher_class_is_served_as_if_it_were_alone(problem: Problem) -> None:
    high = [s.priority == 1 for s in problem.sessions]
    alone = replace(problem, sessions=tuple(s for s in problem.sessions if s.priority == 1))
    served = proven(problem).served_kwh[high].sum()
    assert served == pytest.approx(deliverable(alone).energy_kwh, rel=1e-5, abs=1e-5)


@COMMON
@given(problems(plain=True))
def test_one_more_session_never_lowers_the_optimum(problem: Problem) -> None:
    assume(problem.sessions)
    fewer = replace(problem, sessions=problem.sessions[:-1])
    more, less = solve(problem), solve(fewer)
    assert more.objective >= less.lower_bound - 1e-9 * max(1.0, less.objective)


@COMMON
@given(problems(priorities=1), st.randoms(use_true_random=False))
def test_the_order_of_sessions_does_not_matter(problem: Problem, random: Any) -> None:
    order = list(range(len(problem.sessions)))
    random.shuffle(order)
    one, other = solve(problem), solve(replace(problem, sessions=tuple(problem.sessions[i] for i in order)))
    assert other.objective == pytest.approx(one.objective, rel=1e-5, abs=1e-5)
    if problem.weight is None and not one.shortfalls:  # strictly convex in the load
        np.testing.assert_allclose(other.power_kw.sum(axis=0), one.power_kw.sum(axis=0), atol=0.02)


@COMMON
@given(problems(plain=True), st.sampled_from([1e-3, 0.5, 7.0, 1e3]))
def test_scaling_all_powers_and_energies_scales_the_load(problem: Problem, scale: float) -> None:
    scaled = Problem(
        problem.slot_h,
        problem.base_load_kw * scale,
        problem.cap_kw * scale,
        tuple(
            replace(s, power_max_kw=s.power_max_kw * scale, energy_kwh=s.energy_kwh * scale) for s in problem.sessions
        ),
    )
    one, other = solve(problem), proven(scaled)
    assert other.objective / scale**2 == pytest.approx(one.objective, rel=1e-5, abs=1e-4)
    np.testing.assert_allclose(other.served_kwh.sum() / scale, one.served_kwh.sum(), rtol=1e-5, atol=1e-6)


@FEW
@given(problems(slots_max=6, most=4), st.integers(0, 3))
def test_a_duplicate_gets_the_same_row(problem: Problem, index: int) -> None:
    assume(index < len(problem.sessions))
    twin = replace(problem.sessions[index], id="twin")
    plan = proven(replace(problem, sessions=(*problem.sessions, twin)))
    np.testing.assert_allclose(plan.power_kw[index], plan.power_kw[-1], atol=1e-3 * max(1.0, twin.power_max_kw))


def flat_entries(problem: Problem) -> tuple[list[tuple[int, int]], list[float]]:
    """(session, slot) pairs of all windows and the largest energy in each."""
    pairs = [(i, t) for i, s in enumerate(problem.sessions) for t in range(s.arrival_slot, s.departure_slot)]
    return pairs, [problem.sessions[i].power_max_kw * problem.slot_h for i, _ in pairs]


def energy_attainable(problem: Problem) -> np.ndarray:
    return np.array(
        [
            min(s.energy_kwh, s.power_max_kw * problem.slot_h * (s.departure_slot - s.arrival_slot))
            for s in problem.sessions
        ]
    )


@FEW
@given(problems(slots_max=4, most=3, plain=True))
def test_agrees_with_sequential_quadratic_programming(problem: Problem) -> None:
    pairs, upper = flat_entries(problem)
    assume(pairs)
    rows, cols = np.array(pairs).T
    base, beta = problem.base_load_kw * problem.slot_h, unserved_price(problem)
    cap = np.minimum(np.maximum(problem.cap_kw, problem.base_load_kw), 1e4) * problem.slot_h
    energy = energy_attainable(problem)

    def load(x: np.ndarray) -> np.ndarray:
        return base + np.bincount(cols, x, problem.slots)

    def missing(x: np.ndarray) -> np.ndarray:
        return energy - np.bincount(rows, x, len(energy))

    found = minimize(
        lambda x: 0.5 * load(x) @ load(x) + beta @ missing(x),
        np.zeros(len(pairs)),
        jac=lambda x: load(x)[cols] - beta[rows],
        bounds=[(0.0, limit) for limit in upper],
        constraints=[{"type": "ineq", "fun": missing}, {"type": "ineq", "fun": lambda x: cap - load(x)}],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assume(found.success and missing(found.x).min() > -1e-9 and (cap - load(found.x)).min() > -1e-9)
    plan = proven(problem)
    assert plan.lower_bound <= found.fun + 1e-6 * max(1.0, found.fun)
    assert plan.objective <= found.fun + 1e-5 * max(1.0, found.fun)


@FEW
@given(problems(slots_max=8, most=5, plain=True))
def test_agrees_with_a_piecewise_linear_program(problem: Problem) -> None:
    """Tangents lie below ½L², so the program's value may not exceed the objective, and must come near it."""
    pairs, upper = flat_entries(problem)
    assume(pairs)
    rows, cols = np.array(pairs).T
    n, slots, count = len(pairs), problem.slots, len(problem.sessions)
    base, beta = problem.base_load_kw * problem.slot_h, unserved_price(problem)
    room = np.maximum(problem.cap_kw - problem.base_load_kw, 0.0) * problem.slot_h
    energy = energy_attainable(problem)
    to_slot, to_session = np.zeros((slots, n)), np.zeros((count, n))
    to_slot[cols, range(n)] = to_session[rows, range(n)] = 1.0
    top = base + np.minimum(room, to_slot @ np.array(upper))
    matrices, sides = [np.hstack([to_session, np.zeros((count, slots))])], [energy]
    capped = np.isfinite(room)
    matrices.append(np.hstack([to_slot, np.zeros((slots, slots))])[capped])
    sides.append(room[capped])
    pieces = 200
    for share in np.linspace(0, 1, pieces + 1):
        at = base + share * (top - base)
        matrices.append(np.hstack([at[:, None] * to_slot, -np.eye(slots)]))
        sides.append(0.5 * at * at - at * base)
    found = linprog(
        np.concatenate([-beta[rows], np.ones(slots)]),
        A_ub=np.vstack(matrices),
        b_ub=np.concatenate(sides),
        bounds=[(0.0, limit) for limit in upper] + [(None, None)] * slots,
    )
    assume(found.status == 0)
    value = found.fun + beta @ energy
    below = np.sum(((top - base) / pieces) ** 2) / 8
    plan = proven(problem)
    slack = 1e-5 * max(1.0, abs(value))
    assert value <= plan.objective + slack
    assert plan.objective <= value + below + slack


@st.composite
def trees(draw: st.DrawFn) -> Problem:
    """Problems whose sessions hang on up to three feeders, one below the other or side by side."""
    problem = draw(problems(priorities=1, plain=True))
    caps = st.one_of(amounts(0, 40), st.just(float("inf")))
    feeders: list[Feeder] = []
    for number in range(draw(st.integers(0, 3))):
        parent = draw(st.sampled_from(["", *(feeder.id for feeder in feeders)]))
        cap = draw(st.lists(caps, min_size=problem.slots, max_size=problem.slots))
        feeders.append(Feeder(f"f{number}", cap, parent))  # type: ignore[arg-type]
    places = st.sampled_from(["", *(feeder.id for feeder in feeders)])
    sessions = tuple(replace(s, feeder=draw(places)) for s in problem.sessions)
    return replace(problem, sessions=sessions, feeders=tuple(feeders))


@COMMON
@given(trees())
def test_every_cap_of_a_tree_is_kept_and_the_gap_proven(problem: Problem) -> None:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert check.cap_excess_kw == check.box_excess_kw == check.outside_window_kw == 0
    assert check.energy_excess_kwh <= 1e-9
    assert -1e-9 <= check.gap <= 1e-5


@COMMON
@given(problems(priorities=2))
def test_both_methods_find_the_same_optimum(problem: Problem) -> None:
    instance = problem.instance()
    one, other = solve_instance(instance, "levels"), solve_instance(instance, "interior point")
    assert one.objective == pytest.approx(other.objective, rel=2e-5, abs=2e-5)
    assert one.gap <= 1e-6
