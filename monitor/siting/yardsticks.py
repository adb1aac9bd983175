"""What a site model has to beat: the mean of a pile, a heat map, the mean of each cell. Pure.

Each tells the log energy of new sites from known ones, and where it can its deviation (else NaN).
"""

from __future__ import annotations

import numpy as np

from monitor.siting.cells import cells_of, grouped
from monitor.siting.plane import Array, distances_km

KERNEL_KM = 1.0
CELL_RESOLUTION = 7


def mean_per_pile(y: Array, piles: Array, new_piles: Array) -> tuple[Array, Array]:
    """Every pile does what the mean pile does."""
    return (y - np.log(piles)).mean() + np.log(new_piles), np.full(len(new_piles), np.nan)


def heat_map(y: Array, piles: Array, places: Array, new_piles: Array, new_places: Array) -> tuple[Array, Array]:
    """Every pile does what those around it do, by a Gaussian kernel of a kilometre; far from all, the mean."""
    each = y - np.log(piles)
    weights = np.exp(-0.5 * (distances_km(new_places, places) / KERNEL_KM) ** 2)
    total = weights.sum(axis=1)
    seen = total > 1e-6
    level = np.where(seen, weights @ each / np.where(seen, total, 1.0), each.mean())
    return level + np.log(new_piles), np.full(len(new_piles), np.nan)


def cell_means(y: Array, piles: Array, degrees: Array, new_piles: Array, new_degrees: Array) -> tuple[Array, Array]:
    """Empirical Bayes: the mean of a cell's piles, drawn to that of all by how much cells differ; [n, 2] degrees.

    Variance between and within cells by the method of moments (one-way analysis of variance).
    """
    each = y - np.log(piles)
    names, which = grouped(cells_of(degrees[:, 0], degrees[:, 1], CELL_RESOLUTION))
    counts = np.bincount(which).astype(float)
    means = np.bincount(which, each) / counts
    total, groups = len(each), len(names)
    within = float(((each - means[which]) ** 2).sum() / max(total - groups, 1))
    spread = float((counts * (means - each.mean()) ** 2).sum() / max(groups - 1, 1))
    typical = (total - (counts**2).sum() / total) / max(groups - 1, 1)
    between = max((spread - within) / typical, 1e-9)
    shrunk = each.mean() + between / (between + within / counts) * (means - each.mean())
    left = between * within / (counts * between + within)
    place = {name: number for number, name in enumerate(names)}
    at = np.array([place.get(cell, -1) for cell in cells_of(new_degrees[:, 0], new_degrees[:, 1], CELL_RESOLUTION)])
    level = np.where(at >= 0, shrunk[at], each.mean())
    variance = np.where(at >= 0, left[at], between) + within
    return level + np.log(new_piles), np.sqrt(variance)
