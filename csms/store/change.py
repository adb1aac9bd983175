"""A change to the database as a value: a statement with its rows, or metered samples, which have a way of their own.

Statements are built once per engine, so that SQLite and PostgreSQL get their own spelling of the same thing. Two
changes with the same statement object can be carried out together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

from msgspec import Struct
from sqlalchemy import Executable, Table, bindparam, delete, insert, update
from sqlalchemy.dialects import postgresql, sqlite

from csms.model.meter import Samples

Row = Mapping[str, Any]
KEY_PREFIX = "key_"
"""Parameters that pick the row of an UPDATE; its plain parameters are the new values."""


@dataclass(frozen=True, eq=False)
class Statement:
    """One statement for every engine."""

    build: Callable[[str], Executable]

    def sql(self, dialect: str) -> Executable:
        """The statement as the engine with this SQLAlchemy name takes it."""
        return _built(self, dialect)


class RowChange(Struct, frozen=True, gc=False):
    """One statement with its rows. Made by `changes` and `outbox`; opaque to everybody else."""

    statement: Statement
    rows: Sequence[Row]


class SampleBatch(Struct, frozen=True, gc=False):
    """Samples of one EVSE that came in one message.

    `transaction_id`: the station's word for a transaction that is not known; empty when `session_id` tells it.
    """

    station_id: str
    evse_id: int
    received_at: datetime
    samples: Samples
    session_id: int | None = None
    transaction_id: str = ""


class SampleChange(Struct, frozen=True, gc=False):
    """Store samples; those that are there already (same EVSE, time and quantity) are left as they are."""

    rows: Sequence[SampleBatch]


Change = RowChange | SampleChange


@cache
def _built(statement: Statement, dialect: str) -> Executable:
    return statement.build(dialect)


def _insert(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    return postgresql.insert(table) if dialect == "postgresql" else sqlite.insert(table)


def plain_insert(table: Table) -> Statement:
    """INSERT; a row that is there already is an error."""
    return Statement(lambda dialect: insert(table))


def insert_ignoring(table: Table, unique: Sequence[str]) -> Statement:
    """INSERT; a row whose `unique` columns are there already is left as it is."""
    return Statement(lambda d: _insert(table, d).on_conflict_do_nothing(index_elements=unique))


def upsert(table: Table, keys: Sequence[str], updated: Iterable[str] | None = None) -> Statement:
    """INSERT; where the `keys` are there already, set the `updated` columns (all others, if not given)."""
    columns = [column.name for column in table.columns if column.name not in keys] if updated is None else list(updated)

    def build(dialect: str) -> Executable:
        statement = _insert(table, dialect)
        new = {name: statement.excluded[name] for name in columns}
        return statement.on_conflict_do_update(index_elements=keys, set_=new)

    return Statement(build)


def update_where(table: Table, keys: Sequence[str]) -> Statement:
    """UPDATE of the row with these `keys`, handed in as `key_<name>`; all other parameters are the new values."""
    conditions = [table.columns[name] == bindparam(KEY_PREFIX + name) for name in keys]
    return Statement(lambda dialect: update(table).where(*conditions))


def delete_where(table: Table, keys: Sequence[str]) -> Statement:
    """DELETE of the rows with these `keys`, handed in as `key_<name>`."""
    conditions = [table.columns[name] == bindparam(KEY_PREFIX + name) for name in keys]
    return Statement(lambda dialect: delete(table).where(*conditions))


def merged(changes: Iterable[Change]) -> tuple[list[tuple[Statement, list[Row]]], list[SampleBatch]]:
    """Fewest steps that do the same: neighbours with one statement become one step; samples, which nothing refers to,
    are gathered apart."""
    steps: list[tuple[Statement, list[Row]]] = []
    samples: list[SampleBatch] = []
    for change in changes:
        if isinstance(change, SampleChange):
            samples.extend(change.rows)
        elif steps and steps[-1][0] is change.statement:
            steps[-1][1].extend(change.rows)
        elif change.rows:
            steps.append((change.statement, list(change.rows)))
    return steps, samples
