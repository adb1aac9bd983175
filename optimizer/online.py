"""A plan that goes on while cars come and go: warm starts in milliseconds, each with its proof.

A newcomer is placed at once by filling the valleys of the load that the others leave; nobody else moves, every cap
holds. The certificate then says what that cost, and which cars it could be won back from: the gap is a sum over cars.
`improve` plans those few anew, all others fixed, until the gap is as small as wished. So few piles get new set-points.

Time moves on by `shift`: what the passed slots delivered is no longer wanted, who has left is gone, the plan for the
rest stands. Cars that are only expected (`optimizer.expected`) are rows like all others, at the end; a newcomer takes
the place of one of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, TypeVar

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.certificate import relative_gap
from optimizer.demand import fill_valleys
from optimizer.expected import ExpectedCars
from optimizer.fairness import with_equal_share
from optimizer.instance import Instance, present, up_the_tree
from optimizer.limit_rows import nodes_of, rows_of
from optimizer.limiting import NodeLimits, RowLimits, limits_and_kinds
from optimizer.problem import Problem
from optimizer.slot_cost import SlotCost

Row = TypeVar("Row", FloatArray, IntArray)

CARS_AT_ONCE = 40
HANDOVERS_MAX = 12
ROUNDS_MAX = 4
AT_CAP = 1e-6
CARS = ("arrive", "depart", "rate", "energy", "node")
WORTH = 1e-3
AIM = 0.1
ALL_AT_ONCE, COARSE = 400, 0.5
GROWTH = 64
OVER, TINY = 1e-12, 1e-300
SAME_PRICE = 1e-4
"""Slots whose prices differ by less, relative to the dearest, are taken to have the same."""


class Running:
    """The state: the instance with the energies still wanted, the plan [N, T], its prices [R, T] and its proof.

    The first `cars` rows are cars, the others are only expected, `counts` of them. All energies kWh, rates kWh per
    slot. `limits` and `kind` [N], the connection of every car, where more than the caps of the instance limits them;
    `equal_share` as in `optimizer.fairness`.
    """

    def __init__(
        self,
        instance: Instance,
        priority: IntArray | None = None,
        limits: NodeLimits | None = None,
        kind: IntArray | None = None,
        equal_share: bool = False,
    ) -> None:
        nobody = np.zeros(len(instance.rate), dtype=np.int64)
        self.limits = NodeLimits(instance.room) if limits is None else limits
        self.priority, self.kind = (nobody if given is None else given for given in (priority, kind))
        unserved = self.limits.unserved(instance, instance.most, self.priority)
        self.instance = replace(instance, unserved=unserved) if isinstance(limits, RowLimits) else instance
        self.equal_share = equal_share
        if equal_share:
            self.instance = with_equal_share(replace(instance, unserved=unserved), self.priority)
        self.rate_max = instance.rate.copy()
        self.cars, self.counts = len(instance.rate), np.zeros(0)
        self._table = np.zeros((len(instance.rate) + GROWTH, instance.slots))
        self.solve()

    @classmethod
    def of(cls, problem: Problem, connections: Sequence[str] = ()) -> Running:
        """A problem's plan that goes on; where currents are limited newcomers may come on the `connections` and those
        that are in use.
        """
        equal = problem.fairness == "equal share"
        return cls(problem.instance(), problem.classes(), *limits_and_kinds(problem, connections), equal)

    @property
    def energy(self) -> FloatArray:
        """The plan, one row per car."""
        return self._table[: len(self.instance.rate)]

    def solve(self) -> float:
        """Plans everybody anew; the gap."""
        energy, self.price, self.lower_bound = self.limits.solve(self.instance, self.kind, None)
        self.energy[:] = energy
        self.flow = self._flow()
        return self._judge()

    def _flow(self) -> FloatArray:
        return self.limits.flow(self.instance, self.kind, self.energy)

    def arrive(
        self,
        arrive: int,
        depart: int,
        rate: float,
        energy: float,
        node: int = 0,
        priority: int = 0,
        lines: str = "123",
    ) -> int:
        """Places a newcomer under all caps; its row. `improve` brings the proof up to date.

        Only if it would go short do some others move, who can charge at another time. `lines` count where currents are
        limited.
        """
        row, kind = self.cars, self.limits.number(lines)
        if len(self.instance.rate) > row:
            self._come_true(arrive, node, kind)
        self._insert(row, (arrive, depart, rate, energy, node), priority, kind)
        self.cars += 1
        self._place(row)
        if self._table[row].sum() < self.instance.energy[row] * (1.0 - WORTH):
            self._make_way(row)
        return row

    def want(self, row: int, energy: float) -> None:
        """A car wants more or less than thought; only its own row is placed anew."""
        self._change(row, energy, int(self.instance.depart[row]))

    def stays(self, row: int, depart: int) -> None:
        """A car leaves earlier or later than thought; only its own row is placed anew."""
        self._change(row, float(self.instance.energy[row]), depart)

    def leave(self, row: int) -> None:
        """A car goes; the rows behind it move up by one."""
        self._add_flow(row, -self._table[row])
        self._keep(np.arange(len(self.instance.rate)) != row)
        self._cut()

    def expect(self, expected: Sequence[ExpectedCars], priority: int = 0) -> None:
        """Makes these the cars that are expected, instead of those before; each is placed by itself."""
        for row in range(len(self.instance.rate) - 1, self.cars - 1, -1):
            self.leave(row)
        coming = [one for one in expected if one.count * one.energy > 0]
        self.counts = np.array([one.count for one in coming])
        for one in coming:
            row, sizes = len(self.instance.rate), (one.count * one.rate, one.count * one.energy)
            window = one.arrive, min(one.depart, self.instance.slots)
            self._insert(row, (*window, *sizes, one.node), priority, self.limits.number(one.lines))
            self._place(row)

    def shift(self, base: FloatArray, room: FloatArray, cost: SlotCost, slots: int = 1) -> IntArray:
        """Time moves on by so many slots: the new horizon's base load [T], rooms [R, T] and cost, of the same length.

        What the plan gave in the slots that passed counts as delivered (`want` takes the meter's word for it). The
        rows of the cars that have left, which are gone; the others keep their order. The plan is cut to rooms that
        have shrunk, and `improve` makes the best of it.
        """
        i, kept = self.instance, slice(slots, None)
        done = self.energy[:, :slots].sum(axis=1)
        shifted = np.zeros_like(self._table)
        shifted[:, : i.slots - slots] = self._table[:, kept]
        self._table = shifted
        self.price = np.hstack([self.price[:, kept], np.repeat(self.price[:, -1:], slots, axis=1)])
        here = (i.depart > slots) & ((np.arange(len(i.depart)) < self.cars) | (i.arrive >= slots))
        gone = np.flatnonzero(~here[: self.cars])
        energy = np.maximum(i.energy - done, 0.0)
        self.limits.room = np.maximum(room, 0.0)
        self.instance = replace(i, base=base, room=self.limits.room[: i.nodes], cost=cost, energy=energy)
        self._keep(here, slots)
        self.flow = self._flow()
        self._cut()
        return gone

    def shift_to(self, problem: Problem, slots: int = 1) -> IntArray:
        """`shift` to base load, caps and cost of a problem with the same tree; its sessions do not count."""
        moved, room = problem.instance(), None
        if isinstance(self.limits, RowLimits):
            room = rows_of(nodes_of(problem), self.limits.kinds).room() * problem.slot_h
        return self.shift(moved.base, moved.room if room is None else room, moved.cost, slots)

    def _cut(self) -> None:
        """Brings the plan under the rooms where it is over."""
        if (self.flow > self.limits.room * (1.0 + OVER)).any():
            self._table[: len(self.instance.rate)] *= self.limits.fitting(self.instance, self.kind, self.energy)
            self.flow = self._flow()

    def _keep(self, kept: BoolArray, slots: int = 0) -> None:
        """Only these rows, their windows moved by so many slots."""
        i, rows = self.instance, np.flatnonzero(kept)
        self._table[: len(rows)] = self._table[rows].copy()
        self._table[len(rows) : len(kept)] = 0.0
        self.priority, self.kind, self.rate_max = self.priority[kept], self.kind[kept], self.rate_max[kept]
        self.counts = self.counts[kept[self.cars :]]
        self.cars = int(kept[: self.cars].sum())
        cars = {name: getattr(i, name)[kept] for name in CARS}
        cars["arrive"], cars["depart"] = np.maximum(cars["arrive"] - slots, 0), cars["depart"] - slots
        cars["energy"] = np.minimum(cars["energy"], self.rate_max * (cars["depart"] - cars["arrive"]))
        cars["rate"] = np.minimum(self.rate_max, cars["energy"])
        self._take(cars)

    def _change(self, row: int, energy: float, depart: int) -> None:
        i = self.instance
        cars = {name: getattr(i, name).copy() for name in CARS}
        cars["depart"][row] = min(max(depart, int(i.arrive[row]) + 1), i.slots)
        length = cars["depart"][row] - i.arrive[row]
        cars["energy"][row] = min(energy, float(self.rate_max[row]) * length)
        cars["rate"][row] = min(self.rate_max[row], cars["energy"][row])
        self._take(cars)
        self._place(row)

    def _come_true(self, arrive: int, node: int, kind: int) -> None:
        """A newcomer is one of the expected: those at its node and connection that were to come nearest to now go down
        by their count's share.
        """
        i, coming = self.instance, slice(self.cars, None)
        same = self.cars + np.flatnonzero((i.node[coming] == node) & (self.kind[coming] == kind) & (self.counts > 0))
        if len(same) == 0:
            return
        row = int(same[np.argmin(np.abs(i.arrive[same] - arrive))])
        count = self.counts[row - self.cars]
        left = max(count - 1.0, 0.0) / count
        self.counts[row - self.cars] = count * left
        self.rate_max[row] *= left
        self._change(row, float(i.energy[row]) * left, int(i.depart[row]))

    def improve(self, gap: float) -> float:
        """Brings the proof up to date and plans a few cars anew, in the end all, until the gap is reached; the gap."""
        reached = self._prove()
        if reached > gap and len(self.instance.rate) <= ALL_AT_ONCE:
            reached = self._plan_all(gap)
            return reached if reached <= gap else self.solve()
        for _ in range(ROUNDS_MAX):
            if reached <= gap:
                return reached
            if not self._plan_anew(self._chosen(), AIM * gap):
                break
            reached = self._prove()
        return reached if reached <= gap else self.solve()

    def _plan_all(self, gap: float) -> float:
        """Everybody anew, no more exactly than asked for: quicker than some after others when they are few."""
        energy, price, bound = self.limits.solve(self.instance, self.kind, COARSE * gap)
        objective = self.instance.objective(energy.sum(axis=0), energy.sum(axis=1))
        if relative_gap(objective, bound) < self.gap:
            self.energy[:] = energy
            self.flow, self.price, self.lower_bound = self._flow(), price, bound
        return self._judge()

    def _chosen(self) -> IntArray:
        """The cars that the gap could be won back from, and those that can make way where some go short."""
        worst = np.argsort(-self._excess, kind="stable")[:CARS_AT_ONCE]
        worst = worst[self._excess[worst] > WORTH * float(self._excess.max())]
        short = worst[self._missing[worst] > WORTH * self.instance.energy[worst]]
        if len(short) == 0:
            return np.sort(worst)
        yielding = np.argsort(-self._can_yield(short), kind="stable")[:CARS_AT_ONCE]
        return np.union1d(worst, yielding)

    def _can_yield(self, short: IntArray) -> FloatArray:
        """How much every car could move out of the full slots that the short ones need, to slots with room."""
        i = self.instance
        needed = self._full_slots()
        window = np.zeros(i.slots, dtype=np.bool_)
        for row in short:
            window[i.arrive[row] : i.depart[row]] = True
        taken = self.energy[:, needed & window].sum(axis=1)
        likely = np.argsort(-taken, kind="stable")[: 2 * CARS_AT_ONCE]
        slot = np.flatnonzero(~needed)
        there = (slot >= i.arrive[likely, None]) & (slot < i.depart[likely, None])
        spare = (there * (i.rate[likely, None] - self.energy[np.ix_(likely, slot)])).sum(axis=1)
        found = np.zeros(len(taken))
        found[likely] = np.minimum(taken[likely], spare)
        return found

    def _full_slots(self) -> BoolArray:
        return np.asarray((self.flow >= self.limits.room * (1.0 - AT_CAP)).any(axis=0))

    def _make_way(self, row: int) -> None:
        """Cars that can charge at other times hand a newcomer what they have in the full slots of its window."""
        i = self.instance
        full = self._full_slots()[i.arrive[row] : i.depart[row]]
        slots = np.arange(i.arrive[row], i.depart[row])[full]
        yielding = self._can_yield(np.array([row]))
        elsewhere = (i.node != i.node[row]) | (self.kind != self.kind[row])
        yielding[elsewhere | (i.unserved > i.unserved[row])] = 0.0
        yielding[row] = 0.0
        for other in np.argsort(-yielding, kind="stable")[:HANDOVERS_MAX]:
            missing = i.energy[row] - self._table[row].sum()
            if missing <= WORTH * i.energy[row] or yielding[other] <= 0.0:
                break
            fits = np.minimum(self._table[other, slots], i.rate[row] - self._table[row, slots])
            given = np.clip(missing - (np.cumsum(fits) - fits), 0.0, fits)
            self._table[row, slots] += given
            self._table[other, slots] -= given
            self._place(other)

    def _insert(self, row: int, car: tuple[int, int, float, float, int], priority: int, kind: int) -> None:
        """A row for one more car, with nothing planned yet."""
        i, (arrive, depart, rate, energy, node) = self.instance, car
        energy = min(energy, rate * (depart - arrive))
        count = len(i.rate)
        if count == len(self._table):
            self._table = np.concatenate([self._table, np.zeros((GROWTH + count // 4, i.slots))])
        self._table[row + 1 : count + 1] = self._table[row:count].copy()
        self._table[row] = 0.0
        self.priority, self.kind = _inserted(self.priority, row, priority), _inserted(self.kind, row, kind)
        self.rate_max = _inserted(self.rate_max, row, rate)
        values = zip(CARS, (arrive, depart, min(rate, energy), energy, node), strict=True)
        self._take({name: _inserted(getattr(i, name), row, value) for name, value in values})

    def _take(self, cars: dict[str, Any]) -> None:
        """The instance with these cars, and everything that follows from them."""
        i = self.instance
        most = _most(i, cars)
        unserved = self.limits.unserved(i, most, self.priority)
        self.instance = replace(i, **cars, most=most, unserved=unserved, bend=None)
        if self.equal_share:
            self.instance = with_equal_share(self.instance, self.priority)

    def _place(self, row: int) -> None:
        """Gives a car its best plan with all others fixed: first what rows need of it that only it keeps within their
        limits, then the valleys.
        """
        i, energy = self.instance, float(self.instance.energy[row])
        self._add_flow(row, -self._table[row])
        window = slice(i.arrive[row], i.depart[row])
        room, needed = np.zeros(i.slots), np.zeros(i.slots)
        rows, parts = self._ways(row)
        left = (self.limits.room[rows, window] - self.flow[rows, window]) / parts[:, None]
        room[window] = np.clip(left[parts > 0].min(axis=0), 0.0, i.rate[row])
        if (parts < 0).any():
            needed[window] = np.clip(left[parts < 0].max(axis=0), 0.0, room[window])
            needed *= min(1.0, energy / max(float(needed.sum()), energy, TINY))
        load = i.base + self.flow[0] + needed
        self._table[row] = needed + fill_valleys(i.cost, load, room - needed, energy - float(needed.sum()))
        self._add_flow(row, self._table[row])
        self._cut()

    def _ways(self, row: int) -> tuple[IntArray, FloatArray]:
        return self.limits.ways(self.instance, int(self.instance.node[row]), int(self.kind[row]))

    def _add_flow(self, row: int, energy: FloatArray) -> None:
        rows, parts = self._ways(row)
        self.flow[rows] += parts[:, None] * energy

    def _plan_anew(self, cars: IntArray, aim: float) -> bool:
        """The best plan of some cars with all others fixed; False when it is no better than what they have."""
        i, old, kind = self.instance, self.energy[cars], self.kind[cars]
        chosen: dict[str, Any] = {name: getattr(i, name)[cars] for name in CARS}
        bend = None if i.bend is None else i.bend[cars]
        small = replace(i, most=_most(i, chosen), unserved=i.unserved[cars], bend=bend, **chosen)
        others = self.flow - self.limits.flow(small, kind, old)
        new = self.limits.some(small, kind, others, aim)
        beside = replace(small, base=i.base + others[0])
        if new is None:
            return False
        before, after = (beside.objective(x.sum(axis=0), x.sum(axis=1)) for x in (old, new))
        if after >= before:
            return False
        self._table[cars] = new
        self.flow = others + self.limits.flow(small, kind, new)
        return True

    def _prices(self) -> FloatArray:
        """Prices for the present load: slots that had one price keep one, the mean of what it is now.

        Others will level out what a newcomer left uneven, so the mean is nearer to the optimum's price than the
        marginal cost of each slot. A slot at its cap says nothing and follows the rest; caps keep their prices.
        """
        i, old = self.instance, self.price
        full = self.flow >= self.limits.room * (1.0 - AT_CAP)
        load = i.base + self.flow[0]
        now, give = i.cost.price(load), 1.0 / np.maximum(i.cost.curvature(load), 1e-12)
        order = np.argsort(old[0], kind="stable")
        level = np.empty(i.slots, dtype=np.int64)
        level[order] = np.append(0, np.cumsum(np.diff(old[0][order]) > SAME_PRICE * float(np.abs(old[0]).max())))
        speaks = np.where(full[0], 0.0, give)
        weight = np.bincount(level, speaks)
        mean = np.divide(np.bincount(level, speaks * now), weight, out=np.zeros(len(weight)), where=weight > 0)
        root = np.where(weight[level] > 0, mean[level], np.maximum(old[0], now))
        return self.limits.prices(i, root, full, old)

    def _prove(self) -> float:
        """Bound and gap of the present plan, and every car's part of the gap."""
        served = self.energy.sum(axis=1)
        i, rest = self.instance.tangent(served)
        spent = self.limits.spent(i, self.kind, self._prices(), self.energy)
        self.price, self.lower_bound = spent.price, spent.rest + float(spent.cheapest.sum()) + rest
        self._missing = np.maximum(i.energy - served, 0.0)
        self._excess = spent.paid + i.unserved * self._missing - spent.cheapest
        return self._judge()

    def _judge(self) -> float:
        self.objective = self.instance.objective(self.flow[0], self.energy.sum(axis=1))
        self.gap = relative_gap(self.objective, self.lower_bound)
        return self.gap


def _most(i: Instance, cars: dict[str, Any]) -> FloatArray:
    """What these cars could take together under each node [K, T]."""
    own = present(i.slots, i.nodes, cars["arrive"], cars["depart"], cars["node"], cars["rate"])
    return up_the_tree(i.parent, own)


def _inserted(values: Row, row: int, value: float) -> Row:
    """One value more; np.insert takes ten times as long."""
    longer = np.empty(len(values) + 1, dtype=values.dtype)
    longer[:row], longer[row], longer[row + 1 :] = values[:row], value, values[row:]
    return longer
