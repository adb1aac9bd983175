"""Intervals of 90 % hold about 90 % of the truth, whatever the errors are and when they change."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monitor.forecast.intervals import STEP, intervals


@pytest.mark.parametrize("horizon", [1, 24])
@pytest.mark.parametrize("kind", ["normal", "heavy", "growing", "jump", "sparse"])
def test_coverage(kind: str, horizon: int) -> None:
    rng = np.random.default_rng(11)
    errors = rng.normal(size=(1400, 12))
    if kind == "heavy":
        errors = rng.standard_t(2.5, size=errors.shape)
    elif kind == "growing":
        errors *= np.linspace(1, 3, 1400)[:, None]
    elif kind == "jump":
        errors[700:] *= 2.5
    elif kind == "sparse":
        errors *= rng.random(errors.shape) < 0.3
    made = intervals(errors[:440], errors[440:], horizon, window=28 * 24)
    assert 0.88 <= (np.abs(errors[440:]) <= made.half_kwh).mean() <= 0.94


@pytest.mark.parametrize("still", [0.95, 1.0])
def test_what_stands_still_is_held_by_any_interval_and_missed_as_promised(still: float) -> None:
    rng = np.random.default_rng(3)
    errors = rng.normal(size=(1400, 12)) * (rng.random((1400, 12)) >= still)
    made = intervals(errors[:440], errors[440:], 1, window=28 * 24)
    assert (np.abs(errors[440:]) <= made.half_kwh).mean() >= still - 0.01
    assert 1 - made.missed.mean() == pytest.approx(0.9, abs=0.01)


def test_what_stood_still_for_long_is_promised_something_soon_after_it_wakes_up() -> None:
    errors = np.random.default_rng(5).normal(size=(1000, 8))
    errors[:800] = 0.0
    made = intervals(errors[:400], errors[400:], 1, window=28 * 24)
    assert (np.abs(errors[800:860]) <= made.half_kwh[400:460]).mean() > 0.8


@given(
    st.lists(st.sampled_from([0.0, 0.0, 0.5, 0.5, 1.0, 7.0]), min_size=40, max_size=40),
    st.floats(0.5, 0.99),
)
@settings(max_examples=40, deadline=None)
def test_the_promise_is_kept_whatever_comes(pattern: list[float], nominal: float) -> None:
    """The bound of Gibbs and Candes (proposition 4.1), as long as no error is larger than all that are known."""
    steps = 800
    errors = np.resize(pattern, (steps, 1))
    made = intervals(errors[:80], errors, 1, window=100, nominal=nominal)
    assert abs(made.missed.mean() - (1 - nominal)) <= (1 + 2 * STEP) / (STEP * steps) + 1 / steps


def test_an_error_counts_only_once_its_truth_is_known() -> None:
    rng = np.random.default_rng(1)
    past, errors = rng.normal(size=(200, 2)), rng.normal(size=(100, 2))
    other = errors.copy()
    other[50:] = 99.0
    first, second = (intervals(past, given, 6, window=150).half_kwh for given in (errors, other))
    assert (first[:56] == second[:56]).all()
    assert (first[56:] != second[56:]).any()


def test_without_any_known_error_nothing_is_promised() -> None:
    made = intervals(np.full((10, 1), np.nan), np.zeros((5, 1)), 2, window=100)
    assert np.isnan(made.half_kwh[:2]).all()
    assert (made.half_kwh[2:] == 0.0).all()
    assert np.isnan(made.missed[:2]).all()
