"""Migrations on PostgreSQL: as on a file, with an advisory lock in the place of the file's."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import migrate, schema
from csms.store.engine import open_store
from csms.store.migrations import HEAD
from csms.store.samples import StoredSample
from tests.support.postgres import PostgresServer, name_of

ROOT = Path(__file__).resolve().parents[3]
TABLES = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"


@pytest.fixture
def empty(postgres: PostgresServer) -> str:
    return postgres.new(migrated=False)


def test_an_empty_database_is_outdated_and_looking_changes_nothing(postgres: PostgresServer, empty: str) -> None:
    assert migrate.current(empty) is None
    with pytest.raises(migrate.SchemaOutdated, match="csms db migrate"):
        migrate.check(empty)
    assert postgres.run(name_of(empty), TABLES) == []


def test_upgrade_tells_what_it_applied_and_is_done_once(empty: str) -> None:
    every = migrate.pending(empty)
    assert every[-1] == HEAD
    assert migrate.upgrade(empty) == every
    assert migrate.upgrade(empty) == []
    assert (migrate.current(empty), migrate.pending(empty)) == (HEAD, [])
    migrate.check(empty)


async def test_opening_may_migrate(empty: str) -> None:
    with pytest.raises(migrate.SchemaOutdated):
        await open_store(empty, system_clock())
    store = await open_store(empty, system_clock(), upgrade=True)
    assert await store.reader.stations() == []
    await store.close()


@pytest.mark.parametrize("act", [migrate.check, migrate.pending, migrate.upgrade])
def test_a_newer_database_is_left_alone(postgres: PostgresServer, act: object) -> None:
    url = postgres.new()
    postgres.run(name_of(url), "UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(migrate.SchemaOutdated, match=r"9999.*newer"):
        act(url)  # type: ignore[operator]


def test_a_migration_that_fails_leaves_nothing(postgres: PostgresServer, empty: str) -> None:
    """The last table of the first revision is in the way: the tables before it are rolled back too."""
    postgres.run(name_of(empty), "CREATE TABLE external_id (a int)")
    with pytest.raises(StoreUnavailable, match="external_id"):
        migrate.upgrade(empty)
    assert postgres.run(name_of(empty), TABLES) == [("external_id",)]


def test_two_at_once_apply_it_once(empty: str) -> None:
    every = migrate.pending(empty)
    program = f"import sys; from csms.store import migrate; sys.stdout.write(str(migrate.upgrade({empty!r})))"
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    said = sorted(process.communicate()[0].decode() for process in both)
    assert said == [str(every), "[]"]


def test_alembic_is_not_loaded_for_a_database_that_is_up_to_date(postgres: PostgresServer) -> None:
    url = postgres.new()
    program = (
        "import sys; from csms.store import engine, migrate;"
        f"migrate.check({url!r}); assert migrate.upgrade({url!r}) == [];"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0


def test_samples_of_the_first_schema_become_narrow(postgres: PostgresServer, empty: str) -> None:
    schema.change(empty, lambda connection: migrate.run(connection, "0001"))
    columns = "station_id, evse_id, session_id, transaction_id, time, received_at, measurand, phase, context, location"
    times = "'2026-01-01 12:00:00.123456+00', '2026-01-01 12:00:01+00'"
    for who, session, value in (("'A', 1", 7, 1.5), ("'A', 1", "NULL", 2.5), ("'B', 2", 8, 3.5)):
        postgres.run(
            name_of(empty),
            f"INSERT INTO sample ({columns}, value, unit) "
            f"VALUES ({who}, {session}, '{value}', {times}, 'Power', 'L1', 'c', 'Outlet', {value}, 'W')",
        )
    migrate.upgrade(empty)
    kept, total = asyncio.run(_stored(empty))
    assert [(s.station_id, s.session_id, s.transaction_id, s.value) for s in kept] == [
        ("A", 7, "", 1.5),
        ("A", None, "2.5", 2.5),
        ("B", 8, "", 3.5),
    ]
    assert {(s.time, s.phase, s.unit) for s in kept} == {(datetime(2026, 1, 1, 12, 0, 0, 123456, UTC), "L1", "W")}
    assert total == 3


async def _stored(url: str) -> tuple[list[StoredSample], int]:
    store = await open_store(url, system_clock())
    try:
        kept = sorted(await store.reader.samples(), key=lambda sample: sample.value)
        return kept, int((await store.reader.counts())["samples"])
    finally:
        await store.close()
