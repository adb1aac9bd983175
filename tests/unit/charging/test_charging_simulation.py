"""A limit seen through the plans with it and without it: what flows at its feeder, quarter-hour by quarter-hour."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from csms.charging.drill import WithLimit
from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.plans import Solved
from csms.charging.simulation import simulation
from csms.model.limit import Limit
from optimizer import solve
from optimizer.problem import EvSession, Problem

NOW = datetime(2026, 1, 1, tzinfo=UTC)
TREE = FeederTree([Feeder("T1", 40_000, base_load_w=(2_000,)), Feeder("T1a", 40_000, "T1")])
STARTS = [NOW + timedelta(minutes=15) * n for n in range(4)]


def solved(cap_kw: Sequence[float]) -> Solved:
    sessions = tuple(EvSession(id_, 0, 4, 10.0, 8.0) for id_ in ("A/1", "B/1"))
    problem = Problem(0.25, np.full(4, 2.0), np.array(cap_kw), sessions)
    return Solved(problem, solve(problem), 0.0)


def limit(power_w: int) -> Limit:
    end = NOW + timedelta(minutes=30)
    return Limit("grid:n", "T1", "L1", 1, power_w, NOW, end, issued_at=NOW, received_at=NOW)


def test_cap_load_and_energy_of_each_quarter_hour() -> None:
    caps = WithLimit(NoCaps(), limit(12_000))
    found = simulation(solved([40.0] * 4), solved([12.0] * 2 + [40.0] * 2), lambda id_: True, TREE, caps, "T1", STARTS)
    assert found.planned
    assert [row.cap_kw for row in found.rows] == [12, 12, 40, 40]
    assert {row.base_kw for row in found.rows} == {2.0}
    assert [row.with_kw for row in found.rows[:2]] == pytest.approx([10, 10])
    assert sum(row.without_kw for row in found.rows) / 4 == pytest.approx(16)
    assert sum(row.with_kwh for row in found.rows) == pytest.approx(15), "the last half hour holds 20 kW"
    assert sum(loss.lost_kwh for loss in found.losses) == pytest.approx(1, abs=1e-3)


def test_a_feeder_below_has_its_own_cars() -> None:
    one = solved([40.0] * 4)
    found = simulation(one, one, "A/1".__eq__, TREE, WithLimit(NoCaps(), limit(40_000)), "T1a", STARTS)
    assert sum(row.with_kwh for row in found.rows) == pytest.approx(8)
    assert {row.cap_kw for row in found.rows} == {40.0}


def test_without_cars_caps_alone_are_told() -> None:
    found = simulation(None, None, lambda id_: True, TREE, WithLimit(NoCaps(), limit(12_000)), "T1", STARTS)
    assert (found.planned, found.losses) == (False, [])
    assert [row.cap_kw for row in found.rows] == [12, 12, 40, 40]
