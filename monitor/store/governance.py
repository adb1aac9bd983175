"""The one set of facts in a SQLite file of its own: what is known of each order, from where, what was repaired, what
waits for a person, what a day earned.

What is taken in together is one transaction: a file is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Engine, delete, func
from sqlmodel import Session, SQLModel, col, select
from sqlmodel.sql.expression import SelectOfScalar

from csms.security.files import private_files
from monitor.store.faults import coded
from monitor.store.governance_tables import (
    GovernedDay,
    GovernedOrder,
    GovernedRepair,
    GovernedSource,
    GovernedVersion,
    Kind,
    QuarantinedRow,
    State,
)
from monitor.store.governance_upgrade import opened

FILE_NAME = "governance.db"
KEYS_AT_ONCE = 500
"""SQLite takes 999 values in one query."""

RANK = {Kind.STATIONS: 0, Kind.PARTNER: 1, Kind.FILE: 2}
"""Whom to believe first about the same charge."""
SAME_BEGIN = timedelta(minutes=1)

SAID = (
    *("number", "station", "connector", "start", "end", "energy_wh", "meter_start_wh", "meter_stop_wh", "fee_yuan"),
    *("price_yuan_per_kwh", "periods", "user_hash", "vehicle_hash"),
)
"""What an order says; the rest is about it."""
Of = TypeVar("Of", GovernedOrder, GovernedRepair, QuarantinedRow)


@dataclass(slots=True)
class Batch:
    """What was read of a source together."""

    orders: list[GovernedOrder] = field(default_factory=list)
    held: list[QuarantinedRow] = field(default_factory=list)
    repairs: list[GovernedRepair] = field(default_factory=list)

    def rows(self) -> Iterator[GovernedOrder | QuarantinedRow | GovernedRepair]:
        """All of them."""
        yield from self.orders
        yield from self.held
        yield from self.repairs


class GovernanceStore:
    """Reads and writes the tables; `open_governance` makes one."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with Session(self._engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        """Close the file."""
        self._engine.dispose()

    def known(self, digest: str) -> GovernedSource | None:
        """The source with this digest."""
        with self._session() as session:
            return session.exec(select(GovernedSource).where(GovernedSource.digest == digest)).first()

    def source(self, kind: Kind, name: str, now: datetime) -> GovernedSource:
        """A source that goes on; made when it is not there yet."""
        digest = f"{kind} {name}".strip()
        found = self.known(digest)
        if found is None:
            found = GovernedSource(kind=kind, digest=digest, name=name or str(kind), taken_at=now)
            with self._session() as session:
                session.add(found)
        return found

    def take_in(self, source: GovernedSource, batch: Batch) -> None:
        """Keep a new source with all that it says, durable when this returns."""
        with self._session() as session:
            session.add(source)
            session.flush()
            for row in batch.rows():
                row.source_id = source.id or 0
            session.add_all(batch.rows())
            _pair(session, batch.orders)

    def go_on(self, source: GovernedSource, batch: Batch, read_to: datetime, now: datetime) -> int:
        """Keep what a source that goes on says now; how many orders are new or say something else than before.

        What an order said before is kept as a version. Rows that a person has decided on stay as decided.
        """
        with self._session() as session:
            known = _by_key(session, GovernedOrder, source, [order.key for order in batch.orders])
            changed = [_replaced(session, known.get(order.key), order, source, now) for order in batch.orders]
            _put_repairs(session, source, batch)
            for row in _by_key(session, QuarantinedRow, source, [order.key for order in batch.orders]).values():
                if row.state == State.HELD:
                    row.state, row.decided_at = State.SETTLED, now
            waiting = _by_key(session, QuarantinedRow, source, [row.key for row in batch.held])
            for row in batch.held:
                row.source_id = source.id or 0
                before = waiting.get(row.key)
                if before is None:
                    session.add(row)
                elif before.state in {State.HELD, State.SETTLED}:
                    before.state, before.decided_at = State.HELD, None
                    before.faults, before.raw = row.faults, row.raw
            there = session.get(GovernedSource, source.id)
            if there is not None:
                there.read_to = source.read_to = read_to
            _pair(session, batch.orders)
            return sum(changed)

    def digests(self, source: GovernedSource, keys: Sequence[str]) -> dict[str, str]:
        """By key what these orders were read from."""
        with self._session() as session:
            return {key: order.raw_digest for key, order in _by_key(session, GovernedOrder, source, keys).items()}

    def seen_in_quarantine(self, source: GovernedSource, keys: Sequence[str]) -> dict[str, dict[str, str]]:
        """By key the rows that wait or were decided on by a person, as they came."""
        with self._session() as session:
            rows = _by_key(session, QuarantinedRow, source, keys)
            return {key: row.raw for key, row in rows.items() if row.state != State.SETTLED}

    def undone(self, source: GovernedSource) -> set[tuple[str, str]]:
        """Key and rule of the repairs that are not to be made."""
        query = select(GovernedRepair).where(
            GovernedRepair.source_id == source.id, col(GovernedRepair.undone_at).is_not(None)
        )
        with self._session() as session:
            return {(row.key, row.rule) for row in session.exec(query)}

    def undo(self, number: int, now: datetime, note: str) -> tuple[GovernedRepair, GovernedSource] | None:
        """Take a repair back: its order is to be read anew without it. None for one that is not there, was taken back
        before, or was made in a file, whose rows are read once.
        """
        with self._session() as session:
            repair = session.get(GovernedRepair, number)
            source = session.get(GovernedSource, repair.source_id) if repair else None
            if repair is None or source is None or repair.undone_at is not None or source.kind == Kind.FILE:
                return None
            repair.undone_at, repair.note = now, note
            order = _by_key(session, GovernedOrder, source, [repair.key]).get(repair.key)
            if order is not None:
                order.raw_digest = ""
            there = session.get(GovernedSource, source.id)
            if there is not None and order is not None and there.read_to is not None:
                there.read_to = source.read_to = min(there.read_to, order.start)
            return repair, source

    def doubt(self, causes: Iterable[tuple[int, str]]) -> None:
        """By number of an order the rule that doubts it, empty for none."""
        with self._session() as session:
            for number, cause in causes:
                if (order := session.get(GovernedOrder, number)) is not None:
                    order.cause = cause

    def keep_days(self, days: Iterable[GovernedDay]) -> None:
        """Scores, in place of those of the same station and day."""
        with self._session() as session:
            for day in days:
                session.merge(day)

    def days(self, limit: int, *, operator: str | None = None, station: str | None = None) -> list[GovernedDay]:
        """Scores, the newest day first."""
        query = select(GovernedDay).order_by(col(GovernedDay.day).desc(), col(GovernedDay.station)).limit(limit)
        if operator is not None:
            query = query.where(GovernedDay.operator == operator)
        if station is not None:
            query = query.where(GovernedDay.station == station)
        with self._session() as session:
            return list(session.exec(query).all())

    def last_days(self, span: int, *, operator: str | None = None, station: str | None = None) -> list[GovernedDay]:
        """Scores of so many days up to the newest that these stations have."""
        newest = self.days(1, operator=operator, station=station)
        if not newest:
            return []
        since = (date.fromisoformat(newest[0].day) - timedelta(days=span - 1)).isoformat()
        query = select(GovernedDay).where(GovernedDay.day >= since)
        if operator is not None:
            query = query.where(GovernedDay.operator == operator)
        if station is not None:
            query = query.where(GovernedDay.station == station)
        with self._session() as session:
            return list(session.exec(query).all())

    def quarantine(self, state: State | None, limit: int) -> list[tuple[QuarantinedRow, str]]:
        """Rows with the names of their sources, the oldest first."""
        query = select(QuarantinedRow).order_by(col(QuarantinedRow.id)).limit(limit)
        if state is not None:
            query = query.where(QuarantinedRow.state == state)
        return self._named(query)

    def quarantined(self, number: int) -> tuple[QuarantinedRow, GovernedSource] | None:
        """One row with its source."""
        with self._session() as session:
            row = session.get(QuarantinedRow, number)
            source = session.get(GovernedSource, row.source_id) if row else None
            return (row, source) if row and source else None

    def decide(self, number: int, state: State, now: datetime, note: str, order: GovernedOrder | None = None) -> bool:
        """Drop a held row or release it as this order, in place of what its source said before; False when somebody
        decided before.
        """
        with self._session() as session:
            row = session.get(QuarantinedRow, number)
            if row is None or row.state != State.HELD:
                return False
            row.state, row.decided_at, row.note = state, now, note
            source = session.get(GovernedSource, row.source_id)
            if order is not None and source is not None:
                before = _by_key(session, GovernedOrder, source, [row.key]).get(row.key)
                _replaced(session, before, order, source, now)
                if before is not None:
                    before.released = True
            return True

    def orders(self, limit: int, *, doubted: bool = False, kind: Kind | None = None) -> list[tuple[GovernedOrder, str]]:
        """Facts with the names of their sources, as they came in; `doubted`: only those with a cause."""
        query = select(GovernedOrder).order_by(col(GovernedOrder.id)).limit(limit)
        if doubted:
            query = query.where(GovernedOrder.cause != "")
        if kind is not None:
            query = query.join(GovernedSource).where(GovernedSource.kind == kind)
        return self._named(query)

    def pages(self) -> Iterator[list[dict[str, Any]]]:
        """All facts with kind and name of their source, by their number."""
        after = 0
        while True:
            query = select(GovernedOrder, GovernedSource).join(GovernedSource)
            query = query.where(col(GovernedOrder.id) > after).order_by(col(GovernedOrder.id)).limit(KEYS_AT_ONCE)
            with self._session() as session:
                rows = session.exec(query).all()
            if not rows:
                return
            after = rows[-1][0].id or 0
            yield [{**order.model_dump(), "source_kind": of.kind, "source": of.name} for order, of in rows]

    def beside(self, station: str, begin: datetime, end: datetime) -> list[GovernedOrder]:
        """Orders of a station that lie at least partly in a span, by their begin."""
        query = select(GovernedOrder).where(
            GovernedOrder.station == station, col(GovernedOrder.end) >= begin, GovernedOrder.start <= end
        )
        with self._session() as session:
            return list(session.exec(query.order_by(col(GovernedOrder.start), col(GovernedOrder.id))).all())

    def lineage(self, number: int) -> dict[str, Any] | None:
        """The story of an order: what it says, from where, what was repaired, and what it said before."""
        with self._session() as session:
            order = session.get(GovernedOrder, number)
            source = session.get(GovernedSource, order.source_id) if order else None
            if order is None or source is None:
                return None
            repairs = select(GovernedRepair).where(
                GovernedRepair.source_id == source.id, GovernedRepair.key == order.key
            )
            versions = select(GovernedVersion).where(GovernedVersion.order_id == number)
            released = select(QuarantinedRow).where(
                QuarantinedRow.source_id == source.id, QuarantinedRow.key == order.key
            )
            return {
                "order": document(order),
                "source": document(source),
                "repairs": [document(row) for row in session.exec(repairs)],
                "versions": [document(row) for row in session.exec(versions.order_by(col(GovernedVersion.version)))],
                "quarantine": [document(row) for row in session.exec(released)],
            }

    def orders_after(self, after: int, limit: int, kind: Kind) -> list[GovernedOrder]:
        """Facts of a kind of source by their number, behind one."""
        query = select(GovernedOrder).join(GovernedSource).where(GovernedSource.kind == kind)
        query = query.where(col(GovernedOrder.id) > after).order_by(col(GovernedOrder.id))
        with self._session() as session:
            return list(session.exec(query.limit(limit)).all())

    def repairs(self, limit: int) -> list[tuple[GovernedRepair, str]]:
        """What was repaired, with the names of the sources, the newest first."""
        return self._named(select(GovernedRepair).order_by(col(GovernedRepair.id).desc()).limit(limit))

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        with self._session() as session:
            return {
                str(table.__tablename__): session.exec(select(func.count()).select_from(table)).one()
                for table in (GovernedSource, GovernedOrder, GovernedRepair, QuarantinedRow)
            }

    def _named(self, query: SelectOfScalar[Of]) -> list[tuple[Of, str]]:
        with self._session() as session:
            names = {source.id: source.name for source in session.exec(select(GovernedSource))}
            return [(row, names[row.source_id]) for row in session.exec(query).all()]


def _by_key(session: Session, table: type[Of], source: GovernedSource, keys: Sequence[str]) -> dict[str, Of]:
    found: dict[str, Of] = {}
    for place in range(0, len(keys), KEYS_AT_ONCE):
        some = col(table.key).in_(keys[place : place + KEYS_AT_ONCE])
        found |= {row.key: row for row in session.exec(select(table).where(table.source_id == source.id, some))}
    return found


def _replaced(
    session: Session, before: GovernedOrder | None, order: GovernedOrder, source: GovernedSource, now: datetime
) -> bool:
    """Whether it is new or says something else than before."""
    order.source_id, order.taken_at = source.id or 0, now
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
    before.version, before.taken_at = before.version + 1, now
    return True


def _pair(session: Session, orders: Sequence[GovernedOrder]) -> None:
    """Orders of several sources that tell of the same charge (number, and begin to a minute) point at the best one."""
    session.flush()
    kinds = {source.id: RANK[Kind(source.kind)] for source in session.exec(select(GovernedSource))}
    numbers = sorted({order.number for order in orders})
    told: dict[str, list[GovernedOrder]] = {}
    for place in range(0, len(numbers), KEYS_AT_ONCE):
        some = col(GovernedOrder.number).in_(numbers[place : place + KEYS_AT_ONCE])
        for order in session.exec(select(GovernedOrder).where(some).order_by(col(GovernedOrder.id))):
            told.setdefault(order.number, []).append(order)
    for same in told.values():
        for order in same if len({one.source_id for one in same}) > 1 else ():
            better = [
                one
                for one in same
                if kinds[one.source_id] < kinds[order.source_id] and abs(one.start - order.start) <= SAME_BEGIN
            ]
            order.same_as = better[0].id if better else None


def _put_repairs(session: Session, source: GovernedSource, batch: Batch) -> None:
    """In place of what was repaired in the same orders before; what was taken back stays on record."""
    keys = [order.key for order in batch.orders]
    for place in range(0, len(keys), KEYS_AT_ONCE):
        some = col(GovernedRepair.key).in_(keys[place : place + KEYS_AT_ONCE])
        standing = col(GovernedRepair.undone_at).is_(None)
        mine = col(GovernedRepair.source_id) == source.id
        session.execute(delete(GovernedRepair).where(mine, some, standing))
    for repair in batch.repairs:
        repair.source_id = source.id or 0
    session.add_all(batch.repairs)


def open_governance(folder: Path) -> GovernanceStore:
    """Open the file in a folder, or begin one; one of an earlier version is brought up to this one. Raises TooNew,
    StoreUnusable for one that is held by somebody else or damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    with private_files(), coded(folder / FILE_NAME):
        return GovernanceStore(opened(folder / FILE_NAME))


def document(row: SQLModel, **more: Any) -> dict[str, Any]:
    """A row as JSON."""
    return {**row.model_dump(mode="json"), **more}
