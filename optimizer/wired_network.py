"""Prices under any linear limits on a tree, eliminated from the leaves to the root, m·T at a time.

As in `optimizer.network`, but a node has m prices per slot and the edge above it is a matrix W_t = Σ_r s_r a_r a_rᵀ
[m, m] of the rows there: π_v − π_parent = lift + W φ_v, with φ_v what flows up. With W = B Bᵀ and Y the response of
everything below, π_v = π_parent + lift + B (1 + BᵀYB)⁻¹ Bᵀ (inflow − Y (π_parent + lift)), and from above the node
looks like Y − YB (1 + BᵀYB)⁻¹ BᵀY. Nothing is inverted that may be singular: rows may be slack, stiff or missing.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotrs, dtrtrs

from optimizer.arrays import FloatArray
from optimizer.wiring import Wiring

SAME = 1e-6
"""A row that others reach but for so much of it adds no direction of its own."""


class WiredNetwork:
    """`coupling` [G, T, T]: conductances between the slots of each group, lower triangles filled; `ground` [G, T] to
    ground; `stiff` [R, T] of the rows.
    """

    def __init__(self, wiring: Wiring, coupling: FloatArray, ground: FloatArray, stiff: FloatArray) -> None:
        self.wiring, self.parts, self.slots = wiring, wiring.part.shape[1], ground.shape[1]
        size = self.parts * self.slots
        response = np.zeros((wiring.nodes, size, size))
        for group in range(wiring.groups):
            self._add(response[wiring.at[group]], group, coupling[group], ground[group])
        self.response = response
        self.root = np.empty((wiring.nodes, self.slots, self.parts, self.parts))
        self.factors, self.rows = [ground] * wiring.nodes, np.zeros_like(stiff)
        self.back = np.zeros((self.slots, len(stiff), self.parts))
        for node in range(wiring.nodes - 1, -1, -1):
            rows = np.flatnonzero(wiring.row_node == node)
            self.root[node], self.back[:, rows] = square_root(wiring.part[rows], stiff[rows])
            self._factorise(node)

    def _add(self, response: FloatArray, group: int, between: FloatArray, ground: FloatArray) -> None:
        """A group's response: its own Laplacian in the directions it is made of."""
        t, lower = self.slots, np.tril(between, -1)
        own = -lower - lower.T
        own.ravel()[:: t + 1] = ground - own.sum(axis=0)
        share = self.wiring.share[group]
        for b in np.flatnonzero(share):
            for c in np.flatnonzero(share):
                response[b * t : (b + 1) * t, c * t : (c + 1) * t] += share[b] * share[c] * own

    def _factorise(self, node: int) -> None:
        """Cholesky factor of 1 + BᵀYB, and what the parent sees."""
        response = self.response[node]
        seen = self._times_root(node, response, transposed=True)
        inner = self._times_root(node, np.ascontiguousarray(seen.T), transposed=True)
        inner.ravel()[:: len(inner) + 1] += 1.0
        factor, fault = dpotrf(inner, lower=1, clean=0)
        if fault:
            raise LinAlgError("the network is not positive definite")
        self.factors[node] = factor
        if node:
            half = dtrtrs(factor, seen, lower=1)[0]
            self.response[self.wiring.parent[node]] += response - half.T @ half

    def _times_root(self, node: int, values: FloatArray, transposed: bool = False) -> FloatArray:
        """B, or its transpose, times values [mT, …]."""
        table = values.reshape(self.parts, self.slots, -1)
        order = "tcb,ctn->btn" if transposed else "tbc,ctn->btn"
        return np.asarray(np.einsum(order, self.root[node], table).reshape(values.shape))

    def _pulled(self, node: int, flow: FloatArray, price: FloatArray) -> FloatArray:
        """What the rows of a node add to its prices when `flow` comes in at the parent's `price`, lift included."""
        left = self._times_root(node, flow - self.response[node] @ price, transposed=True)
        pull = np.asarray(dpotrs(self.factors[node], left, lower=1)[0])
        rows = self.wiring.row_node == node
        self.rows[rows] = np.einsum("trb,bt->rt", self.back[:, rows], pull.reshape(self.parts, self.slots))
        return self._times_root(node, pull)

    def solve(self, inflow: FloatArray, lift: FloatArray) -> FloatArray:
        """Prices [V, m, T] for the `inflow` [G, T] into every group and the `lift` [V, m, T] of every edge."""
        w, size = self.wiring, self.parts * self.slots
        own = np.zeros((w.nodes, self.parts, self.slots))
        np.add.at(own, w.at, w.share[:, :, None] * inflow[:, None, :])
        flow, price = own.reshape(w.nodes, size), lift.reshape(w.nodes, size).copy()
        for node in range(w.nodes - 1, 0, -1):
            above = price[node] + self._pulled(node, flow[node], price[node])
            flow[w.parent[node]] += flow[node] - self.response[node] @ above
        for node in range(w.nodes):
            if node:
                price[node] += price[w.parent[node]]
            price[node] += self._pulled(node, flow[node], price[node])
        return price.reshape(w.nodes, self.parts, self.slots)

    def through(self, flow: FloatArray) -> FloatArray:
        """The rows' flows [R, T] that go with the prices of the last solution: where a row is stiff, far more exact
        than the sums of what cars draw at these prices.
        """
        return self.rows


