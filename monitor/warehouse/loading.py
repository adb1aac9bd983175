"""Brings the warehouse up to what the central system's store holds: again and again, late rows included.

Each load looks back `LATE` from where the last one ended, for stations send what they metered offline days later. Rows
are merged by their keys, and a day's file is written only when something in it is another. Every day that was looked at
is rolled up, so that a load which broke off is made good by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pyarrow as pa

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.security.files import write_whole
from csms.security.folder import FolderLock
from csms.store.due import QUARTER_S
from csms.store.queries import Reader
from csms.store.rollup_reading import StoredRollup
from monitor.warehouse.extract import MEASURANDS, Rows, evse_rows, quarter_rows, session_row, station_rows
from monitor.warehouse.files import PRIVATE, Files
from monitor.warehouse.schema import FACTS

LATE = timedelta(days=3)
BEFORE = timedelta(days=1)
"""How far before a span registers are read, so that its first quarter-hour has where to begin."""
PAGE = 1000
STATIONS_AT_ONCE = 50
ROLLUPS_MAX = 200_000
SALT_FILE, LOCK_FILE = "salt", "load.lock"
DAY, SPAN, QUARTER = timedelta(days=1), timedelta(days=4), timedelta(seconds=QUARTER_S)
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
class Span:
    """since <= moment < until."""

    since: datetime
    until: datetime

    def parts(self, length: timedelta) -> Iterator[Span]:
        """Whole days up to the one in which it ends, so many at a time."""
        since, end = _midnight(self.since), _midnight(self.until) + DAY
        while since < end:
            yield Span(since, min(since + length, end))
            since += length


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
        self._files.renew()
        stations = await self._reader.stations()
        self._files.put_dimension("dim_station", station_rows(stations))
        self._files.put_dimension("dim_evse", evse_rows(await self._reader.evses()))
        seen = Seen()
        marked = self._marked()
        begin = _midnight(since or (await self._oldest(now) if marked is None else marked - LATE))
        sessions = await self._sessions(EPOCH if marked is None and since is None else begin, seen)
        quarters = await self._quarters([station.id for station in stations], Span(begin, now), seen, progress)
        files = seen.written + self._roll_up(seen.days)
        self._files.put_mark({"until": now.isoformat()})
        return Loaded(begin, now, sessions, quarters, files)

    async def _sessions(self, since: datetime, seen: Seen) -> int:
        salt, after, count = self._salt(), 0, 0
        while page := await self._reader.sessions_since(since, after, PAGE):
            after, count = page[-1].id, count + len(page)
            self._merge("fact_session", [[session_row(session, salt) for session in page]], "started_at", seen)
        return count

    async def _quarters(
        self, stations: Sequence[str], span: Span, seen: Seen, progress: Callable[[int, int], None]
    ) -> int:
        """A few days of all stations at a time: a first load of years needs no more memory than one of days, and a
        day's file is written once, however many stations there are."""
        spans = list(span.parts(SPAN))
        groups = [stations[n : n + STATIONS_AT_ONCE] for n in range(0, len(stations), STATIONS_AT_ONCE)]
        count = done = 0
        for part in spans:
            found: list[Rows] = []
            for group in groups:
                wanted = Span(part.since - BEFORE, part.until)
                rows = quarter_rows(await self._rollups(group, MEASURANDS, wanted), part.since, part.until)
                found.append(rows)
                count, done = count + len(rows), done + len(group)
                progress(done, len(spans) * len(stations))
            self._merge("fact_meter_15min", found, "begins_at", seen)
        return count

    async def _rollups(self, stations: Sequence[str], measurands: Sequence[str], span: Span) -> Sequence[StoredRollup]:
        """All of them: what does not fit into one answer is asked for in two."""
        found = await self._reader.rollups(
            grain_s=QUARTER_S,
            station_id=stations,
            measurand=measurands,
            since=span.since,
            until=span.until,
            limit=self._rollups_max,
        )
        if len(found) < self._rollups_max:
            return found
        half = span.since + max((span.until - span.since) // QUARTER // 2, 1) * QUARTER
        if half >= span.until:
            raise WarehouseUnreadable(
                f"{stations[0]} and {len(stations) - 1} more have over {len(found)} values in the quarter-hour of "
                f"{span.since}"
            )
        early = await self._rollups(stations, measurands, Span(span.since, half))
        return [*early, *await self._rollups(stations, measurands, Span(half, span.until))]

    def _merge(self, fact: str, parts: Sequence[Rows], moment: str, seen: Seen) -> None:
        """Rows into the days of their `moment`."""
        schema = FACTS[fact]
        days: dict[date, list[pa.Table]] = {}
        for rows in parts:
            of_day: dict[date, Rows] = {}
            for row in rows:
                of_day.setdefault(row[moment].date(), []).append(row)
            for day, some in of_day.items():
                days.setdefault(day, []).append(pa.Table.from_pylist(some, schema=schema))
        for day, tables in days.items():
            seen.days.add(day)
            seen.written += self._files.merge(fact, day, pa.concat_tables(tables))

    def _roll_up(self, days: set[date]) -> int:
        return sum(self._files.roll_up(day) for day in sorted(days))

    def _marked(self) -> datetime | None:
        """Until when the last load came; None before the first."""
        until = self._files.mark().get("until")
        return datetime.fromisoformat(until) if until else None

    async def _oldest(self, now: datetime) -> datetime:
        oldest = await self._reader.rollups(limit=1)
        return oldest[0].begins_at if oldest else now

    def _salt(self) -> bytes:
        path = self._files.folder / SALT_FILE
        if not path.is_file():
            write_whole(path, secrets.token_hex(32).encode(), PRIVATE)
        return path.read_bytes()


def _midnight(moment: datetime) -> datetime:
    return moment.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
