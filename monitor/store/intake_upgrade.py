"""Brings an intake file of an earlier version to the tables of this one. `PRAGMA user_version` says which one it is of.

It rises with every change of the tables. Columns and indexes that were added are found by comparison. Version 0 had one
result for each reconciliation, overwritten when it was asked again, and read the end of an order out of its JSON.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import Column, Connection, DefaultClause, inspect, text

from monitor.store.faults import TooNew
from monitor.store.tables import Intake

VERSION = 1
_SINCE_0 = (
    "UPDATE intake_order SET ended_local = coalesce(json_extract(content, '$.EndTime'), '') WHERE ended_local = ''",
    "DROP INDEX IF EXISTS evidence_record_thing",
)
_CHECKS = (
    "INSERT INTO intake_check_result"
    " (operator_id, business_id, content_sha256, received_at, listed, disputes, unlisted)"
    " SELECT operator_id, business_id, content_sha256, received_at, listed, disputes, unlisted FROM intake_check"
    " ORDER BY received_at, operator_id, business_id",
    "DROP TABLE intake_check",
)


def upgrade(connection: Connection) -> None:
    """Make the tables, or bring them to this version: whole or not at all, and once. Whoever else opens the file
    meanwhile waits, and finds it done. A file of this version is left alone. Raises TooNew."""
    if _version(connection) != VERSION:
        connection.commit()
        connection.exec_driver_sql("BEGIN IMMEDIATE")
        version = _version(connection)
        if version > VERSION:
            raise TooNew(f"intake.db is of version {version}; this program knows versions up to {VERSION}")
        if version < VERSION:
            _move(connection)
    connection.commit()


def _version(connection: Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA user_version").scalar_one())


def _move(connection: Connection) -> None:
    Intake.metadata.create_all(connection)
    _add_columns(connection)
    for change in (*_SINCE_0, *(_CHECKS if inspect(connection).has_table("intake_check") else ())):
        connection.execute(text(change))
    connection.exec_driver_sql(f"PRAGMA user_version = {VERSION}")


def _add_columns(connection: Connection) -> None:
    """Give tables of an earlier version the columns and indexes that were added since; old rows take the default."""
    for table in Intake.metadata.sorted_tables:
        there = {column["name"] for column in inspect(connection).get_columns(table.name)}
        for column in table.columns:
            if column.name not in there:
                kind = column.type.compile(connection.dialect)
                rest = "" if column.nullable else f" NOT NULL DEFAULT {_default(column, kind)}"
                connection.execute(text(f"ALTER TABLE {table.name} ADD COLUMN {column.name} {kind}{rest}"))
        for index in table.indexes:
            index.create(connection, checkfirst=True)


def _default(column: Column[Any], kind: str) -> str:
    if isinstance(column.server_default, DefaultClause):
        return f"'{column.server_default.arg}'"
    return "''" if kind.startswith("VARCHAR") else "0"
