"""Prices under rows on a tree against dense linear algebra in full."""

from __future__ import annotations

import numpy as np
import pytest

from optimizer.wired_network import WiredNetwork, square_root
from optimizer.wiring import Wiring

SLOTS = 4
PART = np.array([[1.0, 1, 1], [1, 0, 0], [0, 1, 0], [1, -1, 0], [1, 0, 0], [0.5, 0.5, 1]])
ROW_NODE = np.array([0, 0, 1, 1, 2, 2])
PARENT, AT = np.array([-1, 0, 1]), np.array([0, 1, 1, 2, 2])
SHARE = np.array([[1.0, 0, 0], [0, 1, 0], [1 / 3, 1 / 3, 1 / 3], [0, 0, 1], [1, 0, 0]])


def wiring() -> Wiring:
    above = np.array([[1, 0, 0], [1, 1, 0], [1, 1, 1]])
    coef = (PART @ SHARE.T) * above[AT][:, ROW_NODE].T
    rows = np.zeros((len(PART), SLOTS))
    nobody, given = np.zeros(0, dtype=np.int64), np.arange(6)
    return Wiring(coef, rows, rows, ROW_NODE, PARENT, AT, SHARE, PART, nobody, given, np.ones(6))


@pytest.mark.parametrize("spread", [0.0, 3.0, 6.0])
def test_prices_are_those_of_the_whole_system(spread: float) -> None:
    """π_g = Σ_r a_rg (lift_r + s_r Σ_h a_rh (inflow_h − K_h π_h))."""
    w, rng = wiring(), np.random.default_rng(2)
    coupling = np.tril(rng.random((w.groups, SLOTS, SLOTS)), -1)
    ground = rng.random((w.groups, SLOTS))
    stiff = 10.0 ** rng.uniform(-spread, spread, (len(PART), SLOTS))
    inflow, lift = rng.normal(size=(w.groups, SLOTS)), rng.normal(size=(len(PART), SLOTS))
    size = w.groups * SLOTS
    response, rows = np.zeros((size, size)), np.kron(w.coef, np.eye(SLOTS))
    for g in range(w.groups):
        full = coupling[g] + coupling[g].T
        response[g * SLOTS : (g + 1) * SLOTS, g * SLOTS : (g + 1) * SLOTS] = (
            np.diag(full.sum(axis=1) + ground[g]) - full
        )
    matrix = np.eye(size) + rows.T @ (stiff.ravel()[:, None] * rows) @ response
    side = rows.T @ (lift.ravel() + stiff.ravel() * (rows @ inflow.ravel()))
    expected = np.linalg.solve(matrix, side)
    lifted = np.zeros((3, 3, SLOTS))
    np.add.at(lifted, w.row_node, w.part[:, :, None] * lift[:, None, :])
    network = WiredNetwork(w, coupling.copy(), ground, stiff)
    price = network.solve(inflow, lifted)
    offers = np.einsum("gb,gbt->gt", w.share, price[w.at])
    np.testing.assert_allclose(offers.ravel(), expected, rtol=1e-5, atol=1e-8 * 10**spread)
    flow = rows @ (inflow.ravel() - response @ expected)
    np.testing.assert_allclose(network.through(price).ravel(), flow, rtol=1e-4, atol=1e-7)


def test_a_root_of_sizes_far_apart() -> None:
    stiff = np.array([[1e9], [1e-6], [1.0]])
    part = np.array([[1.0, 1.0], [1.0, 0.0], [2.0, 2.0]])
    root, back = square_root(part, stiff)
    np.testing.assert_allclose((root @ root.transpose(0, 2, 1))[0], (part.T * stiff.ravel()) @ part, rtol=1e-12)
    np.testing.assert_allclose(np.einsum("tmb,trb->trm", root, back)[0], part, rtol=1e-9, atol=1e-9)
    across = np.array([1.0, -1.0]) / np.sqrt(2)
    assert float(np.linalg.norm(across @ root[0])) == pytest.approx(np.sqrt(0.5e-6), rel=1e-6)


def test_a_direction_without_rows_is_rigid() -> None:
    root, back = square_root(np.array([[1.0, 0.0]]), np.array([[4.0]]))
    np.testing.assert_allclose(root[0] @ root[0].T, [[4.0, 0.0], [0.0, 0.0]])
    np.testing.assert_allclose(root[0] @ back[0, 0], [1.0, 0.0])
