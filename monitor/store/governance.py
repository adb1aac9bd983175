"""What was imported, from where, what was repaired, and what waits for a person: a SQLite file of its own.

An import is one transaction: a file is there whole or not at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any

from sqlalchemy import JSON, Column, Engine, create_engine, func
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col, select

from csms.security.files import private_files
from csms.store.times import Utc

FILE_NAME = "governance.db"


class State(StrEnum):
    """Of a row in quarantine."""

    HELD = "held"
    RELEASED = "released"
    DROPPED = "dropped"


class Governance(SQLModel, registry=registry()):
    """Base of the tables."""


class GovernedFile(Governance, table=True):
    """One imported file, with the mapping that it was read by."""

    __tablename__ = "governed_file"

    id: int | None = Field(default=None, primary_key=True)
    sha256: str = Field(unique=True)
    name: str
    mapping: str
    imported_at: datetime = Field(sa_type=Utc)


class GovernedOrder(Governance, table=True):
    """One fact; `file_id` and `line` say where from, `cause` which rule of physics doubts it (empty: none)."""

    __tablename__ = "governed_order"

    id: int | None = Field(default=None, primary_key=True)
    file_id: int = Field(foreign_key="governed_file.id", index=True)
    line: int
    number: str
    operator: str
    station: str
    connector: str
    start: datetime = Field(sa_type=Utc)
    end: datetime = Field(sa_type=Utc)
    energy_wh: float
    meter_start_wh: float | None = None
    meter_stop_wh: float | None = None
    fee_yuan: float | None = None
    cause: str = ""
    released: bool = False


class GovernedRepair(Governance, table=True):
    """What was done to a row that came: the rule, and what stood there before."""

    __tablename__ = "governed_repair"

    id: int | None = Field(default=None, primary_key=True)
    file_id: int = Field(foreign_key="governed_file.id", index=True)
    line: int
    rule: str
    detail: str


class QuarantinedRow(Governance, table=True):
    """A row that is no fact yet: what is wrong with it, and the row as it came."""

    __tablename__ = "quarantined_row"

    id: int | None = Field(default=None, primary_key=True)
    file_id: int = Field(foreign_key="governed_file.id", index=True)
    line: int
    faults: list[dict[str, str]] = Field(default_factory=list, sa_column=Column(JSON, nullable=False))
    raw: dict[str, str] = Field(default_factory=dict, sa_column=Column(JSON, nullable=False))
    state: str = State.HELD
    note: str = ""
    decided_at: datetime | None = Field(default=None, sa_type=Utc)


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

    def known(self, sha256: str) -> GovernedFile | None:
        """The import of a file with this content."""
        with self._session() as session:
            return session.exec(select(GovernedFile).where(GovernedFile.sha256 == sha256)).first()

    def take_in(
        self,
        file: GovernedFile,
        orders: Sequence[GovernedOrder],
        held: Sequence[QuarantinedRow],
        repairs: Sequence[GovernedRepair],
    ) -> None:
        """Keep a whole import, durable when this returns."""
        with self._session() as session:
            session.add(file)
            session.flush()
            for row in (*orders, *held, *repairs):
                row.file_id = file.id or 0
            session.add_all([*orders, *held, *repairs])

    def quarantine(self, state: State | None, limit: int) -> list[tuple[QuarantinedRow, str]]:
        """Rows with the names of their files, the oldest first."""
        query = (
            select(QuarantinedRow, GovernedFile.name).join(GovernedFile).order_by(col(QuarantinedRow.id)).limit(limit)
        )
        if state is not None:
            query = query.where(QuarantinedRow.state == state)
        with self._session() as session:
            return [(row, name) for row, name in session.exec(query).all()]

    def quarantined(self, number: int) -> tuple[QuarantinedRow, GovernedFile] | None:
        """One row with its file."""
        with self._session() as session:
            row = session.get(QuarantinedRow, number)
            file = session.get(GovernedFile, row.file_id) if row else None
            return (row, file) if row and file else None

    def decide(self, number: int, state: State, now: datetime, note: str, order: GovernedOrder | None = None) -> bool:
        """Drop a held row or release it as this order; False when somebody decided before."""
        with self._session() as session:
            row = session.get(QuarantinedRow, number)
            if row is None or row.state != State.HELD:
                return False
            row.state, row.decided_at, row.note = state, now, note
            if order is not None:
                order.file_id = row.file_id
                session.add(order)
            return True

    def orders(self, limit: int, *, doubted: bool = False) -> list[tuple[GovernedOrder, str]]:
        """Facts with the names of their files, as they came in; `doubted`: only those with a cause."""
        query = select(GovernedOrder, GovernedFile.name).join(GovernedFile).order_by(col(GovernedOrder.id)).limit(limit)
        if doubted:
            query = query.where(GovernedOrder.cause != "")
        with self._session() as session:
            return [(row, name) for row, name in session.exec(query).all()]

    def orders_after(self, after: int, limit: int) -> list[GovernedOrder]:
        """Facts by their number, behind one."""
        query = select(GovernedOrder).where(col(GovernedOrder.id) > after).order_by(col(GovernedOrder.id))
        with self._session() as session:
            return list(session.exec(query.limit(limit)).all())

    def repairs(self, limit: int) -> list[tuple[GovernedRepair, str]]:
        """What was repaired, with the names of the files, the newest first."""
        query = select(GovernedRepair, GovernedFile.name).join(GovernedFile)
        with self._session() as session:
            found = session.exec(query.order_by(col(GovernedRepair.id).desc()).limit(limit)).all()
            return [(row, name) for row, name in found]

    def counts(self) -> dict[str, int]:
        """Rows of each table."""
        with self._session() as session:
            return {
                str(table.__tablename__): session.exec(select(func.count()).select_from(table)).one()
                for table in (GovernedFile, GovernedOrder, GovernedRepair, QuarantinedRow)
            }


def open_governance(folder: Path) -> GovernanceStore:
    """Open the file in a folder, or begin one."""
    folder.mkdir(parents=True, exist_ok=True)
    with private_files():
        engine = create_engine(f"sqlite:///{folder / FILE_NAME}", connect_args={"timeout": 30})
        Governance.metadata.create_all(engine)
    return GovernanceStore(engine)


def document(row: SQLModel, **more: Any) -> dict[str, Any]:
    """A row as JSON."""
    return {**row.model_dump(mode="json"), **more}
