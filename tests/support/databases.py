"""New databases for tests that run on every engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.postgres import PostgresServer


def new_database(request: pytest.FixtureRequest, engine: str, folder: Path) -> str:
    """The URL of an empty database of `engine` (sqlite, postgresql); skips the test where there is none."""
    if engine == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'csms.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new()
    request.addfinalizer(lambda: server.give_back(url))
    return url
