"""Which databases can be named, and how a file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest
from sqlalchemy import create_engine

from csms.store.urls import DatabaseUnsupported, engine_name, postgres_url, set_pragmas, sqlite_path, sqlite_url


def test_the_file_of_a_url() -> None:
    assert sqlite_path("sqlite+aiosqlite:////var/lib/csms/csms.db") == Path("/var/lib/csms/csms.db")
    assert sqlite_path("sqlite+aiosqlite:///data/csms.db") == Path("data/csms.db")


@pytest.mark.parametrize(
    "url", ["", "nonsense", "sqlite+aiosqlite://", "sqlite+aiosqlite:///:memory:", "mysql://root:secret@host/db"]
)
def test_other_urls_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(DatabaseUnsupported) as caught:
        sqlite_path(url)
    assert caught.value.code == "database_unsupported"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "read"),
    [
        ("postgresql://u:p@h:5433/d", "postgresql+asyncpg://u:p@h:5433/d"),
        ("postgresql+asyncpg://u:p%40x@h/d?ssl=verify-full", "postgresql+asyncpg://u:p%40x@h/d?ssl=verify-full"),
        ("postgresql://h/d?sslmode=require", "postgresql+asyncpg://h/d?ssl=require"),
        ("postgresql://u@/d?host=/run/pg", "postgresql+asyncpg://u@/d?host=%2Frun%2Fpg"),
    ],
)
def test_the_ways_to_name_a_server(url: str, read: str) -> None:
    assert engine_name(url) == "postgresql"
    assert postgres_url(url).render_as_string(hide_password=False) == read


@pytest.mark.parametrize(
    "url",
    [
        "postgresql+psycopg://u:hush@h/d",
        "postgresql://u:hush@h",
        "postgresql://u:hush@h/d?keepalives=1",
        "postgresql://u:hush@h:port/d",
        "postgresql://h/d?password=hush",
        "mysql://u:hush@h/d",
    ],
)
def test_servers_that_cannot_be_named_so(url: str) -> None:
    with pytest.raises(DatabaseUnsupported) as caught:
        postgres_url(url)
    assert "hush" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_engines() -> None:
    assert engine_name("sqlite+aiosqlite:///a.db") == "sqlite"
    with pytest.raises(DatabaseUnsupported, match="postgresql") as caught:
        engine_name("mysql://u:hush@h/d")
    assert "hush" not in str(caught.value)


@pytest.mark.parametrize("name", ["plain.db", "with space.db", "100%.db", "what?.db", "a#b.db", "桩.db"])
def test_any_file_name_works(tmp_path: Path, name: str) -> None:
    engine = create_engine(sqlite_url(tmp_path / name, "sqlite", "rwc"))
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (a)")
    engine.dispose()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_pragmas(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "a.db")
    set_pragmas(connection, busy_timeout_s=1.5)
    found = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("journal_mode", "synchronous")]
    more = [connection.execute(f"PRAGMA {name}").fetchone()[0] for name in ("foreign_keys", "busy_timeout")]
    connection.close()
    assert (found, more) == (["wal", 2], [1, 1500])
