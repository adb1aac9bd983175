"""Energies per slot, the price of energy not served, the room that plans may use."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Problem, plan_objective, unserved_price
from optimizer.objective import quantities, usable_room


def test_powers_become_energies_and_windows_clip() -> None:
    q = quantities(Problem(0.5, [2, 2, 2], [12, 12, 12], (EvSession("a", 0, 2, 8.0, 100.0),)))
    np.testing.assert_array_equal(q.window, [[True, True, False]])
    assert (q.rate[0], q.energy[0], q.wanted[0]) == (4.0, 8.0, 100.0)
    np.testing.assert_array_equal(q.base, [1, 1, 1])
    np.testing.assert_array_equal(q.room, [4, 4, 0])  # cut at what the session can take


def test_nobody_takes_more_in_a_slot_than_he_wants_in_all() -> None:
    assert quantities(Problem(1.0, [0], [9], (EvSession("a", 0, 1, 8.0, 3.0),))).rate[0] == 3.0


def test_unserved_energy_costs_more_than_any_slot_and_classes_are_ordered() -> None:
    sessions = tuple(EvSession(str(p), 0, 2, 5.0, 5.0, priority=p) for p in (0, 7, -3))
    price = unserved_price(Problem(1.0, [1, 4], [10, 10], sessions))
    dearest, cheapest = 10.0, 1.0
    assert price[2] > dearest
    assert price[0] - price[2] > dearest - cheapest
    assert price[1] - price[0] > dearest - cheapest


@pytest.mark.parametrize("base", [0.0, -5.0])
def test_unserved_energy_has_a_positive_price_even_where_loads_cost_nothing(base: float) -> None:
    assert unserved_price(Problem(1.0, [base], [0], (EvSession("a", 0, 1, 5.0, 5.0),), weight=[0]))[0] > 0


def test_objective_counts_what_is_not_served() -> None:
    problem = Problem(1.0, [5, 1, 3], [9, 9, 9], (EvSession("a", 0, 3, 2.0, 3.0),), price=[1, 1, 1])
    assert plan_objective(problem, np.array([[0.0, 2.0, 1.0]])) == pytest.approx(25 + 12)
    beta = unserved_price(problem)[0]
    assert plan_objective(problem, np.zeros((1, 3))) == pytest.approx(17.5 + 9 + 3 * beta)


def test_usable_room_is_a_little_less_none_or_infinite() -> None:
    problem = Problem(1.0, [5, 5, 5], [10, 5, 100], (EvSession("a", 0, 3, 7.0, 21.0),))
    room = usable_room(problem, quantities(problem))
    assert 5 * (1 - 2e-7) < room[0] < 5
    assert room[1] == 0
    assert room[2] == np.inf
