"""The fallback by itself: from an empty plan to a certified one, never worse than it began."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Problem, check_plan, solve
from optimizer import outer_approximation as outer
from optimizer.reduced import default_prices, reduce_problem
from optimizer.repair import finish

SESSIONS = (EvSession("a", 0, 4, 7.0, 9.0), EvSession("b", 1, 3, 11.0, 8.0), EvSession("c", 0, 2, 3.7, 3.0, priority=2))
SITE = Problem(1.0, [6, 2, 1, 4], [9, 9, 9, 6], SESSIONS)


def test_reaches_the_same_optimum() -> None:
    reduced = reduce_problem(SITE)
    assert reduced is not None
    empty = finish(SITE, np.zeros((3, 4)), default_prices(SITE), "empty", 0)
    plan = outer.refine(SITE, reduced, empty, 1e-6)
    check = check_plan(SITE, plan)
    assert check.gap <= 1e-5
    assert check.cap_excess_kw == 0
    assert plan.objective == pytest.approx(solve(SITE).objective, rel=1e-5)


def test_a_linear_program_that_fails_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outer, "minimise", lambda *_: None)
    reduced = reduce_problem(SITE)
    assert reduced is not None
    good = solve(SITE)
    assert outer.refine(SITE, reduced, good, 0.0) is good
