"""A made-up city: what is used depends on what stands around."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from monitor.siting.area import Area, Sites
from monitor.siting.plane import Array

EAST, NORTH = 119.5, 35.4
DEGREE_KM = 111.195


def _degrees(km: Array) -> tuple[Array, Array]:
    return EAST + km[:, 0] / DEGREE_KM / np.cos(np.radians(NORTH)), NORTH + km[:, 1] / DEGREE_KM


@pytest.fixture(scope="session")
def make_area() -> Callable[..., Area]:
    """An area whose sites have log energy 8 + strength * (standardised log points within 1 km) + log piles + noise."""

    def make(sites: int = 200, points: int = 1500, strength: float = 0.8, noise: float = 0.6, seed: int = 0) -> Area:
        rng = np.random.default_rng(seed)
        middles = rng.uniform(-12, 12, size=(25, 2))
        spread = middles[rng.integers(25, size=points)] + rng.normal(scale=1.5, size=(points, 2))
        places = np.vstack(
            [
                middles[rng.integers(25, size=sites // 2)] + rng.normal(scale=2.0, size=(sites // 2, 2)),
                rng.uniform(-13, 13, size=(sites - sites // 2, 2)),
            ]
        )
        near = np.log1p((np.hypot(*(places[:, None] - spread[None]).transpose(2, 0, 1)) < 1.0).sum(axis=1))
        piles = rng.integers(1, 6, size=sites).astype(float)
        busy = 8.0 + strength * (near - near.mean()) / near.std() + np.log(piles) + noise * rng.standard_normal(sites)
        longitude, latitude = _degrees(places)
        energy = np.exp(busy)
        return Area(
            "made-up",
            Sites(
                [f"S{number}" for number in range(sites)], longitude, latitude, piles, energy, energy, energy / 7.0,
                np.full(sites, 7.0), np.full(sites, np.nan), np.full(sites, np.nan),
            ),
            *_degrees(spread), span_h=4392.0, span_known=True,
        )  # fmt: skip

    return make
