"""Whatever a method hands over, what leaves is inside every limit and serves all that has room."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer import EvSession, Problem, check_plan
from optimizer.reduced import default_prices
from optimizer.repair import finish

SITE = Problem(
    0.25, [3, 1, 2, 5], [10, 10, 4, 4], (EvSession("a", 0, 3, 7.0, 2.0), EvSession("b", 1, 4, 11.0, 3.0))
)  # fmt: skip


@pytest.mark.parametrize("value", [0.0, 1e9, -1e9, np.nan, np.inf, 0.3])
def test_any_table_becomes_a_feasible_plan(value: float) -> None:
    plan = finish(SITE, np.full((2, 4), value), default_prices(SITE), "test", 0)
    check = check_plan(SITE, plan)
    assert max(check.cap_excess_kw, check.box_excess_kw, check.outside_window_kw) == 0
    assert plan.served_kwh.sum() >= 2.0
    assert plan.cap_soft[0].slot == 3


@pytest.mark.parametrize("value", [0.0, 1e9, np.nan, 0.3])
def test_with_room_for_all_everything_is_served(value: float) -> None:
    roomy = Problem(0.25, [3, 1, 2, 5], [99] * 4, SITE.sessions)
    plan = finish(roomy, np.full((2, 4), value), default_prices(roomy), "test", 0)
    assert plan.served_kwh == pytest.approx([2.0, 3.0], rel=1e-12)
    assert plan.shortfalls == ()


def test_a_sound_table_is_left_alone() -> None:
    table = np.array([[1.0, 0.5, 0.5, 0], [0, 2.0, 0, 0]])
    site = Problem(1.0, [0, 0, 0, 0], [9, 9, 9, 9], (EvSession("a", 0, 3, 7.0, 2.0), EvSession("b", 1, 4, 11.0, 2.0)))
    np.testing.assert_allclose(finish(site, table, default_prices(site), "test", 0).power_kw, table, rtol=1e-12)


def test_scarce_room_goes_to_the_higher_priority() -> None:
    sessions = (EvSession("low", 0, 1, 9.0, 5.0), EvSession("high", 0, 1, 9.0, 5.0, priority=1))
    site = Problem(1.0, [0], [6], sessions)
    plan = finish(site, np.zeros((2, 1)), default_prices(site), "test", 0)
    assert plan.served_kwh == pytest.approx([1.0, 5.0], rel=1e-5)
