"""What tests of several rooms share: a PostgreSQL server, started when the first test of a process asks for it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.databases import new_database
from tests.support.postgres import FAST, PostgresServer, start_server


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
