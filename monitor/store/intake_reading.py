"""What partners pushed, read from the intake's file by whoever makes facts or a page of it; writes nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import and_, or_
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlmodel import col, select

from monitor.store.faults import coded
from monitor.store.intake import FILE_NAME
from monitor.store.messages import has_content, table_of
from monitor.store.tables import IntakeOrder, IntakeStation, IntakeStatus


@dataclass(frozen=True, slots=True)
class ToldOrder:
    """An accepted order: its number, when it came, what it said."""

    business_id: str
    received_at: datetime
    content_sha256: str
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToldStation:
    """A station as its operator told of it last: fields by their canonical names, lists in them as they came."""

    operator_id: str
    business_id: str
    received_at: datetime
    content: dict[str, Any]


@dataclass(frozen=True, slots=True)
class ToldState:
    """A connector's state as it was told last (T/CEC 102: 0 offline, 1 idle, 2 to 4 taken, 255 fault)."""

    status: int
    received_at: datetime


class IntakeReader:
    """Reads; `open_intake_reader` makes one."""

    def __init__(self, engine: AsyncEngine, file: Path) -> None:
        self._engine = engine
        self._file = file

    async def operators(self) -> list[str]:
        """Whoever has pushed an order. Raises StoreUnusable."""
        query = select(IntakeOrder.operator_id).distinct().order_by(IntakeOrder.operator_id)
        return [str(row[0]) for row in await self._rows(query)]

    async def orders_since(self, operator: str, since: datetime, after: str, limit: int) -> Sequence[ToldOrder]:
        """By the time they came and their number, behind `since` and `after`, but for those whose content retention
        has taken. Raises StoreUnusable."""
        came, number = col(IntakeOrder.received_at), col(IntakeOrder.business_id)
        later = or_(came > since, and_(came == since, number > after))
        columns = table_of(IntakeOrder).c
        query = (
            select(columns.business_id, columns.received_at, columns.content_sha256, columns.content)
            .where(col(IntakeOrder.operator_id) == operator, later, has_content(columns.content))
            .order_by(came, number)
            .limit(limit)
        )
        return [ToldOrder(*row) for row in await self._rows(query)]

    async def stations(self) -> Sequence[ToldStation]:
        """All that are known, by operator and id. Raises StoreUnusable."""
        columns = table_of(IntakeStation).c
        query = select(columns.operator_id, columns.business_id, columns.received_at, columns.content)
        query = query.order_by(columns.operator_id, columns.business_id)
        return [ToldStation(*row) for row in await self._rows(query)]

    async def states(self) -> dict[tuple[str, str], ToldState]:
        """By operator and connector. Raises StoreUnusable."""
        columns = table_of(IntakeStatus).c
        query = select(columns.operator_id, columns.business_id, columns.status, columns.received_at)
        rows = await self._rows(query)
        return {(operator, connector): ToldState(status, at) for operator, connector, status, at in rows}

    async def _rows(self, query: Any) -> Sequence[Any]:
        with coded(self._file):
            async with self._engine.connect() as connection:
                return (await connection.execute(query)).all()

    async def close(self) -> None:
        """Let the file go."""
        await self._engine.dispose()


def open_intake_reader(folder: Path) -> IntakeReader | None:
    """The intake in a folder; None where there is none."""
    path = folder / FILE_NAME
    return IntakeReader(create_async_engine(f"sqlite+aiosqlite:///{path}"), path) if path.is_file() else None
