"""The websocket layer over real links, on both event loops: what peers may do wrong, and what must end them."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from csms.gateway.server import Gateway, GatewaySettings
from csms.gateway.socket import Limits, Refusal
from csms.model.clock import ScaledClock
from csms.model.errors import ConnectionLost
from tests.support.raw_socket import (
    BINARY,
    CLOSE,
    CONT,
    PING,
    PONG,
    REQUEST,
    TEXT,
    NotingHouse,
    NotingOwner,
    RawPeer,
    client_frame,
    raw_peer,
    until,
)
from tests.support.station_port import OPEN_PORT, NotedStations

Open = Callable[..., Awaitable[NotingHouse]]


@pytest.fixture
async def listen() -> AsyncIterator[Open]:
    """A listener that is stopped after the test."""
    houses: list[NotingHouse] = []

    async def start(tls: ssl.SSLContext | None = None, **limits: float) -> NotingHouse:
        house = NotingHouse(Limits(**{"close_s": 0.5, **limits}))
        houses.append(house)
        await house.listener.start("127.0.0.1", 0, tls)
        return house

    yield start
    for house in houses:
        await house.end()


async def pair(listen: Open, **limits: float) -> tuple[NotingHouse, RawPeer, NotingOwner]:
    house = await listen(**limits)
    peer = await house.peer()
    await until(lambda: house.owners)
    return house, peer, house.owners[0]


async def test_several_frames_in_one_segment_and_one_frame_in_many(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    peer.send(*(client_frame(TEXT, f"m{number}".encode()) for number in range(300)))
    for byte in client_frame(TEXT, b"x" * 200):
        peer.send(bytes([byte]))
        await asyncio.sleep(0)
    await until(lambda: len(owner.messages) == 301)
    assert owner.messages == [*(f"m{number}".encode() for number in range(300)), b"x" * 200]


async def test_a_message_right_behind_the_handshake(listen: Open) -> None:
    house = await listen()
    peer = await house.link()
    peer.send(REQUEST, client_frame(TEXT, b"early"))
    await until(lambda: house.owners and house.owners[0].messages)
    assert house.owners[0].messages == [b"early"]


async def test_fragments_with_a_ping_between_them_are_one_message(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    euro = "\u20ac".encode()
    peer.send(
        client_frame(TEXT, b"a" + euro[:1], final=False),
        client_frame(PING, b"you?"),
        client_frame(CONT, euro[1:], final=False),
        client_frame(PONG, b""),
        client_frame(CONT, b"", final=True),
        client_frame(TEXT, b"next"),
    )
    assert await peer.frame() == (PONG, b"you?")
    await until(lambda: len(owner.messages) == 2)
    assert owner.messages == [b"a" + euro, b"next"]


async def test_binary_messages_are_delivered_as_they_are(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    peer.send(client_frame(BINARY, b"\xff\xfe"))
    await until(lambda: owner.messages)
    assert owner.messages == [b"\xff\xfe"]


BROKEN = {
    "unmasked": ([client_frame(TEXT, b"x", masked=False)], 1002),
    "reserved bit": ([b"\xc1\x80\x00\x00\x00\x00"], 1002),
    "unknown opcode": ([client_frame(3, b"")], 1002),
    "a long ping": ([client_frame(PING, b"x" * 126)], 1002),
    "a ping in pieces": ([client_frame(PING, b"x", final=False)], 1002),
    "continued from nothing": ([client_frame(CONT, b"x")], 1002),
    "text in the middle of fragments": ([client_frame(TEXT, b"x", final=False), client_frame(TEXT, b"y")], 1002),
    "invalid UTF-8": ([client_frame(TEXT, b"\xc3\x28")], 1007),
    "invalid UTF-8 in fragments": ([client_frame(TEXT, b"\xc3", final=False), client_frame(CONT, b"\x28")], 1007),
    "one byte too long": ([client_frame(TEXT, b"x" * 65537)], 1009),
    "eight exabytes": ([b"\x81\xff\x7f\xff\xff\xff\xff\xff\xff\xff"], 1009),
    "fragments too long together": (
        [client_frame(TEXT, b"x" * 40000, final=False), client_frame(CONT, b"x" * 40000)],
        1009,
    ),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_what_breaks_the_rules_ends_that_link_with_a_code(listen: Open, name: str) -> None:
    frames, code = BROKEN[name]
    house, peer, owner = await pair(listen)
    other = await house.peer()
    peer.send(client_frame(TEXT, b"before"), *frames, client_frame(TEXT, b"after"))
    assert await peer.closing_code() == code
    assert await peer.end() == b""
    peer.writer.close()
    await until(lambda: owner.ends)
    assert (owner.messages, owner.ends) == ([b"before"], [False])
    other.send(client_frame(TEXT, b"still here"))
    await until(lambda: house.owners[1].messages)


async def test_the_largest_message_passes(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    peer.send(client_frame(TEXT, b"x" * 65536))
    await until(lambda: owner.messages)
    assert owner.messages == [b"x" * 65536]


@pytest.mark.parametrize("size", [0, 125, 126, 65535, 65536, 70000])
async def test_texts_of_every_length_class_arrive(listen: Open, size: int) -> None:
    _, peer, owner = await pair(listen)
    owner.socket.send(b"y" * size)
    assert await peer.frame() == (TEXT, b"y" * size)


async def test_the_peer_closes(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    peer.send(client_frame(CLOSE, b"\x03\xe8bye"), client_frame(TEXT, b"too late"))
    assert await peer.frame() == (CLOSE, b"\x03\xe8bye")
    assert await peer.end() == b""
    peer.writer.close()
    await until(lambda: owner.ends)
    assert (owner.messages, owner.ends) == ([], [True])


async def test_we_close_and_what_comes_after_is_not_delivered(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    owner.socket.close(1000, "r" * 200)
    with pytest.raises(ConnectionLost):
        owner.socket.send(b"too late")
    assert await peer.frame() == (CLOSE, b"\x03\xe8" + b"r" * 123)
    peer.send(client_frame(TEXT, b"too late"), client_frame(CLOSE, b"\x03\xe8"))
    assert await peer.end() == b""
    peer.writer.close()
    await owner.socket.wait_closed()
    assert (owner.messages, owner.ends) == ([], [True])


async def test_a_peer_that_does_not_answer_the_goodbye_is_cut(listen: Open) -> None:
    _, _, owner = await pair(listen, close_s=0.05)
    owner.socket.close(1000, "")
    await until(lambda: owner.ends)
    assert owner.ends == [False]


@pytest.mark.req("PAIN-03", "1.6J:5.3", "2.0.1J:5.2")
async def test_a_half_open_link_is_cut_after_two_pings(listen: Open) -> None:
    house, peer, owner = await pair(listen, ping_interval_s=0.1, ping_timeout_s=0.2)
    assert [await peer.frame() for _ in range(2)] == [(PING, b"")] * 2
    await until(lambda: owner.ends)
    assert (owner.ends, house.counted) == ([False], ["silent_links_cut"])


@pytest.mark.req("1.6J:5.3", "2.0.1J:5.2")
async def test_a_peer_that_answers_pings_stays(listen: Open) -> None:
    house, peer, owner = await pair(listen, ping_interval_s=0.05, ping_timeout_s=10)
    for _ in range(5):
        opcode, payload = await peer.frame()
        assert opcode == PING
        peer.send(client_frame(PONG, payload))
    assert (owner.ends, house.counted) == ([], [])


def _small_buffers(peer: RawPeer) -> None:
    peer.writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    peer.reader._transport.pause_reading()


async def test_a_peer_that_never_reads_is_cut_by_its_pile(listen: Open) -> None:
    house, peer, owner = await pair(listen, stall_s=60)
    _small_buffers(peer)

    async def pour() -> None:
        while True:
            owner.socket.send(b"x" * 60_000)
            await asyncio.sleep(0)

    with pytest.raises(ConnectionLost):
        await pour()
    await until(lambda: owner.ends)
    assert (owner.ends, house.counted) == ([False], ["slow_readers_cut"])


async def test_a_peer_that_stops_reading_is_cut_in_time_and_nobody_waits_for_ever(listen: Open) -> None:
    house, peer, owner = await pair(listen, stall_s=0.1)
    _small_buffers(peer)

    async def pour() -> None:
        while True:
            owner.socket.send(b"x" * 60_000)
            await owner.socket.drain()

    with pytest.raises(ConnectionLost):
        await pour()
    await until(lambda: owner.ends)
    assert house.counted == ["slow_readers_cut"]


async def test_draining_waits_until_the_peer_reads(listen: Open) -> None:
    house, peer, owner = await pair(listen)
    sent = 0

    async def pour() -> None:
        nonlocal sent
        for _ in range(400):
            owner.socket.send(b"x" * 60_000)
            sent += 1
            await owner.socket.drain()

    pouring = asyncio.create_task(pour())
    for _ in range(400):
        assert len((await peer.frame())[1]) == 60_000
    await pouring
    assert (sent, house.counted) == (400, [])


async def test_pausing_holds_back_even_what_has_arrived(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    owner.on_message = lambda data: owner.socket.pause_reading()
    peer.send(*(client_frame(TEXT, bytes([65 + number])) for number in range(5)))
    await until(lambda: owner.messages)
    for number in range(1, 5):
        assert len(owner.messages) == number
        owner.socket.resume_reading()
    assert owner.messages == [b"A", b"B", b"C", b"D", b"E"]


async def test_a_bug_of_the_owner_ends_its_link_alone(listen: Open) -> None:
    _, peer, owner = await pair(listen)
    owner.on_message = lambda data: 1 / 0
    peer.send(client_frame(TEXT, b"x"))
    assert await peer.closing_code() == 1011


REFUSED = {
    "no key": (b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", b"", b"400"),
    "another version": (b"Version: 13", b"Version: 8", b"400"),
    "plain HTTP": (b"Upgrade: websocket\r\nConnection: Upgrade\r\n", b"", b"426"),
    "POST": (b"GET", b"POST", b"405"),
    "a long line": (b"/ocpp", b"/" + b"x" * 9000, b"414"),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_a_handshake_that_is_none_gets_a_status(listen: Open, name: str) -> None:
    old, new, status = REFUSED[name]
    house = await listen()
    peer = await house.link()
    peer.send(REQUEST.replace(old, new))
    assert status in (await peer.end())[:20]
    assert (house.counted, house.owners) == (["handshakes_broken"], [])


@pytest.mark.parametrize("noise", [b"\x16\x03\x01\x02\x00", b"hello\r\n\r\n", b"G\r\n\r\n", b"GET " + b"x" * 20000])
async def test_garbage_is_counted_once_and_ended(listen: Open, noise: bytes) -> None:
    house = await listen()
    peer = await house.link()
    peer.send(noise)
    with contextlib.suppress(ConnectionResetError):
        assert await peer.end() == b""
    await until(lambda: house.counted)
    assert house.counted == ["handshakes_broken"]


async def test_a_peer_that_says_nothing_is_sent_away(listen: Open) -> None:
    house = await listen(handshake_s=0.05)
    peer = await house.link()
    assert await peer.end() == b""
    assert house.counted == ["handshakes_broken"]


async def test_a_refusal_carries_its_status_and_its_text(listen: Open) -> None:
    house = await listen()
    house.refusal = Refusal(HTTPStatus.UNAUTHORIZED, "who are you?\n")
    peer = await house.link()
    peer.send(REQUEST)
    answer = await peer.end()
    assert answer.startswith(b"HTTP/1.1 401")
    assert answer.endswith(b"\r\n\r\nwho are you?\n")
    assert house.counted == []


async def test_stopping_ends_links_in_every_state(listen: Open) -> None:
    house, peer, owner = await pair(listen, close_s=0.05)
    await house.link()
    await until(lambda: len(house.listener) == 2)
    async with asyncio.timeout(30):
        await house.listener.stop(1001, "over")
    assert await peer.closing_code() == 1001
    assert (len(house.listener), owner.ends) == (0, [False])


@pytest.fixture
def tls(tmp_path: Path) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Contexts of a server with its own certificate and of a client that trusts it and has the same."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    builder = builder.add_extension(names, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    file = tmp_path / "both.pem"
    file.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=str(file))
    client = ssl.create_default_context(cafile=str(file))
    for context in (server, client):
        context.load_cert_chain(file)
        context.verify_mode = ssl.CERT_REQUIRED
    return server, client


async def test_tls_with_the_certificate_of_the_peer(listen: Open, tls: tuple[ssl.SSLContext, ssl.SSLContext]) -> None:
    house = await listen(tls[0])
    peer = await house.peer(tls[1])
    await until(lambda: house.owners)
    owner = house.owners[0]
    assert owner.socket.ssl_object is not None
    assert owner.socket.ssl_object.getpeercert()["subject"] == ((("commonName", "localhost"),),)
    peer.send(client_frame(TEXT, b"x" * 50_000))
    await until(lambda: owner.messages)
    owner.socket.send(b"z" * 50_000)
    assert await peer.frame() == (TEXT, b"z" * 50_000)
    owner.socket.close(1000, "bye")
    assert await peer.closing_code() == 1000
    peer.send(client_frame(CLOSE, b"\x03\xe8"))
    await until(lambda: owner.ends)
    assert owner.ends == [True]


@pytest.mark.req("PAIN-03")
async def test_a_half_open_station_is_offline() -> None:
    """Pain of the field: a modem that lost its network keeps its TCP link for hours."""
    stations = NotedStations({"CP-1"})
    limits = Limits(ping_interval_s=0.1, ping_timeout_s=0.1)
    gateway = Gateway(GatewaySettings(host="127.0.0.1", ports=OPEN_PORT, limits=limits), ScaledClock(), stations)
    peer = await raw_peer(await gateway.start())
    await stations.until(lambda: bool(stations.left))
    assert gateway.counters()["connections"] == 0
    assert gateway.counters()["connections_cut"] == gateway.counters()["silent_links_cut"] == 1
    await peer.gone()
    await gateway.stop("over")


async def test_a_station_that_floods_is_slowed_down_and_served_in_order() -> None:
    stations = NotedStations({"CP-1"})
    gateway = Gateway(GatewaySettings(host="127.0.0.1", ports=OPEN_PORT), ScaledClock(), stations)
    peer = await raw_peer(await gateway.start())
    gate = asyncio.Event()
    stations.before_answer = lambda *_: gate.wait()
    peer.send(*(client_frame(TEXT, f'[2,"{number}","Heartbeat",{{}}]'.encode()) for number in range(1000)))
    await until(lambda: gateway.counters().get("frames_in", 0) >= 64)
    await asyncio.sleep(0.05)
    assert gateway.counters()["frames_in"] < 70
    gate.set()
    for number in range(1000):
        assert f'[3,"{number}",'.encode() in (await peer.frame())[1]
    await peer.gone()
    await gateway.stop("over")
