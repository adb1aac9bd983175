"""What limits a plan that is changed: a tree of caps, or rows in any connections (`optimizer.limit_rows`).

Both answer the same questions about rows [R, T]: what cars draw in them, which rows a car is in, the best plan under
them, what prices prove. On a tree rows and prices are those of the nodes; under limits of currents prices are those of
the rows, per kWh of a row's own measure. `kind` [N]: the connection of every car by number.
"""

from __future__ import annotations

from collections.abc import Iterable
from copy import copy
from dataclasses import dataclass, replace

import numpy as np

from optimizer import interior_point, wired_point
from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.caps import TreeLimits
from optimizer.certificate import car_bounds, car_free_bound, load_bound, lower_bound, monotone, relative_gap
from optimizer.instance import Instance, present, unserved_prices, up_the_tree
from optimizer.limit_rows import HAIR_A, Rows, nodes_of, rows_of
from optimizer.phased import AIMS, GAP_TARGET, apart
from optimizer.problem import Problem
from optimizer.solver import solve_instance
from optimizer.wiring import Given, Wiring, wire

Found = tuple[FloatArray, FloatArray, float]
"""Energies [N, T], prices [R, T], lower bound."""
SMALL = 1e-2
"""A difference of currents with less room than this share of its hair is none that some cars can be planned in."""


@dataclass(frozen=True, eq=False, slots=True)
class Spent:
    """Sound prices, what every car spends and the least that it could [N], the rest of the bound."""

    price: FloatArray
    paid: FloatArray
    cheapest: FloatArray
    rest: float


class NodeLimits:
    """One cap per node; connections do not matter."""

    room: FloatArray

    def __init__(self, room: FloatArray) -> None:
        self.room = room

    def roomed(self, i: Instance, room: FloatArray) -> tuple[NodeLimits, Instance]:
        """The same with other rooms [R, T], here and in the instance."""
        other = copy(self)
        other.room = room
        return other, replace(i, room=room[: i.nodes])

    def number(self, lines: str) -> int:
        """A connection by number; ValueError if it is not among those planned for."""
        return 0

    def flow(self, i: Instance, kind: IntArray, energy: FloatArray) -> FloatArray:
        """What cars draw in every row."""
        return i.flow(energy)

    def ways(self, i: Instance, node: int, kind: int) -> tuple[IntArray, FloatArray]:
        """The rows that a car is in, and how much of it."""
        path = i.path(node)
        return path, np.ones(len(path))

    def fitting(self, i: Instance, kind: IntArray, energy: FloatArray) -> FloatArray:
        """Factors per car [N, T] that bring a plan under the rooms."""
        return np.asarray(TreeLimits(i.parent).shares(self.room, i.own(energy))[i.node])

    def unserved(self, i: Instance, most: FloatArray, priority: IntArray) -> FloatArray:
        """Prices of what is not served [N]."""
        return unserved_prices(i.cost, i.base, i.room[0], most[0], priority, len(priority))

    def solve(self, i: Instance, kind: IntArray, aim: float | None) -> Found:
        """The best plan, proven as well as can be, or about as well as `aim` says."""
        if aim is None:
            answer = solve_instance(i)
            return answer.energy, answer.price, answer.lower_bound
        energy, price, _ = interior_point.solve(i, aim)
        return energy, price, lower_bound(i, price, energy.sum(axis=1))

    def some(self, i: Instance, kind: IntArray, others: FloatArray, aim: float) -> FloatArray | None:
        """Energies of some cars beside what all others draw in every row; None where these alone are over."""
        left = np.maximum(self.room - others, 0.0)
        return interior_point.solve(replace(i, base=i.base + others[0], room=left), aim)[0]

    def prices(self, i: Instance, root: FloatArray, full: BoolArray, old: FloatArray) -> FloatArray:
        """Prices that agree with the site's [T]: caps that are full keep theirs."""
        price = old.copy()
        price[0] = root
        above = np.where(full[1:], np.maximum(old[1:] - old[i.parent[1:]], 0.0), 0.0)
        for node in range(1, i.nodes):
            price[node] = price[i.parent[node]] + above[node - 1]
        return price

    def spent(self, i: Instance, kind: IntArray, price: FloatArray, energy: FloatArray) -> Spent:
        """What cars spend at these prices, and what those prove."""
        price = monotone(i, price)
        paid = np.einsum("ij,ij->i", energy, price[i.node])
        return Spent(price, np.asarray(paid), car_bounds(i, price), car_free_bound(i, price))


