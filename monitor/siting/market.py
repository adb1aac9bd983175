"""Supply, demand and the gap between them in every cell of an area. Pure.

Supply: energy that the sites of a cell gave. Demand: what the cell would draw if the piles of the area were spread as
people are: its share of presence times all piles times the rate of a pile there, a Gamma-Poisson posterior.
Gap: demand minus supply. Energies are kWh a day.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import cKDTree
from scipy.stats import gamma

from monitor.siting import demand
from monitor.siting.area import Area, AreaBroken
from monitor.siting.bounds import KNOWN_KM
from monitor.siting.cells import around, cells_of, grouped, middles
from monitor.siting.plane import Array, Bools
from monitor.siting.surroundings import RINGS_KM

PRESENCE_KM = 1.0
"""People reach a plug on foot: who is within this distance counts as present."""
RINGS_BLIND = 4
"""How far around sites cells are looked at where nobody says where people are."""


@dataclass(frozen=True)
class Market:
    """Cells [cells] with their places [cells, 2] km. Demand is Gamma(shape, scale); `seen`: cells with a pile."""

    cells: list[str]
    places: Array
    presence: Array
    sites: Array
    piles: Array
    supply: Array
    shape: Array
    scale: Array
    alpha: float
    slopes: Array
    seen: int

    @property
    def demand(self) -> Array:
        """Expected demand."""
        return self.shape * self.scale

    def quantile(self, share: float) -> Array:
        """Demand that is not exceeded with this probability."""
        return np.asarray(gamma.ppf(share, self.shape) * self.scale)

    @property
    def gap(self) -> Array:
        """Expected gap; negative where more is drawn than presence explains."""
        return self.demand - self.supply

    @property
    def unmet(self) -> Array:
        """Expected demand beyond supply s: E max(D - s, 0), in closed form for a Gamma."""
        at = self._supply_in_scales()
        return np.asarray(self.demand * gamma.sf(at, self.shape + 1.0) - self.supply * gamma.sf(at, self.shape))

    @property
    def sure(self) -> Array:
        """Probability that more is wanted than is given."""
        return np.asarray(gamma.sf(self._supply_in_scales(), self.shape))

    def _supply_in_scales(self) -> Array:
        return np.where(self.scale > 0, self.supply / np.where(self.scale > 0, self.scale, 1.0), np.inf)


def market_of(area: Area, session_kwh: float) -> Market:
    """The market of an area; `session_kwh`: energy of one charging, by which energy becomes a count."""
    sites = area.sites
    at = cells_of(sites.longitude, sites.latitude)
    cells = _cells(area, at)
    row = {cell: number for number, cell in enumerate(cells)}
    place = np.array([row[cell] for cell in at])

    def summed(values: Array) -> Array:
        return np.bincount(place, values, minlength=len(cells)).astype(float)

    places = area.plane.km(*middles(cells))
    open_h = np.maximum(area.span_h - np.nan_to_num(sites.full_h), 0.0)
    counts = summed(sites.open_kwh) / session_kwh
    exposure = np.where(counts > 0, np.maximum(summed(sites.piles * open_h), 1.0), summed(sites.piles * open_h))
    columns = area.surroundings.columns(places)[
        :, : -len(RINGS_KM)
    ]  # not the piles around: where none are, few were seen
    fitted = demand.fit(counts, exposure, columns)
    posterior = fitted.posterior(counts, exposure, columns)
    presence = _presence(area, cells, places)
    there, supply = summed(sites.piles), summed(sites.energy_kwh) * 24.0 / area.span_h
    inside = _inside(area, cells)
    spread = presence[inside] / presence[inside].sum() if presence[inside].any() else presence[inside]
    scale = there[inside].sum() * spread * session_kwh * 24.0 / posterior.rate[inside]
    return Market(
        [cell for cell, kept in zip(cells, inside, strict=True) if kept], places[inside], presence[inside],
        summed(np.ones(len(sites)))[inside], there[inside], supply[inside], posterior.shape[inside], scale,
        fitted.alpha, fitted.raw_slopes, int((exposure > 0).sum()),
    )  # fmt: skip


def _inside(area: Area, cells: list[str]) -> Bools:
    """Which cells are of the area; all of them help to learn. Raises AreaBroken for none."""
    found = np.ones(len(cells), dtype=bool) if area.bounds is None else area.bounds.inside(*middles(cells))
    if not found.any():
        raise AreaBroken(f"no cell of {area.name} lies within {KNOWN_KM:g} km of a site")
    return found


def _cells(area: Area, at: list[str]) -> list[str]:
    """Cells with a site, a user or a point and those around sites, no farther from all sites than KNOWN_KM."""
    points = grouped(cells_of(area.longitude, area.latitude))[0] if len(area.longitude) else []
    rings = 1 if points or area.presence else RINGS_BLIND
    cells = sorted({*around(at, rings), *points, *(area.presence or {})})
    sites = area.plane.km(area.sites.longitude, area.sites.latitude)
    away = np.asarray(cKDTree(sites).query(area.plane.km(*middles(cells)))[0])
    return [cell for cell, known in zip(cells, away <= KNOWN_KM, strict=True) if known]


def _presence(area: Area, cells: list[str], places: Array) -> Array:
    """Users by cell where they are known, else points within a walk; 1 everywhere if neither is."""
    if area.presence is not None:
        counted = np.array([float(area.presence.get(cell, 0)) for cell in cells])
        return counted if counted.sum() > 0 else np.ones(len(cells))
    counted = area.surroundings.presence(places, PRESENCE_KM)
    return counted if counted.sum() > 0 else np.ones(len(cells))
