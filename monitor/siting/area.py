"""What is known of an area: its sites, points of interest, and what else a planner brought. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Protocol

import numpy as np

from monitor.siting.plane import Array, Bools, Plane
from monitor.siting.surroundings import Surroundings


class AreaBroken(ValueError):
    """These files cannot be read as an area."""


@dataclass(frozen=True)
class Sites:
    """Charging sites, one row each. `open_kwh`: energy of cars that came while a plug was
    free; `busy_h`: hours of plugs in use; `full_h`: with all of them taken, NaN unknown;
    `wants_dc`: share of stays too short for AC, NaN unknown. `withheld`: of these too few users are known for
    anything of their use to be told: they stand there with their piles, and no figure depends on more. `around`
    [sites, counts]: what somebody counted around each."""

    names: Sequence[str]
    longitude: Array
    latitude: Array
    piles: Array
    energy_kwh: Array
    open_kwh: Array
    busy_h: Array
    power_kw: Array
    full_h: Array
    wants_dc: Array
    withheld: Bools | None = None
    around: Array | None = None

    def __len__(self) -> int:
        return len(self.names)

    @property
    def degrees(self) -> Array:
        """[sites, 2] longitude and latitude."""
        return np.column_stack([self.longitude, self.latitude])

    @property
    def counted(self) -> Array:
        """[sites, counts] what was counted around each, no columns where nothing was."""
        return np.empty((len(self), 0)) if self.around is None else self.around

    def take(self, rows: Bools) -> Sites:
        """These sites only."""
        whole: dict[str, Any] = {name: getattr(self, name) for name in self.__dataclass_fields__ if name != "names"}
        columns: dict[str, Any] = {name: None if values is None else values[rows] for name, values in whole.items()}
        return Sites([name for name, kept in zip(self.names, rows, strict=True) if kept], **columns)


@dataclass(frozen=True)
class Spots:
    """Places to build at, or where transformers stand; `room_kw`: power that is free there, NaN unknown; `around`: as
    of sites."""

    names: Sequence[str]
    longitude: Array
    latitude: Array
    room_kw: Array
    around: Array | None = None

    def __len__(self) -> int:
        return len(self.names)


class Within(Protocol):
    """What was asked for (monitor.siting.bounds)."""

    def inside(self, longitude: Array, latitude: Array) -> Bools:
        """[n] which places lie inside."""
        ...


@dataclass(frozen=True)
class Area:
    """An area. `span_h`: hours that the energies cover; `hourly`: share of the energy in each hour of the day;
    `presence`: users by cell, see monitor.siting.presence; `session_kwh`: mean of a charging; `bounds`: where cells and
    candidates lie, None: everywhere near sites."""

    name: str
    sites: Sites
    longitude: Array
    latitude: Array
    span_h: float
    span_known: bool
    span: tuple[str, str] | None = None
    hourly: Array | None = None
    candidates: Spots | None = None
    transformers: Spots | None = None
    presence: Mapping[str, int] | None = None
    session_kwh: float | None = None
    notes: Mapping[str, int] = field(default_factory=dict)
    bounds: Within | None = None

    @cached_property
    def plane(self) -> Plane:
        """The map that all distances of the area are measured on."""
        return Plane.about(self.sites.longitude, self.sites.latitude)

    @cached_property
    def used(self) -> Area:
        """The area with those sites only that gave any energy."""
        return replace(self, sites=self.sites.take(self.sites.energy_kwh > 0))

    @cached_property
    def plannable(self) -> Area:
        """The area without what was counted around its sites, unless it was counted around the candidates, too."""
        if self.sites.around is None or (self.candidates is not None and self.candidates.around is not None):
            return self
        return replace(self, sites=replace(self.sites, around=None))

    @cached_property
    def surroundings(self) -> Surroundings:
        """Points and all sites on the map."""
        points = self.plane.km(self.longitude, self.latitude)
        sites = self.plane.km(self.sites.longitude, self.sites.latitude)
        return Surroundings(points, sites, self.sites.piles)
