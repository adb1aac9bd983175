"""Messages that a platform refused, made anew from what they tell of: what a person corrected since is in them.

An order from its session, a station or connector as it is now, a snapshot of a session as it is now or was at its end,
a day's list from the orders that ended on it, what came of a start. Powers of a moment that passed, ends that a partner
asked for and subsidies have no source to be made from again; they go as they were, and so does whatever else lost its
own. One that our own check still finds defective stays given up, with what is wrong now.

What a platform has accepted once goes again as it was accepted: other content under the same number would be refused.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from csms.model.clock import Clock
from csms.model.ids import EvseRef
from csms.province.client import Partner
from csms.province.ids import Names
from csms.province.messages import TIME_FORMAT, read
from csms.province.orders import Orders
from csms.province.picture import Picture
from csms.province.ports import ACKED, DEAD, NewEntry, OutboxEntry, OutboxStore
from csms.province.profile import Kind
from csms.province.records import OrderCheck, PartnerStart
from csms.province.service import ProvinceService
from csms.province.starts import PartnerStarts
from csms.province.values import (
    charge_status_values,
    check_values,
    connector_values,
    order_values,
    start_values,
    station_values,
)
from csms.store.province import ProvinceRecords

AT_ONCE = 200
"""Messages in one transaction."""

log = logging.getLogger(__name__)

Values = Callable[[Names], Mapping[str, Any]]
Source = Callable[[Partner, OutboxEntry], Awaitable[Values | None]]
"""What a message would say now; None when nothing is left of what it told of."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """Messages that go again: `renewed` made anew, `as_sent` as they were; `defective` ones are still given up."""

    renewed: int = 0
    as_sent: int = 0
    defective: int = 0

    def __add__(self, other: Replayed) -> Replayed:
        """Both."""
        return Replayed(self.renewed + other.renewed, self.as_sent + other.as_sent, self.defective + other.defective)


class Renewal:
    """Sends again."""

    def __init__(
        self,
        clock: Clock,
        service: ProvinceService,
        outbox: OutboxStore,
        orders: Orders,
        records: ProvinceRecords,
        picture: Picture,
        starts: PartnerStarts,
    ) -> None:
        self._clock = clock
        self._service = service
        self._outbox = outbox
        self._orders = orders
        self._records = records
        self._picture = picture
        self._starts = starts
        self._sources: dict[Kind, Source] = {
            Kind.CHARGE_ORDER: self._order,
            Kind.STATION_INFO: self._station,
            Kind.STATION_STATUS: self._connector,
            Kind.CHARGE_STATUS: self._snapshot,
            Kind.CHECK_ORDERS: self._check,
            Kind.START_RESULT: self._start,
        }

    async def replay(self, partner: Partner, ids: Sequence[int], *, as_sent: bool) -> Replayed:
        """All that was given up, or these messages (these also when they were accepted). Raises StoreUnavailable."""
        done, after = Replayed(), 0
        while rows := await self._outbox.listed(partner.id, (DEAD,), AT_ONCE, after, ids or None):
            after = rows[-1].id
            done += await self._again(partner, rows, as_sent)
        accepted = [row.id for row in await self._outbox.listed(partner.id, (ACKED,), len(ids), 0, ids)] if ids else []
        done += Replayed(as_sent=await self._outbox.revive(partner.id, accepted, self._clock.now()))
        self._service.forwarder.partners[partner.id].resume()
        return done

    async def _again(self, partner: Partner, rows: Sequence[OutboxEntry], as_sent: bool) -> Replayed:
        now = self._clock.now()
        made = {row.id: entry for row in rows if not as_sent and (entry := await self._made_anew(partner, row))}
        await self._service.save_new_ids()
        await self._outbox.renew(partner.id, made, now)
        rest = [row.id for row in rows if row.id not in made]
        defective = sum(entry.state == DEAD for entry in made.values())
        return Replayed(len(made) - defective, await self._outbox.revive(partner.id, rest, now), defective)

    async def _made_anew(self, partner: Partner, row: OutboxEntry) -> NewEntry | None:
        kind = Kind(row.interface)
        source = self._sources.get(kind)
        try:
            values = await source(partner, row) if source else None
            entry = self._service.message(partner, kind, values) if values else None
        except ValueError as fault:
            log.warning("province_not_renewed", extra={"partner": partner.id, "entry": row.id, "why": str(fault)})
            return None
        same = entry is not None and entry.business_key == row.business_key
        return entry if same else None  # under another number it would be another message

    async def _order(self, partner: Partner, row: OutboxEntry) -> Values | None:
        session = await self._starts.session(partner, row.business_key)
        if session is None:
            return None
        await self._service.know([(session.id, session.started_at)])
        order, now = await self._orders.record(session), self._clock.now()
        return lambda names: order_values(order, names, now)

    async def _station(self, partner: Partner, row: OutboxEntry) -> Values | None:
        site_id = self._service.names[partner.id].site_of(row.business_key)
        if site_id not in self._picture.sites or site_id is None:
            return None
        info = self._picture.site_info(site_id, partner.access)
        return lambda names: station_values(info, names)

    async def _connector(self, partner: Partner, row: OutboxEntry) -> Values | None:
        ref = self._service.names[partner.id].connector_of(row.business_key)
        evse = self._picture.evse(EvseRef(ref.station_id, ref.evse_id)) if ref is not None else None
        states = self._picture.connector_states(evse) if evse is not None else ()
        state = next((one for one in states if one.connector == ref), None)
        return None if state is None else lambda names: connector_values(state, names)

    async def _snapshot(self, partner: Partner, row: OutboxEntry) -> Values | None:
        session = await self._starts.session(partner, row.business_key)
        if session is None:
            return None
        await self._service.know([(session.id, session.started_at)])
        running = self._picture.running(session.id)
        if running is None:
            status = await self._picture.over(session)
        else:
            status = await self._picture.snapshot(*running, await self._picture.last_samples(*running))
        return lambda names: charge_status_values(status, names)

    async def _check(self, partner: Partner, row: OutboxEntry) -> Values | None:
        fields = read(partner.profile, Kind.CHECK_ORDERS, row.payload)
        first, last = (_local(partner, fields.get(name)) for name in ("StartTime", "EndTime"))
        ended = await self._records.ended_between(first, last + timedelta(seconds=1))
        seen = [session for session in ended if partner.access.sees(session.station_id)]
        told = await self._orders.told(partner, seen)
        check = OrderCheck(first, last, tuple((one.number, one.energy_kwh, one.money) for one in told))
        return lambda _: check_values(check, row.business_key)

    async def _start(self, partner: Partner, row: OutboxEntry) -> Values | None:
        start = await self._starts.find(partner.id, row.business_key)
        if start is None:
            return None
        session = await self._starts.session(partner, row.business_key)
        at = session.started_at if session is not None else start.told_at or start.asked_at
        told = PartnerStart(start.number, start.connector, start.stat, at, start.fail_reason)
        return lambda names: start_values(told, names)


def _local(partner: Partner, text: Any) -> datetime:
    """A moment of the wire; raises ValueError."""
    return datetime.strptime(str(text), TIME_FORMAT).replace(tzinfo=partner.profile.zone)
