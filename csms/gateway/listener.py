"""The listening socket and everything that its links share: limits, counters, the queue of handshakes.

Handshakes are the dearest thing that a peer can ask for. They are answered a few at a time between two looks at the
sockets, so that a storm of them delays the stations that are connected by milliseconds only.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
import os
import socket
import ssl
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from csms.gateway.admission import AdmissionLimits, Arrivals
from csms.gateway.socket import Doorman, Limits
from csms.gateway.wire import Wire
from csms.security.tls import fault_of

log = logging.getLogger(__name__)

BACKLOG = 4096
"""A boot storm after a power cut: a short queue costs a second of SYN retransmits (field measurement)."""
ACCEPT_AGAIN_S = 0.5
"""After a fault of accepting: no file descriptors are left."""
HANDSHAKES_AT_ONCE = 16
"""About 3 ms of work."""


class Listener:
    """All links of one port."""

    def __init__(
        self, doorman: Doorman, limits: Limits, count: Callable[[str], None], arrivals: Arrivals | None = None
    ) -> None:
        """`arrivals`: the handshakes in progress, here and on other ports."""
        self.doorman, self.limits, self.count = doorman, limits, count
        self.loop = asyncio.get_running_loop()
        self.time_s = self.loop.time
        self.arrivals = Arrivals(AdmissionLimits(), self.time_s) if arrivals is None else arrivals
        self._wires: set[Wire] = set()
        self._asking: deque[Wire] = deque()
        self._empty = asyncio.Event()
        self._server: asyncio.Server | None = None
        self._tls: ssl.SSLContext | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self.port = 0

    def __len__(self) -> int:
        """Links there are, those in a handshake among them."""
        return len(self._wires)

    async def start(self, host: str, port: int, tls: ssl.SSLContext | None) -> int:
        """Listen; returns the port. Raises OSError when it is taken.

        Links with TLS are accepted one by one, because the event loops tell nothing of a TLS handshake that fails.
        """
        serving = tls is None
        server = await self.loop.create_server(
            lambda: Wire(self), host=host, port=port, backlog=BACKLOG, start_serving=serving
        )
        self.port = int(server.sockets[0].getsockname()[1])
        if tls is None:
            self._server = server
            return self.port
        self._tls = tls
        for bound in server.sockets:
            listening = socket.socket(fileno=os.dup(bound.fileno()))
            listening.setblocking(False)
            listening.listen(BACKLOG)
            self._spawn(self._accept(listening))
        server.close()
        return self.port

    def change_tls(self, tls: ssl.SSLContext) -> None:
        """From now on whoever comes is met with `tls`; those who are there stay as they are."""
        self._tls = tls

    def refuse(self) -> None:
        """Accept nobody any more; those who are there stay."""
        if self._server is not None:
            self._server.close()
        for task in self._tasks:
            task.cancel()

    async def stop(self, code: int, reason: str) -> None:
        """Accept nobody any more, close every link and wait until the last one is gone."""
        self.refuse()
        for wire in list(self._wires):
            wire.close(code, reason)
        while self._wires:
            self._empty.clear()
            await self._empty.wait()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()
            self._server = None

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listening: socket.socket) -> None:
        """Until cancelled; closed only then, or the loop would still watch a number that is another file by now."""
        with listening:
            for number in itertools.count(1):
                try:
                    link, address = await self.loop.sock_accept(listening)
                except OSError as fault:
                    log.error("accept_failed", extra={"fault": str(fault)})
                    await asyncio.sleep(ACCEPT_AGAIN_S)
                else:
                    self._spawn(self._secure(link, f"{address[0]}:{address[1]}"))
                    if number % HANDSHAKES_AT_ONCE == 0:
                        await asyncio.sleep(0)

    async def _secure(self, link: socket.socket, peer: str) -> None:
        """The TLS handshake of one link; with its end a `Wire` takes over."""
        task = asyncio.current_task()
        arrival = self.arrivals.begin(peer, lambda: task is not None and task.cancel())
        if arrival is None:
            link.close()
            return
        try:
            await self.loop.connect_accepted_socket(
                lambda: Wire(self, arrival),
                link,
                ssl=self._tls,
                ssl_handshake_timeout=self.limits.handshake_s,
                ssl_shutdown_timeout=self.limits.close_s,
            )
        except BaseException as fault:
            self.arrivals.end(arrival)
            if not isinstance(fault, OSError):
                raise
            self._insecure(peer, fault)

    def _insecure(self, peer: str, fault: OSError) -> None:
        left = isinstance(fault, ssl.SSLEOFError | ssl.SSLZeroReturnError)
        if isinstance(fault, ssl.SSLError) and not left:
            self.doorman.insecure(peer, *fault_of(fault))
        else:
            self.count("handshakes_broken")
            log.info("tls_handshake_broken", extra={"peer": peer, "fault": type(fault).__name__})

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
