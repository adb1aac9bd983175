"""What is planted is found again, and a full site doesn't look weak."""

from __future__ import annotations

import numpy as np
import pytest

from monitor.siting import demand
from monitor.siting.plane import Array

CELLS, ALPHA, SLOPE, SEEDS = 300, 2.0, 0.5, 30


def _planted(seed: int) -> tuple[Array, Array, Array, Array]:
    """Counts, exposure, covariates and the true rates: exposures 0 to 60, a fifth of the cells not observed."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(CELLS, 1))
    rates = rng.gamma(ALPHA, np.exp(1.0 + SLOPE * x[:, 0]) / ALPHA)
    exposure = np.where(rng.random(CELLS) < 0.2, 0.0, rng.integers(1, 61, CELLS) * rng.random(CELLS) ** 2)
    counts = rng.poisson(exposure * rates).astype(float)
    return counts, exposure, x, rates


@pytest.fixture(scope="module")
def recovered() -> dict[str, Array]:
    """Figures of 30 seeds."""
    found: dict[str, list[float]] = {}

    def note(**figures: float) -> None:
        for name, value in figures.items():
            found.setdefault(name, []).append(value)

    for seed in range(SEEDS):
        counts, exposure, x, rates = _planted(seed)
        model = demand.fit(counts, exposure, x)
        posterior = model.posterior(counts, exposure, x)
        inside = (posterior.quantile(0.05) <= rates) & (rates <= posterior.quantile(0.95))
        low, unseen = (exposure > 0) & (exposure < 3.0), exposure == 0
        raw, pooled = counts[low] / exposure[low], counts.sum() / exposure.sum()

        def rmse(guess: Array | float, where: Array, rates: Array = rates) -> float:
            return float(np.sqrt(np.mean((guess - rates[where]) ** 2)))

        note(slope=float(model.raw_slopes[0]), alpha=model.alpha, coverage=float(inside.mean()))
        note(low=rmse(posterior.mean[low], low), raw=rmse(raw, low))
        note(unseen=rmse(posterior.mean[unseen], unseen), pooled=rmse(pooled, unseen))
        with np.errstate(divide="ignore", invalid="ignore"):
            naive = np.where(exposure > 0, counts / exposure, pooled)
        best = set(np.argsort(-rates)[:30])
        note(
            hit=len(best & set(np.argsort(-posterior.mean)[:30])) / 30,
            naive=len(best & set(np.argsort(-naive)[:30])) / 30,
        )
    return {name: np.array(values) for name, values in found.items()}


def test_slope_and_shape_are_recovered(recovered: dict[str, Array]) -> None:
    assert abs(recovered["slope"].mean() - SLOPE) < 0.03
    assert recovered["slope"].std() < 0.09
    assert abs(recovered["alpha"].mean() - ALPHA) < 0.2
    assert recovered["alpha"].std() < 0.4


def test_intervals_of_nine_tenths_hold_nine_tenths(recovered: dict[str, Array]) -> None:
    assert 0.875 < recovered["coverage"].mean() < 0.92
    assert recovered["coverage"].min() > 0.82


def test_shrinkage_beats_raw_rates_where_little_was_seen(recovered: dict[str, Array]) -> None:
    assert np.all(recovered["low"] < recovered["raw"])
    assert recovered["low"].mean() < 0.85 * recovered["raw"].mean()


def test_covariates_tell_of_cells_that_nobody_saw(recovered: dict[str, Array]) -> None:
    assert recovered["unseen"].mean() < 0.95 * recovered["pooled"].mean()
    assert recovered["hit"].mean() > recovered["naive"].mean()


def _site(arrivals_per_h: float, plugs: int, hours: float, rng: np.random.Generator) -> tuple[Array, Array]:
    """Stays of a site: Poisson arrivals, stays of about an hour, who finds no free plug drives on."""
    begins, ends = [], []
    free = np.zeros(plugs)
    for at in np.cumsum(rng.exponential(1.0 / arrivals_per_h, int(arrivals_per_h * hours * 1.2))):
        if at < hours and free.min() <= at:
            stay = rng.gamma(4.0, 0.25)
            free[free.argmin()] = at + stay
            begins.append(at)
            ends.append(min(at + stay, hours))
    return np.array(begins), np.array(ends)


@pytest.mark.parametrize("seed", range(5))
def test_a_site_that_is_mostly_full_shows_the_same_demand_as_one_with_room(seed: int) -> None:
    """3 cars an hour come to 2 plugs and to 50: the censored rate is the same, the plain one is not."""
    hours, wanted = 2000.0, 3.0
    rng = np.random.default_rng(seed)
    capped, roomy = _site(wanted, 2, hours, rng), _site(wanted, 50, hours, rng)
    full = demand.full_h(*capped, plugs=2)
    counts = np.array([len(capped[0]), len(roomy[0])], dtype=float)
    posterior = demand.fit(counts, np.array([hours - full, hours]), np.zeros((2, 1))).posterior(
        counts, np.array([hours - full, hours]), np.zeros((2, 1))
    )
    assert posterior.mean == pytest.approx(wanted, rel=0.06)
    assert counts[0] / hours < 0.7 * wanted
    assert demand.full_h(*roomy, plugs=50) == 0.0


def test_full_hours_by_hand() -> None:
    """Plugs taken 0-2, 1-3, 3-4: both from 1 to 2; one leaving as the next comes is never both."""
    begins, ends = np.array([0.0, 1.0, 3.0]), np.array([2.0, 3.0, 4.0])
    assert demand.full_h(begins, ends, 2) == 1.0
    assert demand.full_h(begins, ends, 1) == 4.0
    assert demand.full_h(begins, ends, 3) == 0.0
    assert demand.full_h(np.array([]), np.array([]), 1) == 0.0


@pytest.mark.parametrize(
    ("counts", "exposure"), [([1.0, 2.0], [1.0, 0.0]), ([-1.0, 2.0], [1.0, 1.0]), ([0.0, 0.0], [1.0, 1.0])]
)
def test_counts_that_cannot_be_are_refused(counts: list[float], exposure: list[float]) -> None:
    with pytest.raises(ValueError, match="count"):
        demand.fit(np.array(counts), np.array(exposure), np.zeros((2, 1)))
