"""How rows are read: in short transactions on pooled connections, so that a reader never waits for the writer."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlmodel import SQLModel, select
from sqlmodel.ext.asyncio.session import AsyncSession
from sqlmodel.sql.expression import SelectOfScalar

from csms.model.errors import StoreUnavailable

Row = TypeVar("Row", bound=SQLModel)


class Reading:
    """Carries out queries. Every method raises StoreUnavailable when the database cannot be read."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[AsyncConnection]:
        """One connection; everything read on it belongs to one moment."""
        try:
            async with self._engine.connect() as connection:
                yield connection
        except (SQLAlchemyError, OSError) as error:
            reason = str(getattr(error, "orig", None) or error) or type(error).__name__
            raise StoreUnavailable(f"the database cannot be read: {reason}") from error

    async def rows(self, query: SelectOfScalar[Row]) -> Sequence[Row]:
        """All rows, detached."""
        async with self.connection() as connection, AsyncSession(connection) as session:
            return (await session.exec(query)).all()

    async def first(self, query: SelectOfScalar[Row]) -> Row | None:
        """The first row, detached; None without any."""
        found = await self.rows(query.limit(1))
        return found[0] if found else None

    async def find(self, model: type[Row], *, newest: int | None = None, **given: Any) -> Sequence[Row]:
        """Rows whose columns have the given values (None: any), in order of their key; `newest`: that many, from the
        highest key down."""
        columns = inspect(model).columns
        conditions = [columns[name] == value for name, value in given.items() if value is not None]
        keys = inspect(model).primary_key
        query = select(model).where(*conditions)
        if newest is None:
            return await self.rows(query.order_by(*keys))
        return await self.rows(query.order_by(*(key.desc() for key in keys)).limit(newest))

    async def value(self, query: SelectOfScalar[Any]) -> Any:
        """One figure."""
        async with self.connection() as connection:
            return await connection.scalar(query)

    async def values(self, query: Any) -> Sequence[Any]:
        """The first column of all rows."""
        async with self.connection() as connection:
            return (await connection.scalars(query)).all()
