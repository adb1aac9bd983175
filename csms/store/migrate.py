"""Brings a database to the schema of this program. Alembic is loaded only when there is something to do.

All pending revisions run in one transaction: a database is at the old schema or at the new one, never between.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from csms.model.errors import CsmsError
from csms.store import schema
from csms.store.migrations import HEAD

if TYPE_CHECKING:
    from alembic.config import Config

FOLDER = Path(__file__).parent / "migrations"


class SchemaOutdated(CsmsError):
    """The tables are not those of this program; run `csms db migrate`."""

    code = "schema_outdated"


def current(url: str) -> str | None:
    """The revision of the database; None for an empty or missing one. Raises StoreUnavailable."""
    return schema.look(url, schema.revision)


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

    Raises SchemaOutdated for a database newer than this program, StoreUnavailable when the database cannot be written.
    """
    return schema.change(url, _apply) if pending(url) else []


def _apply(connection: Connection) -> list[str]:
    applied = _after(schema.revision(connection))
    if applied:
        run(connection, "head")
    return applied


def run(connection: Connection, revision: str) -> None:
    """Bring an open transaction to a revision."""
    from alembic import command

    config = _config()
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


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
