"""The solvers that people use for valley filling, fed the same instance as ours: sparse matrices straight into the
solver, or a model in cvxpy. Only their set-up and solving is timed, not the building of the matrices.

Variables: the energy of every car in every slot of its window, then the load L of every slot; kWh per slot.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy.sparse as sp

FAR = 1e30


@dataclass(frozen=True, eq=False)
class Case:
    """An instance as plain arrays; `node` and `parent`, `node_cap_w` only with feeders (node 0 is the site)."""

    base_load_w: np.ndarray
    energy_wh: np.ndarray
    power_max_w: np.ndarray
    arrive: np.ndarray
    depart: np.ndarray
    cap_w: np.ndarray
    slot_h: float
    node: np.ndarray | None = None
    node_cap_w: np.ndarray | None = None

    def arguments(self) -> dict[str, Any]:
        """For `optimizer.valley.fill`."""
        names = ("base_load_w", "energy_wh", "power_max_w", "arrive", "depart", "cap_w", "slot_h")
        return {name: getattr(self, name) for name in names}


@dataclass(frozen=True, eq=False)
class Matrices:
    """½ x'Px with A x = b, G x <= h, low <= x <= high."""

    cost: Any
    equal: Any
    equal_side: np.ndarray
    below: Any
    below_side: np.ndarray
    low: np.ndarray
    high: np.ndarray


def matrices(case: Case) -> Matrices:
    """The sparse form of a case."""
    slots, cars = len(case.base_load_w), len(case.energy_wh)
    unit = case.slot_h / 1000
    length = case.depart - case.arrive
    car = np.repeat(np.arange(cars), length)
    slot = np.arange(len(car)) - np.repeat(np.cumsum(length) - length - case.arrive, length)
    n = len(car)
    rows = sp.csc_array((np.ones(n), (car, np.arange(n))), shape=(cars, n))
    columns = sp.csc_array((np.ones(n), (slot, np.arange(n))), shape=(slots, n))
    equal = sp.block_array([[rows, None], [-columns, sp.eye_array(slots)]], format="csc")
    below, side = _feeder_rows(case, car, slot, n)
    return Matrices(
        cost=sp.block_diag([sp.csc_array((n, n)), sp.eye_array(slots)], format="csc"),
        equal=equal,
        equal_side=np.concatenate([case.energy_wh / 1000, case.base_load_w * unit]),
        below=below,
        below_side=side,
        low=np.concatenate([np.zeros(n), np.full(slots, -np.inf)]),
        high=np.concatenate([case.power_max_w[car] * unit, case.cap_w * unit]),
    )


def _feeder_rows(case: Case, car: np.ndarray, slot: np.ndarray, n: int) -> tuple[Any, np.ndarray]:
    slots = len(case.base_load_w)
    if case.node is None or case.node_cap_w is None:
        return sp.csc_array((0, n + slots)), np.zeros(0)
    row = (case.node[car] - 1) * slots + slot
    below = sp.csr_array((np.ones(n), (row, np.arange(n))), shape=(len(case.node_cap_w) * slots, n + slots))
    side = (case.node_cap_w * case.slot_h / 1000).ravel()
    finite = np.isfinite(side)
    return below[finite].tocsc(), side[finite]


def piqp(m: Matrices) -> np.ndarray:
    """PIQP, sparse, its default accuracy."""
    import piqp as package

    solver = package.SparseSolver()
    below = m.below if m.below.shape[0] else None
    solver.setup(
        sp.csc_matrix(m.cost), np.zeros(len(m.low)), sp.csc_matrix(m.equal), m.equal_side,
        None if below is None else sp.csc_matrix(below), None, None if below is None else m.below_side,
        np.maximum(m.low, -FAR), np.minimum(m.high, FAR),
    )  # fmt: skip
    solver.solve()
    return np.asarray(solver.result.x)


