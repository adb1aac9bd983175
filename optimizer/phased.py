"""Problems in which currents are limited: per conductor, apart from each other, or in any sum.

Every cap of the tree, in kW or ampere, becomes a row (`optimizer.conductors.Sum`); `optimizer.wired_point` solves and
proves. Limits that the base load alone breaks let nothing be drawn that makes it worse; nothing is ever "infeasible".
Differences of currents are told apart to a milliampere: a limit of 0 between two lines is one of `HAIR_A`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from optimizer import wired_point
from optimizer.arrays import FloatArray, IntArray
from optimizer.caps import Limits, TreeLimits
from optimizer.certificate import relative_gap
from optimizer.conductors import Sum, limit_sums, line_sums
from optimizer.fairness import with_equal_share
from optimizer.instance import Instance, unserved_prices, up_the_tree
from optimizer.problem import CapSoft, Plan, Problem, Shortfall
from optimizer.wiring import Given, Wiring, wire

AIMS = (2e-6, 1e-7, 1e-8)
GAP_TARGET = 1e-6
SHORTFALL_MIN = 1e-4
HAIR_A = 1e-3
DEAREST = 1e6
"""Classes stand no further apart than this, or their prices would drown the others'."""


@dataclass(frozen=True, eq=False, slots=True)
class Wired:
    """A problem with all its rows: `sums` in the order of the rows as given, `kinds` the connections in use, `kind` [N]
    of every session; `instance` and `wiring` in kWh per slot.
    """

    problem: Problem
    sums: tuple[Sum, ...]
    kinds: tuple[str, ...]
    kind: IntArray
    instance: Instance
    wiring: Wiring

    def values(self, power_kw: FloatArray) -> FloatArray:
        """Every row's current or power [rows, T], base load included."""
        i = self.instance
        own = np.zeros((i.nodes, len(self.kinds), i.slots))
        np.add.at(own, (i.node, self.kind), power_kw)
        flow = up_the_tree(i.parent, own)
        return np.stack([s.base + self._per_kw(s) @ flow[s.node] for s in self.sums])

    def _per_kw(self, row: Sum) -> FloatArray:
        return np.array([row.per_kw[kind] for kind in self.kinds])

    def limits(self) -> FloatArray:
        """What they may be: the limit, or what the base load alone is."""
        return np.stack([np.maximum(s.limit, s.base + _hair(s)) for s in self.sums])

    def scales(self) -> FloatArray:
        """Ampere (kW) per kW of a kept row's own measure, times slots per hour: from prices per kWh to per ampere."""
        per_kw = np.array([np.abs(self._per_kw(s)).max() for s in self.sums])[self.wiring.origin]
        per_kw[0] = 1.0
        return per_kw / self.problem.slot_h

    def limit_price(self, row_price: FloatArray) -> FloatArray:
        """Cost per ampere (kW) more of every row [rows, T]."""
        found = np.zeros((len(self.sums), self.instance.slots))
        found[self.wiring.origin] = row_price / self.scales()[:, None]
        return found

    def row_price(self, slot_price: FloatArray, limit_price: FloatArray) -> FloatArray:
        """Back again; the site's own is the slot price."""
        found = limit_price[self.wiring.origin] * self.scales()[:, None]
        found[0] = slot_price
        return np.asarray(found)


def limits_of(problem: Problem) -> tuple[Instance, Limits, IntArray, FloatArray]:
    """Instance, limits, every car's group and the rooms [R, T] of the rows, with or without conductors."""
    if not problem.wired:
        instance = problem.instance()
        return instance, TreeLimits(instance.parent), instance.node, instance.room
    w = wired(problem)
    return w.instance, w.wiring, w.wiring.group, w.wiring.room


def wired(problem: Problem) -> Wired:
    """All limits as rows."""
    kinds = tuple(sorted({session.lines for session in problem.sessions})) or ("123",)
    kind = np.array([kinds.index(session.lines) for session in problem.sessions], dtype=np.int64)
    sums = tuple(_sums(problem, kinds))
    instance = problem.instance()
    per_kind = np.array([[row.per_kw[k] for k in kinds] for row in sums])
    room = np.stack([_room(row) for row in sums]) * problem.slot_h
    wiring = wire(instance, kind, Given(np.array([row.node for row in sums]), per_kind, room))
    return Wired(problem, sums, kinds, kind, _with_classes(problem, instance, per_kind), wiring)


def _sums(problem: Problem, kinds: tuple[str, ...]) -> Iterator[Sum]:
    ids, caps, bases = problem.node_ids(), problem.caps_kw(), problem.base_loads_kw()
    for node, (cap, base) in enumerate(zip(caps, bases, strict=True)):
        yield Sum(node, "feeder cap" if node else "site cap", "", dict.fromkeys(kinds, 1.0), base, cap)
    for node, given in enumerate(problem.conductors_by_node()):
        if given is not None:
            yield from line_sums(node, given, bases[node], kinds)
    for limit in problem.current_limits:
        yield from limit_sums(ids.index(limit.feeder), limit, problem.slots, kinds)


