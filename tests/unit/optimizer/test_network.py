"""Trees of resistors against dense linear algebra, stiff and slack edges side by side."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.linalg import LinAlgError

from optimizer.network import Network

PARENT = np.array([-1, 0, 0, 1])


def dense(coupling: np.ndarray, ground: np.ndarray, edge: np.ndarray) -> np.ndarray:
    """The whole matrix of the tree."""
    nodes, slots = ground.shape
    whole = np.zeros((nodes, slots, nodes, slots))
    for node in range(nodes):
        lower = np.tril(coupling[node], -1)
        between = lower + lower.T
        whole[node, :, node, :] += np.diag(between.sum(axis=1) + ground[node] + edge[node]) - between
        if node:
            above = PARENT[node]
            whole[above, :, above, :] += np.diag(edge[node])
            whole[node, :, above, :] -= np.diag(edge[node])
            whole[above, :, node, :] -= np.diag(edge[node])
    return whole.reshape(nodes * slots, nodes * slots)


@pytest.mark.parametrize("spread", [0.0, 3.0, 6.0])
def test_potentials_are_those_of_the_whole_matrix(spread: float) -> None:
    rng = np.random.default_rng(1)
    nodes, slots = 4, 5
    coupling = np.tril(rng.random((nodes, slots, slots)), -1)
    ground = rng.random((nodes, slots)) * 1e-3
    edge = 10.0 ** rng.uniform(-spread, spread, (nodes, slots))
    inflow, lift = rng.normal(size=(nodes, slots)), rng.normal(size=(nodes, slots))
    right = inflow + edge * lift
    for node in (1, 2, 3):
        right[PARENT[node]] -= edge[node] * lift[node]
    matrix = dense(coupling, ground, edge)
    expected = np.linalg.solve(matrix, right.ravel()).reshape(nodes, slots)
    found = Network(PARENT, coupling.copy(), ground, edge).solve(inflow, lift)
    np.testing.assert_allclose(found, expected, rtol=1e-6 * 10**spread, atol=1e-8)


def test_a_single_node_is_a_plain_system() -> None:
    network = Network(np.array([-1]), np.zeros((1, 2, 2)), np.zeros((1, 2)), np.array([[2.0, 4.0]]))
    np.testing.assert_allclose(network.solve(np.array([[2.0, 2.0]]), np.zeros((1, 2))), [[1.0, 0.5]])


def test_nonsense_is_refused() -> None:
    with pytest.raises(LinAlgError):
        Network(np.array([-1]), np.array([[[0.0, 0.0], [-4.0, 0.0]]]), np.full((1, 2), 5.0), np.ones((1, 2)))
