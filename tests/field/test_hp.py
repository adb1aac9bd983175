"""Hostile frames (HP-D1 to HP-D8): what breaks the stock package must not break us."""

from __future__ import annotations

import asyncio
import json
from importlib.util import find_spec
from typing import Any

import pytest

from csms.model.command import Trigger
from csms.model.inbound import DataTransfer, DataTransferReply
from csms.model.station import Protocol
from device_sim.misbehaving import framing
from device_sim.misbehaving.pile import meter16, sample, values
from tests.support.field import samples
from tests.support.scripted import Central, Station16, Station201

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


@pytest.mark.req("HP-D1")
async def test_hp_d1_three_thousand_answers_to_nothing_are_dropped_and_counted(csms: Central, cp: Any) -> None:
    before = csms.rooms.gateway.counters().get("answers_unasked", 0)
    await framing.unasked_answers(cp)
    assert csms.rooms.gateway.counters()["answers_unasked"] - before == framing.UNASKED
    assert (await csms.operator(cp.station_id, "reset", hard=False))["accepted"]


@pytest.mark.req("HP-D2")
async def test_hp_d2_an_action_that_is_no_text_keeps_the_connection(cp: Any) -> None:
    answer = await cp.exchange(json.dumps([2, "1", ["x"], {}]), "1")
    assert answer[:2] == [4, "1"]
    await cp.call("Heartbeat")


@pytest.mark.req("HP-D3")
async def test_hp_d3_deep_nesting_keeps_the_connection(cp: Any) -> None:
    await framing.deep_nesting(cp)
    nested = "[" * 10_000 + "]" * 10_000
    await cp.socket.send(f'[2,"deep","DataTransfer",{{"vendorId":"x","data":{nested}}}]')
    await cp.call("Heartbeat")


SPOKEN_21 = find_spec("csms.ocpp21") is not None
OF_21 = [pytest.mark.req("HP-D4")] if SPOKEN_21 else [pytest.mark.skip("OCPP 2.1 is not spoken yet")]
VERSIONS = [Protocol.OCPP16, Protocol.OCPP201, pytest.param(Protocol.OCPP21, marks=OF_21)]


@pytest.mark.parametrize("version", VERSIONS)
async def test_hp_d4_an_unknown_action_is_refused_in_every_version(new_station: Any, version: Protocol) -> None:
    station = await new_station(version.value)
    await framing.unknown_action(station)
    await station.call("Heartbeat")


@pytest.mark.req("HP-D5")
async def test_hp_d5_frames_that_are_none_are_refused_in_201_and_counted_in_16(
    csms: Central, cp16: Station16, cp201: Station201
) -> None:
    before = csms.rooms.gateway.counters().get("frames_bad", 0)
    for station in (cp16, cp201):
        for text in ("{", "7", "[]", '[2,"a"', '[9,"b","Heartbeat",{}]'):
            await station.socket.send(text)
        await station.call("Heartbeat")
    refusals = [frame[:3] for frame in cp201.frames if frame[0] == 4]
    assert refusals[:4] == [[4, "-1", "RpcFrameworkError"]] * 4
    assert refusals[4][2] == "MessageTypeNotSupported"
    assert [frame for frame in cp16.frames if frame[0] == 4 and frame[1] == "-1"] == []
    assert csms.rooms.gateway.counters()["frames_bad"] - before == 10


@pytest.mark.req("HP-D6")
async def test_hp_d6_a_number_as_id_is_let_pass_and_an_endless_one_is_not_echoed(cp: Any) -> None:
    answer = await cp.exchange(json.dumps([2, 17, "Heartbeat", {}]), "17")
    assert answer[:2] == [3, 17]
    await framing.odd_ids(cp)
    assert all(len(str(frame[1])) <= 36 for frame in cp.frames)


@pytest.mark.req("HP-D7")
async def test_hp_d7_a_time_in_words_is_the_time_of_arrival(csms: Central, cp16: Station16) -> None:
    begun = csms.clock.now()
    await meter16(cp16, values("yesterday", sample("7")))
    (told,) = await samples(csms, cp16)
    assert begun <= told.time <= csms.clock.now()
    transaction = await cp16.start(1, timestamp="yesterday")
    row = await csms.session(cp16.station_id)
    assert (row.transaction_id, row.flags) == (transaction, ["clock_odd"])


@pytest.mark.req("HP-D8", "PAIN-30")
async def test_hp_d8_a_command_from_inside_a_handler_is_answered(csms: Central, cp: Any) -> None:
    async def ask_back(context: Any, station_id: str, message: DataTransfer) -> DataTransferReply:
        result = await context.stations[station_id].link.send(Trigger("Heartbeat"))
        return DataTransferReply("Accepted", data=result.status)

    csms.rooms.stations._context.vendors.add("ask", "back", ask_back)
    async with asyncio.timeout(20):
        answer = await cp.call("DataTransfer", {"vendorId": "ask", "messageId": "back"})
    assert (answer["status"], answer["data"]) == ("Accepted", "Accepted")
