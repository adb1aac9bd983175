"""Echo servers behind each candidate for the websocket layer; `python -m benchmarks.echo_servers NAME` starts one.

With the name of a PEM file behind it, it speaks TLS. Says its port first; then answers each line on its standard
input with its CPU seconds and its resident KiB.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import resource
import ssl
import sys
import time
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import uvloop
from websockets.asyncio.server import ServerConnection, serve
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.server import ServerProtocol

from csms.gateway.listener import Listener
from csms.gateway.server import Gateway, GatewaySettings
from csms.gateway.socket import Ending, Judged, Limits, Socket
from csms.model.authentication import Attempt, Decided, SecurityProfile
from csms.model.clock import ScaledClock
from csms.model.inbound import HeartbeatReply, Inbound, Reply
from csms.security.tls import TlsFault
from csms.station.ports import Link

HOST = "127.0.0.1"


async def websockets_server(tls: ssl.SSLContext | None) -> int:
    """The asyncio server of websockets, as the gateway used it: one task per connection, keep-alive, no compression."""

    async def echo(socket: ServerConnection) -> None:
        with contextlib.suppress(ConnectionClosed):
            async for text in socket:
                await socket.send(text)

    server = await serve(echo, HOST, 0, ssl=tls, compression=None, max_size=65536, ping_interval=60, backlog=4096)
    _KEPT.append(server)
    return int(next(iter(server.sockets)).getsockname()[1])


class BareSansIo(asyncio.Protocol):
    """Every byte through the Sans-I/O layer, and nothing else: no keep-alive, no limits, no back-pressure."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A client is there."""
        self.transport: Any = transport
        self.protocol = ServerProtocol(max_size=65536)

    def data_received(self, data: bytes) -> None:
        """Hand everything to the library and do what it says."""
        protocol = self.protocol
        protocol.receive_data(data)
        for event in protocol.events_received():
            if isinstance(event, Request):
                protocol.send_response(protocol.accept(event))
            elif isinstance(event, Frame) and event.opcode is Opcode.TEXT:
                protocol.send_text(event.data)
        for out in protocol.data_to_send():
            if out:
                self.transport.write(out)


async def bare_sans_io(tls: ssl.SSLContext | None) -> int:
    """See `BareSansIo`."""
    server = await asyncio.get_running_loop().create_server(BareSansIo, HOST, 0, ssl=tls, backlog=4096)
    _KEPT.append(server)
    return int(server.sockets[0].getsockname()[1])


class _Echo:
    """Owner and doorman of our own layer."""

    def __init__(self, socket: Socket | None = None) -> None:
        self._socket = socket

    def judge(self, request: Request, socket: Socket, judged: Judged) -> None:
        judged(None)

    def select(self, offered: Sequence[str], path: str) -> str | None:
        return None

    def insecure(self, peer: str, fault: TlsFault, words: str) -> None:
        """Nobody asks."""

    def broken(self, peer: str, path: str, fault: str) -> None:
        return None

    def opened(self, socket: Socket, request: Request) -> _Echo:
        return _Echo(socket)

    def received(self, data: bytes) -> None:
        assert self._socket is not None
        self._socket.send(data)

    def closed(self, ending: Ending) -> None:
        self._socket = None


async def own_layer(tls: ssl.SSLContext | None) -> int:
    """The layer of the gateway, complete: keep-alive, limits, back-pressure."""
    listener = Listener(_Echo(), Limits(), lambda name: None)
    _KEPT.append(listener)
    return await listener.start(HOST, 0, tls)


async def picows_native(tls: ssl.SSLContext | None) -> int:
    """picows with its own listener class and its automatic pings; ImportError where it is not installed."""
    from picows import WSFrame, WSListener, WSMsgType, WSTransport, WSUpgradeRequest, ws_create_server

    class Echo(WSListener):  # type: ignore[misc, unused-ignore]
        def on_ws_frame(self, transport: WSTransport, frame: WSFrame) -> None:
            transport.send(WSMsgType.TEXT, frame.get_payload_as_bytes())

    def echo(request: WSUpgradeRequest) -> WSListener:
        return Echo()

    server = await ws_create_server(echo, HOST, 0, ssl=tls, enable_auto_ping=True, auto_ping_idle_timeout=60)
    _KEPT.append(server)
    return int(server.sockets[0].getsockname()[1])


class _Everybody:
    """A station room that admits everybody and stores nothing."""

    def admit(self, attempt: Attempt, decided: Decided) -> None:
        decided(None)

    def version(self, station_id: str) -> None:
        return None

    async def connected(self, station_id: str, link: Link) -> None:
        pass

    async def disconnected(self, station_id: str, link: Link) -> None:
        pass

    async def receive(self, station_id: str, message: Inbound, received_at: datetime) -> Reply:
        return HeartbeatReply(datetime.now(UTC))


async def gateway(tls: ssl.SSLContext | None) -> int:
    """The gateway itself without a store behind it: for the memory of an idle station."""
    profile = SecurityProfile.TLS_PASSWORD if tls else SecurityProfile.OPEN
    settings = GatewaySettings(host=HOST, ports={profile: 0}, assume_ocpp16=True)
    one = Gateway(settings, ScaledClock(), _Everybody(), tls={profile: tls} if tls else None)
    _KEPT.append(one)
    return await one.start()


_KEPT: list[object] = []
SERVERS: dict[str, Callable[[ssl.SSLContext | None], Awaitable[int]]] = {
    "websockets server": websockets_server,
    "Sans-I/O, bare": bare_sans_io,
    "own layer": own_layer,
    "picows": picows_native,
    "gateway": gateway,
}


async def main(name: str, certificate: str | None = None) -> None:
    """Serve until standard input ends."""
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH) if certificate else None
    if tls is not None and certificate is not None:
        tls.load_cert_chain(certificate)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    _say(await SERVERS[name](tls))
    loop, ended = asyncio.get_running_loop(), asyncio.Event()

    def asked() -> None:
        if not os.read(0, 4096):
            ended.set()
            loop.remove_reader(0)
            return
        cpu_s = time.process_time()
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
        _say({"cpu_s": cpu_s, "rss_kib": pages * resource.getpagesize() // 1024})

    loop.add_reader(0, asked)
    await ended.wait()


def _say(value: object) -> None:
    sys.stdout.write(json.dumps(value) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    uvloop.run(main(*sys.argv[1:]))
