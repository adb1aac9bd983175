"""A whole central system in this process with its HTTP port open, and stations that follow a script.

    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp1.6")
        cp.answers("GetDiagnostics", {"fileName": "log.zip"})
        told = await csms.operator("CP-1", "request_log", kind="diagnostics")
        asked = await cp.expected("GetDiagnostics")
        await csms.http.put(asked["location"], content=b"...")

Everything is real: websockets, HTTP, the SQLite file. Calls of ours are judged by the strict schemas of the gateway.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.app.rooms import Rooms
from csms.app.server import CentralSystem
from csms.app.settings import Settings
from csms.model.clock import Clock, system_clock
from csms.store import migrate

WAIT_S = 10.0
Payload = dict[str, Any]
Script = Payload | Callable[[Payload], Awaitable[Payload]]


class ScriptedStation:
    """One websocket that says what the test says, and answers as it is told to (else Accepted)."""

    def __init__(self, socket: ClientConnection, protocol: str) -> None:
        self.socket, self.protocol = socket, protocol
        self._scripts: dict[str, Script] = {}
        self._asked: dict[str, asyncio.Queue[Payload]] = {}
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._spawn(self._read())

    async def call(self, action: str, payload: Payload | None = None) -> Payload:
        """The payload of the CALLRESULT; an error fails the test."""
        unique_id = uuid.uuid4().hex
        waiting = self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(json.dumps([2, unique_id, action, payload or {}]))
        async with asyncio.timeout(WAIT_S):
            answer = await waiting
        assert answer[0] == 3, answer
        result: Payload = answer[2]
        return result

    def answers(self, action: str, script: Script) -> None:
        """How calls of this action are answered from now on."""
        self._scripts[action] = script

    async def expected(self, action: str) -> Payload:
        """The next call of this action that nobody waited for yet."""
        async with asyncio.timeout(WAIT_S):
            return await self._queue(action).get()

    def unasked(self, action: str) -> bool:
        """Whether no call of this action waits to be looked at."""
        return self._queue(action).empty()

    async def boot(self, serial: str = "SN-1", reason: str = "PowerUp") -> Payload:
        """BootNotification with a serial number."""
        if self.protocol == "ocpp1.6":
            named = {"chargePointVendor": "Maker", "chargePointModel": "One", "chargePointSerialNumber": serial}
            return await self.call("BootNotification", named)
        station = {"vendorName": "Maker", "model": "Two", "serialNumber": serial}
        return await self.call("BootNotification", {"chargingStation": station, "reason": reason})

    async def close(self) -> None:
        """End the connection."""
        await self.socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self) -> None:
        try:
            async for text in self.socket:
                frame = json.loads(text)
                if frame[0] == 2:
                    self._queue(frame[2]).put_nowait(frame[3])
                    self._spawn(self._answer(frame[1], frame[2], frame[3]))
                else:
                    self._waiting.pop(frame[1]).set_result(frame)
        except ConnectionClosed:
            pass

    async def _answer(self, unique_id: str, action: str, payload: Payload) -> None:
        script = self._scripts.get(action, {"status": "Accepted"})
        answer = script if isinstance(script, dict) else await script(payload)
        await self.socket.send(json.dumps([3, unique_id, answer]))

    def _queue(self, action: str) -> asyncio.Queue[Payload]:
        return self._asked.setdefault(action, asyncio.Queue())

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


class Central:
    """A running server; `http` is a client of its HTTP port."""

    def __init__(self, system: CentralSystem, rooms: Rooms, http: httpx.AsyncClient) -> None:
        self.rooms, self.http = rooms, http
        self._url = f"ws://127.0.0.1:{system.ocpp_port}/ocpp"
        self.stations: list[ScriptedStation] = []

    async def station(self, station_id: str, protocol: str = "ocpp1.6", serial: str = "SN-1") -> ScriptedStation:
        """A registered station, connected and booted."""
        answer = await self.api("PUT", f"/api/v1/stations/{station_id}", {"evses": [{"evse_id": 1}]})
        assert answer.status_code == 200, answer.text
        offered = [Subprotocol(protocol)]
        socket = await connect(f"{self._url}/{station_id}", subprotocols=offered, compression=None, proxy=None)
        station = ScriptedStation(socket, protocol)
        self.stations.append(station)
        await station.boot(serial)
        return station

    async def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request to the HTTP interface."""
        return await self.http.request(method, path, json=body)

    async def operator(self, station_id: str, name: str, **fields: Any) -> Payload:
        """What an operator sees who gives a command: the answer, or the problem document of a refusal."""
        told: Payload = (await self.api("POST", f"/api/v1/stations/{station_id}/commands/{name}", fields)).json()
        return told

    async def shown(self, path: str) -> Payload:
        """A document of the API."""
        answer = await self.api("GET", f"/api/v1{path}")
        assert answer.status_code == 200, answer.text
        told: Payload = answer.json()
        return told

    async def operation(self, operation_id: int) -> Payload:
        """An operation as the API shows it, with its steps as a list of words."""
        told = await self.shown(f"/operations/{operation_id}")
        return told | {"steps": [step["status"] for step in told["detail"]["steps"]]}

    async def until(self, condition: Callable[[], Awaitable[Any]]) -> Any:
        """Wait until a condition holds; what it returned."""
        async with asyncio.timeout(WAIT_S):
            while True:
                if held := await condition():
                    return held
                await asyncio.sleep(0.01)


@cache
def _empty_database() -> bytes:
    """The tables and nothing in them: migrating takes much longer than copying."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "csms.db"
        migrate.upgrade(f"sqlite+aiosqlite:///{path}")
        return path.read_bytes()


@asynccontextmanager
async def central(folder: Path, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Central]:
    """Everything that `csms serve` runs, on free ports; `settings` are those of csms.toml."""
    chosen: dict[str, Any] = {
        "data_dir": folder / "data",
        "ocpp_host": "127.0.0.1",
        "ocpp_port": 0,
        "http_port": 0,
        "charging": {"control": False},
    }
    wanted = Settings(**(chosen | settings))
    if not wanted.data_dir.exists():
        wanted.data_dir.mkdir()
        (wanted.data_dir / "csms.db").write_bytes(_empty_database())
    system = CentralSystem(wanted, clock or system_clock())
    await system.start()
    assert system._rooms is not None
    url = f"http://127.0.0.1:{system.http_port}"
    try:
        async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=WAIT_S) as http:
            running = Central(system, system._rooms, http)
            yield running
            await asyncio.gather(*(station.close() for station in running.stations))
    finally:
        await system.stop()
