"""A server with many stations and sessions, its dashboard, the stations, and people who look: for `dashboard.py`."""

from __future__ import annotations

import ast
import asyncio
import itertools
import json
import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psutil
import socketio
from websockets.asyncio.client import ClientConnection, connect

from csms.model.clock import system_clock
from csms.store import changes
from csms.store.engine import open_store
from csms.store.tables import Session

SITES = 40
AT_ONCE = 50
START_S = 90.0
SESSION = timedelta(minutes=50)


@dataclass(frozen=True)
class World:
    """Addresses, an administrator's token, and the processes whose time is counted."""

    ocpp_url: str
    api_url: str
    web_url: str
    token: str
    server: psutil.Process
    dashboard: psutil.Process


def station_ids(count: int) -> list[str]:
    """CP-0001 and so on."""
    return [f"CP-{number:04}" for number in range(1, count + 1)]


def settings(folder: Path, stations: Sequence[str]) -> str:
    """Sites in a square of some thirty kilometres, the stations spread over them; nobody plans."""
    lines = [
        f'data_dir = "{folder.as_posix()}"',
        'ocpp_host = "127.0.0.1"',
        "ocpp_port = 0",
        "http_port = 0",
        "security_profiles = [0]",
        'log_level = "WARNING"',
        "rounds = []",
        "[charging]",
        "control = false",
        "[traces]",
        "enabled = false",
        "[[feeders]]",
        'id = "T1"',
        "rating_kw = 20000",
    ]
    for number in range(SITES):
        place = f"longitude = {119.4 + 0.05 * (number % 8)}\nlatitude = {35.3 + 0.05 * (number // 8)}"
        table = "[site]" if number == 0 else "[[sites]]"
        lines += [table, f'id = "site-{number}"', f'name = "Site {number}"', place]
    for place, name in enumerate(stations):
        where = f'site = "site-{place % SITES}"\nfeeder = "T1"'
        lines += ["[[stations]]", f'id = "{name}"', where, 'kind = "ac"\npower_max_kw = 22.08']
    return "\n".join(lines) + "\n"


