"""The server is told to stop while piles report: what it has read it answers, then it says goodbye; they come back."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from websockets.exceptions import ConnectionClosed

from tests.support.reporter import BOOT, report
from tests.support.running import BareStation, Server, station

PILES = 8


class Reporter:
    """Sends one register after the other until the connection ends."""

    def __init__(self, name: str, first: int) -> None:
        self.name, self.number = name, first
        self.answered: list[int] = []
        self.goodbye: int | None = None

    async def run(self, server: Server) -> None:
        async with station(server, self.name) as socket:
            pile = BareStation(socket)
            assert (await pile.call("BootNotification", BOOT))[2]["status"] == "Accepted"
            try:
                while True:
                    answer = await pile.call("MeterValues", report(self.number))
                    assert answer[0] == 3, answer
                    self.answered.append(self.number)
                    self.number += 1
            except ConnectionClosed as end:
                self.goodbye = end.rcvd.code if end.rcvd else None


@pytest.mark.req("LOAD-02")
async def test_a_stop_under_load_loses_nothing_and_says_goodbye(tmp_path: Path) -> None:
    names = [f"CP-{number}" for number in range(PILES)]
    server = Server(tmp_path / "run", stations=names)
    piles = [Reporter(name, 100_000 * number) for number, name in enumerate(names, start=1)]
    for _ in range(2):
        server.start()
        running = [asyncio.create_task(pile.run(server)) for pile in piles]
        await asyncio.sleep(1.5)
        assert await asyncio.to_thread(server.stop, signal.SIGTERM) == 0
        await asyncio.wait_for(asyncio.gather(*running), 30)
        assert [pile.goodbye for pile in piles] == [1001] * PILES
    answered = {number for pile in piles for number in pile.answered}
    assert len(answered) > PILES
    with closing(sqlite3.connect(server.folder / "csms.db")) as connection:
        stored = {int(value) for (value,) in connection.execute("SELECT value FROM sample")}
    assert answered <= stored
    assert len(stored - answered) <= PILES * 2, "at most the one that was on its way, each time"
