"""Work that nobody waits for: under a name only once, told when it fails, ended with the house; nothing lingers."""

from __future__ import annotations

import asyncio
import gc
import weakref

from csms.model.errors import StationOffline
from csms.station.background import Background
from tests.unit.station.test_station_service import STATION, RecordingLink


async def _forever(ended: list[str], name: str) -> None:
    try:
        await asyncio.Event().wait()
    finally:
        ended.append(name)


async def test_under_one_name_the_newer_work_replaces_the_older() -> None:
    background, ended = Background(), list[str]()
    background.start_only("a", _forever(ended, "first"))
    background.start_only("b", _forever(ended, "other"))
    await asyncio.sleep(0)
    background.start_only("a", _forever(ended, "second"))
    await asyncio.sleep(0.01)
    assert ended == ["first"]
    background.give_up("a")
    background.give_up("nobody")
    await asyncio.sleep(0.01)
    assert ended == ["first", "second"]
    await background.close()
    assert ended == ["first", "second", "other"]


async def test_a_failure_is_told_in_the_log(caplog) -> None:
    async def fail(fault: Exception) -> None:
        raise fault

    background = Background()
    background.start(fail(StationOffline("away")))
    background.start_only("x", fail(ZeroDivisionError("ours")))
    await asyncio.sleep(0.01)
    assert [record.levelname for record in caplog.records] == ["WARNING", "ERROR"]
    await background.close()


async def test_a_connection_that_is_gone_is_forgotten_at_once(desk) -> None:
    link = RecordingLink()
    seen = weakref.ref(link)
    await desk.service.connected(STATION, link)
    await asyncio.sleep(0)  # the greeting waits for what the station says by itself
    await desk.service.disconnected(STATION, link)
    await asyncio.sleep(0)
    desk.events.clear()
    del link
    gc.collect()
    assert seen() is None
