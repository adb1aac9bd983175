"""The registry of forecasts, in a SQLite file of its own: who forecasts what and why, what was said, how days went.

kWh, UTC. `document` of a standing is the whole of `monitor.forecast.correction.Standing`.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, event
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.orm import registry
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Field, SQLModel, col, delete, select
from sqlmodel.ext.asyncio.session import AsyncSession

from csms.model.outlook import FILE_NAME as OUTLOOK_FILE
from csms.model.outlook import Outlook, encoded
from csms.security.files import private_files
from csms.store.times import Utc

FILE_NAME = "forecast.db"
ROWS_AT_ONCE = 2000


class Forecasts(SQLModel, registry=registry()):
    """Base of the tables of forecasts."""


class ForecastStanding(Forecasts, table=True):
    """Who forecasts a series at a horizon now."""

    __tablename__ = "forecast_standing"

    series: str = Field(primary_key=True)
    horizon_s: int = Field(primary_key=True)
    scored_until: int
    """The ordinal of the day after the last one that was scored."""
    document: dict[str, Any] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))


class ForecastModel(Forecasts, table=True):
    """A row of the registry: a champion that came into office. Never changed."""

    __tablename__ = "forecast_model"

    id: int | None = Field(default=None, primary_key=True)
    series: str = Field(index=True)
    horizon_s: int
    champion: str
    learned_until: int
    learned_days: int
    features: str
    loss_kwh: float | None = None
    fallback_loss_kwh: float | None = None
    what: str
    reason: str
    promoted_at: datetime = Field(sa_type=Utc)


class ForecastValue(Forecasts, table=True):
    """What was said of a step, kWh; `low` and `high` hold nine of ten truths."""

    __tablename__ = "forecast_value"

    series: str = Field(primary_key=True)
    made_at: datetime = Field(primary_key=True, sa_type=Utc)
    target_at: datetime = Field(primary_key=True, sa_type=Utc)
    expected_kwh: float
    low_kwh: float | None = None
    high_kwh: float | None = None


class ForecastStore:
    """`open_forecasts` makes one."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._engine = engine
        self._one_writer = asyncio.Lock()

    async def close(self) -> None:
        """Close the file."""
        await self._engine.dispose()

    async def standings(self) -> Sequence[ForecastStanding]:
        """All of them."""
        async with AsyncSession(self._engine) as session:
            return (await session.exec(select(ForecastStanding))).all()

    async def keep(self, standings: Iterable[ForecastStanding], models: Iterable[ForecastModel]) -> None:
        """Standings in place of earlier ones, and new rows of the registry, in one transaction."""
        session_of = AsyncSession(self._engine, expire_on_commit=False)
        async with self._one_writer, session_of as session, session.begin():
            for standing in standings:
                await session.merge(standing)
            session.add_all(list(models))

    async def models(self, series: str | None = None, newest: int = 200) -> Sequence[ForecastModel]:
        """Rows of the registry, the newest first."""
        query = select(ForecastModel).order_by(col(ForecastModel.id).desc()).limit(newest)
        query = query if series is None else query.where(ForecastModel.series == series)
        async with AsyncSession(self._engine) as session:
            return (await session.exec(query)).all()

    async def keep_values(self, rows: Sequence[dict[str, Any]], keep_since: datetime) -> None:
        """What was said now; what was said of steps before `keep_since` is forgotten."""
        table = ForecastValue.metadata.tables[str(ForecastValue.__tablename__)]
        async with self._one_writer, self._engine.begin() as connection:
            await connection.execute(delete(ForecastValue).where(col(ForecastValue.target_at) < keep_since))
            made = {row["made_at"] for row in rows}
            await connection.execute(delete(ForecastValue).where(col(ForecastValue.made_at).in_(made)))
            for start in range(0, len(rows), ROWS_AT_ONCE):
                await connection.execute(table.insert(), list(rows[start : start + ROWS_AT_ONCE]))

    async def values(self, since: datetime, until: datetime, series: str | None = None) -> Sequence[ForecastValue]:
        """What was said of steps in a span, by series, target and when."""
        query = select(ForecastValue).where(ForecastValue.target_at >= since, ForecastValue.target_at < until)
        query = query if series is None else query.where(ForecastValue.series == series)
        order = col(ForecastValue.series), col(ForecastValue.target_at), col(ForecastValue.made_at)
        async with AsyncSession(self._engine) as session:
            return (await session.exec(query.order_by(*order))).all()

    async def runs(self, since: datetime) -> Sequence[datetime]:
        """When something was said of the steps from a moment on, oldest first."""
        query = select(col(ForecastValue.made_at)).where(ForecastValue.target_at >= since).distinct()
        async with AsyncSession(self._engine) as session:
            return sorted((await session.exec(query)).all())

    async def values_of(self, made_at: Sequence[datetime], series: Sequence[str]) -> list[ForecastValue]:
        """What was said of some series at these times."""
        found: list[ForecastValue] = []
        async with AsyncSession(self._engine) as session:
            for moment in made_at:
                query = select(ForecastValue).where(ForecastValue.made_at == moment)
                found += (await session.exec(query.where(col(ForecastValue.series).in_(series)))).all()
        return found


def _durable(connection: Any, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=5000"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _engine(folder: Path) -> AsyncEngine:
    folder.mkdir(parents=True, exist_ok=True)
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / FILE_NAME}")
    event.listen(engine.sync_engine, "connect", _durable)
    return engine


async def open_forecasts(folder: Path) -> ForecastStore:
    """Open (or make) the registry in `folder`; raises OSError if the folder cannot be made."""
    with private_files():
        engine = _engine(folder)
        async with engine.begin() as connection:
            await connection.run_sync(Forecasts.metadata.create_all)
    return ForecastStore(engine)


def leave_outlook(folder: Path, outlook: Outlook) -> None:
    """Leave it for the central system of this data folder, whole or not at all; raises OSError."""
    path = folder / OUTLOOK_FILE
    with private_files():
        draft = path.with_suffix(f".{os.getpid()}.tmp")
        try:
            draft.write_bytes(encoded(outlook))
            draft.replace(path)
        finally:
            draft.unlink(missing_ok=True)
