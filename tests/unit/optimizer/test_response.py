"""Demand response: potentials, costs, bids, settlement and incentives against hand-computed values."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import linprog

from optimizer.conductors import Conductors
from optimizer.incentive import Response, best_incentive, designed, for_target, moved_by_tariff
from optimizer.problem import EvSession, Feeder, Problem
from optimizer.response import (
    ShiftCost,
    bid_curve,
    of_area,
    potential,
    potentials,
    settlement,
    shifting_costs,
)
from optimizer.solver import solve
from optimizer.yardsticks import RULES, by_rule


def one_car(energy: float = 4.0, slots: int = 4) -> Problem:
    session = EvSession("a", 0, slots, 2.0, energy)
    return Problem(
        1.0, np.zeros(slots), np.full(slots, 100.0), (session,), price=np.ones(slots), weight=np.zeros(slots)
    )


def test_a_car_that_can_wait_falls_to_nothing() -> None:
    plan = np.array([[1.0, 1.0, 1.0, 1.0]])
    found = potential(one_car(), plan, first=1, slots=1, notice=1, direction="down")
    assert found.sustained_kw == pytest.approx(1.0, abs=1e-5)
    # Two slots away, 2 kW in the others: 4 kWh need 1 + 1 + 1 + 1; without slots 1 and 2 still 2 + 2.
    both = potential(one_car(), plan, first=1, slots=2, notice=1, direction="down")
    assert (both.sustained_kw, both.energy_kwh) == (pytest.approx(1.0, abs=1e-5), pytest.approx(2.0, abs=1e-5))


def test_notice_matters() -> None:
    plan = np.array([[1.0, 1.0, 1.0, 1.0]])
    late = potential(one_car(), plan, first=1, slots=2, notice=0, direction="down")
    # Slot 0 is over: 3 kWh left, the last slot takes 2, so 1 kWh stays in the event, half in each slot.
    assert late.energy_kwh == pytest.approx(1.0, abs=1e-5)
    assert late.sustained_kw == pytest.approx(0.5, abs=1e-5)


def test_up_is_bounded_by_power_and_by_what_is_left() -> None:
    plan = np.array([[1.0, 1.0, 1.0, 1.0]])
    up = potential(one_car(), plan, first=1, slots=2, notice=0, direction="up")
    # 3 kWh left, 2 kW at most: 1.5 in each slot of the event.
    assert (up.sustained_kw, up.energy_kwh) == (pytest.approx(0.5, abs=1e-5), pytest.approx(1.0, abs=1e-5))


def random_problem(seed: int) -> Problem:
    rng = np.random.default_rng(seed)
    slots, sessions = 16, []
    for number in range(8):
        arrive = int(rng.integers(0, 10))
        depart = int(rng.integers(arrive + 2, slots + 1))
        power = float(rng.uniform(3, 11))
        energy = float(rng.uniform(0.2, 0.8)) * power * (depart - arrive) * 0.5
        sessions.append(EvSession(str(number), arrive, depart, power, energy))
    price = rng.uniform(0.3, 1.2, slots)
    return Problem(0.5, rng.uniform(5, 20, slots), np.full(slots, 60.0), tuple(sessions), price=price)


@pytest.mark.parametrize("seed", range(6))
def test_the_sustained_reduction_is_the_largest_there_is(seed: int) -> None:
    """Against the linear program: maximise δ with charging <= plan − δ in every slot of the event."""
    problem = random_problem(seed)
    plan, first, slots = solve(problem).power_kw, 6, 4
    n, t = plan.shape
    window = problem.instance().window()
    keep = np.zeros((n, t), dtype=bool)
    keep[:, : first - 2] = True
    usual = plan.sum(axis=0)
    cost = np.zeros(n * t + 1)
    cost[-1] = -1.0
    rows = np.zeros((n, n * t + 1))
    for car in range(n):
        rows[car, car * t : (car + 1) * t] = 1.0
    below, sides = [], []
    for slot in range(t):
        row = np.zeros(n * t + 1)
        row[slot : n * t : t] = 1.0
        below.append(row)
        sides.append(problem.cap_kw[slot] - problem.base_load_kw[slot])
        if first <= slot < first + slots:
            low = row.copy()
            low[-1] = 1.0
            below.append(low)
            sides.append(usual[slot])
    most = np.array([s.power_max_kw for s in problem.sessions])
    bounds = [
        (plan[i, s], plan[i, s]) if keep[i, s] else (0.0, most[i] * window[i, s]) for i in range(n) for s in range(t)
    ]
    best = linprog(
        cost, A_ub=np.array(below), b_ub=sides, A_eq=rows, b_eq=plan.sum(axis=1), bounds=[*bounds, (None, None)]
    )
    found = potential(problem, plan, first, slots, notice=2, direction="down")
    assert found.sustained_kw == pytest.approx(max(-best.fun, 0.0), abs=1e-6)


def test_more_notice_never_hurts_and_areas_add_up() -> None:
    problem = random_problem(1)
    table = potentials(problem, solve(problem).power_kw, 8, notices=(0, 2, 4), durations=(1, 4))
    for slots in (1, 4):
        energies = [table[notice, slots, "down"].energy_kwh for notice in (0, 2, 4)]
        assert energies == sorted(energies) or np.allclose(energies, sorted(energies), atol=1e-3)
    both = of_area([table[2, 1, "down"], table[2, 4, "down"]])
    assert both.energy_kwh == pytest.approx(table[2, 1, "down"].energy_kwh + table[2, 4, "down"].energy_kwh)


def test_moving_energy_costs_the_difference_of_the_prices() -> None:
    session = EvSession("a", 0, 3, 3.0, 3.0)
    price = np.array([1.0, 1.5, 4.0])
    problem = Problem(1.0, np.zeros(3), np.full(3, 9.0), (session,), price=price, weight=np.zeros(3))
    costs = shifting_costs(problem, first=0, slots=1, reductions_kw=[1.0, 2.0, 3.0, 4.0])
    assert [c.cost for c in costs] == pytest.approx([0.5, 1.0, 1.5], abs=1e-4)
    assert costs[0].marginal == pytest.approx(0.5, abs=1e-3)
    offers = bid_curve(costs, hours=1.0, margin=0.1)
    assert [(o.power_kw, round(o.price, 3)) for o in offers] == [(1.0, 0.6)] * 3


def test_the_curve_ends_where_a_car_would_go_short() -> None:
    session = EvSession("a", 0, 2, 2.0, 3.0)
    problem = Problem(1.0, np.zeros(2), np.full(2, 9.0), (session,), price=np.array([1.0, 2.0]), weight=np.zeros(2))
    # Best: 2 + 1. Slot 0 can fall to 1 at most.
    assert [c.reduction_kw for c in shifting_costs(problem, 0, 1, [0.5, 1.0, 1.5])] == [0.5, 1.0]


def test_a_bid_rises() -> None:
    offers = bid_curve([ShiftCost(2.0, 1.0, 0.0), ShiftCost(4.0, 1.8, 0.0), ShiftCost(5.0, 4.0, 0.0)], hours=2.0)
    assert [(o.power_kw, round(o.price, 3)) for o in offers] == [(2.0, 0.25), (2.0, 0.25), (1.0, 1.1)]


@pytest.mark.parametrize(("reached", "credit"), [(0.79, 0.0), (0.8, 16.0), (1.0, 20.0), (1.2, 24.0), (1.21, 24.0)])
def test_what_is_credited(reached: float, credit: float) -> None:
    found = settlement(np.full(4, 100.0), np.full(4, 100.0 - 20.0 * reached), 20.0, price=2.0, slot_h=0.25)
    assert found.credited_kw == pytest.approx(credit)
    assert found.payment == pytest.approx(2.0 * credit)


def test_filling_counts_the_other_way_and_targets_are_positive() -> None:
    found = settlement(np.array([100.0]), np.array([120.0]), 20.0, price=1.0, slot_h=1.0, direction="up")
    assert found.reached == pytest.approx(1.0)
    with pytest.raises(ValueError, match="positive"):
        settlement(np.ones(1), np.ones(1), 0.0, 1.0, 1.0)


def test_the_best_offer_is_the_best_of_all_offers() -> None:
    response = Response(elasticity=0.4, reference=0.8, most=0.6)
    for reward, spread in ((0.5, 0.1), (1.5, 0.3), (0.2, 0.4), (9.0, 0.1)):
        best = best_incentive(100.0, reward, spread, response)
        tried = [designed(i, 100.0, reward, spread, response).operator_gain for i in np.linspace(0, 3, 3001)]
        assert best.operator_gain >= max(tried) - 1e-3
    # (1.5 − 0.3) / 2 = 0.6; a saving of 0.9 moves 0.45 of 100 kWh.
    by_hand = best_incentive(100.0, 1.5, 0.3, response)
    assert (by_hand.incentive, by_hand.share) == (pytest.approx(0.6), pytest.approx(0.45))
    assert by_hand.operator_gain == pytest.approx(0.9 * 45)
    assert by_hand.driver_gain == pytest.approx(0.9 * 45)


def test_the_least_offer_for_a_target() -> None:
    response = Response(elasticity=0.5, reference=1.0, most=0.5)
    found = for_target(30.0, 100.0, reward=1.0, spread=0.2, response=response)
    assert (found.incentive, found.energy_kwh) == (pytest.approx(0.4), pytest.approx(30.0))
    assert for_target(90.0, 100.0, 1.0, 0.2, response).energy_kwh == pytest.approx(50.0)
    with pytest.raises(ValueError, match="response"):
        Response(0.0, 1.0)


def test_drivers_answer_the_tariff_by_themselves() -> None:
    after = moved_by_tariff(np.array([10.0, 5.0, 5.0]), np.array([1.0, 0.5, 0.5]), Response(0.4, 1.0))
    np.testing.assert_allclose(after, [8.0, 6.0, 6.0])


def test_rules_of_thumb_keep_their_promises() -> None:
    problem = random_problem(4)
    for rule in RULES:
        power = by_rule(problem, rule)
        assert (power.sum(axis=1) * problem.slot_h <= np.array([s.energy_kwh for s in problem.sessions]) + 1e-9).all()
        if rule != "unmanaged":
            assert (problem.load_kw(power) <= problem.cap_kw + 1e-9).all()


def test_rules_of_thumb_by_hand() -> None:
    cars = (EvSession("late", 0, 4, 4.0, 8.0), EvSession("soon", 0, 2, 4.0, 4.0))
    problem = Problem(1.0, np.zeros(4), np.full(4, 4.0), cars)
    np.testing.assert_allclose(by_rule(problem, "unmanaged"), [[4, 4, 0, 0], [4, 0, 0, 0]])
    np.testing.assert_allclose(by_rule(problem, "equal share"), [[2, 2, 4, 0], [2, 2, 0, 0]])
    np.testing.assert_allclose(by_rule(problem, "earliest departure"), [[0, 4, 4, 0], [4, 0, 0, 0]])
    np.testing.assert_allclose(by_rule(problem, "least laxity")[1], [4, 0, 0, 0])


def in_a_hall(cap_a: float) -> Problem:
    """A car on conductor 1, planned in the last two of four slots, behind so many ampere."""
    car = EvSession("a", 0, 4, 4.6, 4.6, feeder="hall", lines="1")
    hall = Feeder("hall", np.full(4, np.inf), conductors=Conductors(cap_a=cap_a))
    return Problem(1.0, np.zeros(4), np.full(4, 99.0), (car,), price=[2.0, 2.0, 1.0, 1.0], weight=np.zeros(4),
                   feeders=(hall,))  # fmt: skip


def test_conductors_bound_what_can_be_moved() -> None:
    """20 A are 4.6 kW, 10 A are 2.3 kW: so much can be filled in before."""
    plan = np.array([[0.0, 0.0, 2.3, 2.3]])
    for cap_a, kw in ((20.0, 4.6), (10.0, 2.3)):
        assert potential(in_a_hall(cap_a), plan, 1, 1, 1, "up").sustained_kw == pytest.approx(kw, rel=1e-4)
    down = potential(in_a_hall(10.0), plan, 2, 1, 2, "down")
    assert down.sustained_kw == pytest.approx(2.3, rel=1e-4)
    pressed = replace(in_a_hall(10.0), sessions=(replace(in_a_hall(10.0).sessions[0], arrival_slot=2),))
    assert potential(pressed, plan, 2, 1, 2, "down").sustained_kw == pytest.approx(0.0, abs=1e-3)


def test_what_conductors_make_of_the_cost_of_shifting() -> None:
    """A kWh less in slot 2 goes to slot 0 or 1 at a price of 1 more; from 20 A on slot 3 takes it for nothing."""
    first, second = (shifting_costs(in_a_hall(cap_a), 2, 1, [1.0]) for cap_a in (10.0, 20.0))
    assert first[0].cost == pytest.approx(1.0, abs=1e-3)
    assert second[0].cost == pytest.approx(0.0, abs=1e-3)


@pytest.mark.parametrize("seed", range(6))
def test_the_quick_potential_can_be_delivered_and_is_all_but_the_exact_one(seed: int) -> None:
    rng = np.random.default_rng(seed)
    sessions = []
    for number in range(20):
        arrive = int(rng.integers(0, 20))
        depart = int(rng.integers(arrive + 1, 25))
        energy = float(rng.uniform(0.2, 1.0)) * 7.0 * (depart - arrive) / 4.0
        sessions.append(EvSession(str(number), arrive, depart, 7.0, energy))
    problem = Problem(0.25, np.full(24, 10.0), np.full(24, 200.0), tuple(sessions))
    power = solve(problem).power_kw
    exact, quick = (potential(problem, power, 8, 4, 8, "down", exact=way) for way in (True, False))
    assert quick.sustained_kw <= exact.sustained_kw + 1e-6
    assert quick.sustained_kw == pytest.approx(exact.sustained_kw, rel=1e-2, abs=1e-2)
    assert quick.energy_kwh == pytest.approx(exact.energy_kwh, rel=1e-2, abs=1e-2)
