"""A central system with all its rooms in this process, and stations that follow a script through real websockets.

    async with central(tmp_path, heartbeat_s=60) as csms:
        cp = await csms.station("CP-1", "ocpp1.6", evses=2)
        await cp.boot()
        cp.answers("Reset", {"status": "Rejected"})
        told = await csms.operator("CP-1", "reset", hard=True)     # what the API answers
        assert await cp.expected("Reset") == {"type": "Hard"}      # what the station was asked

Every call and every answer of ours is judged by the published schemas, every one of the station too unless it was
opened with `strict=False`; a violation, or a fault that the central system logs, fails the test at the latest when the
block is left.
"""

from __future__ import annotations

import asyncio
import inspect
import json
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from websockets.typing import Subprotocol

from csms.app.grid import FeederSettings
from csms.app.rooms import Rooms, build_rooms
from csms.app.settings import Settings
from csms.app.supervisor import Supervisor
from csms.model.clock import Clock, system_clock
from csms.model.command import Command, CommandResult
from csms.station.registration import Registration, rating
from csms.store import changes
from csms.store.tables import IdToken, Notice, Session
from tests.support import official
from tests.support.access import bearer, token_for
from tests.support.databases import empty_database
from tests.support.official import Payload

WAIT_S = 30.0
"""Nothing takes that long but a machine that is busy with other tests."""


class CallError(Exception):
    """A CALLERROR: raised for one of ours, and given to `answers` for one of the station's."""

    def __init__(self, code: str, description: str = "", details: Payload | None = None) -> None:
        super().__init__(f"{code}: {description}")
        self.code, self.description, self.details = code, description, details or {}


class Silence:
    """Given to `answers`: the station never answers."""


class Text:
    """Given to `answers`: the station says this text, whatever it is; `{id}` stands for the message id as JSON."""

    def __init__(self, text: str) -> None:
        self.text = text


Answer = Payload | CallError | Silence | Text
Script = Answer | Callable[[Payload], Answer | Awaitable[Answer]]


