"""Copies of a SQLite database, made while the server writes, and put back while it does not.

A copy is one moment of the database (VACUUM INTO reads in one transaction, beside the writer). It gets its name only
when it is whole, on disk, and found sound.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from csms.model.errors import CsmsError
from csms.store import migrate
from csms.store.urls import engine_name, set_pragmas, sqlite_path


class BackupRefused(CsmsError):
    """A copy cannot be made or used; the text says why and what to do."""

    code = "backup_refused"


@dataclass(frozen=True, slots=True)
class Restored:
    """The revision of what was put back, what was applied to it, and where the database from before lies now."""

    revision: str
    applied: list[str]
    kept: Path | None


def backup(url: str, target: Path, *, force: bool = False) -> int:
    """Copy the database to `target`; returns its bytes. Raises BackupRefused, OSError; `target` is then as before."""
    source = _file(url)
    if target.exists() and not force:
        raise BackupRefused(f"{target} exists already; choose another name or say --force")
    draft = target.with_name(target.name + ".partial")
    draft.unlink(missing_ok=True)
    try:
        with closing(_open(source)) as connection:
            connection.execute("VACUUM INTO ?", (str(draft),))
        _check_sound(draft)
        _sync(draft)
        draft.replace(target)
        _sync(target.parent)
    except sqlite3.Error as fault:
        raise BackupRefused(f"the database cannot be copied: {fault}") from fault
    finally:
        draft.unlink(missing_ok=True)
    return target.stat().st_size


def restore(source: Path, url: str, at: datetime, *, upgrade: bool = False) -> Restored:
    """Put a copy in the place of the database, which is kept beside it under a dated name.

    No server may use the database. Raises BackupRefused for what is no sound copy, or an older one without `upgrade`;
    SchemaOutdated for one of a newer program. The database is then as before.
    """
    place = _file(url, must_exist=False)
    if not source.is_file():
        raise BackupRefused(f"there is no file {source}")
    place.parent.mkdir(parents=True, exist_ok=True)
    draft = place.with_name(place.name + ".partial")
    try:
        shutil.copyfile(source, draft)
        revision, applied = _prepare(draft, upgrade)
        _sync(draft)
        kept = _put_aside(place, at)
        draft.replace(place)
        _sync(place.parent)
    finally:
        for name in ("", "-wal", "-shm"):
            draft.with_name(draft.name + name).unlink(missing_ok=True)
    return Restored(revision, applied, kept)


def _prepare(draft: Path, upgrade: bool) -> tuple[str, list[str]]:
    _check_sound(draft)
    url = f"sqlite+aiosqlite:///{draft}"
    revision, behind = migrate.current(url), migrate.pending(url)
    if revision is None:
        raise BackupRefused("the file is a database, but none of this program")
    if behind and not upgrade:
        raise BackupRefused(f"the copy has the older schema {revision}; say --migrate to bring it up to date")
    applied = migrate.upgrade(url) if behind else []
    _fold_in_log(draft)
    return revision, applied


def _put_aside(place: Path, at: datetime) -> Path | None:
    """The database from before, whole in one file."""
    if not place.exists():
        return None
    kept = place.with_name(f"{place.name}.before-{at:%Y%m%dT%H%M%SZ}")
    if kept.exists():
        raise BackupRefused(f"{kept} exists already; move it away first")
    _fold_in_log(place)
    place.replace(kept)
    for name in ("-wal", "-shm"):
        place.with_name(place.name + name).unlink(missing_ok=True)
    return kept


def _fold_in_log(path: Path) -> None:
    """Leave nothing of a database outside its file. One that cannot be opened is left as it is."""
    try:
        with closing(_open(path)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    except sqlite3.DatabaseError:
        return


def _check_sound(path: Path) -> None:
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
    except sqlite3.DatabaseError as fault:
        raise BackupRefused(f"{path.name} is no sound SQLite database: {fault}") from fault
    if found != ["ok"]:
        raise BackupRefused(f"{path.name} is damaged: {'; '.join(found)}")


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    set_pragmas(connection)
    return connection


def _file(url: str, must_exist: bool = True) -> Path:
    if engine_name(url) == "postgresql":
        raise BackupRefused(
            "PostgreSQL has tools of its own: pg_dump --format=custom --file FILE DATABASE, "
            "and pg_restore --clean --if-exists --dbname DATABASE FILE"
        )
    path = sqlite_path(url)
    if must_exist and not path.is_file():
        raise BackupRefused(f"there is no database {path}")
    return path


def _sync(path: Path) -> None:
    """On disk, not only in the system's memory; a folder keeps the names in it."""
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)
