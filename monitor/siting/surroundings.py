"""What stands around a place: points of interest and other sites, in rings that double. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree

from monitor.siting.plane import Array

RINGS_KM = (0.5, 1.0, 2.0, 4.0)
"""From a walk to a drive; doubling, so that no scale is chosen by hand: the ridge weighs them. Nothing nearer than half
a kilometre: by so much coordinates of an unstated datum may be off."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Points and sites of an area by their places, [n, 2] km; `piles` of sites."""

    points: Array
    sites: Array
    piles: Array

    def columns(self, places: Array, themselves: bool = False) -> Array:
        """[places, columns] log counts in each ring: points, piles of sites.

        `themselves`: the places are the sites, whose own piles are no competition. An area without points has no
        columns of them.
        """
        counted = [_rings(_counts(self.points, np.ones(len(self.points)), places))] if len(self.points) else []
        within = _counts(self.sites, self.piles, places)
        rings = _rings(within - self.piles[:, None] if themselves else within)
        return np.log1p(np.maximum(np.hstack([*counted, rings]), 0.0))

    def presence(self, places: Array, radius_km: float) -> Array:
        """[places] how many points stand within a radius; 1 everywhere in an area of which no points are known."""
        if not len(self.points):
            return np.ones(len(places))
        return _within(self.points, np.ones(len(self.points)), places, radius_km)


def site_columns(around: Array, piles: Array, counted: Array) -> Array:
    """[places, columns] what the site model learns from: what is around, how many piles the site itself has, and the
    log of what else was counted around it [places, counts].
    """
    return np.column_stack([around, np.log(piles), np.log1p(np.maximum(counted, 0.0))])


def _counts(found: Array, weights: Array, places: Array) -> Array:
    """[places, rings] weight within each radius."""
    return np.column_stack([_within(found, weights, places, radius) for radius in RINGS_KM])


def _within(found: Array, weights: Array, places: Array, radius_km: float) -> Array:
    if not len(found) or not len(places):
        return np.zeros(len(places))
    tree = cKDTree(found)
    if np.all(weights == 1.0):
        return np.asarray(tree.query_ball_point(places, radius_km, return_length=True), dtype=np.float64)
    near = tree.query_ball_point(places, radius_km)
    return np.array([weights[members].sum() for members in near])


def _rings(within: Array) -> Array:
    """Discs to rings."""
    return np.diff(within, axis=1, prepend=0.0)