class ScriptedStation:
    """One websocket with the manners of OCPP-J. What it says in a session differs by version: see the subclasses."""

    def __init__(self, central_system: Central, station_id: str, protocol: str, *, strict: bool) -> None:
        self.central, self.station_id, self.protocol, self.strict = central_system, station_id, protocol, strict
        self._stamped_at = datetime.min.replace(tzinfo=UTC)
        self.frames: list[list[Any]] = []
        self.asked: list[tuple[str, Payload]] = []
        self._scripts: dict[str, Script] = {}
        self._fresh: list[tuple[str, Payload]] = []
        self._waiting: dict[str, asyncio.Future[list[Any]]] = {}
        self._news = asyncio.Event()
        self._tasks: set[asyncio.Task[None]] = set()
        self._socket: ClientConnection | None = None

    @property
    def socket(self) -> ClientConnection:
        """The websocket as it is now."""
        assert self._socket is not None, "the station is not connected"
        return self._socket

    async def connect(self, *, ending: str = "", profile: int | None = None, **options: Any) -> None:
        """Open the websocket (again), by the port of a security profile (None: the lowest); raises what `websockets`
        raises when it is refused.
        """
        url = f"{self.central.url(profile)}/{self.station_id}{ending}"
        usual: dict[str, Any] = {"subprotocols": [Subprotocol(self.protocol)], "compression": None, "proxy": None}
        self._socket = await connect(url, **(usual | options))
        self._spawn(self._read(self._socket))

    async def disconnect(self, code: int = 1000) -> None:
        """Say goodbye and wait until the central system took note."""
        await self.socket.close(code)
        state = self.central.rooms.stations.stations[self.station_id]
        await self.central.until(lambda: state.link is None)

    async def closed(self) -> int | None:
        """Wait until the central system has closed the websocket; the close code."""
        async with asyncio.timeout(WAIT_S):
            await self.socket.wait_closed()
        return self.socket.close_code

    async def call(self, action: str, payload: Payload | None = None, unique_id: str | None = None) -> Payload:
        """What our central system answers; raises CallError."""
        payload, unique_id = payload or {}, unique_id or uuid.uuid4().hex
        self._judge_own(action, payload)
        answer = await self.exchange(json.dumps([2, unique_id, action, payload]), unique_id)
        if answer[0] == 4:
            raise CallError(answer[2], answer[3], answer[4])
        self.central.judge(self, f"{action}Response", answer[2])
        result: Payload = answer[2]
        return result

    async def refused(self, action: str, payload: Payload | None = None) -> str:
        """The error code of a call that must be answered with an error."""
        try:
            answer = await self.call(action, payload)
        except CallError as refusal:
            return refusal.code
        raise AssertionError(f"{action} was answered {answer}, an error was expected")

    async def exchange(self, text: str, unique_id: str) -> list[Any]:
        """Send any text and return the frame that answers `unique_id`."""
        waiting = self._waiting[unique_id] = asyncio.get_running_loop().create_future()
        await self.socket.send(text)
        async with asyncio.timeout(WAIT_S):
            return await waiting

    def answers(self, action: str, script: Script) -> None:
        """How calls of this action are answered from now on; without a script: Accepted, or the shortest valid answer.

        A function is given the payload and may be async: it may first say something itself, or wait.
        """
        self._scripts[action] = script

    async def expected(self, action: str, timeout_s: float = WAIT_S) -> Payload:
        """The next call of this action that nobody waited for yet; it is answered as scripted."""
        async with asyncio.timeout(timeout_s):
            while True:
                for position, (asked, payload) in enumerate(self._fresh):
                    if asked == action:
                        del self._fresh[position]
                        return payload
                self._news.clear()
                await self._news.wait()

    def unasked(self, action: str) -> bool:
        """Whether no call of this action came since the last `expected`."""
        return all(asked != action for asked, _ in self._fresh)

    async def close(self) -> None:
        """End the websocket and everything that still waits."""
        if self._socket is not None:
            await self._socket.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _read(self, socket: ClientConnection) -> None:
        try:
            async for text in socket:
                frame = json.loads(text)
                self.frames.append(frame)
                if frame[0] == 2:
                    self._take(frame)
                elif (waiting := self._waiting.pop(str(frame[1]), None)) is not None:
                    waiting.set_result(frame)
                elif self.strict:
                    self.central.violations.append(f"{self.station_id}: answer to nothing: {frame}")
        except ConnectionClosed:
            pass
        if socket is not self._socket:
            return
        for waiting in self._waiting.values():
            if not waiting.done():
                waiting.set_exception(ConnectionError("the central system closed the connection"))
                waiting.exception()

    def _take(self, frame: list[Any]) -> None:
        _, unique_id, action, payload = frame
        self.central.judge(self, action, payload)
        self.asked.append((action, payload))
        self._fresh.append((action, payload))
        self._news.set()
        self._spawn(self._answer(unique_id, action, payload))

    async def _answer(self, unique_id: str, action: str, payload: Payload) -> None:
        script = self._scripts.get(action)
        answer: Any = official.plain_answer(self.protocol, action) if script is None else script
        if callable(answer):
            answer = answer(payload)
            answer = await answer if inspect.isawaitable(answer) else answer
        if isinstance(answer, Silence):
            return
        if isinstance(answer, Text):
            await self.socket.send(answer.text.replace("{id}", json.dumps(unique_id)))
            return
        if isinstance(answer, CallError):
            frame = [4, unique_id, answer.code, answer.description, answer.details]
        else:
            self._judge_own(f"{action}Response", answer)
            frame = [3, unique_id, answer]
        await self.socket.send(json.dumps(frame))

    def _judge_own(self, name: str, payload: Payload) -> None:
        if self.strict:
            self.central.judge(self, name, payload)

    def _spawn(self, work: Any) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.central.violations.append(f"{self.station_id}: the script failed: {fault!r}")

    def stamp(self, ago_s: float = 0) -> str:
        """The moment, or one in the past, as stations write it; no two moments are equal, however quick the machine."""
        moment = self.central.clock.now() - timedelta(seconds=ago_s)
        if not ago_s:
            moment = self._stamped_at = max(moment, self._stamped_at + timedelta(milliseconds=1))
        return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"

    async def boot(self) -> Payload:
        """BootNotification."""
        raise NotImplementedError

    async def status(self, evse_id: int, status: str, **more: Any) -> Payload:
        """StatusNotification of a connector."""
        raise NotImplementedError

    async def authorize(self, token: str) -> str:
        """Authorize; the status of the answer."""
        raise NotImplementedError

    async def start(self, evse_id: int = 1, token: str = "TAG-1", wh: float = 0, **more: Any) -> str:
        """A session begins; its transaction id."""
        raise NotImplementedError

    async def meter(self, transaction_id: str, wh: float, evse_id: int = 1, **more: Any) -> Payload:
        """A reading within a session."""
        raise NotImplementedError

    async def stop(
        self, transaction_id: str, wh: float = 1000, reason: str = "Local", token: str = "", **more: Any
    ) -> Payload:
        """A session ends."""
        raise NotImplementedError