def clarabel(m: Matrices) -> np.ndarray:
    """Clarabel fed directly, its default accuracy."""
    import clarabel as package

    low, high = np.flatnonzero(np.isfinite(m.low)), np.flatnonzero(np.isfinite(m.high))
    unit = sp.eye_array(len(m.low), format="csr")
    stacked = sp.vstack([m.equal, -unit[low], unit[high], m.below], format="csc")
    side = np.concatenate([m.equal_side, -m.low[low], m.high[high], m.below_side])
    cones = [
        package.ZeroConeT(len(m.equal_side)),
        package.NonnegativeConeT(len(low) + len(high) + len(m.below_side)),
    ]
    settings = package.DefaultSettings()
    settings.verbose = False
    settings.max_threads = 1
    cost = sp.csc_matrix(sp.triu(m.cost))
    solver = package.DefaultSolver(cost, np.zeros(len(m.low)), sp.csc_matrix(stacked), side, cones, settings)
    return np.asarray(solver.solve().x)


def osqp(m: Matrices) -> np.ndarray:
    """OSQP at 1e-5."""
    import osqp as package

    unit = sp.eye_array(len(m.low), format="csc")
    stacked = sp.vstack([m.equal, m.below, unit], format="csc")
    low = np.concatenate([m.equal_side, np.full(len(m.below_side), -np.inf), m.low])
    high = np.concatenate([m.equal_side, m.below_side, m.high])
    solver = package.OSQP()
    solver.setup(
        sp.csc_matrix(m.cost), np.zeros(len(m.low)), sp.csc_matrix(stacked), low, high,
        verbose=False, eps_abs=1e-5, eps_rel=1e-5, max_iter=20_000,
    )  # fmt: skip
    return np.asarray(solver.solve().x)


def highs(case: Case, tariff: np.ndarray) -> tuple[float, float]:
    """CPU seconds and objective of HiGHS, fed directly, on the same constraints with a `tariff` [T] per kWh of the load
    instead of the square: a linear program.
    """
    import highspy as package

    m = matrices(case)
    stacked = sp.vstack([m.equal, m.below], format="csc")
    lp = package.HighsLp()
    lp.num_col_, lp.num_row_ = len(m.low), stacked.shape[0]
    lp.col_cost_ = np.concatenate([np.zeros(len(m.low) - len(tariff)), tariff])
    lp.col_lower_, lp.col_upper_ = m.low, m.high
    lp.row_lower_ = np.concatenate([m.equal_side, np.full(len(m.below_side), -np.inf)])
    lp.row_upper_ = np.concatenate([m.equal_side, m.below_side])
    lp.a_matrix_.format_ = package.MatrixFormat.kColwise
    lp.a_matrix_.start_, lp.a_matrix_.index_, lp.a_matrix_.value_ = stacked.indptr, stacked.indices, stacked.data
    began = time.process_time()
    solver = package.Highs()
    solver.silent()
    solver.setOptionValue("threads", 1)
    solver.passModel(lp)
    solver.run()
    return time.process_time() - began, float(solver.getInfo().objective_function_value)


def cvxpy(case: Case) -> float:
    """A cvxpy model of cars times slots, as published schedulers write it, with Clarabel; its objective."""
    import cvxpy as cp

    unit, slots = case.slot_h / 1000, len(case.base_load_w)
    slot = np.arange(slots)
    window = (slot >= case.arrive[:, None]) & (slot < case.depart[:, None])
    power = cp.Variable((len(case.energy_wh), slots), nonneg=True)
    load = case.base_load_w * unit + cp.sum(power, axis=0)
    limits = [power <= case.power_max_w[:, None] * unit * window, cp.sum(power, axis=1) == case.energy_wh / 1000]
    finite = np.flatnonzero(np.isfinite(case.cap_w))
    limits.append(load[finite] <= case.cap_w[finite] * unit)
    problem = cp.Problem(cp.Minimize(0.5 * cp.sum_squares(load)), limits)
    problem.solve(solver=cp.CLARABEL)
    return float(problem.value)


DIRECT: dict[str, Callable[[Matrices], np.ndarray]] = {"PIQP": piqp, "Clarabel": clarabel, "OSQP": osqp}


def timed(name: str, case: Case) -> tuple[float, float, float]:
    """CPU seconds of one rival, those for building its matrices (cvxpy does that by itself), and its objective."""
    began = time.process_time()
    if name == "cvxpy":
        objective = cvxpy(case)
        return time.process_time() - began, 0.0, objective
    prepared = matrices(case)
    built = time.process_time()
    x = DIRECT[name](prepared)
    spent = time.process_time() - built
    load = x[-len(case.base_load_w) :]
    return spent, built - began, float(0.5 * load @ load)
