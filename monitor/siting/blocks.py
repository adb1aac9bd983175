"""Parts of an area that are held out together: what is next door gives nothing away. Pure."""

from __future__ import annotations

import numpy as np

from monitor.siting.cells import BLOCK_RESOLUTION, cells_of, grouped
from monitor.siting.plane import Array, Ints

FINEST = 9
BLOCKS_OF_A_FOLD = 4


def blocks_of(longitude: Array, latitude: Array, folds: int) -> tuple[Ints, int]:
    """Which block each site is of, and the resolution: districts, or smaller cells where there are too few of them or
    one holds more sites than a fold should.
    """
    for resolution in range(BLOCK_RESOLUTION, FINEST):
        names, which = grouped(cells_of(longitude, latitude, resolution))
        largest = int(np.bincount(which).max(initial=0))
        if len(names) >= BLOCKS_OF_A_FOLD * folds and largest * folds <= len(which):
            return which, resolution
    return grouped(cells_of(longitude, latitude, FINEST))[1], FINEST


def folds_by_block(blocks: Ints, folds: int, seed: int) -> Ints:
    """The fold of each site: whole blocks, the larger first, each to the fold that has the fewest sites."""
    sizes = np.bincount(blocks)
    shuffled = np.random.default_rng(seed).permutation(len(sizes))
    order = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    filled, fold_of = np.zeros(folds), np.zeros(len(sizes), dtype=np.int64)
    for block in order:
        fold_of[block] = int(filled.argmin())
        filled[fold_of[block]] += sizes[block]
    return fold_of[blocks]


def folds_at_random(sites: int, folds: int, seed: int) -> Ints:
    """The fold of each site, without regard to where it stands."""
    return np.asarray(np.random.default_rng(seed).permutation(sites) % folds, dtype=np.int64)
