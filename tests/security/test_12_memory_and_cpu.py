"""Attack class 12: what a peer can cost in memory and CPU: huge and slow frames, compression bombs, idle handshakes,
floods, queues, boot storms (CWE-400, CWE-770).

A real `csms serve` is measured from outside. Bounds are on growth and ratios, not on times.
"""

from __future__ import annotations

import asyncio
import json
import zlib
from collections.abc import Awaitable, Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from websockets.asyncio.client import connect

from tests.support.raw_socket import CONT, REQUEST, TEXT, RawPeer, client_frame, raw_link
from tests.support.running import SETTINGS, BareStation, Server, running, station
from tests.support.scripted import Silence, central

MIB = 1024 * 1024
STATIONS = [f"CP-{number}" for number in range(1, 121)]
LIMITS = """
[admission]
handshake_s = 8
handshakes_per_address_max = 300
messages_burst = 3000
messages_per_s = 200
excess_s = 1.0
"""
BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    folder = tmp_path_factory.mktemp("server")
    with running(
        folder,
        stations=STATIONS,
        settings=SETTINGS.replace("[[feeders]]", LIMITS + "\n[[feeders]]", 1),
        fresh=True,
    ) as one:
        yield one


class Meter:
    """What the server used since the block began."""

    def __init__(self, server: Server) -> None:
        assert server.process is not None
        self._process = psutil.Process(server.process.pid)
        self._server = server

    def __enter__(self) -> Meter:
        self._before = self._now()
        self._counted = self._counters()
        return self

    def __exit__(self, *fault: object) -> None: ...

    @property
    def grown_mib(self) -> float:
        return float(self._now()[0] - self._before[0]) / MIB

    @property
    def cpu_s(self) -> float:
        return self._now()[1] - self._before[1]

    def counted(self, name: str) -> int:
        return self._counters().get(name, 0) - self._counted.get(name, 0)

    def _counters(self) -> dict[str, int]:
        return dict(self._server.overview()["gateway"])

    def _now(self) -> tuple[int, float]:
        times = self._process.cpu_times()
        return self._process.memory_info().rss, times.user + times.system


async def raw_station(server: Server, name: str) -> RawPeer:
    peer = await raw_link(server.ports[0])
    peer.send(REQUEST.replace(b"CP-1", name.encode()))
    async with asyncio.timeout(20):
        assert b" 101 " in await peer.reader.readuntil(b"\r\n\r\n")
    return peer


async def all_of(peers: list[Awaitable[Any]]) -> list[Any]:
    return list(await asyncio.gather(*peers))


async def is_well(server: Server, name: str = "CP-120") -> None:
    """A good station is served meanwhile."""
    async with asyncio.timeout(20), station(server, name) as socket:
        assert (await BareStation(socket).call("BootNotification", BOOT))[2]["status"] == "Accepted"


