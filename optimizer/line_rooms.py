"""What rounding may still put on every conductor of every node, in milliampere: integers, so no sum drifts over a cap.

A current counts in full on each conductor that it is on, at whatever angle: never too little. Differences between
conductors take the most that one may carry against the least that the other does.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import permutations

from optimizer.conductors import ACROSS, CONNECTIONS, LINES, UNKNOWN

PAIRS = tuple(permutations(range(3), 2))
Triple = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class LineRoom:
    """A node's three conductors: `left_ma` that charging may add to each, `apart_ma` the largest difference between any
    two (None for any), `base_ma` what the base load puts on them.
    """

    left_ma: Triple
    apart_ma: int | None = None
    base_ma: Triple = (0, 0, 0)

    def allowed(self, more: int, less: int) -> int:
        """How far one conductor may be above another: not further than the base load alone puts it, at least."""
        assert self.apart_ma is not None
        return max(self.apart_ma, self.base_ma[more] - self.base_ma[less])


@cache
def parts(lines: str) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """At most and at least so much of a connection's current is on each conductor."""
    if lines not in CONNECTIONS:
        raise ValueError(f"lines: one of {', '.join(CONNECTIONS)} expected, got {lines}")
    if lines == UNKNOWN:
        return (1.0,) * 3, (0.0,) * 3
    on = tuple(float(line in lines) for line in LINES)
    return on, tuple(part * math.cos(math.pi / 6) for part in on) if lines in ACROSS else on


class Conducting:
    """The state: what is left, and what is on the conductors at most and at least."""

    def __init__(self, rooms: Mapping[str, LineRoom]) -> None:
        self.rooms = rooms
        self.left = {node: list(room.left_ma) for node, room in rooms.items()}
        self.most = {node: list(room.base_ma) for node, room in rooms.items()}
        self.least = {node: list(room.base_ma) for node, room in rooms.items()}

    def fits(self, path: Sequence[str], lines: str) -> float:
        """Milliampere that a connection may add, infinite where no node on the path has conductors."""
        on = parts(lines)[0]
        here = [self.left[node][n] for node in path if node in self.left for n in range(3) if on[n]]
        return max(min(here), 0) if here else math.inf

    def take(self, path: Sequence[str], lines: str, before_ma: int, after_ma: int) -> None:
        """A current changes."""
        on, surely = parts(lines)
        for node in path:
            if node in self.left:
                for n in range(3):
                    change = _up(on[n], after_ma) - _up(on[n], before_ma)
                    self.left[node][n] -= change
                    self.most[node][n] += change
                    self.least[node][n] += _down(surely[n], after_ma) - _down(surely[n], before_ma)

    def within(self, path: Sequence[str], lines: str) -> bool:
        """Whether none of a connection's conductors on the path is over its cap."""
        on = parts(lines)[0]
        return all(self.left[node][n] >= 0 for node in path if node in self.left for n in range(3) if on[n])

    def balanced(self, path: Sequence[str]) -> bool:
        """Whether no node on the path has its conductors too far apart."""
        return all(self.over(node) is None for node in path)

    def over(self, node: str) -> tuple[int, int] | None:
        """The conductors of a node that are furthest too far apart."""
        room = self.rooms.get(node)
        if room is None or room.apart_ma is None:
            return None
        excess = {
            (m, n): self.most[node][m] - self.least[node][n] - room.allowed(m, n) for m, n in PAIRS
        }  # fmt: skip
        worst = max(excess, key=lambda pair: excess[pair])
        return worst if excess[worst] > 0 else None

    def pulls_apart(self, lines: str, pair: tuple[int, int]) -> bool:
        """Whether a connection makes the first conductor of a pair stand further above the second."""
        on, surely = parts(lines)
        return on[pair[0]] > surely[pair[1]]


def _up(part: float, current_ma: int) -> int:
    return math.ceil(part * current_ma - 1e-9)


def _down(part: float, current_ma: int) -> int:
    return math.floor(part * current_ma + 1e-9)
