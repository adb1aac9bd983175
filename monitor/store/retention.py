"""What goes when its time is over, a slice in a transaction, so that operators wait no longer for an answer than else.

Rows of a time are deleted. Of accepted messages only the content goes: their hashes stay, for they prove the log. Of
orders the number, digest and sums stay, so that the same order is known again and reconciled. Each slice notes in its
own transaction before which moment things may be gone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, delete, func, literal_column, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from csms.province.profile import Kind
from monitor.store.group import GroupWriter
from monitor.store.messages import has_content, table_of, upsert
from monitor.store.tables import (
    EvidenceRecord,
    IntakeCheck,
    IntakeMessage,
    IntakeOrder,
    IntakeSession,
    QualityAlarm,
    QualityDay,
    QualityHour,
    RetentionMark,
)

ALL = ""
"""In place of an OperatorID: of every operator."""
STATUSES = frozenset((Kind.STATION_STATUS, Kind.CHARGE_STATUS, Kind.POWER))
STATES = frozenset((Kind.STATION_STATUS, Kind.STATION_INFO))
"""Of these the newest counts until a newer one came, however old it is."""
ROWS: Mapping[str, Any] = {
    "calls": table_of(IntakeMessage).c.received_at,
    "checks": table_of(IntakeCheck).c.received_at,
    "sessions": table_of(IntakeSession).c.received_at,
    "hours": table_of(QualityHour).c.hour,
    "alarms": table_of(QualityAlarm).c.over_at,
    "days": table_of(QualityDay).c.judged_at,
}
"""Rows that are deleted, by the time that they are as old as."""
_RECORD, _ORDER, _MARK = table_of(EvidenceRecord), table_of(IntakeOrder), table_of(RetentionMark)
_PUT_MARK = upsert(RetentionMark, ("number", "reached_at", "gone_before"))


@dataclass(frozen=True, slots=True)
class Mark:
    """How far retention has come with a kind of data of an operator."""

    operator_id: str
    kind: str
    gone_before: datetime


class RetentionStore:
    """Shares engine and writer of the intake. Each method does one slice of at most `count` rows and gives how many it
    looked at; fewer than `count`: there is no more to do."""

    def __init__(self, engine: AsyncEngine, writer: GroupWriter) -> None:
        self._engine = engine
        self._writer = writer

    async def marks(self) -> list[Mark]:
        """What may be gone."""
        query = select(_MARK.c.operator_id, _MARK.c.kind, _MARK.c.gone_before).order_by(_MARK.c.kind)
        async with self._engine.connect() as connection:
            return [Mark(*row) for row in await connection.execute(query)]

    async def rows(self, kind: str, before: datetime, count: int) -> int:
        """Delete the oldest rows of a kind (of `ROWS`)."""
        return await self._writer.write(lambda connection: _delete(connection, kind, before, count))

    async def orders(self, operator_id: str, before: datetime, count: int) -> int:
        """Take the content of an operator's oldest accepted orders."""
        return await self._writer.write(lambda connection: _empty_orders(connection, operator_id, before, count))

    async def messages(self, operator_id: str, *, statuses: bool, before: datetime, count: int) -> int:
        """Take the content of an operator's oldest accepted messages, either of statuses, snapshots and power or of all
        others."""
        return await self._writer.write(lambda c: _empty_messages(c, operator_id, statuses, before, count))


def _delete(connection: Connection, kind: str, before: datetime, count: int) -> int:
    column: ColumnElement[Any] = ROWS[kind]
    row, table = literal_column("rowid", Integer), ROWS[kind].table
    oldest = select(row).select_from(table).where(column < before).order_by(column).limit(count)
    done = connection.execute(delete(table).where(row.in_(oldest.scalar_subquery()))).rowcount
    if done:
        _note(connection, ALL, kind, before)
    return done


def _empty_orders(connection: Connection, operator_id: str, before: datetime, count: int) -> int:
    """From where the last slice ended, so that what is empty is not looked at again and again."""
    reached_at = _known(connection, operator_id, "orders").reached_at
    query = (
        select(_ORDER.c.business_id, _ORDER.c.received_at)
        .where(_ORDER.c.operator_id == operator_id, _ORDER.c.received_at < before, has_content(_ORDER.c.content))
        .order_by(_ORDER.c.received_at)
        .limit(count)
    )
    rows = connection.execute(query.where(_ORDER.c.received_at >= reached_at) if reached_at else query).all()
    if rows:
        ids = [row.business_id for row in rows]
        mine = update(_ORDER).where(_ORDER.c.operator_id == operator_id, _ORDER.c.business_id.in_(ids))
        connection.execute(mine.values(content={}))
        _note(connection, operator_id, "orders", before, reached_at=rows[-1].received_at)
    return len(rows)


def _empty_messages(connection: Connection, operator_id: str, statuses: bool, before: datetime, count: int) -> int:
    """One pass along the log. A state does not go itself: the one before it of the same thing does, for this one is now
    the last of before."""
    name = "statuses" if statuses else "messages"
    query = (
        select(_RECORD.c.number, _RECORD.c.kind, _RECORD.c.business_id, _RECORD.c.received_at)
        .where(_RECORD.c.operator_id == operator_id, _RECORD.c.number >= _known(connection, operator_id, name).number)
        .order_by(_RECORD.c.number)
        .limit(count)
    )
    rows = list(takewhile(lambda row: row.received_at < before, connection.execute(query)))
    mine = [row for row in rows if (row.kind in STATUSES) is statuses]
    found = [_record_before(connection, operator_id, row) if row.kind in STATES else row.number for row in mine]
    if gone := [number for number in found if number is not None]:
        old = update(_RECORD).where(_RECORD.c.operator_id == operator_id, _RECORD.c.number.in_(gone))
        connection.execute(old.values(record=b""))
    if rows:
        _note(connection, operator_id, name, before, number=rows[-1].number + 1)
    return len(rows)


def _record_before(connection: Connection, operator_id: str, row: Any) -> int | None:
    """The record before this one about the same thing."""
    query = select(func.max(_RECORD.c.number)).where(
        _RECORD.c.operator_id == operator_id,
        _RECORD.c.kind == row.kind,
        _RECORD.c.business_id == row.business_id,
        _RECORD.c.number < row.number,
    )
    found: int | None = connection.execute(query).scalar_one()
    return found


@dataclass(frozen=True, slots=True)
class _Reached:
    number: int = 0
    reached_at: datetime | None = None
    gone_before: datetime | None = None


def _known(connection: Connection, operator_id: str, kind: str) -> _Reached:
    query = select(_MARK.c.number, _MARK.c.reached_at, _MARK.c.gone_before)
    row = connection.execute(query.where(_MARK.c.operator_id == operator_id, _MARK.c.kind == kind)).first()
    return _Reached(*row) if row is not None else _Reached()


def _note(connection: Connection, operator_id: str, kind: str, before: datetime, **reached: Any) -> None:
    known = _known(connection, operator_id, kind)
    gone_before = max(before, known.gone_before or before)
    row = {"number": known.number, "reached_at": known.reached_at} | reached
    connection.execute(_PUT_MARK, row | {"operator_id": operator_id, "kind": kind, "gone_before": gone_before})
