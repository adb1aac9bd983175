"""Brings the warehouse up to what the central system's store holds: again and again, late rows included.

Each load looks back `LATE` from where the last one ended, for stations send what they metered offline days later. Rows
are merged by their keys, and a day's file is written only when something in it is another. Every day that was looked at
is rolled up, so that a load which broke off is made good by the next.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.security.files import write_whole
from csms.security.folder import FolderLock
from csms.store.due import QUARTER_S
from csms.store.queries import Reader
from csms.store.rollup_reading import StoredRollup
from csms.store.supply_tables import FeederRow
from csms.store.tables import Session
from monitor.forecast.metered import REGISTER
from monitor.warehouse.calendar import TariffBook, book_of, date_rows, hour_rows
from monitor.warehouse.extract import MEASURANDS, Rows, evse_rows, quarter_rows, session_row, station_rows
from monitor.warehouse.files import PRIVATE, Files
from monitor.warehouse.gathered import DAY, Gathered, Span, midnight
from monitor.warehouse.governed import Facts, NoFacts, by_session, doubt_of, moved, repaired, strayed
from monitor.warehouse.history import History
from monitor.warehouse.levels import LONGEST, VEHICLE_CLASSES, level_values, vehicle_class
from monitor.warehouse.places import Places, region_rows
from monitor.warehouse.schema import OWN

LATE = timedelta(days=3)
AROUND = timedelta(days=1)
"""How far around a span registers are read, so that its quarter-hours have where to begin and to end."""
PAGE = 1000
STATIONS_AT_ONCE = 50
ROLLUPS_MAX = 200_000
SALT_FILE, LOCK_FILE = "salt", "load.lock"
SPAN, QUARTER = timedelta(days=4), timedelta(seconds=QUARTER_S)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
More = Callable[[Gathered, datetime], Awaitable[None]]
"""Loads facts from elsewhere that were heard of since a moment."""
Progress = Callable[[int, int], None]


class WarehouseUnreadable(CsmsError):
    """The central system holds more at one moment than can be read."""

    code = "warehouse_unreadable"


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
    """One process loads; readers may read meanwhile. `places`: what is known of sites, feeders and prices; `facts`: the
    one set of facts, whose repairs and doubts count.
    """

    def __init__(
        self,
        reader: Reader,
        folder: Path,
        clock: Clock,
        places: Places | None = None,
        rollups_max: int = ROLLUPS_MAX,
        more: More | None = None,
        facts: Facts | None = None,
    ) -> None:
        self._reader, self._clock, self._rollups_max, self._more = reader, clock, rollups_max, more
        self._facts = facts or NoFacts()
        self._places = places or Places()
        self._files = Files(folder)
        folder.mkdir(parents=True, exist_ok=True)

    async def load(self, since: datetime | None = None, progress: Progress = _no_progress) -> Loaded:
        """Everything from `since` on; without it from `LATE` before the last load, at first from the oldest row.

        Raises AlreadyRunning while another process loads, StoreUnavailable, WarehouseUnreadable, OSError, ValueError
        for a tariff that there is not; what was written until then stays, and the next load goes on.
        """
        lock = FolderLock(self._files.folder, LOCK_FILE, "csms warehouse load")
        lock.take()
        try:
            return await self._load(since, progress)
        finally:
            lock.release()

    async def _load(self, since: datetime | None, progress: Progress) -> Loaded:
        now = self._clock.now()
        book = book_of(self._places.tariff, self._places.service_yuan)
        self._files.renew()
        marked = self._marked()
        begin = midnight(since or (await self._oldest(now) if marked is None else marked - LATE))
        heard = EPOCH if marked is None and since is None else begin
        stations, gathered = await self._who(), Gathered(self._files)
        history = History(self._reader, gathered)
        sessions = await self._sessions(heard, gathered, book)
        quarters = await self._quarters(stations, Span(begin, now), gathered, progress)
        await history.load(heard, Span(begin, now))
        if self._more is not None:
            await self._more(gathered, heard)
        self._roll_up(gathered)
        history.roll_up(begin.date(), now)
        self._when(now, book)
        self._files.put_mark({"until": now.isoformat()})
        return Loaded(begin, now, sessions, quarters, gathered.written)

    async def _who(self) -> list[str]:
        """Write the dimensions that say who and where; the stations."""
        stations, sites = await self._reader.stations(), self._places.site_rows()
        self._files.put_dimension("dim_station", station_rows(stations, sites))
        self._files.put_dimension("dim_evse", evse_rows(await self._reader.evses()))
        self._files.put_dimension("dim_site", sites)
        self._files.put_dimension("dim_operator", [{"operator_id": OWN, "name": self._places.operator}])
        self._files.put_dimension("dim_region", region_rows(one["region_code"] for one in sites))
        self._files.put_dimension("dim_feeder", self._places.feeder_rows(await self._reader.find(FeederRow)))
        classes = [{"vehicle_class": name, "title": title} for name, title in VEHICLE_CLASSES.items()]
        self._files.put_dimension("dim_vehicle_class", classes)
        return [station.id for station in stations]

    def _when(self, now: datetime, book: TariffBook) -> None:
        """Write the dimensions of time, for the days that have facts and the next one."""
        facts = ("fact_session", "fact_meter_15min", "fact_order", "fact_status")
        first = min((days[0] for fact in facts if (days := self._files.days(fact))), default=now.date())
        last = now.date() + DAY
        self._files.put_dimension("dim_date", date_rows(first, last, book))
        self._files.put_dimension("dim_tariff_period", hour_rows(first, last, book))

    async def _sessions(self, since: datetime, gathered: Gathered, book: TariffBook) -> int:
        salt, after, count = self._salt(), 0, 0
        kinds = {(evse.station_id, evse.evse_id): evse.kind for evse in await self._reader.evses()}
        while page := await self._reader.sessions_since(since, after, PAGE):
            registers, facts, rows = await self._registers(page), by_session(self._facts, page), []
            for told in page:
                outlet, fact = (told.station_id, told.evse_id), facts.get(told.id)
                session = repaired(told, fact)
                known = moved(registers.get(outlet, ()), session.started_at - told.started_at)
                row = session_row(session, salt) | level_values(session, known, book)
                row |= {"vehicle_class": vehicle_class(session, kinds.get(outlet, "")), "doubted": doubt_of(fact)}
                rows.append(row)
            after, count = page[-1].id, count + gathered.merge("fact_session", [rows], "started_at")
            gathered.forget("fact_session", "session_id", strayed(page, facts))
        return count

    async def _registers(self, page: Sequence[Session]) -> dict[tuple[str, int], list[StoredRollup]]:
        """What the registers of these sessions' outlets told while they ran."""
        ended = [one for one in page if one.ended_at and one.started_at <= one.ended_at <= one.started_at + LONGEST]
        stations = sorted({one.station_id for one in ended})
        found: dict[tuple[str, int], list[StoredRollup]] = {}
        for n in range(0, len(stations), STATIONS_AT_ONCE):
            group = stations[n : n + STATIONS_AT_ONCE]
            mine = [one for one in ended if one.station_id in set(group)]
            span = Span(
                min(one.started_at for one in mine) - QUARTER, max(one.ended_at for one in mine if one.ended_at)
            )
            for one in await self._rollups(group, (REGISTER,), span):
                if not one.phase:
                    found.setdefault((one.station_id, one.evse_id), []).append(one)
        return found

    async def _quarters(self, stations: Sequence[str], span: Span, gathered: Gathered, progress: Progress) -> int:
        """A few days of all stations at a time: a first load of years needs no more memory than one of days, and a
        day's file is written once, however many stations there are."""
        spans = list(span.parts(SPAN))
        groups = [stations[n : n + STATIONS_AT_ONCE] for n in range(0, len(stations), STATIONS_AT_ONCE)]
        count = done = 0
        for part in spans:
            found: list[Rows] = []
            for group in groups:
                wanted = Span(part.since - AROUND, part.until + AROUND)
                found.append(quarter_rows(await self._rollups(group, MEASURANDS, wanted), part.since, part.until))
                done += len(group)
                progress(done, len(spans) * len(stations))
            count += gathered.merge("fact_meter_15min", found, "begins_at")
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

    def _roll_up(self, gathered: Gathered) -> None:
        for day in sorted(gathered.seen("fact_session", "fact_meter_15min")):
            gathered.written += self._files.roll_up(day)

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
