"""The servers that are compared, each in a process of its own."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from csms.model.clock import system_clock
from csms.security import passwords
from csms.store import changes
from csms.store.engine import open_store
from csms.store.security_tables import StationCredential, StationProof
from csms.store.tables import Evse, Station
from device_sim.load.plan import LoadPlan

DEADLINE_S = 30.0
OURS = {
    "CSMS_STRANGERS_MAX": "100000",
    "CSMS_CHARGING__CONTROL": "false",
    "CSMS_LOG_LEVEL": "WARNING",
    "CSMS_OCPP_HOST": "127.0.0.1",
}
"""Default settings but for these: strangers are let in, and charging is not controlled, as the others do not either."""


@dataclass(frozen=True, slots=True)
class Contestant:
    """A running server; `ca` is the file that its certificate is checked with, `password` that of all stations."""

    name: str
    url: str
    pid: int
    ca: str = ""
    password: str = ""


@contextmanager
def ours(
    folder: Path, *, profile: int = 0, stations: int = 0, database_url: str = "", traces: bool = True
) -> Iterator[Contestant]:
    """`csms serve` on a new data folder, for one security profile; `stations` are registered, with a password."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **OURS, "CSMS_TRACES__ENABLED": str(traces)}
    if database_url:
        environment["CSMS_DATABASE_URL"] = database_url
    password = asyncio.run(_register(folder, profile, stations)) if stations else ""
    arguments = [
        "serve",
        "--data-dir",
        str(folder),
        "--ocpp-port",
        "0",
        "--http-port",
        "0",
        "--accept-unknown",
        "--no-dashboard",
    ]
    arguments += ["--security-profile", str(profile)]
    command = [sys.executable, "-c", "import cli; cli.main()", *arguments]
    with _running(command, environment) as process:
        ports = json.loads(_appears(process, folder / "serve.json"))
        tls = profile > 1
        scheme = "wss" if tls else "ws"
        yield Contestant(
            "csms" if traces else "csms without traces",
            f"{scheme}://127.0.0.1:{ports['ocpp_port']}/ocpp",
            process.pid,
            str(folder / "pki" / "server-ca.pem") if tls else "",
            password,
        )


async def _register(folder: Path, profile: int, stations: int) -> str:
    """As many as a load has, straight into the database; all have the password that is returned."""
    clock, password = system_clock(), passwords.random_password()
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock, upgrade=True)
    kept = passwords.hashed(password.encode(), passwords.COST_OF_RANDOM)
    rows = []
    for name in map(LoadPlan("ws://").name, range(stations)):
        credential = StationCredential(station_id=name, in_force=kept, status="InUse", changed_at=clock.now())
        proof = StationProof(station_id=name, profile=profile, changed_at=clock.now())
        rows += [changes.register_station(Station(id=name)), changes.put_evse(Evse(station_id=name, evse_id=1))]
        rows += [changes.put_row(credential), changes.put_row(proof)]
    await store.writer.commit(rows)
    await store.close()
    return password


@contextmanager
def plain() -> Iterator[Contestant]:
    """The baseline."""
    with (
        tempfile.TemporaryDirectory() as folder,
        _running([sys.executable, "-m", "benchmarks.plain_csms", folder]) as process,
    ):
        yield Contestant("plain", f"ws://127.0.0.1:{_line(process)}/ocpp", process.pid)


@contextmanager
def echo() -> Iterator[Contestant]:
    """No central system at all."""
    with _running([sys.executable, "-m", "benchmarks.echo"]) as process:
        yield Contestant("echo", f"ws://127.0.0.1:{_line(process)}/ocpp", process.pid)


@contextmanager
def _running(command: list[str], environment: dict[str, str] | None = None) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def _appears(process: subprocess.Popen[str], path: Path) -> str:
    until_s = time.perf_counter() + DEADLINE_S
    while time.perf_counter() < until_s:
        if path.exists():
            return path.read_text("utf-8")
        if process.poll() is not None:
            raise RuntimeError(f"the server ended with exit code {process.returncode}")
        time.sleep(0.02)
    raise RuntimeError("the server did not start in time")
