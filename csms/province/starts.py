"""Sessions that a partner asks for, from its wish to its end (query_start_charge, query_stop_charge, section 11.2).

A wish is durable before the station hears of it, under a remote start id of its own, so that the session that comes of
it is known as the partner's also after a restart, and the same wish twice is one start. What came of it is looked up in
the store when sessions begin or end and when its time is over; then the partner is told by a notification. One that is
still waited for when the platform wants to hear of it is told as under way (StartChargeSeqStat 1 and 3).

Starts that are over leave the memory after `KEPT`; they are found in the store again.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from csms.model.clock import Clock
from csms.model.command import Command, CommandResult, RemoteStart, RemoteStop
from csms.model.errors import CallTimeout, CsmsError, PeerError, StationOffline, UnknownStation
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.records import PartnerStart
from csms.province.service import ProvinceService
from csms.store.province import ProvinceRecords
from csms.store.province_tables import ProvinceStart
from csms.store.tables import Session

log = logging.getLogger(__name__)

STARTING, CHARGING, STOPPING, OVER, UNKNOWN = 1, 2, 3, 4, 5
"""StartChargeSeqStat (section 10)."""
NONE, NO_DEVICE, OFFLINE, REFUSED, NOTHING_FOLLOWED, BUSY = 0, 1, 2, 3, 4, 5
"""FailReason of a start; from 3 on our own."""
STOP_OVER, STOP_UNKNOWN, STOP_REFUSED, STOP_NOTHING_FOLLOWED = 3, 4, 5, 6
"""FailReason of a stop besides 0 to 2; from 4 on our own."""

KEPT = timedelta(days=4)
"""How long a start that is over is held: orders of three days are checked at night."""
AHEAD_S = 10.0
"""A start under way is told so long before the platform's limit: our round of 5 s and the call fit into it."""
FIRST_REMOTE_START = 1 << 30
"""Remote start ids of partners begin here, far above those of our own operations, and stay below 2^31."""


