"""What a database error means: is the database out of reach, is its disk full, or is one message to blame?"""

from __future__ import annotations

import errno
import sqlite3

from sqlalchemy.exc import DBAPIError

SQLITE_OUTAGES = frozenset(
    {
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)
"""Primary result codes (the low byte of the extended ones) that no other message would escape."""

POSTGRES_OUTAGES = ("08", "25006", "25P", "28", "3D", "42501", "53", "55P03", "57", "58", "XX")
"""SQLSTATE prefixes: connection, read-only, transaction ended by the server, log-in, database gone, privilege,
resources, lock not given in time, operator intervention, system, internal."""


NO_SPACE_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
NO_SPACE_SQLITE = frozenset({sqlite3.SQLITE_IOERR_WRITE, sqlite3.SQLITE_IOERR_SHMSIZE})
"""Extended codes of writes that the system cut short: a quota, a largest file size, no room for the shared index."""

NO_SPACE_POSTGRES = "53100"


def is_disk_full(error: BaseException) -> bool:
    """Whether the database failed because there is no space left for it."""
    cause = getattr(error, "orig", None) or error
    code = getattr(cause, "sqlite_errorcode", None)
    if code is not None:
        return code & 0xFF == sqlite3.SQLITE_FULL or code in NO_SPACE_SQLITE
    return getattr(cause, "errno", None) in NO_SPACE_ERRNOS or getattr(cause, "sqlstate", None) == NO_SPACE_POSTGRES


def is_outage(error: BaseException) -> bool:
    """Whether the database itself failed, so that trying the other messages is no use."""
    if isinstance(error, OSError) or (isinstance(error, DBAPIError) and error.connection_invalidated):
        return True
    cause = getattr(error, "orig", None) or error
    state = getattr(cause, "sqlstate", None) or ""
    return _sqlite_outage(cause) or state.startswith(POSTGRES_OUTAGES) or _driver_outage(cause)


def _sqlite_outage(error: BaseException) -> bool:
    code = getattr(error, "sqlite_errorcode", None)
    if code is None:
        return isinstance(error, sqlite3.ProgrammingError) and "closed database" in str(error)
    return code & 0xFF in SQLITE_OUTAGES


def _driver_outage(error: BaseException) -> bool:
    """What asyncpg raises by itself is about the connection, unless it is about a value; told without loading it."""
    ours = any(kind.__module__.startswith("asyncpg.") for kind in type(error).__mro__)
    return ours and not isinstance(error, ValueError) and getattr(error, "sqlstate", None) is None
