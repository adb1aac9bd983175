"""The outbox in memory: the twin of the SQL one, for tests and for a try without a database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from csms.province.ports import (
    ACKED,
    DEAD,
    OPEN_STATES,
    QUEUED,
    RETRY,
    SENT,
    STATES,
    TRIED_STATES,
    Key,
    NewEntry,
    OutboxEntry,
)


class MemoryOutbox:
    """`OutboxStore` on a dictionary. `restarted()` shows what a new process would find."""

    def __init__(self, rows: dict[int, OutboxEntry] | None = None) -> None:
        self.rows: dict[int, OutboxEntry] = rows if rows is not None else {}
        self._last_id = max(self.rows, default=0)

    def restarted(self) -> MemoryOutbox:
        """A new outbox on the same rows."""
        return MemoryOutbox(self.rows)

    async def add(self, entries: Sequence[NewEntry]) -> None:
        """See `OutboxStore.add`."""
        for entry in entries:
            if entry.collapse:
                self._drop_open((entry.partner, entry.interface, entry.business_key))
            self._last_id += 1
            self.rows[self._last_id] = _stored(self._last_id, entry)

    async def due(self, partner: str, interfaces: Sequence[str], now: datetime, limit: int) -> list[OutboxEntry]:
        """See `OutboxStore.due`."""
        rows = [row for row in self._open(partner) if row.next_at <= now]
        groups = ([row for row in rows if row.interface == name] for name in interfaces)
        found = next(filter(None, groups), [])
        return sorted(found, key=lambda row: (row.state == QUEUED, row.next_at, row.id))[:limit]

    async def longest_due(self, partner: str, now: datetime) -> OutboxEntry | None:
        """See `OutboxStore.longest_due`."""
        due = [row for row in self._open(partner) if row.next_at <= now]
        return min(due, key=lambda row: (row.next_at, row.id), default=None)

    async def next_due_at(self, partner: str) -> datetime | None:
        """See `OutboxStore.next_due_at`."""
        return min((row.next_at for row in self._open(partner)), default=None)

    async def next_due_after(self, partner: str, now: datetime) -> datetime | None:
        """See `OutboxStore.next_due_after`."""
        tried = (row.next_at for row in self._open(partner) if row.state in TRIED_STATES)
        return min((at for at in tried if at > now), default=None)

    async def mark_sent(self, entry_id: int, next_at: datetime) -> None:
        """See `OutboxStore.mark_sent`."""
        if row := self.rows.get(entry_id):
            self.rows[entry_id] = replace(row, state=SENT, attempts=row.attempts + 1, next_at=next_at)

    async def mark_acked(
        self, entry_id: int, at: datetime, code: int, note: str = "", drops: Sequence[Key] = ()
    ) -> None:
        """See `OutboxStore.mark_acked`."""
        for key in drops:
            self._drop_open(key)
        if row := self.rows.get(entry_id):
            self.rows[entry_id] = replace(row, state=ACKED, acked_at=at, last_code=code, last_error=note)

    async def mark_retry(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """See `OutboxStore.mark_retry`."""
        if row := self.rows.get(entry_id):
            self.rows[entry_id] = replace(row, state=RETRY, next_at=next_at, last_code=code, last_error=error)

    async def mark_unheard(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """See `OutboxStore.mark_unheard`."""
        await self.mark_retry(entry_id, next_at, code, error)
        if row := self.rows.get(entry_id):
            self.rows[entry_id] = replace(row, attempts=row.attempts - 1)

    async def mark_dead(self, entry_id: int, code: int | None, error: str) -> None:
        """See `OutboxStore.mark_dead`."""
        if row := self.rows.get(entry_id):
            self.rows[entry_id] = replace(row, state=DEAD, last_code=code, last_error=error)

    async def recover(self, partner: str, now: datetime) -> int:
        """See `OutboxStore.recover`."""
        lost = [row for row in self._open(partner) if row.state == SENT]
        for row in lost:
            self.rows[row.id] = replace(row, state=RETRY, next_at=now)
        return len(lost)

    async def renew(self, partner: str, made: Mapping[int, NewEntry], now: datetime) -> None:
        """See `OutboxStore.renew`."""
        for entry_id, entry in made.items():
            row = self.rows.get(entry_id)
            if row is not None and row.partner == partner and row.state == DEAD:
                fresh = replace(_stored(entry_id, entry), created_at=row.created_at, next_at=now)
                self.rows[entry_id] = fresh

    async def newest(self, partner: str, interface: str, keys: Sequence[str]) -> dict[str, OutboxEntry]:
        """See `OutboxStore.newest`."""
        wanted, rows = set(keys), [row for _, row in sorted(self.rows.items())]
        mine = [row for row in rows if (row.partner, row.interface) == (partner, interface)]
        return {row.business_key: row for row in mine if row.business_key in wanted}

    async def listed(
        self, partner: str, states: Sequence[str], limit: int, after: int = 0, ids: Sequence[int] | None = None
    ) -> list[OutboxEntry]:
        """See `OutboxStore.listed`."""
        rows = [row for _, row in sorted(self.rows.items()) if row.partner == partner and row.state in states]
        return [row for row in rows if row.id > after and (ids is None or row.id in ids)][:limit]

    async def revive(self, partner: str, ids: Sequence[int], now: datetime) -> int:
        """See `OutboxStore.revive`."""
        rows = [self.rows[one] for one in ids if one in self.rows]
        found = [row for row in rows if row.partner == partner and row.state in (DEAD, ACKED)]
        for row in found:
            self.rows[row.id] = replace(row, state=QUEUED, next_at=now, attempts=0)
        return len(found)

    async def knows(self, partner: str, interface: str, business_key: str) -> bool:
        """See `OutboxStore.knows`."""
        key = (partner, interface, business_key)
        return any((row.partner, row.interface, row.business_key) == key for row in self.rows.values())

    async def counts(self, partner: str | None = None) -> dict[str, int]:
        """See `OutboxStore.counts`."""
        rows = [row for row in self.rows.values() if partner in (None, row.partner)]
        return {state: sum(row.state == state for row in rows) for state in STATES}

    def _drop_open(self, key: Key) -> None:
        for row in self._open(key[0]):
            if (row.interface, row.business_key) == key[1:]:
                del self.rows[row.id]

    def _open(self, partner: str) -> list[OutboxEntry]:
        return [row for _, row in sorted(self.rows.items()) if row.partner == partner and row.state in OPEN_STATES]


def _stored(entry_id: int, entry: NewEntry) -> OutboxEntry:
    return OutboxEntry(
        id=entry_id,
        partner=entry.partner,
        interface=entry.interface,
        business_key=entry.business_key,
        payload=dict(entry.payload),
        state=entry.state,
        attempts=0,
        created_at=entry.created_at,
        next_at=entry.created_at,
        last_code=entry.last_code,
        last_error=entry.last_error,
    )
