"""What tests of several rooms share: a PostgreSQL server, started when the first test of a process asks for it, and an
empty SQLite database that is migrated once and copied, because migrating one for each test takes longer than the tests.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.store import engine, migrate
from csms.store.urls import engine_name
from tests.support.databases import new_database
from tests.support.postgres import FAST, PostgresServer, start_server


@pytest.fixture(scope="session", autouse=True)
def _migrated_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """`open_store(upgrade=True)` takes a copy where no database is; tests of migrations call `migrate` itself."""
    template = tmp_path_factory.mktemp("template") / "csms.db"
    opened = engine._prepare

    def prepare(path: Path, url: str, upgrade: bool) -> None:
        if upgrade and engine_name(url) == "sqlite" and not path.exists():
            if not template.exists():
                migrate.upgrade(f"sqlite+aiosqlite:///{template}")
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(template, path)
        opened(path, url, upgrade)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_prepare", prepare)
        yield


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """Fast rather than safe; tests that kill a server start their own."""
    server = start_server(FAST)
    yield server
    server.remove()


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """A database of its own for each test, once with each engine."""
    return new_database(request, request.param, tmp_path)