@contextmanager
def _process(folder: Path, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    command = [sys.executable, "-c", "import cli; cli.main()", *arguments]
    with (folder / "log.txt").open("ab") as log:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        process = subprocess.Popen(command, env=os.environ | {"CSMS_DASHBOARD__ENABLED": "false"}, **streams)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(30)


def _ready(folder: Path, process: subprocess.Popen[bytes]) -> dict[str, Any]:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        path = folder / "serve.json"
        if path.is_file():
            facts: dict[str, Any] = json.loads(path.read_text("utf-8"))
            if facts["pid"] == process.pid:
                return facts
        time.sleep(0.05)
    raise RuntimeError("csms serve did not start:\n" + (folder / "log.txt").read_text()[-2000:])


@contextmanager
def world(folder: Path, stations: Sequence[str], sessions: int) -> Iterator[World]:
    """The server is started once to know its stations, then again with a past."""
    file = folder / "csms.toml"
    file.write_text(settings(folder, stations), encoding="utf-8")
    with _process(folder, "serve", "--config", str(file)) as process:
        _ready(folder, process)
    asyncio.run(_past(folder, stations, sessions))
    with _process(folder, "serve", "--config", str(file)) as process:
        facts = _ready(folder, process)
        api_url = f"http://127.0.0.1:{facts['http_port']}"
        with _process(folder, "dashboard", "--url", api_url, "--port", "0", "--json", "--until-stdin-ends") as web:
            assert web.stdout is not None
            url = str(json.loads(web.stdout.readline())["url"])
            _answers(url)
            token = (folder / "admin.token").read_text("utf-8").strip()
            ocpp_url = f"ws://127.0.0.1:{facts['ocpp_port']}/ocpp"
            yield World(ocpp_url, api_url, url, token, psutil.Process(process.pid), psutil.Process(web.pid))


def _answers(url: str) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        try:
            if httpx.get(f"{url}/healthz", trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.1)
    raise RuntimeError("the dashboard did not start")


async def _past(folder: Path, stations: Sequence[str], sessions: int) -> None:
    """Sessions that ended, spread over the last days, one after the other at each station."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock())
    now = datetime.now(UTC)
    turns = zip(range(1, sessions + 1), itertools.cycle(stations), strict=False)
    rows = [
        Session(
            id=number,
            station_id=name,
            evse_id=1,
            transaction_id=str(number),
            status="ended",
            started_at=(begin := now - (sessions - number) // len(stations) * 2 * SESSION - 1.5 * SESSION),
            received_at=begin,
            ended_at=begin + SESSION,
            energy_wh=12_000.0,
            stop_reason="Local",
        )
        for number, name in turns
    ]
    for start in range(0, len(rows), 500):
        await store.writer.commit([changes.open_session(row) for row in rows[start : start + 500]])
    await store.close()


@dataclass
class Fleet:
    """Stations that are connected and say what they are told to."""

    sockets: dict[str, ClientConnection] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=itertools.count)

    async def say(self, station_id: str, status: str) -> None:
        """A connector has another state now."""
        payload = {"connectorId": 1, "status": status, "errorCode": "NoError"}
        await self._call(station_id, "StatusNotification", payload)

    async def boot(self, station_id: str) -> None:
        """Be there, free."""
        await self._call(station_id, "BootNotification", {"chargePointVendor": "Acme", "chargePointModel": "Pile 22"})
        await self.say(station_id, "Available")

    async def _call(self, station_id: str, action: str, payload: dict[str, Any]) -> None:
        await self.sockets[station_id].send(json.dumps([2, str(next(self.numbers)), action, payload]))


@asynccontextmanager
async def fleet(url: str, stations: Sequence[str]) -> AsyncIterator[Fleet]:
    """All of them, connected and booted; what the server asks is refused, what it answers is not looked at."""
    made = Fleet()
    readers: list[asyncio.Task[None]] = []
    for start in range(0, len(stations), AT_ONCE):
        part = stations[start : start + AT_ONCE]
        opened = await asyncio.gather(*(_connected(f"{url}/{name}") for name in part))
        made.sockets.update(zip(part, opened, strict=True))
        readers += [asyncio.create_task(_read(socket)) for socket in opened]
        await asyncio.gather(*(made.boot(name) for name in part))
    try:
        yield made
    finally:
        await asyncio.gather(*(socket.close() for socket in made.sockets.values()))
        await asyncio.gather(*readers, return_exceptions=True)


async def _connected(url: str) -> ClientConnection:
    return await connect(url, subprotocols=["ocpp1.6"], compression=None, proxy=None)  # type: ignore[list-item]


async def _read(socket: ClientConnection) -> None:
    async for text in socket:
        frame = json.loads(text)
        if frame[0] == 2:
            await socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))


@asynccontextmanager
async def churn(stations: Fleet, per_s: float) -> AsyncIterator[None]:
    """Meanwhile so many stations change in a second, in turn."""

    async def go_on() -> None:
        states = itertools.cycle(("Preparing", "Available"))
        for name in itertools.cycle(stations.sockets):
            await stations.say(name, next(states))
            await asyncio.sleep(1 / per_s)

    task = asyncio.create_task(go_on())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def cookie(world: World) -> str:
    """Signed in once, as a browser would be."""
    async with httpx.AsyncClient(base_url=world.web_url, trust_env=False) as http:
        answer = await http.post("/login", data={"token": world.token})
        return answer.headers["set-cookie"].split(";")[0]


@asynccontextmanager
async def lookers(world: World, count: int, path: str = "/") -> AsyncIterator[None]:
    """Open pages as the dashboard sees them: loaded, with their live connection, and told of everything."""
    held = await cookie(world)
    sockets = [await _looker(world, held, path) for _ in range(count)]
    try:
        yield
    finally:
        await asyncio.gather(*(socket.disconnect() for socket in sockets))


async def _looker(world: World, held: str, path: str) -> socketio.AsyncClient:
    headers = {"Cookie": held, "Origin": world.web_url}
    async with httpx.AsyncClient(base_url=world.web_url, trust_env=False, timeout=60, headers=headers) as http:
        page = (await http.get(path)).text
    found = re.search(r"query: (\{.*?\}),\n", page)
    if found is None:
        raise RuntimeError("the page names no live connection")
    query = ast.literal_eval(found[1]) | {"document_id": os.urandom(8).hex(), "tab_id": os.urandom(8).hex()}
    query |= {"old_tab_id": None}
    socket = socketio.AsyncClient(reconnection=False)
    address = f"{world.web_url}?client_id={query['client_id']}&next_message_id={query['next_message_id']}"
    await socket.connect(
        address, headers=headers, socketio_path="/_nicegui_ws/socket.io", transports=["websocket"], wait_timeout=60
    )
    if not await socket.call("handshake", query, timeout=60):
        raise RuntimeError("the live connection was refused")
    return socket
