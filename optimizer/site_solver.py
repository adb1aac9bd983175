"""The best plan of a prepared site and its bound: cars, batteries and caps together, by the interior point."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer import interior_point, wired_point
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
    best: Solved | None = None
    for aim in AIMS:
        found = _kept(ready, _found(ready, aim))
        solved = Solved(found, _objective(ready, found), lower_bound(ready, found))
        best = solved if best is None or solved.gap < best.gap else best
        if best.gap <= target:
            break
    assert best is not None
    return best


def _found(ready: Prepared, aim: float) -> interior_point.Found:
    instance, batteries = _with_phantom(ready), ready.batteries if ready.batteries.count else None
    if ready.wired is None:
        found = interior_point.solve_beside(instance, aim, batteries, ready.root_room)
    else:
        wiring = ready.wired.wiring
        if instance is not ready.instance:
            wiring = replace(wiring, group=wiring.beside[:1])
        found = wired_point.solve_beside(instance, wiring, aim, batteries, ready.root_room)
    if instance is not ready.instance:
        found = replace(found, energy=np.zeros((len(ready.instance.rate), instance.slots)))
    return found


def _kept(ready: Prepared, found: interior_point.Found) -> interior_point.Found:
    """A last look at the rows as a reader will form them: all is drawn back by a hair where rounding put it over."""
    if ready.wired is None:
        return found
    site, w, shrink = ready.site, ready.wired, 0.0
    limit, base = w.rows.limit(), w.rows.base()
    ids = site.problem().node_ids()
    node = np.append(w.instance.node, np.array([ids.index(b.feeder) for b in site.batteries], dtype=np.int64))
    kind = np.append(w.kind, w.rows.number([b.lines for b in site.batteries]))
    while True:
        net = np.concatenate([found.energy, found.charge - found.discharge]) / site.slot_h
        values = w.rows.values(w.instance.parent, node, kind, net)
        if not ((values > limit) & (values > base)).any():
            return found
        shrink = 1e-15 if shrink == 0.0 else min(1.0, 8.0 * shrink)
        share = 1.0 - shrink
        found = replace(
            found, energy=share * found.energy, charge=share * found.charge, discharge=share * found.discharge
        )


def _with_phantom(ready: Prepared) -> Instance:
    """The interior point wants one car: a negligible one when nobody else wants anything."""
    i, b = ready.instance, ready.batteries
    if _something_wanted(ready):
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


def _something_wanted(ready: Prepared) -> bool:
    """Whether some car has a slot with room."""
    i, w = ready.instance, ready.wired
    opened = np.stack([(i.room > 0).all(axis=0)]) if w is None else w.wiring.open_groups(w.wiring.shut(i))
    slots = np.cumsum(np.pad(opened, ((0, 0), (1, 0))), axis=1)
    group = np.zeros(len(i.rate), dtype=np.int64) if w is None else w.wiring.group
    return bool((i.energy * (slots[group, i.depart] - slots[group, i.arrive])).any())


def _objective(ready: Prepared, found: interior_point.Found) -> float:
    net = (found.charge - found.discharge).sum(axis=0)
    beside = ready.batteries.cost(found.charge, found.discharge) if ready.batteries.count else 0.0
    return ready.instance.objective(found.energy.sum(axis=0) + net, found.energy.sum(axis=1)) + beside


def lower_bound(ready: Prepared, found: interior_point.Found) -> float:
    """No plan can cost less: sums of independent minimisations at the prices found, whatever they are."""
    i, b, w = ready.instance, ready.batteries, ready.wired
    price = monotone(i, found.price) if w is None else wired_point.sound(found.price)
    least = -b.discharge.sum(axis=0) if b.count else np.zeros(i.slots)
    most = np.minimum(i.room[0], i.most[0])
    added = np.clip(i.cost.load(price[0]) - i.base, least, most)
    loads = float(i.cost.value(i.base + added).sum()) - float(price[0] @ added)
    if w is None:
        above = price[1:] - price[i.parent[1:]]
        caps, opened = float((above * np.minimum(i.room[1:], i.most[1:])).sum()), i.room > 0
    else:
        caps, opened = wired_point.rooms(w.wiring, price), w.wiring.open_groups(w.wiring.shut(i))
        i, price = w.wiring.grouped(i), w.wiring.price(price)
    # Where there is no room, none of it is for cars, at whatever price; batteries may still give there.
    for_cars = np.where(opened, price, np.maximum(price, np.max(i.unserved, initial=0.0)))
    cars = float(car_bounds(i, for_cars if w is not None else monotone(i, for_cars)).sum())
    return loads - caps + cars + (b.bound(price, found.value) if b.count else 0.0)


def as_seen_by(other: Prepared, ready: Prepared, found: interior_point.Found) -> interior_point.Found:
    """The prices found, for another preparation of the same site, in which other rows could bind."""
    if ready.wired is None or other.wired is None:
        return found
    price = other.wired.row_price(found.price[0], ready.wired.limit_price(found.price))
    return replace(found, price=price)
