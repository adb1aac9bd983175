"""Reading metered samples back, with the words behind their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_
from sqlalchemy import select as select_columns
from sqlmodel import col, select

from csms.store.catalogue import POINTS_PER_BANK
from csms.store.reading import Reading
from csms.store.tables import MeteringPoint, Quantity, Sample, Session

AROUND_SESSION = timedelta(days=1)
"""How far outside its session a sample's own time may lie: clocks of stations are set while cars charge."""

_WORDS = (
    col(MeteringPoint.station_id),
    col(MeteringPoint.evse_id),
    col(MeteringPoint.transaction_id),
    col(Sample.session_id),
    col(Sample.time),
    col(Sample.received_at),
    col(Quantity.measurand),
    col(Quantity.phase),
    col(Quantity.context),
    col(Quantity.location),
    col(Sample.value),
    col(Quantity.unit),
)


@dataclass(frozen=True, slots=True)
class StoredSample:
    """One metered value in its base unit; `transaction_id` only where the station named an unknown transaction."""

    station_id: str
    evse_id: int
    transaction_id: str
    session_id: int | None
    time: datetime
    received_at: datetime
    measurand: str
    phase: str
    context: str
    location: str
    value: float
    unit: str


class SampleReading(Reading):
    """Queries on samples."""

    async def samples(
        self,
        session_id: int | None = None,
        *,
        station_id: str | None = None,
        evse_id: int | None = None,
        measurand: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> Sequence[StoredSample]:
        """At most `limit` samples with since <= time < until, oldest first."""
        given = [] if session_id is None else await self._of_session(session_id)
        if station_id is not None or evse_id is not None:
            given.append(_at_point(station_id, evse_id))
        if measurand is not None:
            given.append(col(Quantity.measurand) == measurand)
        if since is not None:
            given.append(col(Sample.time) >= since)
        if until is not None:
            given.append(col(Sample.time) < until)
        query = (
            select_columns(*_WORDS)
            .join(MeteringPoint, col(MeteringPoint.id) == col(Sample.point_id))
            .join(Quantity, col(Quantity.id) == col(Sample.quantity_id))
            .where(*given)
            .order_by(col(Sample.time), col(Sample.point_id), col(Sample.quantity_id))
            .limit(limit)
        )
        async with self.connection() as connection:
            return [StoredSample(*tuple(row)) for row in await connection.execute(query)]

    async def _of_session(self, session_id: int) -> list[ColumnElement[bool]]:
        """The stretch of the table where a session's samples lie."""
        given: list[ColumnElement[bool]] = [col(Sample.session_id) == session_id]
        session = await self.first(select(Session).where(col(Session.id) == session_id))
        if session is None:
            return given
        given += [_at_point(session.station_id, session.evse_id)]
        given += [col(Sample.time) >= session.started_at - AROUND_SESSION]
        if session.ended_at is not None:
            given += [col(Sample.time) <= session.ended_at + AROUND_SESSION]
        return given


def _at_point(station_id: str | None, evse_id: int | None) -> ColumnElement[bool]:
    wanted: list[tuple[Any, Any]] = [(MeteringPoint.station_id, station_id), (MeteringPoint.evse_id, evse_id)]
    given = [col(column) == value for column, value in wanted if value is not None]
    points = select(MeteringPoint.id).where(*given)
    banks = select(col(MeteringPoint.id) // POINTS_PER_BANK).where(*given)
    return and_(col(Sample.bank).in_(banks), col(Sample.point_id).in_(points))
