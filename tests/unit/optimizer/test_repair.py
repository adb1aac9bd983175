"""Whatever a method hands over, what leaves is inside every limit and serves all that has room."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Feeder, Problem
from optimizer.arrays import FloatArray
from optimizer.caps import TreeLimits
from optimizer.entries import make_entries
from optimizer.instance import default_price, usable_room
from optimizer.repair import keep_caps, repair

TWO = (EvSession("a", 0, 3, 7.0, 2.0), EvSession("b", 1, 4, 11.0, 3.0))
SITE = Problem(0.25, [3, 1, 2, 5], [10, 10, 4, 4], TWO)


def repaired(problem: Problem, table: FloatArray) -> FloatArray:
    made = problem.instance()
    room = usable_room(made)
    entries = make_entries(made, room, 1.0, 1.0)
    assert entries is not None
    filled = np.zeros(len(entries.car))
    slots = np.delete(np.arange(len(entries.car)), entries.lasts)
    filled[slots] = table[entries.cars[entries.car[slots]], entries.terminal[slots] % problem.slots]
    energy = entries.table(
        repair(entries, TreeLimits(made.parent), room, filled, default_price(made, room)), len(made.rate)
    )
    assert (energy >= 0).all()
    assert (energy <= made.rate[:, None]).all()
    assert not energy[~made.window()].any()
    assert (made.flow(energy) <= made.room).all()
    assert (energy.sum(axis=1) <= made.energy * (1 + 1e-12)).all()
    return energy


@pytest.mark.parametrize("value", [0.0, 1e9, -1e9, np.nan, np.inf, 0.3])
def test_any_table_becomes_a_feasible_plan(value: float) -> None:
    assert repaired(SITE, np.full((2, 4), value)).sum() >= 2.0


@pytest.mark.parametrize("value", [0.0, 1e9, np.nan, 0.3])
def test_with_room_for_all_everything_is_served(value: float) -> None:
    roomy = Problem(0.25, [3, 1, 2, 5], [99] * 4, TWO)
    assert repaired(roomy, np.full((2, 4), value)).sum(axis=1) == pytest.approx([2.0, 3.0], rel=1e-12)


def test_a_sound_table_is_left_alone() -> None:
    table = np.array([[1.0, 0.5, 0.5, 0], [0, 2.0, 0, 0]])
    site = Problem(1.0, [0, 0, 0, 0], [9, 9, 9, 9], (EvSession("a", 0, 3, 7.0, 2.0), EvSession("b", 1, 4, 11.0, 2.0)))
    np.testing.assert_allclose(repaired(site, table), table, rtol=1e-12)


def test_scarce_room_goes_to_the_higher_priority() -> None:
    sessions = (EvSession("low", 0, 1, 9.0, 5.0), EvSession("high", 0, 1, 9.0, 5.0, priority=1))
    energy = repaired(Problem(1.0, [0], [6], sessions), np.zeros((2, 1)))
    assert energy.sum(axis=1) == pytest.approx([1.0, 5.0], rel=1e-5)


@pytest.mark.parametrize("value", [0.0, 1e9, 2.0])
def test_every_cap_of_a_tree_is_kept(value: float) -> None:
    feeders = (Feeder("branch", [8.0, 6.0]), Feeder("leaf", [3.0, 9.0], parent="branch"))
    sessions = tuple(EvSession(f, 0, 2, 5.0, 9.0, feeder=f) for f in ("branch", "leaf", ""))
    energy = repaired(Problem(1.0, [0, 0], [10.0, 7.0], sessions, feeders=feeders), np.full((3, 2), value))
    assert energy.sum() == pytest.approx(17.0, rel=1e-6)


def test_the_last_look_sums_as_a_reader_does() -> None:
    made = Problem(1.0, [0.1], [0.3], (EvSession("a", 0, 1, 1.0, 1.0), EvSession("b", 0, 1, 1.0, 1.0))).instance()
    power = np.array([[0.1], [0.1 + 1e-15]])
    keep_caps(made, power, np.array([[0.3]]), np.array([[0.1]]))
    assert 0.1 + power.sum() <= 0.3
    assert power.sum() == pytest.approx(0.2, rel=1e-11)
