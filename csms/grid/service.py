"""Receives limits: decides, makes limit and decision durable, then acknowledges and tells (grid-limits A2, 1 to 7).

An acknowledgement means durable, not executed. Refusals are stored like acceptances.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Sequence
from datetime import datetime
from typing import Protocol

from csms.charging.feeder import FeederTree
from csms.grid.book import LimitBook
from csms.grid.decide import Decision, decide, decide_cancel
from csms.model.clock import Clock
from csms.model.event import LimitChanged
from csms.model.limit import Limit
from csms.station.bus import EventBus
from csms.store import changes
from csms.store.change import Change
from csms.store.tables import LimitDecision, LimitRow

log = logging.getLogger(__name__)

RAW_KEPT_CHARACTERS = 64 * 1024


class LimitWriter(Protocol):
    """The writing side of the store."""

    async def commit(self, changes: Sequence[Change]) -> None:
        """Wait until durable; raises StoreUnavailable."""
        ...


class LimitReader(Protocol):
    """The reading side of the store."""

    async def limits(self, feeder_id: str | None = None) -> Sequence[LimitRow]:
        """The highest version of each limit."""
        ...


class LimitStore(Protocol):
    """The store, as far as limits need it."""

    @property
    def writer(self) -> LimitWriter:
        """To make changes durable."""
        ...

    @property
    def reader(self) -> LimitReader:
        """To read rows."""
        ...


class LimitService:
    """All limits of all channels. `await restore()` before anybody asks; fits charging's port `Caps`."""

    def __init__(self, clock: Clock, store: LimitStore, feeders: FeederTree, bus: EventBus) -> None:
        self._clock, self._store, self._feeders, self._bus = clock, store, feeders, bus
        self._book = LimitBook()
        self._turn = asyncio.Lock()

    async def restore(self) -> None:
        """Load what was acknowledged; the store wins over anything remembered elsewhere. Raises StoreUnavailable."""
        self._book = LimitBook([limit_of(row) for row in await self._store.reader.limits()])

    async def submit(self, raw: bytes, source: str, feeder_id: str, limit_id: str) -> Decision:
        """Decide on a statement; durable when this returns. Raises StoreUnavailable: then it is not acknowledged."""
        async with self._turn:
            now = self._clock.now()
            decision = decide(raw, source, feeder_id, limit_id, self._book.get, self._feeders, now)
            return await self._settle(decision, raw, source, feeder_id, limit_id, now)

    async def cancel(self, source: str, feeder_id: str, limit_id: str) -> Decision:
        """Cancel a limit: the next lowest source counts again. Raises StoreUnavailable."""
        async with self._turn:
            now = self._clock.now()
            decision = decide_cancel(source, feeder_id, limit_id, self._book.get, self._feeders, now)
            return await self._settle(decision, b"", source, feeder_id, limit_id, now)

    async def _settle(
        self, decision: Decision, raw: bytes, source: str, feeder_id: str, limit_id: str, now: datetime
    ) -> Decision:
        new = decision.limit if decision.accepted and not decision.repeated else None
        written = [changes.add_limit_decision(_decision_row(decision, raw, source, feeder_id, limit_id, now))]
        if new is not None:
            written.insert(0, changes.put_limit(row_of(new)))
        await self._store.writer.commit(written)
        if new is not None:
            self._book.put(new)
            self._bus.publish(LimitChanged(new.feeder_id, now))
        log.info("limit_decided", extra={"feeder": feeder_id[:64], "source": source, "code": decision.code or "ok"})
        return decision

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        """The lowest limit in force, None when nobody limits the feeder."""
        return self._book.cap_w(feeder_id, at)

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        """When the cap may change, in (since, until]."""
        return self._book.edges(feeder_id, since, until)

    def known(self, feeder_id: str) -> list[Limit]:
        """Limits in force or to come, by their beginning."""
        return self._book.known(feeder_id, self._clock.now())

    @property
    def feeders(self) -> FeederTree:
        """The supply tree."""
        return self._feeders

    def now(self) -> datetime:
        """The time limits are judged by."""
        return self._clock.now()


def row_of(limit: Limit) -> LimitRow:
    """A limit for the store."""
    return LimitRow(
        source=limit.source,
        feeder_id=limit.feeder_id,
        limit_id=limit.limit_id,
        version=limit.version,
        power_w=limit.power_w,
        valid_from=limit.valid_from,
        valid_to=limit.valid_to,
        issued_at=limit.issued_at,
        received_at=limit.received_at,
        cancelled=limit.cancelled,
        reason=limit.reason,
    )


def limit_of(row: LimitRow) -> Limit:
    """A limit from the store."""
    return Limit(
        source=row.source,
        feeder_id=row.feeder_id,
        limit_id=row.limit_id,
        version=row.version,
        power_w=row.power_w,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        issued_at=row.issued_at,
        received_at=row.received_at,
        cancelled=row.cancelled,
        reason=row.reason,
    )


def _decision_row(
    decision: Decision, raw: bytes, source: str, feeder_id: str, limit_id: str, now: datetime
) -> LimitDecision:
    return LimitDecision(
        received_at=now,
        source=source,
        feeder_id=_plain(feeder_id)[:64],
        limit_id=_plain(limit_id)[:64],
        raw_sha256=hashlib.sha256(raw).hexdigest(),
        raw=_plain(raw.decode("utf-8", "backslashreplace"))[:RAW_KEPT_CHARACTERS],
        accepted=decision.accepted,
        code=decision.code,
    )


def _plain(text: str) -> str:
    """Text that every database takes: no NUL, no half surrogate."""
    return text.replace("\x00", "\\x00").encode("utf-8", "backslashreplace").decode("utf-8")