class Commander(Protocol):
    """Who can ask a station (csms.station.service.StationService)."""

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Ask; raises CsmsError or PeerError."""
        ...


@dataclass(frozen=True, slots=True)
class Told:
    """What a partner is answered at once."""

    stat: int
    fail_reason: int = NONE


class PartnerStarts:
    """All starts of all partners. `wait_s`: how long after the wish a session may begin or end."""

    def __init__(
        self, clock: Clock, records: ProvinceRecords, service: ProvinceService, stations: Commander, wait_s: float
    ) -> None:
        self._clock = clock
        self._records = records
        self._service = service
        self._stations = stations
        self._wait_s = wait_s
        self._rows: dict[tuple[str, str], ProvinceStart] = {}
        self._by_start: dict[int, ProvinceStart] = {}
        self._open: dict[int, ProvinceStart] = {}
        self._last_start = FIRST_REMOTE_START
        self._told: set[tuple[int, int]] = set()
        self._making = asyncio.Lock()
        self._look = True
        self._asking: set[asyncio.Task[None]] = set()

    async def restore(self) -> None:
        """Load what is not over and what was asked for lately."""
        for row in await self._records.starts(self._clock.now() - KEPT):
            self._hold(row)
        self._last_start = max(self._last_start, await self._records.last_remote_start())

    def look(self) -> None:
        """A session began or ended."""
        self._look = True

    async def find(self, partner_id: str, number: str) -> ProvinceStart | None:
        """The start with a partner's number."""
        held = self._rows.get((partner_id, number))
        return held or self._again(await self._records.start(partner=partner_id, number=number))

    async def behind(self, remote_start_id: int | None) -> ProvinceStart | None:
        """The start that a session came of, if a partner asked for it; its number is known from then on."""
        if remote_start_id is None or remote_start_id <= FIRST_REMOTE_START:
            return None
        held = self._by_start.get(remote_start_id)
        return held or self._again(await self._records.start(remote_start_id=remote_start_id))

    async def session(self, partner: Partner, number: str) -> Session | None:
        """The session that a partner knows by a number, its own or ours."""
        start = await self.find(partner.id, number)
        if start is not None:
            return await self._records.started_by(start.station_id, start.remote_start_id)
        session_id = await self._service.names[partner.id].session_of(number)
        row = await self._records.session(session_id) if session_id is not None else None
        await self.behind(row.remote_start_id if row is not None else None)
        return row if row is not None and partner.access.sees(row.station_id) else None

    async def start(self, partner_id: str, number: str, connector: ConnectorRef, name: str) -> Told:
        """Begin a start, or tell what became of it; `name` is the ConnectorID."""
        async with self._making:  # the same wish may come twice at a time
            row = await self.find(partner_id, number) or await self._begin(partner_id, number, connector, name)
        if row.connector != name:
            return Told(row.stat, REFUSED)
        return Told(row.stat, row.fail_reason)

    async def _begin(self, partner_id: str, number: str, connector: ConnectorRef, name: str) -> ProvinceStart:
        self._last_start += 1
        row = ProvinceStart(
            partner=partner_id,
            number=number,
            remote_start_id=self._last_start,
            connector=name,
            station_id=connector.station_id,
            evse_id=connector.evse_id,
            asked_at=self._clock.now(),
        )
        await self._records.put_start(row)
        self._hold(row)
        self._ask(self._start(row))
        return row

    async def stop(self, partner_id: str, number: str) -> Told:
        """Begin to end a session that the partner started."""
        row = await self.find(partner_id, number)
        session = await self._records.started_by(row.station_id, row.remote_start_id) if row is not None else None
        if row is None or session is None:
            return Told(UNKNOWN if row is None else row.stat, STOP_UNKNOWN)
        if session.ended_at is not None:
            return Told(OVER, STOP_OVER)
        if row.stop_asked_at is None or row.stop_told_at is not None:
            row.stop_asked_at, row.stop_told_at = self._clock.now(), None
            self._told.discard((row.remote_start_id, STOPPING))
            await self._records.put_start(row)
            self._ask(self._stop(row, session.transaction_id))
        return Told(STOPPING)

    async def work_off(self) -> None:
        """Tell partners what came of their starts and stops, and forget what is long over."""
        now, look = self._clock.now(), self._look
        self._look = False
        for row in list(self._open.values()):
            if row.stat == STARTING and (look or self._late(row.asked_at, now)):
                await self._follow_start(row, now)
            if row.stat == CHARGING and (look or self._late(row.stop_asked_at, now)):
                await self._follow_end(row, now)
            if row.stat == OVER:
                self._open.pop(row.remote_start_id, None)
            else:
                await self._say_under_way(row, now)
        self._forget(now - KEPT)

    async def close(self) -> None:
        """Let go of what is being asked."""
        for task in self._asking:
            task.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _hold(self, row: ProvinceStart) -> None:
        self._rows[row.partner, row.number] = row
        self._by_start[row.remote_start_id] = row
        if row.stat != OVER and row.partner in self._service.partners:
            self._open[row.remote_start_id] = row
        self._service.starts.setdefault(row.partner, {})[row.remote_start_id] = row.number

    def _again(self, row: ProvinceStart | None) -> ProvinceStart | None:
        if row is not None:
            self._hold(row)
        return row

    def _forget(self, before: datetime) -> None:
        """What is held stands in the order of asking; a start that goes on keeps those after it a little longer."""
        for row in list(self._rows.values()):
            if row.asked_at >= before or row.remote_start_id in self._open:
                return
            self._rows.pop((row.partner, row.number))
            self._by_start.pop(row.remote_start_id)
            self._service.starts[row.partner].pop(row.remote_start_id)
            self._told -= {(row.remote_start_id, STARTING), (row.remote_start_id, STOPPING)}

    def _late(self, since: datetime | None, now: datetime) -> bool:
        return since is not None and (now - since).total_seconds() > self._wait_s

    def _ask(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)

    async def _start(self, row: ProvinceStart) -> None:
        wish = RemoteStart(evse_id=row.evse_id, remote_start_id=row.remote_start_id)
        fault = await self._asked(row, wish)
        if fault and row.stat == STARTING:
            await self._say_start(row, OVER, fault)

    async def _stop(self, row: ProvinceStart, transaction_id: str) -> None:
        fault = await self._asked(row, RemoteStop(transaction_id))
        if fault and row.stat == CHARGING:
            await self._say_stop(row, CHARGING, STOP_REFUSED if fault == REFUSED else fault)

    async def _asked(self, row: ProvinceStart, wish: Command) -> int:
        """0 unless it is certain that nothing will come of it."""
        try:
            result = await self._stations.command(row.station_id, wish)
        except UnknownStation:
            return NO_DEVICE
        except StationOffline:
            return OFFLINE
        except CallTimeout:
            return NONE
        except (CsmsError, PeerError) as fault:
            log.warning(
                "province_wish_refused", extra={"partner": row.partner, "number": row.number, "why": str(fault)}
            )
            return REFUSED
        return NONE if result.accepted else REFUSED

    async def _follow_start(self, row: ProvinceStart, now: datetime) -> None:
        session = await self._records.started_by(row.station_id, row.remote_start_id)
        if session is not None:
            row.session_id = session.id
            await self._say_start(row, CHARGING, NONE, session.started_at)
        elif self._late(row.asked_at, now):
            await self._say_start(row, OVER, NOTHING_FOLLOWED)

    async def _follow_end(self, row: ProvinceStart, now: datetime) -> None:
        session = await self._records.session(row.session_id or 0)
        if session is not None and session.ended_at is not None:
            await self._say_stop(row, OVER, NONE)
        elif row.stop_told_at is None and self._late(row.stop_asked_at, now):
            await self._say_stop(row, CHARGING, STOP_NOTHING_FOLLOWED)

    async def _say_under_way(self, row: ProvinceStart, now: datetime) -> None:
        """Told once, not noted: it may be told again after a restart."""
        stopping = row.stat == CHARGING and row.stop_told_at is None
        since, stat = (row.stop_asked_at, STOPPING) if stopping else (row.asked_at, STARTING)
        if (row.stat == CHARGING and not stopping) or since is None or (row.remote_start_id, stat) in self._told:
            return
        rules = self._service.partners[row.partner].profile.timeliness
        if (now - since).total_seconds() < rules.result_limit_s - AHEAD_S:
            return
        told = PartnerStart(row.number, row.connector, stat, now)
        result = self._service.stop_result if stopping else self._service.start_result
        await self._service.enqueue(result(row.partner, told))
        self._told.add((row.remote_start_id, stat))

    async def _say_start(self, row: ProvinceStart, stat: int, fault: int, at: datetime | None = None) -> None:
        """A start that was told twice does no harm, one that was never told does: told first, then noted."""
        now = self._clock.now()
        start = PartnerStart(row.number, row.connector, stat, at or now, fault)
        await self._service.enqueue(self._service.start_result(row.partner, start))
        row.stat, row.fail_reason, row.told_at = stat, fault, now
        await self._records.put_start(row)

    async def _say_stop(self, row: ProvinceStart, stat: int, fault: int) -> None:
        now = self._clock.now()
        stop = PartnerStart(row.number, row.connector, stat, now, fault)
        await self._service.enqueue(self._service.stop_result(row.partner, stop))
        row.stat, row.stop_told_at = stat, now
        await self._records.put_start(row)
