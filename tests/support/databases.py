"""New databases for tests that run on every engine, and an empty one to copy, because migrating takes long."""

from __future__ import annotations

import shutil
import tempfile
from functools import cache
from pathlib import Path

import pytest

from csms.store import migrate
from tests.support.postgres import PostgresServer


def new_database(request: pytest.FixtureRequest, engine: str, folder: Path) -> str:
    """The URL of an empty database of `engine` (sqlite, postgresql); skips the test where there is none."""
    if engine == "sqlite":
        return f"sqlite+aiosqlite:///{folder / 'csms.db'}"
    server: PostgresServer = request.getfixturevalue("postgres")
    url = server.new()
    request.addfinalizer(lambda: server.give_back(url))
    return url


@cache
def empty_database() -> bytes:
    """An SQLite file with the tables and nothing in them."""
    folder = Path(tempfile.mkdtemp())
    try:
        migrate.upgrade(f"sqlite+aiosqlite:///{folder / 'csms.db'}")
        return (folder / "csms.db").read_bytes()
    finally:
        shutil.rmtree(folder)
