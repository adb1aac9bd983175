"""A limit: a cap from outside on what a feeder may take or give (grid-limits A2, A5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple


class Direction(StrEnum):
    """Which way the limited power flows, seen from the feeder's stations."""

    IMPORT = "import"
    EXPORT = "export"


class Block(NamedTuple):
    """A value from `start` until the next block, or the end of the window."""

    start: datetime
    power_w: int


@dataclass(frozen=True, slots=True)
class Limit:
    """One statement of one source about one feeder: at most `power_w` >= 0 in [valid_from, valid_to).

    With `blocks` the value changes on the way, and `power_w` is the lowest of them; before the first block there is no
    limit. `priority`: 0 is the highest; it is kept and told, the lowest limit counts all the same.
    `failsafe_w`: what it said of its source's silence.
    """

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
    direction: Direction = Direction.IMPORT
    priority: int = 0
    blocks: tuple[Block, ...] = ()
    failsafe_w: int | None = None

    def newer_than(self, other: Limit) -> bool:
        """Whether it says the later word on the same limit: a higher version, or that this one is cancelled."""
        return (self.version, self.cancelled) > (other.version, other.cancelled)

    def in_force(self, now: datetime) -> bool:
        """Whether it caps the feeder at `now`."""
        return self.cap_w(now) is not None

    def cap_w(self, at: datetime) -> int | None:
        """What it allows at a moment; None when it says nothing about it."""
        if self.cancelled or not self.valid_from <= at < self.valid_to:
            return None
        if not self.blocks:
            return self.power_w
        begun = [block.power_w for block in self.blocks if block.start <= at]
        return begun[-1] if begun else None

    def edges(self) -> Sequence[datetime]:
        """When what it allows may change."""
        return [] if self.cancelled else [self.valid_from, *(block.start for block in self.blocks), self.valid_to]
