"""Problems in which currents are limited: per conductor, apart from each other, or in any sum.

Every cap of the tree, in kW or ampere, becomes a row (`optimizer.limit_rows`); `optimizer.wired_point` solves and
proves. Nothing is ever "infeasible".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from optimizer import wired_point
from optimizer.arrays import FloatArray, IntArray
from optimizer.caps import Limits, TreeLimits
from optimizer.certificate import relative_gap
from optimizer.conductors import Sum
from optimizer.fairness import with_equal_share
from optimizer.instance import Instance, unserved_prices
from optimizer.limit_rows import Rows, nodes_of, rows_of
from optimizer.problem import CapSoft, Plan, Problem, Shortfall
from optimizer.wiring import Wiring, wire

AIMS = (2e-6, 1e-7, 1e-8)
GAP_TARGET = 1e-6
SHORTFALL_MIN = 1e-4
DEAREST = 1e6
"""Classes stand no further apart than this, or their prices would drown the others'."""


@dataclass(frozen=True, eq=False, slots=True)
class Wired:
    """Cars with all rows that limit them, in kWh per slot; `kind` [N]: the connection of every car."""

    rows: Rows
    kind: IntArray
    instance: Instance
    wiring: Wiring
    slot_h: float

    def values(self, power_kw: FloatArray) -> FloatArray:
        """Every row's current or power [rows, T], base load included."""
        return self.rows.values(self.instance.parent, self.instance.node, self.kind, power_kw)

    def limit_price(self, row_price: FloatArray) -> FloatArray:
        """Cost per ampere (kW) more of every row [rows, T]."""
        found = np.zeros((len(self.rows.sums), self.instance.slots))
        found[self.wiring.origin] = row_price / self._per_slot()
        return found

    def row_price(self, slot_price: FloatArray, limit_price: FloatArray) -> FloatArray:
        """Back again; the site's own is the slot price."""
        found = limit_price[self.wiring.origin] * self._per_slot()
        found[0] = slot_price
        return np.asarray(found)

    def _per_slot(self) -> FloatArray:
        """From prices per kWh of a kept row's own measure to those per ampere (kW)."""
        return self.wiring.scale[:, None] / self.slot_h


@dataclass(frozen=True, eq=False, slots=True)
class Proven:
    """A feasible table of energy per car and slot [N, T], prices per row, and the proof."""

    energy: FloatArray
    price: FloatArray
    lower_bound: float
    gap: float
    iterations: int


def limits_of(problem: Problem) -> tuple[Instance, Limits, IntArray, FloatArray]:
    """Instance, limits, every car's group and the rooms [R, T] of the rows, with or without conductors."""
    if not problem.wired:
        instance = problem.instance()
        return instance, TreeLimits(instance.parent), instance.node, instance.room
    w = wired(problem)
    return w.instance, w.wiring, w.wiring.group, w.wiring.room


def wired(problem: Problem) -> Wired:
    """All limits as rows."""
    lines = [session.lines for session in problem.sessions]
    equal = problem.fairness == "equal share"
    return wired_up(
        problem.instance(), rows_of(nodes_of(problem), lines), lines, problem.slot_h, problem.classes(), equal
    )


def wired_up(
    instance: Instance,
    rows: Rows,
    lines: Sequence[str],
    slot_h: float,
    classes: IntArray | None = None,
    equal: bool = False,
) -> Wired:
    """An instance under rows, its prices of unserved energy far enough apart; `lines` [N] of every car."""
    kind = rows.number(lines)
    wiring = wire(instance, kind, rows.given(slot_h))
    return Wired(rows, kind, _with_classes(instance, rows, classes, equal), wiring, slot_h)


def _with_classes(instance: Instance, rows: Rows, classes: IntArray | None, equal: bool) -> Instance:
    """A kWh on one conductor may stand in the way of three on all of them, so classes are further apart than on a tree
    of plain caps.
    """
    if not len(instance.rate):
        return instance
    priority = np.zeros(len(instance.rate), dtype=np.int64) if classes is None else classes
    lowest = unserved_prices(instance.cost, instance.base, instance.room[0], instance.most[0], None, 1)[0]
    dear = replace(instance, unserved=apart(float(lowest), priority, rows.exchange()), bend=None)
    return with_equal_share(dear, priority) if equal else dear


def apart(lowest: float, classes: IntArray, exchange: float) -> FloatArray:
    """Prices of unserved energy per class [N] where a kWh may be exchanged for so many."""
    _, rank = np.unique(classes, return_inverse=True)
    growth = min(1.0 + exchange, DEAREST ** (1.0 / max(int(rank.max()), 1)))
    return np.asarray(lowest * exchange * growth**rank, dtype=np.float64)


