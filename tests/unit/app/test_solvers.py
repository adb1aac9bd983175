"""Where the server has its plans solved."""

from __future__ import annotations

import os

import numpy as np
import pytest

from csms.app import solvers
from csms.app.sections import ChargingSection
from csms.app.solvers import Solvers
from optimizer import EvSession, Problem, solve
from optimizer.pool import SCHEDULER_VARIABLE


def problem(cars: int) -> Problem:
    sessions = tuple(EvSession(f"{n}", 0, 24, 11.0, 20.0) for n in range(cars))
    return Problem(1.0, np.full(24, 5.0), np.full(24, 40.0), sessions)


def test_plans_are_solved_in_the_server_unless_told_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(SCHEDULER_VARIABLE, "tcp://127.0.0.1:9")
    by_default = Solvers(ChargingSection(), 5.0)
    assert by_default.at_once == 1
    assert by_default.solve(problem(3)).gap <= 1e-6
    by_default.close()


def test_large_ones_go_to_the_pool_and_small_ones_do_not(monkeypatch: pytest.MonkeyPatch) -> None:
    here: list[int] = []

    def noted(asked: Problem) -> object:
        here.append(len(asked.sessions))
        return solve(asked)

    monkeypatch.setattr(solvers, "solve", noted)
    pooled = Solvers(ChargingSection(solver_processes=2, solver_from=3), 60.0)
    try:
        assert pooled.at_once == 2
        small, large = pooled.solve(problem(2)), pooled.solve(problem(3))
    finally:
        pooled.close()
    assert here == [2]
    assert small.power_kw.shape == (2, 24)
    assert large.power_kw.tobytes() == solve(problem(3)).power_kw.tobytes()


def test_a_scheduler_that_is_not_there_is_logged(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(SCHEDULER_VARIABLE, "tcp://127.0.0.1:9")
    pooled = Solvers(ChargingSection(solver_processes=1, solver_from=1), 5.0)
    assert pooled.solve(problem(3)).gap <= 1e-6
    pooled.close()
    assert "solvers_lost" in [record.message for record in caplog.records]


def test_no_more_at_once_than_asyncio_has_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 1)
    many = Solvers(ChargingSection(solver_processes=64), 5.0)
    assert many.at_once == 1 + solvers.THREADS_MORE
    many.close()
