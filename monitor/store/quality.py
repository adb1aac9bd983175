"""What the quality watch reads of the intake, and what it keeps: judged days, hours of calls, alarms."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, false, func, or_
from sqlalchemy import select as sql_select
from sqlalchemy.ext.asyncio import AsyncEngine
from sqlmodel import col, select
from sqlmodel.ext.asyncio.session import AsyncSession

from monitor.store.reading import in_pages
from monitor.store.tables import (
    EvidenceLog,
    IntakeCheck,
    IntakeMessage,
    IntakeStatus,
    QualityAlarm,
    QualityDay,
    QualityHour,
    QualityProfile,
    RetentionMark,
)


@dataclass(frozen=True, slots=True)
class CallRow:
    """One logged call; `body` of a refused one."""

    received_at: datetime
    operator_id: str
    interface: str
    ret: int | None
    reason: str
    business_id: str
    defects: Sequence[str]
    size_bytes: int
    latency_us: int
    duplicate: bool
    review: bool
    body: dict[str, Any]
    id: int = 0


@dataclass(frozen=True, slots=True)
class Extent:
    """The last inputs of a judgement: records of the operator's evidence log before number `records` (the chain up to
    there is `chain`), logged calls and results of reconciliations up to the numbers `calls` and `checks`. What has such
    a number is never changed, and what was stored later does not count, whatever its time says."""

    records: int = 0
    chain: str = ""
    calls: int = 0
    checks: int = 0


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What the reconciliations of a span gave: how many orders were listed; those disputed, each with its moment and
    reason; the number of the last result."""

    listed: int
    disputed: list[tuple[str, datetime, int]]
    last: int


@dataclass(frozen=True, slots=True)
class DayRow:
    """A judged day as kept."""

    operator_id: str
    day: str
    judged_at: datetime
    grade: str
    digest: str
    document: str


@dataclass(slots=True)
class AlarmRow:
    """An alarm; `level` rises while nobody acknowledges it, `told_level` is what its operator was told last."""

    operator_id: str
    name: str
    subject: str
    detail: str
    raised_at: datetime
    seen_at: datetime
    level: int = 1
    told_at: datetime | None = None
    told_level: int = 0
    acknowledged_at: datetime | None = None
    acknowledged_by: str = ""
    over_at: datetime | None = None
    id: int | None = None


