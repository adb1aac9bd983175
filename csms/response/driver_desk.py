"""Offers to drivers: made for the sessions that run, answered, heeded by bids and plans, settled by what was metered.

An answer is durable with its record before it counts. Who is served first is kept in memory for the planner and comes
from what is stored, so a start after a crash is no special case.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.response import ResponseEvent
from csms.response import drivers, words
from csms.response.book import EventBook, Reader
from csms.response.drivers import Answer, DriverRule, Present
from csms.response.loads import AROUND, QUARTER, powers_w, quarter_of
from csms.response.rules import Party
from csms.response.settlement import NOTHING
from csms.response.views import event_of
from csms.response.words import Refused
from csms.store import changes
from csms.store.response_tables import DriverOffer

log = logging.getLogger(__name__)

QUARTER_H = 0.25
OFFERS_AT_ONCE = 500


class People(Protocol):
    """Who charges now (csms.app.response)."""

    def running(self, feeder_id: str) -> frozenset[int]:
        """Ids of the sessions under a feeder."""
        ...

    def of_card(self, card: str) -> frozenset[int]:
        """Ids of the running sessions of an id token."""
        ...

    async def present(self, event: ResponseEvent) -> Sequence[Present]:
        """Those sessions under the event's feeder that it could move."""
        ...

    def spread(self, event: ResponseEvent) -> float:
        """Yuan per kWh that the tariff alone saves who moves energy out of the event."""
        ...


class Nobody:
    """A house that knows of no drivers."""

    def running(self, feeder_id: str) -> frozenset[int]:
        """None."""
        return frozenset()

    def of_card(self, card: str) -> frozenset[int]:
        """None."""
        return frozenset()

    async def present(self, event: ResponseEvent) -> Sequence[Present]:
        """None."""
        return ()

    def spread(self, event: ResponseEvent) -> float:
        """Nothing is known of prices."""
        return 0.0


Changed = Callable[[ResponseEvent], Awaitable[None]]


async def _nothing(event: ResponseEvent) -> None:
    """Nobody has to be told."""


