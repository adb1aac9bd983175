"""Exact plans by a structured interior-point method (Mehrotra predictor-corrector).

Each Newton step eliminates every session by hand, which leaves one dense system over the slots: (diag(1/M) + G) dν =
rhs, with M_t = w_t + ζ_t/s_t the curvature of a slot's cost and cap, and G the weighted Laplacian that couples slots
through the sessions that can move between them. Its diagonal is summed from the couplings themselves, not subtracted,
so nothing cancels. If the gap is missed the plan is refined by linear programs (`optimizer.outer_approximation`); a
plan with its certificate always comes back.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from optimizer.outer_approximation import refine
from optimizer.problem import FloatArray, Plan, Problem
from optimizer.reduced import Reduced, default_prices, expand_energy, expand_price, reduce_problem
from optimizer.repair import finish

ITERATIONS_MAX = 60
PROXIMAL = 1e-9
TO_BOUNDARY = 0.995
STEP_MIN = 1e-12
TOLERANCE = 1e-9
GAP_TARGET = 1e-6
# The cap is tightened by up to 1e-7 of its room, which alone can cost a gap of a few 1e-6 when energy stays unserved.
REFINE_ABOVE = 1e-5


@dataclass(eq=False, slots=True)
class _Point:
    """Primal x, slack s; duals of the bounds (low, high), energies η, slot prices ν, cap prices ζ."""

    x: FloatArray
    low: FloatArray
    high: FloatArray
    eta: FloatArray
    nu: FloatArray
    s: FloatArray
    zeta: FloatArray

    def moved(self, d: _Point, step: float) -> _Point:
        return _Point(
            self.x + step * d.x,
            self.low + step * d.low,
            self.high + step * d.high,
            self.eta + step * d.eta,
            self.nu + step * d.nu,
            self.s + step * d.s,
            self.zeta + step * d.zeta,
        )


@dataclass(frozen=True, eq=False, slots=True)
class _Targets:
    """Wanted complementarity products; the predictor aims at 0."""

    low: FloatArray | float = 0.0
    high: FloatArray | float = 0.0
    cap: FloatArray | float = 0.0


def _start(r: Reduced) -> _Point:
    slots = np.diff(np.append(r.starts, len(r.rows))) - 1
    dummy = r.cols == r.columns
    fill = np.clip(r.energy / np.maximum(r.upper[r.starts] * slots, 1e-300), 0.1, 0.9)[r.rows]
    x = np.where(dummy, 0.1 * r.energy[r.rows], fill * r.upper)
    y = r.column_sum(x)
    s = np.maximum(r.room - y, 0.1 * r.room)
    nu = r.slope + r.weight * y
    eta = r.row_sum(np.where(dummy, 0.0, r.at_entries(nu))) / slots
    mu = 0.1 * float(np.mean(x))
    slope = r.cost + r.at_entries(nu) - eta[r.rows]
    low, high = mu / x + np.maximum(slope, 0.0), mu / (r.upper - x) + np.maximum(-slope, 0.0)
    return _Point(x, low, high, eta, nu, s, mu / s)


def _complementarity(r: Reduced, p: _Point) -> float:
    return float(p.x @ p.low + (r.upper - p.x) @ p.high + p.s @ p.zeta)


def _goal(r: Reduced, p: _Point) -> float:
    """Complementarity at which to stop: small against the energy at stake, and a tenth of the wanted gap at most."""
    y = r.column_sum(p.x)
    cost = abs(float((r.slope + 0.5 * r.weight * y) @ y + r.cost @ p.x))
    certificate = 0.1 * GAP_TARGET * max(1.0 / (r.energy_scale * r.price_scale), cost)
    return min(TOLERANCE * max(1.0, float(r.energy.sum())), certificate)


class _Newton:
    """The linearised optimality conditions at one point, factorised once for predictor and corrector."""

    def __init__(self, r: Reduced, p: _Point) -> None:
        self.r, self.p, self.v = r, p, r.upper - p.x
        y = r.column_sum(p.x)
        self.dual = r.cost + r.at_entries(p.nu) - p.eta[r.rows] - p.low + p.high
        self.row = r.energy - r.row_sum(p.x)
        self.price = r.slope + r.weight * y + p.zeta - p.nu
        self.slack = r.room - y - p.s
        self.curvature = r.weight + p.zeta / p.s + PROXIMAL
        self.h = 1.0 / (p.low / p.x + p.high / self.v + PROXIMAL)
        self.h_row = r.row_sum(self.h)
        self._factorise()

    def _factorise(self) -> None:
        r = self.r
        dense = np.zeros((len(r.energy), r.columns + 1))
        dense[r.rows, r.cols] = self.h
        coupling = (dense / self.h_row[:, None]).T @ dense
        np.fill_diagonal(coupling, 0.0)
        diagonal = coupling.sum(axis=1)[:-1] + 1.0 / self.curvature
        self.scale = 1.0 / np.sqrt(diagonal)
        matrix = -coupling[:-1, :-1] * self.scale * self.scale[:, None]
        np.fill_diagonal(matrix, 1.0)
        self.factor = cho_factor(matrix, overwrite_a=True, check_finite=False)

    def residual(self) -> float:
        """Largest violation of the linear conditions, in scaled units."""
        parts = (self.dual, self.row, self.price, self.slack)
        return max(float(np.max(np.abs(part))) for part in parts)

    def direction(self, t: _Targets) -> _Point:
        r, p = self.r, self.p
        low, high, cap = t.low / p.x - p.low, t.high / self.v - p.high, t.cap / p.s - p.zeta
        rho = low - high - self.dual
        k = self.price + cap - p.zeta / p.s * self.slack
        eta_fixed = (self.row - r.row_sum(self.h * rho)) / self.h_row
        rhs = r.column_sum(self.h * (rho + eta_fixed[r.rows])) + k / self.curvature
        nu = self.scale * cho_solve(self.factor, self.scale * rhs, check_finite=False)
        nu_entries = r.at_entries(nu)
        eta = eta_fixed + r.row_sum(self.h * nu_entries) / self.h_row
        x = self.h * (rho - nu_entries + eta[r.rows])
        s = self.slack - r.column_sum(x)
        return _Point(x, low - p.low * x / p.x, high + p.high * x / self.v, eta, nu, s, cap - p.zeta / p.s * s)

    def step(self, d: _Point) -> float:
        """Longest step in (0, 1] that keeps everything positive."""
        p = self.p
        ratios = (-d.x / p.x, d.x / self.v, -d.low / p.low, -d.high / p.high, -d.s / p.s, -d.zeta / p.zeta)
        return 1.0 / max(1.0, *(float(np.max(ratio)) for ratio in ratios))

    def next_point(self) -> tuple[_Point, float]:
        r, p = self.r, self.p
        count = 2 * len(p.x) + len(p.s)
        mu = _complementarity(r, p) / count
        guess = self.direction(_Targets())
        mu_guess = _complementarity(r, p.moved(guess, self.step(guess))) / count
        aim = (max(mu_guess, 0.0) / mu) ** 3 * mu
        d = self.direction(_Targets(aim - guess.x * guess.low, aim + guess.x * guess.high, aim - guess.s * guess.zeta))
        step = min(1.0, TO_BOUNDARY * self.step(d)) if self.step(d) < 1.0 else TO_BOUNDARY
        return p.moved(d, step), step


def _solve_reduced(r: Reduced) -> tuple[_Point, int]:
    """The last sound point and the number of iterations."""
    p = _start(r)
    for iteration in range(ITERATIONS_MAX):
        try:
            newton = _Newton(r, p)
            if _complementarity(r, p) <= _goal(r, p) and newton.residual() <= 1e2 * TOLERANCE:
                return p, iteration
            following, step = newton.next_point()
        except (LinAlgError, FloatingPointError, ValueError):
            return p, iteration
        if step < STEP_MIN or not np.isfinite(following.x).all():
            return p, iteration
        p = following
    return p, ITERATIONS_MAX


def solve(problem: Problem) -> Plan:
    """The plan of least cost, with a certified relative gap (aim 1e-6). Never raises for a valid problem, never
    exceeds the cap.
    """
    r = reduce_problem(problem)
    if r is None:
        return finish(
            problem, np.zeros((len(problem.sessions), problem.slots)), default_prices(problem), "closed form", 0
        )
    with np.errstate(all="ignore"):
        point, iterations = _solve_reduced(r)
    bound = 10.0 * (1.0 + float(np.max(r.cost)))  # wild prices of a stalled point would overflow the certificate
    price = expand_price(problem, r, np.clip(np.nan_to_num(point.nu), -bound, bound))
    plan = finish(problem, expand_energy(problem, r, point.x), price, "interior point", iterations)
    return plan if plan.gap <= REFINE_ABOVE else refine(problem, r, plan, GAP_TARGET)
