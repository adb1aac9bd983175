"""From a nearly feasible table to a feasible one: cut what exceeds a limit, give back what is missing.

The order matters: box, then each car's energy, then the caps from the leaves to the root (all three only reduce);
missing energy is spread over the slots that are neither empty nor full, and the rest goes to the cheapest slots that
have room. So every table that leaves here keeps every limit.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray
from optimizer.instance import Instance

SPREAD_ROUNDS = 3
MISSING_MIN = 1e-12


def repair(instance: Instance, room: FloatArray, energy: FloatArray, price: FloatArray) -> FloatArray:
    """The table [N, T] within every limit, caps at `room` [K, T]; `price` [K, T] says where missing energy goes."""
    window = instance.window()
    energy = np.where(window, np.clip(np.nan_to_num(energy), 0.0, instance.rate[:, None]), 0.0)
    energy *= _ratio(instance.energy, instance.served(energy))[:, None]
    energy = _cut(instance, room, energy)
    energy = _spread(instance, room, energy)
    return _cut(instance, room, _top_up(instance, room, energy, price))


def _ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole where whole is above part, else 1."""
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > part)


def _shares(instance: Instance, limit: FloatArray, own: FloatArray) -> FloatArray:
    """Factors [K, T] for the cars at each node that bring every node below its limit."""
    factor, total = np.ones_like(own), own.copy()
    for node in range(instance.nodes - 1, -1, -1):
        factor[node] = _ratio(limit[node], total[node])
        if node:
            total[instance.parent[node]] += total[node] * factor[node]
    for node in range(1, instance.nodes):
        factor[node] *= factor[instance.parent[node]]
    return factor


def _cut(instance: Instance, room: FloatArray, energy: FloatArray) -> FloatArray:
    factor = _shares(instance, room, instance.own(energy))
    return energy if (factor == 1.0).all() else energy * factor[instance.node]


def _spread(instance: Instance, room: FloatArray, energy: FloatArray) -> FloatArray:
    """Adds missing energy over the slots where a car is strictly between nothing and its limit."""
    for _ in range(SPREAD_ROUNDS):
        missing = instance.energy - instance.served(energy)
        if not (missing > MISSING_MIN * instance.energy).any():
            break
        space = np.minimum(energy, instance.rate[:, None] - energy)
        offered = space.sum(axis=1)
        share = np.divide(np.maximum(missing, 0.0), offered, out=np.zeros_like(missing), where=offered > 0)
        space *= np.minimum(share, 1.0)[:, None]
        left = np.maximum(room - instance.flow(energy), 0.0)
        energy = energy + space * _shares(instance, left, instance.own(space))[instance.node]
    return energy


def _top_up(instance: Instance, room: FloatArray, energy: FloatArray, price: FloatArray) -> FloatArray:
    """Gives each car what it still misses in its cheapest slots with room; dearest unserved price first."""
    missing = np.maximum(instance.energy - instance.served(energy), 0.0)
    short = np.flatnonzero(missing > MISSING_MIN * instance.energy)
    if len(short) == 0:
        return energy
    left = np.maximum(room - instance.flow(energy), 0.0)
    for car in short[np.argsort(-instance.unserved[short], kind="stable")]:
        path = instance.path(int(instance.node[car]))
        slots = np.arange(instance.arrive[car], instance.depart[car])
        slots = slots[np.argsort(price[instance.node[car], slots], kind="stable")]
        fits = np.minimum(instance.rate[car] - energy[car, slots], left[path][:, slots].min(axis=0))
        fits = np.maximum(fits, 0.0)
        given = np.clip(missing[car] - (np.cumsum(fits) - fits), 0.0, fits)
        energy[car, slots] += given
        left[np.ix_(path, slots)] -= given
    return energy


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
