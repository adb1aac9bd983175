"""What the last sessions are known by, so that one that is begun again is found without a search (pains 10, 19).

Covers everything received since `horizon`; what is older has to be looked for in the store.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable, Iterable
from datetime import UTC, datetime
from typing import Generic, NamedTuple, TypeVar

STARTS_KEPT = 20_000
"""Two starts for each of ten thousand stations, about 6 MiB."""


class Start(NamedTuple):
    """What makes two starts of 1.6 the same: station, EVSE, token, time and register."""

    station_id: str
    evse_id: int
    id_token: str
    at: datetime
    register_wh: float | None


class Transaction(NamedTuple):
    """How a 2.0.1 station names a transaction."""

    station_id: str
    transaction_id: str


Key = TypeVar("Key", bound=Hashable)


class RecentSessions(Generic[Key]):
    """What sessions are called, by key, the newest STARTS_KEPT: the id of the session, or of its transaction."""

    def __init__(self, kept: int = STARTS_KEPT) -> None:
        self._kept = kept
        self._ids: OrderedDict[Key, tuple[int, datetime]] = OrderedDict()
        self.horizon = datetime.min.replace(tzinfo=UTC)

    def restore(self, newest_first: Iterable[tuple[Key, int, datetime]], complete: bool) -> None:
        """Take up stored sessions: key, session id, time of arrival. `complete`: there are no older ones."""
        known = list(newest_first)
        for key, session_id, received_at in reversed(known):
            self.add(key, session_id, received_at)
        if not complete and known:
            self.horizon = max(self.horizon, known[-1][2])

    def add(self, key: Key, session_id: int, received_at: datetime) -> None:
        """A session was opened."""
        self._ids[key] = (session_id, received_at)
        if len(self._ids) > self._kept:
            _, (_, forgotten_at) = self._ids.popitem(last=False)
            self.horizon = max(self.horizon, forgotten_at)

    def find(self, key: Key) -> int | None:
        """The session with this very key."""
        found = self._ids.get(key)
        return found[0] if found else None

    def covers(self, started_at: datetime) -> bool:
        """Whether `find` is the last word on a session that began then: it cannot have arrived before it began."""
        return started_at > self.horizon