async def test_frames_that_are_too_large_are_refused_by_their_head(server: Server) -> None:
    with Meter(server) as meter:
        peers = await all_of([raw_station(server, name) for name in STATIONS[:40]])
        for peer in peers:
            peer.send(b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff" + b"x" * 4096)
        assert set(await all_of([peer.closing_code() for peer in peers])) == {1009}
        await all_of([peer.gone() for peer in peers])
        assert meter.grown_mib < 20


async def test_frames_in_a_thousand_pieces_are_bounded_together(server: Server) -> None:
    with Meter(server) as meter:
        peers = await all_of([raw_station(server, name) for name in STATIONS[:20]])
        for peer in peers:
            peer.send(client_frame(TEXT, b"x" * 60, final=False))
            peer.send(*[client_frame(CONT, b"x" * 600, final=False)] * 200)
        assert set(await all_of([peer.closing_code() for peer in peers])) == {1009}
        await all_of([peer.gone() for peer in peers])
        assert meter.grown_mib < 20


async def test_slow_frames_hold_what_they_have_sent_and_cost_nothing(server: Server) -> None:
    whole = client_frame(TEXT, b"x" * 65_000)
    with Meter(server) as meter:
        peers = await all_of([raw_station(server, name) for name in STATIONS[:60]])
        for begin in range(0, 60_000, 6_000):
            for peer in peers:
                peer.send(whole[begin : begin + 6_000])
            await asyncio.sleep(0.01)
        await is_well(server)
        assert meter.grown_mib < 60 * 0.4, "each holds one frame of 64 KiB, and the loop some buffers"
        await all_of([peer.gone() for peer in peers])


async def test_compression_is_declined_and_bombs_are_never_unpacked(server: Server) -> None:
    bomb = zlib.compressobj(wbits=-15)
    packed = bomb.compress(b"[" * 50_000_000) + bomb.flush(zlib.Z_SYNC_FLUSH)
    async with connect(f"{server.ocpp_url}/CP-1", subprotocols=["ocpp1.6"], compression="deflate", proxy=None) as one:  # type: ignore[list-item]
        assert one.protocol.extensions == []
    with Meter(server) as meter:
        peer = await raw_station(server, "CP-1")
        head = client_frame(TEXT, packed[:60_000])
        peer.send(bytes([head[0] | 0x40]) + head[1:])
        assert await peer.closing_code() == 1002
        await peer.gone()
        assert meter.grown_mib < 10


async def test_idle_handshakes_are_capped_dropped_and_cost_no_cpu(server: Server) -> None:
    with Meter(server) as meter:
        peers = await all_of([raw_link(server.ports[0]) for _ in range(500)])
        await asyncio.sleep(0.2)
        assert server.overview()["gateway"]["handshakes_in_progress"] <= 300
        began_cpu_s = meter.cpu_s
        await asyncio.sleep(0.5)
        assert meter.cpu_s - began_cpu_s < 0.25, "nobody looks at them"
        assert meter.counted("handshakes_crowded") >= 200
        assert meter.grown_mib < 30
        async with asyncio.timeout(40):
            while server.overview()["gateway"]["handshakes_in_progress"]:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        await is_well(server)
        await all_of([peer.gone() for peer in peers])


def status_call(number: int) -> str:
    return json.dumps(
        [2, str(number), "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}]
    )


async def test_who_reads_no_answers_is_read_no_more(server: Server) -> None:
    """Calls without end: a few are in hand, the rest waits with the peer, and neighbours are served."""
    with Meter(server) as meter:
        peer = await raw_station(server, "CP-1")
        frames = b"".join(client_frame(TEXT, status_call(number).encode()) for number in range(2_900))
        peer.send(frames)
        await is_well(server)
        assert meter.grown_mib < 30
        await peer.gone()


async def test_an_offline_replay_beyond_the_burst_is_slowed_and_never_cut(tmp_path: Path) -> None:
    async with central(tmp_path, admission={"messages_burst": 200, "messages_per_s": 400}) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        began_s = asyncio.get_running_loop().time()
        transaction = await cp.start()
        for number in range(500):
            await cp.meter(transaction, number)
        await cp.stop(transaction, 500)
        assert asyncio.get_running_loop().time() - began_s > 0.5
        assert (await csms.session("CP-1")).energy_wh == 500
        assert csms.rooms.gateway.counters().get("stations_sent_away", 0) == 0


async def test_a_flood_is_slowed_and_when_it_does_not_end_sent_away_with_an_event(server: Server) -> None:
    with Meter(server) as meter:
        peer = await raw_station(server, "CP-2")
        reading = asyncio.create_task(peer.closing_code())
        frame = client_frame(TEXT, b'[3,"nothing",{}]')
        began_s = asyncio.get_running_loop().time()
        while not reading.done():
            peer.send(*[frame] * 500)
            if peer.writer.transport.get_write_buffer_size() > 64 * 1024:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0)
        took_s = asyncio.get_running_loop().time() - began_s
        assert await reading == 1008
        heard = meter.counted("frames_in")
        assert heard < 2 * 3000 + 200 * (took_s + 2), "what was left, what had come in, and the rate"
        assert meter.counted("stations_sent_away") == 1
        await peer.gone()
        await is_well(server)
    events = server.api.get("/api/v1/stations/CP-2/security-events").json()["events"]
    assert [(one["kind"], one["critical"]) for one in events] == [("MessageFlood", True)]


async def test_a_new_connection_is_no_new_burst(tmp_path: Path) -> None:
    async with central(tmp_path, admission={"messages_burst": 50, "messages_per_s": 100}) as csms:
        cp = await csms.station("CP-1")
        for _ in range(4):
            for _ in range(49):
                await cp.call("Heartbeat")
            await cp.disconnect()
            await cp.connect()
        assert csms.rooms.gateway.counters()["stations_slowed"] > 0


PLAIN = '[2,"ID","StatusNotification",{"connectorId":1,"errorCode":"NoError","status":"Available"}]'
UGLY = {
    "nested": '[2,"ID","DataTransfer",{"vendorId":"V","data":' + "[" * 15 + "1," * 20_000 + "1" + "]" * 15 + "}]",
    "escaped": '[2,"ID","DataTransfer",{"vendorId":"' + '\\"' * 30_000 + '"}]',
    "invalid": '[2,"ID","MeterValues",{"connectorId":1,"meterValue":['
    + '{"timestamp":"","sampledValue":[{}]},' * 1_700
    + "{}]}]",
    "unknown names": '[2,"ID","Heartbeat",{' + ",".join(f'"k{number}":{number}' for number in range(4_000)) + "}]",
    "one name": '[2,"ID","Heartbeat",{' + ",".join(['"k":1'] * 10_000) + "}]",
}


async def cost_by_byte(server: Server, pile: BareStation, frame: str, many: int) -> float:
    with Meter(server) as meter:
        for number in range(many):
            await pile.raw(frame.replace("ID", f"{id(frame)}-{number}"))
        return meter.cpu_s / (many * len(frame))


async def test_ugly_frames_cost_in_proportion(server: Server) -> None:
    """The dearest frames of full size against ordinary ones, by the byte."""
    async with asyncio.timeout(50), station(server, "CP-4") as socket:
        pile = BareStation(socket)
        await pile.call("BootNotification", BOOT)
        plain = await cost_by_byte(server, pile, PLAIN, 400)
        costs = {name: await cost_by_byte(server, pile, frame, 8) for name, frame in UGLY.items()}
    assert max(costs.values()) < 2 * plain, (plain, costs)


async def boots(server: Server, name: str) -> str:
    async with station(server, name) as socket:
        answer = await BareStation(socket).call("BootNotification", BOOT)
        return str(answer[2]["status"])


async def test_a_storm_of_boots_loses_nobody_and_leaves_nothing_behind(server: Server) -> None:
    with Meter(server) as meter:
        for _ in range(2):
            assert set(await all_of([boots(server, name) for name in STATIONS])) == {"Accepted"}
        grown_once = meter.grown_mib
        for _ in range(2):
            await all_of([boots(server, name) for name in STATIONS])
        assert meter.grown_mib - grown_once < 15
        assert meter.counted("handshakes_crowded") == 0


async def test_commands_that_wait_for_one_pile_are_bounded_and_end_with_a_result(tmp_path: Path) -> None:
    async with central(tmp_path, call_timeout_s=0.5, admission={"commands_waiting_max": 3}) as csms:
        cp = await csms.station("CP-1")
        await cp.boot()
        cp.answers("ClearCache", Silence())
        told = await asyncio.gather(*(csms.operator("CP-1", "clear_cache") for _ in range(6)))
        codes = sorted(str(one.get("code")) for one in told)
        assert codes == ["call_timeout"] * 3 + ["station_busy"] * 3
        assert csms.rooms.gateway.counters()["commands_refused_busy"] == 3


def test_the_api_reads_no_body_without_end(server: Server) -> None:
    with Meter(server) as meter:
        body = b'{"version":1,"reason":"' + b"x" * 20_000_000 + b'"}'
        try:
            answer = server.api.put("/api/v1/feeders/T1/limits/L1", content=body)
            assert answer.status_code == 413
        except httpx.TransportError:
            pass  # the connection may be cut while we still send
        assert meter.grown_mib < 30
