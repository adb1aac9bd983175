"""The least of an MQTT 5 broker: takes connections and subscriptions, and publishes what a test wants."""

from __future__ import annotations

import asyncio
from types import TracebackType


class MqttTwin:
    """`async with MqttTwin() as broker: ... broker.port`."""

    def __init__(self) -> None:
        self.topics: list[str] = []
        self.connects: list[bytes] = []
        self._writers: list[asyncio.StreamWriter] = []

    async def __aenter__(self) -> MqttTwin:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.close()
        await self.drop()

    async def drop(self) -> None:
        """End all connections, as a broker does that is restarted."""
        for writer in self._writers:
            writer.close()
        self._writers.clear()
        await asyncio.sleep(0)

    def publish(self, topic: str, payload: bytes) -> None:
        """QoS 0, to everybody."""
        body = len(topic).to_bytes(2, "big") + topic.encode() + b"\x00" + payload
        assert len(body) < 128
        for writer in self._writers:
            writer.write(bytes([0x30, len(body)]) + body)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        try:
            while True:
                kind = (await reader.readexactly(1))[0] >> 4
                length, shift = 0, 0
                while (byte := (await reader.readexactly(1))[0]) & 0x80:
                    length, shift = length | (byte & 0x7F) << shift, shift + 7
                body = await reader.readexactly(length | byte << shift)
                if kind == 1:
                    self.connects.append(body)
                    writer.write(b"\x20\x03\x00\x00\x00")
                elif kind == 8:
                    size = int.from_bytes(body[3:5], "big")
                    self.topics.append(body[5 : 5 + size].decode())
                    writer.write(b"\x90\x04" + body[:2] + b"\x00\x00")
                elif kind == 12:
                    writer.write(b"\xd0\x00")
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()
