"""A bare echo on the gateway's own websocket layer: each call is parsed as JSON and answered, and that is all.

`python -m benchmarks.echo` prints its port. What a central system costs beyond this is its own doing.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import orjson
import uvloop
from websockets.http11 import Request

from csms.app.process import calm_garbage_collector, raise_file_limit
from csms.gateway.listener import Listener
from csms.gateway.socket import Ending, Judged, Limits, Socket
from csms.security.tls import TlsFault


class Echo:
    """One connection."""

    def __init__(self, socket: Socket) -> None:
        self._socket = socket

    def received(self, data: bytes) -> None:
        """Answer; the payload pleases BootNotification and StartTransaction."""
        self._socket.send(orjson.dumps([3, orjson.loads(data)[1], {"transactionId": 1}]))

    def closed(self, ending: Ending) -> None:
        """Nothing to do."""


class Open:
    """Lets everybody in."""

    def judge(self, request: Request, socket: Socket, judged: Judged) -> None:
        """Nobody is refused."""
        judged(None)

    def insecure(self, peer: str, fault: TlsFault, words: str) -> None:
        """Nobody asks."""

    def broken(self, peer: str, path: str, fault: str) -> None:
        """Nobody asks."""

    def select(self, offered: Sequence[str], path: str) -> str | None:
        """Whatever comes first."""
        return offered[0] if offered else None

    def opened(self, socket: Socket, request: Request) -> Echo:
        """A new one."""
        return Echo(socket)


async def main() -> None:
    """Serve until killed."""
    raise_file_limit()
    port = await Listener(Open(), Limits(), lambda name: None).start("127.0.0.1", 0, None)
    calm_garbage_collector()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
