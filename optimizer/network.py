"""Prices of a tree of caps as potentials of a resistor network, eliminated from the leaves to the root.

Every (node, slot) is a terminal. Cars couple the slots of their node (each is a Laplacian once its own energy balance
is eliminated) and lead to ground through their unserved energy; the cap of a node is a resistor to its parent, at the
root to ground together with the slot cost. Sums of conductances never cancel: each diagonal is the sum of its row's
couplings and of what leads to ground, so stiff caps and slack ones may stand side by side. Cholesky's errors do not
depend on how the rows are scaled (Demmel 1989), so they stay as they are.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpotrf, dpotri, dpotrs

from optimizer.arrays import FloatArray, IntArray


class Network:
    """One factorisation; `solve` may be asked for several right sides.

    `coupling` [K, T, T]: conductances between the slots of a node (>= 0, diagonals ignored), lower triangles filled,
    overwritten;
    `ground` [K, T] to ground at each node; `edge` [K, T] to the parent, the root's to ground.
    """

    def __init__(self, parent: IntArray, coupling: FloatArray, ground: FloatArray, edge: FloatArray) -> None:
        self.parent, self.edge = parent, edge
        nodes, slots = ground.shape
        self.factors: list[FloatArray] = []
        ones = np.ones(slots)
        ground = ground.copy()
        for node in range(nodes - 1, -1, -1):
            between = coupling[node]
            diagonal = between.ravel()[:: slots + 1]
            diagonal[:] = 0.0
            total = ones @ between + between @ ones + ground[node] + edge[node]
            np.negative(between, out=between)
            diagonal[:] = total
            # The transpose of a C-ordered lower triangle is the upper one of a Fortran-ordered matrix: no copy.
            factor, fault = dpotrf(between.T, lower=0, overwrite_a=1, clean=0)
            if fault:
                raise LinAlgError("the network is not positive definite")
            self.factors.append(factor)
            if node:
                self._hand_up(node, factor, coupling, ground)
        self.factors.reverse()

    def _hand_up(self, node: int, factor: FloatArray, coupling: FloatArray, ground: FloatArray) -> None:
        """What a node and everything below it look like from its parent."""
        inverse, fault = dpotri(factor, lower=0)
        if fault:
            raise LinAlgError("the network is singular")
        side, above = self.edge[node], self.parent[node]
        coupling[above] += np.tril(inverse.T * side * side[:, None], -1)
        ground[above] += side * dpotrs(factor, ground[node], lower=0)[0]

    def solve(self, inflow: FloatArray, lift: FloatArray) -> FloatArray:
        """Potentials [K, T] for the current `inflow` into every terminal and the potential `lift` that each edge adds
        from parent to node.
        """
        nodes = len(inflow)
        inflow = inflow + self.edge * lift
        for node in range(nodes - 1, 0, -1):
            inflow[self.parent[node]] -= self.edge[node] * lift[node]
            inflow[self.parent[node]] += self.edge[node] * self._inverse(node, inflow[node])
        if nodes == 1:
            return self._inverse(0, inflow[0])[None]
        potential = np.empty_like(inflow)
        potential[0] = self._inverse(0, inflow[0])
        for node in range(1, nodes):
            above = potential[self.parent[node]]
            potential[node] = self._inverse(node, inflow[node] + self.edge[node] * above)
        return potential

    def through(self, flow: FloatArray) -> FloatArray:
        """The flows at the last prices, given as the sums of what cars then draw: exact enough here."""
        return flow

    def _inverse(self, node: int, values: FloatArray) -> FloatArray:
        found: FloatArray = dpotrs(self.factors[node], values, lower=0)[0]
        return found
