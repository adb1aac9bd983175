"""A real `csms serve` in a process of its own, and a bare station that says exactly what a test wants."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from csms.security.credentials import write_token
from tests.support import forks
from tests.support.access import bearer
from tests.support.databases import empty_database

ROOT = Path(__file__).resolve().parents[2]
START_S = 30.0
TOKENS: dict[str, str] = {}
"""The administrator's token of each running server, by its address."""

SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0
time_zone = "Asia/Shanghai"

[[feeders]]
id = "T1"
rating_kw = 100.0
base_load_kw = 10.0
"""

STATION = """
[[stations]]
id = "{id}"
feeder = "T1"
kind = "{kind}"
phases = 3
current_max_a = 32.0
power_max_kw = 22.08
"""


def csms(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a `csms` command to its end; against a server of this process with its administrator's token."""
    url = environment.get("CSMS_URL") or dict(pairwise(arguments)).get("--url", "")
    known = {"CSMS_TOKEN": TOKENS[url]} if url in TOKENS else {}
    environ = {**os.environ, "CSMS_LANG": "en", "COLUMNS": "100", **known, **environment}
    return forks.run(arguments, environ, ROOT)


class Server:
    """One running server; `api` is a client of its HTTP interface. `fresh`: Python itself is started (see forks.py),
    and the server makes its database.
    """

    def __init__(
        self,
        folder: Path,
        stations: Sequence[str] = ("CP-1", "CP-2"),
        settings: str = SETTINGS,
        *,
        fresh: bool = False,
    ) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.file = folder / "csms.toml"
        head = f'data_dir = "{folder.as_posix()}"\n'
        self.file.write_text(head + settings + "".join(STATION.format(id=name, kind="ac") for name in stations))
        self.fresh = fresh
        self.process: subprocess.Popen[bytes] | forks.Forked | None = None

    def start_with(self, token: str, **environment: str) -> None:
        """Start on data that has an administrator already."""
        write_token(self.folder / "admin.token", token)
        self.start(**environment)

    def start(self, **environment: str) -> None:
        ready = self.folder / "serve.json"
        ready.unlink(missing_ok=True)
        self.process = self._launch(["serve", "--config", str(self.file)], {**os.environ, **environment})
        deadline = time.monotonic() + START_S
        while not ready.exists():
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError("csms serve did not start:\n" + (self.folder / "serve.log").read_text()[-3000:])
            time.sleep(0.02)
        facts = json.loads(ready.read_text())
        self.ports = {int(profile): port for profile, port in facts["ocpp_ports"].items()}
        self.ocpp_url = self.url(min(self.ports))
        self.api_url = f"http://127.0.0.1:{facts['http_port']}"
        self.token = TOKENS[self.api_url] = (self.folder / "admin.token").read_text().strip()
        headers = bearer(self.token)
        self.api = httpx.Client(base_url=self.api_url, trust_env=False, timeout=20, headers=headers)

    def _launch(self, arguments: list[str], environ: dict[str, str]) -> subprocess.Popen[bytes] | forks.Forked:
        with (self.folder / "serve.log").open("ab") as log:
            if self.fresh:
                command = [sys.executable, "-c", "import cli; cli.main()", *arguments]
                return subprocess.Popen(command, cwd=ROOT, env=environ, stdout=log, stderr=log)
            database = self.folder / "csms.db"
            if not database.exists() and "CSMS_DATABASE_URL" not in environ:
                database.write_bytes(empty_database())
            return forks.start(arguments, environ, ROOT, log, log)

    def url(self, profile: int) -> str:
        """Where stations of a security profile connect."""
        return f"{'wss' if profile > 1 else 'ws'}://127.0.0.1:{self.ports[profile]}/ocpp"

    def stop(self, how: signal.Signals = signal.SIGTERM) -> int:
        assert self.process is not None
        self.api.close()
        if self.process.poll() is None:
            self.process.send_signal(how)
        return self.process.wait(20)

    def overview(self) -> dict[str, Any]:
        answer: dict[str, Any] = self.api.get("/api/v1/overview").raise_for_status().json()
        return answer


@contextmanager
def running(folder: Path, **more: Any) -> Iterator[Server]:
    """A server for the length of a block."""
    server = Server(folder, **more)
    server.start()
    try:
        yield server
    finally:
        server.stop()


class BareStation:
    """A websocket with the manners of OCPP-J and nothing more."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def call(self, action: str, payload: dict[str, Any], unique_id: str | None = None) -> list[Any]:
        """Send a CALL and return the frame that answers it; calls of the server meanwhile are accepted blindly."""
        unique_id = unique_id or uuid.uuid4().hex
        await self.socket.send(json.dumps([2, unique_id, action, payload]))
        return await self.answer()

    async def answer(self) -> list[Any]:
        """The next frame that is no CALL of the server."""
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] != 2:
                return list(frame)
            await self.socket.send(json.dumps([4, frame[1], "NotImplemented", "", {}]))

    async def raw(self, text: str) -> list[Any]:
        """Send anything and return what comes back."""
        await self.socket.send(text)
        return await self.answer()


def station(server: Server, station_id: str = "CP-1", protocol: str = "ocpp1.6") -> connect:
    """`async with station(server) as socket: BareStation(socket)`."""
    return connect(f"{server.ocpp_url}/{station_id}", subprotocols=[protocol], compression=None, proxy=None)  # type: ignore[list-item]
