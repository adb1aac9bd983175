"""The waiting room of messages, and a link without a broker (GL-A5)."""

from __future__ import annotations

import asyncio
import socket
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest
from aiomqtt import Message
from paho.mqtt.client import MQTTMessage

from csms.grid.mqtt_link import Broker, Connection, Inbox, Link

pytestmark = pytest.mark.req("GL-A5")


def message(sender: str, feeder: str = "T1") -> Message:
    return Message(f"grid/v1/{sender}/{feeder}/limit/set", b"{}", 1, False, 1, None)


async def test_who_floods_takes_no_place_of_others() -> None:
    inbox = Inbox(maxsize=5, per_sender=3)
    for feeder in ("T1", "T2", "T3"):
        inbox.put_nowait(message("north", feeder))
    with pytest.raises(asyncio.QueueFull):
        inbox.put_nowait(message("north"))
    assert inbox.lost.is_set()
    inbox.put_nowait(message("south"))
    assert (await inbox.get()).topic.value == "grid/v1/north/T1/limit/set"
    inbox.put_nowait(message("north"))
    inbox.put_nowait(message("west"))
    with pytest.raises(asyncio.QueueFull):
        inbox.put_nowait(message("east"))
    while not inbox.empty():
        inbox.get_nowait()
    for _ in range(3):
        inbox.put_nowait(message("north"))


@pytest.mark.parametrize("topic", [b"grid/v1/\xff\xfe/T1/limit/set", b"grid/v1/+/T1/limit/set", b""])
async def test_a_topic_that_is_none_ends_no_connection(topic: bytes) -> None:
    connection = Connection("127.0.0.1", 1)
    connection.counts = connection.traffic = Counter()
    connection._on_message(None, None, MQTTMessage(topic=topic))
    assert (connection.counts["bad_topic"], connection._queue.qsize()) == (1, 0)


async def test_without_a_broker_it_is_tried_again_ever_more_slowly(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def slept(delay_s: float) -> None:
        pauses.append(delay_s)
        await sleep(0)

    monkeypatch.setattr("csms.grid.mqtt_link.asyncio.sleep", slept)
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, not listening: nobody answers
        link = Link(Broker("127.0.0.1", taken.getsockname()[1], "c", tls=False), ("t", b""))
        task = asyncio.create_task(link.run(lambda _: sleep(0)))
        async with asyncio.timeout(20):
            while len(pauses) < 10:
                await sleep(0.01)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
    assert 0.15 <= pauses[0] <= 0.25
    for nth, pause_s in enumerate(pauses):
        assert 0.75 <= pause_s / min(0.2 * 2**nth, 30.0) <= 1.25


async def test_files_that_are_not_there_are_told_and_tried_again(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    link = Link(Broker("127.0.0.1", 1, "c", ca=tmp_path / "none.pem"), ("t", b""))
    task = asyncio.create_task(link.run(lambda _: asyncio.sleep(0)))
    async with asyncio.timeout(10):
        while "mqtt_connection" not in caplog.text:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    assert not task.done()
    task.cancel()
    with suppress(asyncio.CancelledError):
        await task
