"""Frequent calls are handed over at once: answered by whoever takes them, in order with the others, never lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Subprotocol

from csms.gateway.connection import MESSAGES_WAITING_MAX
from csms.gateway.server import Gateway, GatewaySettings
from csms.model.clock import ScaledClock
from csms.model.errors import StoreUnavailable
from csms.model.inbound import Acknowledged, MeterReport, StatusReport
from tests.support.station_port import OPEN_PORT, NotedStations

STATUS = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


@pytest.fixture
async def stations() -> NotedStations:
    return NotedStations({"CP-1"})


@pytest.fixture
async def socket(stations: NotedStations) -> AsyncIterator[ClientConnection]:
    gateway = Gateway(GatewaySettings(host="127.0.0.1", ports=OPEN_PORT), ScaledClock(), stations)
    port = await gateway.start()
    url = f"ws://127.0.0.1:{port}/ocpp/CP-1"
    async with connect(url, subprotocols=[Subprotocol("ocpp1.6")], proxy=None) as opened:
        await stations.until(lambda: "CP-1" in stations.links)
        await asyncio.sleep(0.05)
        yield opened
    await gateway.stop("test over")


async def say(socket: ClientConnection, unique_id: str, action: str, payload: dict[str, Any]) -> None:
    await socket.send(json.dumps([2, unique_id, action, payload]))


async def test_a_taken_call_is_answered_when_it_is_told(stations: NotedStations, socket: ClientConnection) -> None:
    stations.take_soon = lambda message: Acknowledged()
    await say(socket, "a", "StatusNotification", STATUS)
    assert json.loads(await socket.recv()) == [3, "a", {}]
    assert isinstance(stations.heard[0][1], StatusReport)


async def test_a_failure_is_answered_so_that_the_station_repeats(
    stations: NotedStations, socket: ClientConnection
) -> None:
    stations.take_soon = lambda message: StoreUnavailable("no")
    await say(socket, "a", "StatusNotification", STATUS)
    assert json.loads(await socket.recv())[:3] == [4, "a", "InternalError"]


async def test_a_fault_of_ours_ends_neither_the_answer_nor_the_connection(
    stations: NotedStations, socket: ClientConnection
) -> None:
    def broken(message: object) -> Acknowledged:
        raise RuntimeError("a bug")

    stations.take_soon = broken
    await say(socket, "a", "StatusNotification", STATUS)
    assert json.loads(await socket.recv())[:3] == [4, "a", "InternalError"]
    stations.take_soon = None
    await say(socket, "b", "Heartbeat", {})
    assert json.loads(await socket.recv())[:2] == [3, "b"]


async def test_a_call_that_is_not_taken_is_received(stations: NotedStations, socket: ClientConnection) -> None:
    values = {"connectorId": 1, "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [{"value": "1"}]}]}
    await say(socket, "a", "MeterValues", values)
    assert json.loads(await socket.recv()) == [3, "a", {}]
    assert isinstance(stations.heard[0][1], MeterReport)


async def test_behind_a_call_at_work_frequent_ones_wait_for_their_turn(
    stations: NotedStations, socket: ClientConnection
) -> None:
    gate = asyncio.Event()
    stations.before_answer = lambda name, message: gate.wait() if not isinstance(message, StatusReport) else None
    stations.take_soon = lambda message: Acknowledged()
    await say(socket, "slow", "BootNotification", BOOT)
    await asyncio.sleep(0.1)
    await say(socket, "fast", "StatusNotification", STATUS)
    await asyncio.sleep(0.1)
    assert stations.heard == []
    gate.set()
    answers = [json.loads(await socket.recv())[1] for _ in range(2)]
    assert answers == ["slow", "fast"]


async def test_one_station_has_only_so_many_in_hand(stations: NotedStations, socket: ClientConnection) -> None:
    """Beyond that they wait in the inbox, which stops reading when it is full."""
    held: list[Any] = []
    stations.take = lambda name, message, at, done: held.append(done) or True  # type: ignore[method-assign]
    for number in range(MESSAGES_WAITING_MAX + 20):
        await say(socket, str(number), "StatusNotification", STATUS)
    async with asyncio.timeout(20):
        while len(stations.heard) < 20:  # noqa: ASYNC110 - the notes tell no event
            await asyncio.sleep(0.01)
    assert len(held) == MESSAGES_WAITING_MAX
    for done in held:
        done(Acknowledged())
    answers = {json.loads(await socket.recv())[1] for _ in range(MESSAGES_WAITING_MAX + 20)}
    assert len(answers) == MESSAGES_WAITING_MAX + 20