def solve_wired(w: Wired) -> Proven:
    """The best plan under all rows, with a certified relative gap (aim 1e-6)."""
    best: Proven | None = None
    for aim in AIMS:
        energy, price, iterations = wired_point.solve(w.instance, w.wiring, aim)
        served = energy.sum(axis=1)
        objective = w.instance.objective(energy.sum(axis=0), served)
        bound = wired_point.lower_bound(w.instance, w.wiring, price, served)
        gap = relative_gap(objective, bound)
        if best is None or gap < best.gap:
            best = Proven(energy, price, bound, gap, iterations)
        if gap <= GAP_TARGET:
            break
    assert best is not None
    return best


def solve(problem: Problem) -> Plan:
    """The plan of least cost under all limits. Never raises for a valid problem."""
    w = wired(problem)
    return _plan(problem, w, solve_wired(w))


def _plan(problem: Problem, w: Wired, found: Proven) -> Plan:
    instance, price, bound = w.instance, found.price, found.lower_bound
    power = found.energy / problem.slot_h
    np.minimum(power, np.array([s.power_max_kw for s in problem.sessions])[:, None], out=power)
    keep_limits(w, power)
    charging, served = power.sum(axis=0) * problem.slot_h, power.sum(axis=1) * problem.slot_h
    objective = instance.objective(charging, served)
    return Plan(
        power_kw=power,
        served_kwh=served,
        objective=objective,
        lower_bound=bound,
        gap=relative_gap(objective, bound),
        slot_price=price[0],
        cap_price=np.maximum(price[0] - instance.cost.price(instance.base + charging), 0.0),
        feeder_price=feeder_price(instance.parent, w.wiring, price),
        shortfalls=tuple(_shortfalls(problem, w, served, price)),
        cap_soft=tuple(soft(w.rows, problem.node_ids())),
        method="interior point",
        iterations=found.iterations,
        limit_price=w.limit_price(price),
    )


def keep_limits(w: Wired, power: FloatArray) -> None:
    """A last look, in place, at the sums as a reader will form them."""
    limits, base, shrink = w.rows.limit(), w.rows.base(), 0.0
    under = [np.isin(w.instance.node, _below(w.instance, s.node)) for s in w.rows.sums]
    while True:
        values = w.values(power)
        over = (values > limits) & (values > base)
        if not over.any():
            return
        shrink = 1e-15 if shrink == 0.0 else min(1.0, 8.0 * shrink)
        for row, slot in np.argwhere(over):
            power[under[row], slot] *= 1.0 - shrink


def _below(instance: Instance, node: int) -> list[int]:
    """A node and all under it."""
    return [other for other in range(instance.nodes) if node in instance.path(other)]


def feeder_price(parent: IntArray, wiring: Wiring, price: FloatArray) -> FloatArray:
    """Slot prices at the feeders as their caps of power make them; what conductors add depends on a car's lines."""
    nodes = len(parent)
    found, own = np.repeat(price[:1], nodes, axis=0), np.zeros((nodes, price.shape[1]))
    for row, origin in enumerate(wiring.origin):
        if 0 < origin < nodes:
            own[origin] = price[row]
    for node in range(1, nodes):
        found[node] = found[parent[node]] + own[node]
    return found[1:]


def _shortfalls(problem: Problem, w: Wired, served: FloatArray, price: FloatArray) -> Iterator[Shortfall]:
    """Who lacks what, and the row that made its window dearest."""
    i, ids = w.instance, problem.node_ids()
    for n, session in enumerate(problem.sessions):
        clipped, missing = session.energy_kwh - float(i.energy[n]), float(i.energy[n] - served[n])
        if clipped > SHORTFALL_MIN * session.energy_kwh:
            yield Shortfall(session.id, clipped, "window too short")
        if missing > SHORTFALL_MIN * session.energy_kwh:
            row = to_blame(w, price, int(w.wiring.group[n]), slice(int(i.arrive[n]), int(i.depart[n])))
            yield Shortfall(session.id, missing, row.reason, ids[row.node], row.line)


def to_blame(w: Wired, price: FloatArray, group: int, window: slice) -> Sum:
    """The row that makes a window dearest for a group."""
    own = price[:, window].copy()
    own[0] = np.maximum(own[0] - w.instance.cost.price(w.instance.base)[window], 0.0)
    worst = int(np.argmax(w.wiring.coef[:, group] * own.sum(axis=1)))
    return w.rows.sums[int(w.wiring.origin[worst])]


def soft(rows: Rows, ids: Sequence[str]) -> Iterator[CapSoft]:
    """Where the base load alone is over a limit."""
    for row in rows.sums:
        for slot in np.flatnonzero(row.base > row.limit):
            excess, power = float(row.base[slot] - row.limit[slot]), not row.line
            yield CapSoft(int(slot), excess if power else 0.0, ids[row.node], row.line, 0.0 if power else excess)
