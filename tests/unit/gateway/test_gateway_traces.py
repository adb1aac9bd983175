"""Everything that passes a real gateway is noted once, with its action, and marked clean only when it is."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus
from websockets.typing import Subprotocol

from csms.gateway.server import Gateway, GatewaySettings
from csms.model.clock import ScaledClock
from csms.model.command import Reset
from csms.model.errors import CallTimeout, CsmsError
from csms.model.inbound import HeartbeatReply
from csms.trace.notes import IN_CLEAN, OUT_CLEAN, Kind
from tests.support.raw_socket import client_frame, raw_link, raw_peer
from tests.support.station_port import OPEN_PORT, NotedStations

BEAT = '[2,"1","Heartbeat",{}]'
BOOT = '[2,"b","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"}]'


@dataclass
class Noted:
    """One note."""

    station: str
    kind: int
    action: str
    text: str


class Site:
    """A gateway whose notes are kept."""

    def __init__(self) -> None:
        self.noted: list[Noted] = []
        self.stations = NotedStations({"CP-1", "CP-2"})
        self.port = 0

    def note(self, station_id: str, kind: int, action: str, text: str | bytes, at_s: float) -> None:
        assert at_s > 1_700_000_000
        self.noted.append(Noted(station_id, kind, action, text if isinstance(text, str) else text.decode()))

    def dial(self, name: str = "CP-1", protocol: str | None = "ocpp1.6") -> connect:
        offered = [Subprotocol(protocol)] if protocol else None
        url = f"ws://127.0.0.1:{self.port}/ocpp/{name}"
        return connect(url, subprotocols=offered, proxy=None, ping_interval=None)

    async def until(self, kind: int, count: int = 1) -> list[Noted]:
        async with asyncio.timeout(10):
            while len(found := [n for n in self.noted if n.kind == kind]) < count:  # noqa: ASYNC110
                await asyncio.sleep(0.005)
        return found


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    made = Site()
    settings = GatewaySettings(host="127.0.0.1", ports=OPEN_PORT, call_timeout_s=0.3)
    gateway = Gateway(settings, ScaledClock(), made.stations, note=made.note)
    made.port = await gateway.start()
    yield made
    await gateway.stop("over")


def facts(note: Noted) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(note.text)
    return found


async def test_a_connection_from_its_opening_to_its_end(site) -> None:
    async with site.dial() as socket:
        await socket.send(BOOT)
        await socket.recv()
        await socket.close(1000, "good night")
    (closed,) = await site.until(Kind.CLOSED)
    opened, asked, answered, _ = site.noted
    assert {n.station for n in site.noted} == {"CP-1"}
    assert (opened.kind, facts(opened)["protocol"]) == (Kind.OPENED, "ocpp1.6")
    assert facts(opened)["peer"].startswith("127.0.0.1:")
    assert (asked.kind, asked.action, asked.text) == (Kind.IN, "BootNotification", BOOT)
    assert (answered.kind, answered.action) == (Kind.OUT, "BootNotification")
    assert facts(closed) == {"code": 1000, "reason": "good night", "by": "station"}


async def test_frequent_calls_are_marked_clean_and_so_are_their_answers(site) -> None:
    site.stations.take_soon = lambda message: HeartbeatReply(datetime.now(UTC))
    async with site.dial() as socket:
        await socket.send(BEAT)
        await socket.recv()
    assert [(n.kind, n.action) for n in site.noted[1:3]] == [(IN_CLEAN, "Heartbeat"), (OUT_CLEAN, "Heartbeat")]
    site.stations.take_soon = lambda message: CsmsError("secret of ours")
    async with site.dial() as socket:
        await socket.send(BEAT)
        await socket.recv()
    assert (await site.until(Kind.OUT))[-1].action == "Heartbeat"


async def test_a_frequent_call_with_more_in_it_is_not_marked_clean(site) -> None:
    async with site.dial() as socket:
        await socket.send('[2,"1","Heartbeat",{"password":"x"}]')
        await socket.recv()
    assert [(n.kind, n.action) for n in site.noted[1:3]] == [(Kind.IN, "Heartbeat"), (Kind.OUT, "Heartbeat")]


async def test_our_calls_and_their_answers_have_the_action(site) -> None:
    async with site.dial() as socket:
        await site.stations.until(lambda: "CP-1" in site.stations.links)
        asking = asyncio.create_task(site.stations.links["CP-1"].send(Reset("soft")))
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps([3, asked[1], {"status": "Accepted"}]))
        await asking
        await socket.send('[3,"nobody asked",{}]')
        await socket.send(BEAT)
        await socket.recv()
    frames = [(n.kind, n.action) for n in site.noted if n.kind in (Kind.IN, Kind.OUT)]
    assert frames[:3] == [(Kind.OUT, "Reset"), (Kind.IN, "Reset"), (Kind.IN, "")]


async def test_a_call_without_an_answer_is_noted(site) -> None:
    async with site.dial():
        await site.stations.until(lambda: "CP-1" in site.stations.links)
        with pytest.raises(CallTimeout):
            await site.stations.links["CP-1"].send(Reset("soft"))
    (silent,) = await site.until(Kind.SILENT)
    assert (silent.action, facts(silent)) == ("Reset", {"waited_s": 0.3})


async def test_what_cannot_be_read(site) -> None:
    async with site.dial(protocol="ocpp2.0.1") as socket:
        await socket.send('[2,"1"')
        await socket.recv()
    broken, answer = site.noted[1:3]
    assert (broken.kind, broken.action, broken.text) == (Kind.UNREADABLE, "", '[2,"1"')
    assert (answer.kind, answer.action) == (Kind.OUT, "")


async def test_refused_handshakes(site) -> None:
    for name in ("CP-9", "%00a"):
        with pytest.raises(InvalidStatus):
            await site.dial(name).__aenter__()
    async with site.dial(protocol="ocpp9") as socket:
        await socket.wait_closed()
    unknown, nameless, version = await site.until(Kind.REFUSED, 3)
    assert (unknown.station, facts(unknown)["code"], facts(unknown)["status"]) == ("CP-9", "unknown_station", 404)
    assert (nameless.station, facts(nameless)["code"]) == ("", "no_station_id")
    assert facts(nameless)["path"].startswith("/ocpp/%00a")
    assert (version.station, facts(version)["code"], facts(version)["offered"]) == (
        "CP-1",
        "no_common_version",
        ["ocpp9"],
    )


@pytest.mark.req("PAIN-09")
async def test_a_malformed_handshake_of_a_station(site) -> None:
    peer = await raw_link(site.port)
    peer.send(b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: x\r\n\r\n")
    await peer.end()
    (refused,) = await site.until(Kind.REFUSED)
    assert (refused.station, facts(refused)["code"]) == ("CP-1", "handshake_broken")
    assert "Connection" in facts(refused)["fault"]
    scan = await raw_link(site.port)
    scan.send(b"\x16\x03\x01")
    await scan.end()
    assert len(await site.until(Kind.REFUSED)) == 1, "what never asked for anything is no station's"
    await peer.gone()
    await scan.gone()


async def test_a_link_that_is_cut(site) -> None:
    peer = await raw_peer(site.port)
    peer.send(client_frame(1, BEAT.encode()))
    await peer.frame()
    await peer.gone()
    (closed,) = await site.until(Kind.CLOSED)
    assert facts(closed) == {"code": 1006, "reason": "", "by": "station"}


async def test_a_replaced_connection_says_by_whom(site) -> None:
    async with site.dial(), site.dial():
        (closed,) = await site.until(Kind.CLOSED)
    assert facts(closed) == {"code": 1000, "reason": "replaced by a newer connection", "by": "server"}
