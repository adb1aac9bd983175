"""The site model: its gradient, its left-out residuals, its intervals, what it finds."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import check_grad

from monitor.siting import process
from monitor.siting.plane import distances_km


def _world(seed: int, count: int = 150, field: float = 0.0) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    places = rng.uniform(0, 20, size=(count, 2))
    columns = rng.normal(size=(count, 4))
    bumps = rng.uniform(0, 20, size=(12, 2))
    waves = np.exp(-0.5 * (distances_km(places, bumps) / 2.0) ** 2) @ rng.normal(size=12)
    y = 3.0 + columns @ np.array([0.8, -0.5, 0.0, 0.0]) + field * waves + 0.5 * rng.standard_normal(count)
    return columns, places, y, (places[:, 0] // 5 * 4 + places[:, 1] // 5).astype(np.int64)


@pytest.mark.parametrize("logs", [[-1.0, 0.2], [-1.0, 0.2, -0.5, 0.7], [0.5, -1.0, 0.3, 2.0]])
def test_the_gradient_is_that_of_the_likelihood(logs: list[float]) -> None:
    columns, places, y, _ = _world(0, 40)
    linear, apart = columns @ columns.T / 4, distances_km(places, places)
    args = (linear, apart, y - y.mean())
    error = check_grad(lambda x: process.loss(x, *args)[0], lambda x: process.loss(x, *args)[1], np.array(logs))
    assert error < 1e-4


def test_left_out_blocks_are_what_a_model_without_them_says() -> None:
    """The closed form against leaving each block out of the covariance itself."""
    columns, places, y, blocks = _world(1, 60, field=1.0)
    model = process.fit(columns, places, y, blocks)
    rows = (columns - model.centre) / model.scale
    apart = distances_km(places, places)
    scales = model.scales
    covariance = scales.ridge * rows @ rows.T / 4 + scales.noise * np.eye(60)
    distance = np.sqrt(3) * apart / scales.length_km
    covariance += scales.field * (1 + distance) * np.exp(-distance)
    surprises = np.empty(60)
    for block in np.unique(blocks):
        out, kept = blocks == block, blocks != block
        gain = covariance[np.ix_(out, kept)] @ np.linalg.inv(covariance[np.ix_(kept, kept)])
        mean = gain @ (y[kept] - model.level)
        spread = covariance[np.ix_(out, out)] - gain @ covariance[np.ix_(kept, out)]
        surprises[out] = (y[out] - model.level - mean) / np.sqrt(np.diag(spread))
    assert model.surprises == pytest.approx(np.sort(surprises))


@pytest.mark.parametrize("heavy", [False, True])
def test_intervals_hold_nine_tenths_also_of_heavy_tails(heavy: bool) -> None:
    rng = np.random.default_rng(5)
    columns, places, y, blocks = _world(2, 1200)
    if heavy:
        y = y + 0.5 * rng.standard_t(2, size=1200)
    known, new = slice(0, 400), slice(400, None)
    model = process.fit(columns[known], places[known], y[known], blocks[known])
    mean, deviation = model.predict(columns[new], places[new])
    low, high = (model.quantile(mean, deviation, share) for share in (0.05, 0.95))
    assert 0.87 < np.mean((low <= y[new]) & (y[new] <= high)) < 0.93
    drawn = model.draws(mean[:5], deviation[:5], 4000, seed=1)
    assert np.quantile(drawn, 0.95, axis=0) == pytest.approx(high[:5], abs=0.3)


def test_a_field_is_found_where_there_is_one() -> None:
    """Sites between known ones are predicted with a smaller error than by their columns alone."""
    columns, places, y, blocks = _world(3, 400, field=2.0)
    known, new = np.arange(400) % 4 > 0, np.arange(400) % 4 == 0

    def error(field: bool) -> float:
        model = process.fit(columns[known], places[known], y[known], blocks[known], field=field)
        return float(np.sqrt(np.mean((model.predict(columns[new], places[new])[0] - y[new]) ** 2)))

    assert error(field=True) < 0.75 * error(field=False)
    assert error(field=True) < 0.65


def test_far_away_nothing_is_known_but_the_mean() -> None:
    columns, places, y, blocks = _world(4, 200, field=2.0)
    model = process.fit(columns, places, y, blocks)
    mean, deviation = model.predict(model.centre[None], np.array([[1e4, 1e4]]))
    assert mean == pytest.approx(model.level)
    assert deviation**2 == pytest.approx(model.scales.field + model.scales.noise)


def test_too_few_sites_are_refused() -> None:
    columns, places, y, blocks = _world(0, 9)
    with pytest.raises(ValueError, match="too few"):
        process.fit(columns, places, y, blocks)


def test_conformal_ranks_go_outwards() -> None:
    surprises = np.arange(1.0, 20.0)
    assert process.conformal(surprises, 0.95) == 19.0
    assert process.conformal(surprises, 0.05) == 1.0
    assert process.conformal(surprises, 0.5) == 10.0
