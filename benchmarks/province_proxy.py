"""What stands between operator and platform: TLS, an outage when told so, and calls that fail in every known way.

A failed call is one of `FAULTS`: some fail before the platform sees them, some after it took them, some come twice.
What passed is kept with the moments of the wall, so that the ladders of the operator can be judged from outside.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from random import Random

from csms.province import strict_json
from csms.province.crypto import DecryptFailed
from csms.province.envelope import Codec, seal_response

HELD_WALL_S = 30.0
"""Longer than any client waits."""
FAULTS = ("timeout before", "timeout after", "-1", "500", "4002", "http 503", "cut before", "cut after", "twice")
RETS = {"-1": -1, "500": 500, "4002": 4002}
END = b"\r\n\r\n"


@dataclass(slots=True)
class Passed:
    """One call, with the connector it is about and its new state where it tells one. `ended_wall_s` 0: it was never
    answered."""

    interface: str
    business_id: str
    connector: str
    state: int | None
    came_wall_s: float
    ended_wall_s: float = 0.0
    fault: str = ""


class Cut(Exception):
    """The connection ends here."""


class Proxy:
    """Listens on a port of its own; `backend` is the platform's port, and may change. `share` of the calls fail."""

    def __init__(self, codec: Codec, tls: ssl.SSLContext, share: float, rng: Random) -> None:
        self._codec = codec
        self._tls = tls
        self.share = share
        self._rng = rng
        self.backend = 0
        self.port = 0
        self.passed: list[Passed] = []
        self.faults: Counter[str] = Counter()
        self._server: asyncio.Server | None = None
        self._open: set[asyncio.Task[None]] = set()

    async def up(self) -> None:
        """Listen, at first on a free port."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port, ssl=self._tls)
        self.port = self._server.sockets[0].getsockname()[1]

    async def down(self) -> None:
        """Refuse everybody; who is connected is cut off."""
        if self._server is not None:
            self._server.close()
            for task in list(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            self._server = None

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        backend = _Backend()
        try:
            while True:
                head = await reader.readuntil(END)
                body = await reader.readexactly(_length(head))
                writer.write(await self._answer(backend, head, body))
                await writer.drain()
        except (Cut, OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass  # the end of a connection, by whomever
        finally:
            self._open.discard(task)
            backend.close()
            writer.transport.abort()

    async def _answer(self, backend: _Backend, head: bytes, body: bytes) -> bytes:
        interface = head.split(b" ", 2)[1].decode().rpartition("/")[2]
        call = Passed(interface, *self._about(body), time.monotonic())
        self.passed.append(call)
        if self._rng.random() < self.share:
            call.fault = FAULTS[self.faults.total() % len(FAULTS)]
            self.faults[call.fault] += 1
        answer = (
            await self._failed(call, backend, head + body) if call.fault else await self._asked(backend, head + body)
        )
        call.ended_wall_s = time.monotonic()
        return answer

    async def _failed(self, call: Passed, backend: _Backend, request: bytes) -> bytes:
        fault = call.fault
        if fault in RETS:
            return _http(200, seal_response(self._codec, RETS[fault], "", b"").to_wire())
        if fault == "http 503":
            return _http(503, b"")
        answer = b"" if fault in ("timeout before", "cut before") else await self._asked(backend, request)
        if fault == "twice":
            await self._asked(backend, request)
            return answer
        if fault.startswith("timeout"):
            await asyncio.sleep(HELD_WALL_S)
        raise Cut

    async def _asked(self, backend: _Backend, request: bytes) -> bytes:
        try:
            return await backend.ask(self.backend, request)
        except (OSError, asyncio.IncompleteReadError):
            raise Cut from None

    def _about(self, body: bytes) -> tuple[str, str, int | None]:
        """Business id, connector and state; empty where nobody can read it."""
        try:
            plain = self._codec.suite.decrypt(json.loads(body)["Data"], self._codec.secrets)
            fields = strict_json.parse_object(plain)
        except (DecryptFailed, ValueError, KeyError):
            return "", "", None
        inner = fields.get("ConnectorStatusInfo", fields)
        connector = str(inner.get("ConnectorID", ""))
        return str(inner.get("StartChargeSeq") or inner.get("OrderNo") or connector), connector, inner.get("Status")


class _Backend:
    """A connection to the platform, opened anew when it is gone."""

    def __init__(self) -> None:
        self._port = 0
        self._pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def ask(self, port: int, request: bytes) -> bytes:
        """The whole answer; raises OSError or IncompleteReadError."""
        if self._pair is None or port != self._port or self._pair[0].at_eof():  # an idle one is closed by the platform
            self.close()
            self._pair, self._port = await asyncio.open_connection("127.0.0.1", port), port
        reader, writer = self._pair
        try:
            writer.write(request)
            head = await reader.readuntil(END)
            return head + await reader.readexactly(_length(head))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Hang up."""
        pair, self._pair = self._pair, None
        if pair is not None:
            with contextlib.suppress(OSError):
                pair[1].transport.abort()


def _length(head: bytes) -> int:
    lines = head.lower().split(b"\r\n")
    return next((int(line[15:]) for line in lines if line.startswith(b"content-length:")), 0)


def _http(status: int, body: bytes) -> bytes:
    words = {200: "OK", 503: "Service Unavailable"}[status]
    return f"HTTP/1.1 {status} {words}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def attempts(passed: list[Passed], interface: str) -> Iterator[list[Passed]]:
    """The calls about each thing, in their order."""
    about: dict[str, list[Passed]] = {}
    for call in passed:
        if call.interface == interface and call.business_id:
            about.setdefault(call.business_id, []).append(call)
    yield from about.values()
