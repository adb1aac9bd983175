"""The starts of the last sessions, so that one that is sent again gets its id without a search (pain 10).

Covers everything received since `horizon`; what is older has to be looked for in the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import NamedTuple

STARTS_KEPT = 20_000
"""Two starts for each of ten thousand stations, about 6 MiB."""


class Start(NamedTuple):
    """What makes two starts the same: station, EVSE, token, time and register."""

    station_id: str
    evse_id: int
    id_token: str
    at: datetime
    register_wh: float | None


class RecentStarts:
    """Session ids by start, the newest STARTS_KEPT."""

    def __init__(self, kept: int = STARTS_KEPT) -> None:
        self._kept = kept
        self._ids: OrderedDict[Start, tuple[int, datetime]] = OrderedDict()
        self.horizon = datetime.min.replace(tzinfo=UTC)

    def restore(self, newest_first: Iterable[tuple[Start, int, datetime]], complete: bool) -> None:
        """Take up stored sessions: start, session id, time of arrival. `complete`: there are no older ones."""
        known = list(newest_first)
        for start, session_id, received_at in reversed(known):
            self.add(start, session_id, received_at)
        if not complete and known:
            self.horizon = max(self.horizon, known[-1][2])

    def add(self, start: Start, session_id: int, received_at: datetime) -> None:
        """A session was opened."""
        self._ids[start] = (session_id, received_at)
        if len(self._ids) > self._kept:
            _, (_, forgotten_at) = self._ids.popitem(last=False)
            self.horizon = max(self.horizon, forgotten_at)

    def find(self, start: Start) -> int | None:
        """The session of this very start."""
        found = self._ids.get(start)
        return found[0] if found else None

    def covers(self, start: Start) -> bool:
        """Whether `find` is the last word: a start cannot have arrived before it happened."""
        return start.at > self.horizon
