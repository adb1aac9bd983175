"""One door to the linear programs of scipy (HiGHS), with sparse matrices and variables from 0 up."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.optimize import linprog

from optimizer.arrays import FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class LinearSolution:
    """Optimal variables, value, and the prices of the equality rows (change of the value per unit of their right
    side).
    """

    x: FloatArray
    value: float
    equality_price: FloatArray


def minimise(
    cost: FloatArray,
    upper: FloatArray,
    below: tuple[Any, FloatArray],
    equal: tuple[Any, FloatArray] | None = None,
) -> LinearSolution | None:
    """Minimises cost·x with 0 <= x <= upper, A x <= b for `below` = (A, b) and A x = b for `equal`; None if HiGHS
    gives up.
    """
    solver: Any = linprog  # its stubs know dense matrices only
    matrix, side = equal if equal is not None else (None, None)
    bounds = np.column_stack([np.zeros_like(upper), upper])
    result = solver(cost, A_ub=below[0], b_ub=below[1], A_eq=matrix, b_eq=side, bounds=bounds, method="highs")
    if result.x is None:
        return None
    return LinearSolution(np.asarray(result.x), float(result.fun), np.asarray(result.eqlin.marginals))
