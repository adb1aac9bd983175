"""Events as they are stored, and the record of what is said about them: both become durable together."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Protocol

from csms.charging.feeder import FeederTree
from csms.model.audit import AuditEntry
from csms.model.response import ResponseEvent
from csms.response.rules import Party
from csms.response.views import event_of
from csms.response.words import Refused
from csms.store.change import Change
from csms.store.feeder_reading import MeteredQuarter
from csms.store.response_tables import DriverOffer, ResponseAppeal, ResponseEvaluation, ResponseRow
from csms.store.tables import Session


class Store(Protocol):
    """The store, as far as events need it."""

    @property
    def reader(self) -> Reader:
        """To read rows."""
        ...


class Reader(Protocol):
    """The reading side."""

    async def response_events(
        self, *, feeder_ids: Sequence[str] | None = None, ends_after: datetime | None = None, limit: int | None = None
    ) -> Sequence[ResponseRow]:
        """Events, the latest first."""
        ...

    async def find(self, model: Any, *, newest: int | None = None, **given: Any) -> Sequence[Any]:
        """Rows by their columns."""
        ...

    async def session(self, session_id: int) -> Session | None:
        """One session."""
        ...

    async def metered_quarters(
        self, station_ids: Sequence[str], since: datetime, until: datetime, limit: int | None = None
    ) -> list[MeteredQuarter]:
        """Roll-ups of registers and powers."""
        ...


class Record(Protocol):
    """The hash-chained log (csms.access.audit.AuditLog)."""

    async def write(self, entry: AuditEntry, beside: Sequence[Change] = ()) -> None:
        """Wait until both are durable; raises StoreUnavailable."""
        ...


class EventBook:
    """All events. Whoever changes one holds `turn`. Every method raises StoreUnavailable."""

    def __init__(self, store: Store, record: Record, tree: FeederTree) -> None:
        self._reader, self._record, self.tree = store.reader, record, tree
        self.turn = asyncio.Lock()

    async def row(self, event_id: str) -> ResponseRow | None:
        """One, if it is there."""
        found = await self._reader.find(ResponseRow, id=event_id)
        return found[0] if found else None

    async def known(self, event_id: str, party: Party | None = None) -> ResponseRow:
        """One; a bound party hears of no event but those of its feeders. Raises Refused: unknown_event."""
        row = await self.row(event_id)
        if row is None or (party is not None and not party.sees(row.feeder_id, self.tree)):
            raise Refused("unknown_event", f"there is no event {event_id[:64]!r}")
        return row

    async def listed(self, party: Party, limit: int) -> Sequence[ResponseRow]:
        """Those that a party may see, the latest first."""
        if party.feeders is None:
            return await self._reader.response_events(limit=limit)
        seen = [id_ for id_ in self.tree.ids if party.sees(id_, self.tree)]
        return await self._reader.response_events(feeder_ids=seen, limit=limit)

    async def near(self, ended_after: datetime) -> Sequence[ResponseRow]:
        """Events that are not over for longer."""
        return await self._reader.response_events(ends_after=ended_after)

    async def others(self, event: ResponseEvent) -> list[ResponseEvent]:
        """Events about the same load: on this feeder, above it and below it."""
        feeder_id = event.invitation.feeder_id
        near = {feeder_id}
        if feeder_id in self.tree:
            near |= {*self.tree.path(feeder_id), *self.tree.below(feeder_id)}
        rows = await self._reader.response_events(feeder_ids=sorted(near))
        return [one for one in map(event_of, rows) if one.invitation.id != event.invitation.id]

    async def evaluations(self, event_id: str) -> Sequence[ResponseEvaluation]:
        """Oldest first."""
        found: Sequence[ResponseEvaluation] = await self._reader.find(ResponseEvaluation, event_id=event_id)
        return found

    async def appeals(self, event_id: str) -> Sequence[ResponseAppeal]:
        """Oldest first."""
        found: Sequence[ResponseAppeal] = await self._reader.find(ResponseAppeal, event_id=event_id)
        return found

    async def driver_offers(
        self, *, event_id: str | None = None, session_id: int | None = None
    ) -> Sequence[DriverOffer]:
        """Of an event or of a session."""
        found: Sequence[DriverOffer] = await self._reader.find(DriverOffer, event_id=event_id, session_id=session_id)
        return found

    async def write(
        self,
        action: str,
        party: Party,
        place: tuple[str, str],
        detail: Any,
        result: Mapping[str, Any],
        beside: Sequence[Change] = (),
    ) -> None:
        """A record with what it makes durable; `place`: event and feeder, as far as they are known."""
        on = {name: _plain(value) for name, value in zip(("event", "feeder"), place, strict=True) if value}
        entry = AuditEntry("response", action, who=party.who, on=on, detail=detail, result=result)
        await self._record.write(entry, beside)


def _plain(text: str) -> str:
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")[:64]
