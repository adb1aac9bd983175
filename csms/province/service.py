"""What the rest of csms tells the province room: records in, outbox entries out.

Each method renders one message for every partner and returns it with the identifiers that became new, to be written in
the transaction of the business change; `enqueue` is the shell for callers without one. A message that our own check
finds defective is born dead and kept for correction: it would be refused, and it must not stop the business.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from csms.model.clock import Clock
from csms.province import strict_json
from csms.province.calls import Calls
from csms.province.client import Partner
from csms.province.envelope import BUSINESS_INVALID, format_stamp
from csms.province.forwarder import Forwarder
from csms.province.ids import IdPair, IdTable, Names
from csms.province.messages import Defect, business_key, check_body, render_body
from csms.province.personal import Personal
from csms.province.ports import DEAD, QUEUED, NewEntry, OutboxEntry, OutboxStore
from csms.province.profile import Kind, PlatformProfile
from csms.province.records import (
    ChargeOrder,
    ChargeStatus,
    ConnectorState,
    OrderCheck,
    PartnerStart,
    StationInfo,
    StationPower,
    SubsidyAmount,
)
from csms.province.refusals import Alarms, Refusals
from csms.province.values import (
    charge_status_values,
    check_values,
    connector_values,
    order_values,
    power_values,
    start_values,
    station_values,
    subsidy_values,
)

log = logging.getLogger(__name__)

NOT_FOUND = 1
"""DisputeReason: the platform does not have the order (section 10)."""

SaveIds = Callable[[Sequence[IdPair]], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Outgoing:
    """What belongs into one transaction: messages, and identifiers used in them."""

    entries: tuple[NewEntry, ...] = ()
    ids: tuple[IdPair, ...] = ()

    def __add__(self, other: Outgoing) -> Outgoing:
        """Both, each identifier once."""
        return Outgoing(self.entries + other.entries, tuple(dict.fromkeys(self.ids + other.ids)))


async def _ids_stay_in_memory(pairs: Sequence[IdPair]) -> None:
    """No table of identifiers was handed in."""


class ProvinceService:
    """The operator's side of the interchange interface."""

    def __init__(
        self,
        clock: Clock,
        outbox: OutboxStore,
        ids: IdTable,
        partners: Sequence[Partner],
        save_ids: SaveIds = _ids_stay_in_memory,
        personal: Personal | None = None,
        alarms: Alarms | None = None,
    ) -> None:
        self._clock = clock
        self._outbox = outbox
        self._ids = ids
        self._save_ids = save_ids
        self._personal = personal or Personal()
        self.starts: dict[str, dict[int, str]] = {partner.id: {} for partner in partners}
        """By partner and remote start id: its own number of a session that it asked for."""
        self.names = {p.id: Names(p.operator_id, ids, self.starts[p.id]) for p in partners}
        self.partners = {partner.id: partner for partner in partners}
        self.calls = {partner.id: Calls() for partner in partners}
        """Of partners to us."""
        self._refusals = Refusals(alarms)
        self.forwarder = Forwarder(
            partners, clock, outbox, self.resync, None, self._answered, self._personal, self._refusals.told
        )
        self._statuses: dict[tuple[str, str], NewEntry] = {}
        self._snapshot_at: dict[tuple[str, int], datetime] = {}

    async def run(self) -> None:
        """Deliver until cancelled."""
        await self.forwarder.run()

    def wake(self) -> None:
        """Call after the transaction with new entries is durable."""
        self.forwarder.wake()

    async def status(self) -> dict[str, Any]:
        """Delivery to each partner, and its calls to us."""
        delivery = await self.forwarder.status()
        return {name: {**status, **self.calls[name].document()} for name, status in delivery.items()}

    async def drain(self, deadline: datetime) -> bool:
        """Wait until everything is delivered or the clock passes `deadline`; `run` must be working."""
        return await self.forwarder.drain(deadline)

    async def know(self, sessions: Sequence[tuple[int, datetime]]) -> None:
        """Before anything is told of sessions (id and start): find the numbers that they have already."""
        for names in {names.operator_id: names for names in self.names.values()}.values():
            await names.know(sessions)

    def station_info(self, info: StationInfo) -> Outgoing:
        """A site as it is now; every partner is told of the piles that it may see."""
        outgoing = Outgoing()
        for partner in self.partners.values():
            seen = replace(info, equipment=tuple(e for e in info.equipment if partner.access.sees(e.station_id)))
            outgoing += self._for_each(Kind.STATION_INFO, partial(station_values, seen), [partner])
        return outgoing

    def connector_status(self, state: ConnectorState) -> Outgoing:
        """The state of a connector; a partner that was told the same already is not told again (section 12.1)."""
        who = self._seeing(state.connector.station_id)
        outgoing = self._for_each(Kind.STATION_STATUS, partial(connector_values, state), who)
        changed = tuple(entry for entry in outgoing.entries if self._is_news(entry))
        return Outgoing(changed, outgoing.ids)

    def charge_status(self, status: ChargeStatus) -> Outgoing:
        """A snapshot of a running session, for the partners whose period has passed."""
        due = [
            p for p in self._seeing(status.connector.station_id) if self.snapshot_due(p, status.session_id, status.at)
        ]
        for partner in due:
            self._snapshot_at[partner.id, status.session_id] = status.at
        return self._for_each(Kind.CHARGE_STATUS, partial(charge_status_values, status), due)

    def order(self, order: ChargeOrder) -> Outgoing:
        """The order of a finished session. It is never dropped."""
        for partner_id in self.partners:
            self._snapshot_at.pop((partner_id, order.session_id), None)
        now = self._clock.now()
        who = self._seeing(order.connector.station_id)
        return self._for_each(Kind.CHARGE_ORDER, lambda names: order_values(order, names, now), who)

    def start_result(self, partner_id: str, start: PartnerStart) -> Outgoing:
        """What came of a start that a partner asked for."""
        return self._for_each(Kind.START_RESULT, partial(start_values, start), [self.partners[partner_id]])

    def stop_result(self, partner_id: str, stop: PartnerStart) -> Outgoing:
        """What came of a stop that a partner asked for."""
        return self._for_each(Kind.STOP_RESULT, partial(start_values, stop), [self.partners[partner_id]])

    def power(self, partner: Partner, power: StationPower) -> Outgoing:
        """What a site draws now. Each moment is a message of its own: none replaces another."""
        outgoing = self._for_each(Kind.POWER, partial(power_values, power), [partner])
        key = f"{power.site_id}@{format_stamp(power.at)}"
        return Outgoing(tuple(replace(entry, business_key=key) for entry in outgoing.entries), outgoing.ids)

    def order_check(self, partner: Partner, check: OrderCheck, number: str) -> Outgoing:
        """The orders of a day, to be compared with those that the partner has."""
        return self._for_each(Kind.CHECK_ORDERS, lambda _: check_values(check, number), [partner])

    def subsidy(self, partner: Partner, amount: SubsidyAmount) -> Outgoing:
        """What is applied for; the key names the span, so that another one does not look like the same."""
        outgoing = self._for_each(Kind.SUBSIDY, partial(subsidy_values, amount), [partner])
        span = f"{amount.first_day:%Y%m%d}-{amount.last_day:%Y%m%d}"
        keyed = tuple(replace(entry, business_key=f"{entry.business_key}@{span}") for entry in outgoing.entries)
        return Outgoing(keyed, outgoing.ids)

    def message(self, partner: Partner, kind: Kind, values: Callable[[Names], Mapping[str, Any]]) -> NewEntry:
        """One message to one partner, as it would be told now; its new identifiers wait for `save_new_ids`."""
        return self._entry(partner, kind, values(self.names[partner.id]))

    def saved(self, outgoing: Outgoing) -> None:
        """The transaction with `outgoing` is durable."""
        self._ids.saved(outgoing.ids)
        told = [entry for entry in outgoing.entries if entry.interface == Kind.STATION_STATUS]
        self._statuses.update({(entry.partner, entry.business_key): entry for entry in told})
        if outgoing.entries:
            self.wake()

    async def enqueue(self, outgoing: Outgoing) -> None:
        """Write `outgoing` without a business transaction: identifiers first, then the messages that use them."""
        if outgoing.ids:
            await self._save_ids(outgoing.ids)
        if outgoing.entries:
            await self._outbox.add(outgoing.entries)
        self.saved(outgoing)

    async def save_new_ids(self) -> None:
        """Make identifiers durable that were given outside of a message."""
        if self._ids.unsaved():
            await self.enqueue(Outgoing((), self._ids.unsaved()))

    async def resync(self, partner_id: str) -> None:
        """Queue the last known status of every connector for one partner (after its outage, section 15)."""
        again = [e for (partner, _), e in self._statuses.items() if partner == partner_id and e.state != DEAD]
        await self.enqueue(Outgoing(tuple(again)))

    async def _answered(self, entry: OutboxEntry, answer: Mapping[str, Any]) -> None:
        """Orders that a reconciliation misses are sent again; of other disputes a person has to hear."""
        disputes = answer.get("DisputeOrders")
        if entry.interface != Kind.CHECK_ORDERS or not isinstance(disputes, list):
            return
        told_of = [dispute if isinstance(dispute, dict) else {} for dispute in disputes]
        numbers = [str(dispute.get("StartChargeSeq", "")) for dispute in told_of]
        known = await self._outbox.newest(entry.partner, Kind.CHARGE_ORDER, numbers)
        for number, dispute in zip(numbers, told_of, strict=True):
            sent = known.get(number)
            missing = sent is not None and dispute.get("DisputeReason") == NOT_FOUND
            told = {"partner": entry.partner, "number": number, "again": missing, "dispute": str(dispute)[:300]}
            log.warning("province_order_disputed", extra=told)
            if sent is not None and missing:
                await self._outbox.revive(entry.partner, [sent.id], self._clock.now())

    def _seeing(self, station_id: str) -> list[Partner]:
        return [partner for partner in self.partners.values() if partner.access.sees(station_id)]

    def _for_each(
        self, kind: Kind, values: Callable[[Names], Mapping[str, Any]], partners: Sequence[Partner] | None = None
    ) -> Outgoing:
        chosen = self.partners.values() if partners is None else partners
        entries = [
            self._entry(partner, kind, values(self.names[partner.id]))
            for partner in chosen
            if partner.profile.interfaces[kind].enabled
        ]
        return Outgoing(tuple(entries), self._ids.unsaved())

    def _entry(self, partner: Partner, kind: Kind, values: Mapping[str, Any]) -> NewEntry:
        profile = partner.profile
        body = render_body(profile, kind, values)
        defects = defects_of(profile, kind, body)
        entry = NewEntry(
            partner=partner.id,
            interface=kind.value,
            business_key=business_key(profile, kind, body),
            payload=body,
            created_at=self._clock.now(),
            collapse=profile.retry[kind].collapse,
            state=DEAD if defects else QUEUED,
            last_code=BUSINESS_INVALID if defects else None,
            last_error="; ".join(map(str, defects)),
        )
        return self._personal.sealed(profile, entry)

    def _is_news(self, entry: NewEntry) -> bool:
        known = self._statuses.get((entry.partner, entry.business_key))
        return known is None or known.payload != entry.payload

    def snapshot_due(self, partner: Partner, session_id: int, now: datetime) -> bool:
        """Whether a partner wants to hear of a running session again."""
        last = self._snapshot_at.get((partner.id, session_id))
        period_s = partner.profile.timeliness.charge_status_period_s
        return last is None or (now - last).total_seconds() >= period_s


def defects_of(profile: PlatformProfile, kind: Kind, body: Mapping[str, Any]) -> list[Defect]:
    """What a platform would find wrong with our own message, read as it reads it."""
    return check_body(profile, kind, strict_json.parse_object(strict_json.write(body)))
