"""Database URLs: which engines there are, and what a SQLite file is opened with."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from csms.model.errors import CsmsError, StoreUnavailable

BUSY_TIMEOUT_S = 5.0
"""How long to wait for another process (a migration, a command line) that holds the file."""


WAL_PAGES = 4000
"""16 MiB of log before it is worked into the file: a page that many commits changed is then written once (a fifth less
CPU for each message than with SQLite's 1000)."""


class HasCursor(Protocol):
    """A connection of any SQLite driver."""

    def cursor(self) -> Any:
        """A new cursor."""
        ...


class DatabaseUnsupported(CsmsError):
    """The database URL names no engine that this version can use."""

    code = "database_unsupported"


def sqlite_path(url: str) -> Path:
    """The file behind `sqlite+aiosqlite:///path`. Raises DatabaseUnsupported for any other URL."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        raise DatabaseUnsupported("the database URL cannot be read; it reads like sqlite+aiosqlite:///path") from None
    if parsed.get_backend_name() != "sqlite" or parsed.database in (None, "", ":memory:"):
        named = parsed.render_as_string(hide_password=True)
        raise DatabaseUnsupported(f"the database must be a file, sqlite+aiosqlite:///path, not {named}")
    return Path(str(parsed.database))


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
