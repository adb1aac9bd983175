"""Forecasts that add up: stations to their feeder, feeders to theirs, all to the total. Pure.

Least squares on the tree, each forecast weighted by the inverse of its error's variance: the sums that are nearest to
all that was said (S. Wickramasuriya, G. Athanasopoulos and R. Hyndman, JASA 2019, with diagonal weights).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from monitor.forecast.panel import Array


def summing(names: Sequence[str], parents: Mapping[str, str]) -> tuple[Array, list[int]]:
    """[names, leaves] which leaves each node is the sum of, and the places of the leaves; raises ValueError.

    `parents`: child -> the node it is part of; every node is the sum of its children.
    """
    place = {name: i for i, name in enumerate(names)}
    if unknown := {end for pair in parents.items() for end in pair} - place.keys():
        raise ValueError(f"no forecast of {', '.join(sorted(unknown))}")
    leaves = [i for i, name in enumerate(names) if name not in parents.values()]
    found = np.zeros((len(names), len(leaves)))
    for column, leaf in enumerate(leaves):
        node, steps = names[leaf], 0
        while True:
            found[place[node], column] = 1.0
            if node not in parents:
                break
            node, steps = parents[node], steps + 1
            if steps > len(names):
                raise ValueError(f"{node} is part of itself")
    return found, leaves


def consistent(forecasts: Array, variances: Array, sums: Array) -> Array:
    """[steps, names] forecasts that add up, >= 0; `sums` from `summing`, `variances` [names] of their errors, kWh².

    Solved once more for what is left: the normal equations alone lose half of the digits where variances differ most.
    """
    weights = 1.0 / np.maximum(variances, np.maximum(variances.max(), 1.0) * 1e-9)
    factors = cho_factor(sums.T @ (weights[:, None] * sums))
    leaves = np.zeros((sums.shape[1], len(forecasts)))
    for _ in range(2):
        leaves += cho_solve(factors, sums.T @ (weights[:, None] * (forecasts.T - sums @ leaves)))
    return np.asarray((sums @ np.maximum(leaves, 0.0)).T)
