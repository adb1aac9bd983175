"""What slots want at a price, and the price at which a block of slots wants a given total."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from optimizer.arrays import FloatArray, IntArray
from optimizer.slot_cost import SlotCost

CURVATURE_MIN = 1e-3
STEPS = 200
MET = 1e-13
TINY = 1e-300


@dataclass(frozen=True, eq=False, slots=True)
class Demand:
    """How much every element wants at a price: slots up to their room, unserved energy from its own price on."""

    cost: SlotCost
    base: FloatArray
    room: FloatArray
    class_price: FloatArray
    class_energy: FloatArray

    @property
    def slots(self) -> int:
        """Number of slots."""
        return len(self.base)

    def energy(self, price: FloatArray) -> FloatArray:
        """Energy wanted per element at its price."""
        slot = np.clip(self.cost.load(price[: self.slots]) - self.base, 0.0, self.room)
        if not len(self.class_price):
            return slot
        return np.concatenate([slot, np.where(price[self.slots :] > self.class_price, self.class_energy, 0.0)])

    def curvature(self, energy: FloatArray) -> FloatArray:
        """Positive curvature per element."""
        found = self.cost.curvature(self.base + energy[: self.slots])
        usual = float(np.max(found, initial=0.0)) or 1.0
        return np.concatenate([np.maximum(found, CURVATURE_MIN * usual), np.full(len(self.class_price), usual)])

    def range(self) -> tuple[FloatArray, FloatArray]:
        """Prices below which an element wants nothing and above which it wants no more."""
        low = self.cost.price(self.base)
        high = self.cost.price(self.base + self.room)
        return np.concatenate([low, self.class_price]), np.concatenate([high, self.class_price])

    @property
    def limit(self) -> FloatArray:
        """The most that each element can want."""
        return np.append(self.room, self.class_energy)

    def meet(self, block: IntArray, total: FloatArray) -> tuple[FloatArray, FloatArray]:
        """For every block the price at which its elements want `total` together, and what each of them wants there.

        `block` [elements] numbers them; the number len(total) means none. Newton's method inside a shrinking bracket,
        all blocks at once; where demand jumps at the price, every element gets the same share of its jump. A block
        that can never want its total gets the price at which it wants most.
        """
        count = len(total)
        low, high = self._bracket(block, count)
        below, above = np.zeros_like(self.limit), self.limit
        aim, price = np.append(total, 0.0), 0.5 * (low + high)
        close = MET * np.maximum(aim, 1e-3)
        for _ in range(STEPS):
            energy = self.energy(price[block])
            excess = np.bincount(block, energy, count + 1) - aim
            done = (np.abs(excess) <= close) | (high - low <= 2e-16 * np.maximum(np.abs(high), np.abs(low)))
            if done[:count].all():
                break
            over = excess >= 0
            high, low = np.where(over, price, high), np.where(over, low, price)
            above, below = np.where(over[block], energy, above), np.where(over[block], below, energy)
            free = (energy > 0) & (energy < self.limit)
            slope = np.bincount(block, free / self.curvature(energy), count + 1)
            guess = price - np.divide(excess, slope, out=np.full(count + 1, np.inf), where=slope > 0)
            guess = np.where((guess > low) & (guess < high), guess, 0.5 * (low + high))
            price = np.where(done, price, guess)
        least, most = (np.bincount(block, side, count + 1) for side in (below, above))
        share = np.divide(aim - least, most - least, out=np.zeros(count + 1), where=most > least)
        mixed = below + np.clip(share, 0.0, 1.0)[block] * (above - below)
        return price[:count], np.where((np.abs(excess) <= close)[block], energy, mixed)

    def _bracket(self, block: IntArray, count: int) -> tuple[FloatArray, FloatArray]:
        low, high = np.full(count + 1, np.inf), np.full(count + 1, -np.inf)
        from_price, to_price = self.range()
        np.minimum.at(low, block, from_price)
        np.maximum.at(high, block, to_price)
        low[count] = high[count] = 0.0
        margin = 1e-9 * np.maximum(np.abs(low), np.abs(high)) + 1e-12
        return low - margin, high + margin


def fill_valleys(cost: SlotCost, load: FloatArray, room: FloatArray, total: float) -> FloatArray:
    """`total` energy on top of `load`, at most `room` per slot, at one price: what a single car does best by itself.

    Gives all the room when that is less than the total.
    """
    if room.sum() <= total:
        return room.copy()
    used = room > 0
    low, high = float(cost.price(load)[used].min()), float(cost.price(load + room)[used].max())
    below, above, price = np.zeros_like(room), room, 0.5 * (low + high)
    give = used / np.maximum(cost.curvature(load), TINY)
    for _ in range(STEPS):
        filled = np.clip(cost.load(np.full(len(load), price)) - load, 0.0, room)
        excess = float(filled.sum()) - total
        if abs(excess) <= MET * total:
            return filled
        if excess > 0:
            high, above = price, filled
        else:
            low, below = price, filled
        if high - low <= 2e-16 * max(abs(high), abs(low)):
            break
        slope = float(give @ ((filled > 0) & (filled < room)))
        guess = price - excess / slope if slope > 0 else low
        price = guess if low < guess < high else 0.5 * (low + high)
    share = (total - below.sum()) / max(float(above.sum() - below.sum()), TINY)
    return np.asarray(below + min(max(share, 0.0), 1.0) * (above - below))
