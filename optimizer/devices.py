"""What stands beside cars and caps in the interior point: an interface, and the price jumps of the load's cost.

A device keeps its own point: spaces to its limits and their duals, both positive. It takes part in every Newton step by
what it adds to the network of prices, and goes its own step once the prices are known. Everything is scaled as in
`optimizer.interior_point`.
"""

from __future__ import annotations

import numpy as np

from optimizer.arrays import FloatArray, IntArray


class Device:
    """Answers that change nothing; a device overrides what it has to say.

    `space` and `dual`: pairs whose products go to zero.
    """

    space: FloatArray
    dual: FloatArray
    space_step: FloatArray
    dual_step: FloatArray

    @property
    def size(self) -> int:
        """Number of complementary pairs."""
        return self.space.size

    def total(self) -> float:
        """Sum of the products."""
        return float(np.vdot(self.space, self.dual))

    def begin(self, price: FloatArray, load: FloatArray) -> None:
        """A point to start from, at prices [K, T] and the root's load [T]."""

    def look(self, load: FloatArray) -> None:
        """Is told the root's load [T] at the point."""

    def cost(self) -> float:
        """What it costs where it stands, besides the load."""
        return 0.0

    def price(self) -> FloatArray | float:
        """What it adds to the price at the root [T]."""
        return 0.0

    def own_flow(self) -> FloatArray | float:
        """What it draws at every node [K, T]."""
        return 0.0

    def eliminate(self, coupling: FloatArray, ground: FloatArray) -> FloatArray | float:
        """Adds its conductances; what it adds to the stiffness of the root's price [T]."""
        return 0.0

    def aim(self, target: float | None) -> None:
        """Sets what its step should reach: no complementarity (None), or `target` with the terms of second order of
        the step towards none.
        """

    def straight(self) -> None:
        """Leaves the terms of second order out."""
        self.space_step = np.zeros_like(self.space)

    def inflow(self) -> FloatArray | float:
        """What it would add to its nodes' flow at standing prices (at prices of zero, towards none) [K, T]."""
        return 0.0

    def lift(self) -> FloatArray | float:
        """What it would add to the price at the root at a standing load [T]."""
        return 0.0

    def answer(self, price: FloatArray) -> FloatArray | float:
        """Takes the new prices' steps (the prices themselves, towards none); its step of flow [K, T]."""
        return 0.0

    def settle(self, load: FloatArray) -> None:
        """Takes the step of the root's load [T]."""

    def reach(self) -> float:
        """How often its step fits before something becomes 0, inverted."""
        return max(-float((self.space_step / self.space).min()), -float((self.dual_step / self.dual).min()))

    def after(self, step: float) -> float:
        """Sum of the products after a part of the step."""
        return float(np.vdot(self.space + step * self.space_step, self.dual + step * self.dual_step))

    def go(self, step: float) -> None:
        """Goes it."""
        self.space += step * self.space_step
        self.dual += step * self.dual_step


class JumpPoint(Device):
    """Where the price of the load jumps: from a load `at` on, a kWh costs `height` more.

    The load's distance is split into what is over and what is under, over · (height − ζ) and under · ζ both go to
    zero, and ζ is what the jump adds to the price. `slot` says which slot a jump belongs to.
    """

    def __init__(self, slots: int, slot: IntArray, at: FloatArray, height: FloatArray) -> None:
        self.slots, self.slot, self.at, self.height = slots, slot, at, height

    def begin(self, price: FloatArray, load: FloatArray) -> None:
        """On the central path, not far from the load [T]."""
        gap = load[self.slot] - self.at
        margin = 0.1 * (1.0 + np.abs(gap))
        over, under = np.maximum(gap, 0.0) + margin, np.maximum(-gap, 0.0) + margin
        adds = self.height * over / (over + under)
        self.space, self.dual = np.stack([over, under]), np.stack([self.height - adds, adds])

    def look(self, load: FloatArray) -> None:
        """How far the split is from the load's distance."""
        self.off = load[self.slot] - self.at - self.space[0] + self.space[1]

    def cost(self) -> float:
        """The height times what is over."""
        return float(self.height @ np.maximum(self.space[0] - self.space[1], 0.0))

    def price(self) -> FloatArray:
        """Sum of the ζ of a slot."""
        return self._per_slot(self.dual[1])

    def _per_slot(self, values: FloatArray) -> FloatArray:
        return np.asarray(np.bincount(self.slot, values, self.slots), dtype=np.float64)

    def eliminate(self, coupling: FloatArray, ground: FloatArray) -> FloatArray:
        """A jump is a spring between load and price."""
        self.give = self.space / self.dual
        self.stiff = 1.0 / self.give.sum(axis=0)
        return self._per_slot(self.stiff)

    def aim(self, target: float | None) -> None:
        """As in `Device`."""
        wanted = 0.0 if target is None else target - self.space_step * self.dual_step
        self.pull = wanted / self.dual - self.space
        self.miss = self.pull[0] - self.pull[1] - self.off

    def lift(self) -> FloatArray:
        """As in `Device`."""
        return self._per_slot(-self.stiff * self.miss)

    def settle(self, load: FloatArray) -> None:
        """As in `Device`."""
        adds = self.stiff * (load[self.slot] - self.miss)
        self.dual_step = np.stack([-adds, adds])
        self.space_step = self.pull - self.give * self.dual_step
