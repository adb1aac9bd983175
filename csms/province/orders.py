"""The order of a session: as it would be written now, and as a partner was told of it."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from csms.province.client import Partner
from csms.province.messages import read
from csms.province.picture import Picture
from csms.province.ports import OutboxStore
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

    async def told(self, partner: Partner, row: Session) -> ToldOrder:
        """As it was sent, else as it would be."""
        await self._starts.behind(row.remote_start_id)
        number = self._service.names[partner.id].order(row.id, row.started_at, row.remote_start_id)
        sent = await self._outbox.latest(partner.id, Kind.CHARGE_ORDER, number)
        if sent is not None:
            fields = read(partner.profile, Kind.CHARGE_ORDER, sent.payload)
            energy_kwh = fields.get("TotalPower", fields.get("TotalElect", 0))
            money = Decimal(str(fields.get("TotalMoney", 0)))
            return ToldOrder(number, Decimal(str(energy_kwh)), money, sent.state)
        details = (await self.record(row)).details
        money = sum((detail.elec_money + detail.service_money for detail in details), ZERO)
        return ToldOrder(number, sum((detail.energy_kwh for detail in details), ZERO), money)