class Station16(ScriptedStation):
    """Says it in OCPP 1.6; EVSE n is connector n."""

    async def boot(self) -> Payload:
        return await self.call("BootNotification", {"chargePointVendor": "Maker", "chargePointModel": "One"})

    async def status(self, evse_id: int, status: str, **more: Any) -> Payload:
        payload = {"connectorId": evse_id, "errorCode": "NoError", "status": status, "timestamp": self.stamp()}
        return await self.call("StatusNotification", payload | more)

    async def authorize(self, token: str) -> str:
        return str((await self.call("Authorize", {"idTag": token}))["idTagInfo"]["status"])

    async def start(self, evse_id: int = 1, token: str = "TAG-1", wh: float = 0, **more: Any) -> str:
        payload = {"connectorId": evse_id, "idTag": token, "meterStart": round(wh), "timestamp": self.stamp()}
        return str((await self.call("StartTransaction", payload | more))["transactionId"])

    async def meter(self, transaction_id: str, wh: float, evse_id: int = 1, **more: Any) -> Payload:
        sample = {"value": str(wh), "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
        values = [{"timestamp": self.stamp(), "sampledValue": [sample]}]
        transaction = {"transactionId": int(transaction_id)} if transaction_id else {}
        return await self.call("MeterValues", {"connectorId": evse_id, **transaction, "meterValue": values, **more})

    async def stop(
        self, transaction_id: str, wh: float = 1000, reason: str = "Local", token: str = "", **more: Any
    ) -> Payload:
        payload = {"transactionId": int(transaction_id), "meterStop": round(wh), "timestamp": self.stamp()}
        payload |= {"reason": reason} | ({"idTag": token} if token else {})
        return await self.call("StopTransaction", payload | more)


class Station201(ScriptedStation):
    """Says it in OCPP 2.0.1 (and 2.1, whose common part is the same)."""

    def __init__(self, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        self._next_seq_no: dict[str, int] = {}

    async def boot(self, reason: str = "PowerUp") -> Payload:
        station = {"vendorName": "Maker", "model": "Two"}
        return await self.call("BootNotification", {"chargingStation": station, "reason": reason})

    async def status(self, evse_id: int, status: str, connector_id: int = 1, **more: Any) -> Payload:
        payload = {"timestamp": self.stamp(), "connectorStatus": status, "evseId": evse_id, "connectorId": connector_id}
        return await self.call("StatusNotification", payload | more)

    async def authorize(self, token: str, token_type: str = "ISO14443", **more: Any) -> str:
        payload = {"idToken": {"idToken": token, "type": token_type}}
        return str((await self.call("Authorize", payload | more))["idTokenInfo"]["status"])

    async def event(self, kind: str, transaction_id: str, trigger: str, **more: Any) -> Payload:
        """TransactionEvent with the next number; `info` is for transactionInfo, `wh` a reading, `token` an id token."""
        seq_no = self._next_seq_no.get(transaction_id, 0)
        self._next_seq_no[transaction_id] = more.get("seqNo", seq_no) + 1
        payload: Payload = {"eventType": kind, "timestamp": self.stamp(), "triggerReason": trigger, "seqNo": seq_no}
        payload["transactionInfo"] = {"transactionId": transaction_id, **more.pop("info", {})}
        wh, token = more.pop("wh", None), more.pop("token", "")
        reading_context = more.pop("context", {"Started": "Transaction.Begin", "Ended": "Transaction.End"}.get(kind))
        if wh is not None:
            payload["meterValue"] = [self.reading(wh, reading_context)]
        if token:
            payload["idToken"] = {"idToken": token, "type": more.pop("token_type", "ISO14443")}
        return await self.call("TransactionEvent", payload | more)

    def reading(self, wh: float, context: str | None = None, ago_s: float = 0) -> Payload:
        """One value of the energy register."""
        sample: Payload = {"value": wh, "measurand": "Energy.Active.Import.Register", "unitOfMeasure": {"unit": "Wh"}}
        return {"timestamp": self.stamp(ago_s), "sampledValue": [sample | ({"context": context} if context else {})]}

    async def start(self, evse_id: int = 1, token: str = "TAG-1", wh: float = 0, **more: Any) -> str:
        """Started by a card with the cable in; `trigger`, `info` and fields of the message may say otherwise."""
        transaction_id = more.pop("transaction_id", str(uuid.uuid4()))
        info = {"chargingState": "Charging", **more.pop("info", {})}
        evse = {"id": evse_id, "connectorId": 1}
        trigger = more.pop("trigger", "Authorized")
        await self.event("Started", transaction_id, trigger, info=info, evse=evse, token=token, wh=wh, **more)
        return str(transaction_id)

    async def meter(self, transaction_id: str, wh: float, evse_id: int = 1, **more: Any) -> Payload:
        return await self.event("Updated", transaction_id, "MeterValuePeriodic", wh=wh, **more)

    async def stop(
        self, transaction_id: str, wh: float = 1000, reason: str = "Local", token: str = "", **more: Any
    ) -> Payload:
        info = {"stoppedReason": reason, **more.pop("info", {})}
        trigger = more.pop("trigger", "StopAuthorized")
        return await self.event("Ended", transaction_id, trigger, info=info, wh=wh, token=token, **more)


class Central:
    """The rooms of one running central system, and what went wrong in them."""

    def __init__(self, rooms: Rooms, port: int, http: httpx.AsyncClient) -> None:
        self.rooms, self.http = rooms, http
        self.clock: Clock = rooms.clock
        self.port, self.ocpp_url = port, self.url()
        self.stations: list[ScriptedStation] = []
        self.violations: list[str] = []
        self.expected_faults: set[str] = set()

    async def station(
        self,
        station_id: str,
        protocol: str = "ocpp1.6",
        evses: int = 1,
        *,
        strict: bool = True,
        connected: bool = True,
        **options: Any,
    ) -> Any:
        """A registered station, connected unless told otherwise; `options` go to `websockets.connect`.

        Returns a Station16 or a Station201.
        """
        nameplate = rating("ac", 3, 32.0, 22_080)
        nameplates = dict.fromkeys(range(1, evses + 1), nameplate)
        await self.rooms.stations.register(Registration(station_id, evses=nameplates))
        kind = Station16 if protocol == "ocpp1.6" else Station201
        station = kind(self, station_id, protocol, strict=strict)
        self.stations.append(station)
        if connected:
            await station.connect(**options)
            await self.until(lambda: self.rooms.stations.stations[station_id].link is not None)
        return station

    def url(self, profile: int | None = None) -> str:
        """Where stations of a security profile connect; None: of the lowest that is served."""
        ports = {int(served): port for served, port in self.rooms.gateway.ports.items()}
        profile = min(ports) if profile is None else profile
        return f"{'wss' if profile > 1 else 'ws'}://127.0.0.1:{ports[profile]}/ocpp"

    async def command(self, station_id: str, command: Command) -> CommandResult:
        """Ask a station, past the API; raises what `StationService.command` raises."""
        return await self.rooms.stations.command(station_id, command)

    async def api(self, method: str, path: str, body: Any = None) -> httpx.Response:
        """One request to the HTTP interface."""
        return await self.http.request(method, path, json=body)

    async def operator(self, station_id: str, name: str, **fields: Any) -> Payload:
        """What an operator sees who gives a command: the answer, or the problem document of a refusal."""
        answer = await self.api("POST", f"/api/v1/stations/{station_id}/commands/{name}", fields)
        told: Payload = answer.json()
        return told

    async def sessions(self, station_id: str | None = None) -> Sequence[Session]:
        """Recorded sessions, oldest first."""
        found = await self.rooms.store.reader.sessions(limit=1000, station_id=station_id)
        return list(reversed(found))

    async def session(self, station_id: str) -> Session:
        """The one session that this station has."""
        (row,) = await self.sessions(station_id)
        return row

    async def list_token(self, id_token: str, status: str = "Accepted", **more: Any) -> None:
        """Make a token known, with a state of its own."""
        row = IdToken(id_token=id_token, status=status, **more)
        await self.rooms.store.writer.commit([changes.put_token(row)])

    async def notices(self, code: str, station_id: str | None = None) -> Sequence[Notice]:
        """What was kept under this code."""
        return await self.rooms.store.reader.find(Notice, code=code, station_id=station_id)

    async def shown(self, station_id: str) -> Payload:
        """The station as the API shows it."""
        answer = await self.api("GET", f"/api/v1/stations/{station_id}")
        assert answer.status_code == 200, answer.text
        told: Payload = answer.json()
        return told

    async def until(self, condition: Callable[[], Any], timeout_s: float = WAIT_S) -> Any:
        """Wait until a condition (plain or async) holds; what it returned."""
        async with asyncio.timeout(timeout_s):
            while True:
                held = condition()
                held = await held if inspect.isawaitable(held) else held
                if held:
                    return held
                await asyncio.sleep(0.005)

    def judge(self, station: ScriptedStation, name: str, payload: object) -> None:
        """Raises AssertionError for a message that the published schema does not let pass, and keeps it in mind."""
        found = official.faults(station.protocol, name, payload)
        self.violations += [f"{station.station_id}: {fault}" for fault in found]
        assert not found, found

    def faultless(self) -> None:
        """Nothing was said that must not be said, and nothing failed inside."""
        assert not self.violations, self.violations


class _Faults(logging.Handler):
    """Whatever the central system logs as an error."""

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.central: Central | None = None

    def emit(self, record: logging.LogRecord) -> None:
        if self.central is not None and record.getMessage() not in self.central.expected_faults:
            detail = record.__dict__.get("detail", "") or (record.exc_info[1] if record.exc_info else "")
            self.central.violations.append(f"logged: {record.getMessage()} {detail}")


def _when_asked(rooms: Rooms) -> Callable[..., Awaitable[None]]:
    """The HTTP interface, which is not made for a test that asks nothing of it."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await rooms.api(scope, receive, send)

    return app


@asynccontextmanager
async def central(folder: Path, *, clock: Clock | None = None, **settings: Any) -> AsyncIterator[Central]:
    """A central system with everything but the HTTP port; `settings` are those of csms.toml.

    Charging is only listened to (`charging={"control": True}` turns the planner on), so that scripts are asked nothing
    but what the test asks them. Firmware may be unsigned: most cases of the conformance test are.
    """
    chosen: dict[str, Any] = {
        "data_dir": folder,
        "ocpp_host": "127.0.0.1",
        "ocpp_port": 0,
        "security_profiles": [0],
        "charging": {"control": False},
        "api": {"requests_per_s": 100_000, "requests_burst": 1_000_000},  # a quick machine asks more than people do
        "firmware": {"unsigned_for": ["*"]},
        "feeders": [FeederSettings(id="site", rating_kw=400.0)],
    }
    wanted = Settings(**(chosen | settings))
    database = wanted.data_dir / "csms.db"
    if not wanted.database_url and not database.exists():
        database.write_bytes(empty_database())
    rooms = await build_rooms(wanted, clock or system_clock())
    supervisor = Supervisor(rooms.clock)
    for name, work in rooms.background:
        supervisor.start(name, work)
    port = await rooms.gateway.start()
    transport = httpx.ASGITransport(app=_when_asked(rooms), raise_app_exceptions=False)
    faults, logger = _Faults(), logging.getLogger("csms")
    logger.addHandler(faults)
    try:
        headers = bearer(await token_for(rooms.guard))
        async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=headers) as http:
            running = faults.central = Central(rooms, port, http)
            yield running
            await asyncio.gather(*(station.close() for station in running.stations))
            running.faultless()
    finally:
        if faults.central is not None:
            await asyncio.gather(*(station.close() for station in faults.central.stations))
        await rooms.gateway.stop("the test is over")
        await supervisor.stop()
        await rooms.close()
        logger.removeHandler(faults)
