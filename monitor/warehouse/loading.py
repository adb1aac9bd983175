"""Brings the warehouse up to what the central system's store holds: again and again, late rows included.

Each load looks back `LATE` from where the last one ended, for stations send what they metered offline days later. Rows
are merged by their keys, and a day's file is written only when something in it is another. Every day that was looked at
is rolled up, so that a load which broke off is made good by the next.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.security.files import write_whole
from csms.security.folder import FolderLock
from csms.store.due import QUARTER_S
from csms.store.queries import Reader
from csms.store.rollup_reading import StoredRollup
from monitor.warehouse.extract import MEASURANDS, Rows, day_rows, evse_rows, quarter_rows, session_row, station_rows
from monitor.warehouse.files import Files

LATE = timedelta(days=3)
BEFORE = timedelta(days=1)
"""How far before a span registers are read, so that its first quarter-hour has where to begin."""
PAGE = 1000
ROLLUPS_MAX = 100_000
MARK_FILE, SALT_FILE, LOCK_FILE = "loaded.json", "salt", "load.lock"
PRIVATE = 0o600
DAY, SPAN, QUARTER = timedelta(days=1), timedelta(days=14), timedelta(seconds=QUARTER_S)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class WarehouseUnreadable(CsmsError):
    """The central system holds more at one moment than can be read."""

    code = "warehouse_unreadable"


@dataclass(slots=True)
class Seen:
    """Days of which rows were read, and how many files of facts became others."""

    days: set[date] = field(default_factory=set)
    written: int = 0


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

    def __init__(self, reader: Reader, folder: Path, clock: Clock, rollups_max: int = ROLLUPS_MAX) -> None:
        self._reader, self._clock, self._rollups_max = reader, clock, rollups_max
        self._files = Files(folder)
        folder.mkdir(parents=True, exist_ok=True)

    async def load(self, since: datetime | None = None, progress: Callable[[int, int], None] = _no_progress) -> Loaded:
        """Everything from `since` on; without it from `LATE` before the last load, at first from the oldest row.

        Raises AlreadyRunning while another process loads, StoreUnavailable, WarehouseUnreadable, OSError; what was
        written until then stays, and the next load goes on.
        """
        lock = FolderLock(self._files.folder, LOCK_FILE, "csms warehouse load")
        lock.take()
        try:
            return await self._load(since, progress)
        finally:
            lock.release()

    async def _load(self, since: datetime | None, progress: Callable[[int, int], None]) -> Loaded:
        now = self._clock.now()
        stations = await self._reader.stations()
        self._files.put_dimension("dim_station", station_rows(stations))
        self._files.put_dimension("dim_evse", evse_rows(await self._reader.evses()))
        seen = Seen()
        marked = self._marked()
        begin = _midnight(since or (await self._oldest(now) if marked is None else marked - LATE))
        sessions = await self._sessions(EPOCH if marked is None and since is None else begin, seen)
        quarters = 0
        for number, station in enumerate(stations):
            quarters += await self._quarters(station.id, begin, now, seen)
            progress(number + 1, len(stations))
        files = seen.written + self._roll_up(seen.days)
        self._mark(now)
        return Loaded(begin, now, sessions, quarters, files)

    async def _sessions(self, since: datetime, seen: Seen) -> int:
        salt, after, count = self._salt(), 0, 0
        while page := await self._reader.sessions_since(since, after, PAGE):
            after, count = page[-1].id, count + len(page)
            self._merge("fact_session", [session_row(session, salt) for session in page], "started_at", seen)
        return count

    async def _quarters(self, station_id: str, since: datetime, until: datetime, seen: Seen) -> int:
        """In spans, so that a first load of years needs no more memory than one of days."""
        count, end = 0, _midnight(until) + DAY
        while since < end:
            stop = min(since + SPAN, end)
            found = [one for name in MEASURANDS for one in await self._rollups(station_id, name, since - BEFORE, stop)]
            rows = quarter_rows(found, since, stop)
            self._merge("fact_meter_15min", rows, "begins_at", seen)
            count, since = count + len(rows), stop
        return count

    async def _rollups(
        self, station_id: str, measurand: str, since: datetime, until: datetime
    ) -> Sequence[StoredRollup]:
        """All of them: what does not fit into one answer is asked for in two."""
        found = await self._reader.rollups(
            grain_s=QUARTER_S,
            station_id=station_id,
            measurand=measurand,
            since=since,
            until=until,
            limit=self._rollups_max,
        )
        if len(found) < self._rollups_max:
            return found
        half = since + max((until - since) // QUARTER // 2, 1) * QUARTER
        if half >= until:
            raise WarehouseUnreadable(
                f"{station_id} has more than {len(found)} quarter-hours of {measurand} at {since}"
            )
        early = await self._rollups(station_id, measurand, since, half)
        return [*early, *await self._rollups(station_id, measurand, half, until)]

    def _merge(self, fact: str, rows: Rows, moment: str, seen: Seen) -> None:
        days: dict[date, Rows] = {}
        for row in rows:
            days.setdefault(row[moment].date(), []).append(row)
        for day, some in days.items():
            seen.days.add(day)
            seen.written += self._files.merge(fact, day, some)

    def _roll_up(self, days: set[date]) -> int:
        count = 0
        for day in sorted(days):
            facts = (self._files.read(name, day) for name in ("fact_meter_15min", "fact_session"))
            count += self._files.put("day_evse", day, day_rows(*facts))
        return count

    def _marked(self) -> datetime | None:
        """Until when the last load came; None before the first."""
        path = self._files.folder / MARK_FILE
        return datetime.fromisoformat(json.loads(path.read_text("utf-8"))["until"]) if path.is_file() else None

    async def _oldest(self, now: datetime) -> datetime:
        oldest = await self._reader.rollups(limit=1)
        return oldest[0].begins_at if oldest else now

    def _mark(self, now: datetime) -> None:
        write_whole(self._files.folder / MARK_FILE, json.dumps({"until": now.isoformat()}).encode(), PRIVATE)

    def _salt(self) -> bytes:
        path = self._files.folder / SALT_FILE
        if not path.is_file():
            write_whole(path, secrets.token_hex(32).encode(), PRIVATE)
        return path.read_bytes()


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
