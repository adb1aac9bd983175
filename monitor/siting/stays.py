"""What single stays tell of sites: when all plugs were taken, and whether cars had the time for AC. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monitor.siting.demand import full_h
from monitor.siting.plane import Array, Ints
from monitor.siting.sizing import AC_MAX_KW

STAY_H_MIN = 1.0 / 60.0


@dataclass(frozen=True)
class Stays:
    """One row each: the site's row, begin and end in hours since any moment, energy kWh (NaN unknown)."""

    site: Ints
    begin_h: Array
    end_h: Array
    energy_kwh: Array

    def full_h(self, plugs: Array) -> Array:
        """[sites] hours in which all plugs of a site were taken; NaN where their number is not known."""
        found = np.full(len(plugs), np.nan)
        for site in np.flatnonzero(plugs >= 1):
            rows = self.site == site
            found[site] = full_h(self.begin_h[rows], self.end_h[rows], int(plugs[site]))
        return found

    def wants_dc(self, sites: int) -> Array:
        """[sites] share of stays too short for what AC gives in them; NaN where none is known."""
        known = self.energy_kwh > 0
        needed = self.energy_kwh[known] / np.maximum(self.end_h - self.begin_h, STAY_H_MIN)[known]
        counts = np.bincount(self.site[known], minlength=sites).astype(float)
        fast = np.bincount(self.site[known], (needed > AC_MAX_KW).astype(float), minlength=sites)
        return np.where(counts > 0, fast / np.maximum(counts, 1.0), np.nan)

    @property
    def session_kwh(self) -> float | None:
        """Mean energy of a charging, None if no energy is known."""
        known = self.energy_kwh > 0
        return float(self.energy_kwh[known].mean()) if known.any() else None
