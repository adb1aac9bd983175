"""The most a cap allows: by hand, and the published experiment 2.1 of ACN-Sim to five decimals."""

from __future__ import annotations

import csv

import numpy as np
import pytest

from optimizer import EvSession, Problem, deliverable, solve
from optimizer.linear_program import minimise
from tests.support.acn import acn_file


def test_two_sessions_in_turn() -> None:
    sessions = (EvSession("a", 0, 2, 4.0, 9.0), EvSession("b", 1, 3, 4.0, 5.0))
    best = deliverable(Problem(1.0, [1, 1, 1], [4, 4, 4], sessions))
    assert best.energy_kwh == pytest.approx(9.0)
    assert best.per_session_kwh.sum() == pytest.approx(9.0)


def test_changing_caps_open_caps_and_base_above_the_cap() -> None:
    best = deliverable(Problem(0.5, [0, 0, 9, 0], [2, np.inf, 5, 1], (EvSession("a", 0, 4, 10.0, 99.0),)))
    assert best.energy_kwh == pytest.approx(1.0 + 5.0 + 0.0 + 0.5)


def test_no_cap_at_all() -> None:
    best = deliverable(Problem(1.0, [1, 1, 1], [np.inf] * 3, (EvSession("a", 0, 3, 2.0, 5.0),)))
    assert best.energy_kwh == pytest.approx(5.0)


def test_nobody_there() -> None:
    assert deliverable(Problem(1.0, [1], [2], ())).energy_kwh == 0


def test_a_plan_serves_what_is_deliverable() -> None:
    sessions = tuple(EvSession(f"s{i}", i % 5, i % 5 + 3, 7.0, 12.0) for i in range(8))
    problem = Problem(1.0, [2] * 8, [15] * 8, sessions)
    assert solve(problem).served_kwh.sum() == pytest.approx(deliverable(problem).energy_kwh, rel=1e-6)


def test_an_impossible_linear_program_gives_none() -> None:
    one = np.ones(1)
    assert minimise(one, one, (np.array([[-1.0]]), np.array([-2.0]))) is None


@pytest.mark.parametrize(
    ("cap_kw", "power_max_kw", "percent"),
    [(10, 6.6, 59.10513), (30, 6.6, 99.25557), (10, 6.656, 59.13407), (30, 6.656, 99.28756), (40, 6.6, 99.88368)],
)
def test_acn_sim_experiment_2_1(cap_kw: float, power_max_kw: float, percent: float) -> None:
    with acn_file("acnsim_caltech_2019-03_5min_sessions.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    sessions = tuple(
        EvSession(
            r["session_id"], int(r["arrival_5min"]), int(r["departure_5min"]), power_max_kw, float(r["requested_kwh"])
        )
        for r in rows
    )
    slots = max(s.departure_slot for s in sessions)
    best = deliverable(Problem(1 / 12, np.zeros(slots), np.full(slots, cap_kw), sessions))
    assert (slots, len(sessions)) == (10731, 954)
    assert 100 * best.energy_kwh / sum(s.energy_kwh for s in sessions) == pytest.approx(percent, abs=6e-6)
