"""From what happens at the stations to what platforms are told.

Events only mark what is to be looked at; the work is done from the store and the live state, so that a message lost
in a crash is found again: at start and every `RECONCILE_S` all ended sessions without an order get one, and every
connector's state is offered again (a partner that knows it already is not told twice).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from csms.model.clock import Clock
from csms.model.event import (
    ConnectorChanged,
    Event,
    Metered,
    SessionClosed,
    SessionOpened,
    StationBooted,
    StationConnected,
    StationDisconnected,
)
from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import CURRENT_IMPORT, VOLTAGE, Sample
from csms.model.session import StopReason
from csms.model.station import CurrentKind
from csms.province.mapping import connector_status, priced, stop_reason
from csms.province.ports import NewEntry, OutboxStore
from csms.province.records import (
    ChargeDetail,
    ChargeOrder,
    ChargeStatus,
    ConnectorInfo,
    ConnectorState,
    Equipment,
    StationInfo,
)
from csms.province.service import Outgoing, ProvinceService
from csms.station.state import EvseState, OpenSession, StationState
from csms.store.queries import Reader
from csms.store.tables import Session

log = logging.getLogger(__name__)

RECONCILE_S = 600.0
SESSIONS_LOOKED_AT = 2000
"""How many of the newest sessions one reconciliation looks at."""

PHASES = ("L1", "L2", "L3")


@dataclass(frozen=True, slots=True)
class Site:
    """What a platform wants to know of the site, and what a kWh costs (yuan)."""

    id: str
    name: str
    address: str
    area_code: str
    longitude: float
    latitude: float
    phone: str
    electricity_price: Decimal
    service_price: Decimal


class ProvinceFeed:
    """Hears events, writes the outbox."""

    def __init__(
        self,
        clock: Clock,
        service: ProvinceService,
        outbox: OutboxStore,
        reader: Reader,
        stations: Mapping[str, StationState],
        site: Site,
    ) -> None:
        self._clock = clock
        self._service = service
        self._outbox = outbox
        self._reader = reader
        self._stations = stations
        self._site = site
        self._wake = asyncio.Event()
        self._site_changed = True
        self._evses: dict[EvseRef, None] = {}
        self._ended: dict[int, None] = {}
        self._metered: dict[EvseRef, tuple[Sample, ...]] = {}
        self._reported: set[int] = set()

    def hear(self, event: Event) -> None:
        """Note what to look at; called by the event bus."""
        match event:
            case ConnectorChanged(connector=ref):
                self._evses[EvseRef(ref.station_id, ref.evse_id)] = None
            case SessionOpened(evse=ref):
                self._evses[ref] = None
            case SessionClosed(session_id=session_id, evse=ref):
                self._evses[ref] = None
                self._ended[session_id] = None
            case Metered(evse=ref, samples=samples):
                self._metered[ref] = samples
            case StationConnected(station_id=name) | StationDisconnected(station_id=name):
                self._evses.update(dict.fromkeys(e.ref for e in self._stations[name].evses.values()))
            case StationBooted():
                self._site_changed = True
            case _:
                return
        self._wake.set()

    async def run(self) -> None:
        """Work until cancelled."""
        while True:
            await self.reconcile()
            due_s = self._clock.monotonic_s() + RECONCILE_S
            while (left_s := due_s - self._clock.monotonic_s()) > 0:
                await self._wait(left_s)
                await self.work_off()

    async def reconcile(self) -> None:
        """Look at everything again: connectors, and the newest ended sessions."""
        self._evses.update({evse.ref: None for station in self._stations.values() for evse in station.evses.values()})
        ended = await self._reader.sessions(limit=SESSIONS_LOOKED_AT, status="ended")
        newest = {row.id for row in ended}
        self._reported &= newest
        self._ended.update(dict.fromkeys(sorted(newest - self._reported)))
        await self.work_off()

    async def work_off(self) -> None:
        """Turn all that was noted into outbox entries; what fails stays noted for the next time."""
        if self._site_changed:
            await self._service.enqueue(self._service.station_info(self._station_info()))
            self._site_changed = False
        for evse in list(self._evses):
            await self._service.enqueue(self._connector_states(evse))
            self._evses.pop(evse, None)
        for evse in list(self._metered):
            await self._service.enqueue(self._charge_status(evse, self._metered[evse]))
            self._metered.pop(evse, None)
        for session_id in list(self._ended):
            await self._order(session_id)
            self._ended.pop(session_id, None)

    async def settled(self) -> bool:
        """Whether nothing is noted and nothing waits in the outbox."""
        counts = await self._outbox.counts()
        noted = bool(self._evses or self._metered or self._ended or self._site_changed)
        return not noted and not any(counts[state] for state in ("queued", "sent", "retry"))

    async def _wait(self, delay_s: float) -> None:
        try:
            async with asyncio.timeout(self._clock.wall_s(delay_s)):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()

    def _evse(self, ref: EvseRef) -> EvseState | None:
        station = self._stations.get(ref.station_id)
        return station.evses.get(ref.evse_id) if station else None

    def _connector_states(self, ref: EvseRef) -> Outgoing:
        evse = self._evse(ref)
        outgoing = Outgoing()
        if evse is None:
            return outgoing
        for connector_id in sorted(evse.connectors) or [1]:
            status = self._status(evse, connector_id)
            connector = ConnectorRef(ref.station_id, ref.evse_id, connector_id)
            outgoing += self._service.connector_status(ConnectorState(connector, status, self._clock.now()))
        return outgoing

    def _status(self, evse: EvseState, connector_id: int) -> int:
        online = self._stations[evse.ref.station_id].online
        running = evse.session is not None and evse.session.connector_id == connector_id
        return connector_status(evse.connectors.get(connector_id), online=online, running=running)

    def _charge_status(self, ref: EvseRef, samples: Sequence[Sample]) -> Outgoing:
        evse = self._evse(ref)
        if evse is None or evse.session is None:
            return Outgoing()
        session, now = evse.session, self._clock.now()
        return self._service.charge_status(
            ChargeStatus(
                session_id=session.session_id,
                site_id=self._site.id,
                connector=ConnectorRef(ref.station_id, ref.evse_id, session.connector_id),
                started_at=session.started_at,
                at=now,
                connector_status=self._status(evse, session.connector_id),
                currents_a=_by_phase(samples, CURRENT_IMPORT),
                voltages_v=_by_phase(samples, VOLTAGE),
                details=(self._priced(session, now),),
                soc=session.soc or 0.0,
            )
        )

    def _priced(self, session: OpenSession, now: datetime) -> ChargeDetail:
        site = self._site
        return priced(session.started_at, now, session.energy_wh, site.electricity_price, site.service_price)

    async def _order(self, session_id: int) -> None:
        row = await self._reader.session(session_id)
        if row is None or row.ended_at is None:
            return
        outgoing = self._service.order(self._order_record(row, row.ended_at))
        entries = [entry for entry in outgoing.entries if not await self._is_reported(entry)]
        await self._service.enqueue(Outgoing(tuple(entries), outgoing.ids))
        self._reported.add(session_id)

    async def _is_reported(self, entry: NewEntry) -> bool:
        return await self._outbox.knows(entry.partner, entry.interface, entry.business_key)

    def _order_record(self, row: Session, ended_at: datetime) -> ChargeOrder:
        site = self._site
        reason = StopReason(row.stop_reason) if row.stop_reason else None
        return ChargeOrder(
            session_id=row.id,
            site_id=site.id,
            connector=ConnectorRef(row.station_id, row.evse_id, row.connector_id),
            started_at=row.started_at,
            ended_at=ended_at,
            details=(priced(row.started_at, ended_at, row.energy_wh, site.electricity_price, site.service_price),),
            stop_reason=stop_reason(reason),
            start_register_wh=row.start_register_wh,
            end_register_wh=row.end_register_wh,
        )

    def _station_info(self) -> StationInfo:
        site = self._site
        piles = [station for station in self._stations.values() if station.site_id in ("", site.id)]
        return StationInfo(
            site_id=site.id,
            name=site.name,
            address=site.address,
            area_code=site.area_code,
            longitude=site.longitude,
            latitude=site.latitude,
            phone=site.phone,
            equipment=tuple(_equipment(pile) for pile in piles if pile.evses),
        )


def _equipment(station: StationState) -> Equipment:
    evses = list(station.evses.values())
    direct = evses[0].rating.kind is CurrentKind.DC
    return Equipment(
        station_id=station.station_id,
        equipment_type=1 if direct else 2,
        power_w=sum(evse.rating.power_max_w for evse in evses),
        connectors=tuple(_connector(evse, number) for evse in evses for number in sorted(evse.connectors) or [1]),
    )


def _connector(evse: EvseState, connector_id: int) -> ConnectorInfo:
    rating, direct = evse.rating, evse.rating.kind is CurrentKind.DC
    return ConnectorInfo(
        connector=ConnectorRef(evse.ref.station_id, evse.ref.evse_id, connector_id),
        power_w=rating.power_max_w,
        current_a=rating.current_max_a,
        voltage_max_v=1000 if direct else 400 if rating.phases > 1 else 230,
        voltage_min_v=200 if direct else 220,
        connector_type=4 if direct else 2,
    )


def _by_phase(samples: Sequence[Sample], measurand: str) -> tuple[float, ...]:
    """L1, L2, L3 of the newest report; a value without phase (DC) stands in the first place."""
    values = {s.phase.removesuffix("-N"): s.value for s in samples if s.measurand == measurand}
    if "" in values:
        return (values[""],)
    return tuple(values[phase] for phase in PHASES if phase in values)
