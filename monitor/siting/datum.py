"""Which map the coordinates of an area were read from, and back to WGS-84. Pure.

Chinese maps are shifted by law: GCJ-02 lies some 500 m from WGS-84, BD-09 as much again. Tables seldom say which one
they use. Sites stand at roads and buildings, and so do points of interest: where the sites of an area fit its points
(in WGS-84, OpenStreetMap's) clearly better when they are taken to be shifted, they are shifted. Energies play no part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.spatial import cKDTree

from csms.province.mapping import from_gcj02
from monitor.siting.area import Area, Spots
from monitor.siting.plane import Array

Place = tuple[float, float]
CLEARLY = 3.0
"""Standard errors by which another datum has to fit better than the one that is presumed."""
NEAR_KM = 0.01
"""A wall's width: below this, nearer says no more."""


@dataclass(frozen=True, slots=True)
class Fit:
    """`median_km`: from a site to the nearest point under each datum; `errors`: standard errors better than WGS-84."""

    chosen: str
    median_km: Mapping[str, float]
    errors: Mapping[str, float]


def from_bd09(longitude: float, latitude: float) -> Place:
    """BD-09 degrees as WGS-84 degrees, through GCJ-02."""
    x, y = longitude - 0.0065, latitude - 0.006
    turn = math.pi * 3000.0 / 180.0
    radius = math.hypot(x, y) - 0.00002 * math.sin(y * turn)
    angle = math.atan2(y, x) - 0.000003 * math.cos(x * turn)
    return from_gcj02(radius * math.cos(angle), radius * math.sin(angle))


DATUMS: Mapping[str, Callable[[float, float], Place]] = {
    "wgs84": lambda longitude, latitude: (longitude, latitude),
    "gcj02": from_gcj02,
    "bd09": from_bd09,
}


def moved(area: Area, datum: str) -> Area:
    """The area with its sites, candidates and transformers read as of a datum; points stay where they are."""
    if datum == "wgs84":
        return area
    back = DATUMS[datum]

    def shifted(spots: Spots | None) -> Spots | None:
        return replace(spots, **_degrees(spots.longitude, spots.latitude, back)) if spots else None

    return replace(
        area,
        sites=replace(area.sites, **_degrees(area.sites.longitude, area.sites.latitude, back)),
        candidates=shifted(area.candidates),
        transformers=shifted(area.transformers),
    )


def _degrees(longitude: Array, latitude: Array, back: Callable[[float, float], Place]) -> dict[str, Any]:
    places = np.array([back(*place) for place in zip(longitude.tolist(), latitude.tolist(), strict=True)])
    return dict(zip(("longitude", "latitude"), places.reshape(-1, 2).T, strict=True))


def likeliest(area: Area) -> Fit:
    """The datum by which sites and points fit best; WGS-84 unless another one is clearly better."""
    logs = {name: _log_nearest(moved(area, name)) for name in DATUMS}
    errors = {}
    for name, log in logs.items():
        better = logs["wgs84"] - log
        error = float(better.std()) / math.sqrt(max(len(better), 1)) if len(better) else 0.0
        errors[name] = float(better.mean()) / error if error > 0 else 0.0
    best = max(errors, key=lambda name: errors[name])
    medians = {name: float(np.median(np.exp(log))) if len(log) else math.nan for name, log in logs.items()}
    return Fit(best if errors[best] >= CLEARLY else "wgs84", medians, errors)


def _log_nearest(area: Area) -> Array:
    if not len(area.longitude):
        return np.empty(0)
    around = area.surroundings
    return np.log(np.maximum(cKDTree(around.points).query(around.sites)[0], NEAR_KM))
