"""CPU per echoed message and memory per idle connection of each candidate for the websocket layer.

`python -m benchmarks.transports [--rounds N] [--json FILE]`. Servers run in processes of their own; the load comes from
this one. Rounds of all servers alternate, so that a busy moment of the machine hits none of them alone.
"""

from __future__ import annotations

import argparse
import asyncio
import functools
import json
import resource
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import uvloop
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from rich.console import Console
from rich.table import Table

from csms.gateway.framing import text_frame

PICOWS = ("picows",) if find_spec("picows") else ()
ECHOING = ("websockets server", "Sans-I/O, bare", "own layer", *PICOWS)
SERVERS = (*ECHOING, "gateway")
CONNECTIONS = (1, 100, 1000)
IDLE = 4000
IDLE_TLS = 1000
MESSAGES = {1: 4000, 100: 20_000, 1000: 20_000}
ROUNDS = 5
MESSAGE = b"x" * 540
"""As long as a MeterValues with three samples."""
MASK = b"\x37\xfa\x21\x3d"
REQUEST = (
    b"GET /ocpp/CP-1 HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
ANSWER_BYTES = len(text_frame(MESSAGE))
FRAME = b"\x81\xfe" + len(MESSAGE).to_bytes(2, "big") + MASK + bytes(b ^ MASK[i & 3] for i, b in enumerate(MESSAGE))


class Server:
    """A process of `benchmarks.echo_servers`."""

    def __init__(self, name: str, *certificate: str) -> None:
        command = [sys.executable, "-m", "benchmarks.echo_servers", name, *certificate]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.port = int(self._line())

    def ask(self) -> dict[str, float]:
        """`cpu_s` so far and `rss_kib` now."""
        assert self._process.stdin is not None
        self._process.stdin.write(b"?\n")
        self._process.stdin.flush()
        figures: dict[str, float] = json.loads(self._line())
        return figures

    def stop(self) -> None:
        """End the process."""
        self._process.communicate(timeout=20)

    def _line(self) -> bytes:
        assert self._process.stdout is not None
        return self._process.stdout.readline()


class Load:
    """A closed loop: every connection has one message under way, until `left` messages are sent."""

    def __init__(self, connections: int, messages: int = 0) -> None:
        self.connections, self.messages = connections, messages
        self.left, self.open, self.back = messages, 0, 0
        self.done = asyncio.Event()

    async def step(self) -> None:
        """Wait until all connections are open; the second time until all messages are back."""
        async with asyncio.timeout(120):
            await self.done.wait()
        self.done.clear()


class Caller(asyncio.Protocol):
    """One connection of a load."""

    __slots__ = ("_bytes", "_is_open", "_load", "transport")

    def __init__(self, load: Load) -> None:
        self._load, self._bytes, self._is_open = load, 0, False

    def connection_made(self, transport: Any) -> None:
        """Ask for the websocket."""
        self.transport = transport
        transport.write(REQUEST.replace(b"CP-1", b"CP-%d" % transport.get_extra_info("sockname")[1]))

    def data_received(self, data: bytes) -> None:
        """Count the echo; when it is whole, send again."""
        load = self._load
        if not self._is_open:
            if not data.startswith(b"HTTP/1.1 101"):
                raise RuntimeError(f"no handshake: {data[:80]!r}")
            self._is_open = True
            load.open += 1
            if load.open == load.connections:
                load.done.set()
            return
        self._bytes += len(data)
        if self._bytes == ANSWER_BYTES:
            self._bytes = 0
            load.back += 1
            self.send()
            if load.back == load.messages:
                load.done.set()

    def send(self) -> None:
        """The next message, if one is left."""
        if self._load.left:
            self._load.left -= 1
            self.transport.write(FRAME)


async def _connect(port: int, load: Load, tls: ssl.SSLContext | None = None) -> list[Caller]:
    dial = functools.partial(asyncio.get_running_loop().create_connection, host="127.0.0.1", port=port, ssl=tls)
    made = [await dial(lambda: Caller(load)) for _ in range(load.connections)]
    await load.step()
    return [caller for _, caller in made]


async def _hang_up(callers: list[Caller]) -> None:
    for caller in callers:
        caller.transport.abort()
    await asyncio.sleep(0.3)


async def echo_cost(server: Server, connections: int) -> tuple[float, float]:
    """CPU microseconds of the server per echoed message, and messages per second of the wall."""
    load = Load(connections, MESSAGES[connections])
    callers = await _connect(server.port, load)
    before, began = server.ask()["cpu_s"], time.perf_counter()
    for caller in callers:
        caller.send()
    await load.step()
    took_s = time.perf_counter() - began
    cpu_s = server.ask()["cpu_s"] - before
    await _hang_up(callers)
    return cpu_s / load.messages * 1e6, load.messages / took_s


async def idle_cost(server: Server, count: int, tls: ssl.SSLContext | None = None) -> tuple[float, float]:
    """Resident KiB of the server per idle connection, and its CPU microseconds per handshake."""
    before = server.ask()
    callers = await _connect(server.port, Load(count), tls)
    await asyncio.sleep(0.5)
    after = server.ask()
    await _hang_up(callers)
    return (after["rss_kib"] - before["rss_kib"]) / count, (after["cpu_s"] - before["cpu_s"]) / count * 1e6


async def measure_tls() -> dict[str, dict[str, float]]:
    """Memory and handshakes under TLS, no session resumed, of processes that have done nothing else."""
    client = ssl.create_default_context()
    client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
    figures = {}
    with tempfile.TemporaryDirectory() as folder:
        file = _certificate(Path(folder))
        for name in SERVERS:
            server = Server(name, str(file))
            try:
                kib, handshake_us = await idle_cost(server, IDLE_TLS, client)
            finally:
                server.stop()
            figures[name] = {"idle_tls_kib": kib, "handshake_tls_us": handshake_us}
    return figures


def _certificate(folder: Path) -> Path:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    signed = builder.not_valid_before(now).not_valid_after(now + timedelta(days=1)).sign(key, hashes.SHA256())
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    text = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain) + signed.public_bytes(pem)
    (folder / "server.pem").write_bytes(text)
    return folder / "server.pem"


