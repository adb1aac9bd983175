"""Hexagonal cells (H3) over a city. Pure.

Resolution 8 has cells of about 0.74 km² (half a kilometre from the middle to a corner), a walk across; resolution 6 of
about 36 km², a district.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import h3
import numpy as np

from monitor.siting.plane import Array, Ints

RESOLUTION = 8
BLOCK_RESOLUTION = 6


def cells_of(longitude: Array, latitude: Array, resolution: int = RESOLUTION) -> list[str]:
    """The cell of each place."""
    return [
        h3.latlng_to_cell(float(north), float(east), resolution)
        for east, north in zip(longitude, latitude, strict=True)
    ]


def middles(cells: Sequence[str]) -> tuple[Array, Array]:
    """Longitude and latitude of the middle of each cell."""
    found = np.array([h3.cell_to_latlng(cell) for cell in cells]).reshape(-1, 2)
    return found[:, 1], found[:, 0]


def outline(cell: str) -> Array:
    """[corners, 2] longitude and latitude around a cell."""
    return np.array([(east, north) for north, east in h3.cell_to_boundary(cell)])


def around(cells: Iterable[str], rings: int) -> list[str]:
    """These cells and all within so many rings of one, in order."""
    return sorted({near for cell in cells for near in h3.grid_disk(cell, rings)})


def grouped(cells: Sequence[str]) -> tuple[list[str], Ints]:
    """The different cells in order, and for each place which of them it lies in."""
    names, which = np.unique(np.array(cells, dtype=object), return_inverse=True)
    return [str(name) for name in names], np.asarray(which, dtype=np.int64)