def square_root(part: FloatArray, stiff: FloatArray) -> tuple[FloatArray, FloatArray]:
    """B [T, m, m] with B Bᵀ = Σ_r stiff_rt part_r part_rᵀ, exact in directions however different in size: coordinates
    are taken along the stiffest rows first, so that what they sum to is graded. And every row as a mixture of its
    columns [T, R, m].
    """
    slots, size = stiff.shape[1], part.shape[1]
    order = np.argsort(-stiff, axis=0, kind="stable")
    heavy, rows = np.take_along_axis(stiff, order, axis=0), part[order]
    frame, along = np.zeros((slots, size, size)), np.zeros((slots, len(part), size))
    count = np.zeros(slots, dtype=np.int64)
    for row in range(len(part)):
        parts = np.einsum("tbm,tm->tb", frame, rows[row])
        rest = rows[row] - np.einsum("tb,tbm->tm", parts, frame)
        length = np.linalg.norm(rest, axis=1)
        new = np.flatnonzero((length > SAME * np.linalg.norm(rows[row], axis=1)) & (count < size))
        frame[new, count[new]] = rest[new] / length[new, None]
        parts[new, count[new]] = length[new]
        count[new] += 1
        along[:, row] = parts
    weighted = along * np.sqrt(heavy.T)[:, :, None]
    lower = _cholesky(np.einsum("trb,trc->tbc", weighted, weighted))
    back = np.empty_like(along)
    np.put_along_axis(back, order.T[:, :, None], _forward(lower, along), axis=1)
    return np.asarray(np.einsum("tbm,tbc->tmc", frame, lower)), back


def _forward(lower: FloatArray, sides: FloatArray) -> FloatArray:
    """lower⁻¹ times each of the rows of sides [T, R, m]; 0 where a direction has no size."""
    found = np.zeros_like(sides)
    for c in range(lower.shape[1]):
        rest = sides[:, :, c] - np.einsum("tk,trk->tr", lower[:, c, :c], found[:, :, :c])
        pivot = lower[:, c, c][:, None]
        found[:, :, c] = np.divide(rest, pivot, out=np.zeros_like(rest), where=pivot > 0)
    return found


def _cholesky(matrix: FloatArray) -> FloatArray:
    """Lower factors [T, m, m]; directions of no size stay 0."""
    factor = np.zeros_like(matrix)
    for c in range(matrix.shape[1]):
        rest = matrix[:, c:, c] - np.einsum("tbk,tk->tb", factor[:, c:, :c], factor[:, c, :c])
        pivot = np.sqrt(np.maximum(rest[:, 0], 0.0))
        factor[:, c:, c] = np.divide(rest, pivot[:, None], out=np.zeros_like(rest), where=pivot[:, None] > 0)
    return factor
