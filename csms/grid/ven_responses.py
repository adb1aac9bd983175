"""Brings demand-response events in line with what a VTN shows, poll by poll; what was said is not said again."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from csms.grid.openadr3 import PLAIN, PREFIX, Agreed
from csms.grid.openadr3_calls import Call, next_word
from csms.grid.openadr3_periods import Release
from csms.grid.openadr3_reports import Told
from csms.grid.peer import Peer
from csms.grid.responses import ResponseBook, Word

log = logging.getLogger(__name__)

PLACES_MAX = 1000


class VenResponses:
    """Of one VTN."""

    def __init__(self, peer: Peer, book: ResponseBook, agreed: Agreed) -> None:
        self._peer, self._book, self._agreed = peer, book, agreed
        self._refused: dict[str, object] = {}
        self._places: dict[str, tuple[str, str]] = {}
        self._gone: frozenset[str] = frozenset()

    async def settle(self, calls: Sequence[Call], complete: bool, now: datetime) -> list[Told]:
        """What is to be reported. What is missing twice from all that the VTN shows is cancelled.

        Raises StoreUnavailable.
        """
        known = {str(view["id"]): view for view in await self._book.open(self._peer)}
        told: list[Told] = []
        for call in calls:
            self._place(call)
            if call.end > now or call.taken_back:
                told += await self._say(call, known.get(call.id))
        await self._cancel(known, {call.id for call in calls}, complete)
        listed = {call.event_id for call in calls}
        self._refused = {event_id: mark for event_id, mark in self._refused.items() if event_id in listed}
        return told

    def place(self, response_id: str) -> tuple[str, str] | None:
        """Event and program as the VTN calls them."""
        found = self._places.get(response_id)
        plain = response_id.removeprefix(PREFIX)
        if found is None and self._agreed.release is Release.V3_1 and PLAIN.fullmatch(plain):
            return plain, ""
        return found

    async def _say(self, call: Call, view: Mapping[str, Any] | None) -> list[Told]:
        word, code = (None, call.fault) if call.fault else next_word(call, view, self._agreed)
        mark = (call.modified, code, None if view is None else view["bid"])
        if (word is None and not code) or self._refused.get(call.event_id) == mark:
            return []
        if word is not None:
            answer = await self._book.said(word, self._peer, call.feeder_id)
            code = "" if answer["accepted"] else str(answer["code"])
        if code:
            self._refused[call.event_id] = mark
            log.warning("event_not_taken", extra={"vtn": self._peer.name, "event": call.event_id, "why": code})
        return [Told(call.event_id, call.program_id, {call.feeder_id: code or "accepted"}, "response")]

    async def _cancel(self, known: Mapping[str, Mapping[str, Any]], shown: set[str], complete: bool) -> None:
        gone = {id_ for id_ in known if id_.startswith(PREFIX) and id_ not in shown}
        for id_ in sorted(gone & self._gone) if complete else ():
            await self._book.said(Word(id_, "cancel"), self._peer, str(known[id_]["feeder_id"]))
        self._gone = frozenset(gone) if complete else frozenset()

    def _place(self, call: Call) -> None:
        """Reports go back also after the VTN has deleted an event."""
        self._places.pop(call.id, None)
        self._places[call.id] = call.event_id, call.program_id
        while len(self._places) > PLACES_MAX:
            del self._places[next(iter(self._places))]
