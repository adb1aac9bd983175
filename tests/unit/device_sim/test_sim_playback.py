"""Exports become scripts, scripts are played against a real websocket server, answers are compared."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from websockets.asyncio.server import ServerConnection, serve
from websockets.typing import Subprotocol

from device_sim.playback.player import Report, play
from device_sim.playback.script import Script, ScriptInvalid, read_scripts

BOOT = [2, "b", "BootNotification", {"chargePointVendor": "V", "chargePointModel": "M"}]


def line(at_s: float, direction: str, items: Any, action: str = "", kind: str = "frame", station: str = "CP-1") -> str:
    message = {2: "call", 3: "result", 4: "error"}.get(items[0] if isinstance(items, list) else 0, "")
    return json.dumps(
        {
            "at": f"2026-03-02T12:00:{at_s:06.3f}+00:00",
            "station_id": station,
            "kind": kind,
            "direction": direction,
            "message": message if kind == "frame" else "",
            "action": action or (items[2] if message == "call" else ""),
            "text": items if isinstance(items, str) else json.dumps(items),
        }
    )


def opened(at_s: float, protocol: str = "ocpp1.6") -> str:
    return line(at_s, "", json.dumps({"peer": "x", "protocol": protocol}), kind="opened")


def closed(at_s: float) -> str:
    return line(at_s, "", json.dumps({"code": 1000}), kind="closed")


DAY = [
    opened(0),
    line(0.1, "in", BOOT),
    line(0.2, "out", [3, "b", {"status": "Accepted", "currentTime": "x", "interval": 300}], "BootNotification"),
    line(0.3, "out", [2, "q", "GetConfiguration", {}]),
    line(0.4, "in", [3, "q", {"configurationKey": []}], "GetConfiguration"),
    line(
        1.0,
        "in",
        [2, "s", "StartTransaction", {"connectorId": 1, "idTag": "***C3D4", "meterStart": 0, "timestamp": "x"}],
    ),
    line(1.1, "out", [3, "s", {"transactionId": 17, "idTagInfo": {"status": "Accepted"}}], "StartTransaction"),
    line(2.0, "in", [2, "m", "MeterValues", {"connectorId": 1, "transactionId": 17, "meterValue": []}]),
    line(2.05, "in", "[2,", kind="unreadable"),
    line(2.06, "in", '[2,***,"ChangeConfiguration",*** (80)', kind="unreadable"),
    line(2.1, "out", [3, "m", {}], "MeterValues"),
    closed(3),
]


def test_a_script_holds_what_the_station_said_and_how_it_answered() -> None:
    (script,) = read_scripts(DAY)
    assert (script.station_id, script.protocol, script.length_s, script.left_out) == ("CP-1", "ocpp1.6", 3.0, 1)
    assert [(step.action, round(step.offset_s, 3), step.waits) for step in script.steps] == [
        ("BootNotification", 0.1, True),
        ("StartTransaction", 1.0, True),
        ("MeterValues", 2.0, False),
        ("", 2.05, False),
    ]
    assert script.steps[1].answer is not None
    assert script.steps[1].answer.payload["transactionId"] == 17
    assert script.answers["GetConfiguration"][0].payload == {"configurationKey": []}


def test_connections_and_stations_are_told_apart_and_order_does_not_matter() -> None:
    lines = [
        *DAY,
        opened(4, "ocpp2.0.1"),
        line(5, "in", [2, "h", "Heartbeat", {}]),
        line(5, "in", BOOT, station="CP-2"),
    ]
    scripts = read_scripts(lines[::-1])
    assert [(s.station_id, s.protocol, len(s.steps)) for s in scripts] == [
        ("CP-1", "ocpp1.6", 4), ("CP-1", "ocpp2.0.1", 1), ("CP-2", "ocpp1.6", 1),
    ]  # fmt: skip
    (guessed,) = read_scripts([line(1, "in", [2, "e", "TransactionEvent", {}])])
    assert guessed.protocol == "ocpp2.0.1"


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"at":"2026-03-02T12:00:00Z"}', '{"at":5}', '"x"'])
def test_other_files_are_refused_with_the_line(text) -> None:
    with pytest.raises(ScriptInvalid, match="line 2 is no exported frame"):
        read_scripts([DAY[0], text])
    assert read_scripts(["", " \n"]) == []


class Central:
    """A central system by hand: answers by `say`, notes what it hears."""

    def __init__(self) -> None:
        self.heard: list[list[Any] | str] = []
        self.times: list[float] = []
        self.subprotocols: list[str | None] = []
        self.answers: list[list[Any]] = []
        self.calls: list[list[Any]] = []
        self.say: Callable[[list[Any]], dict[str, Any] | list[Any] | None] = lambda frame: {}
        self.url = ""

    async def handle(self, socket: ServerConnection) -> None:
        self.subprotocols.append(socket.subprotocol)
        for call in self.calls:
            await socket.send(json.dumps(call))
        async for text in socket:
            self.times.append(asyncio.get_running_loop().time())
            try:
                frame = json.loads(text)
            except ValueError:
                self.heard.append(str(text))
                continue
            if frame[0] != 2:
                self.answers.append(frame)
                continue
            self.heard.append(frame)
            answer = self.say(frame)
            if answer is not None:
                reply = [3, frame[1], answer] if isinstance(answer, dict) else answer
                await socket.send(json.dumps(reply))


@asynccontextmanager
async def central() -> AsyncIterator[Central]:
    made = Central()
    offered = [Subprotocol("ocpp1.6"), Subprotocol("ocpp2.0.1")]
    async with serve(made.handle, "127.0.0.1", 0, subprotocols=offered) as server:
        made.url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/ocpp"
        yield made


async def played(at: Central, scripts: list[Script] | None = None, speed: float = 50.0, **more: Any) -> Report:
    async with asyncio.timeout(20):
        return await play(scripts or read_scripts(DAY), at.url, speed, **more)


async def test_it_is_said_again_in_order_with_the_new_transaction_id() -> None:
    async with central() as at:
        at.say = lambda frame: {"transactionId": 99} if frame[2] == "StartTransaction" else {}
        report = await played(at)
    assert [frame if isinstance(frame, str) else frame[2] for frame in at.heard] == [
        "BootNotification", "StartTransaction", "MeterValues", "[2,",
    ]  # fmt: skip
    assert at.heard[0] == BOOT
    assert at.heard[2][3]["transactionId"] == 99
    assert (report.sent, report.answered, report.differences, report.left_out) == (4, 3, [], 1)
    assert at.subprotocols == ["ocpp1.6"]


async def test_relative_times_are_kept() -> None:
    async with central() as at:
        await played(at, speed=10)
    waits = [later - sooner for sooner, later in zip(at.times, at.times[1:], strict=False)]
    assert waits[0] == pytest.approx(0.09, abs=0.05)
    assert waits[1] == pytest.approx(0.1, abs=0.05)


async def test_other_answers_are_told(monkeypatch) -> None:
    monkeypatch.setattr("device_sim.playback.player.ANSWER_WALL_S", 0.2)
    async with central() as at:
        at.say = lambda frame: (
            [4, frame[1], "InternalError", "", {}]
            if frame[2] == "StartTransaction"
            else None
            if frame[2] == "MeterValues"
            else {}
        )
        report = await played(at)
    assert [(d.number, d.action, d.then, d.now) for d in report.differences] == [
        (2, "StartTransaction", "result", "error InternalError"),
        (3, "MeterValues", "result", "nothing"),
    ]


async def test_calls_of_the_central_system_get_the_recorded_answers() -> None:
    async with central() as at:
        at.calls = [
            [2, 5, "GetConfiguration", {}],
            [2, "6", "GetConfiguration", {}],
            [2, "7", "Reset", {"type": "Hard"}],
        ]
        report = await played(at)
    assert at.answers[:2] == [[3, 5, {"configurationKey": []}], [3, "6", {"configurationKey": []}]]
    assert at.answers[2][:3] == [4, "7", "NotImplemented"]
    assert report.unknown_calls == {"Reset": 1}


async def test_a_server_that_hangs_up_or_is_not_there() -> None:
    async with central() as at:
        at.say = lambda frame: {}[frame[1]]  # the handler dies: 1011
        report = await played(at)
        assert [d.now for d in report.differences] == ["nothing"]
        url = at.url
    gone = await play(read_scripts(DAY), url)
    assert list(gone.refused) == ["CP-1"]


async def test_under_another_name() -> None:
    async with central() as at:
        report = await played(at, name="TEST-9")
    assert report.sent == 4
