"""When stations were asked to renew their certificates, what they said, and when they may be asked again. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

FIRST_WAIT = timedelta(hours=1)
WAIT_MAX = timedelta(days=1)
UNABLE_WAIT = timedelta(days=7)
"""A station that does not know the trigger is asked again after a while: it may have another firmware by then."""

LOOK_EVERY = timedelta(minutes=1)

UNABLE = frozenset({"NotImplemented", "NotSupported", "not_in_this_version", "call_refused", "not_for_this_station"})


@dataclass(frozen=True, slots=True)
class Asked:
    """The last time that a station was asked; `times` in a row without a new certificate."""

    at: datetime
    times: int = 0
    answer: str = ""

    @property
    def unable(self) -> bool:
        """Whether the station does not know what it was asked."""
        return self.answer in UNABLE

    @property
    def again_at(self) -> datetime:
        """Twice as late each time, a day at the most."""
        if self.unable:
            return self.at + UNABLE_WAIT
        doublings = min(max(self.times - 1, 0), 10)
        return self.at + min(FIRST_WAIT * (1 << doublings), WAIT_MAX)


class Renewals:
    """In memory: after a restart stations are asked once more."""

    def __init__(self) -> None:
        self._asked: dict[str, Asked] = {}
        self._told: dict[str, datetime] = {}
        self._looked_at: datetime | None = None

    def look_soon(self) -> None:
        """Something may be due that was not before: a station has come."""
        self._looked_at = None

    def is_turn(self, now: datetime) -> bool:
        """Whether all certificates are to be looked at (again)."""
        if self._looked_at is not None and now - self._looked_at < LOOK_EVERY:
            return False
        self._looked_at = now
        return True

    def of(self, station_id: str) -> Asked | None:
        """The last time that this station was asked; None since its last new certificate."""
        return self._asked.get(station_id)

    def may_ask(self, station_id: str, now: datetime) -> bool:
        """Whether its turn has come (again)."""
        asked = self._asked.get(station_id)
        return asked is None or asked.again_at <= now

    def note(self, station_id: str, now: datetime) -> None:
        """It is asked now."""
        before = self._asked.get(station_id)
        self._asked[station_id] = Asked(now, (before.times if before is not None else 0) + 1)

    def answered(self, station_id: str, answer: str) -> None:
        """What the station said to that."""
        if station_id in self._asked:
            self._asked[station_id] = replace(self._asked[station_id], answer=answer)

    def tell(self, station_id: str, now: datetime, every: timedelta) -> bool:
        """Whether a person is to be told (again)."""
        if (last := self._told.get(station_id)) is not None and now - last < every:
            return False
        self._told[station_id] = now
        return True

    def done(self, station_id: str) -> None:
        """It has a new certificate."""
        self._asked.pop(station_id, None)
        self._told.pop(station_id, None)
