"""What the sources of a site give for a load, scenario by scenario, and what that costs."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.preparation import Prepared
from optimizer.site import GRID


@dataclass(frozen=True, eq=False, slots=True)
class Bill:
    """`given` [Ω, P, T] kWh of every source in every scenario; `money`: the mean over scenarios, the price of the peak
    with it, the flattening of the grid left out.
    """

    ready: Prepared
    given: FloatArray
    peak_kw: float
    money: float

    @property
    def mean_kw(self) -> dict[str, FloatArray]:
        """Power of each source, the mean over scenarios."""
        mean = np.einsum("w,wpt->pt", self.ready.weights, self.given) / self.ready.site.slot_h
        return dict(zip(self.ready.supply.ids, mean, strict=True))

    def of_kw(self, name: str) -> FloatArray:
        """Power of one source [Ω, T]; nothing where there is no such."""
        rows = [n for n, known in enumerate(self.ready.supply.ids) if known == name]
        return np.asarray(self.given[:, rows].sum(axis=1) / self.ready.site.slot_h)


def bill(ready: Prepared, load: FloatArray) -> Bill:
    """For a load [T] in kWh per slot that the scenarios come on top of."""
    site, supply = ready.site, ready.supply
    grid = np.array([name in GRID for name in supply.ids])
    flat = replace(supply, curvature=np.where(grid[:, None], 0.0, supply.curvature))
    given = np.stack([supply.dispatch(load + more) for more in ready.extra])
    peak_kw = max(site.peak_so_far_kw, float(given[:, grid].sum(axis=1).max()) / site.slot_h)
    money = float(sum(w * flat.costs(g).sum() for w, g in zip(ready.weights, given, strict=True)))
    return Bill(ready, given, peak_kw, money + site.peak_price * (peak_kw - site.peak_so_far_kw))


def import_kwh(ready: Prepared, load: FloatArray) -> FloatArray:
    """What is bought (less what is sold) per slot, the largest over the scenarios."""
    drawn = bill(ready, load)
    grid = [name in GRID for name in ready.supply.ids]
    return np.asarray(drawn.given[:, grid].sum(axis=1).max(axis=0))
