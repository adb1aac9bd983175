"""The normal form that every method works on: arrays only, energies in kWh per slot, prices per kWh.

A site is a tree of nodes, parents before children, node 0 the root: its load, base included, has the slot cost and
the site cap; every other node has a cap of its own. `room` is what charging may add at a node.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.slot_cost import SlotCost

# The unserved energy must cost visibly more than the dearest slot, or rounding decides.
PRICE_MARGIN = 0.1
# Plans aim a hair below the caps, so that no rounding of a sum carries them over.
ROOM_TIGHTENING = 1e-9
# Room below this share of the strongest car's energy per slot is none.
NOISE = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Instance:
    """Cars [N]: window of slots [arrive, depart), most energy per slot, energy wanted, price of leaving it unserved.

    `energy` never exceeds what the window holds, `rate` never exceeds `energy`. `room` [K, T] may be infinite; `most`
    [K, T] is what the cars under each node could take together. `bend` [N]: the price of unserved energy u is
    unserved + bend·u, None for constant ones.
    """

    base: FloatArray
    cost: SlotCost
    arrive: IntArray
    depart: IntArray
    rate: FloatArray
    energy: FloatArray
    unserved: FloatArray
    node: IntArray
    parent: IntArray
    room: FloatArray
    most: FloatArray
    bend: FloatArray | None = None

    @property
    def slots(self) -> int:
        """Number of slots T."""
        return len(self.base)

    @property
    def nodes(self) -> int:
        """Number of nodes K."""
        return len(self.parent)

    def window(self) -> BoolArray:
        """Where each car is present [N, T]."""
        slot = np.arange(self.slots)
        return np.asarray((slot >= self.arrive[:, None]) & (slot < self.depart[:, None]))

    def path(self, node: int) -> IntArray:
        """The node and everything above it."""
        found = [node]
        while found[-1]:
            found.append(int(self.parent[found[-1]]))
        return np.array(found, dtype=np.int64)

    def own(self, table: FloatArray) -> FloatArray:
        """Column sums [K, T] of a table [N, T] by the node the cars hang on."""
        if self.nodes == 1:
            return np.asarray(table.sum(axis=0)[None])
        total = np.zeros((self.nodes, self.slots))
        np.add.at(total, self.node, table)
        return total

    def flow(self, table: FloatArray) -> FloatArray:
        """Charging energy under each node [K, T]."""
        return up_the_tree(self.parent, self.own(table))

    def served(self, table: FloatArray) -> FloatArray:
        """Energy per car."""
        return np.asarray(table.sum(axis=1), dtype=np.float64)

    def objective(self, charging: FloatArray, served: FloatArray) -> float:
        """Cost of the load with `charging` [T] on top of the base, plus the price of what is not served."""
        missing = np.maximum(self.energy - served, 0.0)
        bent = 0.0 if self.bend is None else 0.5 * float(self.bend @ (missing * missing))
        return float(self.cost.value(self.base + charging).sum()) + float(self.unserved @ missing) + bent

    def dearest(self) -> FloatArray:
        """What the last kWh costs each car that gets nothing [N]."""
        return self.unserved if self.bend is None else self.unserved + self.bend * self.energy

    def tangent(self, served: FloatArray | None) -> tuple[Instance, float]:
        """The same with constant unserved prices, those at what is `served` [N] (or at all of it), and what that adds
        to a cost: never more than the rising prices do.
        """
        if self.bend is None:
            return self, 0.0
        missing = np.zeros_like(self.energy) if served is None else np.maximum(self.energy - served, 0.0)
        rest = -0.5 * float(self.bend @ (missing * missing))
        return replace(self, unserved=self.unserved + self.bend * missing, bend=None), rest


def up_the_tree(parent: IntArray, own: FloatArray) -> FloatArray:
    """Sums of each node's own values [K, …] and of everything below it; parents come first."""
    if len(parent) == 1:
        return own
    total = own.copy()
    for node in range(len(parent) - 1, 0, -1):
        total[parent[node]] += total[node]
    return total


