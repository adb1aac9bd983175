"""What a partner may see and ask: which stations, which interfaces, how often. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from csms.province.profile import QUERIES, Kind

CHARGING = frozenset({Kind.QUERY_START, Kind.QUERY_STOP})
"""Interfaces that act on a station: a partner may use them only where it is said so."""
READING = frozenset(QUERIES) - CHARGING


@dataclass(frozen=True, slots=True)
class Access:
    """The rights of one partner. `stations`: ids or patterns such as `CP-*`."""

    stations: tuple[str, ...] = ("*",)
    interfaces: frozenset[Kind] = READING
    calls_per_s: float = 10.0
    calls_burst: float = 100.0

    def sees(self, station_id: str) -> bool:
        """Whether a station is told to it at all."""
        return any(fnmatchcase(station_id, pattern) for pattern in self.stations)

    def may_ask(self, kind: Kind) -> bool:
        """Whether it may use an interface; everybody may ask for a token."""
        return kind is Kind.QUERY_TOKEN or kind in self.interfaces


EVERYTHING = Access()
"""Every station, and whatever only reads."""
