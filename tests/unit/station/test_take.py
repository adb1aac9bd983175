"""Frequent messages without a task: the same effects and answers as `receive`, told when durable."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from csms.model.errors import StoreUnavailable
from csms.model.event import Metered
from csms.model.inbound import (
    Acknowledged,
    Authorize,
    Heartbeat,
    HeartbeatReply,
    MeterReport,
    StatusReport,
    TransactionEventReply,
)
from csms.model.inbound import TransactionEvent as Event
from csms.model.station import ConnectorStatus

STATION = "CP-1"


async def take(desk: Any, message: Any) -> Any:
    """The outcome, or None when the message was not taken."""
    told = asyncio.get_running_loop().create_future()
    return await told if desk.service.take(STATION, message, desk.now, told.set_result) else None


async def test_a_report_is_stored_shown_and_told(desk) -> None:
    session_id = await desk.start()
    desk.later(5.0)
    report = MeterReport(1, (desk.energy(1500.0),), str(session_id))
    assert await take(desk, report) == Acknowledged()
    (sample,) = await desk.store.reader.samples(session_id)
    assert sample.value == 1500.0
    assert desk.service.stations[STATION].evses[1].session.energy_wh == 500.0
    assert any(isinstance(event, Metered) for event in desk.events)


@pytest.mark.req("LOAD-02")
async def test_nothing_is_told_before_it_is_durable(desk) -> None:
    report = MeterReport(1, (desk.energy(1.0),))
    told: list[object] = []
    assert desk.service.take(STATION, report, desk.now, told.append)
    assert told == []
    assert not any(isinstance(event, Metered) for event in desk.events)
    await desk.store.writer.close()
    await asyncio.sleep(0)
    assert told == [Acknowledged()]


async def test_heartbeat_and_status(desk) -> None:
    assert await take(desk, Heartbeat()) == HeartbeatReply(desk.now)
    assert await take(desk, StatusReport(2, 1, ConnectorStatus.CHARGING)) == Acknowledged()
    assert desk.service.stations[STATION].evses[2].connectors == {1: ConnectorStatus.CHARGING}
    assert [row.status for row in await desk.store.reader.connectors(STATION)] == ["Charging"]


async def test_updates_of_a_running_transaction(desk) -> None:
    await desk.event("Started")
    update = Event("Updated", "tx-a", 1, desk.now, "MeterValuePeriodic", 1, samples=(desk.energy(70.0),))
    assert await take(desk, update) == TransactionEventReply()
    assert desk.service.stations[STATION].evses[1].session.last_register_wh == 70.0


async def test_what_needs_more_than_a_moment_is_left_to_receive(desk) -> None:
    await desk.event("Started")
    for message in (
        Authorize("T"),
        MeterReport(1, (desk.energy(1.0),), "unknown"),
        Event("Updated", "tx-unknown", 1, desk.now, "x", 1),
        Event("Updated", "tx-a", 1, desk.now, "x", 1, id_token="T"),
        Event("Ended", "tx-a", 2, desk.now, "x", 1),
    ):
        assert await take(desk, message) is None
    assert await desk.store.reader.samples() == []


async def test_not_while_another_message_of_the_station_is_at_work(desk) -> None:
    async with desk.service._turns[STATION]:
        assert await take(desk, Heartbeat()) is None
    assert await take(desk, Heartbeat()) is not None


async def test_a_store_that_fails_is_told_and_the_live_view_stays_behind(desk) -> None:
    await desk.store.writer.close()
    report = MeterReport(1, (desk.energy(1.0),))
    assert await take(desk, report) is None, "no room: receive says why"
    with pytest.raises(StoreUnavailable):
        await desk.say(report)
    assert desk.service.stations[STATION].evses[1].power_w is None
