"""Brings a database to the schema of this program. Alembic is loaded only when there is something to do.

All pending revisions run in one transaction: a database is at the old schema or at the new one, never between.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, NullPool, create_engine, event, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.pool import ConnectionPoolEntry

from csms.model.errors import CsmsError, StoreUnavailable
from csms.store.migrations import HEAD
from csms.store.urls import make_folder, set_pragmas, sqlite_path, sqlite_url

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"


class SchemaOutdated(CsmsError):
    """The tables are not those of this program; run `csms db migrate`."""

    code = "schema_outdated"


def current(url: str) -> str | None:
    """The revision of the database; None for an empty or missing one. Raises StoreUnavailable."""
    if not sqlite_path(url).exists():
        return None
    with _connection(url, "rw") as connection:
        return _revision(connection)


def pending(url: str) -> list[str]:
    """Revisions that `upgrade` would apply, oldest first. Raises SchemaOutdated for a newer database."""
    return _after(current(url))


def check(url: str) -> None:
    """Raises SchemaOutdated unless the database has exactly the schema of this program."""
    found = current(url)
    if found == HEAD:
        return
    steps = len(_after(found))
    raise SchemaOutdated(f"the database is {steps} revision(s) behind this program; run: csms db migrate")


def upgrade(url: str) -> list[str]:
    """Apply what is pending; returns the revisions applied. Two at once: the second waits and finds nothing to do.

    Raises SchemaOutdated for a database newer than this program, StoreUnavailable when the file cannot be written.
    """
    if not pending(url):
        return []
    make_folder(sqlite_path(url))
    with _connection(url, "rwc") as connection:
        applied = _after(_revision(connection))
        if applied:
            _run(connection)
        return applied


def _run(connection: Connection) -> None:
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, "head")


def _after(revision: str | None) -> list[str]:
    if revision == HEAD:
        return []
    from alembic.script import ScriptDirectory

    known = [script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()][::-1]
    if revision is not None and revision not in known:
        raise SchemaOutdated(
            f"the database has revision {revision}, which this program does not know: it is newer. "
            "Update the program; csms db migrate cannot go back"
        )
    return known[known.index(revision) + 1 :] if revision else known


def _config() -> Config:
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(FOLDER).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config


def _revision(connection: Connection) -> str | None:
    try:
        found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    except OperationalError as error:
        if "no such table" in str(error.orig):
            return None
        raise
    return None if found is None else str(found)


@contextmanager
def _connection(url: str, mode: str) -> Iterator[Connection]:
    """One transaction that holds the write lock from its first moment, DDL included."""
    engine = create_engine(sqlite_url(sqlite_path(url), "sqlite", mode), poolclass=NullPool)

    @event.listens_for(engine, "connect")
    def connected(connection: DBAPIConnection, entry: ConnectionPoolEntry) -> None:
        set_pragmas(connection)
        connection.isolation_level = None

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE" if mode == "rwc" else "BEGIN")

    try:
        with engine.begin() as connection:
            yield connection
    except (SQLAlchemyError, OSError) as error:
        raise StoreUnavailable(f"the database cannot be opened: {getattr(error, 'orig', error)}") from error
    finally:
        engine.dispose()
