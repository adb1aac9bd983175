"""Migrations: the result is the schema of the tables, data is kept, nothing is half done."""

from __future__ import annotations

import asyncio
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlmodel import SQLModel

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import (
    access_tables,
    energy_tables,
    migrate,
    province_tables,
    response_tables,
    schema,
    security_tables,
    station_tables,
    tables,
)
from csms.store.engine import open_store
from csms.store.migrations import HEAD
from csms.store.samples import StoredSample

ROOT = Path(__file__).resolve().parents[3]
ALL = [step.revision for step in reversed(list(ScriptDirectory(str(migrate.FOLDER)).walk_revisions()))]
OWN_TABLES = {
    model.__tablename__
    for module in (
        tables,
        station_tables,
        access_tables,
        energy_tables,
        province_tables,
        response_tables,
        security_tables,
    )
    for model in vars(module).values()
    if isinstance(model, type) and issubclass(model, SQLModel) and model is not SQLModel
}
ELSEWHERE: dict[str, set[str]] = {"sqlite": {"ix_sample_time"}, "postgresql": set()}
"""Indexes that only the other engine has; the comparison does not know."""


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite+aiosqlite:///"))


def test_the_migrated_schema_is_that_of_the_tables(database_url: str) -> None:
    migrate.upgrade(database_url)
    assert schema.look(database_url, _differences) == []


def _differences(connection: Connection) -> list[Any]:
    def own(item: object, name: str | None, kind: str, reflected: bool, compare_to: object) -> bool:
        return name in OWN_TABLES if kind == "table" else name not in ELSEWHERE[connection.dialect.name]

    options = {"include_object": own, "compare_type": True, "compare_server_default": True}
    return list(compare_metadata(MigrationContext.configure(connection, opts=options), SQLModel.metadata))


def test_upgrade_tells_what_it_applied_and_is_done_once(url: str) -> None:
    assert migrate.current(url) is None
    assert migrate.pending(url) == ALL
    assert migrate.upgrade(url) == ALL
    assert migrate.upgrade(url) == []
    assert (migrate.current(url), migrate.pending(url)) == (HEAD, [])
    migrate.check(url)


def test_data_is_kept(url: str) -> None:
    migrate.upgrade(url)
    with sqlite3.connect(path_of(url)) as connection:
        connection.execute("INSERT INTO id_token (id_token, status, group_id) VALUES ('A', 'Accepted', '')")
    connection.close()
    migrate.upgrade(url)
    connection = sqlite3.connect(path_of(url))
    assert connection.execute("SELECT id_token FROM id_token").fetchall() == [("A",)]
    connection.close()


def test_samples_of_the_first_schema_become_narrow(url: str) -> None:
    _at_revision(url, "0001")
    columns = "station_id, evse_id, session_id, transaction_id, time, received_at, measurand, phase, context, location"
    times = "'2026-01-01 12:00:00.123456', '2026-01-01 12:00:01.000000'"
    with sqlite3.connect(path_of(url)) as connection:
        for who, session, value in (("'A', 1", 7, 1.5), ("'A', 1", "NULL", 2.5), ("'B', 2", 8, 3.5)):
            connection.execute(
                f"INSERT INTO sample ({columns}, value, unit) "
                f"VALUES ({who}, {session}, '{value}', {times}, 'Power', 'L1', 'c', 'Outlet', {value}, 'W')"
            )
    connection.close()
    assert migrate.upgrade(url) == ALL[1:]
    kept, total = asyncio.run(_stored(url))
    assert [(s.station_id, s.session_id, s.transaction_id, s.value) for s in kept] == [
        ("A", 7, "", 1.5),
        ("A", None, "2.5", 2.5),
        ("B", 8, "", 3.5),
    ]
    assert {(s.time, s.phase, s.unit) for s in kept} == {(datetime(2026, 1, 1, 12, 0, 0, 123456, UTC), "L1", "W")}
    assert total == 3


def _at_revision(url: str, revision: str) -> None:
    schema.change(url, lambda connection: migrate.run(connection, revision))


async def _stored(url: str) -> tuple[list[StoredSample], int]:
    store = await open_store(url, system_clock())
    try:
        kept = sorted(await store.reader.samples(), key=lambda sample: sample.value)
        return kept, int((await store.reader.counts())["samples"])
    finally:
        await store.close()


def test_head_is_the_newest_revision_and_all_are_in_one_line() -> None:
    script = ScriptDirectory(str(migrate.FOLDER))
    assert script.get_heads() == [HEAD]
    assert all(not revision.is_merge_point for revision in script.walk_revisions())


def test_looking_makes_no_file(url: str) -> None:
    migrate.pending(url)
    with pytest.raises(migrate.SchemaOutdated):
        migrate.check(url)
    assert not path_of(url).exists()


def test_an_empty_database_is_outdated_and_the_text_says_what_to_do(url: str) -> None:
    path_of(url).touch()
    with pytest.raises(migrate.SchemaOutdated, match="csms db migrate") as caught:
        migrate.check(url)
    assert caught.value.code == "schema_outdated"


@pytest.mark.parametrize("act", [migrate.check, migrate.pending, migrate.upgrade])
def test_a_newer_database_is_left_alone(url: str, act: object) -> None:
    migrate.upgrade(url)
    with sqlite3.connect(path_of(url)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    with pytest.raises(migrate.SchemaOutdated, match=r"9999.*newer"):
        act(url)  # type: ignore[operator]


def test_a_migration_that_fails_leaves_nothing(url: str) -> None:
    """The last table of the first revision is in the way: the tables before it are rolled back too."""
    with sqlite3.connect(path_of(url)) as connection:
        connection.execute("CREATE TABLE external_id (a)")
    connection.close()
    with pytest.raises(StoreUnavailable, match="external_id"):
        migrate.upgrade(url)
    connection = sqlite3.connect(path_of(url))
    found = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    connection.close()
    assert found == ["external_id"]


def test_two_at_once_apply_it_once(url: str) -> None:
    program = f"import sys; from csms.store import migrate; sys.stdout.write(str(migrate.upgrade({url!r})))"
    both = [subprocess.Popen([sys.executable, "-c", program], cwd=ROOT, stdout=subprocess.PIPE) for _ in range(2)]
    said = sorted(process.communicate()[0].decode() for process in both)
    assert said == [str(ALL), "[]"]


def test_a_folder_that_cannot_be_made_and_a_file_that_is_no_database(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no database, just some words that fill more than a hundred bytes " * 3)
    with pytest.raises(StoreUnavailable):
        migrate.current(f"sqlite+aiosqlite:///{tmp_path / 'file'}")
    with pytest.raises(StoreUnavailable):
        migrate.upgrade(f"sqlite+aiosqlite:///{tmp_path / 'file' / 'csms.db'}")


def test_alembic_is_not_loaded_for_a_database_that_is_up_to_date(url: str) -> None:
    migrate.upgrade(url)
    program = (
        "import sys; from csms.store import engine, migrate;"
        f"migrate.check({url!r}); assert migrate.upgrade({url!r}) == [];"
        "sys.exit('alembic' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], cwd=ROOT, check=False).returncode == 0
