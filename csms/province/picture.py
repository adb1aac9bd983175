"""What can be told of the sites now: from the live state of the stations, the store and the price list."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from csms.model.clock import Clock
from csms.model.ids import ConnectorRef, EvseRef
from csms.model.meter import CURRENT_IMPORT, ENERGY_REGISTER, TEMPERATURE, VOLTAGE, Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, CurrentKind
from csms.province.access import EVERYTHING, Access
from csms.province.mapping import connector_status, stop_reason, vin_of
from csms.province.records import (
    ChargeDetail,
    ChargeOrder,
    ChargeStatus,
    ConnectorInfo,
    ConnectorPower,
    ConnectorState,
    Equipment,
    StationInfo,
    StationPower,
)
from csms.province.tariff import HOUR, Price, Prices, Split, split
from csms.station.state import EvseState, OpenSession, StationState
from csms.store.queries import Reader
from csms.store.tables import Session

PHASES = ("L1", "L2", "L3")
REGISTERS_READ = 100_000
"""Readings of the register in one session: one a second for a day."""
FAULT_NEAR = timedelta(minutes=1)
"""A pile tells of its fault before or after it stops; a report of it takes no longer."""
DAY = timedelta(days=1)
FRESH = timedelta(minutes=5)
"""How long a metered power counts as what is drawn now."""


@dataclass(frozen=True, slots=True)
class Site:
    """What a platform wants to know of a site; numbers as in section 10. `extra`: fields by their canonical names."""

    id: str
    name: str
    address: str
    area_code: str
    longitude: float
    latitude: float
    phone: str
    station_type: int = 1
    construction: int = 255
    park_count: int = 0
    extra: Mapping[str, Any] = field(default_factory=dict)


class Picture:
    """All sites of the operator, the first one also for stations that name none."""

    def __init__(
        self,
        clock: Clock,
        reader: Reader,
        stations: Mapping[str, StationState],
        sites: Sequence[Site],
        prices: Prices,
    ) -> None:
        self._clock = clock
        self._reader = reader
        self._stations = stations
        self._first = sites[0]
        self.sites = {site.id: site for site in sites}
        self.prices = prices

    @property
    def stations(self) -> Mapping[str, StationState]:
        """Live state by OCPP identity."""
        return self._stations

    def site_of(self, station_id: str) -> Site:
        """Where a station stands."""
        station = self._stations.get(station_id)
        return self.sites.get(station.site_id if station else "", self._first)

    def at(self, site_id: str, access: Access = EVERYTHING) -> list[StationState]:
        """The stations of a site that somebody may see."""
        found = [one for one in self._stations.values() if one.evses and access.sees(one.station_id)]
        return [station for station in found if self.site_of(station.station_id).id == site_id]

    def site_info(self, site_id: str, access: Access = EVERYTHING) -> StationInfo:
        """A site with its piles; raises KeyError."""
        site = self.sites[site_id]
        return StationInfo(
            site_id=site.id,
            name=site.name,
            address=site.address,
            area_code=site.area_code,
            longitude=site.longitude,
            latitude=site.latitude,
            phone=site.phone,
            equipment=tuple(_equipment(pile) for pile in self.at(site_id, access)),
            station_type=site.station_type,
            construction=site.construction,
            park_count=site.park_count,
            extra=site.extra,
        )

    def evse(self, ref: EvseRef) -> EvseState | None:
        """The live state of an EVSE."""
        station = self._stations.get(ref.station_id)
        return station.evses.get(ref.evse_id) if station else None

    def connector_states(self, evse: EvseState) -> Iterator[ConnectorState]:
        """All connectors of an EVSE; one that never spoke of any has one."""
        for connector_id in sorted(evse.connectors) or [1]:
            ref = ConnectorRef(evse.ref.station_id, evse.ref.evse_id, connector_id)
            yield ConnectorState(ref, self.status(evse, connector_id), self._clock.now())

    def status(self, evse: EvseState, connector_id: int) -> int:
        """Section 14.1."""
        online = self._stations[evse.ref.station_id].online
        running = evse.session is not None and evse.session.connector_id == connector_id
        return connector_status(evse.connectors.get(connector_id), online=online, running=running)

    def running(self, session_id: int) -> tuple[EvseState, OpenSession] | None:
        """A session that holds an EVSE now."""
        for station in self._stations.values():
            for evse in station.evses.values():
                if evse.session is not None and evse.session.session_id == session_id:
                    return evse, evse.session
        return None

    async def snapshot(self, evse: EvseState, session: OpenSession, samples: Iterable[Sample]) -> ChargeStatus:
        """A running session as of now."""
        now = self._clock.now()
        drawn = await self._split(session, session.session_id, session.started_at, now)
        return ChargeStatus(
            session_id=session.session_id,
            site_id=self.site_of(evse.ref.station_id).id,
            connector=ConnectorRef(evse.ref.station_id, evse.ref.evse_id, session.connector_id),
            started_at=session.started_at,
            at=now,
            connector_status=self.status(evse, session.connector_id),
            currents_a=by_phase(samples, CURRENT_IMPORT),
            voltages_v=by_phase(samples, VOLTAGE),
            details=drawn.details,
            soc=session.soc or 0.0,
            remote_start_id=session.remote_start_id,
            vin=vin_of(session.id_token),
            battery_c=tuple(s.value for s in samples if (s.measurand, s.location) == (TEMPERATURE, "EV")),
        )

    async def last_samples(self, evse: EvseState, session: OpenSession) -> list[Sample]:
        """The newest values of a running session; none of the last minutes: none."""
        ref, since = evse.ref, max(self._clock.now() - FRESH, session.started_at)
        rows = await self._reader.samples(
            session.session_id, station_id=ref.station_id, evse_id=ref.evse_id, since=since
        )
        newest = {(row.measurand, row.phase, row.location): row for row in rows}
        return [
            Sample(row.time, row.measurand, row.value, row.unit, row.phase, location=row.location)
            for row in newest.values()
        ]

    async def over(self, row: Session) -> ChargeStatus:
        """The last word on a session that holds no EVSE any more."""
        ended_at = row.ended_at or row.last_sample_at or row.started_at
        order = await self.order(row, ended_at)
        evse = self.evse(EvseRef(row.station_id, row.evse_id))
        return ChargeStatus(
            session_id=row.id,
            site_id=order.site_id,
            connector=order.connector,
            started_at=row.started_at,
            at=order.ended_at,
            connector_status=self.status(evse, row.connector_id) if evse is not None else 0,
            currents_a=(),
            voltages_v=(),
            details=order.details,
            soc=row.last_soc or 0.0,
            order_status=4,
            remote_start_id=row.remote_start_id,
            vin=order.vin,
        )

    async def bill(self, row: Session, live: OpenSession | None) -> Sequence[ChargeDetail]:
        """What a session comes to, by tariff period; one that runs (`live`) as of now."""
        told, end = (live, self._clock.now()) if live is not None else (row, row.ended_at or self._clock.now())
        return (await self._split(told, row.id, row.started_at, end)).details

    @property
    def constant(self) -> bool:
        """Whether the price never changes."""
        return self.prices.constant

    def hours(self, day: date) -> list[tuple[datetime, Price]]:
        """Each hour of a local day with its price; a day on which clocks are changed has 23 or 25."""
        start, end = (datetime.combine(one, time(), self.prices.zone).astimezone(UTC) for one in (day, day + DAY))
        moments = [start + hour * HOUR for hour in range(round((end - start) / HOUR))]
        return [(moment, self.prices.at(moment)) for moment in moments]

    async def order(self, row: Session, ended_at: datetime, *, by_partner: bool = False) -> ChargeOrder:
        """A finished session."""
        drawn = await self._split(row, row.id, row.started_at, ended_at)
        reason = StopReason(row.stop_reason) if row.stop_reason else None
        fault = reason is StopReason.OTHER and await self._faulted(row, ended_at)
        return ChargeOrder(
            session_id=row.id,
            site_id=self.site_of(row.station_id).id,
            connector=ConnectorRef(row.station_id, row.evse_id, row.connector_id),
            started_at=row.started_at,
            ended_at=max(ended_at, row.started_at),
            details=drawn.details,
            levels=drawn.levels,
            stop_reason=stop_reason(reason, by_partner=by_partner, fault=fault),
            start_register_wh=row.start_register_wh,
            end_register_wh=row.end_register_wh,
            remote_start_id=row.remote_start_id,
            vin=vin_of(row.id_token),
        )

    async def _faulted(self, row: Session, ended_at: datetime) -> bool:
        """Whether a connector of the EVSE told of a fault when the session ended (section 14.2)."""
        since = max(row.started_at, ended_at - FAULT_NEAR)
        changes = await self._reader.states_of(row.station_id, since, ended_at + FAULT_NEAR)
        return any((one.evse_id, one.state) == (row.evse_id, ConnectorStatus.FAULTED) for one in changes)

    def powers(self, site_id: str, access: Access = EVERYTHING) -> StationPower:
        """What every connector of a site draws now, W."""
        now = self._clock.now()
        found = [
            ConnectorPower(state.connector, self._drawn_w(evse, state.connector.connector_id, now))
            for station in self.at(site_id, access)
            for evse in station.evses.values()
            for state in self.connector_states(evse)
        ]
        return StationPower(site_id, now, tuple(found))

    def _drawn_w(self, evse: EvseState, connector_id: int, now: datetime) -> float:
        if evse.session is None or evse.session.connector_id != connector_id:
            return 0.0
        fresh = evse.power_at is not None and now - evse.power_at <= FRESH
        return (evse.power_w or 0.0) if fresh else 0.0

    async def _split(self, told: Session | OpenSession, session_id: int, start: datetime, end: datetime) -> Split:
        end = max(start, end)
        drawn = [] if self.prices.constant else await self._drawn(session_id, told.start_register_wh)
        return split(start, end, max(told.energy_wh, 0.0), self.prices, drawn)

    async def _drawn(self, session_id: int, begun_wh: float | None) -> list[tuple[datetime, float]]:
        """Wh since the register at the start, which need not be among the samples; else since the first of them."""
        rows = await self._reader.samples(session_id, measurand=ENERGY_REGISTER, limit=REGISTERS_READ)
        read = [(row.time, row.value) for row in rows if not row.phase]
        if begun_wh is None or (read and read[0][1] < begun_wh):
            begun_wh = read[0][1] if read else 0.0
        return [(moment, value - begun_wh) for moment, value in read]


def by_phase(samples: Iterable[Sample], measurand: str) -> tuple[float, ...]:
    """L1, L2, L3 of the newest report; a value without phase (DC) stands in the first place."""
    values = {s.phase.removesuffix("-N"): s.value for s in samples if s.measurand == measurand}
    if "" in values:
        return (values[""],)
    return tuple(values[phase] for phase in PHASES if phase in values)


def _equipment(station: StationState) -> Equipment:
    evses = list(station.evses.values())
    direct = evses[0].rating.kind is CurrentKind.DC
    said = station.identity
    return Equipment(
        station_id=station.station_id,
        equipment_type=1 if direct else 2,
        power_w=sum(evse.rating.power_max_w for evse in evses),
        connectors=tuple(_connector(evse, number) for evse in evses for number in sorted(evse.connectors) or [1]),
        vendor=said.vendor if said else "",
        model=said.model if said else "",
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
