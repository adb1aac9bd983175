"""Any linear limits on sums of power, at the nodes of a tree: what the interior point, repair and proof ask of them.

Cars with one node and one connection form a group g; a row r is Σ_g a_rg y_gt <= room_rt over the groups under its
node, with charging y in kWh per slot; row 0 is the site's total, which has the slot cost. Rows are scaled so that their
largest a is 1. The price of a group is Σ_r a_rg p_r, p_0 that of the site, the others those of the limits (>= 0).

Connections are mixtures of a few of them (a car on three phases is a third of one on each), so at every node of
the tree there are only as many different prices as `basis` has members [m].
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from scipy.linalg import qr

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.instance import NOISE, ROOM_TIGHTENING, Instance

RANK = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Wiring:
    """Rows over groups.

    `coef` [R, G]; `room`, `most` [R, T]; `row_node` [R], the nodes with rows numbered anew, parents first, 0 the root;
    `parent` [V] of those; `at` [G]: the lowest of them above a group; `share` [G, m] of the basis; `part` [R, m]:
    coefficients of the basis; `group` [N] of every car, `beside` [S] of what may feed back; `origin` [R]: number of
    the row as it was given, `scale` [R]: its own measure per one of this.
    """

    coef: FloatArray
    room: FloatArray
    most: FloatArray
    row_node: IntArray
    parent: IntArray
    at: IntArray
    share: FloatArray
    part: FloatArray
    group: IntArray
    origin: IntArray
    scale: FloatArray
    beside: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    @property
    def groups(self) -> int:
        """Number of groups G."""
        return int(self.coef.shape[1])

    @property
    def nodes(self) -> int:
        """Number of nodes with rows V."""
        return len(self.parent)

    def grouped(self, instance: Instance) -> Instance:
        """The instance with groups for nodes, side by side: what sums and prices per group need."""
        return replace(instance, node=self.group, parent=np.arange(self.groups))

    def own(self, table: FloatArray) -> FloatArray:
        """Column sums [G, T] of a table [N, T]."""
        total = np.zeros((self.groups, table.shape[1]))
        np.add.at(total, self.group, table)
        return total

    def shares(self, limit: FloatArray, own: FloatArray) -> FloatArray:
        """Factors [G, T] that bring every row below its `limit` [R, T] >= 0: one for all groups under a node, from the
        leaves to the root. So a difference of conductors only shrinks, whatever the limits below did to it.
        """
        total, factor = own.copy(), np.ones_like(own)
        for node in range(self.nodes - 1, -1, -1):
            rows = np.flatnonzero(self.row_node == node)
            flow = self.coef[rows] @ total
            over = flow > limit[rows]
            if over.any():
                ratio = np.clip(np.divide(limit[rows], flow, out=np.ones_like(flow), where=over), 0.0, 1.0).min(axis=0)
                under = self.under(node)
                factor[under] *= ratio
                total[under] *= ratio
        return factor

    def under(self, node: int) -> BoolArray:
        """Groups under a node."""
        below = np.zeros(self.nodes, dtype=np.bool_)
        below[node] = True
        for other in range(node + 1, self.nodes):
            below[other] = below[self.parent[other]]
        return np.asarray(below[self.at])

    def flow(self, own: FloatArray) -> FloatArray:
        """Rows [R, T] of what groups draw [G, T]."""
        return np.asarray(self.coef @ own)

    def ways(self, group: int) -> tuple[IntArray, FloatArray]:
        """The rows that a group is in, and how much of it."""
        rows = np.flatnonzero(self.coef[:, group])
        return rows, self.coef[rows, group]

    def shut(self, instance: Instance) -> BoolArray:
        """Rows and slots [R, T] without room; differences always have a hair of it (`optimizer.limit_rows`)."""
        noise = NOISE * np.max(instance.rate, initial=0.0)
        one_way = np.asarray((self.coef >= 0).all(axis=1))
        return np.asarray((self.room <= noise) & one_way[:, None])

    def open_groups(self, shut: BoolArray) -> BoolArray:
        """Where a group may draw [G, T]."""
        return np.asarray(np.maximum(self.coef, 0.0).T @ shut <= 0)

    def usable(self) -> FloatArray:
        """Rooms that plans may use."""
        return self.room * (1.0 - ROOM_TIGHTENING)

    def price(self, row_price: FloatArray) -> FloatArray:
        """Price per group [G, T] of prices per row."""
        return np.asarray(self.coef.T @ row_price)


@dataclass(frozen=True, eq=False, slots=True)
class Given:
    """Rows as they come: `node` [R] of the tree, `per_kind` [R, kinds], `room` [R, T]; row 0 the site's total."""

    node: IntArray
    per_kind: FloatArray
    room: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Beside:
    """What charges and feeds back beside the cars [S]: nodes, connections, most of both ways [S, T]."""

    node: IntArray
    kind: IntArray
    charge: FloatArray
    discharge: FloatArray