async def measure(rounds: int = ROUNDS) -> dict[str, dict[str, float]]:
    """Figures by server; the medians of all rounds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 20_000)), hard))
    servers = {name: Server(name) for name in SERVERS}
    figures: dict[str, dict[str, float]] = {name: {} for name in SERVERS}
    try:
        for name, server in servers.items():
            figures[name]["idle_kib"], figures[name]["handshake_us"] = await idle_cost(server, IDLE)
        for connections in CONNECTIONS:
            await _rounds(servers, figures, connections, rounds)
    finally:
        for server in servers.values():
            server.stop()
    for name, more in (await measure_tls()).items():
        figures[name] |= more
    return figures


async def _rounds(
    servers: dict[str, Server], figures: dict[str, dict[str, float]], connections: int, rounds: int
) -> None:
    costs: dict[str, list[float]] = {name: [] for name in ECHOING}
    rates: dict[str, list[float]] = {name: [] for name in ECHOING}
    for _ in range(rounds):
        for name in ECHOING:
            cost_us, rate = await echo_cost(servers[name], connections)
            costs[name].append(cost_us)
            rates[name].append(rate)
    for name in ECHOING:
        figures[name][f"cpu_us_{connections}"] = statistics.median(costs[name])
        figures[name][f"wall_per_s_{connections}"] = statistics.median(rates[name])


def table(figures: dict[str, dict[str, float]]) -> Table:
    """One row per server."""
    drawn = Table(title=f"echo of {len(MESSAGE)} bytes, uvloop: CPU µs per message", title_justify="left")
    columns = {f"cpu_us_{connections}": f"{connections:,} conn." for connections in CONNECTIONS}
    columns |= {"idle_kib": "KiB idle", "idle_tls_kib": "KiB TLS"}
    columns |= {"handshake_us": "handshake µs", "handshake_tls_us": "with TLS"}
    drawn.add_column("layer")
    for head in columns.values():
        drawn.add_column(head, justify="right")
    for layer, row in figures.items():
        drawn.add_row(layer, *(f"{row[name]:.1f}" if name in row else "" for name in columns))
    return drawn


def main() -> None:
    """Measure, show, and keep the figures if asked to."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.transports", description=__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    given = parser.parse_args()
    figures = uvloop.run(measure(given.rounds))
    Console().print(table(figures))
    if given.json:
        given.json.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
