"""Copies: made beside a writer, whole or not at all; put back with the old database kept."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import system_clock
from csms.store import changes, migrate, schema
from csms.store.backup import BackupRefused, backup, restore
from csms.store.engine import Store, open_store
from csms.store.tables import Station
from csms.store.verify import verify
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
Maker = Callable[..., dict[str, Any]]


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


def values(path: Path) -> list[float]:
    with closing(sqlite3.connect(path)) as connection:
        return sorted(value for (value,) in connection.execute("SELECT value FROM sample"))


def left_over(folder: Path) -> list[Path]:
    return [file for file in folder.iterdir() if "before" in file.name or "partial" in file.name]


async def filled(url: str, *numbers: int) -> None:
    store = await open_store(url, system_clock(), upgrade=True)
    row = {"station_id": "A", "evse_id": 1, "received_at": NOON, "measurand": "Power", "unit": "W"}
    rows = [{**row, "time": NOON + timedelta(seconds=n), "value": float(n)} for n in numbers]
    await store.writer.commit([changes.put_station(Station(id="A")), add_samples(rows)])
    await store.close()


async def test_a_copy_made_while_writing_holds_all_that_was_acknowledged_before(
    url: str, store: Store, sample: Maker, tmp_path: Path
) -> None:
    acknowledged: list[int] = []

    async def write() -> None:
        for number in range(100_000):
            await store.writer.commit([add_samples([sample(number)])])
            acknowledged.append(number)

    writing = asyncio.create_task(write())
    for _ in range(1000):
        if len(acknowledged) >= 50:
            break
        await asyncio.sleep(0.01)
    before = len(acknowledged)
    await asyncio.to_thread(backup, url, tmp_path / "copy.db")
    after = len(acknowledged)
    writing.cancel()
    kept = values(tmp_path / "copy.db")
    assert kept[:before] == [float(number) for number in range(before)]
    assert len(kept) <= after + 1
    assert kept == [float(number) for number in range(len(kept))]
    assert all(check.ok for check in verify(f"sqlite+aiosqlite:///{tmp_path / 'copy.db'}"))


async def test_round_trip_keeps_the_old_database(url: str, tmp_path: Path) -> None:
    await filled(url, 1, 2)
    size = backup(url, tmp_path / "copy.db")
    assert size == (tmp_path / "copy.db").stat().st_size > 0
    await filled(url, 3)
    done = restore(tmp_path / "copy.db", url, NOON)
    assert (done.applied, done.kept) == ([], path_of(url).with_name("csms.db.before-20260101T120000Z"))
    assert values(path_of(url)) == [1.0, 2.0]
    assert done.kept is not None
    assert values(done.kept) == [1.0, 2.0, 3.0]
    store = await open_store(url, system_clock())
    assert (await store.reader.counts())["samples"] == 2
    await store.close()


async def test_into_an_empty_place(url: str, tmp_path: Path) -> None:
    await filled(url, 1)
    backup(url, tmp_path / "copy.db")
    elsewhere = f"sqlite+aiosqlite:///{tmp_path / 'new' / 'csms.db'}"
    assert restore(tmp_path / "copy.db", elsewhere, NOON).kept is None
    assert values(tmp_path / "new" / "csms.db") == [1.0]
    assert sorted(file.name for file in (tmp_path / "new").iterdir()) == ["csms.db"]


async def test_a_file_that_is_there_is_replaced_only_when_asked(url: str, tmp_path: Path) -> None:
    await filled(url, 1)
    (tmp_path / "copy.db").write_text("mine")
    with pytest.raises(BackupRefused, match="--force"):
        backup(url, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_text() == "mine"
    backup(url, tmp_path / "copy.db", force=True)
    assert values(tmp_path / "copy.db") == [1.0]


@pytest.mark.parametrize("kind", ["no file", "no database", "damaged", "another program"])
async def test_what_is_no_sound_copy_changes_nothing(url: str, tmp_path: Path, kind: str) -> None:
    await filled(url, *range(200))
    copy = tmp_path / "copy.db"
    if kind == "no database":
        copy.write_text("no database, just words that fill more than a hundred bytes of a file " * 4)
    elif kind == "damaged":
        backup(url, copy)
        data = bytearray(copy.read_bytes())
        data[4096 * 2 : 4096 * 6] = b"\xff" * 4096 * 4
        copy.write_bytes(data)
    elif kind == "another program":
        with closing(sqlite3.connect(copy)) as connection:
            connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(BackupRefused):
        restore(copy, url, NOON)
    assert len(values(path_of(url))) == 200
    assert not left_over(tmp_path)


async def test_an_older_copy_is_migrated_only_when_asked_and_a_newer_one_never(url: str, tmp_path: Path) -> None:
    old = f"sqlite+aiosqlite:///{tmp_path / 'old.db'}"
    schema.change(old, lambda connection: migrate.run(connection, "0001"))
    with pytest.raises(BackupRefused, match="--migrate"):
        restore(tmp_path / "old.db", url, NOON)
    done = restore(tmp_path / "old.db", url, NOON, upgrade=True)
    assert done.revision == "0001"
    assert done.applied[-1] == migrate.HEAD
    assert migrate.current(old) == "0001", "the copy itself stays as it is"
    with closing(sqlite3.connect(tmp_path / "old.db")) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(migrate.SchemaOutdated, match="newer"):
        restore(tmp_path / "old.db", url, NOON, upgrade=True)


def test_without_a_database_and_with_postgresql(url: str, tmp_path: Path) -> None:
    with pytest.raises(BackupRefused, match="no database"):
        backup(url, tmp_path / "copy.db")
    for act in (lambda there: backup(there, tmp_path / "x"), lambda there: restore(tmp_path / "x", there, NOON)):
        with pytest.raises(BackupRefused, match="pg_dump"):
            act("postgresql+asyncpg://u:p@h/d")