def _room(row: Sum) -> FloatArray:
    """What charging may add."""
    return np.maximum(row.limit - row.base, _hair(row))


def _hair(row: Sum) -> float:
    return HAIR_A if row.reason == "unbalance" or min(row.per_kw.values()) < 0.0 else 0.0


def _with_classes(problem: Problem, instance: Instance, per_kind: FloatArray) -> Instance:
    """A kWh on one conductor may stand in the way of three on all of them, so classes are further apart than on a tree
    of plain caps.
    """
    least = np.where(per_kind > 0, per_kind, np.inf).min(axis=1)
    exchange = max(1.0, float(np.max(per_kind.max(axis=1) / least)))
    if not problem.sessions:
        return instance
    lowest = unserved_prices(
        instance.cost, instance.base, instance.room[0], instance.most[0], None, 1
    )[0] * exchange  # fmt: skip
    _, rank = np.unique(problem.classes(), return_inverse=True)
    growth = min(1.0 + exchange, DEAREST ** (1.0 / max(int(rank.max()), 1)))
    dear = replace(instance, unserved=lowest * growth**rank)
    return with_equal_share(dear, problem.classes()) if problem.fairness == "equal share" else dear


def solve(problem: Problem) -> Plan:
    """The plan of least cost under all limits, with a certified relative gap (aim 1e-6). Never raises for a valid
    problem.
    """
    w = wired(problem)
    best: tuple[float, FloatArray, FloatArray, float, int] | None = None
    for aim in AIMS:
        energy, price, iterations = wired_point.solve(w.instance, w.wiring, aim)
        served = energy.sum(axis=1)
        objective = w.instance.objective(energy.sum(axis=0), served)
        bound = wired_point.lower_bound(w.instance, w.wiring, price, served)
        gap = relative_gap(objective, bound)
        if best is None or gap < best[0]:
            best = (gap, energy, price, bound, iterations)
        if gap <= GAP_TARGET:
            break
    assert best is not None
    return _plan(w, *best[1:])


def _plan(w: Wired, energy: FloatArray, price: FloatArray, bound: float, iterations: int) -> Plan:
    problem, instance = w.problem, w.instance
    power = energy / problem.slot_h
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
        feeder_price=_feeder_price(w, price),
        shortfalls=tuple(_shortfalls(w, served, price)),
        cap_soft=tuple(_soft(w)),
        method="interior point",
        iterations=iterations,
        limit_price=w.limit_price(price),
    )


def keep_limits(w: Wired, power: FloatArray) -> None:
    """A last look, in place, at the sums as a reader will form them."""
    limits, base, shrink = w.limits(), np.stack([s.base for s in w.sums]), 0.0
    under = [np.isin(w.instance.node, _below(w.instance, s.node)) for s in w.sums]
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


def _feeder_price(w: Wired, price: FloatArray) -> FloatArray:
    """Slot prices at the feeders as their caps of power make them; what conductors add depends on a car's lines."""
    i, found = w.instance, np.repeat(price[:1], w.instance.nodes, axis=0)
    own = np.zeros((i.nodes, i.slots))
    for row, origin in enumerate(w.wiring.origin):
        if 0 < origin < i.nodes:
            own[origin] = price[row]
    for node in range(1, i.nodes):
        found[node] = found[i.parent[node]] + own[node]
    return found[1:]


def _shortfalls(w: Wired, served: FloatArray, price: FloatArray) -> Iterator[Shortfall]:
    """Who lacks what, and the row that made its window dearest."""
    i, ids = w.instance, w.problem.node_ids()
    own = price.copy()
    own[0] = np.maximum(own[0] - i.cost.price(i.base), 0.0)
    for n, session in enumerate(w.problem.sessions):
        clipped, missing = session.energy_kwh - float(i.energy[n]), float(i.energy[n] - served[n])
        if clipped > SHORTFALL_MIN * session.energy_kwh:
            yield Shortfall(session.id, clipped, "window too short")
        if missing > SHORTFALL_MIN * session.energy_kwh:
            guilt = w.wiring.coef[:, w.wiring.group[n]] * own[:, i.arrive[n] : i.depart[n]].sum(axis=1)
            to_blame = w.sums[w.wiring.origin[int(np.argmax(guilt))]]
            yield Shortfall(session.id, missing, to_blame.reason, ids[to_blame.node], to_blame.line)


def _soft(w: Wired) -> Iterator[CapSoft]:
    """Where the base load alone is over a limit."""
    ids = w.problem.node_ids()
    for row in w.sums:
        for slot in np.flatnonzero(row.base > row.limit):
            excess, power = float(row.base[slot] - row.limit[slot]), not row.line
            yield CapSoft(int(slot), excess if power else 0.0, ids[row.node], row.line, 0.0 if power else excess)
