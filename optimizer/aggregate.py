"""A whole fleet as one object over the slots, exactly.

What one car can do in its window is a base polytope of S ↦ min(rate·|S|, energy): it depends on the number of slots
only, so all cars with the same window add up to one concave table h(1) … h(n), whatever their rates and energies.
The cheapest plan for given slot prices is then a greedy walk through the slots in the order of price (`greedy`), at a
cost that does not grow with the number of cars; `share` gives every car its part of a mixture of such walks.

Energy not served is a further choice of every car of a class: an element behind the slots whose place in the order
says from which price on the class goes without.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray

WHOLE = 1e-12
REST_MIN = 1e-9
CHUNK = 1 << 17
"""Entries of the rank tables held at once while sharing: bounds the memory, large enough to keep numpy busy."""


@dataclass(frozen=True, eq=False, slots=True)
class Mixture:
    """Greedy walks and their weights (of sum 1), as far as they concern the slots of `members` [T].

    `places` [M, elements]: every walk puts every element before, among or after the members.
    """

    members: BoolArray
    places: IntArray
    weights: FloatArray


class Aggregate:
    """All cars of a fleet, by window and class.

    `classes` [N] counts priority classes from 0; `gives_up` tells whether energy may stay unserved (elements slots …
    slots + classes − 1 stand for that). Energies are in any one unit, rates in the same unit per slot.
    """

    def __init__(
        self,
        slots: int,
        arrive: IntArray,
        depart: IntArray,
        rate: FloatArray,
        energy: FloatArray,
        classes: IntArray | None = None,
    ) -> None:
        self.slots, self.rate, self.classes = slots, rate, 0
        kind = np.zeros(len(arrive), dtype=np.int64) if classes is None else classes
        if classes is not None:
            self.classes = int(kind.max(initial=-1)) + 1
        key = (kind * (slots + 1) + arrive) * (slots + 1) + depart
        windows, self.window = np.unique(key, return_inverse=True)
        self.kind, places = np.divmod(windows, (slots + 1) ** 2)
        self.arrive, self.depart = np.divmod(places, slots + 1)
        self.length = self.depart - self.arrive
        self.offset = np.append(0, np.cumsum(self.length + 2))
        self.full, self.rest = _whole_slots(rate, energy)
        self.gain = self._gains()
        self.class_energy = np.asarray(np.bincount(kind, energy, self.classes)[: self.classes], dtype=np.float64)
        self._pair_up()

    def _gains(self) -> FloatArray:
        """Per window a row of n + 2 numbers: what rank 1 … n brings, 0 at both ends."""
        size, first = int(self.offset[-1]), self.offset[self.window]
        at_full = np.bincount(first + self.full, self.rate, size)
        at_rest = np.bincount(first + np.minimum(self.full + 1, self.length[self.window] + 1), self.rest, size)
        beyond = np.append(np.cumsum(at_full[::-1])[::-1], 0.0)
        ends = self.offset[1:]
        gain: FloatArray = beyond[:-1] - np.repeat(beyond[ends], self.length + 2) + at_rest
        gain[self.offset[:-1]] = gain[ends - 1] = 0.0
        return gain

    def _pair_up(self) -> None:
        """Every (window, slot) pair, sorted by slot, with its places in the tables that `greedy` looks up."""
        window = np.repeat(np.arange(len(self.length), dtype=np.int32), self.length)
        first = np.cumsum(self.length) - self.length
        slot = (np.arange(len(window)) - np.repeat(first - self.arrive, self.length)).astype(np.uint16)
        by_slot = np.argsort(slot, kind="stable")
        window, slot = window[by_slot], slot[by_slot].astype(np.int32)
        self._end = self.depart.astype(np.int32)[window] * self.slots + slot
        self._begin = self.arrive.astype(np.int32)[window] * self.slots + slot
        self._base = self.offset.astype(np.int32)[window]
        count = np.bincount(slot, minlength=self.slots)
        self.reached = np.flatnonzero(count)
        self._starts = (np.cumsum(count) - count)[self.reached]
        if self.classes:
            self._kind_slot = self.kind.astype(np.int32)[window] * self.slots + slot
            self._dead = self.length.astype(np.int32)[window] + 1

    def most(self) -> FloatArray:
        """What all cars together can take, per slot."""
        return self._sum(self.gain.take(self._base + 1))

    def _sum(self, values: FloatArray) -> FloatArray:
        found = np.zeros(self.slots)
        if len(self.reached):
            found[self.reached] = np.add.reduceat(values, self._starts)
        return found

    def greedy(self, place: IntArray) -> FloatArray:
        """The walk through all elements in the order of `place`: energy per slot, then energy unserved per class."""
        slot_place = place[: self.slots]
        earlier = count_before(slot_place)
        index = earlier.take(self._end)
        index -= earlier.take(self._begin)
        if not self.classes:
            index += self._base
            return self._sum(self.gain.take(index))
        alive = (slot_place < place[self.slots :, None]).ravel().take(self._kind_slot)
        index = np.where(alive, index, self._dead) + self._base
        gains = self.gain.take(index)
        served = np.bincount(self._kind_slot // self.slots, gains, self.classes)
        return np.concatenate([self._sum(gains), np.maximum(self.class_energy - served, 0.0)])

    def share(self, mixtures: Sequence[Mixture], out: FloatArray, unit: float = 1.0) -> None:
        """Writes every car's plan times `unit` into `out` [N, T] (zero before): its own walks, mixed as told.

        Every slot that a window reaches is a member of exactly one mixture.
        """
        tables = [np.stack([count_before(place[: self.slots]) for place in m.places]) for m in mixtures]
        by_window = np.argsort(self.window, kind="stable")
        first = np.searchsorted(self.window[by_window], np.arange(len(self.length) + 1))
        for part in self._chunks():
            chance = self._chances(part, mixtures, tables)
            at = np.append(0, np.cumsum(self.length[part] * (self.length[part] + 2)))
            for number, w in enumerate(part):
                ranks = chance[at[number] : at[number + 1]].reshape(-1, self.length[w])
                self._write(w, by_window[first[w] : first[w + 1]], ranks * unit, out)

    def _chunks(self) -> Iterator[IntArray]:
        """Neighbouring windows whose rank tables fit the bound together."""
        size = np.cumsum(self.length * (self.length + 2))
        start = 0
        while start < len(size):
            reach = (size[start - 1] if start else 0) + CHUNK
            stop = max(int(np.searchsorted(size, reach, side="right")), start + 1)
            yield np.arange(start, stop)
            start = stop

    def _chances(self, part: IntArray, mixtures: Sequence[Mixture], tables: Sequence[IntArray]) -> FloatArray:
        """For each window of the part a table [n + 2, n]: how likely each of its slots has each rank."""
        length = self.length[part]
        window = np.repeat(part, length)
        offset = np.arange(len(window)) - np.repeat(np.cumsum(length) - length, length)
        slot = offset + self.arrive[window]
        size = length * (length + 2)
        cell = np.repeat(np.cumsum(size) - size, length) + offset
        begin, end = self.arrive[window] * self.slots + slot, self.depart[window] * self.slots + slot
        chance = np.zeros(int(size.sum()))
        for mixture, table in zip(mixtures, tables, strict=True):
            chosen = np.flatnonzero(mixture.members[slot])
            w, cells, ends, begins = window[chosen], cell[chosen], end[chosen], begin[chosen]
            stride = self.length[w]
            for place, counts, weight in zip(mixture.places, table, mixture.weights, strict=True):
                rank = counts.take(ends) - counts.take(begins)
                if self.classes:
                    alive = place[slot[chosen]] < place[self.slots + self.kind[w]]
                    rank = np.where(alive, rank, stride + 1)
                chance[rank * stride + cells] += weight
        return chance

    def _write(self, w: int, cars: IntArray, ranks: FloatArray, out: FloatArray) -> None:
        full = self.full[cars]
        rows = np.cumsum(ranks, axis=0).take(full, axis=0)
        rows *= self.rate[cars, None]
        left = ranks.take(full + 1, axis=0)
        left *= self.rest[cars, None]
        rows += left
        out[cars, self.arrive[w] : self.depart[w]] = rows


def _whole_slots(rate: FloatArray, energy: FloatArray) -> tuple[IntArray, FloatArray]:
    """How many slots at full rate, and what is left for one more."""
    full = np.floor(np.divide(energy, rate, out=np.zeros_like(energy), where=rate > 0) + WHOLE)
    rest = energy - full * rate
    return full.astype(np.int64), np.where(rest < REST_MIN * rate, 0.0, rest)


def count_before(place: IntArray) -> IntArray:
    """Table [(T + 1)·T]: how many of the slots before u have their place not after that of slot t."""
    slots = len(place)
    table = np.zeros((slots + 1, slots), dtype=np.int32)
    np.cumsum(place[:, None] <= place[None, :], axis=0, out=table[1:])
    return table.ravel()  # type: ignore[return-value]  # 32 bits halve the memory that the look-ups touch
