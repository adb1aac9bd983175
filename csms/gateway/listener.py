"""The listening socket and everything that its links share: limits, counters, the queue of handshakes.

Handshakes are the dearest thing that a peer can ask for. They are answered a few at a time between two looks at the
sockets, so that a storm of them delays the stations that are connected by milliseconds only.
"""

from __future__ import annotations

import asyncio
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable
from typing import Any

from csms.gateway.socket import Doorman, Limits
from csms.gateway.wire import Wire

log = logging.getLogger(__name__)

BACKLOG = 4096
"""A boot storm after a power cut: a short queue costs a second of SYN retransmits (field measurement)."""
HANDSHAKES_AT_ONCE = 16
"""About 3 ms of work."""


class Listener:
    """All links of one port."""

    def __init__(self, doorman: Doorman, limits: Limits, count: Callable[[str], None]) -> None:
        self.doorman, self.limits, self.count = doorman, limits, count
        self.loop = asyncio.get_running_loop()
        self.time_s = self.loop.time
        self._wires: set[Wire] = set()
        self._asking: deque[Wire] = deque()
        self._empty = asyncio.Event()
        self._servers: list[asyncio.Server] = []
        self.port = 0

    def __len__(self) -> int:
        """Links there are, those in a handshake among them."""
        return len(self._wires)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        self._servers = [await self._listen(tls, host=host, port=port)]
        self.port = int(self._servers[0].sockets[0].getsockname()[1])
        return self.port

    async def _listen(self, tls: ssl.SSLContext | None, **where: Any) -> asyncio.Server:
        times = (self.limits.handshake_s, self.limits.close_s) if tls else (None, None)
        return await self.loop.create_server(
            lambda: Wire(self),
            **where,
            backlog=BACKLOG,
            ssl=tls,
            ssl_handshake_timeout=times[0],
            ssl_shutdown_timeout=times[1],
        )

    async def change_tls(self, tls: ssl.SSLContext) -> None:
        """From now on whoever comes is met with `tls`, on the same sockets, so that nobody is turned away meanwhile;
        those who are there stay as they are.
        """
        old = self._servers
        sockets = [socket.socket(fileno=os.dup(one.fileno())) for server in old for one in server.sockets]
        self._servers = [await self._listen(tls, sock=one) for one in sockets]
        for server in old:
            server.close()

    def refuse(self) -> None:
        """Accept nobody any more; those who are there stay."""
        for server in self._servers:
            server.close()

    async def stop(self, code: int, reason: str) -> None:
        """Accept nobody any more, close every link and wait until the last one is gone."""
        if not self._servers:
            return
        self.refuse()
        for wire in list(self._wires):
            wire.close(code, reason)
        while self._wires:
            self._empty.clear()
            await self._empty.wait()
        for server in self._servers:
            await server.wait_closed()
        self._servers = []

    def came(self, wire: Wire) -> None:
        """A link is up."""
        self._wires.add(wire)

    def went(self, wire: Wire) -> None:
        """A link is gone."""
        self._wires.discard(wire)
        if not self._wires:
            self._empty.set()

    def asks(self, wire: Wire) -> None:
        """A handshake waits for its answer."""
        self._asking.append(wire)
        if len(self._asking) == 1:
            self.loop.call_soon(self._answer_some)

    def broken(self, wire: Wire, fault: str, path: str = "") -> None:
        """A handshake that is none: a port scan, a browser, wrong headers. One line each."""
        self.count("handshakes_broken")
        self.doorman.broken(wire.peer, path, fault)
        log.warning("handshake_broken: %s", fault[:200], extra={"peer": wire.peer})

    def _answer_some(self) -> None:
        for _ in range(min(HANDSHAKES_AT_ONCE, len(self._asking))):
            self._answer(self._asking[0])
            self._asking.popleft()
        if self._asking:
            self.loop.call_soon(self._answer_some)

    def _answer(self, wire: Wire) -> None:
        try:
            wire.shake()
        except Exception:
            log.exception("handshake_failed", extra={"peer": wire.peer})
            wire.abort()
