"""Daily energy of a region: the champion of each horizon, on real sessions, is as good as the best of six models."""

from __future__ import annotations

import pytest

from benchmarks.regional import BEST, HORIZONS, NOISE, daily, folder, judged
from monitor.forecast.panel import Panel


@pytest.fixture(scope="module")
def perth() -> Panel:
    if not any(folder().glob("sessions_*.csv.gz")):
        pytest.skip(f"the sessions of Perth & Kinross are not in {folder()}")
    return daily(folder())


def test_the_days_are_those_that_others_measured(perth: Panel) -> None:
    assert perth.steps == 1095
    assert perth.values.mean() == pytest.approx(653, rel=0.01)


@pytest.mark.parametrize("horizon", HORIZONS)
def test_the_champion_is_as_good_as_the_best_within_noise(perth: Panel, horizon: int) -> None:
    name, shares = judged(perth, horizon)
    assert shares["champion"] == shares[name]
    assert shares["champion"] <= BEST[horizon] + NOISE
    assert shares["champion"] < shares["last"]
    assert ("month" in shares) == (horizon >= 7), "moving averages join where the newest days say little"
