"""The area that was asked for: a box of degrees, or a boundary from a GeoJSON file (polygons with holes). Pure.

Cells and candidates lie inside. Sites up to KNOWN_KM outside are kept: they compete with those inside, and how people
charge there is how they charge here.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np

from monitor.siting.area import Area, AreaBroken, Spots
from monitor.siting.plane import Array, Bools, Plane

KNOWN_KM = 5.0
"""Farther from all sites nothing was learned of how people charge."""
CORNERS_MAX = 100_000


@dataclass(frozen=True, eq=False, slots=True)
class Bounds:
    """`rings`: closed rings [n, 2] of longitude and latitude; what lies in an odd number of them is inside."""

    name: str
    rings: tuple[Array, ...]

    def inside(self, longitude: Array, latitude: Array) -> Bools:
        """[n] which places lie inside."""
        found = np.zeros(len(longitude), dtype=bool)
        for ring in self.rings:
            for (east, north), (to_east, to_north) in pairwise(ring):
                spans = (north > latitude) != (to_north > latitude)
                slope = (to_east - east) / (to_north - north) if to_north != north else 0.0
                found ^= spans & (longitude < east + slope * (latitude - north))
        return found

    def near(self, longitude: Array, latitude: Array, reach_km: float = KNOWN_KM) -> Bools:
        """[n] which places lie inside or no farther outside than this."""
        corners = np.vstack(self.rings)
        plane = Plane.about(corners[:, 0], corners[:, 1])
        places, close = plane.km(longitude, latitude), self.inside(longitude, latitude)
        for ring in self.rings:
            line = plane.km(ring[:, 0], ring[:, 1])
            for begin, end in pairwise(line):
                along = end - begin
                share = np.clip((places - begin) @ along / max(float(along @ along), 1e-12), 0.0, 1.0)
                close |= np.hypot(*(places - begin - share[:, None] * along).T) <= reach_km
        return close


def box(words: str) -> Bounds:
    """From `west,south,east,north` in degrees; raises AreaBroken."""
    try:
        west, south, east, north = (float(part) for part in words.split(","))
    except ValueError:
        raise AreaBroken(f"{words!r}: a box is west,south,east,north in degrees") from None
    if not (-180 <= west < east <= 180 and -90 <= south < north <= 90):
        raise AreaBroken(f"{words!r}: a box is west,south,east,north in degrees, west of east and south of north")
    corners = np.array([(west, south), (east, south), (east, north), (west, north), (west, south)])
    return Bounds(words.replace(" ", ""), (corners,))


def boundary(text: str, name: str) -> Bounds:
    """From GeoJSON in WGS-84 degrees; raises AreaBroken."""
    try:
        rings = tuple(_ring(one) for one in _rings(json.loads(text)))
    except (ValueError, KeyError, TypeError, IndexError) as fault:
        raise AreaBroken(f"{name} is no GeoJSON of polygons: {fault}") from None
    if not rings:
        raise AreaBroken(f"{name} holds no polygon")
    if sum(map(len, rings)) > CORNERS_MAX:
        raise AreaBroken(f"{name} has more than {CORNERS_MAX} corners")
    return Bounds(name, rings)


def _rings(shape: Any) -> Iterator[Sequence[Sequence[float]]]:
    """All rings of all polygons."""
    match shape["type"]:
        case "FeatureCollection":
            for one in shape["features"]:
                yield from _rings(one)
        case "Feature":
            yield from _rings(shape["geometry"])
        case "GeometryCollection":
            for one in shape["geometries"]:
                yield from _rings(one)
        case "Polygon":
            yield from shape["coordinates"]
        case "MultiPolygon":
            for one in shape["coordinates"]:
                yield from one


def _ring(corners: Sequence[Sequence[float]]) -> Array:
    found = np.array([(float(corner[0]), float(corner[1])) for corner in corners])
    if len(found) and not np.array_equal(found[0], found[-1]):
        found = np.vstack([found, found[:1]])
    if len(found) < 4 or not np.all((np.abs(found[:, 0]) <= 180) & (np.abs(found[:, 1]) <= 90)):
        raise ValueError("a ring has at least four corners in degrees")
    return found


def bounded(area: Area, bounds: Bounds) -> Area:
    """What of an area counts within bounds; raises AreaBroken where no site does."""
    near = bounds.near(area.sites.longitude, area.sites.latitude)
    if not near.any():
        raise AreaBroken(
            f"{len(area.sites)} sites have a place, but none lies in {bounds.name} or within {KNOWN_KM:g} km"
        )
    return replace(area, name=bounds.name, sites=area.sites.take(near), bounds=bounds,
                   candidates=_kept(area.candidates, bounds))  # fmt: skip


def _kept(spots: Spots | None, bounds: Bounds) -> Spots | None:
    if spots is None:
        return None
    rows = bounds.inside(spots.longitude, spots.latitude)
    names = [name for name, kept in zip(spots.names, rows, strict=True) if kept]
    if not names:
        raise AreaBroken(f"no candidate lies in {bounds.name}")
    around = None if spots.around is None else spots.around[rows]
    return Spots(names, spots.longitude[rows], spots.latitude[rows], spots.room_kw[rows], around)
