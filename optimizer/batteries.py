"""Batteries in normal form: stationary ones and cars that feed back, as arrays; what they earn at given prices.

A battery may charge and discharge in its slots [arrive, depart), its energy follows charge·η_c − discharge/η_d, and
what it lacks of `wanted` at the end costs `dear` per kWh. For any value v_t of the energy in it, per slot, the sum of
independent minimisations over charge, discharge and energy is a lower bound on what it must cost at prices π
(Lagrange), so v is all that a proof needs. Energies kWh, powers kWh per slot.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.models.storage import Storage
from optimizer.models.vehicle import V2gSession

NEGLIGIBLE = 1e-9


@dataclass(frozen=True, eq=False, slots=True)
class Batteries:
    """[S] each; `charge` and `discharge` [S, T] are the most per slot, 0 outside the window."""

    node: IntArray
    arrive: IntArray
    depart: IntArray
    charge: FloatArray
    discharge: FloatArray
    gain: FloatArray
    loss: FloatArray
    least: FloatArray
    most: FloatArray
    start: FloatArray
    wanted: FloatArray
    dear: FloatArray
    wear: FloatArray

    @property
    def count(self) -> int:
        """Number of batteries S."""
        return len(self.node)

    @property
    def strongest(self) -> float:
        """The most that one of them charges or discharges in a slot."""
        return float(max(np.max(side, initial=0.0) for side in (self.charge, self.discharge)))

    def path(self, charge: FloatArray, discharge: FloatArray) -> FloatArray:
        """Energy at the end of every slot [S, T]."""
        moved = self.gain[:, None] * charge - discharge * self.loss[:, None]
        return np.asarray(self.start[:, None] + np.cumsum(moved, axis=1))

    def lacking(self, charge: FloatArray, discharge: FloatArray) -> FloatArray:
        """What is missing at the end [S]."""
        moved = (self.gain[:, None] * charge - discharge * self.loss[:, None]).sum(axis=1)
        return np.asarray(np.maximum(self.wanted - self.start - moved, 0.0))

    def cost(self, charge: FloatArray, discharge: FloatArray) -> float:
        """Wear, and what is missing at the end."""
        return float(self.wear @ discharge.sum(axis=1) + self.dear @ self.lacking(charge, discharge))

    def own_flow(self, net: FloatArray, nodes: int) -> FloatArray:
        """Net draw [S, T] by node [K, T]."""
        total = np.zeros((nodes, net.shape[1]))
        np.add.at(total, self.node, net)
        return total

    def bound(self, price: FloatArray, value: FloatArray) -> float:
        """The least that they can cost at `price` [K, T], whatever the `value` [S, T] of a kWh in them."""
        own, inside = price[self.node], self.inside()
        value = np.where(inside, value, 0.0)
        charging = self.charge * np.minimum(own - self.gain[:, None] * value, 0.0)
        discharging = self.discharge * np.minimum((value * self.loss[:, None]) - own + self.wear[:, None], 0.0)
        return float(charging.sum() + discharging.sum() + self._keeping(value).sum())

    def inside(self) -> BoolArray:
        """Where each is present [S, T]."""
        slot = np.arange(self.charge.shape[1])
        return np.asarray((slot >= self.arrive[:, None]) & (slot < self.depart[:, None]))

    def _keeping(self, value: FloatArray) -> FloatArray:
        """What keeping energy over the borders of slots costs at least, and what the last of it is worth."""
        rows, last = np.arange(self.count), self.depart - 1
        slope = value.copy()
        slope[:, :-1] -= value[:, 1:]
        end = value[rows, last]
        slope[rows, last] = 0.0
        slope = np.where(self.inside(), slope, 0.0)
        kept = np.where(slope > 0, self.least[:, None], self.most[:, None]) * slope
        ends = np.stack([self.least, self.wanted, self.most])
        at_end = ends * end + self.dear * np.maximum(self.wanted - ends, 0.0)
        return np.asarray(kept.sum(axis=1) + at_end.min(axis=0) - self.start * value[rows, self.arrive])

    def netted(self, charge: FloatArray, discharge: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Without charging and discharging in one slot, the energy in it unchanged but for rounding at its limits (the
        site draws a little less).
        """
        path = np.clip(self.path(charge, discharge), self.least[:, None], self.most[:, None])
        move = np.diff(path, axis=1, prepend=self.start[:, None])
        into, out_of = np.maximum(move, 0.0) / self.gain[:, None], np.maximum(-move, 0.0) / self.loss[:, None]
        return np.minimum(into, self.charge), np.minimum(out_of, self.discharge)


def make_batteries(
    storages: Sequence[Storage],
    cars: Sequence[V2gSession],
    slots: int,
    slot_h: float,
    nodes: Sequence[str],
    dear: float,
    step: float,
    closed: FloatArray,
) -> Batteries:
    """`dear`: price of a kWh that the lowest class lacks, `step` more for each higher one; storages count among the
    highest. `closed` [K, T]: where nothing may charge.
    """
    classes = sorted({car.priority for car in cars})
    everything: list[Storage | V2gSession] = [*storages, *cars]
    windows = [(0, slots) for _ in storages] + [(c.arrival_slot, c.departure_slot) for c in cars]
    arrive, depart = (np.array([w[side] for w in windows], dtype=np.int64) for side in (0, 1))
    node = np.array([nodes.index(b.feeder) for b in everything], dtype=np.int64)
    slot = np.arange(slots)
    inside = (slot >= arrive[:, None]) & (slot < depart[:, None])

    def of(name: str) -> FloatArray:
        return np.array([getattr(b, name) for b in everything], dtype=np.float64)

    wanted = [s.end_kwh for s in storages] + [min(c.energy_wanted_kwh, c.reachable_kwh(slot_h)) for c in cars]
    least = [min(s.energy_min_kwh, s.energy_start_kwh) for s in storages] + [c.floor_kwh for c in cars]
    rank = [len(classes)] * len(storages) + [classes.index(c.priority) for c in cars]
    loss = 1.0 / of("discharge_efficiency")
    gain = of("charge_efficiency")
    return Batteries(
        node=node,
        arrive=arrive,
        depart=depart,
        charge=of("charge_max_kw")[:, None] * slot_h * inside * (1.0 - closed[node]),
        discharge=of("discharge_max_kw")[:, None] * slot_h * inside,
        gain=gain,
        loss=loss,
        least=np.array(least, dtype=np.float64),
        most=of("energy_max_kwh"),
        start=of("energy_start_kwh"),
        wanted=np.maximum(np.array(wanted, dtype=np.float64), np.array(least, dtype=np.float64)),
        # A kWh inside costs more than one at the meter.
        dear=(dear + step * np.array(rank, dtype=np.float64)) * np.maximum(1.0 / np.maximum(gain, 0.1), loss),
        wear=of("wear_per_kwh"),
    )
