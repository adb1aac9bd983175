"""A limit: a cap from outside on what a feeder may draw (grid-limits A2, A5)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Limit:
    """One statement of one source about one feeder: import <= `power_w` >= 0 in [valid_from, valid_to)."""

    source: str
    feeder_id: str
    limit_id: str
    version: int
    power_w: int
    valid_from: datetime
    valid_to: datetime
    issued_at: datetime
    received_at: datetime
    cancelled: bool = False
    reason: str = ""

    def in_force(self, now: datetime) -> bool:
        """Whether it caps the feeder at `now`."""
        return not self.cancelled and self.valid_from <= now < self.valid_to
