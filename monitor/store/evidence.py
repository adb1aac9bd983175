"""The evidence log in the database: one log for each operator, appended to in the transaction that accepts a message.

So a message is in the log exactly if it was accepted. Heads are made for every local day, one after the other; a record
that comes after its day was closed belongs to the next.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import func, true
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.province import strict_json
from csms.province.profile import Kind
from monitor.evidence.documents import Head, SignedHead, read_head
from monitor.evidence.merkle import (
    CHAIN_START,
    Frontier,
    Hash,
    Range,
    hash_named,
    joined,
    nodes_of,
    root_of,
)
from monitor.store.days import following
from monitor.store.messages import table_of
from monitor.store.nodes import read_nodes
from monitor.store.reading import in_pages
from monitor.store.tables import EvidenceHead, EvidenceLog, EvidenceRecord, HeadGiven, IntakeStation, IntakeStatus


@dataclass(frozen=True, slots=True)
class Row:
    """One record as stored."""

    number: int
    kind: str
    received_at: datetime
    record: bytes
    leaf: bytes
    chain: bytes


class EvidenceStore:
    """Reads the log and closes its days; shares engine and writing lock of the intake."""

    def __init__(self, engine: AsyncEngine, one_writer: asyncio.Lock) -> None:
        self._engine = engine
        self._one_writer = one_writer

    async def operators(self) -> list[str]:
        """Operators that have a log."""
        async with AsyncSession(self._engine) as session:
            return list((await session.exec(select(EvidenceLog.operator_id).order_by(EvidenceLog.operator_id))).all())

    async def first_day(self, operator_id: str) -> str | None:
        """The day of the first record, None before there is one."""
        async with AsyncSession(self._engine) as session:
            first: str | None = (await session.exec(_min_day(operator_id))).one()
        return first

    async def open_days(self, operator_id: str, until: str) -> list[str]:
        """The days that have no head yet, from the first record's on, up to and with `until`."""
        async with AsyncSession(self._engine) as session:
            last = (await session.exec(_max_day(EvidenceHead, operator_id))).one()
            first = (await session.exec(_min_day(operator_id))).one()
        day = following(last) if last else first
        days = []
        while day is not None and day <= until:
            days.append(day)
            day = following(day)
        return days

    async def next_head(self, operator_id: str, day: str, signed_at: datetime, key_id: str) -> tuple[Head, Frontier]:
        """The head of a day that is over, not yet signed; the days before it must have theirs."""
        before = await self.head(operator_id, following(day, -1))
        first = before.head.size if before else 0
        leaves = await self.leaves(operator_id, day)
        last = await self.row(operator_id, first + len(leaves) - 1) if leaves else None
        name = await self.hash_of(operator_id)
        digest, tree = hash_named(name), Frontier(first, await self.peaks(operator_id, following(day, -1)))
        tree.digest = digest

        def grow() -> bytes:
            for leaf in leaves:
                tree.add(leaf)
            return root_of(leaves, digest)

        day_root = await asyncio.to_thread(grow)
        before_chain = before.head.chain if before else CHAIN_START.hex()
        head = Head(
            log=operator_id,
            day=day,
            hash=name,
            first=first,
            size=first + len(leaves),
            day_root=day_root.hex(),
            root=tree.root().hex(),
            chain=last.chain.hex() if last else before_chain,
            previous=before.head.digest() if before else "",
            signed_at=signed_at.isoformat(),
            key_id=key_id,
        )
        return head, tree

    async def keep_head(self, signed: SignedHead, tree: Frontier) -> None:
        """Keep a signed head; from now on nothing is added to its day. Raises ValueError if something was meanwhile."""
        head = signed.head
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            log = await session.get(EvidenceLog, head.log)
            if log is not None:
                log.last_day = max(log.last_day, following(head.day))
                await session.flush()
            beyond = await session.get(EvidenceRecord, (head.log, head.size))
            if log is None or log.size < head.size or (beyond is not None and beyond.day <= head.day):
                raise ValueError(f"the log of {head.log} grew while {head.day} was closed")
            session.add(
                EvidenceHead(
                    operator_id=head.log,
                    day=head.day,
                    size=head.size,
                    document=strict_json.write(signed.as_document()).decode("utf-8"),
                    peaks=b"".join(tree.peaks),
                )
            )

    async def head(self, operator_id: str, day: str) -> SignedHead | None:
        """The head of a day."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(EvidenceHead, (operator_id, day))
        return None if row is None else read_head(strict_json.parse_object(row.document))

    async def heads(
        self, operator_id: str, first: str = "", last: str = "9999", count: int | None = None
    ) -> list[SignedHead]:
        """The heads of these days, the first `count` of them."""
        query = (
            select(EvidenceHead.document)
            .where(EvidenceHead.operator_id == operator_id, EvidenceHead.day >= first, EvidenceHead.day <= last)
            .order_by(EvidenceHead.day)
            .limit(count)
        )
        async with AsyncSession(self._engine) as session:
            return [read_head(strict_json.parse_object(text)) for text in (await session.exec(query)).all()]

    async def given(self, operator_id: str) -> dict[str, str]:
        """The newest day whose head an operator was given, by way."""
        query = select(HeadGiven.channel, HeadGiven.day).where(HeadGiven.operator_id == operator_id)
        async with AsyncSession(self._engine) as session:
            return dict((await session.exec(query)).all())

    async def note_given(self, operator_id: str, channel: str, day: str) -> None:
        """An operator was given the head of a day."""
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            await session.merge(HeadGiven(operator_id=operator_id, channel=channel, day=day))

    async def peaks(self, operator_id: str, day: str) -> list[bytes]:
        """The peaks of the tree at the end of a day; none without a head."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(EvidenceHead, (operator_id, day))
        return [] if row is None else [row.peaks[at : at + 32] for at in range(0, len(row.peaks), 32)]

    async def rows(self, operator_id: str, first: str, last: str) -> list[Row]:
        """The records of these days, in their order."""
        query = (
            _rows()
            .where(EvidenceRecord.operator_id == operator_id, EvidenceRecord.day >= first, EvidenceRecord.day <= last)
            .order_by(col(EvidenceRecord.number))
        )
        return await in_pages(self._engine, query, _row)

    async def leaves(self, operator_id: str, day: str) -> list[bytes]:
        """The hashes of a day's records, in their order."""
        query = (
            sql_select(_RECORD.c.leaf)
            .where(_RECORD.c.operator_id == operator_id, _RECORD.c.day == day)
            .order_by(_RECORD.c.number)
        )
        return await in_pages(self._engine, query, lambda row: bytes(row[0]))

    async def roots(self, operator_id: str, ranges: Sequence[Range], digest: Hash) -> list[bytes]:
        """The roots over these ranges of records, from kept subtrees; raises TreeBroken."""
        nodes = [nodes_of(low, high) for low, high in ranges]
        async with self._engine.connect() as connection:
            found = await connection.run_sync(read_nodes, operator_id, [node for row in nodes for node in row])
        return [joined([found[node] for node in row], digest) for row in nodes]

    async def hash_of(self, operator_id: str) -> str:
        """The name of the hash that a log is made with."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(EvidenceLog, operator_id)
        return row.hash if row is not None else "sha256"

    async def row(self, operator_id: str, number: int) -> Row | None:
        """One record."""
        query = _rows().where(EvidenceRecord.operator_id == operator_id, EvidenceRecord.number == number)
        found = await in_pages(self._engine, query, _row)
        return found[0] if found else None

    async def number_of(self, operator_id: str, kind: str, business_id: str) -> int | None:
        """The number of the newest record about a thing."""
        query = select(func.max(EvidenceRecord.number)).where(
            EvidenceRecord.operator_id == operator_id,
            EvidenceRecord.kind == kind,
            EvidenceRecord.business_id == business_id,
        )
        async with AsyncSession(self._engine) as session:
            return (await session.exec(query)).one()

    async def day_of(self, operator_id: str, number: int) -> str | None:
        """The day of a record, None if there is none of that number."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(EvidenceRecord, (operator_id, number))
        return None if row is None else row.day

    async def since(self, operator_id: str, start: datetime, end: datetime, before: int | None = None) -> list[Row]:
        """Records that came from `start` to before `end`, in order of arrival; with `before` only smaller numbers."""
        query = (
            _rows()
            .where(
                EvidenceRecord.operator_id == operator_id,
                EvidenceRecord.received_at >= start,
                EvidenceRecord.received_at < end,
            )
            .order_by(col(EvidenceRecord.received_at), col(EvidenceRecord.number))
        )
        if before is not None:
            query = query.where(EvidenceRecord.number < before)
        return await in_pages(self._engine, query, _row)

    async def last_before(self, operator_id: str, kind: Kind, start: datetime, before: int | None = None) -> list[Row]:
        """The last record before `start` of each connector (`station_status`) or station (`station_info`), with
        `before` among smaller numbers. However long the log is, each is a step or a few back from its newest."""
        things, told = _THINGS[kind], _RECORD.alias("told")
        newest = (
            sql_select(told.c.number)
            .where(told.c.operator_id == operator_id, told.c.kind == kind, told.c.business_id == things.c.business_id)
            .where(told.c.received_at < start, true() if before is None else told.c.number < before)
            .order_by(told.c.number.desc())
            .limit(1)
            .correlate(things)
            .scalar_subquery()
        )
        numbers = sql_select(newest).where(things.c.operator_id == operator_id)
        query = (
            _rows()
            .where(EvidenceRecord.operator_id == operator_id, col(EvidenceRecord.number).in_(numbers))
            .order_by(col(EvidenceRecord.number))
        )
        return await in_pages(self._engine, query, _row)


_RECORD = EvidenceRecord.metadata.tables[EvidenceRecord.__tablename__]
_THINGS = {Kind.STATION_STATUS: table_of(IntakeStatus), Kind.STATION_INFO: table_of(IntakeStation)}
"""Where each thing of a kind stands once."""


def _rows() -> Any:
    return sql_select(*(_RECORD.c[name] for name in Row.__dataclass_fields__))


def _row(row: Any) -> Row:
    return Row(*row)


def _max_day(table: Any, operator_id: str) -> Any:
    return select(func.max(table.day)).where(table.operator_id == operator_id)


def _min_day(operator_id: str) -> Any:
    return select(func.min(EvidenceRecord.day)).where(EvidenceRecord.operator_id == operator_id)


def leaves_of(rows: Sequence[Row]) -> list[bytes]:
    """The hashes of records."""
    return [row.leaf for row in rows]
