"""The durable outbox: messages for partner platforms, written in the same transaction as what they report.

Fills the port `OutboxStore` of the province room by its shape; that room's record of an entry is handed in.
States: queued -> sent -> acked | retry | dead; retry -> sent; dead -> queued by `renew` and `revive` only.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import (
    ColumnElement,
    Select,
    Table,
    bindparam,
    case,
    delete,
    exists,
    func,
    literal,
    literal_column,
    or_,
    update,
)
from sqlalchemy import select as sql_select
from sqlmodel import col, select

from csms.store.change import Change, RowChange, Statement, plain_insert, update_where
from csms.store.changes import row_of, table_of
from csms.store.engine import Store
from csms.store.tables import OutboxRow

KEYS_AT_ONCE = 500
OPEN_STATES = ("queued", "sent", "retry")
STATES = (*OPEN_STATES, "acked", "dead")

Entry = TypeVar("Entry", covariant=True)


class NewOutboxEntry(Protocol):
    """A message to be delivered, as the province room describes it."""

    @property
    def partner(self) -> str:
        """To whom."""
        ...

    @property
    def interface(self) -> str:
        """Kind of message."""
        ...

    @property
    def business_key(self) -> str:
        """What it is about."""
        ...

    @property
    def payload(self) -> Mapping[str, Any]:
        """The message as JSON."""
        ...

    @property
    def created_at(self) -> datetime:
        """When it arose; due from then on."""
        ...

    @property
    def collapse(self) -> bool:
        """Whether it replaces the open entries of the same partner, interface and key."""
        ...

    @property
    def state(self) -> str:
        """queued, or dead when it is only kept for correction."""
        ...

    @property
    def last_code(self) -> int | None:
        """Why it was born dead."""
        ...

    @property
    def last_error(self) -> str:
        """Why it was born dead, in words."""
        ...


_TABLE: Table = table_of(OutboxRow)
_OPEN = _TABLE.c.state.in_([literal_column(f"'{state}'") for state in OPEN_STATES])
_NEW = _TABLE.c.state == literal_column("'queued'")
_TRIED = _TABLE.c.state.in_([literal_column("'sent'"), literal_column("'retry'")])
"""In the words of the partial indexes."""
_KEY = ("partner", "interface", "business_key")
_SAME_KEY = [_TABLE.c[name] == bindparam("key_" + name) for name in _KEY]
_COPIED = (*_KEY, "created_at", "state", "last_code", "last_error")

_ADD = plain_insert(_TABLE)
_DROP_OPEN = Statement(lambda dialect: delete(_TABLE).where(_OPEN, *_SAME_KEY))
_SENT = Statement(
    lambda dialect: (
        update(_TABLE)
        .where(_TABLE.c.id == bindparam("key_id"))
        .values(state="sent", attempts=_TABLE.c.attempts + 1, next_at=bindparam("due_at"))
    )
)
_ACKED = update_where(_TABLE, ["id"])
_RETRY = update_where(_TABLE, ["id"])
_UNHEARD = Statement(
    lambda dialect: update(_TABLE).where(_TABLE.c.id == bindparam("key_id")).values(attempts=_TABLE.c.attempts - 1)
)
_DEAD = update_where(_TABLE, ["id"])
_AGAIN = update_where(_TABLE, ["id"])
_TURN = Statement(
    lambda dialect: update(_TABLE).where(
        _TABLE.c.partner == bindparam("key_partner"), _TABLE.c.state == bindparam("key_state")
    )
)
_RENEW = update_where(_TABLE, ["id", "partner", "state"])


def add_entries(entries: Iterable[NewOutboxEntry]) -> list[Change]:
    """Store messages, due at once; commit the result together with the business change that they report."""
    changes: list[Change] = []
    for entry in entries:
        if entry.collapse:
            changes.append(drop_entries(entry.partner, entry.interface, entry.business_key))
        row = {name: getattr(entry, name) for name in _COPIED}
        row |= {"payload": dict(entry.payload), "attempts": 0, "next_at": entry.created_at}
        changes.append(RowChange(_ADD, [row]))
    return changes


def drop_entries(partner: str, interface: str, business_key: str) -> Change:
    """Remove the open messages of a key."""
    return RowChange(
        _DROP_OPEN, [{"key_partner": partner, "key_interface": interface, "key_business_key": business_key}]
    )


def first_due_query(partner: str, interfaces: Sequence[str], now: datetime) -> Select[Any]:
    """The first of these interfaces that has something due."""
    mine = [_TABLE.c.partner == partner, _TABLE.c.next_at <= now]
    any_due = (
        or_(*(exists().where(group, *mine, _TABLE.c.interface == name) for group in (_TRIED, _NEW)))
        for name in interfaces
    )
    return sql_select(case(*zip(any_due, map(literal, interfaces), strict=True)))


def due_queries(partner: str, interface: str, now: datetime, limit: int) -> tuple[Select[Any], Select[Any]]:
    """What is due of an interface: what was tried before, and what is new."""
    mine = [_TABLE.c.partner == partner, _TABLE.c.interface == interface, _TABLE.c.next_at <= now]
    ordered = sql_select(_TABLE).where(*mine).order_by(_TABLE.c.next_at, _TABLE.c.id).limit(limit)
    return ordered.where(_TRIED), ordered.where(_NEW)


def next_due_query(partner: str, group: ColumnElement[bool], after: datetime | None = None) -> Select[Any]:
    """The earliest `next_at` of a group of open entries, after a moment."""
    later = [] if after is None else [_TABLE.c.next_at > after]
    return sql_select(func.min(_TABLE.c.next_at)).where(group, _TABLE.c.partner == partner, *later)


class SqlOutbox(Generic[Entry]):
    """The outbox in the database. `entry` makes the caller's record from the columns of a row.

    Every method returns after its change is durable and raises StoreUnavailable. A mark on an id that is gone does
    nothing. Numbers of changed entries are counted just before the change.
    """

    def __init__(self, store: Store, entry: Callable[..., Entry]) -> None:
        self._writer = store.writer
        self._reader = store.reader
        self._entry = entry

    async def add(self, entries: Sequence[NewOutboxEntry]) -> None:
        """Store all entries in one transaction, due at once; `collapse` replaces open ones of the same key."""
        await self._writer.commit(add_entries(entries))

    async def due(self, partner: str, interfaces: Sequence[str], now: datetime, limit: int) -> list[Entry]:
        """Open entries with `next_at` <= now of the first of these interfaces that has any, at most `limit`: those that
        were tried before, then the new ones, each by `next_at` and id."""
        if not interfaces:
            return []
        async with self._reader.connection() as connection:
            first = await connection.scalar(first_due_query(partner, interfaces, now))
            if first is None:
                return []
            tried, new = due_queries(partner, first, now, limit)
            rows = list((await connection.execute(tried)).mappings())
            if len(rows) < limit:
                rows += (await connection.execute(new)).mappings()
        return [self._entry(**row) for row in rows[:limit]]

    async def longest_due(self, partner: str, now: datetime) -> Entry | None:
        """The open entry of any interface that has been due for the longest time; None when none is due."""
        due = [_OPEN, _TABLE.c.partner == partner, _TABLE.c.next_at <= now]
        query = sql_select(_TABLE).where(*due).order_by(_TABLE.c.next_at, _TABLE.c.id).limit(1)
        async with self._reader.connection() as connection:
            row = (await connection.execute(query)).mappings().first()
        return None if row is None else self._entry(**row)

    async def next_due_at(self, partner: str) -> datetime | None:
        """The earliest `next_at` of the open entries of a partner, None without any."""
        moments = [await self._earliest(next_due_query(partner, group)) for group in (_TRIED, _NEW)]
        return min((moment for moment in moments if moment is not None), default=None)

    async def next_due_after(self, partner: str, now: datetime) -> datetime | None:
        """The earliest `next_at` > now of the open entries of a partner that were tried before, None without any."""
        return await self._earliest(next_due_query(partner, _TRIED, now))

    async def _earliest(self, query: Select[Any]) -> datetime | None:
        async with self._reader.connection() as connection:
            found: datetime | None = await connection.scalar(query)
        return found

    async def mark_sent(self, entry_id: int, next_at: datetime) -> None:
        """Written ahead of an attempt: one attempt more, counts as lost at `next_at`."""
        await self._writer.commit([RowChange(_SENT, [{"key_id": entry_id, "due_at": next_at}])])

    async def mark_acked(
        self, entry_id: int, at: datetime, code: int, note: str = "", drops: Sequence[tuple[str, str, str]] = ()
    ) -> None:
        """The partner has taken it; open entries of the keys in `drops` became pointless with it."""
        row = {"key_id": entry_id, "state": "acked", "acked_at": at, "last_code": code, "last_error": note}
        await self._writer.commit([RowChange(_ACKED, [row]), *(drop_entries(*key) for key in drops)])

    async def mark_retry(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """The attempt failed; the next one is due at `next_at`."""
        await self._mark(_RETRY, entry_id, state="retry", next_at=next_at, last_code=code, last_error=error)

    async def mark_unheard(self, entry_id: int, next_at: datetime, code: int | None, error: str) -> None:
        """Nobody was there: as `mark_retry`, and the attempt does not count."""
        await self._mark(_UNHEARD, entry_id, state="retry", next_at=next_at, last_code=code, last_error=error)

    async def mark_dead(self, entry_id: int, code: int | None, error: str) -> None:
        """No attempt can succeed without a correction; the entry is kept."""
        await self._mark(_DEAD, entry_id, state="dead", last_code=code, last_error=error)

    async def recover(self, partner: str, now: datetime) -> int:
        """After a restart: every `sent` entry becomes `retry`, due now. Returns how many."""
        found = (await self.counts(partner))["sent"]
        row = {"key_partner": partner, "key_state": "sent", "state": "retry", "next_at": now}
        await self._writer.commit([RowChange(_TURN, [row])])
        return found

    async def renew(self, partner: str, made: Mapping[int, NewOutboxEntry], now: datetime) -> None:
        """These entries, if they are `dead`, get content, state and error of new ones, due now, with 0 attempts."""
        rows = [
            {name: getattr(entry, name) for name in ("state", "last_code", "last_error")}
            | {"key_id": one, "key_partner": partner, "key_state": "dead"}
            | {"payload": dict(entry.payload), "next_at": now, "attempts": 0}
            for one, entry in made.items()
        ]
        await self._writer.commit([RowChange(_RENEW, rows)] if rows else [])

    async def newest(self, partner: str, interface: str, keys: Sequence[str]) -> dict[str, Entry]:
        """By business key the newest entry in any state, for those of these keys that have one."""
        mine = [col(OutboxRow.partner) == partner, col(OutboxRow.interface) == interface]
        found: dict[str, Entry] = {}
        for place in range(0, len(keys), KEYS_AT_ONCE):
            some = col(OutboxRow.business_key).in_(keys[place : place + KEYS_AT_ONCE])
            rows = await self._reader.rows(select(OutboxRow).where(*mine, some).order_by(col(OutboxRow.id)))
            found |= {row.business_key: self._entry(**row_of(row)) for row in rows}
        return found

    async def listed(
        self, partner: str, states: Sequence[str], limit: int, after: int = 0, ids: Sequence[int] | None = None
    ) -> list[Entry]:
        """Entries in these states, of these `ids` if they are given, oldest id first from the one after `after`, at
        most `limit`."""
        query = select(OutboxRow).where(col(OutboxRow.partner) == partner, col(OutboxRow.state).in_(states))
        query = query.where(col(OutboxRow.id) > after).order_by(col(OutboxRow.id)).limit(limit)
        query = query if ids is None else query.where(col(OutboxRow.id).in_(ids))
        return [self._entry(**row_of(row)) for row in await self._reader.rows(query)]

    async def revive(self, partner: str, ids: Sequence[int], now: datetime) -> int:
        """These entries, `dead` or `acked`, become `queued`, due now, with 0 attempts. Returns how many."""
        mine = [col(OutboxRow.partner) == partner, col(OutboxRow.state).in_(("dead", "acked"))]
        query = select(col(OutboxRow.id)).where(*mine, col(OutboxRow.id).in_(ids))
        found = await self._reader.values(query)
        again = {"state": "queued", "next_at": now, "attempts": 0}
        await self._writer.commit([RowChange(_AGAIN, [{"key_id": one, **again} for one in found])] if found else [])
        return len(found)

    async def knows(self, partner: str, interface: str, business_key: str) -> bool:
        """Whether there is an entry of this key in any state."""
        key = {"partner": partner, "interface": interface, "business_key": business_key}
        same = [_TABLE.c[name] == value for name, value in key.items()]
        return bool(await self._reader.value(select(func.count()).select_from(OutboxRow).where(*same)))

    async def counts(self, partner: str | None = None) -> dict[str, int]:
        """Number of entries by state, every state named; of all partners for None."""
        query = select(OutboxRow.state, func.count()).group_by(OutboxRow.state)
        if partner is not None:
            query = query.where(col(OutboxRow.partner) == partner)
        async with self._reader.connection() as connection:
            found = {str(state): int(count) for state, count in await connection.execute(query)}
        return {state: found.get(state, 0) for state in STATES}

    async def _mark(self, statement: Statement, entry_id: int, **values: Any) -> None:
        await self._writer.commit([RowChange(statement, [{"key_id": entry_id, **values}])])
