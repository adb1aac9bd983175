"""Limits as the interior point and the repair of its plans see them: an interface, and a tree with one cap per node.

Cars charge in groups (on a tree: at nodes); limits are rows, sums over groups, row 0 the site's total. The point keeps
a price for every row and from them prices where the network has its terminals; on a tree all three are one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import up_the_tree
from optimizer.network import Network
from optimizer.slot_cost import SlotCost


class Limits(Protocol):
    """What cutting and topping up ask: `limit` [R, T], `own` and factors [G, T]."""

    def flow(self, own: FloatArray) -> FloatArray:
        """Every row's sum [R, T] of what the groups draw."""
        ...

    def shares(self, limit: FloatArray, own: FloatArray) -> FloatArray:
        """Factors that bring every row below its limit."""
        ...

    def ways(self, group: int) -> tuple[IntArray, FloatArray]:
        """The rows that a group is in, and how much of it."""
        ...


class Solves(Protocol):
    """A factorised network of prices."""

    def solve(self, inflow: FloatArray, lift: FloatArray) -> FloatArray:
        """Prices for the inflow [G, T] into the groups and the lift of every edge."""
        ...

    def through(self, flow: FloatArray) -> FloatArray:
        """The rows' flows [R, T] at these prices, `flow` being the sums of what cars then draw."""
        ...


class Caps(Protocol):
    """Rooms (never 0) and the slot cost, in one scale."""

    @property
    def room(self) -> FloatArray:
        """[R, T]."""
        ...

    @property
    def measure(self) -> FloatArray:
        """What misses of the rows are measured by [R, T]."""
        ...

    @property
    def cost(self) -> SlotCost:
        """Of the site's load."""
        ...

    @property
    def base(self) -> FloatArray:
        """Base load [T]."""
        ...

    def flow(self, own: FloatArray) -> FloatArray:
        """Every row's sum [R, T] of what the groups draw [G, T]."""
        ...

    def offers(self, price: FloatArray) -> FloatArray:
        """Price per group [G, T]."""
        ...

    def lifted(self, row_lift: FloatArray) -> FloatArray:
        """What rows [R, T] add to the prices along the edges."""
        ...

    def begin(self, row_price: FloatArray) -> FloatArray:
        """Prices that agree with those of the rows."""
        ...

    def miss(self, price: FloatArray, row_price: FloatArray) -> FloatArray:
        """By how much the rows' prices ask for more than the prices show along the edges."""
        ...

    def network(self, coupling: FloatArray, ground: FloatArray, stiff: FloatArray) -> Solves:
        """Factorises: conductances of the groups, stiffness of the rows."""
        ...


@dataclass(frozen=True, eq=False, slots=True)
class TreeLimits:
    """One cap per node, the flow under it; `parent` [K], parents first."""

    parent: IntArray

    def flow(self, own: FloatArray) -> FloatArray:
        """Energy under each node."""
        return up_the_tree(self.parent, own)

    def shares(self, limit: FloatArray, own: FloatArray) -> FloatArray:
        """Factors [K, T] for the cars at each node that bring every node below its limit."""
        factor, total = np.ones_like(own), own.copy()
        for node in range(len(self.parent) - 1, -1, -1):
            factor[node] = ratio(limit[node], total[node])
            if node:
                total[self.parent[node]] += total[node] * factor[node]
        for node in range(1, len(self.parent)):
            factor[node] *= factor[self.parent[node]]
        return factor

    def ways(self, group: int) -> tuple[IntArray, FloatArray]:
        """The node and everything above it."""
        found = [group]
        while found[-1]:
            found.append(int(self.parent[found[-1]]))
        return np.array(found, dtype=np.int64), np.ones(len(found))


def ratio(part: FloatArray, whole: FloatArray) -> FloatArray:
    """part / whole where whole is above part, else 1."""
    return np.divide(part, whole, out=np.ones_like(whole), where=whole > part)


@dataclass(frozen=True, eq=False, slots=True)
class TreeCaps:
    """A tree: rows, groups and places of prices are its nodes."""

    parent: IntArray
    room: FloatArray
    cost: SlotCost
    base: FloatArray

    @property
    def measure(self) -> FloatArray:
        """The rooms."""
        return self.room

    def flow(self, own: FloatArray) -> FloatArray:
        """Energy under each node."""
        return up_the_tree(self.parent, own)

    def offers(self, price: FloatArray) -> FloatArray:
        """As they are."""
        return price

    def lifted(self, row_lift: FloatArray) -> FloatArray:
        """As they are."""
        return row_lift.copy()

    def begin(self, row_price: FloatArray) -> FloatArray:
        """Summed up from the root."""
        price = row_price.copy()
        for node in range(1, len(price)):
            price[node] += price[self.parent[node]]
        return price

    def miss(self, price: FloatArray, row_price: FloatArray) -> FloatArray:
        """Steps keep the prices of the caps below the root exact: only the root's can miss."""
        found = np.zeros_like(price)
        found[0] = row_price[0] - price[0]
        return found

    def network(self, coupling: FloatArray, ground: FloatArray, stiff: FloatArray) -> Network:
        """Resistors along the edges."""
        return Network(self.parent, coupling, ground, 1.0 / stiff)
