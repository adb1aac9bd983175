"""Statements as a database driver takes them: SQL text, and tuples in its order instead of dictionaries.

SQLAlchemy writes the text once; from then on nothing of it stands between a row and the driver.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import asyncpg
from sqlalchemy.dialects.sqlite import pysqlite
from sqlalchemy.sql.compiler import SQLCompiler

from csms.store.change import Row, Statement

_DIALECTS: dict[str, Callable[[], Dialect]] = {"sqlite": pysqlite.dialect, "postgresql": asyncpg.dialect}

_Values = list[tuple[Any, ...]]
_Take = Callable[[Row], Any]


@dataclass(frozen=True, slots=True)
class Compiled:
    """The text, and for each of its parameters how to take it out of a row."""

    sql: str
    takes: tuple[_Take, ...]

    def values(self, rows: Sequence[Row]) -> _Values:
        """One tuple for each row. Raises KeyError for a column that only the first row has."""
        return [tuple([take(row) for take in self.takes]) for row in rows]


def compiled(statement: Statement, engine: str, rows: Sequence[Row]) -> Compiled:
    """`statement` for rows that have the columns of the first one; `engine` is sqlite or postgresql."""
    return _compiled(statement, engine, tuple(rows[0]))


@cache
def _compiled(statement: Statement, engine: str, columns: tuple[str, ...]) -> Compiled:
    dialect = _DIALECTS[engine]()
    made = statement.sql(engine).compile(  # type: ignore[attr-defined]
        dialect=dialect,
        column_keys=list(columns),
        for_executemany=True,
    )
    assert isinstance(made, SQLCompiler)
    return Compiled(str(made), tuple(_take(made, name, dialect, columns) for name in made.positiontup or ()))


def _take(made: SQLCompiler, name: str, dialect: Dialect, columns: tuple[str, ...]) -> _Take:
    bound = made.binds[name]
    process = bound.type.dialect_impl(dialect).bind_processor(dialect)
    if name not in columns:
        constant = bound.effective_value
        constant = process(constant) if process else constant
        return lambda row: constant
    if process is None:
        return lambda row: row[name]
    return lambda row: process(row[name])
