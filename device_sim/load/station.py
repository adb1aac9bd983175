"""One lean station: the handshake by the `websockets` library, then frames cut and made by hand.

Its frames are masked with zeros, which leaves the bytes as they are; a server has the same work with them.
"""

from __future__ import annotations

import asyncio
import json
import struct
from collections.abc import Callable

from websockets.client import ClientProtocol
from websockets.uri import parse_uri

from device_sim.load.messages import SUBPROTOCOLS

TEXT, CLOSE, PING, PONG = 1, 8, 9, 10
CALL, RESULT, ERROR = b"2", b"3", b"4"
_ZERO_MASK = b"\0\0\0\0"


class LoadStation(asyncio.Protocol):
    """`heard(kind, frame)` is called for each answer; calls of the server are accepted."""

    __slots__ = (
        "_buffer",
        "_client",
        "_credentials",
        "_opened",
        "_transport",
        "closed",
        "heard",
        "number",
        "sent_at_s",
        "transaction",
    )

    def __init__(self, url: str, ocpp: str, opened: asyncio.Future[bool], credentials: str = "") -> None:
        self._client: ClientProtocol | None = ClientProtocol(parse_uri(url), subprotocols=[SUBPROTOCOLS[ocpp]])  # type: ignore[list-item]
        self._opened = opened
        self._credentials = credentials
        self._buffer = b""
        self._transport: asyncio.Transport
        self.heard: Callable[[bytes, bytes], None] | None = None
        self.closed = False
        self.number = 0
        self.sent_at_s = 0.0
        self.transaction = ""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for a websocket."""
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "write")
        self._transport = transport  # type: ignore[assignment]
        assert self._client is not None
        request = self._client.connect()
        if self._credentials:
            request.headers["Authorization"] = self._credentials
        self._client.send_request(request)
        self._transport.writelines(self._client.data_to_send())

    def data_received(self, data: bytes) -> None:
        """Answer to the handshake, then frames."""
        if self._client is not None:
            self._shake(data)
        else:
            self._buffer = self._cut(self._buffer + data if self._buffer else data)

    def connection_lost(self, exc: Exception | None) -> None:
        """Gone."""
        self.closed = True
        if not self._opened.done():
            self._opened.set_result(False)
        if self.heard is not None:
            self.heard(b"", b"")

    def send(self, text: str) -> None:
        """One text message."""
        self._write(TEXT, text.encode())

    def close(self) -> None:
        """Without a farewell; the server has to stand that."""
        self._transport.close()

    def _shake(self, data: bytes) -> None:
        """The head of the answer; what comes behind it is kept."""
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        if not end:
            return
        assert self._client is not None
        self._client.receive_data(head + end)
        accepted = head.startswith(b"HTTP/1.1 101") and self._client.handshake_exc is None
        self._client, self._buffer = None, b""
        if not self._opened.done():
            self._opened.set_result(accepted)
        if not accepted:
            self._transport.close()
        elif rest:
            self.data_received(rest)

    def _cut(self, data: bytes) -> bytes:
        """Deliver whole frames, return the rest. Servers do not fragment answers as short as these."""
        begin, size = 0, len(data)
        while begin + 2 <= size:
            length, payload = data[begin + 1] & 0x7F, begin + 2
            if length == 126 and begin + 4 <= size:
                length, payload = int.from_bytes(data[begin + 2 : begin + 4], "big"), begin + 4
            elif length == 127 and begin + 10 <= size:
                length, payload = int.from_bytes(data[begin + 2 : begin + 10], "big"), begin + 10
            elif length >= 126:
                break
            if payload + length > size:
                break
            self._frame(data[begin] & 0x0F, data[payload : payload + length])
            begin = payload + length
        return data[begin:] if begin else data

    def _frame(self, opcode: int, payload: bytes) -> None:
        if opcode == PING:
            self._write(PONG, payload)
        elif opcode == CLOSE:
            self._transport.close()
        elif payload[1:2] == CALL:
            self.send(json.dumps([3, json.loads(payload)[1], {"status": "Accepted"}]))
        elif self.heard is not None:
            self.heard(payload[1:2], payload)

    def _write(self, opcode: int, payload: bytes) -> None:
        size = len(payload)
        first = 0x80 | opcode
        head = bytes((first, 0x80 | size)) if size < 126 else struct.pack("!BBH", first, 0xFE, size)
        self._transport.write(head + _ZERO_MASK + payload)
