"""Exact plans by a structured interior-point method (Mehrotra predictor-corrector) for one cap or a tree of caps.

Each Newton step eliminates every car by hand; what is left couples the slots of each node and, along the edges of the
tree, the nodes (`optimizer.network`). Start and step length keep every car's energy and every dual condition exact,
so only complementarity and the slacks of the caps are left to drive to zero. Every car has one more entry for energy
not served, at a price above any slot: a strictly interior point always exists, and the answer is never "infeasible".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.blas import dsyrk

from optimizer.arrays import FloatArray, IntArray
from optimizer.entries import Caps, Entries, make_entries
from optimizer.instance import Instance, default_price, price_scale, up_the_tree, usable_room
from optimizer.network import Network
from optimizer.repair import repair
from optimizer.slot_cost import Scaled

ITERATIONS_MAX = 60
PROXIMAL = 1e-9
TO_BOUNDARY = 0.995
STEP_MIN = 1e-10
GAP_AIM = 9e-7
SLACK_AIM = 1e-7
FIRST_FILL = 0.9
FIRST_SLACK = 0.1
FREE_ROOM = 1.2
PRICE_LIMIT = 10.0
"""Prices of a stalled point beyond this multiple of the dearest possible are cut: they would only hurt the bound."""
FIRST_MU = 0.1
FLOOR = 0.01
CURVATURE_MIN = 1e-9

Direction: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


@dataclass(eq=False, slots=True)
class _Point:
    """`space` [2, entries]: energies, and what is left to their limits; `dual` of both; slacks and prices of the caps
    and prices at the nodes [K, T].
    """

    space: FloatArray
    dual: FloatArray
    slack: FloatArray
    cap_price: FloatArray
    price: FloatArray


def _start(e: Entries, caps: Caps) -> _Point:
    """Every car spread evenly over its window, a tenth unserved; duals that agree with the prices."""
    length = e.lasts - e.starts
    rate = e.upper[e.starts]
    share = FIRST_FILL * np.minimum(e.energy / (rate * length), 1.0)
    x = share[e.car] * e.upper
    x[e.lasts] = e.energy - share * rate * length
    flow = caps.flow(e.per_terminal(x))
    slack = np.maximum(caps.room - flow, FIRST_SLACK * caps.room)
    level = float(np.mean(np.minimum(x, e.upper - x)))
    mu = FIRST_MU * level
    cap_price = mu / slack
    price = cap_price.copy()
    price[0] += caps.cost.price(caps.base + flow[0])
    for node in range(1, e.nodes):
        price[node] += price[caps.parent[node]]
    offer = e.at_entries(price)
    slope = offer + e.extra - (e.per_car(offer) / length)[e.car]
    dual = np.maximum(np.stack([slope, -slope]), 0.0) + (FLOOR + mu / e.upper)
    return _Point(np.stack([x, e.upper - x]), dual, slack, cap_price, price)


class _Newton:
    """The linearised optimality conditions at one point, factorised once for predictor and corrector."""

    def __init__(self, e: Entries, caps: Caps, p: _Point) -> None:
        self.e, self.caps, self.p = e, caps, p
        flow = caps.flow(e.per_terminal(p.space[0]))
        self.load = caps.base + flow[0]
        self.slack_miss = caps.room - flow - p.slack
        self.total = float(np.vdot(p.space, p.dual) + np.vdot(p.slack, p.cap_price))

    def good_enough(self) -> bool:
        """Whether complementarity and cap misses are small against the cost and the rooms."""
        cost = abs(float(self.caps.cost.value(self.load).sum()) + float(self.e.extra @ self.p.space[0]))
        return self.total <= GAP_AIM * cost and bool((np.abs(self.slack_miss) <= SLACK_AIM * self.caps.room).all())

    def factorise(self) -> None:
        """Eliminates the cars."""
        e, p = self.e, self.p
        self.per = 1.0 / p.space
        give = (p.dual * self.per).sum(axis=0)
        give += PROXIMAL
        self.give = np.reciprocal(give, out=give)
        self.car_give = 1.0 / e.per_car(give)
        self.price_miss = self.caps.cost.price(self.load) + p.cap_price[0] - p.price[0]
        self.cap_stiff = p.cap_price / p.slack
        stiff = self.cap_stiff.copy()
        stiff[0] += np.maximum(self.caps.cost.curvature(self.load), CURVATURE_MIN)
        self.network = Network(self.caps.parent, *self._conductances(), 1.0 / stiff)

    def _conductances(self) -> tuple[FloatArray, FloatArray]:
        """Between the slots of each node, and to ground."""
        e = self.e
        rows = np.sqrt(self.car_give)[e.car]
        rows *= self.give
        coupling, ground = np.zeros((e.nodes, e.slots, e.slots)), np.zeros((e.nodes, e.slots))
        for table in e.tables:
            table.values.ravel()[table.places] = rows[table.entries]
            product = dsyrk(1.0, table.values.T)
            coupling[table.node, table.columns, table.columns] += product[:-1, :-1]
            ground[table.node, table.columns] += product[:-1, -1]
        return coupling, ground

    def direction(self, pull: FloatArray, cap_pull: FloatArray) -> Direction:
        """Steps of x, slacks, cap prices and node prices; `pull` and `cap_pull` are what the complementarity wants."""
        e, give = self.e, self.give
        pull *= give
        pull -= give * (e.per_car(pull) * self.car_give)[e.car]
        cap_lift = cap_pull - self.cap_stiff * self.slack_miss
        lift = cap_lift.copy()
        lift[0] += self.price_miss
        price = self.network.solve(e.per_terminal(pull), lift)
        offer = e.at_entries(price)
        offer -= (e.per_car(give * offer) * self.car_give)[e.car]
        offer *= give
        pull -= offer
        flow = self.caps.flow(e.per_terminal(pull))
        return pull, self.slack_miss - flow, cap_lift + self.cap_stiff * flow, price

    def next_point(self) -> tuple[_Point, float]:
        """Predictor, then corrector."""
        p = self.p
        x, slack, cap_price, _ = self.direction(p.dual[1] - p.dual[0], -p.cap_price)
        turn = self._relative(x)
        reach = max(-float(turn.min()), 1.0 + float(turn.max()), _reach(slack, p.slack), _reach(cap_price, p.cap_price))
        step = 1.0 / max(1.0, reach)
        turn += turn * turn
        turn *= p.dual
        bent = float(np.vdot(p.space, turn))
        caps_before = float(np.vdot(p.slack, p.cap_price))
        caps_after = float(np.vdot(p.slack + step * slack, p.cap_price + step * cap_price))
        after = (1.0 - step) * (self.total - caps_before) - step * step * bent + caps_after
        count = turn.size + p.slack.size
        aim = (max(after, 0.0) / self.total) ** 3 * self.total / count
        return self._correct(aim, turn, slack * cap_price)

    def _relative(self, x: FloatArray) -> FloatArray:
        """Steps of both spaces relative to them."""
        relative = self.per * x
        np.negative(relative[1], out=relative[1])
        return relative

    def _correct(self, aim: float, turn: FloatArray, cap_turn: FloatArray) -> tuple[_Point, float]:
        p = self.p
        turn -= p.dual
        turn += aim * self.per
        x, slack, cap_price, price = self.direction(turn[0] - turn[1], (aim - cap_turn) / p.slack - p.cap_price)
        move = self._relative(x)
        turn -= p.dual * move
        reach = max(-float(move.min()), _reach(turn, p.dual), _reach(slack, p.slack), _reach(cap_price, p.cap_price))
        step = min(1.0, TO_BOUNDARY / max(reach, TO_BOUNDARY))
        move *= step
        move += 1.0
        move *= p.space
        turn *= step
        turn += p.dual
        following = _Point(move, turn, p.slack + step * slack, p.cap_price + step * cap_price, p.price + step * price)
        return following, step


def _reach(change: FloatArray, value: FloatArray) -> float:
    """How often the change fits before a value becomes 0, inverted."""
    return -float((change / value).min())


def solve(instance: Instance) -> tuple[FloatArray, FloatArray, int]:
    """Energy per car and slot [N, T], within every limit, price per node and slot [K, T], number of iterations."""
    unit = float(np.max(instance.rate, initial=0.0)) or 1.0
    room, money = usable_room(instance), price_scale(instance)
    e, price = make_entries(instance, room, unit, money), default_price(instance, room)
    if e is None:
        return np.zeros((len(instance.rate), instance.slots)), price, 0
    room /= unit
    caps = Caps(
        instance.parent, _finite(instance, room, unit), Scaled(instance.cost, unit, money), instance.base / unit
    )
    with np.errstate(all="ignore"):
        point, iterations = _iterate(e, caps)
        found = np.clip(np.nan_to_num(point.price), -PRICE_LIMIT, PRICE_LIMIT * max(1.0, float(e.extra.max())))
        energy = repair(e, instance.parent, room, point.space[0], found)
    energy *= unit
    return e.table(energy, len(instance.rate)), _with_closed(price, found * money, e, instance.parent), iterations


def _finite(instance: Instance, room: FloatArray, unit: float) -> FloatArray:
    """Rooms no larger than what can be used, and never 0, so that slacks are well scaled."""
    room = np.minimum(room, FREE_ROOM / unit * instance.attainable())
    return np.where(room > 0, room, 1.0)


def _with_closed(price: FloatArray, found: FloatArray, e: Entries, parent: IntArray) -> FloatArray:
    """Prices as found, but the given ones where no car hangs on the node or below it."""
    used = up_the_tree(parent, e.per_terminal(np.ones(len(e.car))))
    return np.where(used > 0, found, price)


def _iterate(e: Entries, caps: Caps) -> tuple[_Point, int]:
    """The last sound point and the number of iterations."""
    p = _start(e, caps)
    for iteration in range(ITERATIONS_MAX):
        try:
            newton = _Newton(e, caps, p)
            if newton.good_enough():
                return p, iteration
            newton.factorise()
            following, step = newton.next_point()
        except (LinAlgError, FloatingPointError, ValueError):
            return p, iteration
        if step < STEP_MIN or not np.isfinite(following.space).all():
            return p, iteration
        p = following
    return p, ITERATIONS_MAX
