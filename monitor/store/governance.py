"""The one set of facts in a SQLite file of its own: what is known of each order, from where, what was repaired, what
waits for a person, what a day earned.

What is taken in together is one transaction: a file is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, func
from sqlmodel import Session, col, select
from sqlmodel.sql.expression import SelectOfScalar

from csms.security.files import private_files
from monitor.store.faults import coded
from monitor.store.governance_rows import KEYS_AT_ONCE, Batch, Of, by_key, document, pair, put_beside, replaced
from monitor.store.governance_tables import (
    GovernedDay,
    GovernedDue,
    GovernedOrder,
    GovernedRepair,
    GovernedSeries,
    GovernedSource,
    GovernedVersion,
    Kind,
    QuarantinedRow,
    State,
)
from monitor.store.governance_upgrade import opened

FILE_NAME = "governance.db"


class GovernanceStore:
    """Reads and writes the tables; `open_governance` makes one."""

    def __init__(self, engine: Engine, path: Path) -> None:
        self._engine = engine
        self._path = path

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """A transaction; what the file refuses is raised as StoreUnusable."""
        with coded(self._path), Session(self._engine, expire_on_commit=False) as session, session.begin():
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
        digest = digest_of(kind, name)
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
            pair(session, batch.orders)

    def go_on(self, source: GovernedSource, batch: Batch, read_to: datetime, now: datetime) -> int:
        """Keep what a source that goes on says now; how many orders are new or say something else than before.

        What an order said before is kept as a version. Rows that a person has decided on stay as decided.
        """
        with self._session() as session:
            known = by_key(session, GovernedOrder, source, [order.key for order in batch.orders])
            changed = [replaced(session, known.get(order.key), order, source, now) for order in batch.orders]
            put_beside(session, source, batch)
            for row in by_key(session, QuarantinedRow, source, [order.key for order in batch.orders]).values():
                if row.state == State.HELD:
                    row.state, row.decided_at = State.SETTLED, now
            waiting = by_key(session, QuarantinedRow, source, [row.key for row in batch.held])
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
            pair(session, batch.orders)
            return sum(changed)

    def digests(self, source: GovernedSource, keys: Sequence[str]) -> dict[str, str]:
        """By key what these orders were read from."""
        with self._session() as session:
            return {key: order.raw_digest for key, order in by_key(session, GovernedOrder, source, keys).items()}

    def seen_in_quarantine(self, source: GovernedSource, keys: Sequence[str]) -> dict[str, dict[str, str]]:
        """By key the rows that wait or were decided on by a person, as they came."""
        with self._session() as session:
            rows = by_key(session, QuarantinedRow, source, keys)
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
            order = by_key(session, GovernedOrder, source, [repair.key]).get(repair.key)
            if order is not None:
                order.raw_digest = ""
            there = session.get(GovernedSource, source.id)
            if there is not None and order is not None and there.read_to is not None:
                there.read_to = source.read_to = min(there.read_to, order.start)
            return repair, source

    def due(self, source: GovernedSource) -> list[GovernedDue]:
        """Days of a source that have to be judged."""
        query = select(GovernedDue).where(GovernedDue.source_id == source.id)
        with self._session() as session:
            return list(session.exec(query.order_by(GovernedDue.station, GovernedDue.day)).all())

    def judged(
        self, due: GovernedDue, operator: str, causes: Iterable[tuple[int, str]], scores: Iterable[GovernedDay]
    ) -> None:
        """A day is judged: by number of an order the rule that doubts it (empty for none), and its score in place of
        the one before. A day that holds no orders any more has none.
        """
        with self._session() as session:
            for number, cause in causes:
                if (order := session.get(GovernedOrder, number)) is not None:
                    order.cause = cause
            before = GovernedDay.operator == operator, GovernedDay.station == due.station, GovernedDay.day == due.day
            for row in session.exec(select(GovernedDay).where(*before)).all():
                session.delete(row)
            session.flush()
            session.add_all(scores)
            done = session.get(GovernedDue, (due.source_id, due.station, due.day))
            if done is not None:
                session.delete(done)

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
                before = by_key(session, GovernedOrder, source, [row.key]).get(row.key)
                replaced(session, before, order, source, now)
                made = before or order
                made.released = True
                pair(session, [made])
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
            series = select(GovernedSeries).where(
                GovernedSeries.source_id == source.id, GovernedSeries.key == order.key
            )
            versions = select(GovernedVersion).where(GovernedVersion.order_id == number)
            released = select(QuarantinedRow).where(
                QuarantinedRow.source_id == source.id, QuarantinedRow.key == order.key
            )
            return {
                "order": document(order),
                "source": document(source),
                "repairs": [document(row) for row in session.exec(repairs)],
                "series": [document(row) for row in session.exec(series.order_by(GovernedSeries.measurand))],
                "versions": [document(row) for row in session.exec(versions.order_by(col(GovernedVersion.version)))],
                "quarantine": [document(row) for row in session.exec(released)],
            }

    def facts_of(self, kind: Kind, keys: Sequence[str], name: str = "") -> dict[str, GovernedOrder]:
        """What a source tells, by key."""
        source = self.known(digest_of(kind, name))
        with self._session() as session:
            return by_key(session, GovernedOrder, source, keys) if source else {}

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


def digest_of(kind: Kind, name: str = "") -> str:
    """Of a source that goes on."""
    return f"{kind} {name}".strip()


def open_governance(folder: Path) -> GovernanceStore:
    """Open the file in a folder, or begin one; one of an earlier version is brought up to this one. Raises TooNew,
    StoreUnusable for one that is held by somebody else or damaged."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE_NAME
    with private_files(), coded(path):
        return GovernanceStore(opened(path), path)
