"""The cars' slots in a row, with the sums that a method needs: per car, per slot and node, and small dense tables.

Only slots with room are there; cars that want nothing or find no room are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.instance import Instance

NOTHING = np.zeros(1)
TABLE_CARS = 128
TABLE_SLOTS = 16
"""Tables hold about so many cars that arrive within so many slots (more when cars are few): they are narrow."""


@dataclass(frozen=True, eq=False, slots=True)
class Table:
    """A few cars of one node as a dense table: a row for each slot they share and, last, for the unserved energy.

    The `entries` are a stretch of the entries; the same `places` of `values` [slots + 1, cars] are filled every time.
    """

    node: int
    cars: slice
    slots: slice
    entries: slice
    places: IntArray
    values: FloatArray


@dataclass(frozen=True, eq=False, slots=True)
class Entries:
    """The cars' slots with room in a row, car after car (node after node), each car's unserved energy last; scaled.

    `terminal` = node·T + slot, the unserved energy all at K·T; `extra` price of an entry besides that of its terminal,
    for the unserved energy rising by `bend` per unit, one per car.
    """

    cars: IntArray
    car: IntArray
    terminal: IntArray
    starts: IntArray
    lasts: IntArray
    upper: FloatArray
    extra: FloatArray
    bend: FloatArray
    energy: FloatArray
    nodes: int
    slots: int
    tables: tuple[Table, ...]

    @property
    def dearest(self) -> float:
        """The largest price that unserved energy can have."""
        return float((self.extra[self.lasts] + self.bend * self.energy).max())

    def per_car(self, values: FloatArray) -> FloatArray:
        """Sums per car."""
        return np.asarray(np.add.reduceat(values, self.starts))

    def per_terminal(self, values: FloatArray) -> FloatArray:
        """Sums per node and slot [K, T], the unserved energy left out."""
        size = self.nodes * self.slots
        sums = np.bincount(self.terminal, values, size + 1)[:size]
        return np.asarray(sums.reshape(self.nodes, self.slots), dtype=np.float64)

    def table(self, values: FloatArray, cars: int) -> FloatArray:
        """The entries as a table [cars, T], 0 elsewhere."""
        table = np.zeros((cars, self.slots))
        place = (self.cars * self.slots).take(self.car)
        place += self.terminal % self.slots if self.nodes > 1 else self.terminal
        served = self.terminal < self.nodes * self.slots
        table.ravel()[place[served]] = values[served]
        return table

    def at_entries(self, values: FloatArray, out: FloatArray | None = None) -> FloatArray:
        """A value [K, T] at the entries, 0 at the unserved energy."""
        return np.concatenate((values.ravel(), NOTHING)).take(self.terminal, out=out, mode="clip")


def make_entries(instance: Instance, room: FloatArray, unit: float, money: float) -> Entries | None:
    """Cars that want something and have a slot with room; None when there is none."""
    open_at = room > 0
    for below in range(1, instance.nodes):
        open_at[below] &= open_at[instance.parent[below]]
    opened = np.zeros((instance.nodes, instance.slots + 1), dtype=np.int64)
    np.cumsum(open_at, axis=1, out=opened[:, 1:])
    room_slots: IntArray = opened[instance.node, instance.depart] - opened[instance.node, instance.arrive]
    cars = np.flatnonzero((instance.energy > 0) & (room_slots > 0))
    if len(cars) == 0:
        return None
    near = instance.arrive // max(TABLE_SLOTS, instance.slots * TABLE_CARS * instance.nodes // len(cars))
    cars = cars[np.lexsort((instance.depart[cars], near[cars], instance.node[cars]))]
    node, energy = instance.node[cars], instance.energy[cars] / unit
    car, slot, behind = _slots(instance.arrive[cars], instance.depart[cars])
    terminal = slot + (node * instance.slots).take(car) if instance.nodes > 1 else slot.copy()
    terminal[behind] = instance.nodes * instance.slots
    if not open_at.all():
        kept = np.append(open_at.ravel(), True)[terminal]
        car, slot, terminal = car[kept], slot[kept], terminal[kept]
    lasts = np.cumsum(room_slots[cars] + 1) - 1
    starts = np.append(0, lasts[:-1] + 1)
    upper = (instance.rate[cars] / unit).take(car)
    upper[lasts] = 2.0 * energy
    extra = np.zeros(len(car))
    extra[lasts] = instance.unserved[cars] / money
    bend = np.zeros(len(cars)) if instance.bend is None else instance.bend[cars] * (unit / money)
    tables = tuple(_tables(node, node * instance.slots + near[cars], car, slot, starts, lasts))
    return Entries(
        cars,
        car,
        terminal,
        starts,
        lasts,
        upper,
        extra,
        bend,
        energy,
        instance.nodes,
        instance.slots,
        tables,
    )


def _slots(arrive: IntArray, depart: IntArray) -> tuple[IntArray, IntArray, IntArray]:
    """Car and slot of every entry, −1 for the unserved energy behind the slots of each car, and where that stands."""
    length = depart - arrive + 1
    car = np.repeat(np.arange(len(arrive)), length)
    ends = np.cumsum(length)
    slot = np.arange(len(car))
    slot -= np.repeat(ends - length - arrive, length)
    slot[ends - 1] = -1
    return car, slot, ends - 1


def _tables(
    node: IntArray, group: IntArray, car: IntArray, slot: IntArray, starts: IntArray, lasts: IntArray
) -> Iterator[Table]:
    borders = np.concatenate([[0], np.flatnonzero(group[1:] != group[:-1]) + 1, [len(group)]])
    for left, right in pairwise(borders):
        for first in range(int(left), int(right), TABLE_CARS):
            last = min(first + TABLE_CARS, int(right))
            entries = slice(int(starts[first]), int(lasts[last - 1]) + 1)
            low, high = int(slot[starts[first:last]].min()), int(slot[lasts[first:last] - 1].max()) + 1
            count = last - first
            places = slot[entries] * count
            places += car[entries]
            places -= low * count + first
            places[lasts[first:last] - starts[first]] += (high + 1) * count
            values = np.zeros((high - low + 1, count))
            yield Table(int(node[first]), slice(first, last), slice(low, high), entries, places, values)
