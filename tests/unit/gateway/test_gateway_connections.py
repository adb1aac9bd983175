"""The gateway over real websockets: handshakes, frames good and bad, commands, replaced and lost connections."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.typing import Subprotocol

from csms.gateway.server import Gateway, GatewaySettings
from csms.model.bounds import CALLS_QUEUED_MAX
from csms.model.clock import ScaledClock
from csms.model.command import GetVariables, Reset, SetVariables, Trigger
from csms.model.errors import (
    CallRefused,
    CallTimeout,
    ConnectionLost,
    PeerError,
    RpcErrorCode,
    StationBusy,
    StoreUnavailable,
)
from csms.model.inbound import Heartbeat, StatusReport
from tests.support.station_port import OPEN_PORT, NotedStations

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
BOOT_201 = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}


class Site:
    """A gateway on a free port and its notes."""

    def __init__(self, gateway: Gateway, stations: NotedStations, port: int) -> None:
        self.gateway, self.stations, self.port = gateway, stations, port

    def dial(self, name: str = "CP-1", protocol: str | None = "ocpp1.6", path: str = "/ocpp/", **more: Any) -> connect:
        offered = [Subprotocol(protocol)] if protocol else None
        url = f"ws://127.0.0.1:{self.port}{path}{name}"
        return connect(url, subprotocols=offered, proxy=None, ping_interval=None, **more)

    async def link(self, name: str = "CP-1"):
        await self.stations.until(lambda: name in self.stations.links)
        return self.stations.links[name]


async def open_site(**settings: Any) -> Site:
    stations = NotedStations({f"CP-{n}" for n in range(300)})
    gateway = Gateway(GatewaySettings(host="127.0.0.1", ports=OPEN_PORT, **settings), ScaledClock(), stations)
    return Site(gateway, stations, await gateway.start())


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    one = await open_site(call_timeout_s=0.5)
    yield one
    await one.gateway.stop("the test is over")


async def call(socket: ClientConnection, action: str, payload: Any, unique_id: Any = None) -> list[Any]:
    await socket.send(json.dumps([2, unique_id or uuid.uuid4().hex, action, payload]))
    return await frame(socket)


async def frame(socket: ClientConnection) -> list[Any]:
    async with asyncio.timeout(10):
        return list(json.loads(await socket.recv()))


@pytest.mark.req("1.6J:3.2", "2.0.1J:3.2")
@pytest.mark.parametrize(("protocol", "boot"), [("ocpp1.6", BOOT), ("ocpp2.0.1", BOOT_201)])
async def test_a_boot_is_answered_in_its_version(site: Site, protocol: str, boot: dict) -> None:
    async with site.dial(protocol=protocol) as socket:
        assert socket.subprotocol == protocol
        assert (await call(socket, "BootNotification", boot))[2]["status"] == "Accepted"


@pytest.mark.req("RB-04")
async def test_a_trailing_slash_is_the_same_station(site: Site) -> None:
    async with site.dial("CP-7/") as socket:
        await call(socket, "Heartbeat", {})
    assert site.stations.heard == [("CP-7", Heartbeat())]


@pytest.mark.req("RB-09")
@pytest.mark.parametrize("path", ["/", "/ocpp", "/ocpp/", "/other/CP-1", "/ocpp/%2e%2e/", "/ocpp/a%20b"])
async def test_a_path_without_station_is_refused(site: Site, path: str) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with site.dial("", path=path):
            pass
    assert refused.value.response.status_code == 404
    assert site.stations.came == []


@pytest.mark.req("NEXT-06")
async def test_a_stranger_is_told_what_to_do(site: Site) -> None:
    with pytest.raises(InvalidStatus) as refused:
        async with site.dial("NOBODY"):
            pass
    assert b"--accept-unknown" in (refused.value.response.body or b"")
    assert site.gateway.counters()["handshakes_unknown_station"] == 1


@pytest.mark.req("RB-06", "1.6J:3.1.2", "1.6J:3.2", "2.0.1J:3.1.2", "2.0.1J:3.2", "PAIN-08")
@pytest.mark.parametrize("protocol", ["ocpp9.9", None])
async def test_no_common_version_completes_the_handshake_and_closes(site: Site, protocol: str | None) -> None:
    async with site.dial(protocol=protocol) as socket:
        assert socket.subprotocol is None
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1002
    assert site.stations.came == []


@pytest.mark.req("RB-05", "PAIN-08")
async def test_a_missing_subprotocol_can_be_taken_for_16() -> None:
    site = await open_site(assume_ocpp16=True)
    async with site.dial(protocol=None) as socket:
        assert (await call(socket, "BootNotification", BOOT))[2]["status"] == "Accepted"
    await site.gateway.stop("over")


@pytest.mark.req("RB-07", "1.6J:5.1", "2.0.1J:3.3")
async def test_compression_is_declined(site: Site) -> None:
    async with site.dial(compression="deflate") as socket:
        assert socket.protocol.extensions == []
        assert (await call(socket, "Heartbeat", {}))[0] == 3


@pytest.mark.req("RB-11")
async def test_pipelined_calls_are_answered_in_order(site: Site) -> None:
    async with site.dial() as socket:
        for number in range(20):
            await socket.send(json.dumps([2, str(number), "Heartbeat", {}]))
        assert [(await frame(socket))[1] for _ in range(20)] == [str(n) for n in range(20)]


@pytest.mark.req("RB-16", "SR-11")
async def test_a_repeated_message_has_one_effect_and_the_same_answer(site: Site) -> None:
    start = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
    async with site.dial() as socket:
        first = await call(socket, "StartTransaction", start, "same")
        assert await call(socket, "StartTransaction", start, "same") == first
        assert len(site.stations.heard) == 1
        other = await call(socket, "StartTransaction", start | {"meterStart": 5}, "same")
        assert other != first


@pytest.mark.req("RB-15")
async def test_ids_of_an_earlier_connection_are_new(site: Site) -> None:
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    for _ in range(2):
        async with site.dial() as socket:
            await call(socket, "StatusNotification", status, "1")
    assert sum(isinstance(message, StatusReport) for _, message in site.stations.heard) == 2


@pytest.mark.req("HP-D6")
async def test_an_integer_id_is_echoed_as_integer(site: Site) -> None:
    async with site.dial() as socket:
        assert (await call(socket, "Heartbeat", {}, 4711))[1] == 4711


BAD = [
    "{",
    "[]",
    "[9]",
    '[2,"1",["x"],{}]',
    '[2,"1"]',
    "[" * 3000,
    '[2,"1","Heartbeat",[]]',
    '"text"',
    "\u0000",
    "null",
]


@pytest.mark.req("HP-D2", "HP-D3", "HP-D5")
@pytest.mark.parametrize("text", BAD)
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_bad_frame_never_ends_the_connection(site: Site, text: str, protocol: str) -> None:
    async with site.dial(protocol=protocol) as socket:
        await socket.send(text)
        answer = await call(socket, "Heartbeat", {}, "after")
        while answer[0] == 4:
            answer = await frame(socket)
        assert answer[1] == "after"


async def test_a_binary_frame_is_read_like_a_text(site: Site) -> None:
    async with site.dial() as socket:
        await socket.send(b'[2,"b","Heartbeat",{}]')
        assert (await frame(socket))[:2] == [3, "b"]


@pytest.mark.req("RB-34", "FR.03")
async def test_16_payloads_on_a_201_socket_get_an_error(site: Site) -> None:
    async with site.dial(protocol="ocpp2.0.1") as socket:
        assert (await call(socket, "BootNotification", BOOT))[0] == 4
        assert (await call(socket, "StartTransaction", {}))[2] == "NotImplemented"
        assert (await call(socket, "Heartbeat", {}))[0] == 3


@pytest.mark.req("FR.03", "1.6J:4.2.3", "2.0.1J:4.3")
async def test_a_peers_fault_has_the_spelling_of_its_version(site: Site) -> None:
    def refuse(station_id: str, message: object) -> None:
        raise PeerError(RpcErrorCode.FORMAT_VIOLATION, "no")

    site.stations.before_answer = refuse
    spelled = {}
    for protocol in ("ocpp1.6", "ocpp2.0.1"):
        async with site.dial(protocol=protocol) as socket:
            spelled[protocol] = (await call(socket, "Heartbeat", {}))[2]
    assert spelled == {"ocpp1.6": "FormationViolation", "ocpp2.0.1": "FormatViolation"}


@pytest.mark.parametrize("fault", [StoreUnavailable("disk full"), RuntimeError("bug")])
async def test_our_fault_is_internal_error_and_the_message_may_come_again(site: Site, fault: Exception) -> None:
    faults = [fault]

    def fail_once(station_id: str, message: object) -> None:
        if faults:
            raise faults.pop()

    site.stations.before_answer = fail_once
    status = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
    async with site.dial() as socket:
        assert (await call(socket, "StatusNotification", status, "x"))[2] == "InternalError"
        assert (await call(socket, "StatusNotification", status, "x"))[0] == 3
    assert len(site.stations.heard) == 1


async def test_a_command_is_answered(site: Site) -> None:
    async with site.dial() as socket:
        asking = asyncio.create_task((await site.link()).send(Reset(hard=True)))
        request = await frame(socket)
        assert request[2:] == ["Reset", {"type": "Hard"}]
        await socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert (await asking).accepted


@pytest.mark.req("SR-06", "FR.01")
async def test_a_command_of_several_calls_sends_one_after_the_other(site: Site) -> None:
    async with site.dial() as socket:
        asking = asyncio.create_task((await site.link()).send(SetVariables({"A": "1", "B": "2"})))
        for key, status in (("A", "Accepted"), ("B", "NotSupported")):
            request = await frame(socket)
            assert request[3]["key"] == key
            await socket.send(json.dumps([3, request[1], {"status": status}]))
        assert dict((await asking).values) == {"A": "Accepted", "B": "NotSupported"}


@pytest.mark.req("RB-13", "SR-06")
async def test_a_silent_station_times_out_and_the_next_command_goes_on(site: Site) -> None:
    async with site.dial() as socket:
        link = await site.link()
        with pytest.raises(CallTimeout):
            await link.send(Reset())
        late = await frame(socket)
        asking = asyncio.create_task(link.send(GetVariables(("A",))))
        request = await frame(socket)
        await socket.send(json.dumps([3, late[1], {"status": "Accepted"}]))
        await socket.send(json.dumps([3, request[1], {"unknownKey": ["A"]}]))
        assert dict((await asking).values) == {"A": None}
    assert site.gateway.counters()["answers_late"] == 1


@pytest.mark.req("HP-D1")
async def test_unasked_answers_are_dropped_and_counted(site: Site) -> None:
    async with site.dial() as socket:
        for number in range(3000):
            await socket.send(json.dumps([3, f"u{number}", {}]))
        assert (await call(socket, "Heartbeat", {}))[0] == 3
    assert site.gateway.counters()["answers_unasked"] == 3000


@pytest.mark.req("RB-20", "RB-21", "RB-22", "RB-23")
@pytest.mark.parametrize(
    "tail",
    [["FormationViolation"], ["NotSupported", "why"], ["Odd", "x" * 900 + "\n", "text"], ["Weird", "", ""]],
)
async def test_a_refusal_in_any_shape_fails_the_command_cleanly(site: Site, tail: list[Any]) -> None:
    async with site.dial() as socket:
        asking = asyncio.create_task((await site.link()).send(Reset()))
        request = await frame(socket)
        await socket.send(json.dumps([4, request[1], *tail]))
        with pytest.raises(CallRefused) as refused:
            await asking
    assert refused.value.error_code == tail[0]


@pytest.mark.req("RB-12")
async def test_a_message_before_the_answer_to_our_call_is_kept_apart(site: Site) -> None:
    async with site.dial() as socket:
        asking = asyncio.create_task((await site.link()).send(Trigger("Heartbeat")))
        request = await frame(socket)
        assert (await call(socket, "Heartbeat", {}))[0] == 3
        await socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert (await asking).accepted


@pytest.mark.req("PAIN-30", "HP-D8")
async def test_a_command_from_inside_a_handler_gets_its_answer(site: Site) -> None:
    async def ask(station_id: str, message: object) -> None:
        if isinstance(message, Heartbeat):
            assert (await site.stations.links[station_id].send(Reset())).accepted

    site.stations.before_answer = ask
    async with site.dial() as socket:
        await socket.send(json.dumps([2, "h", "Heartbeat", {}]))
        request = await frame(socket)
        assert request[2] == "Reset"
        await socket.send(json.dumps([3, request[1], {"status": "Accepted"}]))
        assert (await frame(socket))[:2] == [3, "h"]


@pytest.mark.req("PAIN-01", "PAIN-02")
async def test_the_newer_connection_wins_and_the_late_end_of_the_old_changes_nothing(site: Site) -> None:
    async with site.dial() as old:
        waiting = asyncio.create_task((await site.link()).send(Reset()))
        await frame(old)
        async with site.dial() as new:
            with pytest.raises(ConnectionLost):
                await waiting
            assert (await call(new, "Heartbeat", {}))[0] == 3
            with pytest.raises(ConnectionClosed):
                await old.recv()
            assert site.gateway.counters()["connections"] == 1
            assert (await call(new, "Heartbeat", {}))[0] == 3
    await site.stations.until(lambda: len(site.stations.left) == 2)
    assert len(site.stations.came) == 2


@pytest.mark.req("RB-24", "OA-05", "OA-18")
@pytest.mark.parametrize("rude", [True, False])
async def test_a_connection_that_goes_fails_the_command_at_once(site: Site, rude: bool) -> None:
    async with site.dial() as socket:
        asking = asyncio.create_task((await site.link()).send(Reset()))
        await frame(socket)
        if rude:
            socket.transport.abort()
        else:
            await socket.close()
        with pytest.raises(ConnectionLost):
            await asking


async def test_too_many_waiting_commands_are_refused(site: Site) -> None:
    async with site.dial():
        link = await site.link()
        waiting = [asyncio.create_task(link.send(Reset())) for _ in range(CALLS_QUEUED_MAX)]
        await asyncio.sleep(0)
        with pytest.raises(StationBusy):
            await link.send(Reset())
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)


async def test_what_was_read_before_the_close_is_handled_to_its_end(site: Site) -> None:
    go = asyncio.Event()

    async def slow(station_id: str, message: object) -> None:
        await go.wait()

    site.stations.before_answer = slow
    async with site.dial() as socket:
        for number in range(5):
            await socket.send(json.dumps([2, str(number), "Heartbeat", {}]))
        await call_ping(socket)
        socket.transport.abort()
    go.set()
    await site.stations.until(lambda: bool(site.stations.left))
    assert len(site.stations.heard) == 5


async def call_ping(socket: ClientConnection) -> None:
    """The server's pong shows that it has read what came before."""
    async with asyncio.timeout(30):
        await (await socket.ping())


