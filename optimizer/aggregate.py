"""From cars to the tables of their windows, and back: every car's own part of a mixture of greedy walks, loss-free.

In every walk a car takes its full rate in the cheapest slots of its window and its rest in the next one. Mixed, it
takes in a slot the rate times the chance that the slot ranks among the first, plus the rest times the chance that it
ranks next. Sums over cars and over slots come out exactly; equal cars get equal plans.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray
from optimizer.windows import Windows, count_before

WHOLE = 1e-12
REST_MIN = 1e-9
CHUNK = 1 << 16
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
    """All cars of a fleet by window and class.

    `classes` [N] counts priority classes from 0, whose energy may stay unserved; None when all has to be served.
    Energies are in any one unit, rates in the same unit per slot.
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
        self.slots, self.rate = slots, rate
        kind = np.zeros(len(arrive), dtype=np.int64) if classes is None else classes
        left = np.zeros(0) if classes is None else np.bincount(kind, energy)
        key = (kind * (slots + 1) + arrive) * (slots + 1) + depart
        found, self.window = np.unique(key, return_inverse=True)
        kinds, places = np.divmod(found, (slots + 1) ** 2)
        first, last = np.divmod(places, slots + 1)
        self.full, self.rest = _whole_slots(rate, energy)
        gain = self._gains(last - first)
        self.windows = Windows(slots, first, last, kinds, gain, np.asarray(left, dtype=np.float64))
        self.length, self.offset = self.windows.length, self.windows.offset

    def _gains(self, length: IntArray) -> FloatArray:
        """The tables of `Windows`, one after the other."""
        offset = np.append(0, np.cumsum(length + 2))
        size, first = int(offset[-1]), offset[self.window]
        at_full = np.bincount(first + self.full, self.rate, size)
        at_rest = np.bincount(first + np.minimum(self.full + 1, length[self.window] + 1), self.rest, size)
        beyond = np.append(np.cumsum(at_full[::-1])[::-1], 0.0)
        ends = offset[1:]
        gain: FloatArray = beyond[:-1] - np.repeat(beyond[ends], length + 2) + at_rest
        gain[offset[:-1]] = gain[ends - 1] = 0.0
        return gain

    def share(self, mixtures: Sequence[Mixture], out: FloatArray, unit: float = 1.0) -> None:
        """Writes every car's plan times `unit` into `out` [N, T] (zero before): its own walks, mixed as told.

        Every slot that a window reaches is a member of exactly one mixture.
        """
        tables = [np.stack([count_before(place[: self.slots]) for place in m.places]) for m in mixtures]
        by_window = np.argsort(self.window, kind="stable")
        first = np.searchsorted(self.window[by_window], np.arange(len(self.length) + 1))
        for part in self._chunks():
            chance = self._chances(part, mixtures, tables)
            cars = by_window[first[part[0]] : first[part[-1] + 1]]
            self._write(part, cars, chance, unit, out)

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
        """For each window of the part a table [n, n + 2]: how likely each of its slots has each rank."""
        length = self.length[part]
        window = np.repeat(part, length)
        slot = _within(length) + self.windows.arrive[window]
        width = self.length[window] + 2
        row = np.cumsum(width) - width
        begin = self.windows.arrive[window] * self.slots + slot
        end = self.windows.depart[window] * self.slots + slot
        chance = np.zeros(int(width.sum()))
        for mixture, table in zip(mixtures, tables, strict=True):
            chosen = np.flatnonzero(mixture.members[slot])
            w, rows, ends, begins = window[chosen], row[chosen], end[chosen], begin[chosen]
            for place, counts, weight in zip(mixture.places, table, mixture.weights, strict=True):
                rank = counts.take(ends, mode="clip")
                rank -= counts.take(begins, mode="clip")
                if len(self.windows.left):
                    alive = place[slot[chosen]] < place[self.slots + self.windows.kind[w]]
                    rank = np.where(alive, rank, self.length[w] + 1)
                chance[rows + rank] += weight
        return chance

    def _write(self, part: IntArray, cars: IntArray, chance: FloatArray, unit: float, out: FloatArray) -> None:
        """The rows of the cars, sorted by window, from the tables of their windows."""
        length = self.length[part]
        table = np.cumsum(length * (length + 2)) - length * (length + 2)
        up_to = np.empty_like(chance)
        for at, n in zip(table.tolist(), length.tolist(), strict=True):
            stretch = slice(at, at + n * (n + 2))
            np.cumsum(chance[stretch].reshape(n, n + 2), axis=1, out=up_to[stretch].reshape(n, n + 2))
        ends = np.cumsum(self.length[self.window[cars]])
        start = 0
        while start < len(cars):
            reach = (ends[start - 1] if start else 0) + CHUNK
            stop = max(int(np.searchsorted(ends, reach, side="right")), start + 1)
            some = cars[start:stop]
            w = self.window[some]
            n = self.length[w]
            within = _within(n)
            cell = np.repeat(table[w - part[0]] + self.full[some], n) + within * np.repeat(n + 2, n)
            power = up_to.take(cell, mode="clip")
            power *= np.repeat(self.rate[some] * unit, n)
            cell += 1
            left = chance.take(cell, mode="clip")
            left *= np.repeat(self.rest[some] * unit, n)
            power += left
            out.ravel()[np.repeat(some * self.slots + self.windows.arrive[w], n) + within] = power
            start = stop


def _within(length: IntArray) -> IntArray:
    """0 … n − 1 for every n, one after the other."""
    return np.asarray(np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length))


def _whole_slots(rate: FloatArray, energy: FloatArray) -> tuple[IntArray, FloatArray]:
    """How many slots at full rate, and what is left for one more."""
    full = np.floor(np.divide(energy, rate, out=np.zeros_like(energy), where=rate > 0) + WHOLE)
    rest = energy - full * rate
    return full.astype(np.int64), np.where(rest < REST_MIN * rate, 0.0, rest)
