"""What tests of several rooms share: a PostgreSQL server, started when the first test of a process asks for it, and an
empty SQLite database that is migrated once and copied, because migrating one for each test takes longer than the tests.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from fastapi._compat import v2
from hypothesis import HealthCheck, settings
from pydantic import TypeAdapter

from csms.store import engine
from csms.store.urls import engine_name
from tests.support import forks
from tests.support.databases import empty_database, new_database
from tests.support.postgres import FAST, PostgresServer, start_server

LONG = ("e2e", "fault", "sim", "conformance", "security", "field")
"""Rooms whose files take long: first, or the last of them would keep one worker busy while the others have no work."""


settings.register_profile("csms", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("csms")  # how long an example takes is the machine's business
ROOT = Path(__file__).parent
os.environ.setdefault("CSMS_DASHBOARD__ENABLED", "false")  # it takes seconds to start; tests of it start it themselves


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Long files first; `--no-loadscope-reorder` keeps it so."""
    rank = {ROOT / name: number for number, name in enumerate(LONG)}
    items.sort(key=lambda item: min(rank.get(folder, len(LONG)) for folder in item.path.parents))


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
def _validators_made_once() -> Iterator[None]:
    """Each central system has an API of its own, but the validators of its routes are the same: making them anew takes
    half of the time in which one is opened.
    """
    made: dict[tuple[Any, str, str], TypeAdapter[Any]] = {}

    def adapter(annotation: Any, *, config: Any = None) -> TypeAdapter[Any]:
        kind, *constraints = get_args(annotation)
        key = (kind, repr(constraints), repr(config))
        if key not in made:
            made[key] = TypeAdapter(annotation, config=config)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(v2, "TypeAdapter", adapter)
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
