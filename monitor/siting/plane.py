"""Distances within a city: degrees to kilometres on a flat map about its middle. Pure.

An equirectangular map; within 50 km of the middle a distance is wrong by less than 0.5 %.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

EARTH_RADIUS_KM = 6371.0088
"""Mean radius, IUGG."""


@dataclass(frozen=True, slots=True)
class Plane:
    """A flat map with its middle in degrees."""

    longitude: float
    latitude: float

    @classmethod
    def about(cls, longitude: Array, latitude: Array) -> Plane:
        """The map whose middle is the mean of these places; raises ValueError for none."""
        if not len(longitude):
            raise ValueError("a map needs at least one place")
        return cls(float(np.mean(longitude)), float(np.mean(latitude)))

    def km(self, longitude: Array, latitude: Array) -> Array:
        """[places, 2] kilometres to the east and to the north of the middle."""
        degree = np.pi / 180.0 * EARTH_RADIUS_KM
        east = (np.asarray(longitude) - self.longitude) * degree * np.cos(np.radians(self.latitude))
        return np.column_stack([east, (np.asarray(latitude) - self.latitude) * degree])


def distances_km(one: Array, other: Array) -> Array:
    """[n, m] from each of [n, 2] to each of [m, 2]."""
    return np.asarray(np.hypot(one[:, None, 0] - other[None, :, 0], one[:, None, 1] - other[None, :, 1]))
