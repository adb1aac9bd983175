"""Demand-response events: what is said about them is decided, made durable with its record, then answered.

Refusals stand in the record like what is taken.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Protocol

import msgspec
from msgspec.structs import replace

from csms.charging.feeder import FeederTree
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.response import Bid, Kind, Method, ResponseEvent, Status
from csms.response import rules, words
from csms.response.baseline import Baseline, TooFew
from csms.response.book import EventBook, Record, Store
from csms.response.dispatch import Charging, Dispatch, Fills, Limits, too_few
from csms.response.driver_desk import DriverDesk, Nobody, People
from csms.response.drivers import DriverRule
from csms.response.evaluate import Band, Interval, intervals
from csms.response.figures import Baselines
from csms.response.loads import QUARTER
from csms.response.offers import Offer, OfferRule, offer, usual_w
from csms.response.rules import Party
from csms.response.settling import Settling
from csms.response.views import event_of
from csms.response.words import Refused
from csms.store import changes
from csms.store.response_tables import ResponseRow
from optimizer.response import BAND

log = logging.getLogger(__name__)

OURSELVES = Party("csms", "csms", "csms")
NOT_DISPATCHED = "ResponseNotDispatched"
"""The alert of an event that is on and has no limit, or not the one it needs."""
Decide = Callable[[datetime], Awaitable[ResponseRow]]


class Alerts(Protocol):
    """What a person should look at."""

    async def raise_(self, kind: str, station_id: str = "", info: str = "") -> None:
        """Open an alert."""
        ...


@dataclass(frozen=True, slots=True)
class ResponseRules:
    """What is agreed for all events. `automatic`: bid by the rule as soon as an event is told."""

    band: Band = BAND
    automatic: bool = False
    offer: OfferRule = field(default_factory=OfferRule)
    drivers: DriverRule = field(default_factory=DriverRule)


class ResponseService:
    """All events of all channels. `fills` is what the planner heeds, `settling` what comes after the end, `drivers`
    what drivers say.
    """

    def __init__(
        self,
        clock: Clock,
        store: Store,
        record: Record,
        tree: FeederTree,
        baselines: Baselines,
        limits: Limits,
        charging: Charging,
        alerts: Alerts,
        agreed: ResponseRules | None = None,
        people: People | None = None,
    ) -> None:
        self._clock, self._baselines, self._charging, self._alerts = clock, baselines, charging, alerts
        self._agreed = agreed or ResponseRules()
        self._dispatch = Dispatch(tree, limits, charging)
        self.tree, self.book = tree, EventBook(store, record, tree)
        self.fills = Fills(self._agreed.band[1])
        self.settling = Settling(clock, self.book, baselines, self._agreed.band)
        self.drivers = DriverDesk(clock, self.book, people or Nobody(), store.reader, self._agreed.drivers)
        self.drivers.changed = self._answered
        self.plan_again: Callable[[], None] = lambda: None

    def now(self) -> datetime:
        """The time events are judged by."""
        return self._clock.now()

    async def invite(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """Take an invitation; the same once more changes nothing. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.InvitationBody)
            rules.check_feeder(party, body.feeder, self.tree)
            known = await self.book.row(event_id)
            asked = words.invitation(body, event_id, party.source, known.received_at if known else now)
            if known is not None:
                if event_of(known).invitation != asked:
                    raise Refused("event_known", "this event is known with other words; cancel it, send a new one")
                return known
            if asked.reply_by < now:
                raise Refused("reply_late", "reply_by lies in the past")
            return _row(ResponseEvent(asked, now, party.channel))

        row = await self._said("invite", raw, party, event_id, decide)
        if self._agreed.automatic and event_of(row).status(self.now()) is Status.INVITED:
            await self._bid_alone(event_id)
        return await self.book.known(event_id)

    async def bid(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """Bid, or bid anew. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.BidBody)
            row = await self.book.known(event_id, party)
            event = event_of(row)
            offered = await self._offered(event, now) if body.automatic else words.bid(body, now)
            if event.bid is not None and replace(event.bid, at=now, automatic=offered.automatic) == offered:
                return row
            await self._check_baseline(event, now)
            return _row(rules.with_bid(event, offered, await self.book.others(event), now))

        return await self._said("bid", raw, party, event_id, decide)

    async def withdraw(self, party: Party, event_id: str) -> ResponseRow:
        """Take the bid back. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            return _row(rules.without_bid(event_of(await self.book.known(event_id, party)), now))

        return await self._said("withdraw bid", b"", party, event_id, decide)

    async def clear(self, raw: bytes, party: Party, event_id: str) -> ResponseRow:
        """The operator's result; what it takes is dispatched. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            body = words.read(raw, words.ClearingBody)
            row = await self.book.known(event_id, party)
            event = event_of(row)
            rules.check_owner(party, event)
            offered = event.bid or Bid(0, 0.0, now)
            changed = rules.with_clearing(event, words.clearing(body, offered, now), now)
            return row if changed is event else _row(changed, row.dispatch)

        row = await self._said("clear", raw, party, event_id, decide)
        try:
            await self.dispatch(event_id)
        except StoreUnavailable as fault:
            log.warning("response_not_dispatched", extra={"event": event_id, "code": fault.code})
        return await self.book.row(event_id) or row

    async def cancel(self, party: Party, event_id: str) -> ResponseRow:
        """The event is off, and so is its limit. Raises Refused, StoreUnavailable."""

        async def decide(now: datetime) -> ResponseRow:
            row = await self.book.known(event_id, party)
            event = event_of(row)
            rules.check_owner(party, event)
            return _row(rules.cancelled(event, now), row.dispatch)

        row = await self._said("cancel", b"", party, event_id, decide)
        await self.take_back(row)
        return row

    async def take_back(self, row: ResponseRow) -> None:
        """What a cancelled event became ends; doing it twice does no harm. Raises StoreUnavailable."""
        if row.dispatch is not None:
            await self._dispatch.take_back(row.id, row.feeder_id, row.dispatch["limit_id"])

    async def dispatch(self, event_id: str) -> None:
        """Carry an event out. What cannot be yet waits: the background work comes again. Raises StoreUnavailable."""
        async with self.book.turn:
            row = await self.book.known(event_id)
            event, now = event_of(row), self._clock.now()
            if not event.taken or now >= event.invitation.end:
                return
            before = row.dispatch or {}
            apart = await self._left_alone(event, before)
            self.drivers.heed(apart)
            if before and not before["code"] and apart <= frozenset(before.get("apart", ())):
                return
            found = None
            if self._dispatch.needs_baseline(event):
                found = await self._baselines.of(event, await self.book.others(event), now)
            told = await self._dispatch.carry_out(event, found, now, apart)
            told = told if told is None or not apart else {**told, "apart": sorted(apart)}
            if told is None or {**told, "at": before.get("at")} == before:
                return
            names = ("code", "limit_id", "short_kw", "method", "steered", "apart")
            facts = {name: told[name] for name in names if name in told}
            put = changes.set_columns(ResponseRow, {"id": row.id}, dispatch=told)
            await self.book.write("dispatch", OURSELVES, (event_id, row.feeder_id), None, facts, [put])
        if told["code"]:
            await self.alert(NOT_DISPATCHED, f"event {event_id}: {told['code']}: {told['text']}")

    async def _left_alone(self, event: ResponseEvent, before: Mapping[str, Any]) -> frozenset[int]:
        """Sessions whose needs the limit leaves alone: those that took no part when the event was carried out first,
        and whoever declined since. Who came later was promised nothing.
        """
        if not before or before["code"]:
            return await self.drivers.apart(event)
        return frozenset(before.get("apart", ())) | await self.drivers.declined(event.invitation.id)

    async def _answered(self, event: ResponseEvent) -> None:
        """A driver's answer changes what can be offered, or what the limit has to leave."""
        event_id, status = event.invitation.id, event.status(self.now())
        if event.taken:
            await self.dispatch(event_id)
        elif self._agreed.automatic and (status is Status.INVITED or (event.bid is not None and event.bid.automatic)):
            await self._bid_alone(event_id)
        self.plan_again()

    async def offer(self, party: Party, event_id: str) -> Offer:
        """What an automatic bid would be now. Raises Refused, StoreUnavailable."""
        return await self._offer(event_of(await self.book.known(event_id, party)), self._clock.now())

    async def _offer(self, event: ResponseEvent, now: datetime) -> Offer:
        asked = event.invitation
        rules.check_feeder(OURSELVES, asked.feeder_id, self.tree)
        found = await self._baselines.of(event, await self.book.others(event), now)
        known = found.load_w if isinstance(found, Baseline) else None
        quarters = (asked.end - asked.start) // QUARTER
        least = [self._dispatch.least_w(asked.feeder_id, asked.start + QUARTER * n) for n in range(quarters)]
        usual = usual_w(asked.kind, known, least)
        cars = await self._charging.of_cars(event, await self.drivers.apart(event), max(least))
        unused = "no_cars" if asked.kind is Kind.FILL or not isinstance(found, TooFew) else "too_few_days"
        return offer(asked, self._agreed.offer, usual, cars, unused)

    async def _offered(self, event: ResponseEvent, now: datetime) -> Bid:
        found = await self._offer(event, now)
        if found.why:
            raise Refused(found.why, f"the rule for automatic bids offers nothing: {found.why}")
        return Bid(found.power_w, found.price, now, automatic=True)

    async def _bid_alone(self, event_id: str) -> None:
        try:
            await self.bid(b'{"automatic": true}', OURSELVES, event_id)
        except Refused as fault:
            log.info("response_no_bid", extra={"event": event_id, "code": fault.code})
            if fault.code in ("too_little", "too_cheap", "no_cars"):
                await self._withdraw_alone(event_id)

    async def _withdraw_alone(self, event_id: str) -> None:
        """An automatic bid that the rule would not make any more is taken back while that can be done."""
        bid = event_of(await self.book.known(event_id)).bid
        if bid is not None and bid.automatic:
            try:
                await self.withdraw(OURSELVES, event_id)
            except Refused as fault:
                log.info("response_bid_stays", extra={"event": event_id, "code": fault.code})

    async def _check_baseline(self, event: ResponseEvent, now: datetime) -> None:
        """What could never be settled is not bid on. Raises Refused: too_few_days."""
        if self._baselines.method(event) is Method.PRE15MIN:
            return
        found = await self._baselines.of(event, await self.book.others(event), now)
        if isinstance(found, TooFew):
            raise Refused("too_few_days", too_few(found))

    async def baseline(self, party: Party, event_id: str, method: Method | None = None) -> Baseline | TooFew:
        """As it is now, or would be by another method. Raises Refused, StoreUnavailable."""
        event = event_of(await self.book.known(event_id, party))
        return await self._baselines.of(event, await self.book.others(event), self._clock.now(), method)

    async def report(self, party: Party, event_id: str) -> list[Interval]:
        """Quarter-hour by quarter-hour, as far as it is known; none without a baseline. Raises Refused."""
        event = event_of(await self.book.known(event_id, party))
        found = await self._baselines.of(event, await self.book.others(event), self._clock.now())
        if isinstance(found, TooFew):
            return []
        return intervals(event, found.load_w, await self._baselines.load(event))

    async def alert(self, kind: str, info: str) -> None:
        """Tell a person. Raises StoreUnavailable."""
        await self._alerts.raise_(kind, "", info)

    async def _said(self, action: str, raw: bytes, party: Party, event_id: str, decide: Decide) -> ResponseRow:
        """Decide, then make the event durable with its record; a refusal is recorded, too."""
        async with self.book.turn:
            try:
                row = await decide(self._clock.now())
            except Refused as fault:
                told = {"accepted": False, "code": fault.code}
                await self.book.write(action, party, (event_id, ""), _detail(raw), told)
                raise
            told = {"accepted": True, "code": ""}
            place, put = (event_id, row.feeder_id), [changes.put_row(row)]
            await self.book.write(action, party, place, _detail(raw), told, put)
            log.info("response_said", extra={"event": event_id, "action": action, "source": party.source})
            return row


def _row(event: ResponseEvent, dispatch: dict[str, Any] | None = None) -> ResponseRow:
    asked = event.invitation
    return ResponseRow(
        id=asked.id,
        source=asked.source,
        feeder_id=asked.feeder_id,
        starts_at=asked.start,
        ends_at=asked.end,
        received_at=event.received_at,
        content=msgspec.to_builtins(event),
        dispatch=dispatch,
    )


def _detail(raw: bytes) -> Any:
    return {"said": words.plain(raw), "raw_sha256": hashlib.sha256(raw).hexdigest()} if raw else None
