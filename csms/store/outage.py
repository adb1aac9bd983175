"""What is known of an outage of the database: its stable code for health pages, and one log line a minute, not one for
every refused call.
"""

from __future__ import annotations

import logging
import sqlite3
from typing import Final

from csms.model.clock import Clock
from csms.model.errors import DiskFull, StoreUnavailable
from csms.store.faults import is_disk_full

log = logging.getLogger(__name__)

AGAIN_S: Final = 60.0
"""Wall seconds between two lines about the same outage."""


class Outage:
    """Told by the writer what became of its transactions.

    A disk may be full for one table and not for another; so an end is told as rarely as a beginning.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._refused = 0
        self._said: tuple[str, float] | None = None
        self._end_owed = False
        self.code = ""
        """Empty while the database takes changes, else the code of the last refusal."""

    def failed(self, error: BaseException, calls: int) -> type[StoreUnavailable]:
        """The database failed under `calls` calls; the kind of error that they are told."""
        kind = DiskFull if is_disk_full(error) else StoreUnavailable
        self._refused += calls
        self.code = kind.code
        if self._is_news(kind.code):
            log.error(kind.code, extra={"refused": self._refused, "detail": brief(error)})
            self._said, self._end_owed = (kind.code, self._clock.monotonic_s()), True
        return kind

    def over(self) -> None:
        """The database took a change."""
        self.code = ""
        if self._end_owed:
            log.warning("store_works_again", extra={"refused": self._refused})
            self._end_owed, self._refused = False, 0

    def _is_news(self, code: str) -> bool:
        if self._said is None or self._said[0] != code:
            return True
        return self._clock.wall_s(self._clock.monotonic_s() - self._said[1]) >= AGAIN_S


def brief(error: BaseException) -> str:
    """The database's own words, without statement, parameters and detail: those hold what drivers and stations sent."""
    if getattr(error, "severity", None):  # of a PostgreSQL server; what its driver says itself quotes the value
        return str(error.args[0])
    return str(error) if isinstance(error, sqlite3.Error | OSError) else type(error).__name__
