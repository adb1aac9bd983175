"""Batteries in the interior point: each is eliminated by the tridiagonal system of the values of its energy.

A battery is a network of its own: charge and discharge lead from the price of a slot to the value of the energy in it
(with losses), the energy kept over a border of slots leads from one value to the next. Seen from the prices it couples
all slots of its window, as a car does.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import LinAlgError
from scipy.linalg.lapack import dpttrf, dpttrs

from optimizer.arrays import BoolArray, FloatArray
from optimizer.batteries import Batteries
from optimizer.devices import Device

PROXIMAL = 1e-9
FIRST_MU = 0.1
FLOOR = 0.01
WIDTH_MIN = 1e-9
HALF = 0.5
"""Share of its power by which a battery moves at first, at most: both charge and discharge stay inside."""


class BatteryPoint(Device):
    """One point of all batteries; variables [S, 3T + 2]: charge, discharge, energy at the end of slots, what is lacking
    at the end and what is left over.

    `value` [S, T]: the value of a kWh in the battery, in the slots of its window.
    """

    def __init__(self, batteries: Batteries, unit: float, money: float, nodes: int) -> None:
        self.b, self.nodes, self.slots = batteries, nodes, batteries.charge.shape[1]
        self.scale, b, t = unit, batteries, self.slots
        rows, self.last = np.arange(b.count), b.depart - 1
        inside = b.inside()
        zeros = np.zeros((b.count, t))
        self.low = np.hstack([zeros, zeros, np.repeat(b.least[:, None], t, axis=1), np.zeros((b.count, 2))]) / unit
        high = [b.charge, b.discharge, np.repeat(b.most[:, None], t, axis=1)]
        high += [(b.wanted - b.least)[:, None], (b.most - b.wanted)[:, None]]
        self.high = np.hstack(high) / unit
        self.extra = np.zeros_like(self.low)
        self.extra[:, t : 2 * t] = b.wear[:, None] / money
        self.extra[:, 3 * t] = b.dear / money
        keeps = inside.copy()
        keeps[rows, self.last] = False
        usable = np.hstack([inside, inside, keeps, np.ones((b.count, 2), dtype=np.bool_)])
        self.open: BoolArray = usable & (self.high - self.low > WIDTH_MIN)
        self.rows, self.inside = rows, inside

    def begin(self, price: FloatArray, load: FloatArray) -> None:
        """Strictly inside every limit, the energies exact; duals that agree with the prices [K, T]."""
        x = self._first()
        self.space = np.where(self.open, np.stack([x - self.low, self.high - x]), 1.0)
        own = price[self.b.node]
        mean = np.where(self.inside, own, 0.0).sum(axis=1) / self.inside.sum(axis=1)
        self.value = np.where(self.inside, mean[:, None], 0.0)
        slope = self._slope(own, self.value) + self.extra
        width = self.space.sum(axis=0)
        level = float(np.mean(self.space.min(axis=0)[self.open])) if self.open.any() else 1.0
        dual = np.maximum(np.stack([slope, -slope]), 0.0) + (FLOOR + FIRST_MU * level / width)
        self.dual = np.where(self.open, dual, 0.0)
        self.closed_dual = ~np.broadcast_to(self.open, dual.shape)

    def _first(self) -> FloatArray:
        """A path of energies towards the middle of what can be, by at most half the power."""
        b, t, unit = self.b, self.slots, self.scale
        energy, least, most = b.start / unit, b.least / unit, b.most / unit
        x = self.low.copy()
        length = np.maximum(b.depart - b.arrive, 1)
        for slot in range(t):
            here = self.inside[:, slot]
            up, down = b.gain * b.charge[:, slot] / unit, b.loss * b.discharge[:, slot] / unit
            both = (up > 0) & (down > 0)
            aim = np.where(both, 0.5 * (least + most), np.where(up > 0, most, least))
            move = np.clip(np.where(both, HALF, HALF / length) * (aim - energy), -HALF * down, HALF * up)
            first = np.maximum(move, 0.0)
            last = np.minimum(up, move + down)
            into = np.where(here, 0.5 * (first + last), 0.0)
            x[:, slot] = into / b.gain
            x[:, t + slot] = np.where(here, (into - move) / b.loss, 0.0)
            energy = np.where(here, energy + move, energy)
            x[:, 2 * t + slot] = energy
        filled = np.divide(energy - least, most - least, out=np.full(b.count, 0.5), where=most > least)
        x[:, 3 * t] = self.high[:, 3 * t] * (1.0 - filled)
        x[:, 3 * t + 1] = self.high[:, 3 * t + 1] * filled
        return x

    def _slope(self, own: FloatArray, value: FloatArray) -> FloatArray:
        """Of the cost in every variable, without `extra`, at prices `own` [S, T]."""
        b, end = self.b, value[self.rows, self.last][:, None]
        keep = value.copy()
        keep[:, :-1] -= value[:, 1:]
        charge, discharge = own - b.gain[:, None] * value, b.loss[:, None] * value - own
        return np.hstack([charge, discharge, keep, -end, end])

    def total(self) -> float:
        """Sum of the products; closed variables have duals of 0."""
        return float(np.vdot(self.space, self.dual))

    @property
    def size(self) -> int:
        """Number of open pairs."""
        return 2 * int(self.open.sum())

    def _x(self) -> FloatArray:
        return np.where(self.open, self.low + self.space[0], self.low)

    def cost(self) -> float:
        """Wear, and what is lacking at the end."""
        return float(np.vdot(self.extra, self._x()))

    def _net(self, x: FloatArray) -> FloatArray:
        return x[:, : self.slots] - x[:, self.slots : 2 * self.slots]

    def own_flow(self) -> FloatArray:
        """Charge without discharge."""
        return self.b.own_flow(self._net(self._x()), self.nodes)

    def eliminate(self, coupling: FloatArray, ground: FloatArray) -> float:
        """Each battery's conductances between the prices of its slots."""
        b, t = self.b, self.slots
        stiff = (self.dual / self.space).sum(axis=0) + PROXIMAL
        self.give = np.where(self.open, 1.0 / stiff, 0.0)
        charge, discharge, keep = (self.give[:, n * t : (n + 1) * t] for n in range(3))
        before = np.hstack([np.zeros((b.count, 1)), keep[:, :-1]])
        main = keep + before + b.gain[:, None] ** 2 * charge + b.loss[:, None] ** 2 * discharge
        main[self.rows, self.last] += self.give[:, 3 * t] + self.give[:, 3 * t + 1]
        main = np.where(main > 0, main, 1.0)
        self.side = b.gain[:, None] * charge + b.loss[:, None] * discharge
        self.factors = []
        for row in range(b.count):
            window = slice(int(b.arrive[row]), int(b.depart[row]))
            # LAPACK wants one place even where a single slot has no neighbour.
            beside = -keep[row, window][:-1] if len(main[row, window]) > 1 else np.zeros(1)
            diagonal, lower, fault = dpttrf(main[row, window], beside)
            if fault:
                raise LinAlgError("a battery is not positive definite")
            self.factors.append((window, diagonal, lower))
            side = self.side[row, window]
            through = side[:, None] * _solved(diagonal, lower, np.diag(side))
            at = int(b.node[row])
            coupling[at, window, window] += np.tril(through, -1)
            ground[at, window] += (charge + discharge)[row, window] - through.sum(axis=1)
        return 0.0

    def aim(self, target: float | None) -> None:
        """As in `Device`; towards none the new slopes themselves are what is wanted to vanish."""
        if target is None:
            self.pull = -self.extra
        else:
            self.wanted = (target - self.space_step * self.dual_step) / self.space - self.dual
            self.pull = np.where(self.open, self.wanted[0] - self.wanted[1], 0.0)
        self.towards_none = target is None
        self.offered = self.give * self.pull

    def _values(self, sides: FloatArray) -> FloatArray:
        found = np.zeros((self.b.count, self.slots))
        for row, (window, diagonal, lower) in enumerate(self.factors):
            found[row, window] = _solved(diagonal, lower, sides[row, window])
        return found

    def _sides(self) -> FloatArray:
        """Right sides of the values at standing prices."""
        b, t, o = self.b, self.slots, self.offered
        keep = o[:, 2 * t : 3 * t]
        before = np.hstack([np.zeros((b.count, 1)), keep[:, :-1]])
        sides = keep - before - b.gain[:, None] * o[:, :t] + b.loss[:, None] * o[:, t : 2 * t]
        sides[self.rows, self.last] += o[:, 3 * t + 1] - o[:, 3 * t]
        return np.asarray(sides)

    def inflow(self) -> FloatArray:
        """As in `Device`."""
        self.base_value = self._values(self._sides())
        return self.b.own_flow(self._net(self.offered) + self.side * self.base_value, self.nodes)

    def answer(self, price: FloatArray) -> FloatArray:
        """As in `Device`."""
        own = np.where(self.inside, price[self.b.node], 0.0)
        value = self.base_value + self._values(self.side * own)
        move = self.offered - self.give * self._slope(own, value)
        self.space_step = np.stack([move, -move])
        if self.towards_none:
            # Products fall to none in first order; the values are those of the end, not steps.
            self.dual_step = -self.dual - self.dual / self.space * self.space_step
            self.value_step = value - self.value
        else:
            self.dual_step = self.wanted - self.dual / self.space * self.space_step
            self.value_step = value
        self.dual_step[self.closed_dual] = 0.0
        return self.b.own_flow(self._net(move), self.nodes)

    def reach(self) -> float:
        """Closed variables do not move."""
        space = float((self.space_step / self.space).min())
        dual = float(np.where(self.closed_dual, 0.0, self.dual_step / np.where(self.closed_dual, 1.0, self.dual)).min())
        return max(-space, -dual)

    def go(self, step: float) -> None:
        """Goes a part of the step."""
        super().go(step)
        self.value += step * self.value_step

    def result(self) -> tuple[FloatArray, FloatArray]:
        """Charge and discharge [S, T], kWh per slot."""
        x = self._x() * self.scale
        return x[:, : self.slots], x[:, self.slots : 2 * self.slots]


def _solved(diagonal: FloatArray, lower: FloatArray, sides: FloatArray) -> FloatArray:
    found, fault = dpttrs(diagonal, lower, sides)
    if fault:
        raise LinAlgError("a battery's system cannot be solved")
    return np.asarray(found)
