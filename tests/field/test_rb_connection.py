"""Robustness list 10.1: how stations connect."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from device_sim.misbehaving import connecting
from tests.support.raw_socket import raw_link
from tests.support.scripted import Central, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]

UPGRADE = (
    "GET /ocpp/{station} HTTP/1.1\r\nhost: {host}\r\nupgrade: websocket\r\n{connection}"
    "sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\nsec-websocket-version: 13\r\n"
    "sec-websocket-protocol: ocpp1.6\r\n\r\n"
)


async def handshake(csms: Central, station: str, host: str = "localhost", connection: str = "Upgrade") -> bytes:
    """The status line that answers a handshake written by hand."""
    peer = await raw_link(csms.port)
    line = f"connection: {connection}\r\n" if connection else ""
    peer.send(UPGRADE.format(station=station, host=host, connection=line).encode())
    answer = await peer.reader.readuntil(b"\r\n")
    await peer.gone()
    return answer


def online(csms: Central, station: Any) -> bool:
    return bool(csms.rooms.stations.stations[station.station_id].online)


@pytest.mark.req("RB-01")
async def test_rb_01_a_password_of_raw_bytes_is_no_fault(unconnected: Any) -> None:
    await connecting.raw_byte_password(unconnected)


@pytest.mark.req("RB-02")
async def test_rb_02_header_names_in_lower_case_are_accepted(csms: Central, new_station: Any) -> None:
    station = await new_station(connected=False)
    assert b" 101 " in await handshake(csms, station.station_id)


@pytest.mark.req("RB-03")
async def test_rb_03_a_host_without_port_is_accepted(csms: Central, new_station: Any) -> None:
    station = await new_station(connected=False)
    assert b" 101 " in await handshake(csms, station.station_id, host="central.example")


@pytest.mark.req("RB-04")
async def test_rb_04_a_trailing_slash_is_the_same_station(csms: Central, unconnected: Any) -> None:
    await connecting.trailing_slash(unconnected)
    assert online(csms, unconnected)


@pytest.mark.req("RB-05")
async def test_rb_05_without_a_subprotocol_it_is_refused_with_a_word_or_taken_for_16(
    csms: Central, new_station: Any, tmp_path: Any
) -> None:
    station = await new_station(connected=False)
    await station.connect(subprotocols=None)
    assert await station.closed() == 1002
    assert "ocpp1.6" in station.socket.close_reason
    async with central(tmp_path, assume_ocpp16=True) as lenient:
        old = await lenient.station("CP-1", strict=False, connected=False)
        await connecting.no_subprotocol(old)
        assert (await lenient.shown("CP-1"))["protocol"] == "ocpp1.6"


@pytest.mark.req("RB-06")
async def test_rb_06_an_unknown_subprotocol_is_refused(csms: Central, unconnected: Any) -> None:
    await connecting.unknown_subprotocol(unconnected)
    assert not online(csms, unconnected)


@pytest.mark.req("RB-07")
async def test_rb_07_compression_is_declined_and_the_connection_works(unconnected: Any) -> None:
    await connecting.compression_offered(unconnected)
    assert "Sec-WebSocket-Extensions" not in unconnected.socket.response.headers


@pytest.mark.req("RB-08")
@pytest.mark.parametrize("headers", [{}, {"Origin": "http://pile", "Pragma": "no-cache"}], ids=["bare", "browser-like"])
async def test_rb_08_other_headers_do_not_matter(unconnected: Any, headers: dict[str, str]) -> None:
    await unconnected.connect(additional_headers=headers, user_agent_header=None)
    assert (await unconnected.boot())["status"] == "Accepted"


@pytest.mark.req("RB-09")
@pytest.mark.parametrize("name", ["", "/", "%20", "%2F"])
async def test_rb_09_an_empty_station_id_is_never_registered(csms: Central, new_station: Any, name: str) -> None:
    nobody = await new_station(connected=False)
    nobody.station_id = name
    with pytest.raises(InvalidStatus) as refused:
        await nobody.connect()
    assert refused.value.response.status_code == 404
    assert not {"", " ", "/"} & set(csms.rooms.stations.stations)


@pytest.mark.req("RB-10")
@pytest.mark.parametrize("connection", ["", "close"])
async def test_rb_10_a_handshake_without_upgrade_is_refused_with_a_logged_reason(
    csms: Central, new_station: Any, told_once: Counter[tuple[str, ...]], connection: str
) -> None:
    station = await new_station(connected=False)
    answer = await handshake(csms, station.station_id, connection=connection)
    assert answer.startswith(b"HTTP/1.1 4")
    assert not online(csms, station)
    assert sum("handshake_broken" in line[1] for line in told_once) == 1
