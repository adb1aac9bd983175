"""Claims of subsidies from what the store holds: connectors that a partner sees, and the orders that it has taken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import CsmsError
from csms.model.ids import ConnectorRef
from csms.model.station import CurrentKind
from csms.province.client import Partner
from csms.province.orders import Orders, ToldOrder
from csms.province.picture import Picture, Site
from csms.province.ports import ACKED
from csms.province.profile import Kind
from csms.province.records import SubsidyAmount
from csms.province.service import Outgoing, ProvinceService
from csms.province.subsidy import Claim, DayScore, Inputs, Pile, Sold, claim_of
from csms.province.subsidy_document import document_of
from csms.province.subsidy_rules import Rule
from csms.store.province import ProvinceRecords
from csms.store.tables import Session

SPAN_DAYS_MAX = 366
IN_SERVICE = "OfficialRunTime"
"""The field of a site that tells its first day (supervision family, section 12.2)."""
BUS, PUBLIC, OTHER = 1, 2, 3
"""StakeType (section 10)."""
STAKES = {1: PUBLIC, 100: BUS}


class ClaimImpossible(CsmsError):
    """What is asked for cannot be claimed from this partner."""

    code = "subsidy_claim_impossible"


@dataclass(frozen=True, slots=True)
class Wish:
    """What to claim. `grade`: as the authority gave it; empty: by the scores that the platform published."""

    rule: Rule
    first_day: date
    last_day: date
    scores: tuple[DayScore, ...] = ()
    grade: str = ""


class Claims:
    """Makes claims and sends them."""

    def __init__(
        self,
        clock: Clock,
        service: ProvinceService,
        orders: Orders,
        records: ProvinceRecords,
        picture: Picture,
    ) -> None:
        self._clock = clock
        self._service = service
        self._orders = orders
        self._records = records
        self._picture = picture

    async def claim(self, partner: Partner, wish: Wish, *, send: bool) -> tuple[dict[str, Any], int]:
        """The document, and how many messages now wait for the partner. Raises ClaimImpossible."""
        first, last = wish.first_day, wish.last_day
        if not first <= last or (last - first).days >= SPAN_DAYS_MAX:
            raise ClaimImpossible(f"{first} to {last} is not a span of days up to a year")
        connectors = self._connectors(partner)
        piles = tuple(self._pile(partner, ref, site, power) for ref, (site, power) in connectors.items())
        rows, orders = await self._sales(partner, first, last)
        within = tuple(score for score in wish.scores if first <= score.day <= last)
        given = Inputs(wish.rule, first, last, piles, orders, within, wish.grade)
        await self._service.save_new_ids()
        sent = await self._send(partner, given, claim_of(given), list(connectors)) if send else 0
        document = document_of(given, partner.id, self._clock.now())
        return document | {"ledger": [_entry(row, order) for row, order in zip(rows, orders, strict=True)]}, sent

    def _connectors(self, partner: Partner) -> dict[ConnectorRef, tuple[Site, Decimal]]:
        """With where they stand and their power, kW; connectors of one EVSE share its power."""
        found = {}
        for site in self._picture.sites.values():
            for station in self._picture.at(site.id, partner.access):
                for evse in station.evses.values():
                    states = list(self._picture.connector_states(evse))
                    power_kw = Decimal(evse.rating.power_max_w) / 1000 / len(states)
                    found.update({state.connector: (site, power_kw) for state in states})
        return found

    def _pile(self, partner: Partner, ref: ConnectorRef, site: Site, power_kw: Decimal) -> Pile:
        names = self._service.names[partner.id]
        evse = self._picture.stations[ref.station_id].evses[ref.evse_id]
        return Pile(
            connector=names.connector(ref),
            equipment=names.equipment(ref.station_id),
            station=names.station(site.id),
            power_kw=power_kw,
            station_type=site.station_type,
            equipment_type=1 if evse.rating.kind is CurrentKind.DC else 2,
            area_code=site.area_code,
            in_service=_day(site.extra.get(IN_SERVICE)),
        )

    async def _sales(self, partner: Partner, first: date, last: date) -> tuple[list[Session], tuple[Sold, ...]]:
        """Sessions that ended on these days of the partner's, and their orders."""
        zone = partner.profile.zone
        since, until = (datetime.combine(day, time(), zone) for day in (first, last + timedelta(days=1)))
        rows = await self._records.ended_between(since.astimezone(UTC), until.astimezone(UTC))
        seen = [row for row in rows if partner.access.sees(row.station_id)]
        told = await self._orders.told(partner, seen)
        return seen, tuple(self._sold(partner, row, order) for row, order in zip(seen, told, strict=True))

    def _sold(self, partner: Partner, row: Session, told: ToldOrder) -> Sold:
        ref = ConnectorRef(row.station_id, row.evse_id, row.connector_id)
        connector = self._service.names[partner.id].connector(ref)
        ended_at = row.ended_at or row.started_at
        taken = told.state == ACKED  # money is not claimed for what no message proves
        return Sold(told.number, connector, row.started_at, ended_at, told.energy_kwh, accepted=taken)

    async def _send(self, partner: Partner, given: Inputs, claim: Claim, refs: Sequence[ConnectorRef]) -> int:
        if not partner.profile.interfaces[Kind.SUBSIDY].enabled:
            raise ClaimImpossible(f"profile {partner.profile.id} has no interface for subsidies")
        if claim.refused:
            raise ClaimImpossible("; ".join(claim.refused))
        outgoing = Outgoing()
        for ref, share in zip(refs, claim.shares, strict=True):
            if share.yuan > 0:
                site = self._picture.site_of(ref.station_id)
                stake = STAKES.get(site.station_type, OTHER)
                amount = SubsidyAmount(site.id, ref, given.first_day, given.last_day, share.yuan, stake)
                outgoing += self._service.subsidy(partner, amount)
        await self._service.enqueue(outgoing)
        return len(outgoing.entries)


def _entry(row: Session, order: Sold) -> dict[str, Any]:
    """A line of the ledger (`csms subsidy`): the order with the readings of the meter, kWh; who charged is left out."""
    return {
        "order": order.number,
        "connector": order.connector,
        "start": order.start.isoformat(),
        "end": order.end.isoformat(),
        "energy_kwh": str(order.energy_kwh),
        "meter_start_kwh": _kwh(row.start_register_wh),
        "meter_stop_kwh": _kwh(row.end_register_wh),
    }


def _kwh(register_wh: float | None) -> str | None:
    return None if register_wh is None else str(Decimal(str(register_wh)) / 1000)


def _day(value: Any) -> date | None:
    """A date of the settings, however it is written there."""
    if isinstance(value, date):
        return value
    try:
        return date.fromisoformat(str(value)[:10])
    except ValueError:
        return None
