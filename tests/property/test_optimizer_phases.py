"""Limits of currents against independent programs that know amperes only: limits, certificate, optimum."""

from __future__ import annotations

from math import sqrt

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from scipy.optimize import linprog, minimize

from optimizer import EvSession, Feeder, Plan, Problem, check_plan, solve, unserved_price
from optimizer.conductors import Conductors
from optimizer.limit_rows import HAIR_A

COMMON = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much]
)
FEW = settings(COMMON, max_examples=30)
KINDS = ("1", "2", "3", "12", "13", "23", "123", "?")
VOLT = 230.0


def conductors(draw: st.DrawFn, slots: int, unbalance: bool = True, based: bool = True) -> Conductors:
    caps = draw(st.lists(st.integers(0, 60).map(float) | st.just(np.inf), min_size=3, max_size=3))
    apart = draw(st.integers(0, 40).map(float) | st.just(np.inf)) if unbalance else np.inf
    base = draw(st.none() | st.lists(st.integers(0, 20).map(float), min_size=3, max_size=3)) if based else None
    return Conductors(cap_a=caps, unbalance_a=apart, base_a=base, neutral_v=VOLT)


@st.composite
def sites(
    draw: st.DrawFn, slots_max: int = 8, most: int = 7, kinds: tuple[str, ...] = (*KINDS, "1-2", "2-3"), **more: bool
) -> Problem:
    slots = draw(st.integers(1, slots_max))
    feeders: list[Feeder] = []
    for number in range(draw(st.integers(0, 2))):
        parent = draw(st.sampled_from(["", *(feeder.id for feeder in feeders)]))
        cap = draw(st.integers(0, 40).map(float) | st.just(np.inf))
        given_here = conductors(draw, slots, **more) if draw(st.booleans()) else None
        feeders.append(Feeder(f"f{number}", [cap] * slots, parent, None, given_here))  # type: ignore[arg-type]
    sessions = []
    for number in range(draw(st.integers(0, most))):
        arrive = draw(st.integers(0, slots - 1))
        sessions.append(
            EvSession(
                id=f"s{number}",
                arrival_slot=arrive,
                departure_slot=draw(st.integers(arrive + 1, slots)),
                power_max_kw=float(draw(st.integers(1, 22))),
                energy_kwh=float(draw(st.integers(0, 40))),
                feeder=draw(st.sampled_from(["", *(feeder.id for feeder in feeders)])),
                lines=draw(st.sampled_from(kinds)),
            )
        )
    return Problem(
        slot_h=draw(st.sampled_from([0.25, 1.0])),
        base_load_kw=[0.0] * slots,  # type: ignore[arg-type]
        cap_kw=[draw(st.integers(0, 60).map(float) | st.just(np.inf))] * slots,  # type: ignore[arg-type]
        sessions=tuple(sessions),
        feeders=tuple(feeders),
        conductors=conductors(draw, slots, **more),
    )


def proven(problem: Problem) -> Plan:
    plan = solve(problem)
    check = check_plan(problem, plan)
    assert check.cap_excess_kw == check.box_excess_kw == check.outside_window_kw == 0
    assert check.current_excess_a <= 1e-9
    assert check.energy_excess_kwh <= 1e-9
    assert -1e-9 <= check.gap <= 1e-5
    return plan


@COMMON
@given(sites())
def test_every_limit_is_kept_and_the_gap_proven(problem: Problem) -> None:
    plan = proven(problem)
    wanted = sum(s.energy_kwh for s in problem.sessions)
    missing = sum(s.energy_kwh for s in plan.shortfalls)
    assert plan.served_kwh.sum() + missing == pytest.approx(wanted, abs=2e-4 * max(1.0, wanted))


def under(problem: Problem, feeder: str) -> list[bool]:
    parents = {f.id: f.parent for f in problem.feeders}
    found = []
    for session in problem.sessions:
        at = session.feeder
        while at not in ("", feeder):
            at = parents[at]
        found.append(at == feeder or not feeder)
    return found


def ampere(lines: str, line: str) -> float:
    if lines == "?":
        return 1000 / VOLT
    return 1000 / VOLT / len(lines) if line in lines else 0.0


def rows_in_ampere(problem: Problem) -> tuple[list[list[float]], list[float]]:
    """For every limit what a kW of each session puts on it, and what the base load leaves: cars to neutral only."""
    rows, left = [], []
    for feeder, given_here in (("", problem.conductors), *((f.id, f.conductors) for f in problem.feeders)):
        inside = under(problem, feeder)
        cap = problem.cap_kw if not feeder else next(f.cap_kw for f in problem.feeders if f.id == feeder)
        rows.append([float(here) for here in inside])
        left.append(float(cap[0]))
        if given_here is None:
            continue
        base = np.zeros(3) if given_here.base_a is None else np.asarray(given_here.base_a)
        caps = np.asarray(given_here.cap_a)
        for n, line in enumerate("123"):
            rows.append([here * ampere(s.lines, line) for here, s in zip(inside, problem.sessions, strict=True)])
            left.append(float(caps[n] - base[n]))
            for m, other in enumerate("123"):
                if m != n:
                    rows.append(
                        [
                            here * (ampere(s.lines, line) - (s.lines != "?") * ampere(s.lines, other))
                            for here, s in zip(inside, problem.sessions, strict=True)
                        ]
                    )
                    left.append(max(float(np.asarray(given_here.unbalance_a) - base[n] + base[m]), HAIR_A))
    return rows, [max(value, 0.0) for value in left]