async def test_a_connection_that_cannot_be_registered_is_closed_and_counted(site: Site) -> None:
    site.stations.on_connect = StoreUnavailable("disk full")
    async with site.dial() as socket:
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1011
    await site.stations.until(lambda: bool(site.stations.left))
    assert site.gateway.counters()["connections"] == 0


@pytest.mark.req("PAIN-09", "RB-10")
async def test_noise_on_the_port_hurts_nobody(site: Site) -> None:
    async with site.dial() as socket:
        for noise in (b"\x16\x03\x01\x02\x00", b"GET /ocpp/CP-2 HTTP/1.1\r\nHost: x\r\n\r\n", b"hello\r\n\r\n"):
            reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
            writer.write(noise)
            await writer.drain()
            writer.write_eof()
            async with asyncio.timeout(30):
                await reader.read()
            writer.close()
        assert (await call(socket, "Heartbeat", {}))[0] == 3


@pytest.mark.req("RB-02", "RB-03", "RB-08")
async def test_a_plain_handshake_with_lower_case_headers_is_accepted(site: Site) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", site.port)
    lines = ["GET /ocpp/CP-3 HTTP/1.1", "host: localhost", "upgrade: websocket", "connection: Upgrade"]
    lines += [
        "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==",
        "sec-websocket-version: 13",
        "sec-websocket-protocol: ocpp1.6",
    ]
    writer.write(("\r\n".join(lines) + "\r\n\r\n").encode())
    async with asyncio.timeout(30):
        assert b"101" in await reader.readline()
    writer.close()
    await writer.wait_closed()


async def test_two_hundred_stations_at_once(site: Site) -> None:
    async def one(number: int) -> list[Any]:
        async with site.dial(f"CP-{number}") as socket:
            return await call(socket, "BootNotification", BOOT)

    answers = await asyncio.gather(*(one(number) for number in range(200)))
    assert {answer[2]["status"] for answer in answers} == {"Accepted"}


async def test_stopping_closes_with_1001_even_if_nobody_answers() -> None:
    site = await open_site()
    async with site.dial() as socket:
        await call(socket, "Heartbeat", {})
        async with asyncio.timeout(20):
            await site.gateway.stop("restarting")
        with pytest.raises(ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd is not None
    assert (closed.value.rcvd.code, closed.value.rcvd.reason) == (1001, "restarting")
    assert site.stations.left == ["CP-1"]


async def test_the_answer_carries_the_time_of_arrival(site: Site) -> None:
    async with site.dial() as socket:
        answer = await call(socket, "Heartbeat", {})
    said = datetime.fromisoformat(answer[2]["currentTime"])
    assert abs((datetime.now(UTC) - said).total_seconds()) < 60
