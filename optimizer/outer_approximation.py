"""The way out when the interior point stalls: linear programs over tangents of the slot costs, refined where the last
plan lies.

Every round is a complete linear program (HiGHS); its solution is a feasible plan, its prices a valid bound. The best
of both is kept, so a round that fails costs nothing but time.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from scipy.sparse import block_array, csr_array, diags_array, eye_array

from optimizer.certificate import relative_gap
from optimizer.linear_program import minimise
from optimizer.problem import FloatArray, Plan, Problem
from optimizer.reduced import Reduced, expand_energy, expand_price
from optimizer.repair import finish

ROUNDS_MAX = 12
TANGENTS_FIRST = 24


def _better(best: Plan, other: Plan) -> Plan:
    """The cheaper plan with the higher bound: both are valid whoever found them."""
    plan = other if other.objective < best.objective else best
    proof = other if other.lower_bound > best.lower_bound else best
    gap = relative_gap(plan.objective, proof.lower_bound)
    return replace(plan, lower_bound=proof.lower_bound, gap=gap, slot_price=proof.slot_price, cap_price=proof.cap_price)


def _program(r: Reduced, tangents: list[FloatArray]) -> tuple[FloatArray, FloatArray] | None:
    """Entries and slot prices of the linear program; variables are x, y, θ with θ >= w(a·y − a²/2) for each tangent
    at a.
    """
    n, k = len(r.rows), r.columns
    kept = r.cols < k
    rows = csr_array((np.ones(n), (r.rows, np.arange(n))), shape=(len(r.energy), n))
    columns = csr_array((np.ones(kept.sum()), (r.cols[kept], np.flatnonzero(kept))), shape=(k, n))
    equal = block_array([[rows, None, None], [-columns, eye_array(k), csr_array((k, k))]], format="csc")
    below = block_array([[csr_array((k, n)), diags_array(r.weight * a), -eye_array(k)] for a in tangents], format="csc")
    solution = minimise(
        np.concatenate([r.cost, r.slope, np.ones(k)]),
        np.concatenate([r.upper, r.room, np.full(k, np.inf)]),
        (below, np.concatenate([0.5 * r.weight * a * a for a in tangents])),
        (equal, np.concatenate([r.energy, np.zeros(k)])),
    )
    return None if solution is None else (solution.x[:n], solution.equality_price[len(r.energy) :])


def refine(problem: Problem, r: Reduced, plan: Plan, gap_target: float) -> Plan:
    """Improves `plan` until its gap is at most `gap_target` or the rounds are used up; never returns a worse one."""
    tangents = [r.room * share for share in np.linspace(0.0, 1.0, TANGENTS_FIRST)]
    tangents.append(plan.power_kw.sum(axis=0)[r.slots] * problem.slot_h / r.energy_scale)
    for round_number in range(1, ROUNDS_MAX + 1):
        found = _program(r, tangents)
        if found is None:
            break
        x, price = found
        method = "interior point, linear programs"
        other = finish(problem, expand_energy(problem, r, x), expand_price(problem, r, price), method, round_number)
        plan = replace(_better(plan, other), method=method, iterations=plan.iterations + 1)
        if plan.gap <= gap_target:
            break
        tangents.append(r.column_sum(x))
    return plan
