"""The thermal model of transformers: steady values, steps, timers, and what is assumed."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.warehouse.thermal import (
    ALARM,
    WARNING,
    Overload,
    OverloadRule,
    ageing_rate,
    exceedance,
    heated,
    minutes_above,
    overloads,
    shipped_transformers,
    steady_c,
)

ONAN = shipped_transformers()["onan"]


@pytest.mark.parametrize(("factor", "hot_spot_c", "ageing"), [(1.0, 98.0, 1.0), (1.2, 121.4, 14.9)])
def test_steady_values(factor: float, hot_spot_c: float, ageing: float) -> None:
    _, hot = steady_c(factor, 20.0, ONAN)
    assert float(hot) == pytest.approx(hot_spot_c, abs=0.05)
    assert float(ageing_rate(hot)) == pytest.approx(ageing, abs=0.1)


def test_ageing_doubles_every_six_kelvin() -> None:
    assert ageing_rate([98.0, 104.0, 92.0]).tolist() == [1.0, 2.0, 0.5]


def test_a_step_is_approached_with_both_time_constants() -> None:
    low, high = steady_c(0.5, 20.0, ONAN), steady_c(1.0, 20.0, ONAN)
    found = heated([0.5, *[1.0] * 2000], np.full(2001, 20.0), 1.0, ONAN)
    assert found.hot_spot_c[0] == pytest.approx(float(low[1]))
    after = found.top_oil_c[180] - float(low[0])
    assert after == pytest.approx((1 - np.exp(-1)) * (float(high[0]) - float(low[0])), rel=1e-9)
    winding = found.hot_spot_c[4] - found.top_oil_c[4] - (float(low[1]) - float(low[0]))
    gradient = ONAN.hot_spot_gradient_k
    assert winding == pytest.approx((1 - np.exp(-1)) * gradient * (1 - 0.5**1.6), rel=1e-9)
    assert found.hot_spot_c[-1] == pytest.approx(98.0, abs=0.01)
    assert np.all(np.diff(found.hot_spot_c) >= 0)


def test_a_day_at_its_rating_uses_a_day_of_life() -> None:
    assert heated([1.0] * 96, [20.0] * 96, 15.0, ONAN).life_used_h == pytest.approx(24.0)


def test_without_a_temperature_outside_the_default_is_taken_and_named() -> None:
    found = heated([1.0] * 4, [20.0, float("nan"), 20.0, float("nan")], 15.0, ONAN)
    assert "20 °C outside in 2 of 4 steps" in found.assumed
    assert np.allclose(found.hot_spot_c, heated([1.0] * 4, None, 15.0, ONAN).hot_spot_c)
    assert not any("outside" in word for word in heated([1.0], [20.0], 15.0, ONAN).assumed)
    assert len(heated([], None, 15.0, ONAN).hot_spot_c) == 0


def test_two_hours_make_a_warning_and_a_minute_less_makes_none() -> None:
    assert overloads([0.81] * 119, 1.0, WARNING) == []
    assert overloads([0.81] * 120, 1.0, WARNING) == [Overload(120.0, None, 0.81)]
    assert overloads([0.81] * 119 + [0.8] + [0.81] * 119, 1.0, WARNING) == [], "not above in between"


def test_an_alarm_comes_at_once_and_clears_with_hysteresis() -> None:
    load = [0.9, 1.01, 1.2, 0.99, 0.96, 0.94, 1.0, 1.1]
    assert overloads(load, 15.0, ALARM) == [Overload(15.0, 75.0, 1.2), Overload(105.0, None, 1.1)]
    assert minutes_above(load, 15.0) == 45.0


@given(st.lists(st.floats(0, 2), max_size=60), st.sampled_from([WARNING, ALARM]))
def test_overloads_follow_each_other(load: list[float], rule: OverloadRule) -> None:
    found = overloads(load, 15.0, rule)
    ends = [one.until_min for one in found]
    assert all(end is not None and one.raised_min < end for one, end in zip(found[:-1], ends[:-1], strict=True))
    edges = [edge for one in found for edge in (one.raised_min, one.until_min) if edge is not None]
    assert edges == sorted(edges)


def test_the_probability_of_exceedance_is_the_share_of_errors_that_carry_over() -> None:
    errors = [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]
    found = exceedance([0.0, 96.5, 200.0], errors, 100.0)
    assert found.tolist() == pytest.approx([0.05, 0.35, 0.95])
    assert exceedance(99.0, [], 100.0) == pytest.approx(0.5), "nothing is known"
