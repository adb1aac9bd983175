"""Outages against guilty messages, told from real errors of SQLite."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine
from sqlalchemy.exc import DBAPIError, IntegrityError, OperationalError, StatementError

from csms.store.faults import is_outage


def error_of(path: Path, statement: str, mode: str = "rwc") -> DBAPIError:
    engine = create_engine(f"sqlite:///file:{path}?mode={mode}&uri=true", connect_args={"timeout": 0})
    try:
        with pytest.raises(DBAPIError) as caught, engine.begin() as connection:
            connection.exec_driver_sql(statement)
    finally:
        engine.dispose()
    return caught.value


def test_a_missing_file_is_an_outage(tmp_path: Path) -> None:
    assert is_outage(error_of(tmp_path / "missing.db", "SELECT 1", mode="rw"))


def test_a_file_that_is_no_database_is_an_outage(tmp_path: Path) -> None:
    (tmp_path / "a.db").write_text("not a database, but long enough to have a header of one" * 20)
    assert is_outage(error_of(tmp_path / "a.db", "SELECT * FROM t"))


def test_a_locked_file_is_an_outage(tmp_path: Path) -> None:
    holder = sqlite3.connect(tmp_path / "a.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    try:
        error = error_of(tmp_path / "a.db", "CREATE TABLE t (a)")
    finally:
        holder.close()
    assert is_outage(error)


def test_a_wrong_statement_and_a_broken_rule_are_the_messages_fault(tmp_path: Path) -> None:
    wrong = error_of(tmp_path / "a.db", "INSERT INTO nowhere VALUES (1)")
    assert not is_outage(wrong)
    assert not is_outage(IntegrityError("", None, sqlite3.IntegrityError()))
    assert not is_outage(StatementError("", "", None, ValueError()))
    assert not is_outage(OverflowError())


@pytest.mark.parametrize(("state", "outage"), [("08006", True), ("53100", True), ("25006", True), ("23505", False)])
def test_postgres_tells_by_its_state(state: str, outage: bool) -> None:
    cause = Exception()
    cause.sqlstate = state  # type: ignore[attr-defined]
    assert is_outage(OperationalError("", None, cause)) is outage


def test_an_error_of_the_system_is_an_outage() -> None:
    assert is_outage(OSError())
