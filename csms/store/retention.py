"""Deletes what was kept long enough, in small steps through the one writer.

A sample goes only when its quarter-hour is rolled up; the tallies tell how many were ever stored and how many went.
Sessions, limits, decisions on limits and messages that a platform never took are kept for ever.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, bindparam, func, text
from sqlalchemy import select as sql_select
from sqlmodel import SQLModel, col, select

from csms.model.authorization import MADE_UP
from csms.model.display import SHOWING
from csms.model.reservation import HOLDING
from csms.store.catalogue import POINTS_PER_BANK
from csms.store.change import KEY_PREFIX, RowChange, Statement, delete_where
from csms.store.changes import table_of
from csms.store.due import QUARTER_S
from csms.store.energy_tables import StreamBatch, V2xEvent
from csms.store.queries import Reader
from csms.store.response_tables import FeederLoad
from csms.store.security_tables import Alert, SecurityEvent
from csms.store.station_tables import (
    DisplayMessage,
    EventRow,
    FileLink,
    Operation,
    ReceivedFile,
    Reservation,
    SignedValue,
    StateChange,
)
from csms.store.tables import IdToken, MeteringPoint, Notice, OutboxRow, PlanRow, ProfileRow, Rollup, Sample
from csms.store.times import Moment, floored
from csms.store.writer import Writer

DELETED_TALLY = "samples_deleted"

QUARTERS_AT_ONCE = 8
"""Quarter-hours of one point in one commit: some thousand samples at the most."""

ROWS_AT_ONCE = 500

_OLD_SAMPLES = (
    "FROM sample WHERE bank = :bank AND point_id = :point_id AND time >= :begins_at AND time < :ends_at AND NOT EXISTS "
    f"(SELECT 1 FROM rollup_due AS d WHERE d.grain_s = {QUARTER_S} AND d.begins_at = :begins_at "
    "AND d.point_id = :point_id)"
)
_OLD_ROLLUPS = (
    f"FROM rollup WHERE point_id = :point_id AND grain_s = {QUARTER_S} AND begins_at >= :begins_at "
    "AND begins_at < :ends_at"
)
_COUNT = (
    f"INSERT INTO tally (name, holder, value) SELECT '{DELETED_TALLY}', '', count(*) {_OLD_SAMPLES} "
    "ON CONFLICT (name, holder) DO UPDATE SET value = tally.value + excluded.value"
)


def _windowed(sql: str) -> Statement:
    moments = [bindparam(name, type_=Moment) for name in ("begins_at", "ends_at")]
    return Statement(lambda dialect: text(sql).bindparams(*moments))


_COUNT_SAMPLES, _DROP_SAMPLES = _windowed(_COUNT), _windowed(f"DELETE {_OLD_SAMPLES}")
_DROP_ROLLUPS = _windowed(f"DELETE {_OLD_ROLLUPS}")


@dataclass(frozen=True, slots=True)
class KeepDays:
    """For how many days things are kept; 0: for ever. `rollups`: the quarter-hours; days stay for ever.

    `files`: what stations sent; `links`: one-time addresses after their end; `made_up_tokens`: those of remote starts;
    `operations` also for reservations and display messages that are over, `samples` for signed values of no session.
    """

    samples: int = 400
    rollups: int = 0
    plans: int = 400
    profiles: int = 400
    notices: int = 400
    events: int = 400
    outbox: int = 90
    streams: int = 30
    v2x: int = 400
    states: int = 90
    files: int = 90
    security_events: int = 400
    alerts: int = 400
    operations: int = 400
    links: int = 1
    made_up_tokens: int = 1


@dataclass(frozen=True, slots=True)
class _Dated:
    """A table whose rows are deleted one by one: their age, which of them may go at all, and for how long they are kept
    if not for a time of their own."""

    model: type[SQLModel]
    at: Any
    only: ColumnElement[bool] | None = None
    kept_as: str = ""


_NEWEST_OPERATION = select(func.max(col(Operation.id))).scalar_subquery()
"""It stays, because the next number follows on it and none is given twice."""

_DATED: Mapping[str, _Dated] = {
    "plans": _Dated(PlanRow, PlanRow.made_at),
    "profiles": _Dated(ProfileRow, ProfileRow.sent_at),
    "notices": _Dated(Notice, Notice.received_at),
    "streams": _Dated(StreamBatch, StreamBatch.received_at),
    "v2x": _Dated(V2xEvent, V2xEvent.received_at),
    "events": _Dated(EventRow, EventRow.received_at),
    "states": _Dated(StateChange, StateChange.received_at, col(StateChange.session_id).is_(None)),
    "files": _Dated(ReceivedFile, ReceivedFile.received_at),
    "alerts": _Dated(Alert, Alert.acknowledged_at),
    "security_events": _Dated(SecurityEvent, SecurityEvent.received_at),
    "operations": _Dated(Operation, Operation.ended_at, col(Operation.id) < _NEWEST_OPERATION),
    "reservations": _Dated(
        Reservation, Reservation.changed_at, col(Reservation.state).not_in(HOLDING), kept_as="operations"
    ),
    "display_messages": _Dated(
        DisplayMessage,
        func.coalesce(DisplayMessage.reported_at, DisplayMessage.sent_at),
        col(DisplayMessage.status).not_in(SHOWING),
        kept_as="operations",
    ),
    "signed_values": _Dated(
        SignedValue, SignedValue.received_at, col(SignedValue.session_id).is_(None), kept_as="samples"
    ),
    "feeder_loads": _Dated(FeederLoad, FeederLoad.begins_at, kept_as="rollups"),
    "links": _Dated(FileLink, FileLink.expires_at),
    "made_up_tokens": _Dated(IdToken, IdToken.expires_at, col(IdToken.id_token).startswith(MADE_UP)),
    "outbox": _Dated(OutboxRow, OutboxRow.acked_at, col(OutboxRow.state) == "acked"),
}


def _keys(model: type[SQLModel]) -> list[str]:
    return [column.name for column in table_of(model).primary_key.columns]


_DROP_ROW = {name: delete_where(table_of(kind.model), _keys(kind.model)) for name, kind in _DATED.items()}


class Retention:
    """The clearing out of one database."""

    def __init__(self, writer: Writer, reader: Reader, keep: KeepDays) -> None:
        self._writer, self._reader, self._keep = writer, reader, keep

    async def run(self, now: datetime) -> dict[str, int]:
        """Delete all that is old enough; rows deleted by kind. Raises StoreUnavailable; the next run goes on."""
        gone = {}
        if self._keep.samples:
            before = await self._reader.tally(DELETED_TALLY) or 0
            await self._samples(floored(now - timedelta(days=self._keep.samples), QUARTER_S))
            gone["samples"] = (await self._reader.tally(DELETED_TALLY) or 0) - before
        if self._keep.rollups:
            gone["rollups"] = await self._rollups(floored(now - timedelta(days=self._keep.rollups), QUARTER_S))
        for name, kind in _DATED.items():
            days = int(getattr(self._keep, kind.kept_as or name))
            if days:
                gone[name] = await self._rows(name, kind, now - timedelta(days=days))
        return gone

    async def _samples(self, until: datetime) -> None:
        """Point by point: samples lie in the order of their key, so the oldest of a point is found at once."""
        number = col(MeteringPoint.id)
        of_point = col(Sample.bank) == number // POINTS_PER_BANK, col(Sample.point_id) == number
        oldest = select(func.min(col(Sample.time))).where(*of_point)
        for point_id, since in await self._points(oldest.scalar_subquery(), until):
            while since < until and (starts := await self._quarters(point_id, since, until)):
                windows = _windows(point_id, starts)
                await self._writer.commit([RowChange(_COUNT_SAMPLES, windows), RowChange(_DROP_SAMPLES, windows)])
                since = windows[-1]["ends_at"]

    async def _rollups(self, until: datetime) -> int:
        gone = 0
        oldest = select(func.min(col(Rollup.begins_at))).where(
            col(Rollup.point_id) == col(MeteringPoint.id), col(Rollup.grain_s) == QUARTER_S
        )
        for point_id, since in await self._points(oldest.scalar_subquery(), until):
            while starts := await self._quarters(point_id, since, until):
                window = {"point_id": point_id, "begins_at": starts[0], "ends_at": starts[-1] + timedelta(seconds=1)}
                await self._writer.commit([RowChange(_DROP_ROLLUPS, [window])])
                gone += len(starts)
        return gone

    async def _rows(self, name: str, kind: _Dated, before: datetime) -> int:
        """The ids are looked up beside the writer, which is then only held up for rows that do go."""
        gone, names = 0, _keys(kind.model)
        columns = [table_of(kind.model).columns[name] for name in names]
        query = sql_select(*columns).where(kind.at < before).order_by(*columns).limit(ROWS_AT_ONCE)
        query = query if kind.only is None else query.where(kind.only)
        while keys := await self._found(query):
            rows = [{KEY_PREFIX + name: value for name, value in zip(names, key, strict=True)} for key in keys]
            await self._writer.commit([RowChange(_DROP_ROW[name], rows)])
            gone += len(keys)
        return gone

    async def _found(self, query: Any) -> Sequence[Any]:
        async with self._reader.connection() as connection:
            return (await connection.execute(query)).all()

    async def _points(self, oldest: Any, until: datetime) -> list[tuple[int, datetime]]:
        """Points with something old, and the quarter-hour of the oldest; one seek for each point."""
        async with self._reader.connection() as connection:
            found = await connection.execute(select(MeteringPoint.id, oldest).order_by(col(MeteringPoint.id)))
            return [(number, floored(time, QUARTER_S)) for number, time in found if time is not None and time < until]

    async def _quarters(self, point_id: int, since: datetime, until: datetime) -> Sequence[datetime]:
        """The next quarter-hours that are rolled up: no others may lose samples."""
        begins_at = col(Rollup.begins_at)
        query = select(begins_at).distinct().where(col(Rollup.point_id) == point_id, begins_at < until)
        query = query.where(col(Rollup.grain_s) == QUARTER_S, begins_at >= since)
        return await self._reader.values(query.order_by(begins_at).limit(QUARTERS_AT_ONCE))


def _windows(point_id: int, starts: Sequence[datetime]) -> list[dict[str, Any]]:
    length = timedelta(seconds=QUARTER_S)
    point = {"point_id": point_id, "bank": point_id // POINTS_PER_BANK}
    return [{**point, "begins_at": start, "ends_at": start + length} for start in starts]
