"""From a nearly feasible plan to a feasible one: cut what exceeds a limit, give back what is missing.

The order matters: box, then each car's energy, then the caps from the leaves to the root (all three only reduce);
missing energy is spread over the slots that are neither empty nor full, and the rest goes to the cheapest slots that
have room. So every plan that leaves here keeps every limit.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.caps import Limits, ratio
from optimizer.entries import Entries
from optimizer.instance import Instance

SPREAD_ROUNDS = 3
MISSING_MIN = 1e-10


def repair(e: Entries, limits: Limits, room: FloatArray, energy: FloatArray, price: FloatArray) -> FloatArray:
    """The entries within every limit, rows at `room` [R, T]; `price` [G, T] says where missing energy goes."""
    energy = within(e, energy)
    _cut(e, limits, room, energy)
    _spread(e, limits, room, energy)
    _top_up(e, limits, room, energy, price)
    _cut(e, limits, room, energy)
    return energy


def within(e: Entries, energy: FloatArray) -> FloatArray:
    """The entries within every box and every car's energy; the unserved ones 0."""
    energy = np.clip(energy, 0.0, e.upper)
    np.copyto(energy, 0.0, where=np.isnan(energy))
    energy[e.lasts] = 0.0
    served = e.per_car(energy)
    if (served > e.energy * (1.0 + MISSING_MIN)).any():
        energy *= ratio(e.energy, served)[e.car]
    return energy


def _cut(e: Entries, limits: Limits, room: FloatArray, energy: FloatArray) -> None:
    factor = limits.shares(room, e.per_terminal(energy))
    if (factor < 1.0).any():
        energy *= e.at_entries(factor)


def _spread(e: Entries, limits: Limits, room: FloatArray, energy: FloatArray) -> None:
    """Adds missing energy over the slots where a car is strictly between nothing and its limit."""
    for _ in range(SPREAD_ROUNDS):
        missing = e.energy - e.per_car(energy)
        if not (missing > MISSING_MIN * e.energy).any():
            break
        space = np.minimum(energy, e.upper - energy)
        offered = e.per_car(space)
        share = np.divide(np.maximum(missing, 0.0), offered, out=np.zeros_like(missing), where=offered > 0)
        space *= np.minimum(share, 1.0)[e.car]
        own = e.per_terminal(energy)
        left = np.maximum(room - limits.flow(own), 0.0)
        space *= e.at_entries(limits.shares(left, e.per_terminal(space)))
        energy += space


def _top_up(e: Entries, limits: Limits, room: FloatArray, energy: FloatArray, price: FloatArray) -> None:
    """Gives each car what it still misses in its cheapest slots with room; dearest unserved price first."""
    missing = np.maximum(e.energy - e.per_car(energy), 0.0)
    short = np.flatnonzero(missing > MISSING_MIN * e.energy)
    if len(short) == 0:
        return
    left = np.maximum(room - limits.flow(e.per_terminal(energy)), 0.0)
    for car in short[np.argsort(-e.extra[e.lasts[short]], kind="stable")]:
        own = np.arange(e.starts[car], e.lasts[car])
        node, slots = np.divmod(e.terminal[own], e.slots)
        cheapest = np.argsort(price[node, slots], kind="stable")
        own, slots, (rows, parts) = own[cheapest], slots[cheapest], limits.ways(int(node[0]))
        holds = rows[parts > 0]
        free = (left[np.ix_(holds, slots)] / parts[parts > 0][:, None]).min(axis=0)
        fits = np.maximum(np.minimum(e.upper[own] - energy[own], free), 0.0)
        given = np.clip(missing[car] - (np.cumsum(fits) - fits), 0.0, fits)
        energy[own] += given
        left[np.ix_(rows, slots)] -= parts[:, None] * given


def keep_caps(instance: Instance, power: FloatArray, cap: FloatArray, below: FloatArray) -> None:
    """A last look, in place, at the sums as a reader will form them: `below` [K, T] base load, `cap` in power units."""
    shrink = 0.0
    while True:
        load = below + instance.flow(power)
        over = (load > cap) & (load > below)
        if not over.any():
            return
        shrink = 1e-15 if shrink == 0.0 else min(1.0, 8.0 * shrink)
        factor = np.where(over, 1.0 - shrink, 1.0)
        for node in range(1, instance.nodes):
            factor[node] *= factor[instance.parent[node]]
        hit = np.flatnonzero((factor < 1.0).any(axis=0))
        power[:, hit] *= factor[:, hit][instance.node]
