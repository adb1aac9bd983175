"""Brings the warehouse up to what the central system's store holds: again and again, late rows included.

Each load looks back `LATE` from where the last one ended, for stations send what they metered offline days later. Rows
are merged by their keys, and a day's file is written only when something in it is another.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from csms.model.clock import Clock
from csms.security.files import write_whole
from csms.store.due import QUARTER_S
from csms.store.queries import Reader
from monitor.warehouse.extract import MEASURANDS, Rows, day_rows, evse_rows, quarter_rows, session_row, station_rows
from monitor.warehouse.files import Files

LATE = timedelta(days=3)
BEFORE = timedelta(days=1)
"""How far before a span registers are read, so that its first quarter-hour has where to begin."""
PAGE = 1000
ROLLUPS_MAX = 100_000
MARK_FILE, SALT_FILE = "loaded.json", "salt"
PRIVATE = 0o600
DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a load did: from when on it looked, sessions and quarter-hours that it read, files that it wrote."""

    since: datetime
    until: datetime
    sessions: int
    quarters: int
    written: int


def _no_progress(done: int, of: int) -> None:
    """Nobody watches."""


class Loader:
    """One process loads; readers may read meanwhile."""

    def __init__(self, reader: Reader, folder: Path, clock: Clock) -> None:
        self._reader, self._clock = reader, clock
        self._files = Files(folder)
        folder.mkdir(parents=True, exist_ok=True)

    async def load(self, since: datetime | None = None, progress: Callable[[int, int], None] = _no_progress) -> Loaded:
        """Everything from `since` on; without it from `LATE` before the last load, at first from the oldest row.

        Raises StoreUnavailable, OSError; what was written until then stays, and the next load goes on.
        """
        now = self._clock.now()
        stations = await self._reader.stations()
        self._files.put_dimension("dim_station", station_rows(stations))
        self._files.put_dimension("dim_evse", evse_rows(await self._reader.evses()))
        begin = _midnight(since or await self._resume_at(now))
        written: set[tuple[str, date]] = set()
        sessions = await self._sessions(begin, written)
        quarters = 0
        for number, station in enumerate(stations):
            quarters += await self._quarters(station.id, begin, now, written)
            progress(number + 1, len(stations))
        files = len(written) + self._roll_up({day for _, day in written})
        self._mark(now)
        return Loaded(begin, now, sessions, quarters, files)

    async def _sessions(self, since: datetime, written: set[tuple[str, date]]) -> int:
        salt, after, count = self._salt(), 0, 0
        while page := await self._reader.sessions_since(since, after, PAGE):
            after, count = page[-1].id, count + len(page)
            rows = [session_row(session, salt) for session in page]
            self._merge("fact_session", rows, "started_at", written)
        return count

    async def _quarters(self, station_id: str, since: datetime, until: datetime, written: set[tuple[str, date]]) -> int:
        found: list[Any] = []
        for measurand in MEASURANDS:
            found += await self._reader.rollups(
                grain_s=QUARTER_S,
                station_id=station_id,
                measurand=measurand,
                since=since - BEFORE,
                until=until,
                limit=ROLLUPS_MAX,
            )
        rows = quarter_rows(found, since, _midnight(until) + DAY)
        self._merge("fact_meter_15min", rows, "begins_at", written)
        return len(rows)

    def _merge(self, fact: str, rows: Rows, moment: str, written: set[tuple[str, date]]) -> None:
        days: dict[date, Rows] = {}
        for row in rows:
            days.setdefault(row[moment].date(), []).append(row)
        for day, some in days.items():
            if self._files.merge(fact, day, some):
                written.add((fact, day))

    def _roll_up(self, days: Sequence[date] | set[date]) -> int:
        count = 0
        for day in sorted(days):
            facts = (self._files.read(name, day) for name in ("fact_meter_15min", "fact_session"))
            count += self._files.put("day_evse", day, day_rows(*facts))
        return count

    async def _resume_at(self, now: datetime) -> datetime:
        path = self._files.folder / MARK_FILE
        if path.is_file():
            return datetime.fromisoformat(json.loads(path.read_text("utf-8"))["until"]) - LATE
        oldest = await self._reader.rollups(limit=1)
        first = await self._reader.sessions_since(datetime(1970, 1, 1, tzinfo=UTC), 0, 1)
        known = [one.begins_at for one in oldest] + [one.started_at for one in first]
        return min(known, default=now)

    def _mark(self, now: datetime) -> None:
        write_whole(self._files.folder / MARK_FILE, json.dumps({"until": now.isoformat()}).encode(), PRIVATE)

    def _salt(self) -> bytes:
        path = self._files.folder / SALT_FILE
        if not path.is_file():
            write_whole(path, secrets.token_hex(32).encode(), PRIVATE)
        return path.read_bytes()


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
