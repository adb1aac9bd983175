"""Stations summed to further series beside the tree: regions, and connector groups by kind of current. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Protocol

import numpy as np

from monitor.forecast.panel import Array, PanelBroken

REGION, KIND = "region:", "kind:"
MIXED = "mixed"


class Place(Protocol):
    """A station and where it stands."""

    @property
    def id(self) -> str:
        """Its id."""

    @property
    def site_id(self) -> str:
        """Its site; empty where nobody said."""


class Plate(Protocol):
    """The nameplate of an EVSE."""

    @property
    def station_id(self) -> str:
        """Whose."""

    @property
    def kind(self) -> str:
        """ac or dc."""


def groups_of(
    stations: Iterable[Place], plates: Iterable[Plate], regions: Mapping[str, str]
) -> dict[str, frozenset[str]]:
    """Group -> its stations; `regions`: site -> region. A station with EVSEs of both kinds is `mixed`."""
    kinds: dict[str, set[str]] = {}
    for plate in plates:
        kinds.setdefault(plate.station_id, set()).add(plate.kind)
    found: dict[str, set[str]] = {}
    for station in stations:
        if region := regions.get(station.site_id):
            found.setdefault(REGION + region, set()).add(station.id)
        if kind := kinds.get(station.id):
            found.setdefault(KIND + (MIXED if len(kind) > 1 else min(kind)), set()).add(station.id)
    return {name: frozenset(found[name]) for name in sorted(found)}


def summed(values: Array) -> Array:
    """[steps] the sum of what is known of [steps, series]; NaN where nothing is."""
    known = np.isfinite(values)
    return np.where(known.any(axis=1), np.where(known, values, 0.0).sum(axis=1), np.nan)


def regions_of(lines: Iterable[list[str]], where: str) -> dict[str, str]:
    """site -> region from the lines of a CSV, the head `site,region` first; raises PanelBroken."""
    rows = [[cell.strip() for cell in line] for line in lines if line]
    if not rows or [cell.lower() for cell in rows[0]] != ["site", "region"]:
        raise PanelBroken(f"{where}: a head line site,region is expected")
    found: dict[str, str] = {}
    for number, row in enumerate(rows[1:], 2):
        if len(row) != 2 or not all(row):
            raise PanelBroken(f"{where}:{number}: a site and its region are expected, not {','.join(row)!r}")
        if found.setdefault(row[0], row[1]) != row[1]:
            raise PanelBroken(f"{where}:{number}: {row[0]} lies in {found[row[0]]} already")
    return found
