"""What the intake keeps, in a SQLite file of its own (WAL, synchronous=FULL): answered only after it is durable.

One transaction holds the log row of a call and the business row it changes. Idempotency is decided in that transaction,
so two equal orders that arrive together are accepted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass, field
from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, event, func, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.province.profile import Kind
from csms.province.token import Token
from monitor.store.evidence import EvidenceStore, append
from monitor.store.quality import QualityStore
from monitor.store.tables import (
    Intake,
    IntakeCheck,
    IntakeMessage,
    IntakeOrder,
    IntakeSession,
    IntakeStation,
    IntakeStatus,
    IntakeToken,
)

FILE_NAME = "intake.db"
IDS_AT_ONCE = 500
"""Ids in one query; SQLite takes 999 values."""


class Standing(StrEnum):
    """What a business id was to the store."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Call:
    """The log row of one call."""

    received_at: datetime
    interface: str
    http_status: int
    ret: int | None
    operator_id: str = ""
    business_id: str = ""
    reason: str = ""
    defects: tuple[str, ...] = ()
    size_bytes: int = 0
    latency_us: int = 0
    pulled: bool = False
    replay_key: str = ""
    stamped_at: datetime | None = None
    duplicate: bool = False
    review: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was found right: canonical fields and the digest of what must not change."""

    kind: Kind
    fields: Mapping[str, Any]
    digest: str
    record: bytes = b""
    """What goes into the evidence log."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What a reconciliation found."""


class IntakeStore:
    """Reads and writes the intake tables; `open_intake` makes one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._one_writer = asyncio.Lock()
        self.evidence = EvidenceStore(engine, self._one_writer)
        self.quality = QualityStore(engine, self._one_writer)

    async def close(self) -> None:
        """Close the file."""
        await self._engine.dispose()

    async def log(self, call: Call) -> None:
        """Keep a call that changed nothing."""
        async with self._writing() as session:
            session.add(_row(call))

    async def accept(self, calls: Mapping[Standing, Call], message: Message) -> Standing:
        """Store a message and log the call that fits its standing; durable when this returns."""
        call = calls[Standing.NEW]
        async with self._writing() as session:
            standing = await _WRITERS.get(message.kind, _kept)(session, call, message)
            if standing is Standing.NEW:
                await append(
                    session, call.operator_id, message.kind, call.business_id, call.received_at, message.record
                )
            session.add(_row(calls[standing]))
        return standing

    async def tokens(self) -> dict[str, Token]:
        """Issued tokens by operator."""
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(select(IntakeToken))).all()
        return {row.operator_id: Token(row.token, row.issued_at, row.expires_at) for row in rows}

    async def put_token(self, operator_id: str, token: Token) -> None:
        """Keep an operator's token in place of the old one."""
        row = IntakeToken(
            operator_id=operator_id, token=token.text, issued_at=token.issued_at, expires_at=token.expires_at
        )
        async with self._writing() as session:
            await session.merge(row)

    async def forget_tokens(self) -> None:
        """Every operator has to ask for a token again."""
        async with self._writing() as session:
            await session.exec(delete(IntakeToken))

    async def replay_keys(self, since: datetime) -> list[tuple[str, datetime]]:
        """Keys of the envelopes stamped since a moment, so that a restart lets no replay in."""
        stamped_at = col(IntakeMessage.stamped_at)
        query = select(IntakeMessage.replay_key, IntakeMessage.stamped_at).where(stamped_at >= since)
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(query)).all()
        return [(key, stamped) for key, stamped in rows if key and stamped is not None]

    async def orders(self, operator_id: str, ids: Sequence[str]) -> dict[str, tuple[Decimal, Decimal]]:
        """Energy in kWh and money in yuan of the accepted orders among these."""
        found: dict[str, tuple[Decimal, Decimal]] = {}
        async with AsyncSession(self._engine) as session:
            for start in range(0, len(ids), IDS_AT_ONCE):
                query = select(IntakeOrder.business_id, IntakeOrder.energy_kwh, IntakeOrder.money_yuan).where(
                    IntakeOrder.operator_id == operator_id,
                    col(IntakeOrder.business_id).in_(ids[start : start + IDS_AT_ONCE]),
                )
                for order_id, energy, money in (await session.exec(query)).all():
                    found[order_id] = (Decimal(str(energy)), Decimal(str(money)))
        return found

    async def orders_ended(self, operator_id: str, first: str, last: str) -> list[str]:
        """Accepted orders that ended between these local times (as on the wire, both included)."""
        ended = col(IntakeOrder.content)["EndTime"].as_string()
        query = select(IntakeOrder.business_id).where(
            IntakeOrder.operator_id == operator_id, ended >= first, ended <= last
        )
        async with AsyncSession(self._engine) as session:
            return sorted((await session.exec(query.order_by(IntakeOrder.business_id))).all())

    async def summary(self) -> dict[str, Any]:
        """Counts for a report: calls by interface and answer, orders with their sums, things known."""
        message = IntakeMessage
        by_answer = select(message.interface, message.ret, func.count()).group_by(message.interface, col(message.ret))
        sums = select(func.count(), func.sum(IntakeOrder.energy_kwh), func.sum(IntakeOrder.money_yuan))
        async with AsyncSession(self._engine) as session:
            answers = (await session.exec(by_answer)).all()
            orders, energy_kwh, money_yuan = (await session.exec(sums)).one()
            counts = {
                name: (await session.exec(select(func.count()).select_from(table))).one()
                for name, table in _COUNTED.items()
            }
            duplicates = (await session.exec(_flagged(col(message.duplicate)))).one()
            reviews = (await session.exec(_flagged(col(message.review)))).one()
        return {
            **_by_interface([(interface, ret, count) for interface, ret, count in answers]),
            "orders": orders,
            "distinct_order_ids": orders,
            "order_energy_kwh": round(energy_kwh or 0.0, 2),
            "order_money_yuan": round(money_yuan or 0.0, 2),
            **counts,
            "duplicates": duplicates,
            "for_review": reviews,
        }

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncSession]:
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            yield session