def wire(instance: Instance, kind: IntArray, given: Given, beside: Beside | None = None) -> Wiring:
    """Groups, the rows that could bind, and their tree; `kind` [N] of every car."""
    b = beside or _nothing(instance.slots)
    user_node, user_kind = np.append(instance.node, b.node), np.append(kind, b.kind)
    pairs, group = np.unique(user_node * given.per_kind.shape[1] + user_kind, return_inverse=True)
    group, other = np.split(group.astype(np.int64), [len(kind)])
    of_node, of_kind = np.divmod(pairs, given.per_kind.shape[1])
    above = np.zeros((instance.nodes, instance.nodes), dtype=np.bool_)
    for node in range(instance.nodes):
        above[instance.path(node), node] = True
    coef = given.per_kind[:, of_kind] * above[np.ix_(given.node, of_node)]
    size = np.max(np.abs(coef), axis=1, initial=0.0)
    size[0] = 1.0
    scale = np.where(size > 0, size, 1.0)
    coef, room = coef / scale[:, None], np.maximum(given.room / scale[:, None], 0.0)
    rates, gives = _present(instance, group, len(pairs)), np.zeros((len(pairs), instance.slots))
    np.add.at(rates, other, b.charge)
    np.add.at(gives, other, b.discharge)
    most = np.maximum(coef, 0.0) @ rates + np.maximum(-coef, 0.0) @ gives
    kept = (room < most).any(axis=1) & (size > 0)
    kept[0] = True
    rows = np.flatnonzero(kept)
    kinds = np.unique(of_kind) if len(of_kind) else np.zeros(1, dtype=np.int64)
    share, basis = _mixtures(given.per_kind[np.ix_(rows, kinds)] / scale[rows, None])
    row_node, at, parent = _tree(instance, given.node[rows], of_node)
    return Wiring(
        coef=coef[rows],
        room=room[rows],
        most=most[rows],
        row_node=row_node,
        parent=parent,
        at=at,
        share=share[np.searchsorted(kinds, of_kind)],
        part=(given.per_kind[np.ix_(rows, kinds[basis])] / scale[rows, None]),
        group=group,
        origin=rows,
        scale=scale[rows],
        beside=other,
    )


def _nothing(slots: int) -> Beside:
    none: IntArray = np.zeros(0, dtype=np.int64)
    return Beside(none, none, np.zeros((0, slots)), np.zeros((0, slots)))


def _present(instance: Instance, group: IntArray, groups: int) -> FloatArray:
    """Sum of the rates of the cars present [G, T]."""
    change = np.zeros((groups, instance.slots + 1))
    np.add.at(change, (group, instance.arrive), instance.rate)
    np.subtract.at(change, (group, instance.depart), instance.rate)
    found = np.cumsum(change, axis=1)[:, :-1]
    return np.where(found > NOISE * np.max(instance.rate, initial=0.0), found, 0.0)


def _mixtures(per_kind: FloatArray) -> tuple[FloatArray, IntArray]:
    """Kinds as mixtures [kinds, m] of some of them, and which those are."""
    _, upper, order = qr(per_kind, mode="economic", pivoting=True)
    diagonal = np.abs(np.diag(upper))
    basis = np.sort(order[: int((diagonal > RANK * diagonal[0]).sum())]).astype(np.int64)
    share = np.linalg.lstsq(per_kind[:, basis], per_kind, rcond=None)[0].T
    return np.where(np.abs(share) < RANK, 0.0, share).astype(np.float64), basis


def _tree(instance: Instance, rows: IntArray, groups: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """For every row and group the number of its node among those with rows, and the parents of those."""
    nodes = np.unique(np.append(rows, 0))
    number = np.full(instance.nodes, -1, dtype=np.int64)
    number[nodes] = np.arange(len(nodes))
    for node in range(1, instance.nodes):
        if number[node] < 0:
            number[node] = number[instance.parent[node]]
    parent = np.array([-1, *(number[instance.parent[node]] for node in nodes[1:])], dtype=np.int64)
    return number[rows], number[groups], parent
