"""Energies per slot, the price of energy not served, the room that plans may use, sums up the tree."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Feeder, Problem, plan_objective, unserved_price
from optimizer.instance import price_scale, usable_room


def test_powers_become_energies_and_windows_clip() -> None:
    made = Problem(0.5, [2, 2, 2], [12, 12, 12], (EvSession("a", 0, 2, 8.0, 100.0),)).instance()
    np.testing.assert_array_equal(made.window(), [[True, True, False]])
    assert (made.rate[0], made.energy[0]) == (4.0, 8.0)
    np.testing.assert_array_equal(made.base, [1, 1, 1])
    np.testing.assert_array_equal(made.room, [[5, 5, 5]])
    np.testing.assert_array_equal(made.most, [[4, 4, 0]])


def test_nobody_takes_more_in_a_slot_than_he_wants_in_all() -> None:
    assert Problem(1.0, [0], [9], (EvSession("a", 0, 1, 8.0, 3.0),)).instance().rate[0] == 3.0


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


def test_usable_room_is_a_hair_less_or_none() -> None:
    problem = Problem(1.0, [5, 5, 5, 5], [10, 5, np.inf, 4], (EvSession("a", 0, 3, 7.0, 21.0),))
    room = usable_room(problem.instance())[0]
    assert 5 * (1 - 2e-9) < room[0] < 5
    assert (room[1], room[2], room[3]) == (0, np.inf, 0)


def test_the_scale_of_prices_is_never_nothing() -> None:
    assert price_scale(Problem(1.0, [0], [5], ()).instance()) == 1.0
    assert price_scale(Problem(1.0, [-3], [5], (EvSession("a", 0, 1, 2.0, 2.0),)).instance()) == 3.0


def test_a_tree_adds_up_towards_the_site() -> None:
    feeders = (Feeder("leaf", [9.0], parent="branch"), Feeder("branch", [20.0], base_load_kw=[5.0]))
    sessions = (
        EvSession("a", 0, 1, 7.0, 7.0, feeder="leaf"),
        EvSession("b", 0, 1, 3.0, 3.0, feeder="branch"),
        EvSession("c", 0, 1, 2.0, 2.0),
    )
    problem = Problem(1.0, [10.0], [30.0], sessions, feeders=feeders)
    assert problem.node_ids() == ["", "branch", "leaf"]
    made = problem.instance()
    np.testing.assert_array_equal(made.parent, [-1, 0, 1])
    np.testing.assert_array_equal(made.room, [[20.0], [15.0], [9.0]])
    np.testing.assert_array_equal(made.flow(np.array([[7.0], [3.0], [2.0]])), [[12.0], [10.0], [7.0]])
    np.testing.assert_array_equal(made.path(2), [2, 1, 0])