_COUNTED: dict[str, Any] = {
    "stations": IntakeStation,
    "connectors": IntakeStatus,
    "sessions_seen": IntakeSession,
}


def _flagged(column: Any) -> Any:
    return select(func.count()).select_from(IntakeMessage).where(column.is_(True))


def _by_interface(rows: list[tuple[str, int | None, int]]) -> dict[str, Any]:
    received: dict[str, int] = {}
    answers: dict[str, dict[str, int]] = {}
    for interface, ret, count in rows:
        received[interface] = received.get(interface, 0) + count
        answers.setdefault(interface, {})["unsigned" if ret is None else str(ret)] = count
    return {"received": received, "answers": answers}


def _row(call: Call) -> IntakeMessage:
    values = asdict(call)
    return IntakeMessage(**{**values, "defects": list(call.defects), "body": dict(call.body)})


async def _order(session: AsyncSession, call: Call, message: Message) -> Standing:
    known = await session.get(IntakeOrder, (call.operator_id, call.business_id))
    if known is not None:
        return Standing.DUPLICATE if known.content_sha256 == message.digest else Standing.CONFLICT
    fields = message.fields
    session.add(
        IntakeOrder(
            operator_id=call.operator_id,
            business_id=call.business_id,
            content_sha256=message.digest,
            received_at=call.received_at,
            energy_kwh=float(fields.get("TotalPower", fields.get("TotalElect", 0.0))),
            money_yuan=float(fields.get("TotalMoney", 0.0)),
            content=dict(fields),
        )
    )
    return Standing.NEW


async def _status(session: AsyncSession, call: Call, message: Message) -> Standing:
    key, status = (call.operator_id, call.business_id), int(message.fields["Status"])
    known = await session.get(IntakeStatus, key)
    if known is None:
        session.add(IntakeStatus(operator_id=key[0], business_id=key[1], status=status, received_at=call.received_at))
    else:
        known.changes += known.status != status
        known.status, known.received_at = status, call.received_at
    return Standing.NEW


async def _snapshot(session: AsyncSession, call: Call, message: Message) -> Standing:
    key, content = (call.operator_id, call.business_id), dict(message.fields)
    known = await session.get(IntakeSession, key)
    if known is None:
        session.add(
            IntakeSession(operator_id=key[0], business_id=key[1], received_at=call.received_at, content=content)
        )
    else:
        known.snapshots += 1
        known.received_at, known.content = call.received_at, content
    return Standing.NEW


async def _station(session: AsyncSession, call: Call, message: Message) -> Standing:
    await session.merge(
        IntakeStation(
            operator_id=call.operator_id,
            business_id=call.business_id,
            received_at=call.received_at,
            content=dict(message.fields),
        )
    )
    return Standing.NEW


async def _check(session: AsyncSession, call: Call, message: Message) -> Standing:
    """A reconciliation that is asked again is answered again; its newest result counts."""
    known = await session.get(IntakeCheck, (call.operator_id, call.business_id))
    result = message.result
    row = IntakeCheck(
        operator_id=call.operator_id,
        business_id=call.business_id,
        content_sha256=message.digest,
        received_at=call.received_at,
        listed=result["listed"],
        disputes=result["disputes"],
        unlisted=result["unlisted"],
    )
    await session.merge(row)
    return Standing.DUPLICATE if known is not None and known.content_sha256 == message.digest else Standing.NEW


async def _kept(_session: AsyncSession, _call: Call, _message: Message) -> Standing:
    """Kept in the evidence log only."""
    return Standing.NEW


_WRITERS: Mapping[Kind, Callable[[AsyncSession, Call, Message], Awaitable[Standing]]] = {
    Kind.CHECK_ORDERS: _check,
    Kind.CHARGE_ORDER: _order,
    Kind.STATION_STATUS: _status,
    Kind.CHARGE_STATUS: _snapshot,
    Kind.STATION_INFO: _station,
}


def _durable(connection: Any, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute("PRAGMA busy_timeout=5000")
    cursor.close()


def _url(folder: Path) -> str:
    folder.mkdir(parents=True, exist_ok=True)
    return f"sqlite+aiosqlite:///{folder / FILE_NAME}"


def _add_columns(connection: Connection) -> None:
    """Give tables of an earlier version the columns that were added since; old rows take the default."""
    for table in Intake.metadata.sorted_tables:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind} NOT NULL DEFAULT 0"))


async def open_intake(folder: Path) -> IntakeStore:
    """Open (or make) the intake file in `folder`; raises OSError if the folder cannot be made."""
    engine = create_async_engine(_url(folder))
    event.listen(engine.sync_engine, "connect", _durable)
    async with engine.begin() as connection:
        await connection.run_sync(Intake.metadata.create_all)
        await connection.run_sync(_add_columns)
    return IntakeStore(engine)
