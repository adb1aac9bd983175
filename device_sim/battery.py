"""What a battery takes: full power up to a knee of its state of charge, from there linearly less until it is full.

Pure numbers, no time and no state.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Battery:
    """`capacity_wh` > 0; `power_max_w` up to `knee_soc` (0..1), `power_end_w` just before full."""

    capacity_wh: float
    power_max_w: float
    knee_soc: float = 0.85
    power_end_w: float = 500.0

    def __post_init__(self) -> None:
        """Raises ValueError for a battery that cannot be."""
        if not self.capacity_wh > 0:
            raise ValueError(f"capacity must be above 0 Wh, not {self.capacity_wh}")
        if not 0 < self.knee_soc < 1:
            raise ValueError(f"knee must lie between 0 and 1, not {self.knee_soc}")
        if not 0 <= self.power_end_w <= self.power_max_w:
            raise ValueError(f"end power must lie between 0 and {self.power_max_w} W, not {self.power_end_w}")

    def power_limit_w(self, soc: float) -> float:
        """The most it takes at state of charge `soc`: P_max up to the knee, then linear to P_end at 1, 0 when full."""
        if soc >= 1.0:
            return 0.0
        if soc <= self.knee_soc:
            return self.power_max_w
        share = (soc - self.knee_soc) / (1.0 - self.knee_soc)
        return self.power_max_w + share * (self.power_end_w - self.power_max_w)
