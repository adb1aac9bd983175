"""What a file of the platform can refuse, as errors with a code that say what to do; nobody above knows of SQL."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from csms.model.errors import CsmsError


class TooNew(ValueError):
    """The file was written by a later version, whose tables this one does not know."""


class StoreUnusable(CsmsError):
    """A database file cannot be read or written."""

    code = "store_unusable"
    advice = "look at the file and its folder"

    def __init__(self, file: Path, cause: object = "") -> None:
        super().__init__(f"{file}: {cause or self.code}; {self.advice}")
        self.file = file
        self.cause = str(cause)


class StoreLocked(StoreUnusable):
    """Another process holds the file for longer than was waited."""

    code = "store_locked"
    advice = "another process holds it: wait until that has ended, then try again"


class StoreDamaged(StoreUnusable):
    """The file is no database of this program, or damaged."""

    code = "store_damaged"
    advice = "it is no database of this program, or damaged: name another folder, or put back a copy"


class StoreReadOnly(StoreUnusable):
    """The file or its folder may not be written to, or not be read."""

    code = "store_no_access"
    advice = "this user may not open or write it: run the command as the owner of the folder"


class StoreFull(StoreUnusable):
    """The disk is full."""

    code = "store_full"
    advice = "the disk is full: make room, then try again"


_BY_RESULT = {
    sqlite3.SQLITE_BUSY: StoreLocked,
    sqlite3.SQLITE_LOCKED: StoreLocked,
    sqlite3.SQLITE_ERROR: StoreDamaged,
    sqlite3.SQLITE_CORRUPT: StoreDamaged,
    sqlite3.SQLITE_NOTADB: StoreDamaged,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreReadOnly,
    sqlite3.SQLITE_PERM: StoreReadOnly,
    sqlite3.SQLITE_FULL: StoreFull,
}
"""By SQLite's primary result code; `SQLITE_ERROR` is a table or column that is not there."""


@contextmanager
def coded(file: Path) -> Iterator[None]:
    """Whatever the database in `file` refuses within is raised as StoreUnusable."""
    try:
        yield
    except (DBAPIError, sqlite3.Error) as fault:
        cause = fault.orig if isinstance(fault, DBAPIError) else fault
        result = getattr(cause, "sqlite_errorcode", None)
        kind = StoreUnusable if result is None else _BY_RESULT.get(result & 0xFF, StoreUnusable)
        raise kind(file, cause) from fault
