"""A websocket peer made by hand, for what no library would send; and an owner of sockets that notes everything."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import struct
from collections.abc import Callable, Sequence

from websockets.http11 import Request
from websockets.utils import apply_mask

from csms.gateway.listener import Listener
from csms.gateway.socket import Ending, Judged, Limits, Refusal, Socket
from csms.security.tls import TlsFault

CONT, TEXT, BINARY, CLOSE, PING, PONG = 0, 1, 2, 8, 9, 10
REQUEST = (
    b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Protocol: ocpp1.6\r\n\r\n"
)


def client_frame(
    opcode: int, data: bytes, *, final: bool = True, masked: bool = True, mask: bytes = b"\x01\x80\xff\x7e"
) -> bytes:
    """One frame with any head."""
    size, bit = len(data), 0x80 if masked else 0
    head = bytes([(0x80 if final else 0) | opcode])
    if size < 126:
        head += bytes([bit | size])
    elif size < 65536:
        head += struct.pack("!BH", bit | 126, size)
    else:
        head += struct.pack("!BQ", bit | 127, size)
    return head + mask + apply_mask(data, mask) if masked else head + data


class RawPeer:
    """The client end of a TCP link."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    def send(self, *frames: bytes) -> None:
        self.writer.write(b"".join(frames))

    async def frame(self) -> tuple[int, bytes]:
        """The next frame of the server: opcode and payload."""
        async with asyncio.timeout(30):
            first, size = await self.reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack("!H", await self.reader.readexactly(2))
            elif size == 127:
                (size,) = struct.unpack("!Q", await self.reader.readexactly(8))
            return first & 15, await self.reader.readexactly(size)

    async def closing_code(self) -> int:
        """The code of the close frame that comes, whatever comes before."""
        while (frame := await self.frame())[0] != CLOSE:
            pass
        return int.from_bytes(frame[1][:2], "big")

    async def end(self) -> bytes:
        """Everything up to the end of the link."""
        async with asyncio.timeout(30):
            return await self.reader.read()

    async def gone(self) -> None:
        """Cut the link and wait for its end."""
        self.writer.transport.abort()
        with contextlib.suppress(OSError):
            await self.writer.wait_closed()


async def raw_link(port: int, tls: ssl.SSLContext | None = None) -> RawPeer:
    """A peer before its handshake."""
    return RawPeer(
        *await asyncio.open_connection("127.0.0.1", port, ssl=tls, server_hostname="localhost" if tls else None)
    )


async def raw_peer(port: int, tls: ssl.SSLContext | None = None) -> RawPeer:
    """A peer after its handshake."""
    peer = await raw_link(port, tls)
    peer.send(REQUEST)
    async with asyncio.timeout(30):
        head = await peer.reader.readuntil(b"\r\n\r\n")
    assert b" 101 " in head
    return peer


class NotingOwner:
    """Fits `csms.gateway.socket.Owner`."""

    def __init__(self, socket: Socket) -> None:
        self.socket = socket
        self.messages: list[bytes] = []
        self.ends: list[bool] = []
        self.endings: list[Ending] = []
        self.on_message: Callable[[bytes], object] = lambda data: None

    def received(self, data: bytes) -> None:
        self.messages.append(data)
        self.on_message(data)

    def closed(self, ending: Ending) -> None:
        self.ends.append(ending.clean)
        self.endings.append(ending)


class NotingHouse:
    """Fits `csms.gateway.socket.Doorman`: admits everybody, counts."""

    def __init__(self, limits: Limits) -> None:
        self.counted: list[str] = []
        self.owners: list[NotingOwner] = []
        self.refusal: Refusal | None = None
        self.judging: list[Judged] | None = None
        self.broken_handshakes: list[tuple[str, str]] = []
        self.peers: list[RawPeer] = []
        self.faults: list[TlsFault] = []
        self.listener = Listener(self, limits, self.counted.append)

    async def link(self) -> RawPeer:
        """A peer of ours before its handshake; `end` ends it."""
        self.peers.append(await raw_link(self.listener.port))
        return self.peers[-1]

    async def peer(self, tls: ssl.SSLContext | None = None) -> RawPeer:
        """A peer of ours after its handshake; `end` ends it."""
        self.peers.append(await raw_peer(self.listener.port, tls))
        return self.peers[-1]

    async def end(self) -> None:
        for peer in self.peers:
            await peer.gone()
        await self.listener.stop(1001, "over")

    def judge(self, request: Request, socket: Socket, judged: Judged) -> None:
        if self.judging is not None:
            self.judging.append(judged)
        else:
            judged(self.refusal)

    def broken(self, peer: str, path: str, fault: str) -> None:
        self.broken_handshakes.append((path, fault))

    def insecure(self, peer: str, fault: TlsFault, words: str) -> None:
        self.faults.append(fault)

    def select(self, offered: Sequence[str], path: str) -> str | None:
        return offered[0] if offered else None

    def opened(self, socket: Socket, request: Request) -> NotingOwner:
        self.owners.append(NotingOwner(socket))
        return self.owners[-1]


async def until(condition: Callable[[], object]) -> None:
    """Wait for something that happens in the event loop."""
    async with asyncio.timeout(30):
        while not condition():  # noqa: ASYNC110 - the conditions are those of code that tells nobody
            await asyncio.sleep(0.005)
