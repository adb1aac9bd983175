"""Lower bounds by hand, and a checker that notices every kind of wrong plan."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from optimizer import EvSession, Plan, Problem, check_plan, lower_bound, solve, unserved_price
from optimizer.certificate import relative_gap

# Vector 3 of the specification: base (5, 1, 3), one session of 3 kWh at 2 kW over three slots.
VECTOR_3 = Problem(1.0, [5, 1, 3], [np.inf] * 3, (EvSession("a", 0, 3, 2.0, 3.0),))


def test_vector_3_bound_at_its_loads_is_25() -> None:
    assert lower_bound(VECTOR_3, np.array([5.0, 3.0, 4.0])) == pytest.approx(25.0, abs=1e-12)


@pytest.mark.parametrize("price", [[0, 0, 0], [5, 1, 3], [9, 9, 9], [-4, 2, 100], [1e6, -1e6, 0]])
def test_any_price_gives_a_bound(price: list[float]) -> None:
    assert lower_bound(VECTOR_3, np.array(price, dtype=float)) <= 25.0


@pytest.mark.parametrize("price", [[1.0], [np.nan, 1.0, 1.0], [np.inf, 1.0, 1.0]])
def test_a_price_must_be_finite_and_complete(price: list[float]) -> None:
    with pytest.raises(ValueError, match="3 finite numbers"):
        lower_bound(VECTOR_3, np.array(price))


def test_a_slot_without_room_is_bounded_by_its_base_load() -> None:
    problem = Problem(1.0, [4], [3], (EvSession("a", 0, 1, 2.0, 2.0),))
    beta = unserved_price(problem)[0]
    assert lower_bound(problem, np.array([beta])) == pytest.approx(8 + 2 * beta)


def test_relative_gap_is_absolute_for_small_objectives() -> None:
    assert relative_gap(0.5, 0.4) == pytest.approx(0.1)
    assert relative_gap(100.0, 99.0) == pytest.approx(0.01)


def test_a_good_plan_passes() -> None:
    plan = solve(VECTOR_3)
    check = check_plan(VECTOR_3, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.outside_window_kw) == 0
    assert check.energy_excess_kwh < 1e-12
    assert (check.objective, check.lower_bound, check.gap) == (plan.objective, plan.lower_bound, plan.gap)


def test_every_fault_is_seen() -> None:
    problem = Problem(1.0, [1, 1, 1], [3, 3, 3], (EvSession("a", 0, 2, 4.0, 4.0),))
    plan = solve(problem)

    def check(row: list[float]) -> Plan:
        return replace(plan, power_kw=np.array([row]))

    assert check_plan(problem, check([2.5, 0, 0])).cap_excess_kw == pytest.approx(0.5)
    assert check_plan(problem, check([5, 0, 0])).box_excess_kw == pytest.approx(1)
    assert check_plan(problem, check([-1, 0, 0])).box_excess_kw == pytest.approx(1)
    assert check_plan(problem, check([0, 0, 0.5])).outside_window_kw == pytest.approx(0.5)
    assert check_plan(problem, check([3, 3, 0])).energy_excess_kwh == pytest.approx(2)
    assert check_plan(problem, check([0, 0, 0])).gap > 0.1
