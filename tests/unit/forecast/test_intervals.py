"""Intervals of 90 % hold about 90 % of the truth, whatever the errors are and when they change."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.forecast.intervals import half_widths


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
    widths = half_widths(errors[:440], errors[440:], horizon, window=28 * 24)
    covered = (np.abs(errors[440:]) <= widths).mean()
    assert 0.88 <= covered <= 0.94


def test_an_error_counts_only_once_its_truth_is_known() -> None:
    rng = np.random.default_rng(1)
    past, errors = rng.normal(size=(200, 2)), rng.normal(size=(100, 2))
    other = errors.copy()
    other[50:] = 99.0
    first, second = (half_widths(past, given, 6, window=150) for given in (errors, other))
    assert (first[:56] == second[:56]).all()
    assert (first[56:] != second[56:]).any()


def test_without_any_known_error_nothing_is_promised() -> None:
    widths = half_widths(np.full((10, 1), np.nan), np.zeros((5, 1)), 2, window=100)
    assert np.isnan(widths[:2]).all()
    assert (widths[2:] == 0.0).all()
