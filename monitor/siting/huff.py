"""Who goes where: Huff's rule. A cell's demand is split over sites by size / distance^decay. Pure."""

from __future__ import annotations

import numpy as np

from monitor.siting.plane import Array, distances_km

NEAREST_KM = 0.25
"""Nearer than this nobody minds: distances count from here, and a site in the middle of a cell does not take it all."""


def pulls(cells: Array, sites: Array, sizes: Array, decay: float) -> Array:
    """[cells, sites] attraction of each site to each cell, both [n, 2] km."""
    return np.asarray(sizes / np.maximum(distances_km(cells, sites), NEAREST_KM) ** decay)


def captured(demand: Array, new: Array, others: Array) -> Array:
    """[draws, sites] what each new site takes of demand [draws, cells] beside the others and none of the new ones.

    `new` [cells, sites]: their attraction; `others` [cells, 1 or sites]: the sum of what stands beside each.
    """
    return np.asarray(demand @ (new / np.maximum(new + others, 1e-300)))


def kept(demand: Array, new: Array, others: Array) -> Array:
    """[sites] the part of what each would take alone that is left to it beside all new ones; `demand` [cells]."""
    alone = captured(demand[None], new, others)[0]
    together = captured(demand[None], new, others + new.sum(axis=1, keepdims=True) - new)[0]
    return np.where(alone > 0, together / np.where(alone > 0, alone, 1.0), 1.0)
