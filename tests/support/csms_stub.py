"""A small central system for the simulator's tests: a real websocket server on a free port that checks every frame
against the schemas of the `ocpp` package, answers, remembers, and can be told to misbehave.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import Counter
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from ocpp.messages import MessageType, get_validator
from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

Json = dict[str, Any]
VERSIONS = {"ocpp1.6": "1.6", "ocpp2.0.1": "2.0.1", "ocpp2.1": "2.1"}
NOW = "2026-11-24T00:00:00Z"


@dataclass(frozen=True)
class Said:
    """One CALL of a station."""

    station: str
    unique_id: str
    action: str
    payload: Json


@dataclass
class CsmsStub:
    """`async with CsmsStub() as csms: ... csms.url`."""

    boot_statuses: list[str] = field(default_factory=list)
    errors: Counter[str] = field(default_factory=Counter)
    id_status: str = "Accepted"
    id_status_of: dict[str, str] = field(default_factory=dict)
    mute: set[str] = field(default_factory=set)
    said: list[Said] = field(default_factory=list)
    invalid: list[str] = field(default_factory=list)
    connections: Counter[str] = field(default_factory=Counter)
    sockets: dict[str, ServerConnection] = field(default_factory=dict)
    _server: Server | None = None
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _answers: dict[str, asyncio.Future[list[Any]]] = field(default_factory=dict)

    async def __aenter__(self) -> CsmsStub:
        self._server = await serve(self._talk, "127.0.0.1", 0, subprotocols=list(VERSIONS), compression=None)  # type: ignore[arg-type]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._server is not None
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server is not None
        return f"ws://127.0.0.1:{self._server.sockets[0].getsockname()[1]}/ocpp"

    def actions(self, station: str | None = None) -> list[str]:
        return [said.action for said in self.said if station in (None, said.station)]

    def of(self, action: str) -> list[Json]:
        return [said.payload for said in self.said if said.action == action]

    async def until(self, condition: Any, limit_s: float = 20.0) -> None:
        """Wait until `condition()` holds."""
        async with asyncio.timeout(limit_s):
            while not condition():  # noqa: ASYNC110 - conditions reach into both sides, no single event tells
                await asyncio.sleep(0.005)

    async def command(self, station: str, action: str, payload: Json) -> list[Any]:
        """Send a CALL; the frame that answers it, checked against its schema."""
        socket, unique_id = self.sockets[station], f"csms-{next(self._numbers)}"
        self._answers[unique_id] = asyncio.get_running_loop().create_future()
        await socket.send(json.dumps([2, unique_id, action, payload]))
        async with asyncio.timeout(10.0):
            frame = await self._answers[unique_id]
        if frame[0] == 3:
            version = VERSIONS[str(socket.subprotocol)]
            get_validator(MessageType.CallResult, action, version).validate(frame[2])
        return frame

    async def _talk(self, socket: ServerConnection) -> None:
        assert socket.request is not None
        station = socket.request.path.rpartition("/")[2]
        self.connections[station] += 1
        self.sockets[station] = socket
        try:
            async for text in socket:
                await self._hear(station, socket, json.loads(text))
        except ConnectionClosed:
            pass

    async def _hear(self, station: str, socket: ServerConnection, frame: list[Any]) -> None:
        if frame[0] == 2:
            answer = self._answer(station, str(socket.subprotocol), *frame[1:4])
            if answer is not None:
                await socket.send(json.dumps(answer))
        elif frame[1] in self._answers:
            self._answers[frame[1]].set_result(frame)

    def _answer(self, station: str, protocol: str, unique_id: str, action: str, payload: Json) -> list[Any] | None:
        self.said.append(Said(station, unique_id, action, payload))
        errors = get_validator(MessageType.Call, action, VERSIONS[protocol]).iter_errors(payload)
        self.invalid += [f"{action}: {error.message}" for error in errors]
        if action in self.mute:
            return None
        if self.errors[action] > 0:
            self.errors[action] -= 1
            return [4, unique_id, "InternalError", "told to", {}]
        return [3, unique_id, self._result(action, protocol)]

    def _result(self, action: str, protocol: str) -> Json:
        judged = {"status": self.id_status_of.get(action, self.id_status)}
        results: dict[str, Json] = {
            "Heartbeat": {"currentTime": NOW},
            "Authorize": {"idTagInfo": judged} if protocol == "ocpp1.6" else {"idTokenInfo": judged},
            "TransactionEvent": {"idTokenInfo": judged},
        }
        if action == "BootNotification":
            status = self.boot_statuses.pop(0) if self.boot_statuses else "Accepted"
            return {"currentTime": NOW, "interval": 300 if status == "Accepted" else 5, "status": status}
        if action == "StartTransaction":
            return {"transactionId": next(self._numbers) + 1000, "idTagInfo": judged}
        return results.get(action, {})