def present(slots: int, nodes: int, arrive: IntArray, depart: IntArray, node: IntArray, rate: FloatArray) -> FloatArray:
    """Sum of the rates of the cars present, per node and slot."""
    size = nodes * (slots + 1)
    change = np.bincount(node * (slots + 1) + arrive, rate, size) - np.bincount(node * (slots + 1) + depart, rate, size)
    return np.asarray(np.cumsum(change.reshape(nodes, slots + 1), axis=1)[:, :slots])


def make_instance(
    base: FloatArray,
    cost: SlotCost,
    arrive: IntArray,
    depart: IntArray,
    rate: FloatArray,
    energy: FloatArray,
    cap: FloatArray,
    priority: IntArray | None = None,
    node: IntArray | None = None,
    parent: IntArray | None = None,
    node_base: FloatArray | None = None,
) -> Instance:
    """Clips what no window can hold, turns caps [K, T] into rooms and sets the prices of unserved energy.

    A node whose base load stands above its cap has no room. `node_base` [K, T] is the base load under each node; that
    of the root is `base`.
    """
    energy = np.minimum(energy, rate * (depart - arrive))
    rate = np.minimum(rate, energy)
    parent = np.full(1, -1, dtype=np.int64) if parent is None else parent
    node = np.zeros(len(rate), dtype=np.int64) if node is None else node
    below = np.zeros_like(cap) if node_base is None else node_base.copy()
    below[0] = base
    room = np.maximum(cap - below, 0.0)
    most = up_the_tree(parent, present(len(base), len(parent), arrive, depart, node, rate))
    unserved = unserved_prices(cost, base, room[0], most[0], priority, len(rate))
    return Instance(base, cost, arrive, depart, rate, energy, unserved, node, parent, room, most)


def unserved_prices(
    cost: SlotCost, base: FloatArray, room: FloatArray, most: FloatArray, priority: IntArray | None, count: int
) -> FloatArray:
    """Cost per kWh not served, per car.

    One kWh more for a car shifts others along a chain of slots, one for one, and changes the load of one slot at
    its end (and, when a lower class gives way, of one at its start). So a price above the dearest attainable slot
    serves all that the caps allow, and steps between the classes wider than the spread of slot prices serve strictly
    by priority. Equal steps suffice and keep the numbers well scaled.
    """
    cheapest, dearest = float(cost.price(base).min()), float(cost.price(base + np.minimum(room, most)).max())
    largest = max(abs(cheapest), abs(dearest)) or float(np.abs(cost.price(base + most)).max()) or 1.0
    step = (dearest - cheapest) + PRICE_MARGIN * largest
    if priority is None:
        return np.full(count, max(dearest, 0.0) + step)
    _, rank = np.unique(priority, return_inverse=True)
    return np.asarray(max(dearest, 0.0) + step * (rank + 1), dtype=np.float64)


def usable_room(instance: Instance) -> FloatArray:
    """The room that plans may use [K, T]: nothing where there is nothing to speak of."""
    room = instance.room * (1.0 - ROOM_TIGHTENING)
    return np.where(room > NOISE * np.max(instance.rate, initial=0.0), room, 0.0)


def price_scale(instance: Instance) -> float:
    """The largest slot price, in size, that any plan can meet; 1 when all are 0."""
    most = np.minimum(instance.room[0], instance.most[0])
    ends = (instance.cost.price(instance.base), instance.cost.price(instance.base + most))
    return float(np.max(np.abs(ends))) or 1.0


def default_price(instance: Instance, room: FloatArray) -> FloatArray:
    """Prices where no method sets any: the marginal cost of the base load, or too dear for every car without room."""
    base = instance.cost.price(instance.base)
    dear = np.maximum(base, np.max(instance.dearest(), initial=0.0))
    price = np.where(room > 0, base, dear)
    for node in range(1, instance.nodes):
        np.maximum(price[node], price[instance.parent[node]], out=price[node])
    return price
