"""Base load, photovoltaics and scenario sets against hand-computed values."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.models import PvArray, ScenarioSet, profile, resampled
from optimizer.models.pv import clear_sky_w_m2


def test_a_typical_day_leaves_missing_intervals_out() -> None:
    history = np.array([[1.0, 4.0], [3.0, np.nan], [5.0, 6.0]])
    np.testing.assert_allclose(profile(history), [3.0, 5.0])
    np.testing.assert_allclose(profile(history, quantile=0.5), [3.0, 5.0])
    with pytest.raises(ValueError, match="every day"):
        profile(np.array([[1.0, np.nan]]))


def test_other_lengths_of_slot_keep_the_energy() -> None:
    hourly = np.array([4.0, 8.0, 2.0])
    np.testing.assert_allclose(resampled(hourly, 1.0, 0.5), [4.0, 4.0, 8.0, 8.0, 2.0, 2.0])
    np.testing.assert_allclose(resampled(hourly, 1.0, 1.5), [(4 + 4) / 1.5, (4 + 2) / 1.5])


def test_an_array_in_the_sun() -> None:
    array = PvArray("roof", peak_kw=100.0, inverter_kw=75.0)
    # 800 W/m² at 20 °C: the cell has 45 °C; 80 kW · (1 − 0.0047·20) · 0.86.
    np.testing.assert_allclose(array.power_kw(np.array([800.0]), 20.0), [80 * (1 - 0.094) * 0.86])
    np.testing.assert_allclose(array.power_kw(np.array([0.0, 1100.0]), -10.0), [0.0, 75.0])


def test_a_clear_noon_at_the_equator_on_the_equinox() -> None:
    # Day 81: the declination is 0; the sun stands overhead: 1098 exp(−0.057).
    found = clear_sky_w_m2(0.0, 81, np.array([0.0, 12.0]))
    np.testing.assert_allclose(found, [0.0, 1098 * np.exp(-0.057)], rtol=1e-5)


def test_mean_and_quantiles_follow_the_weights() -> None:
    some = ScenarioSet(np.array([[1.0, 9.0], [2.0, 5.0], [4.0, 7.0]]), np.array([2.0, 1.0, 1.0]))
    np.testing.assert_allclose(some.weights, [0.5, 0.25, 0.25])
    np.testing.assert_allclose(some.mean(), [2.0, 7.5])
    np.testing.assert_allclose(some.quantile(0.5), [1.0, 7.0])
    np.testing.assert_allclose(some.quantile(0.75), [2.0, 9.0])
    np.testing.assert_allclose(some.quantile(1.0), [4.0, 9.0])


def test_reduction_keeps_what_stands_for_most() -> None:
    values = np.array([[0.0], [1.0], [2.0], [10.0]])
    two = ScenarioSet(values).reduced(2)
    # First the one nearest to all: 1 and 2 cost 12 / 4 and 12 / 4, 1 is first; then 10 lowers most.
    np.testing.assert_allclose(two.values, [[1.0], [10.0]])
    np.testing.assert_allclose(two.weights, [0.75, 0.25])
    assert ScenarioSet(values).reduced(9).count == 4


def test_errors_around_a_forecast_have_the_given_deviation_and_persistence() -> None:
    forecast = np.linspace(10.0, 20.0, 48)
    many = ScenarioSet.around(forecast, 2.0, 4000, seed=3, persistence=0.8)
    error = many.values - forecast
    np.testing.assert_allclose(error.std(axis=0), 2.0, rtol=0.06)
    assert np.corrcoef(error[:, 10], error[:, 11])[0, 1] == pytest.approx(0.8, abs=0.03)
    np.testing.assert_array_equal(many.values, ScenarioSet.around(forecast, 2.0, 4000, seed=3, persistence=0.8).values)


def test_days_are_drawn_without_repeating_soon() -> None:
    history = np.arange(12.0).reshape(4, 3)
    drawn = ScenarioSet.drawn(history, 6)
    assert len({tuple(row) for row in drawn.values[:4]}) == 4
    assert drawn.count == 6


@pytest.mark.parametrize("weights", [[1.0], [1.0, -1.0], [0.0, 0.0]])
def test_weights_that_make_no_sense_are_refused(weights: list[float]) -> None:
    with pytest.raises(ValueError, match="weight"):
        ScenarioSet(np.ones((2, 3)), np.array(weights))
