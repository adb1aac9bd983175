"""Reading roll-ups back, with the words behind their numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select as select_columns
from sqlmodel import col

from csms.store.due import QUARTER_S
from csms.store.samples import SampleReading
from csms.store.tables import MeteringPoint, Quantity, Rollup

_WORDS = (
    col(MeteringPoint.station_id),
    col(MeteringPoint.evse_id),
    col(MeteringPoint.transaction_id),
    col(Quantity.measurand),
    col(Quantity.phase),
    col(Quantity.context),
    col(Quantity.location),
    col(Quantity.unit),
    col(Rollup.grain_s),
    col(Rollup.begins_at),
    col(Rollup.samples),
    col(Rollup.minimum),
    col(Rollup.maximum),
    col(Rollup.mean),
    col(Rollup.first),
    col(Rollup.last),
    col(Rollup.first_at),
    col(Rollup.last_at),
)


@dataclass(frozen=True, slots=True)
class StoredRollup:
    """Samples of one quantity at one EVSE within `grain_s` seconds (900, or 86400: a UTC day), in its base unit.

    `mean` is that of the values, not weighted by time.
    """

    station_id: str
    evse_id: int
    transaction_id: str
    measurand: str
    phase: str
    context: str
    location: str
    unit: str
    grain_s: int
    begins_at: datetime
    samples: int
    minimum: float
    maximum: float
    mean: float
    first: float
    last: float
    first_at: datetime
    last_at: datetime


class RollupReading(SampleReading):
    """Queries on roll-ups."""

    async def rollups(
        self,
        *,
        grain_s: int = QUARTER_S,
        station_id: str | Sequence[str] | None = None,
        evse_id: int | None = None,
        measurand: str | Sequence[str] | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        limit: int = 1000,
    ) -> Sequence[StoredRollup]:
        """At most `limit` roll-ups with since <= begins_at < until, oldest first; those that run are not there. Of one
        station or of several, and so with measurands."""
        given = [
            col(column) == value if isinstance(value, str | int) else col(column).in_(value)
            for column, value in (
                (Rollup.grain_s, grain_s),
                (MeteringPoint.station_id, station_id),
                (MeteringPoint.evse_id, evse_id),
                (Quantity.measurand, measurand),
            )
            if value is not None
        ]
        given += [] if since is None else [col(Rollup.begins_at) >= since]
        given += [] if until is None else [col(Rollup.begins_at) < until]
        query = (
            select_columns(*_WORDS)
            .join(MeteringPoint, col(MeteringPoint.id) == col(Rollup.point_id))
            .join(Quantity, col(Quantity.id) == col(Rollup.quantity_id))
            .where(*given)
            .order_by(col(Rollup.begins_at), col(Rollup.point_id), col(Rollup.quantity_id))
            .limit(limit)
        )
        async with self.connection() as connection:
            return [StoredRollup(*tuple(row)) for row in await connection.execute(query)]
