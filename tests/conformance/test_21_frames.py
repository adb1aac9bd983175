"""What OCPP-J 2.1 adds to the websocket: a version more to agree on, messages without an answer, refused answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.model.command import Reset
from csms.model.errors import PeerError
from csms.station import event_streams
from csms.store.energy_tables import StreamBatch
from tests.support.scripted import Central, Silence, central

pytestmark = pytest.mark.conformance

OPEN = {"constantStreamData": {"id": 5, "variableMonitoringId": 81, "params": {"interval": 60}}}


def values(at: str, **more: Any) -> dict[str, Any]:
    data = [{"t": 0, "v": "230.4"}, {"t": 1.5, "v": "230.2"}]
    return {"id": 5, "pending": 0, "basetime": at, "data": data, **more}


async def agreed(csms: Central, *offered: str) -> str | None:
    """The version on which a station that offers these ends up; None: it is sent away."""
    names = [Subprotocol(name) for name in offered]
    async with connect(f"{csms.ocpp_url}/CP-1", subprotocols=names, proxy=None) as socket:
        if socket.subprotocol is None:
            with pytest.raises(ConnectionClosed):
                await socket.recv()
        return socket.subprotocol


@pytest.mark.req("2.1J:3.1.2", "2.1J:3.2")
async def test_the_station_says_which_version_it_prefers(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        await csms.station("CP-1", connected=False)
        assert await agreed(csms, "ocpp2.1", "ocpp2.0.1", "ocpp1.6") == "ocpp2.1"
        assert await agreed(csms, "ocpp1.6", "ocpp2.1") == "ocpp1.6"
        assert await agreed(csms, "ocpp2.2", "ocpp2.1") == "ocpp2.1"
        assert await agreed(csms, "ocpp2.2") is None


async def test_a_version_can_be_switched_off(tmp_path: Path) -> None:
    async with central(tmp_path, ocpp_versions=["2.0.1"], assume_ocpp16=True) as csms:
        await csms.station("CP-1", connected=False)
        assert await agreed(csms, "ocpp2.1", "ocpp2.0.1") == "ocpp2.0.1"
        assert await agreed(csms, "ocpp2.1", "ocpp1.6") is None
        async with connect(f"{csms.ocpp_url}/CP-1", proxy=None) as socket:
            with pytest.raises(ConnectionClosed) as closed:
                await socket.recv()
        assert closed.value.rcvd is not None
        assert "ocpp2.0.1" in closed.value.rcvd.reason


async def test_the_version_is_shown(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.boot()
        assert (await csms.shown("CP-1"))["protocol"] == "ocpp2.1"
        overview = (await csms.api("GET", "/api/v1/overview")).json()
        assert overview["stations"]["by_version"] == {"ocpp2.1": 1}


@pytest.mark.req("2.1:N11.FR.04", "2.1:N11.FR.06", "2.1:N13.FR.02", "2.1:N15.FR.02", "2.1J:4.2.4")
async def test_a_stream_of_values_is_kept_and_not_answered(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.boot()
        assert (await cp.call("OpenPeriodicEventStream", OPEN)) == {"status": "Accepted"}
        await cp.socket.send(json.dumps([6, "s-1", "NotifyPeriodicEventStream", values("2026-03-01T12:00:00Z")]))
        await cp.socket.send(json.dumps([6, "s-2", "NotifyPeriodicEventStream", values("2026-03-01T12:01:00Z")]))
        await cp.call("ClosePeriodicEventStream", {"id": 5})
        assert not [frame for frame in cp.frames if frame[1] in ("s-1", "s-2")]
        told = (await csms.api("GET", "/api/v1/stations/CP-1/event-streams")).json()
        (stream,) = told["streams"]
        assert (stream["monitor_id"], stream["interval_s"], stream["values"]) == (81, 60, 4)
        assert stream["closed_at"] is not None
        newest, oldest = told["batches"]
        assert oldest["values"] == [["2026-03-01T12:00:00Z", "230.4"], ["2026-03-01T12:00:01.500000Z", "230.2"]]
        assert (newest["stream_id"], newest["monitor_id"]) == (5, 81)


@pytest.mark.req("2.1:N15.FR.02")
@pytest.mark.parametrize(
    "frame",
    [
        [6, "x", "NotifyPeriodicEventStream", {"id": 5}],
        [6, "x", "NotifyPeriodicEventStream", []],
        [6, "x", "NotifyPeriodicEventStream"],
        [6, "x", "Heartbeat", {}],
        [6, "x", "Nonsense", {}],
        [6, "x" * 40, "NotifyPeriodicEventStream", {}],
        [6, "x", "NotifyPeriodicEventStream", values("yesterday", id=-1)],
        [5, "x", "FormatViolation", "what?", {}],
        [5, "x"],
        [4, "x", "GenericError", "", {}],
    ],
)
async def test_what_needs_no_answer_gets_none_however_broken(tmp_path: Path, frame: list[Any]) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.socket.send(json.dumps(frame))
        await cp.boot()
        assert len(cp.frames) == 1


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
@pytest.mark.parametrize("kind", [5, 6])
async def test_older_versions_know_neither(tmp_path: Path, protocol: str, kind: int) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol)
        answer = await cp.exchange(json.dumps([kind, "x", "NotifyPeriodicEventStream", {}]), "x")
        assert answer[2] == ("GenericError" if protocol == "ocpp1.6" else "MessageTypeNotSupported")


async def refused_answer(cp: Any, answer: Any) -> list[Any]:
    """What a station gets that answers a call of ours with this; its call ends with a PeerError."""
    waiting = asyncio.get_running_loop().create_future()

    async def asked(payload: dict[str, Any]) -> Any:
        unique_id = next(frame[1] for frame in cp.frames if frame[0] == 2 and frame[2] == "Reset")
        cp._waiting[unique_id] = waiting
        await cp.socket.send(json.dumps([3, unique_id, *answer]))
        return Silence()

    cp.answers("Reset", asked)
    with pytest.raises(PeerError):
        await cp.central.command("CP-1", Reset())
    async with asyncio.timeout(10):
        return list(await waiting)


@pytest.mark.req("2.1J:4.2.3")
@pytest.mark.parametrize(
    ("answer", "code"),
    [([{}], "ProtocolError"), ([{"status": 7}], "TypeConstraintViolation"), ([[]], "TypeConstraintViolation")],
)
async def test_an_answer_that_cannot_be_used_is_refused(tmp_path: Path, answer: Any, code: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1", strict=False)
        frame = await refused_answer(cp, answer)
        assert (frame[0], frame[2], len(frame)) == (5, code, 5)
        cp.answers("Reset", {"status": "Accepted"})
        assert (await csms.command("CP-1", Reset())).accepted


async def test_an_answer_of_ours_that_the_station_refuses_is_counted(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.boot()
        await cp.socket.send(json.dumps([5, "boot-1", "FormatViolation", "no such tariff", {}]))
        await cp.status(1, "Available")
        assert csms.rooms.gateway.counters()["answers_refused_by_stations"] == 1


@pytest.mark.req("2.1:N11.FR.05")
async def test_streams_without_end_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(event_streams, "STREAMS_MAX", 1)
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        again = {"constantStreamData": {**OPEN["constantStreamData"], "id": 6}}
        assert await cp.call("OpenPeriodicEventStream", OPEN) == {"status": "Accepted"}
        assert await cp.call("OpenPeriodicEventStream", again) == {"status": "Rejected"}
        await cp.call("ClosePeriodicEventStream", {"id": 5})
        assert await cp.call("OpenPeriodicEventStream", again) == {"status": "Accepted"}


@pytest.mark.req("2.1:N14.FR.01")
async def test_a_stream_is_adjusted_and_lists_are_set_right(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.call("OpenPeriodicEventStream", OPEN)
        await csms.operator("CP-1", "adjust_event_stream", stream_id=5, interval_s=10, values_max=20)
        assert await cp.expected("AdjustPeriodicEventStream") == {"id": 5, "params": {"interval": 10, "values": 20}}
        listed = {"id": 9, "variableMonitoringId": 3, "params": {"values": 7}}
        cp.answers("GetPeriodicEventStream", {"constantStreamData": [listed]})
        await csms.operator("CP-1", "get_event_streams")
        told = (await csms.api("GET", "/api/v1/stations/CP-1/event-streams")).json()["streams"]
        shown = [(s["stream_id"], s["interval_s"], s["values_max"], s["closed_at"] is None) for s in told]
        assert shown == [(5, 10, 20, False), (9, None, 7, True)]


async def test_values_of_a_stream_that_nobody_opened_are_kept_too(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.socket.send(json.dumps([6, "s", "NotifyPeriodicEventStream", values("2026-03-01T12:00:00Z")]))
        await cp.boot()
        (batch,) = await csms.rooms.store.reader.find(StreamBatch)
        assert (batch.monitor_id, len(batch.values)) == (None, 2)
