"""A made-up city as a folder of files: what is used depends on what stands around."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

EAST, NORTH, DEGREE_KM = 119.5, 35.4, 111.195
HEAD = ("station_id", "longitude", "latitude", "pile_num", "total_duration", "total_volume", "avg_power")


def degrees(km: np.ndarray) -> np.ndarray:
    """[n, 2] km from the middle of the city as longitude and latitude."""
    east = EAST + km[:, 0] / DEGREE_KM / np.cos(np.radians(NORTH))
    return np.column_stack([east, NORTH + km[:, 1] / DEGREE_KM])


def write(path: Path, head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """A CSV file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(head)
        writer.writerows(rows)


def write_city(folder: Path, sites: int = 150, points: int = 900, seed: int = 0, *, transformers: bool = False) -> None:
    """Sites near 15 middles and elsewhere, points around the middles; energy follows the points within a kilometre."""
    rng = np.random.default_rng(seed)
    middles = rng.uniform(-8, 8, size=(15, 2))
    spread = middles[rng.integers(15, size=points)] + rng.normal(scale=1.0, size=(points, 2))
    near = middles[rng.integers(15, size=sites // 2)] + rng.normal(scale=1.5, size=(sites // 2, 2))
    places = np.vstack([near, rng.uniform(-9, 9, size=(sites - len(near), 2))])
    around = np.log1p((np.hypot(*(places[:, None] - spread[None]).transpose(2, 0, 1)) < 1.0).sum(axis=1))
    piles = rng.integers(1, 5, sites)
    energy = np.exp(9.0 + 0.7 * (around - around.mean()) / around.std() + 0.5 * rng.standard_normal(sites)) * piles
    power = np.where(rng.random(sites) < 0.3, 120.0, 7.0)
    rows = zip(range(sites), *degrees(places).T, piles, energy / power, energy, power, strict=True)
    write(folder / "stations.csv", HEAD, rows)
    write(folder / "poi.csv", ("type", "longitude", "latitude"), (("shop", *place) for place in degrees(spread)))
    if transformers:
        grid = degrees(np.array([(x, y) for x in range(-9, 10) for y in range(-9, 10)], dtype=float))
        rooms = rng.choice([3.0, 60.0, 400.0], len(grid))
        named = ((f"T{number}", *place, room) for number, (place, room) in enumerate(zip(grid, rooms, strict=True)))
        write(folder / "transformers.csv", ("name", "longitude", "latitude", "room_kw"), named)
