"""A block of slots of equal price: what it should deliver, and the mixture of greedy walks that comes nearest.

The nearest point of the block's polytope is found by Wolfe's method: walk greedily against what is missing, add the
walk, mix anew, drop walks that no longer help.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg.lapack import dpotrf, dpotrs

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.windows import Windows

SETTLED = 1e-10
"""Largest deviation from the wanted loads, in units of the most that the fleet can take in one slot."""
TIGHT = 1e-3
"""A set counts as full when its slack, per unit of load, is below this share of the jump in what is missing."""
JUMP_MIN = 1e-3
FACE = 1e-12
WEIGHT_MIN = 1e-13
RIDGE = 1e-14


@dataclass(eq=False, slots=True)
class Block:
    """`elements` of the site in ascending order and what they can take after cheaper blocks (`windows`).

    `point` = weights·vertices is delivered, `wanted` is aimed at, `total` both in sum. `orders` [M, n] are the greedy
    walks behind the `vertices` [M, n], as places among the block's own elements. `windows` is None for one element.
    """

    elements: IntArray
    windows: Windows | None
    total: float
    vertices: FloatArray
    orders: IntArray
    weights: FloatArray
    point: FloatArray
    wanted: FloatArray
    settled: bool = False

    def advance(self, curvature: FloatArray, bold: bool) -> list[Block]:
        """The block after one more walk, or the parts into which it falls; `bold` also splits on mere evidence."""
        if self.windows is None or np.max(np.abs(self.point - self.wanted)) <= SETTLED:
            self.settled = True
            return [self]
        missing = curvature * (self.point - self.wanted)
        order = np.argsort(missing, kind="stable")
        place = np.empty_like(order)
        place[order] = np.arange(len(order))
        vertex = self.windows.greedy(place)
        cuts = self._cuts(missing, order, vertex, float(curvature.mean()), bold)
        if len(cuts):
            return self._parts(order, vertex, cuts)
        if not self.settled:
            self.vertices = np.vstack([self.vertices, vertex])
            self.orders = np.vstack([self.orders, place])
            self.weights = np.append(self.weights, 0.0)
            self.mix(np.sqrt(curvature))
        return [self]

    def _cuts(self, missing: FloatArray, order: IntArray, vertex: FloatArray, steep: float, bold: bool) -> IntArray:
        """Places in the order behind which the block falls apart: what stands before is full."""
        jump, largest = np.diff(missing[order]), float(np.max(np.abs(missing)))
        cuts = np.zeros(0, dtype=np.int64)
        if bold:
            slack = np.cumsum(vertex[order] - self.point[order])[:-1]
            cuts = np.flatnonzero((slack * steep <= TIGHT * jump) & (jump > JUMP_MIN * largest))
        if len(cuts) == 0 and missing @ (self.point - vertex) <= 1e-3 * SETTLED * max(largest, SETTLED):
            cuts = np.flatnonzero(np.diff(missing[order] >= 0))
            self.settled = len(cuts) == 0
        return cuts

    def _parts(self, order: IntArray, vertex: FloatArray, cuts: IntArray) -> list[Block]:
        before = np.zeros(len(order), dtype=np.bool_)
        parts = []
        for members in np.split(order, cuts + 1):
            own = np.sort(members)
            windows = self.windows.restrict(own, before) if self.windows is not None and len(own) > 1 else None
            parts.append(self._part(own, windows, float(vertex[own].sum())))
            before[own] = True
        return parts

    def _part(self, own: IntArray, windows: Windows | None, total: float) -> Block:
        """Walks and mixture are inherited; those that do not keep the parts in order are walked again."""
        vertices, orders = self.vertices[:, own], _ranked(self.orders[:, own])
        for row in np.flatnonzero(np.abs(vertices.sum(axis=1) - total) > FACE * max(total, 1e-6)):
            vertices[row] = total if windows is None else windows.greedy(orders[row])
        part = Block(
            self.elements[own], windows, total, vertices, orders, self.weights, vertices[0], vertices[0]
        )  # fmt: skip
        part.tidy()
        return part

    def tidy(self) -> None:
        """Equal walks become one, no more are kept than the block needs, and the point is mixed anew."""
        _, first, same = np.unique(self.vertices.round(13), axis=0, return_index=True, return_inverse=True)
        weights = np.bincount(same.ravel(), self.weights)
        kept = np.argsort(-weights, kind="stable")[: len(self.elements)]
        self.vertices, self.orders = self.vertices[first[kept]], self.orders[first[kept]]
        self.weights = weights[kept] / weights[kept].sum()
        self.point = self.weights @ self.vertices

    def mix(self, metric: FloatArray) -> None:
        """Wolfe's minor cycles: the point of the vertices' hull nearest to the wanted loads; idle ones are dropped."""
        while True:
            best = _affine_weights((self.vertices - self.wanted) * metric)
            falls = best <= WEIGHT_MIN
            if not falls.any():
                self.weights = best
                break
            room = self.weights - best
            ratio = np.divide(self.weights, room, out=np.full(len(best), np.inf), where=falls & (room > 0))
            weights = self.weights + min(1.0, float(ratio.min())) * (best - self.weights)
            kept = weights > WEIGHT_MIN
            if kept.all():
                kept[int(np.argmin(np.where(falls, weights, np.inf)))] = False
            self.vertices, self.orders = self.vertices[kept], self.orders[kept]
            self.weights = weights[kept] / weights[kept].sum()
        self.point = self.weights @ self.vertices


def merged(a: Block, b: Block, windows: Windows, before: BoolArray) -> Block:
    """Neighbours as one, both mixtures side by side: walks are paired in the order of their weights' sums."""
    ends = np.unique(np.concatenate([np.cumsum(a.weights), np.cumsum(b.weights)]).round(15))
    edges = np.concatenate([[0.0], ends[ends < 1.0 - 1e-15], [1.0]])
    middle = (edges[1:] + edges[:-1]) / 2
    of_a = np.minimum(np.searchsorted(np.cumsum(a.weights), middle), len(a.weights) - 1)
    of_b = np.minimum(np.searchsorted(np.cumsum(b.weights), middle), len(b.weights) - 1)
    elements = np.concatenate([a.elements, b.elements])
    ascending = np.argsort(elements)
    orders = np.hstack([a.orders[of_a], b.orders[of_b] + len(a.elements)])
    vertices = np.hstack([a.vertices[of_a], b.vertices[of_b]])[:, ascending]
    block = Block(
        elements=elements[ascending],
        windows=windows.restrict(elements[ascending], before),
        total=a.total + b.total,
        vertices=vertices,
        orders=orders[:, ascending],
        weights=np.diff(edges),
        point=vertices[0],
        wanted=vertices[0],
    )
    block.tidy()
    return block


def _ranked(orders: IntArray) -> IntArray:
    """Places 0 … n − 1 in the same order, row by row."""
    return np.argsort(np.argsort(orders, axis=1, kind="stable"), axis=1, kind="stable")


def _affine_weights(offset: FloatArray) -> FloatArray:
    """Weights, of sum 1 but any sign, of the point of the rows' affine hull that is nearest to 0."""
    gram = offset @ offset.T
    gram /= max(float(gram.diagonal().mean()), 1e-300)
    gram += 1.0
    gram.ravel()[:: len(gram) + 1] += RIDGE
    factor, fault = dpotrf(gram, lower=1)
    ones = np.ones(len(gram))
    weights = np.linalg.lstsq(gram, ones, rcond=1e-13)[0] if fault else dpotrs(factor, ones, lower=1)[0]
    return np.asarray(weights / weights.sum(), dtype=np.float64)