class QualityStore:
    """Shares engine and writing lock of the intake."""

    def __init__(self, engine: AsyncEngine, one_writer: asyncio.Lock) -> None:
        self._engine = engine
        self._one_writer = one_writer

    async def calls(
        self, start: datetime, end: datetime, operator_id: str | None = None, until: int | None = None
    ) -> list[CallRow]:
        """The calls from `start` to before `end`, in the order of arrival; with `until` none that was logged later."""
        query = _calls().where(IntakeMessage.received_at >= start, IntakeMessage.received_at < end)
        if operator_id is not None:
            query = query.where(IntakeMessage.operator_id == operator_id)
        if until is not None:
            query = query.where(col(IntakeMessage.id) <= until)
        query = query.order_by(col(IntakeMessage.received_at), col(IntakeMessage.id))
        return await in_pages(self._engine, query, _call)

    async def refused(
        self, operator_id: str, start: datetime, end: datetime, until: int | None = None
    ) -> list[CallRow]:
        """Calls that were refused by what they said, with their bodies; with `until` none that was logged later."""
        query = (
            _calls()
            .where(
                IntakeMessage.operator_id == operator_id,
                IntakeMessage.received_at >= start,
                IntakeMessage.received_at < end,
                IntakeMessage.ret == 4004,
            )
            .order_by(col(IntakeMessage.received_at), col(IntakeMessage.id))
        )
        if until is not None:
            query = query.where(col(IntakeMessage.id) <= until)
        return [row for row in await in_pages(self._engine, query, _call) if row.body]

    async def defects(self, operator_id: str, start: datetime, end: datetime) -> set[str]:
        """The defects of refused calls, without reading their bodies."""
        query = (
            sql_select(_MESSAGE.c.defects)
            .where(_MESSAGE.c.operator_id == operator_id, _MESSAGE.c.ret == 4004)
            .where(_MESSAGE.c.received_at >= start, _MESSAGE.c.received_at < end)
            .distinct()
        )
        return {defect for row in await in_pages(self._engine, query, lambda row: row[0]) for defect in row}

    async def disputes(self, operator_id: str, start: datetime, end: datetime, until: int | None = None) -> Reconciled:
        """Of a reconciliation that was asked again within the span the last result counts; with `until` none that was
        stored later."""
        query = select(IntakeCheck).where(
            IntakeCheck.operator_id == operator_id, IntakeCheck.received_at >= start, IntakeCheck.received_at < end
        )
        if until is not None:
            query = query.where(col(IntakeCheck.id) <= until)
        async with AsyncSession(self._engine) as session:
            found = (await session.exec(query.order_by(col(IntakeCheck.id)))).all()
        rows = list({row.business_id: row for row in found}.values())
        disputed = [(str(order), row.received_at, int(reason)) for row in rows for order, reason in row.disputes]
        return Reconciled(sum(row.listed for row in rows), disputed, max((row.id or 0 for row in rows), default=0))

    async def extent(self, operator_id: str) -> Extent:
        """The newest there is at this moment, without the chain."""
        calls = select(func.coalesce(func.max(IntakeMessage.id), 0))
        checks = select(func.coalesce(func.max(IntakeCheck.id), 0))
        async with AsyncSession(self._engine) as session:
            log = await session.get(EvidenceLog, operator_id)
            last = [(await session.exec(query)).one() for query in (calls, checks)]
        return Extent(log.size if log is not None else 0, "", last[0] or 0, last[1] or 0)

    async def gone(self, operator_id: str) -> dict[str, datetime]:
        """What judgements read and retention has deleted, by kind, with the moment before which it may be gone."""
        query = select(RetentionMark.kind, RetentionMark.gone_before).where(
            col(RetentionMark.operator_id).in_(("", operator_id)), col(RetentionMark.kind).in_(("calls", "checks"))
        )
        async with AsyncSession(self._engine) as session:
            return dict((await session.exec(query)).all())

    async def keep_profile(self, digest: str, document: str) -> None:
        """Keep a platform profile that days are judged by."""
        await self._merge([QualityProfile(digest=digest, document=document)])

    async def profile(self, digest: str) -> str | None:
        """A profile that was kept."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(QualityProfile, digest)
        return None if row is None else row.document

    async def keep_day(self, row: DayRow) -> None:
        """Keep a judged day in place of an earlier judgement; it is to be reported again if it differs."""
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            known = await session.get(QualityDay, (row.operator_id, row.day)) or QualityDay(**_plain(row))
            for name, value in _plain(row).items():
                setattr(known, name, value)
            session.add(known)

    async def unreported(
        self, operators: Iterable[str], *, mailed_since: datetime | None, newest: int = 100
    ) -> list[tuple[DayRow, bool, bool, bool]]:
        """Judged days whose page is to be written, or to be sent if they were judged since `mailed_since`; whether it
        was written, is to be sent, and was sent before for an earlier judgement."""
        digest, judged_at = col(QualityDay.digest), col(QualityDay.judged_at)
        unwritten: ColumnElement[bool] = col(QualityDay.written) != digest
        unsent: ColumnElement[bool] = false()
        if mailed_since is not None:
            unsent = and_(col(QualityDay.mailed) != digest, judged_at >= mailed_since)
        query = (
            select(QualityDay)
            .where(col(QualityDay.operator_id).in_(list(operators)), or_(unwritten, unsent))
            .order_by(col(QualityDay.day).desc(), col(QualityDay.operator_id))
            .limit(newest)
        )
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(query)).all()
        return [
            (
                _day(row),
                row.written == row.digest,
                mailed_since is not None and row.mailed != row.digest and row.judged_at >= mailed_since,
                bool(row.mailed),
            )
            for row in rows
        ]

    async def reported(self, row: DayRow, *, mailed: bool = False) -> None:
        """The page of a judgement was written, or sent."""
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            known = await session.get(QualityDay, (row.operator_id, row.day))
            if known is not None:
                setattr(known, "mailed" if mailed else "written", row.digest)

    async def judged(self, operator_id: str, since: str) -> set[str]:
        """The days from `since` on that were judged."""
        query = select(QualityDay.day).where(QualityDay.operator_id == operator_id, QualityDay.day >= since)
        async with AsyncSession(self._engine) as session:
            return set((await session.exec(query)).all())

    async def day(self, operator_id: str, day: str) -> DayRow | None:
        """A judged day."""
        async with AsyncSession(self._engine) as session:
            row = await session.get(QualityDay, (operator_id, day))
        return None if row is None else _day(row)

    async def days(self, operator_id: str | None = None, newest: int = 30) -> list[DayRow]:
        """The newest judged days."""
        query = select(QualityDay).order_by(col(QualityDay.day).desc(), col(QualityDay.operator_id)).limit(newest)
        if operator_id is not None:
            query = query.where(QualityDay.operator_id == operator_id)
        async with AsyncSession(self._engine) as session:
            return [_day(row) for row in (await session.exec(query)).all()]

    async def keep_hours(self, hours: Iterable[tuple[str, str, datetime, dict[str, Any]]]) -> None:
        """Keep hour records: operator, interface, hour, document."""
        await self._merge([QualityHour(operator_id=o, interface=i, hour=h, document=d) for o, i, h, d in hours])

    async def hours(self, operator_id: str, start: datetime, end: datetime) -> list[dict[str, Any]]:
        """Hour records of an operator from `start` to before `end`."""
        query = (
            select(QualityHour)
            .where(QualityHour.operator_id == operator_id, QualityHour.hour >= start, QualityHour.hour < end)
            .order_by(col(QualityHour.hour), col(QualityHour.interface))
        )
        async with AsyncSession(self._engine) as session:
            return [row.document for row in (await session.exec(query)).all()]

    async def newest_hour(self) -> datetime | None:
        """The hour after the newest one that has records."""
        async with AsyncSession(self._engine) as session:
            newest = (await session.exec(select(func.max(QualityHour.hour)))).one()
        return newest + timedelta(hours=1) if newest is not None else None

    async def connectors(self, operator_id: str, status: int) -> tuple[int, datetime | None]:
        """How many connectors are in a state, and when one told of itself last."""
        mine = IntakeStatus.operator_id == operator_id
        count = select(func.count()).select_from(IntakeStatus).where(mine, IntakeStatus.status == status)
        latest = select(func.max(IntakeStatus.received_at)).where(mine)
        async with AsyncSession(self._engine) as session:
            return (await session.exec(count)).one(), (await session.exec(latest)).one()

    async def alarms(self, *, open_only: bool = True, newest: int = 200) -> list[AlarmRow]:
        """Alarms, the newest first."""
        query = select(QualityAlarm).order_by(col(QualityAlarm.id).desc()).limit(newest)
        if open_only:
            query = query.where(col(QualityAlarm.over_at).is_(None))
        async with AsyncSession(self._engine) as session:
            return [AlarmRow(**row.model_dump()) for row in (await session.exec(query)).all()]

    async def alarms_to_tend(self, told_over: int) -> list[AlarmRow]:
        """Alarms that stand, and those whose end was not told yet (`told_level` is not `told_over`), however old."""
        waits = or_(col(QualityAlarm.over_at).is_(None), col(QualityAlarm.told_level) != told_over)
        async with AsyncSession(self._engine) as session:
            rows = (await session.exec(select(QualityAlarm).where(waits).order_by(col(QualityAlarm.id)))).all()
        return [AlarmRow(**row.model_dump()) for row in rows]

    async def keep_alarms(self, alarms: Sequence[AlarmRow]) -> None:
        """Keep alarms; new ones get their number."""
        if not alarms:
            return
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            rows = [await session.merge(QualityAlarm(**_plain(alarm))) for alarm in alarms]
            await session.flush()
            for alarm, row in zip(alarms, rows, strict=True):
                alarm.id = row.id

    async def acknowledge(self, alarm_id: int, by: str, at: datetime) -> bool:
        """Somebody has seen an alarm; False if there is none of that number."""
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            row = await session.get(QualityAlarm, alarm_id)
            if row is None:
                return False
            if row.acknowledged_at is None:
                row.acknowledged_at, row.acknowledged_by = at, by
            return True

    async def _merge(self, rows: Sequence[Any]) -> None:
        async with self._one_writer, AsyncSession(self._engine) as session, session.begin():
            for row in rows:
                await session.merge(row)


def _plain(row: Any) -> dict[str, Any]:
    return {name: getattr(row, name) for name in row.__dataclass_fields__}


def _day(row: QualityDay) -> DayRow:
    return DayRow(row.operator_id, row.day, row.judged_at, row.grade, row.digest, row.document)


def _calls() -> Any:
    return sql_select(*(_MESSAGE.c[name] for name in CallRow.__dataclass_fields__))


def _call(row: Any) -> CallRow:
    return CallRow(*row)


_MESSAGE = IntakeMessage.metadata.tables[IntakeMessage.__tablename__]
