"""Database URLs: which engines there are, and what they are opened with. No error here tells a password."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, Protocol
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from csms.model.errors import CsmsError, StoreUnavailable

BUSY_TIMEOUT_S = 5.0
"""How long to wait for another process (a migration, a command line) that holds the file."""


WAL_PAGES = 4000
"""16 MiB of log before it is worked into the file: a page that many commits changed is then written once (a fifth less
CPU for each message than with SQLite's 1000)."""

CONNECT_TIMEOUT_S = 10.0
"""How long a server may take to accept a connection."""

READING = "sqlite+aiosqlite:///path or postgresql+asyncpg://user:password@host:port/database"

_POSTGRES_DRIVERS = ("postgresql", "postgresql+asyncpg")
_POSTGRES_OPTIONS = frozenset({"host", "port", "ssl", "sslmode", "target_session_attrs"})


class HasCursor(Protocol):
    """A connection of any SQLite driver."""

    def cursor(self) -> Any:
        """A new cursor."""
        ...


class DatabaseUnsupported(CsmsError):
    """The database URL names no engine that this version can use."""

    code = "database_unsupported"


def engine_name(url: str) -> Literal["sqlite", "postgresql"]:
    """Which engine a URL names. Raises DatabaseUnsupported."""
    parsed = _parsed(url)
    if parsed.drivername in _POSTGRES_DRIVERS:
        return "postgresql"
    if parsed.get_backend_name() == "sqlite":
        return "sqlite"
    raise DatabaseUnsupported(f"the database URL reads like {READING}, not {_told(parsed)}")


def sqlite_path(url: str) -> Path:
    """The file behind `sqlite+aiosqlite:///path`. Raises DatabaseUnsupported for any other URL."""
    parsed = _parsed(url)
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        raise DatabaseUnsupported(f"the database must be a file, sqlite+aiosqlite:///path, not {_told(parsed)}")
    return Path(str(parsed.database))


def postgres_url(url: str) -> URL:
    """`postgresql+asyncpg://...` as SQLAlchemy takes it; without a driver, and with `sslmode` as other clients say it.

    Raises DatabaseUnsupported for another engine, for an option that means nothing here and without a database name.
    """
    parsed = _parsed(url)
    unknown = set(parsed.query) - _POSTGRES_OPTIONS
    if parsed.drivername not in _POSTGRES_DRIVERS or not parsed.database:
        raise DatabaseUnsupported(f"the database URL reads like {READING}, not {_told(parsed)}")
    if unknown:
        raise DatabaseUnsupported(f"the database URL has an unknown option: {', '.join(sorted(unknown))}")
    query = {"ssl" if name == "sslmode" else name: value for name, value in parsed.query.items()}
    return parsed.set(drivername="postgresql+asyncpg", query=query)


def _parsed(url: str) -> URL:
    try:
        return make_url(url)
    except (ArgumentError, ValueError):
        raise DatabaseUnsupported(f"the database URL cannot be read; it reads like {READING}") from None


def _told(url: URL) -> str:
    """Options may hold a password as well."""
    return url.set(query={}).render_as_string(hide_password=True)


def make_folder(path: Path) -> None:
    """Make the folder of a database file. Raises StoreUnavailable."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(f"the folder of the database cannot be made: {error}") from error


def sqlite_url(path: Path, driver: str, mode: str) -> URL:
    """A SQLAlchemy URL that opens the file with `mode` ro, rw (it must exist) or rwc (made when missing)."""
    name = f"file:{quote(str(path.absolute()))}"
    return URL.create(driver, database=name, query={"mode": mode, "uri": "true"})


def set_pragmas(connection: HasCursor, busy_timeout_s: float = BUSY_TIMEOUT_S) -> None:
    """What every SQLite connection needs; synchronous=FULL makes a commit survive a loss of power (hot-path 4.4)."""
    cursor = connection.cursor()
    try:
        for pragma in (
            f"busy_timeout={int(busy_timeout_s * 1000)}",
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"wal_autocheckpoint={WAL_PAGES}",
        ):
            cursor.execute(f"PRAGMA {pragma}")
    finally:
        cursor.close()
