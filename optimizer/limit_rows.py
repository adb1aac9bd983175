"""All limits of a tree as rows: caps of power, conductors, their differences, and any sums of currents.

A row is Σ over connections of so many ampere per kW, times the kW drawn under its node (`optimizer.conductors.Sum`).
The rows of power come first, one per node. Limits that the base load alone breaks let nothing be drawn that makes it
worse. Differences of currents are told apart to a milliampere: a limit of 0 between two lines is one of `HAIR_A`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.conductors import Conductors, CurrentLimit, Sum, limit_sums, line_sums
from optimizer.instance import up_the_tree
from optimizer.problem import Problem
from optimizer.wiring import Given

HAIR_A = 1e-3


@dataclass(frozen=True, eq=False, slots=True)
class Nodes:
    """A tree, the site first: `caps_kw`, `bases_kw` [K, T], `conductors` of each, `limits` with the number of their
    node.
    """

    caps_kw: FloatArray
    bases_kw: FloatArray
    conductors: Sequence[Conductors | None]
    limits: Sequence[tuple[int, CurrentLimit]] = ()


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """`sums` in order, `kinds` the connections in use."""

    sums: tuple[Sum, ...]
    kinds: tuple[str, ...]

    @property
    def node(self) -> IntArray:
        """The node of every row [R]."""
        return np.array([row.node for row in self.sums], dtype=np.int64)

    def per_kind(self) -> FloatArray:
        """Ampere (kW) per kW of every connection [R, kinds]."""
        return np.array([[row.per_kw[kind] for kind in self.kinds] for row in self.sums])

    def base(self) -> FloatArray:
        """What the base load is [R, T]."""
        return np.stack([row.base for row in self.sums])

    def limit(self) -> FloatArray:
        """What all may be: the limit, or what the base load alone is [R, T]."""
        return np.stack([np.maximum(row.limit, row.base + hair(row)) for row in self.sums])

    def room(self) -> FloatArray:
        """What charging may add [R, T]."""
        return np.stack([np.maximum(row.limit - row.base, hair(row)) for row in self.sums])

    def given(self, slot_h: float) -> Given:
        """The same for energies in kWh per slot."""
        return Given(self.node, self.per_kind(), self.room() * slot_h)

    def number(self, kinds: Iterable[str]) -> IntArray:
        """Connections by number."""
        return np.array([self.kinds.index(kind) for kind in kinds], dtype=np.int64)

    def values(self, parent: IntArray, node: IntArray, kind: IntArray, power_kw: FloatArray) -> FloatArray:
        """Current or power of every row [R, T] for users at nodes [N] of connections [N], base load included."""
        own = np.zeros((len(parent), len(self.kinds), power_kw.shape[1]))
        np.add.at(own, (node, kind), power_kw)
        flow = up_the_tree(parent, own)
        return np.asarray(self.base() + np.einsum("rk,rkt->rt", self.per_kind(), flow[self.node]))

    def exchange(self) -> float:
        """How many kWh a kWh may stand in the way of: one on a single conductor, of three on all of them."""
        per_kind = self.per_kind()
        least = np.where(per_kind > 0, per_kind, np.inf).min(axis=1)
        return max(1.0, float(np.max(per_kind.max(axis=1) / least)))


def nodes_of(problem: Problem) -> Nodes:
    """The problem's tree with all its limits."""
    ids = problem.node_ids()
    limits = [(ids.index(limit.feeder), limit) for limit in problem.current_limits]
    return Nodes(problem.caps_kw(), problem.base_loads_kw(), problem.conductors_by_node(), limits)


def rows_of(nodes: Nodes, kinds: Iterable[str], feeds: bool = False) -> Rows:
    """`feeds`: something may feed back, so currents have limits both ways."""
    used = tuple(sorted(set(kinds))) or ("123",)
    return Rows(tuple(_sums(nodes, used, feeds)), used)


def _sums(nodes: Nodes, kinds: tuple[str, ...], feeds: bool) -> Iterator[Sum]:
    for node, (cap, base) in enumerate(zip(nodes.caps_kw, nodes.bases_kw, strict=True)):
        yield Sum(node, "feeder cap" if node else "site cap", "", dict.fromkeys(kinds, 1.0), base, cap)
    for node, given in enumerate(nodes.conductors):
        if given is not None:
            yield from line_sums(node, given, nodes.bases_kw[node], kinds, feeds)
    for node, limit in nodes.limits:
        yield from limit_sums(node, limit, nodes.caps_kw.shape[1], kinds, feeds)


def hair(row: Sum) -> float:
    """What a row always leaves, in ampere."""
    return HAIR_A if row.reason == "unbalance" or min(row.per_kw.values()) < 0.0 else 0.0
