"""The database goes away under a running server and comes back: piles stay, boots wait, nothing answered is lost.

CSMS_OUTAGE_S sets how long it stays away (60 for the whole minute).
"""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.postgres import PostgresServer, name_of, start_server
from tests.support.reporter import BOOT, Reporter, boot_until_accepted
from tests.support.running import BareStation, Server, station

OUTAGE_S = float(os.environ.get("CSMS_OUTAGE_S", "7"))

Away = Callable[[], Any]


class Sqlite:
    """Somebody else holds the file."""

    def __init__(self, folder: Path) -> None:
        self.path, self.url = folder / "csms.db", ""

    @contextmanager
    def away(self) -> Iterator[None]:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as holder:
            holder.execute("BEGIN IMMEDIATE")
            yield
            holder.execute("ROLLBACK")

    def values(self) -> set[int]:
        with closing(sqlite3.connect(self.path)) as connection:
            return {int(value) for (value,) in connection.execute("SELECT value FROM sample")}


class Postgres:
    """The server is stopped and started again."""

    def __init__(self, server: PostgresServer) -> None:
        self.server, self.url = server, server.new()

    @contextmanager
    def away(self) -> Iterator[None]:
        self.server.kill()
        yield
        self.server.start()

    def values(self) -> set[int]:
        return {int(row[0]) for row in self.server.run(name_of(self.url), "SELECT value FROM sample")}


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Sqlite | Postgres]:
    if request.param == "sqlite":
        yield Sqlite(tmp_path / "run")
        return
    request.getfixturevalue("postgres")  # says why when there can be none on this machine
    server = start_server()
    yield Postgres(server)
    server.stop()
    server.remove()


@pytest.mark.req("LOAD-02", "B02.FR.06")
@pytest.mark.timeout(240)
async def test_piles_stay_and_nothing_answered_is_lost(database: Sqlite | Postgres, tmp_path: Path) -> None:
    server = Server(tmp_path / "run")
    server.start(**({"CSMS_DATABASE_URL": database.url} if database.url else {}))
    try:
        async with station(server, "CP-1") as one, station(server, "CP-2") as two:
            pile, late = Reporter(BareStation(one)), BareStation(two)
            assert (await pile.pile.call("BootNotification", BOOT))[2]["status"] == "Accepted"
            reporting = asyncio.create_task(pile.run(1))
            await asyncio.sleep(1.0)
            before = len(pile.answered)
            assert before > 0
            with database.away():
                booted = (await late.call("BootNotification", BOOT))[2]
                assert (booted["status"], booted["interval"]) == ("Pending", 30)
                await asyncio.sleep(OUTAGE_S)
                assert not reporting.done()
                assert pile.refused > 0
            async with asyncio.timeout(60):
                while len(pile.answered) <= before + 5:  # noqa: ASYNC110 - the pile tells no event
                    await asyncio.sleep(0.1)
                await boot_until_accepted(late)
            pile.stop.set()
            await reporting
        assert server.stop(signal.SIGTERM) == 0
        assert pile.answered <= database.values()
    finally:
        server.stop(signal.SIGKILL)
