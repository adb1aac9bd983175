"""Which profile is about a station: the one that says most of it.

What a profile says of a station is ranked: vendor first, then model, firmware text, version range, station id,
protocol, kind; in each an exact text before a beginning (a longer one before a shorter one), that before an expression,
that before nothing. So a profile that says less never takes a station from one that says more. Two profiles that could
fit one station and say equally much are refused when they are loaded.

Before the boot a station is known by its id (and protocol and kind) alone, so only `id` can find a profile; after the
boot `id` counts only in profiles that ask for neither vendor nor model. A profile that asks for nothing at all is never
found by what a station is, only by its name.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import combinations
from typing import TYPE_CHECKING

from firmware_profiles.patterns import (
    FIRST_VERSION,
    Pattern,
    Patterns,
    Rank,
    VersionRange,
    best,
    may_tie,
    read_range,
    version_in,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from firmware_profiles.loader import FirmwareProfile
    from firmware_profiles.schema import Match

Specificity = tuple[Rank, ...]


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known of a station; `vendor` None before its boot, other texts empty where unknown."""

    vendor: str | None = None
    model: str = ""
    firmware: str = ""
    station_id: str = ""
    protocol: str = ""
    kind: str = ""


@dataclass(frozen=True)
class Rule:
    """A [match] table made ready. Raises ValueError naming the field."""

    match: Match
    vendor: Patterns = field(init=False)
    model: Patterns = field(init=False)
    firmware: Patterns = field(init=False)
    id: Patterns = field(init=False)
    range: VersionRange | None = field(init=False)
    version_from: str = field(init=False)

    def __post_init__(self) -> None:
        match = self.match
        for name in ("vendor", "model", "firmware", "id"):
            object.__setattr__(self, name, _patterns(name, getattr(match, name)))
        try:
            found = read_range(match.version) if match.version else None
            expression = Pattern(f"/{match.version_from}/").written[1:-1] if match.version_from else FIRST_VERSION
        except ValueError as fault:
            raise ValueError(f"match.version: {fault}") from None
        object.__setattr__(self, "range", found)
        object.__setattr__(self, "version_from", expression)

    @property
    def by_id(self) -> bool:
        """Whether the id counts after the boot too."""
        return not self.vendor and not self.model

    @property
    def before_boot(self) -> bool:
        """Whether it can be about a station that has not booted yet."""
        return bool(self.id) or not self._asks_boot

    def specificity(self, seen: Seen) -> Specificity | None:
        """How much it says of this station; None if it is not about it."""
        where = _same(self.match.protocol, seen.protocol), _same(self.match.kind, seen.kind)
        if not self._asks:
            return None
        told = self._of_boot(seen)
        named = self._of_id(seen)
        if told is None or named is None or None in where:
            return None
        return (*told, named, *(rank or Rank() for rank in where))

    def _of_boot(self, seen: Seen) -> tuple[Rank, Rank, Rank, Rank] | None:
        if seen.vendor is None:
            return (Rank(),) * 4 if self.before_boot else None
        ranks = (
            best(self.vendor, seen.vendor),
            best(self.model, seen.model),
            best(self.firmware, seen.firmware),
            self._of_version(seen.firmware),
        )
        if None in ranks:
            return None
        vendor, model, firmware, version = (rank or Rank() for rank in ranks)
        return vendor, model, firmware, version

    @property
    def _asks(self) -> bool:
        return self._asks_boot or bool(self.id or self.match.protocol or self.match.kind)

    @property
    def _asks_boot(self) -> bool:
        return bool(self.vendor or self.model or self.firmware or self.range)

    def _of_version(self, firmware: str) -> Rank | None:
        if self.range is None:
            return Rank()
        version = version_in(firmware, self.version_from)
        return self.range.rank if version is not None and self.range.holds(version) else None

    def _of_id(self, seen: Seen) -> Rank | None:
        return best(self.id, seen.station_id) if seen.vendor is None or self.by_id else Rank()

    def may_tie(self, other: Rule) -> bool:
        """Whether some station could be meant by both with equal right."""
        if not (self._asks and other._asks):
            return False
        if self.match.protocol != other.match.protocol or self.match.kind != other.match.kind:
            return False
        return self._may_tie_after(other) or self._may_tie_before(other)

    def _may_tie_before(self, other: Rule) -> bool:
        heard = [rule.before_boot for rule in (self, other)]
        return all(heard) and may_tie(self.id, other.id)

    def _may_tie_after(self, other: Rule) -> bool:
        mine, theirs = self.id if self.by_id else (), other.id if other.by_id else ()
        return (
            may_tie(self.vendor, other.vendor)
            and may_tie(self.model, other.model)
            and may_tie(self.firmware, other.firmware)
            and self._versions_may_tie(other)
            and may_tie(mine, theirs)
        )

    def _versions_may_tie(self, other: Rule) -> bool:
        if self.range is None or other.range is None:
            return self.range is other.range
        if self.version_from != other.version_from:  # the same text may give two versions
            return self.range.rank == other.range.rank
        return self.range.may_tie(other.range)


def _patterns(name: str, written: Sequence[str]) -> Patterns:
    try:
        return tuple(Pattern(text) for text in written)
    except ValueError as fault:
        raise ValueError(f"match.{name}: {fault}") from None


def _same(wanted: str, given: str) -> Rank | None:
    if not wanted:
        return Rank()
    return Rank(1) if wanted == given else None


def ties(profiles: Sequence[FirmwareProfile]) -> list[tuple[str, str]]:
    """Names of profiles that could be meant with equal right."""
    return [(one.name, other.name) for one, other in combinations(profiles, 2) if one.rule.may_tie(other.rule)]
