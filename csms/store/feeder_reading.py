"""Reading what was metered at the stations of a feeder, and what was seen of its load, by quarter-hour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select as select_columns
from sqlmodel import col, select

from csms.store.due import QUARTER_S
from csms.store.reading import Reading
from csms.store.response_tables import FeederLoad, ResponseRow
from csms.store.tables import MeteringPoint, Quantity, Rollup

REGISTER, POWER = "Energy.Active.Import.Register", "Power.Active.Import"
_AT_OUTLETS = ("", "Outlet")
STATIONS_AT_ONCE = 100
"""Rows of more would hold everything else up for too long."""


@dataclass(frozen=True, slots=True)
class MeteredQuarter:
    """A quarter-hour of the energy register (Wh) or the power (W) at an EVSE: first and last value and their times."""

    station_id: str
    evse_id: int
    measurand: str
    begins_at: datetime
    samples: int
    mean: float
    first: float
    last: float
    first_at: datetime
    last_at: datetime


_COLUMNS: tuple[Any, ...] = (
    col(MeteringPoint.station_id),
    col(MeteringPoint.evse_id),
    col(Quantity.measurand),
    col(Rollup.begins_at),
    col(Rollup.samples),
    col(Rollup.mean),
    col(Rollup.first),
    col(Rollup.last),
    col(Rollup.first_at),
    col(Rollup.last_at),
)


class FeederReading(Reading):
    """Queries on the load of feeders."""

    async def metered_quarters(
        self, station_ids: Sequence[str], since: datetime, until: datetime, limit: int | None = None
    ) -> list[MeteredQuarter]:
        """Roll-ups of registers and powers of all phases together at the outlets, since <= begins_at < until."""
        found: list[MeteredQuarter] = []
        for start in range(0, len(station_ids), STATIONS_AT_ONCE):
            query = (
                select_columns(*_COLUMNS)
                .join(MeteringPoint, col(MeteringPoint.id) == col(Rollup.point_id))
                .join(Quantity, col(Quantity.id) == col(Rollup.quantity_id))
                .where(col(MeteringPoint.station_id).in_(station_ids[start : start + STATIONS_AT_ONCE]))
                .where(col(MeteringPoint.evse_id) > 0, col(Rollup.grain_s) == QUARTER_S)
                .where(col(Rollup.begins_at) >= since, col(Rollup.begins_at) < until)
                .where(col(Quantity.measurand).in_((REGISTER, POWER)), col(Quantity.phase) == "")
                .where(col(Quantity.location).in_(_AT_OUTLETS))
                .limit(limit)
            )
            async with self.connection() as connection:
                found += [MeteredQuarter(*tuple(row)) for row in await connection.execute(query)]
        return found

    async def feeder_loads(self, feeder_ids: Sequence[str], since: datetime, until: datetime) -> Sequence[FeederLoad]:
        """What was seen of feeders, since <= begins_at < until."""
        begins_at = col(FeederLoad.begins_at)
        query = select(FeederLoad).where(col(FeederLoad.feeder_id).in_(feeder_ids))
        return await self.rows(query.where(begins_at >= since, begins_at < until).order_by(begins_at))

    async def feeders_seen(self, since: datetime) -> Sequence[str]:
        """Feeders whose load was seen since a moment."""
        column = col(FeederLoad.feeder_id)
        query = select_columns(column).where(col(FeederLoad.begins_at) >= since).distinct().order_by(column)
        async with self.connection() as connection:
            return (await connection.execute(query)).scalars().all()

    async def response_events(
        self, *, feeder_ids: Sequence[str] | None = None, ends_after: datetime | None = None, limit: int | None = None
    ) -> Sequence[ResponseRow]:
        """Demand-response events by their beginning, the latest first."""
        query = select(ResponseRow)
        query = query if feeder_ids is None else query.where(col(ResponseRow.feeder_id).in_(feeder_ids))
        query = query if ends_after is None else query.where(col(ResponseRow.ends_at) > ends_after)
        return await self.rows(query.order_by(col(ResponseRow.starts_at).desc(), col(ResponseRow.id)).limit(limit))