class RowLimits(NodeLimits):
    """Rows over connections; `room` [R, T] in their own measure times hours."""

    def __init__(self, rows: Rows, room: FloatArray) -> None:
        super().__init__(room)
        self.kinds, self.node, self.per_kind = rows.kinds, rows.node, rows.per_kind()
        self.exchange = rows.exchange()
        self.two_way = (self.per_kind < 0).any(axis=1)

    def number(self, lines: str) -> int:
        """As in `NodeLimits`."""
        if lines not in self.kinds:
            raise ValueError(f"lines: planned for {', '.join(self.kinds)}, got {lines}")
        return self.kinds.index(lines)

    def flow(self, i: Instance, kind: IntArray, energy: FloatArray) -> FloatArray:
        """As in `NodeLimits`."""
        own = np.zeros((i.nodes, len(self.kinds), i.slots))
        np.add.at(own, (i.node, kind), energy)
        return np.asarray(np.einsum("rk,rkt->rt", self.per_kind, up_the_tree(i.parent, own)[self.node]))

    def ways(self, i: Instance, node: int, kind: int) -> tuple[IntArray, FloatArray]:
        """As in `NodeLimits`."""
        parts = np.where(np.isin(self.node, i.path(node)), self.per_kind[:, kind], 0.0)
        rows = np.flatnonzero(parts)
        return rows, parts[rows]

    def fitting(self, i: Instance, kind: IntArray, energy: FloatArray) -> FloatArray:
        """As in `NodeLimits`."""
        w = self._wiring(i, kind, self.room)
        return np.asarray(w.shares(w.room, w.own(energy))[w.group])

    def unserved(self, i: Instance, most: FloatArray, priority: IntArray) -> FloatArray:
        """As in `NodeLimits`."""
        if not len(priority):
            return np.zeros(0)
        lowest = unserved_prices(i.cost, i.base, i.room[0], most[0], None, 1)[0]
        return apart(float(lowest), priority, self.exchange)

    def _wiring(self, i: Instance, kind: IntArray, room: FloatArray) -> Wiring:
        return wire(i, kind, Given(self.node, self.per_kind, room))

    def solve(self, i: Instance, kind: IntArray, aim: float | None) -> Found:
        """As in `NodeLimits`."""
        w, best = self._wiring(i, kind, self.room), None
        for target in AIMS if aim is None else (aim,):
            energy, found, _ = wired_point.solve(i, w, target)
            served = energy.sum(axis=1)
            bound = wired_point.lower_bound(i, w, found, served)
            gap = relative_gap(i.objective(energy.sum(axis=0), served), bound)
            if best is None or gap < best[0]:
                best = gap, energy, found, bound
            if gap <= GAP_TARGET:
                break
        assert best is not None
        price = np.zeros_like(self.room)
        price[w.origin] = best[2] / w.scale[:, None]
        return best[1], price, best[3]

    def some(self, i: Instance, kind: IntArray, others: FloatArray, aim: float) -> FloatArray | None:
        """As in `NodeLimits`; where others have to be made up for, the whole has to be planned."""
        left = self.room - others
        if (left[self.two_way] < SMALL * HAIR_A).any():
            return None
        some = replace(i, base=i.base + others[0], room=np.maximum(left[: i.nodes], 0.0))
        return wired_point.solve(some, self._wiring(some, kind, np.maximum(left, 0.0)), aim)[0]

    def prices(self, i: Instance, root: FloatArray, full: BoolArray, old: FloatArray) -> FloatArray:
        """As in `NodeLimits`."""
        price = np.where(full, np.maximum(old, 0.0), 0.0)
        price[0] = root
        return price

    def spent(self, i: Instance, kind: IntArray, price: FloatArray, energy: FloatArray) -> Spent:
        """As in `NodeLimits`."""
        price = wired_point.sound(price)
        pairs, group = np.unique(i.node * len(self.kinds) + kind, return_inverse=True)
        coef = np.zeros((len(self.node), len(pairs)))
        for n, pair in enumerate(pairs):
            rows, parts = self.ways(i, *divmod(int(pair), len(self.kinds)))
            coef[rows, n] = parts
        rates = present(i.slots, max(len(pairs), 1), i.arrive, i.depart, group.astype(np.int64), i.rate)
        most = np.maximum(coef, 0.0) @ rates[: len(pairs)]
        own = coef.T @ price
        grouped = replace(i, node=group.astype(np.int64), parent=np.arange(len(pairs)))
        rest = load_bound(i, price[0], most[0]) - float((price[1:] * np.minimum(self.room[1:], most[1:])).sum())
        return Spent(price, np.einsum("ij,ij->i", energy, own[group]), car_bounds(grouped, own), rest)


def limits_and_kinds(problem: Problem, connections: Iterable[str] = ()) -> tuple[NodeLimits, IntArray]:
    """What limits a problem's sessions, and their connections by number; `connections` that others may come on."""
    lines = [session.lines for session in problem.sessions]
    limits: NodeLimits
    if problem.wired:
        rows = rows_of(nodes_of(problem), [*lines, *connections])
        limits = RowLimits(rows, rows.room() * problem.slot_h)
    else:
        limits = NodeLimits(problem.instance().room)
    return limits, np.array([limits.number(one) for one in lines], dtype=np.int64)
