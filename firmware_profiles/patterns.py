"""How a profile recognises a station: patterns for texts, ranges for versions, and which of two says more.

A text pattern is `Name` (exactly this), `Name*` (begins so) or `/Name|Other/` (a regular expression for the whole
text); capitals do not matter, as in OCPP. A version range is `>=5.1,<6`; versions are numbers between dots.
Of two patterns the exact one says more, then the longer beginning, then the expression; whether one text could fit two
patterns is answered on the safe side: two expressions always could.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

EXACT, PREFIX, EXPRESSION, NOTHING_SAID = 3, 2, 1, 0
FIRST_VERSION = r"(\d+(?:\.\d+)*)"
FLAGS = re.IGNORECASE | re.DOTALL
BOUND = re.compile(r"(>=|<=|==|>|<)\s*(\d+(?:\.\d+)*)")

Version = tuple[int, ...]


class Rank(NamedTuple):
    """How much a pattern says: its kind, then the length of a beginning or the number of bounds."""

    kind: int = NOTHING_SAID
    size: int = 0


@dataclass(frozen=True, slots=True)
class Pattern:
    """One text pattern as written in a file."""

    written: str

    def __post_init__(self) -> None:
        """Raises ValueError for an expression that is none and for a beginning of nothing."""
        if self.written == "*":
            raise ValueError("'*' says nothing: leave the field out")
        if self.rank.kind == EXPRESSION:
            try:
                re.compile(self.written[1:-1])
            except re.error as fault:
                raise ValueError(f"{self.written!r} is no regular expression: {fault}") from None

    @property
    def rank(self) -> Rank:
        """How much it says."""
        if len(self.written) > 1 and self.written[0] == self.written[-1] == "/":
            return Rank(EXPRESSION)
        if self.written.endswith("*"):
            return Rank(PREFIX, len(self.written) - 1)
        return Rank(EXACT)

    def fits(self, text: str) -> bool:
        """Whether the text is meant."""
        kind = self.rank.kind
        if kind == EXPRESSION:
            return re.fullmatch(self.written[1:-1], text, FLAGS) is not None
        if kind == PREFIX:
            return text.casefold().startswith(self.written[:-1].casefold())
        return text.casefold() == self.written.casefold()

    def may_meet(self, other: Pattern) -> bool:
        """Whether a text could fit both of these, which say equally much; yes when in doubt."""
        if self.rank != other.rank:
            return False
        return self.rank.kind == EXPRESSION or self.written.casefold() == other.written.casefold()


Patterns = tuple[Pattern, ...]


def best(patterns: Patterns, text: str) -> Rank | None:
    """The rank of the pattern that says most of those that fit; `Rank()` where none is asked for, None if none fits."""
    if not patterns:
        return Rank()
    return max((pattern.rank for pattern in patterns if pattern.fits(text)), default=None)


def may_tie(some: Patterns, others: Patterns) -> bool:
    """Whether a text could fit both, with both saying equally much of it."""
    if not some or not others:
        return not some and not others
    return any(one.may_meet(other) for one in some for other in others)


def version_in(text: str, expression: str = FIRST_VERSION) -> Version | None:
    """The version in a firmware text: group 1 of `expression`; None when there is none."""
    found = re.search(expression, text, FLAGS)
    digits = re.match(FIRST_VERSION, found.group(1)) if found and found.group(1) else None
    return numbers(digits.group(1)) if digits else None


def numbers(text: str) -> Version:
    """`5.10.0` as (5, 10): trailing zeros say nothing."""
    parts = [int(part) for part in text.split(".")]
    while len(parts) > 1 and parts[-1] == 0:
        parts.pop()
    return tuple(parts)


class _Edge(NamedTuple):
    """A version and whether just it (0), just above (1) or just below (-1) is meant."""

    version: Version
    side: int = 0


@dataclass(frozen=True, slots=True)
class VersionRange:
    """From `low` to `high`; an open end is None."""

    written: str
    low: _Edge | None
    high: _Edge | None

    @property
    def rank(self) -> Rank:
        """One version says more than two ends, two more than one."""
        if self.low is not None and self.low == self.high:
            return Rank(EXACT)
        return Rank(PREFIX, sum(edge is not None for edge in (self.low, self.high)))

    def holds(self, version: Version) -> bool:
        """Whether the version lies in it."""
        edge = _Edge(version)
        return (self.low is None or self.low <= edge) and (self.high is None or edge <= self.high)

    def may_tie(self, other: VersionRange) -> bool:
        """Whether a version lies in both, which say equally much."""
        lows = [edge for edge in (self.low, other.low) if edge is not None]
        highs = [edge for edge in (self.high, other.high) if edge is not None]
        return self.rank == other.rank and (not lows or not highs or max(lows) <= min(highs))


def read_range(written: str) -> VersionRange:
    """`>=5.1,<6`. Raises ValueError for anything else, and for a range in which nothing lies."""
    low: _Edge | None = None
    high: _Edge | None = None
    for part in written.split(","):
        found = BOUND.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{written!r} is no range of versions; write one like '>=5.1,<6'")
        sign, version = found.group(1), numbers(found.group(2))
        if sign in (">", ">=", "=="):
            low = max(low or _Edge((), 0), _Edge(version, 1 if sign == ">" else 0))
        if sign in ("<", "<=", "=="):
            end = _Edge(version, -1 if sign == "<" else 0)
            high = end if high is None else min(high, end)
    if low is not None and high is not None and low > high:
        raise ValueError(f"no version lies in {written!r}")
    return VersionRange(written, low, high)
