"""What becomes of rows of the set of facts in a transaction: found by their keys, replaced, paired, noted as due."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy import delete
from sqlmodel import Session, SQLModel, col, select

from monitor.store.days import local_day
from monitor.store.governance_tables import (
    GovernedDue,
    GovernedOrder,
    GovernedRepair,
    GovernedSeries,
    GovernedSource,
    GovernedVersion,
    Kind,
    QuarantinedRow,
)

KEYS_AT_ONCE = 500
"""SQLite takes 999 values in one query."""

RANK = {Kind.STATIONS: 0, Kind.PARTNER: 1, Kind.FILE: 2}
"""Whom to believe first about the same charge."""
SAME_BEGIN = timedelta(minutes=1)

SAID = (
    *("number", "station", "connector", "start", "end", "energy_wh", "meter_start_wh", "meter_stop_wh", "fee_yuan"),
    *("price_yuan_per_kwh", "periods", "capacity_wh", "user_hash", "vehicle_hash"),
)
"""What an order says; the rest is about it."""
Of = TypeVar("Of", GovernedOrder, GovernedRepair, QuarantinedRow)


@dataclass(slots=True)
class Batch:
    """What was read of a source together."""

    orders: list[GovernedOrder] = field(default_factory=list)
    held: list[QuarantinedRow] = field(default_factory=list)
    repairs: list[GovernedRepair] = field(default_factory=list)
    series: list[GovernedSeries] = field(default_factory=list)

    def rows(self) -> Iterator[GovernedOrder | QuarantinedRow | GovernedRepair | GovernedSeries]:
        """All of them."""
        yield from self.orders
        yield from self.held
        yield from self.repairs
        yield from self.series


def document(row: SQLModel, **more: Any) -> dict[str, Any]:
    """A row as JSON."""
    return {**row.model_dump(mode="json"), **more}


def by_key(session: Session, table: type[Of], source: GovernedSource, keys: Sequence[str]) -> dict[str, Of]:
    """Rows of a source."""
    found: dict[str, Of] = {}
    for some in _parts(keys):
        query = select(table).where(table.source_id == source.id, col(table.key).in_(some))
        found |= {row.key: row for row in session.exec(query)}
    return found


def replaced(
    session: Session, before: GovernedOrder | None, order: GovernedOrder, source: GovernedSource, now: datetime
) -> bool:
    """Whether it is new or says something else than before. The days in which it lies now and lay before are due."""
    order.source_id, order.taken_at = source.id or 0, now
    if source.kind != Kind.FILE:  # the rows of a file are judged together, once
        _due(session, source, order)
        _due(session, source, before or order)
    if before is None:
        session.add(order)
        return True
    before.raw_digest = order.raw_digest
    if all(getattr(before, name) == getattr(order, name) for name in SAID):
        return False
    old = document(before)
    session.add(GovernedVersion(order_id=before.id or 0, version=before.version, replaced_at=now, document=old))
    for name in SAID:
        setattr(before, name, getattr(order, name))
    before.version, before.taken_at, before.released = before.version + 1, now, False
    return True


def _due(session: Session, source: GovernedSource, order: GovernedOrder) -> None:
    session.merge(GovernedDue(source_id=source.id or 0, station=order.station, day=local_day(order.start)))


def pair(session: Session, orders: Sequence[GovernedOrder]) -> None:
    """Orders of several sources that tell of the same charge (number, and begin to a minute) point at the best one."""
    session.flush()
    kinds = {source.id: RANK[Kind(source.kind)] for source in session.exec(select(GovernedSource))}
    told: dict[str, list[GovernedOrder]] = {}
    for some in _parts(sorted({order.number for order in orders})):
        query = select(GovernedOrder).where(col(GovernedOrder.number).in_(some)).order_by(col(GovernedOrder.id))
        for order in session.exec(query):
            told.setdefault(order.number, []).append(order)
    for same in told.values():
        for order in same if len({one.source_id for one in same}) > 1 else ():
            better = [
                one
                for one in same
                if kinds[one.source_id] < kinds[order.source_id] and abs(one.start - order.start) <= SAME_BEGIN
            ]
            order.same_as = better[0].id if better else None


def put_beside(session: Session, source: GovernedSource, batch: Batch) -> None:
    """Repairs and series in place of those of the same orders before; a repair that was taken back stays on record."""
    keys = [order.key for order in batch.orders]
    for some in _parts(keys):
        mine, standing = col(GovernedRepair.source_id) == source.id, col(GovernedRepair.undone_at).is_(None)
        session.execute(delete(GovernedRepair).where(mine, col(GovernedRepair.key).in_(some), standing))
        session.execute(
            delete(GovernedSeries).where(col(GovernedSeries.source_id) == source.id, col(GovernedSeries.key).in_(some))
        )
    for row in (*batch.repairs, *batch.series):
        row.source_id = source.id or 0
    session.add_all([*batch.repairs, *batch.series])


def _parts(keys: Sequence[str]) -> Iterator[Sequence[str]]:
    return (keys[place : place + KEYS_AT_ONCE] for place in range(0, len(keys), KEYS_AT_ONCE))
