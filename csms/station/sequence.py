"""Which events of a transaction have come, by their sequence numbers (E01.FR.07, pain 18). Pure.

Numbers need not start at 0 (older stations count on over transactions), may repeat, and may come in any order.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum

RANGES_MAX = 100
"""Gaps remembered at once; a station that skips more of them never fills them."""


class Arrival(Enum):
    """How an event comes in: after all others, into a gap (or before the first one), or not for the first time."""

    NEXT = "next"
    LATE = "late"
    REPEATED = "repeated"


@dataclass(slots=True)
class EventSequence:
    """From `first` to `last` everything has come but the ranges in `missing`, which are inclusive and in order.

    `certain` False: what came last before a restart of ours is not known, so a jump is no gap.
    """

    first: int | None = None
    last: int = -1
    missing: list[tuple[int, int]] = field(default_factory=list)
    certain: bool = True

    def take(self, number: int) -> Arrival:
        """Note an event."""
        if self.first is None:
            self.first = self.last = number
            return Arrival.NEXT
        if number > self.last:
            if self.certain and number > self.last + 1:
                self.missing = [*self.missing, (self.last + 1, number - 1)][-RANGES_MAX:]
            self.last, self.certain = number, True
            return Arrival.NEXT
        if number < self.first:
            if number + 1 < self.first:
                self.missing = [(number + 1, self.first - 1), *self.missing][-RANGES_MAX:]
            self.first = number
            return Arrival.LATE
        return Arrival.LATE if self._fill(number) else Arrival.REPEATED

    def _fill(self, number: int) -> bool:
        for place, (begin, end) in enumerate(self.missing):
            if begin <= number <= end:
                rest = [(begin, number - 1), (number + 1, end)]
                self.missing[place : place + 1] = [part for part in rest if part[0] <= part[1]]
                return True
        return False


def restored(first: int | None, last: int, missing: Iterable[Iterable[int]], *, certain: bool) -> EventSequence:
    """The sequence as it was stored; a session of the time before sequences were kept began at its last event."""
    ranges = [(int(begin), int(end)) for begin, end in missing]
    return EventSequence(first if first is not None or last < 0 else last, last, ranges, certain)
