"""What an operator answers to each query of a platform (sections 11.1, 11.2 and 12.1).

An answer takes the checked fields of the query by their canonical names and gives the values of the reply, which the
profile renders. A partner sees the stations of its access and no others; what it may not see does not exist for it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from csms.model.clock import Clock
from csms.model.ids import ConnectorRef
from csms.province.client import Partner
from csms.province.ids import Names
from csms.province.mapping import kwh
from csms.province.messages import TIME_FORMAT
from csms.province.picture import Picture
from csms.province.profile import Kind
from csms.province.starts import BUSY, NO_DEVICE, NONE, OFFLINE, OVER, UNKNOWN, PartnerStarts
from csms.province.tariff import Price
from csms.province.values import ZERO, charge_status_values, connector_values, station_values
from csms.station.state import EvseState
from csms.store.province import ProvinceRecords
from csms.store.tables import Session

PAGE_MAX = 1000
STATS_DAYS_MAX = 366
PERIODS_OF_A_DAY = 24


class Unanswerable(ValueError):
    """The query is right in form, but asks for something that is not there (4004); the text says what."""


@dataclass(frozen=True, slots=True)
class Operator:
    """What is told of the operator itself."""

    name: str = ""
    phone: str = ""
    address: str = ""


Query = Mapping[str, Any]
Values = Mapping[str, Any]


class Answers:
    """The answers, by kind of query."""

    def __init__(
        self,
        clock: Clock,
        picture: Picture,
        records: ProvinceRecords,
        starts: PartnerStarts,
        names: Mapping[str, Names],
        operator: Operator,
    ) -> None:
        self._clock = clock
        self._picture = picture
        self._records = records
        self._starts = starts
        self._names = names
        self._operator = operator
        self._by_kind: dict[Kind, Callable[[Partner, Query], Awaitable[Values]]] = {
            Kind.QUERY_OPERATOR: self._operators,
            Kind.QUERY_STATIONS: self._stations,
            Kind.QUERY_STATUS: self._status,
            Kind.QUERY_STATS: self._stats,
            Kind.QUERY_AUTH: self._auth,
            Kind.QUERY_POLICY: self._policy,
            Kind.QUERY_START: self._start,
            Kind.QUERY_CHARGE: self._charge,
            Kind.QUERY_STOP: self._stop,
        }

    async def to(self, partner: Partner, kind: Kind, query: Query) -> Values:
        """The answer; raises Unanswerable."""
        return await self._by_kind[kind](partner, query)

    async def _operators(self, partner: Partner, query: Query) -> Values:
        said = self._operator
        own = {
            "OperatorID": partner.operator_id,
            "OperatorName": said.name or partner.operator_id,
            "OperatorTel1": said.phone,
            "OperatorRegAddress": said.address or None,
        }
        return _page(partner, Kind.QUERY_OPERATOR, query, "OperatorInfos", [own])

    async def _stations(self, partner: Partner, query: Query) -> Values:
        """All sites, or those that changed since `LastQueryTime`; that moment itself counts as since."""
        names, since = self._names[partner.id], query.get("LastQueryTime")
        wanted = set(query.get("StationIDs") or ())
        changed = await self._records.site_changes() if since else {}
        moment = _local(partner, since) if since else None
        found = []
        for site_id in sorted(self._picture.sites):
            if moment is not None and changed.get(site_id, moment) < moment:
                continue
            info = self._picture.site_info(site_id, partner.access)
            if info.equipment and (not wanted or names.station(site_id) in wanted):
                found.append(info)
        page = _page(partner, Kind.QUERY_STATIONS, query, "StationInfos", found)
        return {**page, "StationInfos": [station_values(info, names) for info in page["StationInfos"]]}

    async def _status(self, partner: Partner, query: Query) -> Values:
        names = self._names[partner.id]
        found = [
            {"StationID": station, "ConnectorStatusInfos": self._states(partner, site_id)}
            for station in dict.fromkeys(query["StationIDs"])
            if (site_id := names.site_of(station)) in self._picture.sites and site_id is not None
        ]
        return {"Total": len(found), "StationStatusInfos": found}

    def _states(self, partner: Partner, site_id: str) -> list[Values]:
        names = self._names[partner.id]
        return [
            connector_values(state, names)
            for station in self._picture.at(site_id, partner.access)
            for evse in station.evses.values()
            for state in self._picture.connector_states(evse)
        ]

    async def _stats(self, partner: Partner, query: Query) -> Values:
        """kWh of the sessions that ended on these days, both included."""
        names = self._names[partner.id]
        site_id = names.site_of(query["StationID"])
        if site_id is None or site_id not in self._picture.sites:
            raise Unanswerable("StationID is not known")
        first, last = date.fromisoformat(query["StartTime"]), date.fromisoformat(query["EndTime"])
        if not first <= last or (last - first).days > STATS_DAYS_MAX:
            raise Unanswerable("StartTime and EndTime do not make a span of days")
        since, until = (
            datetime.combine(day, time(), partner.profile.zone) for day in (first, last + timedelta(days=1))
        )
        rows = await self._records.ended_between(since.astimezone(UTC), until.astimezone(UTC))
        piles = self._energy(partner, site_id, rows)
        return {
            "StationStats": {
                "StationID": query["StationID"],
                "StartTime": first,
                "EndTime": last,
                "StationElectricity": sum((pile["EquipmentElectricity"] for pile in piles), ZERO),
                "EquipmentStatsInfos": piles,
            }
        }

    def _energy(self, partner: Partner, site_id: str, rows: Sequence[Session]) -> list[dict[str, Any]]:
        """By pile and connector, each sum of what was rounded below it."""
        names, sums = self._names[partner.id], dict[ConnectorRef, Decimal]()
        for row in rows:
            ref = ConnectorRef(row.station_id, row.evse_id, row.connector_id)
            sums[ref] = sums.get(ref, ZERO) + kwh(row.energy_wh)
        piles = []
        for station in self._picture.at(site_id, partner.access):
            refs = [
                state.connector for evse in station.evses.values() for state in self._picture.connector_states(evse)
            ]
            drawn = {names.connector(ref): sums.get(ref, kwh(0)) for ref in refs}
            plugs = [{"ConnectorID": name, "ConnectorElectricity": energy} for name, energy in drawn.items()]
            whole = sum(drawn.values(), ZERO)
            piles.append(
                {
                    "EquipmentID": names.equipment(station.station_id),
                    "EquipmentElectricity": whole,
                    "ConnectorStatsInfos": plugs,
                }
            )
        return piles

    async def _auth(self, partner: Partner, query: Query) -> Values:
        """Whether a connector could begin to charge now."""
        _, fault = self._connector(partner, query["ConnectorID"], free=True)
        return {
            "EquipAuthSeq": query["EquipAuthSeq"],
            "ConnectorID": query["ConnectorID"],
            "SuccStat": 1 if fault else 0,
            "FailReason": fault,
        }

    async def _policy(self, partner: Partner, query: Query) -> Values:
        """Prices of today, by period."""
        ref, _ = self._connector(partner, query["ConnectorID"])
        policies = self._prices_today() if ref is not None else []
        return {
            "EquipBizSeq": query["EquipBizSeq"],
            "ConnectorID": query["ConnectorID"],
            "SuccStat": 0 if ref is not None else 1,
            "FailReason": NONE if ref is not None else NO_DEVICE,
            "SumPeriod": len(policies),
            "PolicyInfos": policies,
        }

    def _prices_today(self) -> list[Values]:
        prices = self._picture.prices
        local = self._clock.now().astimezone(prices.zone)
        midnight = local.replace(hour=0, minute=0, second=0, microsecond=0)
        found: list[tuple[datetime, Price]] = []
        for hour in range(PERIODS_OF_A_DAY):
            moment = midnight.replace(hour=hour)
            price = prices.at(moment)
            if not found or price != found[-1][1]:
                found.append((moment, price))
        return [
            {"StartTime": f"{moment:%H%M%S}", "ElecPrice": price.elec, "ServicePrice": price.service}
            for moment, price in found
        ]

    async def _start(self, partner: Partner, query: Query) -> Values:
        number = query["StartChargeSeq"]
        told = {"StartChargeSeq": number, "ConnectorID": query["ConnectorID"]}
        known = await self._starts.find(partner.id, number)
        ref, fault = self._connector(partner, query["ConnectorID"], free=known is None)
        if ref is None or (fault and known is None):
            return {**told, "StartChargeSeqStat": OVER, "SuccStat": 1, "FailReason": fault or NO_DEVICE}
        begun = await self._starts.start(partner.id, number, ref, query["ConnectorID"])
        return {
            **told,
            "StartChargeSeqStat": begun.stat,
            "SuccStat": 1 if begun.fail_reason else 0,
            "FailReason": begun.fail_reason,
        }

    async def _stop(self, partner: Partner, query: Query) -> Values:
        told = await self._starts.stop(partner.id, query["StartChargeSeq"])
        return {
            "StartChargeSeq": query["StartChargeSeq"],
            "StartChargeSeqStat": told.stat,
            "SuccStat": 1 if told.fail_reason else 0,
            "FailReason": told.fail_reason,
        }

    async def _charge(self, partner: Partner, query: Query) -> Values:
        """A running session as of now, by the partner's number or ours; of one that is over what came of it."""
        number = query["StartChargeSeq"]
        row = await self._starts.session(partner, number)
        if row is None:
            raise Unanswerable("StartChargeSeq is not known")
        names, running = self._names[partner.id], self._picture.running(row.id)
        await names.know([(row.id, row.started_at)])
        if running is not None:
            evse, session = running
            samples = await self._picture.last_samples(evse, session)
            return charge_status_values(await self._picture.snapshot(evse, session, samples), names)
        status = await self._picture.over(row)
        return {**charge_status_values(status, names), "StartChargeSeqStat": OVER if row.ended_at else UNKNOWN}

    def _connector(self, partner: Partner, name: str, *, free: bool = False) -> tuple[ConnectorRef | None, int]:
        """The connector that a partner means, and why it cannot charge now (FailReason)."""
        ref = self._names[partner.id].connector_of(name)
        station = self._picture.stations.get(ref.station_id) if ref is not None else None
        if ref is None or station is None or not partner.access.sees(ref.station_id):
            return None, NO_DEVICE
        evse = station.evses.get(ref.evse_id)
        if evse is None:
            return None, NO_DEVICE
        if not station.online:
            return ref, OFFLINE
        return ref, BUSY if free and not _is_free(self._picture, evse, ref) else NONE


def _is_free(picture: Picture, evse: EvseState, ref: ConnectorRef) -> bool:
    """Idle or plugged in, and no session runs."""
    return evse.session is None and picture.status(evse, ref.connector_id) in (1, 2)


def _local(partner: Partner, text: str) -> datetime:
    return datetime.strptime(text, TIME_FORMAT).replace(tzinfo=partner.profile.zone)


def _page(partner: Partner, kind: Kind, query: Query, name: str, rows: Sequence[Any]) -> dict[str, Any]:
    """A page; beyond the last one it is empty. Raises Unanswerable for a page before the first or of no size."""
    size = int(query.get("PageSize", partner.profile.interfaces[kind].page_size))
    number = int(query.get("PageNo", 1))
    if number < 1 or not 1 <= size <= PAGE_MAX:
        raise Unanswerable(f"PageNo begins at 1, PageSize is 1 to {PAGE_MAX}")
    shown = list(rows[(number - 1) * size : number * size])
    count = -(-len(rows) // size)
    return {"PageNo": number, "PageCount": count, "ItemSize": len(shown), name: shown}
