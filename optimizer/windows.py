"""What a whole fleet can take, exactly, as one object over the slots.

What one car can do in its window is a base polytope of S ↦ min(rate·|S|, energy): it depends on the number of slots
only, so all cars with the same window add up to one concave table h(1) … h(n), whatever their rates and energies.
The cheapest plan for given slot prices is then a greedy walk through the slots in the order of price (`greedy`), at a
cost that does not grow with the number of cars. Once other slots are known to come first, what is left of the tables
is again such an object, smaller (`restrict`).

Energy not served is a further choice of every car of a class: an element behind the slots whose place in the order
says from which price on the class goes without.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import BoolArray, FloatArray, IntArray


class Windows:
    """Windows [arrive, depart) of a row of slots, each with its table and its class.

    `gain`: per window, from `offset` on, n + 2 numbers: what rank 1 … n brings, 0 at both ends. `left` [classes]:
    energy of the classes that may go without; a window of class number len(left) never does.
    """

    def __init__(
        self,
        slots: int,
        arrive: IntArray,
        depart: IntArray,
        kind: IntArray,
        gain: FloatArray,
        left: FloatArray,
    ) -> None:
        self.slots, self.arrive, self.depart, self.kind, self.gain, self.left = slots, arrive, depart, kind, gain, left
        self.length = depart - arrive
        self.offset = np.append(0, np.cumsum(self.length + 2))
        self._pair_up()

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
        if len(self.left):
            self._kind = self.kind.astype(np.int32)[window]
            self._kind_slot = self._kind * self.slots + slot
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
        if not len(self.left):
            index += self._base
            return self._sum(self.gain.take(index))
        gives_up = np.append(place[self.slots :], 2 * len(place))
        alive = (slot_place < gives_up[:, None]).ravel().take(self._kind_slot)
        index = np.where(alive, index, self._dead) + self._base
        gains = self.gain.take(index)
        served = np.bincount(self._kind, gains, len(self.left) + 1)[:-1]
        return np.concatenate([self._sum(gains), np.maximum(self.left - served, 0.0)])

    def restrict(self, elements: IntArray, before: BoolArray) -> Windows:
        """What the `elements` (ascending) can still take when the elements `before` [slots + classes] come first."""
        member = np.zeros(len(before), dtype=np.bool_)
        member[elements] = True
        ahead, within = _counts(before[: self.slots]), _counts(member[: self.slots])
        used = ahead[self.depart] - ahead[self.arrive]
        low, high = within[self.arrive], within[self.depart]
        classes = elements[elements >= self.slots] - self.slots
        new_kind = np.full(len(self.left) + 1, len(classes))
        new_kind[classes] = np.arange(len(classes))
        gone = np.append(before[self.slots :], False)
        kept = np.flatnonzero((high > low) & ~gone[self.kind])
        slots = len(elements) - len(classes)
        return _merged(
            slots,
            new_kind[self.kind[kept]],
            low[kept],
            high[kept],
            self.gain,
            self.offset[kept] + used[kept] + 1,
            self._left(used)[classes],
        )

    def _left(self, used: IntArray) -> FloatArray:
        """Energy of each class when every window has had its first `used` ranks."""
        if not len(self.left):
            return self.left
        total = np.append(0.0, np.cumsum(self.gain))
        had = total[self.offset[:-1] + used + 1] - total[self.offset[:-1] + 1]
        return np.asarray(self.left - np.bincount(self.kind, had, len(self.left) + 1)[:-1])


def _counts(mask: BoolArray) -> IntArray:
    """How many are set before each place."""
    return np.append(0, np.cumsum(mask))


def _merged(
    slots: int, kind: IntArray, low: IntArray, high: IntArray, gain: FloatArray, source: IntArray, left: FloatArray
) -> Windows:
    """Windows of equal class and place added up; the table of each begins at `source` of `gain`."""
    key = (kind * (slots + 1) + low) * (slots + 1) + high
    found, which = np.unique(key, return_inverse=True)
    kinds, places = np.divmod(found, (slots + 1) ** 2)
    arrive, depart = np.divmod(places, slots + 1)
    offset = np.append(0, np.cumsum(depart - arrive + 2))
    length = high - low
    rank = np.arange(int(length.sum())) - np.repeat(np.cumsum(length) - length, length)
    target = np.repeat(offset[:-1][which] + 1, length) + rank
    table = np.bincount(target, gain.take(np.repeat(source, length) + rank), int(offset[-1]))
    return Windows(slots, arrive, depart, kinds, np.asarray(table, dtype=np.float64), left)


def count_before(place: IntArray) -> IntArray:
    """Table [(T + 1)·T]: how many of the slots before u have their place not after that of slot t."""
    slots = len(place)
    table = np.zeros((slots + 1, slots), dtype=np.int32)
    np.cumsum(place[:, None] <= place[None, :], axis=0, out=table[1:])
    return table.ravel()  # type: ignore[return-value]  # 32 bits halve the memory that the look-ups touch
