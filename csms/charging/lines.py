"""What outlets put on each of the three line conductors of a feeder (grid-limits B8): never totals alone.

A value counts in whole milliampere, rounded up, on each conductor that it is on; what sits on one phase that nobody
knows counts on all three. A pile that takes watts is believed to spread them over the phases it was told. To which
phase of the feeder a connector's first one is wired says its rotation (`RST`, `STR`, …).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import cache

from csms.model.station import CurrentKind, EvseRating
from optimizer.conductors import LINES, UNKNOWN, lines_of

Triple = tuple[int, int, int]
LinesOf = Mapping[str, Triple]
"""Milliampere on, or left on, each line conductor, by feeder; feeders that count no currents are missing."""

NONE: Triple = (0, 0, 0)
ALL = "".join(LINES)
NOMINAL_V = 230


@cache
def connection(rotation: str, phases: int) -> str:
    """The feeder's conductors that a load on the first `phases` of a connector is on, as the optimiser writes it."""
    if phases >= len(LINES):
        return ALL
    return lines_of(rotation, phases) if rotation else UNKNOWN


def connection_of(rating: EvseRating, phases: int) -> str:
    """The same for what an outlet is told on so many phases; DC is drawn from all three."""
    return ALL if rating.kind is CurrentKind.DC else connection(rating.rotation, phases)


def on_lines(value_w: int, phases: int, lines: str) -> Triple:
    """Milliampere on each conductor."""
    current_ma = -(-value_w * 1000 // (NOMINAL_V * phases))
    if lines in (ALL, UNKNOWN):
        return current_ma, current_ma, current_ma
    return tuple(current_ma if line in lines else 0 for line in LINES)  # type: ignore[return-value]


def within(current_ma: int, phases: int) -> int:
    """The power that puts no more than this on each of so many conductors."""
    return current_ma * NOMINAL_V * phases // 1000


def used(lines: str) -> tuple[int, ...]:
    """Which of the three a connection may be on."""
    return _ALL if lines in (ALL, UNKNOWN) else tuple(n for n, line in enumerate(LINES) if line in lines)


_ALL = (0, 1, 2)


def highest(one: Triple, other: Triple) -> Triple:
    """The larger on each conductor."""
    return max(one[0], other[0]), max(one[1], other[1]), max(one[2], other[2])


def plus(one: Triple, other: Triple) -> Triple:
    """Both together."""
    return one[0] + other[0], one[1] + other[1], one[2] + other[2]


def minus(one: Triple, other: Triple) -> Triple:
    """What is left of one."""
    return one[0] - other[0], one[1] - other[1], one[2] - other[2]


def spare_ma(lines: str, path: Iterable[str], left_ma: LinesOf) -> int | None:
    """What is left on the fullest conductor that a connection uses; None where no feeder of the path counts them."""
    return min((left_ma[id_][n] for id_ in path if id_ in left_ma for n in used(lines)), default=None)
