"""What the intake keeps, in a SQLite file of its own (WAL, synchronous=FULL): answered only after it is durable.

One transaction holds the log row of a call and the business row it changes. Idempotency is decided in that transaction,
so two equal orders that arrive together are accepted once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, create_engine, event, func, tuple_
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.province.token import Token
from csms.security.files import private_files
from monitor.evidence.merkle import hash_named
from monitor.store.appender import Appender
from monitor.store.evidence import EvidenceStore
from monitor.store.faults import coded
from monitor.store.group import GroupWriter
from monitor.store.intake_upgrade import upgrade
from monitor.store.keys import KeyStore
from monitor.store.messages import Call, Message, Standing, has_content, log_call, table_of, upsert, write
from monitor.store.nodes import make_up
from monitor.store.quality import QualityStore
from monitor.store.retention import RetentionStore
from monitor.store.tables import (
    IntakeMessage,
    IntakeOrder,
    IntakePull,
    IntakeSession,
    IntakeStation,
    IntakeStatus,
    IntakeToken,
)

FILE_NAME = "intake.db"
SOON_MAX = 10_000
BUSY_MS = 5000
"""How long SQLite waits for another process."""
IDS_AT_ONCE = 500
"""Ids in one query; SQLite takes 999 values."""


class IntakeStore:
    """Reads and writes the intake tables; `open_intake` makes one."""

    def __init__(self, engine: AsyncEngine, writer: Engine, folder: Path, hash_name: str) -> None:
        self._engine = engine
        one_writer = asyncio.Lock()
        self._writer = GroupWriter(writer, one_writer)
        self._appender = Appender(hash_name)
        self.folder = folder
        self.keys = KeyStore(engine, one_writer)
        self.evidence = EvidenceStore(engine, one_writer)
        self.quality = QualityStore(engine, one_writer)
        self.retention = RetentionStore(engine, self._writer)

    async def close(self) -> None:
        """Close the file."""
        await self._writer.close()
        await self._engine.dispose()

    async def log(self, call: Call) -> None:
        """Keep a call that changed nothing."""
        await self._writer.write(lambda connection: log_call(connection, call))

    def log_soon(self, call: Call) -> bool:
        """Keep a call with what is written next, so that many refusals cost no write each; False when too many wait."""
        if self._writer.waiting >= SOON_MAX:
            return False
        self._writer.along(lambda connection: log_call(connection, call))
        return True

    async def flush(self) -> None:
        """Write down what waits."""
        await self._writer.flush()

    async def accept(self, calls: Mapping[Standing, Call], message: Message) -> Standing:
        """Store a message and log the call that fits its standing; durable when this returns.

        Messages that come while another one is written wait for it and are then written together: a flush for each
        would bound what all operators together can send.
        """
        return await self._writer.write(lambda connection: self._take_in(connection, calls, message))

    def _take_in(self, connection: Connection, calls: Mapping[Standing, Call], message: Message) -> Standing:
        call = calls[Standing.NEW]
        standing = write(connection, call, message)
        if standing is Standing.NEW:
            self._appender.append(
                connection, call.operator_id, message.kind, call.business_id, call.received_at, message.record
            )
        log_call(connection, calls[standing])
        return standing

    async def tokens(self) -> dict[str, Token]:
        """Issued tokens by operator."""
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(select(IntakeToken))).all()
        return {row.operator_id: Token(row.token, row.issued_at, row.expires_at) for row in rows}

    async def put_token(self, operator_id: str, token: Token) -> None:
        """Keep an operator's token in place of the old one."""
        row = {
            "operator_id": operator_id,
            "token": token.text,
            "issued_at": token.issued_at,
            "expires_at": token.expires_at,
        }
        await self._writer.write(lambda connection: connection.execute(_PUT_TOKEN, row))

    async def forget_tokens(self) -> None:
        """Every operator has to ask for a token again."""
        await self._writer.write(lambda connection: connection.execute(table_of(IntakeToken).delete()))

    async def replay_keys(self, since: datetime, came_since: datetime) -> list[tuple[str, datetime]]:
        """Keys of the envelopes stamped since a moment, so that a restart lets no replay in; none of them came before
        `came_since`, so that the log of years is not looked through."""
        query = select(IntakeMessage.replay_key, IntakeMessage.stamped_at).where(
            col(IntakeMessage.received_at) >= came_since, col(IntakeMessage.stamped_at) >= since
        )
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

    async def orders_ended(self, operator_id: str, first: str, last: str, most: int) -> list[str]:
        """Accepted orders that ended between these local times (as on the wire, both included), the first `most`."""
        query = orders_between(operator_id, first, last).limit(most)
        async with self._engine.connect() as connection:
            return sorted((await connection.scalars(query)).all())

    async def orders_since(
        self, since: datetime, after: tuple[str, str] = ("", ""), limit: int = 1000
    ) -> list[IntakeOrder]:
        """Orders that were accepted since a moment and have their content, by operator and number, behind the one
        named."""
        key = tuple_(col(IntakeOrder.operator_id), col(IntakeOrder.business_id))
        query = select(IntakeOrder).where(
            col(IntakeOrder.received_at) >= since, key > after, has_content(table_of(IntakeOrder).c.content)
        )
        async with AsyncSession(self._engine) as session:
            rows = await session.exec(query.order_by(IntakeOrder.operator_id, IntakeOrder.business_id).limit(limit))
            return list(rows.all())

    async def oldest_call(self) -> datetime | None:
        """When the first call came that is kept."""
        async with AsyncSession(self._engine) as session:
            found: datetime | None = (await session.exec(select(func.min(IntakeMessage.received_at)))).one()
            return found

    async def pulled(self, operator_id: str) -> dict[str, datetime | None]:
        """When an operator was asked last, by what for."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(IntakePull, operator_id)
        return {name: getattr(row, name, None) for name in ("full_at", "changed_at", "states_at")}

    async def note_pull(self, operator_id: str, **moments: datetime) -> None:
        """An operator answered what it was asked at these moments."""
        put, row = upsert(IntakePull, moments), {"operator_id": operator_id, **moments}
        await self._writer.write(lambda connection: connection.execute(put, row))

    async def states(self, operator_id: str) -> dict[str, int]:
        """Connector states as they were pushed last."""
        query = select(IntakeStatus.business_id, IntakeStatus.status).where(IntakeStatus.operator_id == operator_id)
        async with AsyncSession(self._engine) as session:
            return dict((await session.exec(query)).all())

    async def stations(self, operator_id: str) -> list[str]:
        """Stations that are known."""
        query = select(IntakeStation.business_id).where(IntakeStation.operator_id == operator_id)
        async with AsyncSession(self._engine) as session:
            return sorted((await session.exec(query)).all())

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


def orders_between(operator_id: str, first: str, last: str) -> Select[Any]:
    """The numbers of an operator's accepted orders that ended between these local times."""
    order = table_of(IntakeOrder).c
    mine = order.operator_id == operator_id
    span = order.ended_local >= first, order.ended_local <= last
    return sql_select(order.business_id).where(mine, *span).order_by(order.ended_local)


