"""Looking on: each listener gets what it wants, a slow one is told what it lost, nobody hangs at the end."""

from __future__ import annotations

import asyncio

from csms.trace.live import LISTENERS_MAX, QUEUE_MAX, Live
from csms.trace.notes import IN_CLEAN
from tests.support.traces import later, note, recorder


async def test_stations_and_actions() -> None:
    live = Live()
    assert not live.wanted
    with live.listen() as everything, live.listen(["CP-1"]) as one, live.listen([], ["heartbeat"]) as beats:
        assert live.wanted
        live.publish([note(1, "CP-1", action="Heartbeat"), note(2, "CP-2", action="Heartbeat"), note(3, "CP-1")])
        assert [n.at_ms for n in (await everything.next())[0]] == [1, 2, 3]
        assert [n.at_ms for n in (await one.next())[0]] == [1, 3]
        assert [n.at_ms for n in (await beats.next())[0]] == [1, 2]
    assert not live.wanted


async def test_a_slow_listener_loses_the_oldest_and_is_told() -> None:
    live = Live()
    with live.listen() as listener:
        live.publish([note(n) for n in range(QUEUE_MAX + 5)])
        notes, lost = await listener.next()
        assert (len(notes), notes[0].at_ms, lost) == (QUEUE_MAX, 5, 5)
        live.publish([note(0)])
        assert await listener.next() == ((note(0),), 0)


async def test_the_end_comes_after_what_is_left() -> None:
    live = Live()
    with live.listen() as listener:
        live.publish([note(1)])
        await asyncio.sleep(0)
        live.close()
        assert (await listener.next()) == ((note(1),), 0)
        assert await listener.next() is None


async def test_there_is_room_for_so_many() -> None:
    live = Live()
    for _ in range(LISTENERS_MAX):
        assert not live.crowded
        live.listen()
    assert live.crowded


def test_a_listener_of_a_loop_that_is_gone_is_ended() -> None:
    live = Live()

    async def listen():
        return live.listen()

    listener = asyncio.run(listen())
    live.publish([note(1)])
    assert asyncio.run(listener.next()) is None


async def test_from_the_recorder_without_secrets(tmp_path) -> None:
    with recorder(tmp_path) as made, made.live.listen(["CP-1"]) as listener:
        made.note("CP-1", IN_CLEAN, "Heartbeat", b'[2,"1","Heartbeat",{}]', later(0))
        made.note("CP-1", 0, "Authorize", '[2,"2","Authorize",{"idTag":"04A1B2C3D4"}]', later(0))
        async with asyncio.timeout(30):
            notes = list((await listener.next())[0])
            while len(notes) < 2:
                notes += (await listener.next())[0]
    assert [n.text for n in notes] == ['[2,"1","Heartbeat",{}]', '[2,"2","Authorize",{"idTag":"***C3D4"}]']
