"""Commands that need no running server: `db migrate`, and `serve` with settings that cannot be."""

from __future__ import annotations

import asyncio
import sqlite3

from tests.support.postgres import PostgresServer
from tests.unit.console.conftest import run


async def test_migrate_brings_a_database_to_its_form_once(tmp_path) -> None:
    planned = await run("db", "migrate", "--dry-run", "--json", cwd=tmp_path)
    assert planned.code == 0, planned.err
    assert planned.document["applied"] is False
    assert not (tmp_path / "data" / "csms.db").exists()
    done = await run("db", "migrate", "--json", cwd=tmp_path)
    assert done.document == {"revisions": planned.document["revisions"], "applied": True}
    again = await run("db", "migrate", cwd=tmp_path)
    assert (again.code, again.out) == (0, "The database is up to date.\n")


async def test_a_database_that_is_newer_is_left_alone(tmp_path) -> None:
    await run("db", "migrate", "--data-dir", "there", cwd=tmp_path)
    with sqlite3.connect(tmp_path / "there" / "csms.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    database.close()
    done = await run("db", "migrate", "--data-dir", "there", cwd=tmp_path)
    assert done.code == 1
    assert "newer" in done.err


async def test_migrate_on_postgresql(tmp_path, postgres: PostgresServer) -> None:
    url = postgres.new(migrated=False).replace("postgres@", "postgres:hush@").replace("+asyncpg", "")
    done = await run("db", "migrate", "--json", cwd=tmp_path, CSMS_DATABASE_URL=url)
    assert done.code == 0, done.err
    assert done.document["revisions"]
    again = await run("db", "migrate", cwd=tmp_path, CSMS_DATABASE_URL=url)
    assert (again.code, again.out) == (0, "The database is up to date.\n")
    assert not (tmp_path / "data" / "csms.db").exists()
    wrong = await run("db", "migrate", cwd=tmp_path, CSMS_DATABASE_URL=url + "x")
    assert wrong.code == 1
    assert "does not exist" in wrong.err
    assert "hush" not in wrong.err + wrong.out


async def test_settings_that_cannot_be_are_exit_code_2(tmp_path) -> None:
    (tmp_path / "broken.toml").write_text("ocpp_prt = 9000\n", encoding="utf-8")
    misspelt, missing, clock = await asyncio.gather(
        run("serve", "--config", "broken.toml", cwd=tmp_path),
        run("serve", "--config", "none.toml", cwd=tmp_path),
        run("serve", cwd=tmp_path, CSMS_CLOCK="speed=x"),
    )
    assert [done.code for done in (misspelt, missing, clock)] == [2, 2, 2], misspelt.err + missing.err
    assert "ocpp_prt" in misspelt.err
    assert "none.toml" in missing.err
