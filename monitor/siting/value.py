"""What a site at each candidate would be worth: the site model's answer in draws, and AC or DC. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.stats import beta

from monitor.siting import process
from monitor.siting.area import Area, Sites
from monitor.siting.blocks import blocks_of
from monitor.siting.holdout import FOLDS
from monitor.siting.plane import Array, Bools, distances_km
from monitor.siting.sizing import AC_MAX_KW, standard_power
from monitor.siting.surroundings import site_columns

DRAWS = 2000
KIND_KM = 2.0
PRIOR_SITES = 4.0
"""How many sites the mean of the area counts for beside those around a candidate."""


@dataclass(frozen=True)
class Values:
    """`draws` [draws, candidates] of kWh a day; `scales`: what the site model found."""

    draws: Array
    scales: process.Scales
    field: bool

    def quantile(self, share: float) -> Array:
        """kWh a day that are not exceeded with this probability."""
        return np.asarray(np.quantile(self.draws, share, axis=0))

    def chance(self, kwh: float) -> Array:
        """Probability of more than so much a day."""
        return np.asarray((self.draws > kwh).mean(axis=0))

    def chance_of_top(self, count: int) -> Array:
        """Probability of being among so many best of all candidates."""
        best = np.argpartition(-self.draws, min(count, self.draws.shape[1]) - 1, axis=1)[:, :count]
        return np.bincount(best.ravel(), minlength=self.draws.shape[1]) / len(self.draws)


def site_model(area: Area) -> process.SiteModel:
    """The model that tells left-out blocks better, learned from all used sites; raises ValueError for too few."""
    sites = area.used.sites
    places = area.plane.km(sites.longitude, sites.latitude)
    around = area.surroundings.columns(area.surroundings.sites, themselves=True)[area.sites.energy_kwh > 0]
    columns, y = site_columns(around, sites.piles, sites.counted), np.log(sites.energy_kwh)
    blocks, _ = blocks_of(sites.longitude, sites.latitude, FOLDS)
    return process.better(*(process.fit(columns, places, y, blocks, field=field) for field in (False, True)))


def values(
    area: Area, model: process.SiteModel, places: Array, piles: float, seed: int, counted: Array | None = None
) -> Values:
    """Energy of a site with so many piles at each place [candidates, 2] km; `counted`: around each, as for sites."""
    there = np.empty((len(places), 0)) if counted is None else counted
    columns = site_columns(area.surroundings.columns(places), np.full(len(places), piles), there)
    mean, deviation = model.predict(columns, places)
    draws = np.exp(model.draws(mean, deviation, DRAWS, seed)) * 24.0 / area.span_h
    return Values(draws, model.scales, model.scales.field > 0)


@dataclass(frozen=True, slots=True)
class Kind:
    """AC or DC for a place: share of DC around with its 90 % interval, and the power that is usual there."""

    name: str
    dc_share: float
    dc_low: float
    dc_high: float
    power_kw: float


def kinds(area: Area, places: Array) -> list[Kind]:
    """By whether stays around have the time for AC, where stays are not known by what the sites have; drawn to the mean
    of the area (Beta-binomial, kernel of 2 km)."""
    sites = area.sites.take((area.sites.power_kw > 0) | np.isfinite(area.sites.wants_dc))
    weights = np.exp(-0.5 * (distances_km(places, area.plane.km(sites.longitude, sites.latitude)) / KIND_KM) ** 2)
    fast: Bools = np.asarray(sites.power_kw > AC_MAX_KW * 1.05)
    wanted = np.where(np.isfinite(sites.wants_dc), sites.wants_dc, fast)
    share = float(np.clip(wanted.mean(), 0.02, 0.98)) if len(sites) else 0.5
    return [_kind(row, wanted, fast, share, sites) for row in weights]


def _kind(weights: Array, wanted: Array, fast: Bools, share: float, sites: Sites) -> Kind:
    yes = PRIOR_SITES * share + float(weights @ wanted)
    no = PRIOR_SITES * (1.0 - share) + float(weights @ (1.0 - wanted))
    low, high = (float(beta.ppf(part, yes, no)) for part in (0.05, 0.95))
    name = "dc" if yes > no else "ac"
    same = fast if name == "dc" else ~fast
    usual = 120.0 if name == "dc" else 7.0
    if same.any():
        pulled = weights[same] + PRIOR_SITES / same.sum()
        order = np.argsort(sites.power_kw[same])
        place = np.searchsorted(np.cumsum(pulled[order]), pulled.sum() / 2.0)
        usual = float(sites.power_kw[same][order][min(int(place), len(order) - 1)])
    return Kind(name, yes / (yes + no), low, high, standard_power(name, usual))
