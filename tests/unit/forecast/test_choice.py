"""The last value is left only for what is better beyond doubt."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.forecast.choice import DOUBT, choose, daily, doubt, picked

DAYS = np.array([60.0, 60.0])


def _noise(seed: int, size: float, days: int = 18) -> np.ndarray:
    return size * np.random.default_rng(seed).normal(size=(days * 24, 2))


def test_a_better_model_of_all_is_taken() -> None:
    truth = np.full((18 * 24, 2), 10.0)
    forecasts = {"last": truth + _noise(1, 2.0), "rich": truth + _noise(2, 1.0)}
    chosen = choose("MAE", truth, forecasts, DAYS, 24)
    assert [(one.champion, one.reason) for one in chosen] == [("rich", "best of all")] * 2
    assert all(one.loss < one.fallback_loss for one in chosen)
    assert (picked(forecasts, chosen) == forecasts["rich"]).all()


def test_a_series_has_its_own_champion() -> None:
    truth = np.full((18 * 24, 2), 10.0)
    rich = truth + _noise(2, 1.0)
    rich[:, 1] += 6.0
    day = truth + _noise(3, 5.0)
    day[:, 1] = truth[:, 1] + _noise(4, 0.5)[:, 1]
    chosen = choose("RMSE", truth, {"last": truth + _noise(1, 6.0), "rich": rich, "day": day}, DAYS, 24)
    assert [one.champion for one in chosen] == ["rich", "day"]
    assert "best of its own" in {one.reason for one in chosen}


@pytest.mark.parametrize("seed", range(5))
def test_two_per_cent_are_not_enough(seed: int) -> None:
    truth = np.full((18 * 24, 2), 10.0)
    noise = _noise(seed, 1.0)
    chosen = choose("MAE", truth, {"last": truth + noise, "rich": truth + 0.98 * noise}, DAYS, 24)
    assert [one.champion for one in chosen] == ["last", "last"]


def test_one_lucky_day_is_not_enough() -> None:
    """Better by a fifth on the whole, but by one day alone."""
    truth = np.full((18 * 24, 2), 10.0)
    last = truth + _noise(1, 1.0)
    last[24:48] += 5.0
    rich = truth + _noise(2, 1.0)
    chosen = choose("MAE", truth, {"last": last, "rich": rich}, DAYS, 24)
    assert [one.champion for one in chosen] == ["last", "last"]


def test_a_new_series_falls_back_and_says_so() -> None:
    truth = np.full((18 * 24, 2), 10.0)
    forecasts = {"last": truth + _noise(1, 2.0), "rich": truth + _noise(2, 1.0)}
    chosen = choose("MAE", truth, forecasts, np.array([13.9, 60.0]), 24)
    assert [(one.champion, one.reason) for one in chosen] == [("last", "new"), ("rich", "best of all")]


def test_of_equals_one_in_twenty_passes_the_bootstrap() -> None:
    """The level of the test: two models of the same worth, 400 times."""
    rng = np.random.default_rng(7)
    first, second = rng.gamma(4.0, 1.0, (2, 14, 400))
    share = (doubt(first, second) < DOUBT).mean()
    assert 0.02 < share < 0.12


def test_daily_losses_leave_out_what_is_not_known() -> None:
    loss = np.array([[9.0], [1.0], [np.nan], [3.0], [5.0]])
    assert daily(loss, 2).tolist() == [[1.0], [4.0]]
