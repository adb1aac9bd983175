"""Exact plans by a structured interior-point method (Mehrotra predictor-corrector) for one cap or a tree of caps.

Each Newton step eliminates every car by hand; what is left couples the slots of each node and, along the edges of the
tree, the nodes (`optimizer.network`). Start and step length keep every car's energy and every dual condition exact,
so only complementarity and the slacks of the caps are left to drive to zero. Every car has one more entry for energy
not served, at a price above any slot: a strictly interior point always exists, and the answer is never "infeasible".
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.blas import dsyrk

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import Instance, default_price, price_scale, usable_room
from optimizer.network import Network
from optimizer.slot_cost import Scaled, SlotCost

ITERATIONS_MAX = 60
PROXIMAL = 1e-9
TO_BOUNDARY = 0.995
STEP_MIN = 1e-10
GAP_AIM = 5e-7
SLACK_AIM = 1e-10
FIRST_FILL = 0.9
FIRST_SLACK = 0.1
FREE_ROOM = 1.2
TABLE_CARS = 128
CURVATURE_MIN = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A few cars of one node as a dense table over the slots they share; the same entries are filled in every time."""

    node: int
    cars: slice
    columns: slice
    entries: IntArray
    places: IntArray
    values: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """The cars' slots with room in a row, car after car (node after node), each car's unserved energy last; scaled.

    `terminal` = node·T + slot, the unserved energy all at K·T; `extra` price of an entry besides that of its terminal.
    """

    cars: IntArray
    car: IntArray
    terminal: IntArray
    starts: IntArray
    lasts: IntArray
    upper: FloatArray
    extra: FloatArray
    energy: FloatArray
    nodes: int
    slots: int
    tables: tuple[Table, ...]

    def per_car(self, values: FloatArray) -> FloatArray:
        """Sums per car."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def per_terminal(self, values: FloatArray) -> FloatArray:
        """Sums per node and slot [K, T], the unserved energy left out."""
        size = self.nodes * self.slots
        sums = np.bincount(self.terminal, values, size + 1)[:size]
        return np.asarray(sums.reshape(self.nodes, self.slots), dtype=np.float64)

    def at_entries(self, values: FloatArray) -> FloatArray:
        """A value [K, T] at the entries, 0 at the unserved energy."""
        return np.append(values.ravel(), 0.0).take(self.terminal)


def make_entries(instance: Instance, room: FloatArray, unit: float, money: float) -> Entries | None:
    """Cars that want something and have a slot with room; None when there is none."""
    open_at = room > 0
    for below in range(1, instance.nodes):
        open_at[below] &= open_at[instance.parent[below]]
    live = instance.window() & open_at[instance.node]
    cars = np.flatnonzero((instance.energy > 0) & live.any(axis=1))
    if len(cars) == 0:
        return None
    cars = cars[np.lexsort((instance.arrive[cars], instance.node[cars]))]
    present = np.column_stack([live[cars], np.ones(len(cars), dtype=np.bool_)])
    car, slot = np.nonzero(present)
    starts = np.flatnonzero(np.diff(car, prepend=-1)).astype(np.int64)
    lasts = np.append(starts[1:], len(car)) - 1
    node, energy = instance.node[cars], instance.energy[cars] / unit
    terminal = node[car] * instance.slots + slot
    terminal[lasts] = instance.nodes * instance.slots
    upper = (instance.rate[cars] / unit)[car]
    upper[lasts] = 2.0 * energy
    extra = np.zeros(len(car))
    extra[lasts] = instance.unserved[cars] / money
    tables = tuple(_tables(node, car, slot, starts, lasts))
    return Entries(cars, car, terminal, starts, lasts, upper, extra, energy, instance.nodes, instance.slots, tables)


def _tables(node: IntArray, car: IntArray, slot: IntArray, starts: IntArray, lasts: IntArray) -> Iterator[Table]:
    borders = np.flatnonzero(np.diff(node, prepend=-1, append=-1))
    for left, right in pairwise(borders):
        for first in range(int(left), int(right), TABLE_CARS):
            last = min(first + TABLE_CARS, int(right))
            entries = np.arange(starts[first], lasts[last - 1])
            entries = entries[np.isin(entries, lasts, invert=True)]
            low, high = int(slot[entries].min()), int(slot[entries].max()) + 1
            places = (car[entries] - first) * (high - low) + slot[entries] - low
            values = np.zeros((last - first, high - low))
            yield Table(int(node[first]), slice(first, last), slice(low, high), entries, places, values)


@dataclass(frozen=True, eq=False, slots=True)
class Caps:
    """Tree, rooms and slot cost in the same scale."""

    parent: IntArray
    room: FloatArray
    cost: SlotCost
    base: FloatArray

    def flow(self, own: FloatArray) -> FloatArray:
        """Energy under each node."""
        total = own.copy()
        for node in range(len(self.parent) - 1, 0, -1):
            total[self.parent[node]] += total[node]
        return total


@dataclass(eq=False, slots=True)
class _Point:
    """Energies x, what is left to their limits, duals of both; prices of cars; slacks and prices of caps; node
    prices.
    """

    x: FloatArray
    left: FloatArray
    low: FloatArray
    high: FloatArray
    slack: FloatArray
    cap_price: FloatArray
    price: FloatArray


def _start(e: Entries, caps: Caps) -> _Point:
    """Every car spread evenly over its window, a tenth unserved."""
    length = np.diff(np.append(e.starts, len(e.car))) - 1
    rate = e.upper[e.starts]
    share = FIRST_FILL * e.energy / (rate * length)
    x = share[e.car] * e.upper
    x[e.lasts] = e.energy - share * rate * length
    own = e.per_terminal(x)
    flow = caps.flow(own)
    slack = np.maximum(caps.room - flow, FIRST_SLACK * caps.room)
    level = float(np.mean(np.minimum(x, e.upper - x)))
    mu = 0.1 * level
    cap_price = mu / slack
    price = cap_price.copy()
    price[0] += caps.cost.price(caps.base + flow[0])
    for node in range(1, e.nodes):
        price[node] += price[caps.parent[node]]
    offer = e.at_entries(price)
    usual = (e.per_car(offer) / length)[e.car]
    slope = offer + e.extra - usual
    floor = 0.1 * mu / level + mu / e.upper
    return _Point(
        x, e.upper - x, np.maximum(slope, 0.0) + floor, np.maximum(-slope, 0.0) + floor, slack, cap_price, price
    )


Direction: TypeAlias = tuple[FloatArray, FloatArray, FloatArray, FloatArray]


class _Newton:
    """The linearised optimality conditions at one point, factorised once for predictor and corrector."""

    def __init__(self, e: Entries, caps: Caps, p: _Point) -> None:
        self.e, self.caps, self.p = e, caps, p
        self.per_x, self.per_left = 1.0 / p.x, 1.0 / p.left
        self.low_stiff, self.high_stiff = p.low * self.per_x, p.high * self.per_left
        self.give = self.low_stiff + self.high_stiff
        self.give += PROXIMAL
        np.reciprocal(self.give, out=self.give)
        self.car_give = 1.0 / e.per_car(self.give)
        flow = caps.flow(e.per_terminal(p.x))
        self.load = load = caps.base + flow[0]
        self.slack_miss = caps.room - flow - p.slack
        self.price_miss = caps.cost.price(load) + p.cap_price[0] - p.price[0]
        self.cap_stiff = p.cap_price / p.slack
        stiff = self.cap_stiff.copy()
        stiff[0] += np.maximum(caps.cost.curvature(load), CURVATURE_MIN)
        coupling, ground = self._conductances()
        self.network = Network(caps.parent, coupling, ground, 1.0 / stiff)

    def _conductances(self) -> tuple[FloatArray, FloatArray]:
        """Between the slots of each node, and to ground."""
        e = self.e
        rows = self.give * np.sqrt(self.car_give)[e.car]
        unserved = rows[e.lasts]
        coupling = np.zeros((e.nodes, e.slots, e.slots))
        ground = np.zeros((e.nodes, e.slots))
        for table in e.tables:
            table.values.ravel()[table.places] = rows[table.entries]
            coupling[table.node, table.columns, table.columns] += dsyrk(1.0, table.values.T)
            ground[table.node, table.columns] += unserved[table.cars] @ table.values
        return coupling, ground

    def direction(self, pull: FloatArray, cap_pull: FloatArray) -> Direction:
        """Steps of x, slacks, cap prices and node prices; `pull` and `cap_pull` are what the complementarity wants."""
        e, give = self.e, self.give
        moved = give * pull
        moved -= give * (e.per_car(moved) * self.car_give)[e.car]
        lift = cap_pull - self.cap_stiff * self.slack_miss
        cap_lift = lift.copy()
        lift[0] += self.price_miss
        price = self.network.solve(e.per_terminal(moved), lift)
        offer = e.at_entries(price)
        offer -= (e.per_car(give * offer) * self.car_give)[e.car]
        offer *= give
        moved -= offer
        flow = self.caps.flow(e.per_terminal(moved))
        return moved, self.slack_miss - flow, cap_lift + self.cap_stiff * flow, price

    def good_enough(self) -> bool:
        """Whether complementarity and cap misses are small against the cost and the rooms."""
        p, e = self.p, self.e
        cost = abs(float(self.caps.cost.value(self.load).sum()) + float(e.extra @ p.x))
        total = self.mean() * (2 * len(p.x) + p.slack.size)
        miss = float(np.max(np.abs(self.slack_miss) / self.caps.room))
        return total <= GAP_AIM * cost and miss <= SLACK_AIM

    def mean(self) -> float:
        """Mean complementarity product."""
        p = self.p
        total = p.x @ p.low + p.left @ p.high + p.slack.ravel() @ p.cap_price.ravel()
        return float(total) / (2 * len(p.x) + p.slack.size)

    def next_point(self) -> tuple[_Point, float]:
        p, mu = self.p, self.mean()
        x, slack, cap_price, _ = self.direction(p.high - p.low, -p.cap_price)
        to_low, to_high = x * self.per_x, x * self.per_left
        np.negative(to_high, out=to_high)
        reach = max(
            -float(to_low.min()), -float(to_high.min()), 1.0 + float(to_low.max()), 1.0 + float(to_high.max()),
            float((-slack / p.slack).max()), float((-cap_price / p.cap_price).max()),
        )  # fmt: skip
        step = 1.0 / max(1.0, reach)
        low_turn, high_turn = to_low * (1.0 + to_low), to_high * (1.0 + to_high)
        low_turn *= p.low
        high_turn *= p.high
        bent = p.x @ low_turn + p.left @ high_turn
        caps_after = float(((p.slack + step * slack) * (p.cap_price + step * cap_price)).sum())
        total = p.x @ p.low + p.left @ p.high
        count = 2 * len(p.x) + p.slack.size
        after = ((1.0 - step) * total - step * step * bent + caps_after) / count
        aim = (max(float(after), 0.0) / mu) ** 3 * mu
        return self._correct(aim, low_turn, high_turn, slack * cap_price)

    def _correct(
        self, aim: float, low_turn: FloatArray, high_turn: FloatArray, cap_turn: FloatArray
    ) -> tuple[_Point, float]:
        p = self.p
        low = low_turn - p.low
        low += aim * self.per_x
        high = high_turn - p.high
        high += aim * self.per_left
        x, slack, cap_price, price = self.direction(low - high, (aim - cap_turn) / p.slack - p.cap_price)
        low -= self.low_stiff * x
        high += self.high_stiff * x
        reach = max(
            -float((x * self.per_x).min()), float((x * self.per_left).max()),
            -float((low / p.low).min()), -float((high / p.high).min()),
            float((-slack / p.slack).max()), float((-cap_price / p.cap_price).max()),
        )  # fmt: skip
        step = min(1.0, TO_BOUNDARY / max(reach, TO_BOUNDARY))
        x *= step
        low *= step
        high *= step
        following = _Point(
            p.x + x, p.left - x, p.low + low, p.high + high,
            p.slack + step * slack, p.cap_price + step * cap_price, p.price + step * price,
        )  # fmt: skip
        return following, step


def solve(instance: Instance) -> tuple[FloatArray, FloatArray, int]:
    """Energy per car and slot [N, T], price per node and slot [K, T] and the number of iterations."""
    most = instance.attainable()
    unit = float(np.max(instance.rate, initial=0.0)) or 1.0
    room, money = usable_room(instance), price_scale(instance)
    e = make_entries(instance, room, unit, money)
    price = default_price(instance, room)
    energy = np.zeros((len(instance.rate), instance.slots))
    if e is None:
        return energy, price, 0
    scaled = np.where(room > 0, np.minimum(room, FREE_ROOM * most), 0.0) / unit
    scaled = np.where(scaled > 0, scaled, 1.0)
    caps = Caps(instance.parent, scaled, Scaled(instance.cost, unit, money), instance.base / unit)
    with np.errstate(all="ignore"):
        point, iterations = _iterate(e, caps)
    slots = np.delete(np.arange(len(e.car)), e.lasts)
    energy[e.cars[e.car[slots]], e.terminal[slots] % e.slots] = point.x[slots] * unit
    return energy, _with_closed(price, point.price * money, e), iterations


def _with_closed(price: FloatArray, found: FloatArray, e: Entries) -> FloatArray:
    """Prices as found, but the given ones at terminals that no car can use."""
    used = np.zeros(e.nodes * e.slots + 1, dtype=np.bool_)
    used[e.terminal] = True
    return np.where(used[:-1].reshape(price.shape), found, price)


def _iterate(e: Entries, caps: Caps) -> tuple[_Point, int]:
    """The last sound point and the number of iterations."""
    p = _start(e, caps)
    for iteration in range(ITERATIONS_MAX):
        try:
            newton = _Newton(e, caps, p)
            if newton.good_enough():
                return p, iteration
            following, step = newton.next_point()
        except (LinAlgError, FloatingPointError, ValueError):
            return p, iteration
        if step < STEP_MIN or not np.isfinite(following.x).all():
            return p, iteration
        p = following
    return p, ITERATIONS_MAX
