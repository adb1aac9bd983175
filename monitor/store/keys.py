"""Secrets of operators as they lie in the platform's database: sealed, the newest state of each set."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict

from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.province.keys import KeyRecord
from monitor.store.tables import IntakeKey


class KeyStore:
    """Shares engine and writing lock of the intake."""

    def __init__(self, engine: AsyncEngine, one_writer: asyncio.Lock) -> None:
        self._engine = engine
        self._one_writer = one_writer

    async def records(self) -> list[KeyRecord]:
        """Every set."""
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(select(IntakeKey))).all()
        return [KeyRecord(**{name: getattr(row, name) for name in KeyRecord.__dataclass_fields__}) for row in rows]

    async def keep(self, records: Sequence[KeyRecord]) -> None:
        """Keep new sets, and what became of older ones; durable when this returns."""
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            for record in records:
                await session.merge(IntakeKey(**asdict(record)))
