"""What tests of several rooms share: a PostgreSQL server, started when the first test of a process asks for it, and an
empty SQLite database that is migrated once and copied, because migrating one for each test takes longer than the tests.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest

from csms.store import engine
from csms.store.urls import engine_name
from tests.support import forks
from tests.support.databases import empty_database, new_database
from tests.support.postgres import FAST, PostgresServer, start_server


def pytest_collection_finish() -> None:
    """What is loaded now stays: the collector need not walk through ten thousand tests again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.fixture(scope="session", autouse=True)
def _migrated_once() -> Iterator[None]:
    """`open_store(upgrade=True)` takes a copy where no database is; tests of migrations call `migrate` itself."""
    opened = engine._prepare

    def prepare(path: Path, url: str, upgrade: bool) -> None:
        if upgrade and engine_name(url) == "sqlite" and not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(empty_database())
        opened(path, url, upgrade)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "_prepare", prepare)
        yield


@pytest.fixture(scope="session", autouse=True)
def _forks_end() -> Iterator[None]:
    """The processes that commands were forked from go with the tests."""
    yield
    forks.close()


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