class DriverDesk:
    """All offers. Every method that reads or writes raises StoreUnavailable."""

    def __init__(
        self, clock: Clock, book: EventBook, people: People, reader: Reader, rule: DriverRule | None = None
    ) -> None:
        self._clock, self._book, self._people, self._reader = clock, book, people, reader
        self.rule = rule or DriverRule()
        self.changed: Changed = _nothing
        self._first: frozenset[int] = frozenset()
        self._tried: dict[str, tuple[datetime, frozenset[int]]] = {}

    def first(self, session_id: int) -> bool:
        """Whether a session is served before those that take part in an event."""
        return session_id in self._first

    def heed(self, sessions: frozenset[int]) -> None:
        """These are served first from now on, without waiting for the next look."""
        self._first |= sessions

    async def offers(self, event_id: str) -> Sequence[DriverOffer]:
        """Of an event."""
        return await self._book.driver_offers(event_id=event_id)

    async def declined(self, event_id: str) -> frozenset[int]:
        """Sessions whose drivers said no."""
        return frozenset(one.session_id for one in await self.offers(event_id) if one.answer == Answer.DECLINED)

    async def apart(self, event: ResponseEvent) -> frozenset[int]:
        """The running sessions that an event does not count on."""
        running = self._people.running(event.invitation.feeder_id)
        return drivers.apart(running, await self.offers(event.invitation.id), self.rule.consent)

    async def look(self, events: Iterable[ResponseEvent]) -> bool:
        """Offer what is not offered yet; whether others than before are to be served first."""
        now, first = self._clock.now(), set[int]()
        alive = [one for one in events if now < one.invitation.end]
        for event in alive:
            if drivers.may_be_offered(event, now):
                await self._guarded(event, now)
            if event.taken:
                first |= await self.apart(event)
        ids = {one.invitation.id for one in alive}
        self._tried = {id_: mark for id_, mark in self._tried.items() if id_ in ids}
        before, self._first = self._first, frozenset(first)
        return before != self._first

    async def _guarded(self, event: ResponseEvent, now: datetime) -> None:
        """A fault of ours about one event holds up no other one."""
        try:
            await self._offer(event, now)
        except StoreUnavailable:
            raise
        except Exception:
            log.exception("drivers_not_asked", extra={"event": event.invitation.id})

    async def _offer(self, event: ResponseEvent, now: datetime) -> None:
        """To all who have none. What cannot be offered is tried again when others come, or in the next quarter-hour."""
        asked = event.invitation
        known = {one.session_id for one in await self.offers(asked.id)}
        new = self._people.running(asked.feeder_id) - known
        mark = (quarter_of(now), new)
        if not new or self._tried.get(asked.id) == mark:
            return
        self._tried[asked.id] = mark
        found = [one for one in await self._people.present(event) if one.session_id in new][:OFFERS_AT_ONCE]
        if not found:
            return
        movable_kwh = sum(one.usual_wh for one in found) / 1000
        incentive = drivers.design(event, movable_kwh, self._people.spread(event), self.rule).incentive
        rows = [drivers.offer_of(event, one, incentive, now) for one in found]
        told = {"offered": len(rows), "incentive": round(incentive, 4)}
        place, ourselves = (asked.id, asked.feeder_id), Party("csms", "csms", "csms")
        puts = [changes.add_row_once(row) for row in rows]
        await self._book.write("offer to drivers", ourselves, place, None, told, puts)

    async def of_card(self, card: str) -> list[dict[str, Any]]:
        """Offers to the running sessions of a card, the newest first."""
        now, sessions, views = self._clock.now(), self._people.of_card(card), []
        for session_id in sorted(sessions):
            for row in await self._book.driver_offers(session_id=session_id):
                event = event_of(await self._book.known(row.event_id))
                views.append(drivers.offer_view(event, row, now))
        return sorted(views, key=lambda view: str(view["start"]), reverse=True)

    async def answer(self, raw: bytes, party: Party, card: str, event_id: str) -> list[dict[str, Any]]:
        """Accept or decline for all sessions of a card. Raises Refused."""
        async with self._book.turn:
            now = self._clock.now()
            body, sessions = words.read(raw, words.DriverAnswerBody), self._people.of_card(card)
            rows = [row for row in await self.offers(event_id) if row.session_id in sessions]
            if not rows:
                raise Refused("no_offer", "no session that runs with this card has an offer for this event")
            event = event_of(await self._book.known(event_id))
            new = {row.session_id: drivers.with_answer(event, Answer(row.answer), body.accepted, now) for row in rows}
            different = [row for row in rows if new[row.session_id] != row.answer]
            if different:
                await self._keep(event, different, new, party, now)
            views = [drivers.offer_view(event, row, now) for row in rows]
        if different:
            self._first -= set(new)
            self.heed(await self.apart(event) if event.taken else frozenset())
            await self.changed(event)
        return views

    async def _keep(
        self, event: ResponseEvent, rows: Sequence[DriverOffer], new: Mapping[int, Answer], party: Party, now: datetime
    ) -> None:
        for row in rows:
            row.answer, row.answered_at = new[row.session_id].value, now
        told = {str(row.session_id): row.answer for row in rows}
        place = (event.invitation.id, event.invitation.feeder_id)
        await self._book.write("driver answers", party, place, None, told, [changes.put_row(row) for row in rows])

    async def tally(self, event_id: str) -> dict[str, Any]:
        """The design of the incentive and how drivers answered. Raises Refused."""
        event, offers = event_of(await self._book.known(event_id)), await self.offers(event_id)
        movable_kwh = sum(one.usual_wh for one in offers) / 1000
        found = drivers.design(event, movable_kwh, self._people.spread(event), self.rule)
        return drivers.tally(offers, found, self.rule.consent)

    async def settle(self, event: ResponseEvent) -> None:
        """What each driver who accepted moved, by what its outlet metered, and what that pays; once."""
        rows = [one for one in await self.offers(event.invitation.id) if one.answer == Answer.ACCEPTED]
        new, total = list[DriverOffer](), NOTHING
        for row in rows:
            moved = await self._moved_wh(event, row) if row.moved_wh is None else None
            if moved is not None:
                due = drivers.pay(row.incentive, moved)
                row.moved_wh, row.pay, total = moved, float(due), total + due
                new.append(row)
        if new:
            told = {"drivers": len(new), "pay": str(total)}
            place, ourselves = (event.invitation.id, event.invitation.feeder_id), Party("csms", "csms", "csms")
            puts = [changes.put_row(row) for row in new]
            await self._book.write("settle with drivers", ourselves, place, None, told, puts)

    async def _moved_wh(self, event: ResponseEvent, row: DriverOffer) -> int | None:
        """While the car was there: who left early moved nothing by leaving. None: its outlet told nothing."""
        start, end = event.invitation.start, event.invitation.end
        session = await self._reader.session(row.session_id)
        left = end if session is None or session.ended_at is None else min(session.ended_at, end)
        slots = (left - start) // QUARTER
        if slots <= 0:
            return 0
        metered = await self._reader.metered_quarters([row.station_id], start - AROUND, end + AROUND)
        mine = [one for one in metered if one.evse_id == row.evse_id]
        if not mine:
            return None
        usual_wh = row.usual_wh * slots / ((end - start) // QUARTER)
        return drivers.moved_wh(event, usual_wh, sum(powers_w(mine, start, slots)) * QUARTER_H)
