"""The running view: looks, keys, a server that goes away; and the client that reads the API."""

from __future__ import annotations

import asyncio
import io

import pytest
from rich.console import Console

from csms.texts import catalogue
from monitor.dashboard.history import Snapshot
from monitor.dashboard.live import LiveView
from monitor.dashboard.screen import Screen
from monitor.dashboard.source import Source, SourceLost

OVERVIEW = {
    "clock_time": "2026-03-02T00:00:00+00:00",
    "clock_speed": 1.0,
    "stations": {"total": 1, "online": 1, "by_version": {}},
    "sessions": {"open": 0, "ended": 0},
    "power_w": 0.0,
    "energy_today_wh": 0.0,
    "feeders": [],
}


FIGURES = {"cap_w": 1, "upper_bound_w": 1, "planned_w": 1, "metered_w": 1, "base_w": 1}


def text_of(screen: Screen) -> str:
    console = Console(width=100, height=24, file=io.StringIO())
    with console.capture() as capture:
        console.print(screen.drawing(), height=24)
    return capture.get()


class Server:
    """Answers until it is down."""

    def __init__(self) -> None:
        self.down = False
        self.power_w = 1000.0

    async def read(self, plan_of: str = "") -> Snapshot:
        if self.down:
            raise SourceLost("connection refused")
        return Snapshot(OVERVIEW | {"power_w": self.power_w})


async def test_it_shows_the_last_answer_while_the_server_is_gone() -> None:
    server = Server()
    screen = Screen(LiveView(catalogue("en")), server.read)
    await screen.look()
    server.down = True
    await screen.look()
    assert "1.0 kW" in text_of(screen)
    assert "no answer for 0 s" in text_of(screen)
    server.down = False
    await screen.look()
    assert "no answer" not in text_of(screen)


async def test_pause_holds_the_picture() -> None:
    server = Server()
    screen = Screen(LiveView(catalogue("en")), server.read)
    await screen.look()
    screen.press("p")
    server.power_w = 2000.0
    await screen.look()
    assert "1.0 kW" in text_of(screen)
    for key in "p+-fx":
        screen.press(key)
    await screen.look()
    assert "2.0 kW" in text_of(screen)


async def test_q_ends_it() -> None:
    screen = Screen(LiveView(catalogue("en")), Server().read, every_s=0.01)
    running = asyncio.create_task(screen.run(Console(width=80, height=24, file=io.StringIO())))
    await asyncio.sleep(0.05)
    screen.press("q")
    async with asyncio.timeout(30):
        await running


@pytest.mark.parametrize("url", ["http://127.0.0.1:9", "http://", "http://[::bad"])
async def test_a_server_that_is_not_there_is_lost(url) -> None:
    source = Source(url)
    with pytest.raises(SourceLost):
        await source.read()
    await source.close()


async def test_the_plan_is_asked_for_while_the_viewer_looks_ahead() -> None:
    asked: list[str] = []

    async def read(plan_of: str) -> Snapshot:
        asked.append(plan_of)
        return Snapshot(OVERVIEW | {"feeders": [{"feeder_id": "site", "parent_id": None} | FIGURES]})

    screen = Screen(LiveView(catalogue("en")), read)
    await screen.look()
    screen.press("a")
    await screen.look()
    screen.press("a")
    await screen.look()
    assert asked == ["", "site", ""]
