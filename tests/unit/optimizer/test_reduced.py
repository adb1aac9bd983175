"""What is left to decide, and the way back."""

from __future__ import annotations

import numpy as np

from optimizer import EvSession, Problem, unserved_price
from optimizer.reduced import default_prices, expand_energy, expand_price, reduce_problem

SITE = Problem(
    1.0,
    [2, 9, 1, 3],
    [8, 8, 8, 8],
    (EvSession("a", 0, 3, 4.0, 6.0), EvSession("idle", 0, 4, 4.0, 0.0), EvSession("closed", 1, 2, 4.0, 1.0)),
)


def test_only_open_slots_and_wanting_sessions_stay() -> None:
    reduced = reduce_problem(SITE)
    assert reduced is not None
    assert reduced.sessions.tolist() == [0]
    assert reduced.slots.tolist() == [0, 2]
    assert reduced.cols.tolist() == [0, 1, 2]  # the last one is the dummy
    np.testing.assert_allclose(reduced.row_sum(np.array([1.0, 2.0, 4.0])), [7])
    np.testing.assert_allclose(reduced.column_sum(np.array([1.0, 2.0, 4.0])), [1, 2])
    np.testing.assert_allclose(reduced.at_entries(np.array([5.0, 6.0])), [5, 6, 0])


def test_nothing_to_decide() -> None:
    assert reduce_problem(Problem(1.0, [1], [2], ())) is None
    assert reduce_problem(Problem(1.0, [3], [2], (EvSession("a", 0, 1, 1.0, 1.0),))) is None


def test_expansion_puts_everything_back_in_its_units() -> None:
    reduced = reduce_problem(SITE)
    assert reduced is not None
    table = expand_energy(SITE, reduced, np.array([0.25, 0.5, 1.0]))
    np.testing.assert_allclose(table[0], [1.0, 0, 2.0, 0])
    assert not table[1:].any()
    prices = expand_price(SITE, reduced, np.array([1.0, 2.0]))
    np.testing.assert_allclose(prices[[0, 2]], np.array([1.0, 2.0]) * reduced.price_scale)
    assert prices[1] >= unserved_price(SITE).max()  # a slot without room
    assert prices[3] == 3.0  # nobody wants it: marginal cost of the base load


def test_default_prices_without_sessions_are_marginal_costs() -> None:
    np.testing.assert_allclose(default_prices(Problem(1.0, [1, 2], [0, 9], (), weight=[2, 2], price=[1, 0])), [3, 4])
