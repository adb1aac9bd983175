"""How often something was and how long it took, as Prometheus sums it up."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """A count and the sum of its durations."""

    count: int = 0
    sum_s: float = 0.0

    def add(self, took_s: float) -> None:
        """One more."""
        self.count += 1
        self.sum_s += took_s
