"""The order of a session: as it would be written now, and as a partner was told of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from csms.province.client import Partner
from csms.province.messages import read
from csms.province.picture import Picture
from csms.province.ports import OutboxEntry, OutboxStore
from csms.province.profile import Kind
from csms.province.records import ChargeOrder
from csms.province.service import ProvinceService
from csms.province.starts import PartnerStarts
from csms.store.tables import Session

ZERO = Decimal(0)


@dataclass(frozen=True, slots=True)
class ToldOrder:
    """What a partner has been told; `state` of the message, empty when there is none (any more)."""

    number: str
    energy_kwh: Decimal
    money: Decimal
    state: str = ""


class Orders:
    """Orders of sessions that ended."""

    def __init__(self, service: ProvinceService, outbox: OutboxStore, picture: Picture, starts: PartnerStarts) -> None:
        self._service = service
        self._outbox = outbox
        self._picture = picture
        self._starts = starts

    async def record(self, row: Session) -> ChargeOrder:
        """As it would be written now."""
        start = await self._starts.behind(row.remote_start_id)
        ended_at = row.ended_at or row.last_sample_at or row.started_at
        by_partner = start is not None and start.stop_asked_at is not None
        return await self._picture.order(row, ended_at, by_partner=by_partner)

    async def told(self, partner: Partner, rows: Sequence[Session]) -> list[ToldOrder]:
        """As they were sent, else as they would be."""
        await self._service.know([(row.id, row.started_at) for row in rows])
        numbers = [await self._number(partner, row) for row in rows]
        sent = await self._outbox.newest(partner.id, Kind.CHARGE_ORDER, numbers)
        return [
            _as_sent(partner, sent[number]) if number in sent else await self._as_it_would_be(number, row)
            for number, row in zip(numbers, rows, strict=True)
        ]

    async def _number(self, partner: Partner, row: Session) -> str:
        """How a partner knows the session."""
        await self._starts.behind(row.remote_start_id)
        return self._service.names[partner.id].order(row.id, row.started_at, row.remote_start_id)

    async def _as_it_would_be(self, number: str, row: Session) -> ToldOrder:
        details = (await self.record(row)).details
        money = sum((detail.elec_money + detail.service_money for detail in details), ZERO)
        return ToldOrder(number, sum((detail.energy_kwh for detail in details), ZERO), money)


def _as_sent(partner: Partner, entry: OutboxEntry) -> ToldOrder:
    fields = read(partner.profile, Kind.CHARGE_ORDER, entry.payload)
    energy_kwh = fields.get("TotalPower", fields.get("TotalElect", 0))
    return ToldOrder(
        entry.business_key, Decimal(str(energy_kwh)), Decimal(str(fields.get("TotalMoney", 0))), entry.state
    )