_PUT_TOKEN = upsert(IntakeToken, ("token", "issued_at", "expires_at"))
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


def _durable(connection: Any, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
    cursor.close()


def _engines(folder: Path) -> tuple[AsyncEngine, Engine]:
    """For who reads and for the one writer."""
    folder.mkdir(parents=True, exist_ok=True)
    place = f"///{folder / FILE_NAME}"
    engines = create_async_engine(f"sqlite+aiosqlite:{place}"), create_engine(f"sqlite:{place}")
    for engine in (engines[0].sync_engine, engines[1]):
        event.listen(engine, "connect", _durable)
    return engines


async def open_intake(folder: Path, hash_name: str = "sha256") -> IntakeStore:
    """Open (or make) the intake file in `folder`; evidence logs that begin are made with this hash.

    Raises OSError if the folder cannot be made, HashUnavailable for a hash that this machine does not have, TooNew for
    a file of a later version, StoreUnusable for one that is held by somebody else or damaged.
    """
    hash_named(hash_name)(b"")
    with private_files(), coded(folder / FILE_NAME):
        engine, writer = _engines(folder)
        try:
            async with engine.connect() as connection:
                await connection.run_sync(upgrade)
                await connection.run_sync(make_up)
                await connection.commit()
        except BaseException:
            await engine.dispose()
            raise
    return IntakeStore(engine, writer, folder, hash_name)