def program(problem: Problem) -> tuple[np.ndarray, np.ndarray, list[tuple[int, int]], np.ndarray]:
    """A x <= b over the energies of (session, slot) pairs: limits, then the sessions' energies."""
    pairs = [(i, t) for i, s in enumerate(problem.sessions) for t in range(s.arrival_slot, s.departure_slot)]
    per_kw, left = rows_in_ampere(problem)
    rows, sides = [], []
    for row, side in zip(per_kw, left, strict=True):
        if np.isfinite(side):
            for slot in range(problem.slots):
                rows.append([row[i] / problem.slot_h * (t == slot) for i, t in pairs])
                sides.append(side)
    for i, session in enumerate(problem.sessions):
        rows.append([float(i == j) for j, _ in pairs])
        most = session.power_max_kw * problem.slot_h * (session.departure_slot - session.arrival_slot)
        sides.append(min(session.energy_kwh, most))
    upper = np.array([problem.sessions[i].power_max_kw * problem.slot_h for i, _ in pairs])
    return np.array(rows), np.array(sides), pairs, upper


@FEW
@given(sites(kinds=KINDS))
def test_the_most_is_served_that_the_limits_allow(problem: Problem) -> None:
    assume(problem.sessions)
    matrix, side, pairs, upper = program(problem)
    best = linprog(-np.ones(len(pairs)), A_ub=matrix, b_ub=side, bounds=[(0.0, limit) for limit in upper])
    assert best.status == 0
    assert float(proven(problem).served_kwh.sum()) == pytest.approx(-best.fun, rel=1e-5, abs=1e-5)


@FEW
@given(sites(slots_max=4, most=4, kinds=KINDS))
def test_agrees_with_sequential_quadratic_programming(problem: Problem) -> None:
    assume(problem.sessions)
    matrix, side, pairs, upper = program(problem)
    cols, cars = np.array([t for _, t in pairs]), np.array([i for i, _ in pairs])
    wanted, dear = side[-len(problem.sessions) :], unserved_price(problem)
    scale = 1.0 / np.maximum(np.abs(matrix).max(axis=1), 1e-9)

    def cost(x: np.ndarray) -> float:
        load = np.bincount(cols, x, problem.slots)
        return float(0.5 * load @ load + dear @ (wanted - np.bincount(cars, x, len(wanted))))

    found = minimize(
        cost,
        np.zeros(len(pairs)),
        jac=lambda x: np.bincount(cols, x, problem.slots)[cols] - dear[cars],
        bounds=[(0.0, limit) for limit in upper],
        constraints=[
            {"type": "ineq", "fun": lambda x: scale * (side - matrix @ x), "jac": lambda x: -scale[:, None] * matrix}
        ],
        method="SLSQP",
        options={"ftol": 1e-12, "maxiter": 500},
    )
    assume(found.success and (scale * (side - matrix @ found.x)).min() > -1e-9)
    plan = proven(problem)
    assert plan.lower_bound <= found.fun + 1e-6 * max(1.0, abs(found.fun))
    assert plan.objective <= found.fun + 1e-5 * max(1.0, abs(found.fun))


@FEW
@given(sites(kinds=("1-2", "2-3", "1-3"), unbalance=False, based=False))
def test_currents_across_lines_stay_inside_their_circle(problem: Problem) -> None:
    """In phasors: each conductor's current is the sum of its pairs', and hardly more than 0.06 % of it is left."""
    plan = proven(problem)
    turn = {line: np.exp(-2j * np.pi / 3 * n) for n, line in enumerate("123")}
    across = {pair: (turn[pair[0]] - turn[pair[2]]) / sqrt(3) for pair in ("1-2", "2-3", "1-3")}
    assert problem.conductors is not None
    for n, line in enumerate("123"):
        signs = [(s.lines[0] == line) - (s.lines[2] == line) for s in problem.sessions]
        phasors = np.array([sign * across[s.lines] for sign, s in zip(signs, problem.sessions, strict=True)])
        current = np.abs(phasors @ plan.power_kw) * 1000 / (sqrt(3) * VOLT) if len(signs) else np.zeros(problem.slots)
        assert (current <= np.asarray(problem.conductors.cap_a)[n] + 1e-9).all()
