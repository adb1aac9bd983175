"""A station played by hand: a bad habit says what is said, calls of the central system get a plain answer."""

from __future__ import annotations

import asyncio
import json
import uuid
from datetime import timedelta
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from device_sim.clock import SimClock
from device_sim.misbehaving.pile import Frame, Payload

ANSWER_S = 30.0
CALL, RESULT, ERROR = 2, 3, 4


class CallRefused(Exception):
    """A CALLERROR in answer to a call."""


class Unanswered(Exception):
    """No answer to a call within ANSWER_S."""


class Peer:
    """Fits `Pile`. Counts what it says and what it is answered."""

    def __init__(self, url: str, station_id: str, protocol: str, clock: SimClock) -> None:
        self.protocol = protocol
        self._address, self._clock = f"{url.rstrip('/')}/{station_id}", clock
        self._socket: ClientConnection | None = None
        self._reader: asyncio.Task[None] | None = None
        self._waiting: dict[str, asyncio.Future[Frame]] = {}
        self._scripts: dict[str, Any] = {}
        self.said = self.answered = self.refused = 0

    @property
    def socket(self) -> ClientConnection:
        """The websocket as it is now."""
        if self._socket is None:
            raise ConnectionError("not connected")
        return self._socket

    @property
    def open(self) -> bool:
        """Whether the websocket is."""
        return self._reader is not None and not self._reader.done()

    async def connect(self, *, ending: str = "", **options: Any) -> None:
        """Open the websocket (again); raises what `websockets` raises when it is refused."""
        usual: dict[str, Any] = {"subprotocols": [Subprotocol(self.protocol)], "compression": None, "proxy": None}
        self._socket = await connect(self._address + ending, **(usual | options))
        self._reader = asyncio.create_task(self._read(self._socket))

    async def disconnect(self, code: int = 1000) -> None:
        """Say goodbye."""
        await self.socket.close(code)

    async def leave(self) -> None:
        """End everything."""
        if self._socket is not None:
            await self._socket.close()
        if self._reader is not None:
            await asyncio.wait([self._reader])

    async def call(self, action: str, payload: Payload | None = None, unique_id: str | None = None) -> Payload:
        """What the central system answers; raises CallRefused, Unanswered, ConnectionError."""
        unique_id = unique_id or uuid.uuid4().hex
        frame = await self.exchange(json.dumps([CALL, unique_id, action, payload or {}]), unique_id)
        if frame[0] == ERROR:
            raise CallRefused(f"{action}: {' '.join(str(part) for part in frame[2:4])}")
        answer: Payload = frame[2]
        return answer

    async def exchange(self, text: str, unique_id: str) -> Frame:
        """Send any text; the frame that answers `unique_id`."""
        waiting = self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        self.said += 1
        try:
            await self.socket.send(text)
            async with asyncio.timeout(ANSWER_S):
                frame: Frame = await waiting
        except TimeoutError:
            raise Unanswered(text[:100]) from None
        except ConnectionClosed as closed:
            raise ConnectionError(str(closed)) from None
        self.answered += frame[0] == RESULT
        self.refused += frame[0] == ERROR
        return frame

    def answers(self, action: str, script: Any) -> None:
        """How calls of this action are answered from now on; without a script: Accepted."""
        self._scripts[action] = script

    def stamp(self, ago_s: float = 0) -> str:
        """The moment, or one in the past."""
        moment = self._clock.now() - timedelta(seconds=ago_s)
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                await self._take(socket, json.loads(text))
        except (ConnectionClosed, ValueError, LookupError, TypeError):
            pass
        if socket is self._socket:
            self._lose()

    async def _take(self, socket: ClientConnection, frame: Frame) -> None:
        if frame[0] == CALL:
            script = self._scripts.get(frame[2], {"status": "Accepted"})
            answer = script(frame[3]) if callable(script) else script
            await socket.send(json.dumps([RESULT, frame[1], answer]))
        elif (waiting := self._waiting.pop(frame[1], None)) is not None and not waiting.done():
            waiting.set_result(frame)

    def _lose(self) -> None:
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the central system closed the connection"))
        self._waiting.clear()
