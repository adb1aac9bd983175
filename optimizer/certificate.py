"""How good a plan is, proved without trusting the solver that made it.

For any price per slot (and, below the root, per node) the sum of independent minimisations, each slot's load by
itself and each car's cheapest slots by itself, is a lower bound on every feasible plan (Lagrange). A checker needs the
problem, the plan and its prices, nothing else.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import Instance


def relative_gap(objective: float, bound: float) -> float:
    """(objective − bound) / max(1, |objective|)."""
    return (objective - bound) / max(1.0, abs(objective))


def lower_bound(instance: Instance, price: FloatArray, served: FloatArray | None = None) -> float:
    """A value that no plan can go below, for any finite `price` [K, T] (cost per kWh at each node).

    `served` [N] of the plan to be proven, where the prices of unserved energy rise: any is valid, that is best.
    """
    instance, rest = instance.tangent(served)
    return rest + car_free_bound(instance, price) + float(car_bounds(instance, monotone(instance, price)).sum())


def car_free_bound(instance: Instance, price: FloatArray) -> float:
    """The part of the bound that the slots' loads and the caps contribute."""
    price = monotone(instance, price)
    return load_bound(instance, price[0], instance.most[0]) + _cap_bound(instance, price, instance.most)


def monotone(instance: Instance, price: FloatArray) -> FloatArray:
    """A node is never cheaper than its parent, or its cap would earn money."""
    price = price.copy()
    for node in range(1, instance.nodes):
        np.maximum(price[node], price[instance.parent[node]], out=price[node])
    return price


def load_bound(instance: Instance, price: FloatArray, most: FloatArray) -> float:
    """Sum of min over the loads within reach of f(L) − price·(L − base)."""
    charging = np.clip(instance.cost.load(price) - instance.base, 0.0, np.minimum(instance.room[0], most))
    return float(instance.cost.value(instance.base + charging).sum()) - float(price @ charging)


def _cap_bound(instance: Instance, price: FloatArray, most: FloatArray) -> float:
    """What the prices of the caps below the root take off."""
    if instance.nodes == 1:
        return 0.0
    above = price[1:] - price[instance.parent[1:]]
    return -float((above * np.minimum(instance.room[1:], most[1:])).sum())


def car_bounds(instance: Instance, price: FloatArray) -> FloatArray:
    """The least that each car can spend: it buys in its cheapest slots, or leaves unserved where that is cheaper."""
    if len(instance.rate) == 0:
        return np.zeros(0)
    slots = np.divide(instance.energy, instance.rate, out=np.zeros_like(instance.rate), where=instance.rate > 0)
    full = np.minimum(np.floor(slots), instance.depart - instance.arrive).astype(np.int64)
    rest = instance.energy - full * instance.rate
    bought, marginal = _cheapest(instance, price, full)
    return np.asarray(instance.rate * bought + rest * marginal)


def _cheapest(instance: Instance, price: FloatArray, count: IntArray) -> tuple[FloatArray, FloatArray]:
    """Per car the sum of its `count` lowest offers, and the next one; behind all slots stands the unserved price.

    Cars with the same node, window and unserved price share one sorted list.
    """
    slots = instance.slots
    group = _groups(instance.unserved)
    key = ((group * instance.nodes + instance.node) * (slots + 1) + instance.arrive) * (slots + 1) + instance.depart
    _, example, row = np.unique(key, return_index=True, return_inverse=True)
    order = np.argsort(price, axis=1, kind="stable")
    node, unserved = instance.node[example], instance.unserved[example]
    length = instance.depart - instance.arrive
    ascending = np.sort(price, axis=1)[node]
    # The slots of a window in the order of their price: those whose distance from its begin is below its length.
    since = order.astype(np.int32)[node] - instance.arrive[example, None].astype(np.int32)
    offers = ascending[since.view(np.uint32) < length[example, None].astype(np.uint32)]
    np.minimum(offers, np.repeat(unserved, length[example]), out=offers)
    total = np.zeros(len(offers) + 1)
    np.cumsum(offers, out=total[1:])
    first = (np.cumsum(length[example]) - length[example])[row]
    following = offers.take(first + count, mode="clip")
    return total[first + count] - total[first], np.where(count < length, following, instance.unserved)


def _groups(values: FloatArray) -> IntArray:
    """A number for every different value; most fleets have one class only."""
    if (values == values[0]).all():
        return np.zeros(len(values), dtype=np.int64)
    return np.asarray(np.unique(values, return_inverse=True)[1], dtype=np.int64)
