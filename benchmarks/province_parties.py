"""Two processes that talk to each other: `csms serve` as the operator, the supervising platform on its own database.

Either may be killed at any moment and started again on the same data, with another speed of the same clock.
"""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
import ssl
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import IO, Any

import httpx

from benchmarks.certificates import for_loopback
from csms.model.clock import ENVIRONMENT_VARIABLE, ScaledClock
from csms.province.crypto import Secrets, require_suite
from csms.province.envelope import Codec
from csms.province.profile import load_profile

ROOT = Path(__file__).resolve().parents[1]
OPERATOR, PLATFORM = "123456789", "987654321"
START_WALL_S = 60.0
FIELDS = ("operator_secret", "data_secret", "data_secret_iv", "sig_secret")

CSMS = """
data_dir = "{data_dir}"
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = {http_port}
accept_unknown = true
strangers_max = 100000
log_level = "WARNING"
{more}
[charging]
control = false
[site]
id = "1"
name = "日照站"
address = "示范路1号"
area_code = "371102"
longitude = 119.5
latitude = 35.4
phone = "0633-1"
[api]
tls_certificate = "{certificate}"
tls_key = "{key}"
[[partners]]
id = "prov"
profile = "{profile}"
base_url = "https://127.0.0.1:{proxy_port}"
operator_id = "{operator}"
platform_id = "{platform}"
calls_per_s = 1000
calls_burst = 10000
{secrets}
[partners.inbound]
{secrets}
"""
PARTNERS = """
[platform]
operator_id = "{platform}"
[[partners]]
operator_id = "{operator}"
profile = "{profile}"
pull_url = "https://127.0.0.1:{http_port}"
{secrets}
"""


class Party:
    """One process. `command` is what follows `csms`."""

    def __init__(self, folder: Path, name: str, command: list[str], ready: Path, trusted: Path) -> None:
        self.name = name
        self._folder = folder
        self._command = command
        self._ready = ready
        self._trusted = trusted
        self._process: subprocess.Popen[bytes] | None = None
        self._log: IO[bytes] | None = None

    async def start(self, clock: ScaledClock) -> str:
        """What stands in its ready file once it is up. Raises RuntimeError."""
        self._ready.unlink(missing_ok=True)
        environ = {**os.environ, ENVIRONMENT_VARIABLE: str(clock), "SSL_CERT_FILE": str(self._trusted)}
        log = self._log = (self._folder / f"{self.name}.log").open("ab")
        program = [sys.executable, "-c", "import cli; cli.main()", *self._command]
        self._process = subprocess.Popen(program, cwd=ROOT, env=environ, stdout=log, stderr=log)  # noqa: ASYNC220
        until = time.monotonic() + START_WALL_S
        while not self._ready.exists():
            if self._process.poll() is not None or time.monotonic() > until:
                raise RuntimeError(f"{self.name} did not start:\n" + self.tail())
            await asyncio.sleep(0.02)
        return self._ready.read_text()

    def kill(self) -> None:
        """kill -9."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """Ask it to end, and wait."""
        self._end(signal.SIGTERM)

    def tail(self) -> str:
        """The end of its log."""
        return (self._folder / f"{self.name}.log").read_text("utf-8", errors="replace")[-3000:]

    def _end(self, how: signal.Signals) -> None:
        process, log = self._process, self._log
        if process is not None and process.poll() is None:
            process.send_signal(how)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        if log is not None:
            log.close()


class Parties:
    """Operator and platform with keys and certificates of their own; `ws_url` is where stations connect."""

    def __init__(self, folder: Path, profile: str, operator_port: int, more: str = "") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.profile = load_profile(profile)
        texts = [secrets.token_hex(8) for _ in FIELDS]
        self.codec = Codec(require_suite(self.profile.crypto.suite), Secrets.of(*texts))
        certificate, key = for_loopback(folder)
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(certificate, key)
        self.trust = ssl.create_default_context(cafile=str(certificate))
        self._facts: dict[str, Any] = {
            "data_dir": (folder / "operator").as_posix(),
            "http_port": operator_port,
            "certificate": certificate.as_posix(),
            "key": key.as_posix(),
            "profile": profile,
            "operator": OPERATOR,
            "platform": PLATFORM,
            "secrets": "\n".join(f'{name} = "{text}"' for name, text in zip(FIELDS, texts, strict=True)),
            "more": more,
        }
        settings, partners, port_file = (folder / name for name in ("csms.toml", "partners.toml", "platform.port"))
        self._settings, self._partners = settings, partners
        serve = ["serve", "--config", str(settings), "--no-dashboard"]
        watch = ["monitor", "intake", "serve", "--data-dir", str(folder / "platform"), "--partner-file", str(partners)]
        self.operator = Party(folder, "operator", serve, folder / "operator" / "serve.json", certificate)
        self.platform = Party(folder, "platform", [*watch, "--port-file", str(port_file)], port_file, certificate)
        self.ws_url = ""
        self.api_url = f"https://127.0.0.1:{operator_port}"

    def settle(self, proxy_port: int) -> None:
        """Write the settings of both."""
        (self.folder / "operator").mkdir(exist_ok=True)
        self._settings.write_text(CSMS.format(**self._facts, proxy_port=proxy_port))
        self._partners.write_text(PARTNERS.format(**self._facts))
        for file in (self._settings, self._partners):
            file.chmod(0o600)

    @property
    def platform_db(self) -> Path:
        """The platform's database."""
        return self.folder / "platform" / "intake.db"

    @property
    def operator_db(self) -> Path:
        """The operator's database."""
        return self.folder / "operator" / "csms.db"

    async def start_operator(self, clock: ScaledClock) -> None:
        """Start it; stations find its new port in `ws_url`."""
        facts = httpx.Response(200, text=await self.operator.start(clock)).json()
        self.ws_url = f"ws://127.0.0.1:{next(iter(facts['ocpp_ports'].values()))}/ocpp"

    async def start_platform(self, clock: ScaledClock) -> int:
        """Its port."""
        return int(await self.platform.start(clock))

    def api(self) -> httpx.AsyncClient:
        """A client of the operator's API."""
        token = (self.folder / "operator" / "admin.token").read_text().strip()
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.AsyncClient(base_url=self.api_url, verify=self.trust, trust_env=False, timeout=60, headers=headers)

    def stop(self) -> None:
        """End both."""
        self.operator.stop()
        self.platform.stop()


def clock_at(moment: datetime, speed: float) -> ScaledClock:
    """A clock that shows `moment` now."""
    return ScaledClock(speed, time.time(), moment.astimezone(UTC))
