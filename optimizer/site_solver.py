"""The best plan of a prepared site and its bound: cars, batteries and caps together, by the interior point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer import interior_point
from optimizer.arrays import FloatArray
from optimizer.certificate import car_bounds, monotone, relative_gap
from optimizer.instance import Instance
from optimizer.preparation import Prepared

AIMS = (1e-6, 1e-7, 1e-9)
"""Complementarity at which the interior point stops, the next one when the gap is not good enough."""
GAP_TARGET = 1e-6
PHANTOM = 1e-7


@dataclass(frozen=True, eq=False, slots=True)
class Solved:
    """What came out, in arrays."""

    found: interior_point.Found
    objective: float
    lower_bound: float

    def load(self, ready: Prepared) -> FloatArray:
        """Of the site [T], kWh per slot, scenarios left out."""
        found = self.found
        return np.asarray(ready.instance.base + found.energy.sum(axis=0) + (found.charge - found.discharge).sum(axis=0))

    @property
    def gap(self) -> float:
        """Relative."""
        return relative_gap(self.objective, self.lower_bound)


def solve_prepared(ready: Prepared, target: float = GAP_TARGET) -> Solved:
    """The best plan with its bound, proven to the `target` if the numbers allow."""
    instance = _with_phantom(ready)
    solved = None
    for aim in AIMS:
        batteries = ready.batteries if ready.batteries.count else None
        found = interior_point.solve_beside(instance, aim, batteries, ready.root_room)
        if instance is not ready.instance:
            found = replace(found, energy=np.zeros((len(ready.instance.rate), instance.slots)))
        solved = Solved(found, _objective(ready, found), lower_bound(ready, found))
        if solved.gap <= target:
            break
    assert solved is not None
    return solved


def _with_phantom(ready: Prepared) -> Instance:
    """The interior point wants one car: a negligible one when nobody else wants anything."""
    i, b = ready.instance, ready.batteries
    open_slots = np.cumsum(np.pad((i.room > 0).all(axis=0), (1, 0)))
    if (i.energy * (open_slots[i.depart] - open_slots[i.arrive])).any():
        return i
    size = PHANTOM * max(float(np.max(b.charge, initial=0.0)), float(np.max(np.abs(i.base), initial=0.0)), 1.0)
    return replace(
        i,
        arrive=np.zeros(1, dtype=np.int64),
        depart=np.array([i.slots], dtype=np.int64),
        rate=np.array([size]),
        energy=np.array([size]),
        unserved=np.array([float(i.cost.price(i.base + i.most[0]).max())]),
        node=np.zeros(1, dtype=np.int64),
        most=i.most + size,
    )


def _objective(ready: Prepared, found: interior_point.Found) -> float:
    net = (found.charge - found.discharge).sum(axis=0)
    beside = ready.batteries.cost(found.charge, found.discharge) if ready.batteries.count else 0.0
    return ready.instance.objective(found.energy.sum(axis=0) + net, found.energy.sum(axis=1)) + beside


def lower_bound(ready: Prepared, found: interior_point.Found) -> float:
    """No plan can cost less: sums of independent minimisations at the prices found, whatever they are."""
    i, b = ready.instance, ready.batteries
    price = monotone(i, found.price)
    least = -b.discharge.sum(axis=0) if b.count else np.zeros(i.slots)
    most = np.minimum(i.room[0], i.most[0])
    added = np.clip(i.cost.load(price[0]) - i.base, least, most)
    loads = float(i.cost.value(i.base + added).sum()) - float(price[0] @ added)
    above = price[1:] - price[i.parent[1:]]
    caps = -float((above * np.minimum(i.room[1:], i.most[1:])).sum())
    # Where there is no room, none of it is for cars, at whatever price; batteries may still give there.
    for_cars = np.where(i.room > 0, price, np.maximum(price, np.max(i.unserved, initial=0.0)))
    cars = float(car_bounds(i, monotone(i, for_cars)).sum())
    return loads + caps + cars + (b.bound(price, found.value) if b.count else 0.0)
