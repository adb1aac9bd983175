"""No secret in any log, trace, error, backup, listing or process list; tested with the real server and commands."""

from __future__ import annotations

import asyncio
import json
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from typer.main import get_command

from cli import COMMANDS
from csms.security.access_tokens import FORM, new_token
from csms.texts import catalogue
from tests.support.access import bearer
from tests.support.running import ROOT, BareStation, Server, csms, station

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
PASSWORD = "Hunter2Hunter2Hunt"
KEY = "K3yOfAModem99"


class Pile(BareStation):
    """Accepts everything."""

    async def answer(self) -> list[Any]:
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] != 2:
                return list(frame)
            await self.socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    started = Server(tmp_path_factory.mktemp("run"), fresh=True)
    started.start(CSMS_LOG_LEVEL="DEBUG")
    try:
        asyncio.run(a_day(started))
        yield started
    finally:
        started.stop()


SECRETS: dict[str, str] = {}


async def a_day(server: Server) -> None:
    """Everything that has to do with a secret, done and done wrongly."""
    SECRETS["administrator"] = server.token
    made = server.api.post("/api/v1/access-tokens", json={"name": "alice", "role": "technician"}).json()
    SECRETS["alice"] = made["token"]
    SECRETS["rotated"] = server.api.post("/api/v1/access-tokens/alice/rotate", json={}).json()["token"]
    SECRETS["wrong"] = new_token().text
    SECRETS["password"], SECRETS["key"] = PASSWORD, KEY
    async with httpx.AsyncClient(base_url=server.api_url, trust_env=False) as stranger:
        await stranger.get("/api/v1/overview", headers=bearer(SECRETS["wrong"]))
        await stranger.get(f"/api/v1/overview?token={SECRETS['wrong']}")
        await stranger.get("/api/v1/overview", headers={"Authorization": SECRETS["wrong"]})
    async with station(server) as socket:
        pile = Pile(socket)
        await pile.call("BootNotification", BOOT)
        for name, body in (
            ("set_password", {"password": PASSWORD}),
            ("set_variables", {"values": {"AuthorizationKey": PASSWORD, "ModemPsk": KEY}}),
            ("call", {"action": "ChangeConfiguration", "payload": {"key": "AuthorizationKey", "value": PASSWORD}}),
            ("call", {"action": "ChangeConfiguration", "payload": {"key": 5, "value": PASSWORD}}),
            ("set_password", {"password": PASSWORD, "hint": PASSWORD}),
        ):
            url = f"/api/v1/stations/CP-1/commands/{name}"
            asking = asyncio.create_task(asyncio.to_thread(server.api.post, url, json=body))
            while not asking.done():
                await pile.call("Heartbeat", {})


def leaks(content: bytes) -> list[str]:
    """Which secrets stand in it; of tokens the secret part counts, and hexadecimal is no hiding place."""
    found = []
    for name, secret in SECRETS.items():
        part = secret.split("_")[2] if FORM.fullmatch(secret) else secret
        if any(form in content for form in (part.encode(), part.encode().hex().encode(), part.encode("utf-16-le"))):
            found.append(name)
    return found


def test_not_in_the_log(server: Server) -> None:
    log = (server.folder / "serve.log").read_bytes()
    assert b"api_unauthenticated" in log
    assert not leaks(log)


def test_not_in_the_data_folder(server: Server) -> None:
    """Database, its log, traces, the head of the audit log: nothing but the file that is there to hold it."""
    for path in server.folder.rglob("*"):
        if path.is_file() and path.name != "admin.token":
            assert not leaks(path.read_bytes()), path.name
    assert leaks((server.folder / "admin.token").read_bytes()) == ["administrator"]


def test_files_with_secrets_are_their_owner_s_alone(server: Server) -> None:
    assert stat.S_IMODE((server.folder / "admin.token").stat().st_mode) == 0o600


def test_the_server_s_files_are_its_user_s_alone(server: Server) -> None:
    """Cards and sessions stand in the database, whatever the umask of whoever starts the server."""
    ours = {server.file, server.folder / "serve.log"}
    made = [path for path in server.folder.rglob("*") if path.suffix != ".pem" and path not in ours]
    assert {"csms.db", "csms.db-wal", "audit.head"} <= {path.name for path in made}
    assert [path.name for path in made if path.stat().st_mode & 0o077] == []


def test_not_in_a_backup_nor_in_its_listing(server: Server, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    done = csms("db", "backup", str(copy), CSMS_CONFIG=str(server.file))
    assert done.returncode == 0, done.stderr
    assert not leaks(copy.read_bytes())
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert not leaks((done.stdout + done.stderr).encode())
    verified = csms("db", "verify", str(copy), "--json", CSMS_CONFIG=str(server.file))
    assert not leaks(verified.stdout.encode())


def test_not_in_traces_as_they_are_shown(server: Server) -> None:
    frames = server.api.get("/api/v1/frames", params={"limit": 1000})
    assert "ChangeConfiguration" in frames.text
    assert not leaks(frames.content)
    shown = csms("station", "log", "CP-1", "--json", CSMS_URL=server.api_url)
    assert not leaks(shown.stdout.encode())


def test_not_in_the_audit_log_nor_in_lists(server: Server) -> None:
    audit = server.api.get("/api/v1/audit", params={"limit": 1000})
    assert "command set_password" in audit.text
    assert "AuthorizationKey" in audit.text, "what was set is told, not to what"
    for path in ("/audit", "/audit/chain", "/access-tokens", "/operations", "/stations/CP-1/configuration", "/events"):
        assert not leaks(server.api.get(f"/api/v1{path}", params={"limit": 1000}).content), path
    for words in (("audit", "list"), ("token", "list", "--all")):
        done = csms(*words, CSMS_URL=server.api_url)
        assert not leaks((done.stdout + done.stderr).encode()), words


def test_not_in_errors(server: Server) -> None:
    wrong = SECRETS["wrong"]
    with httpx.Client(base_url=server.api_url, trust_env=False) as stranger:
        for answer in (
            stranger.get("/api/v1/overview", headers=bearer(wrong)),
            stranger.get(f"/api/v1/{wrong}"),
            server.api.get("/api/v1/sessions", params={"limit": wrong}),
            server.api.post("/api/v1/access-tokens", json={"name": "x", "role": wrong}),
            server.api.post("/api/v1/stations/CP-1/commands/set_password", json={"password": [PASSWORD]}),
            server.api.post("/api/v1/stations/CP-1/commands/set_password", json={"password": "ü" + PASSWORD}),
            server.api.post("/api/v1/stations/CP-2/commands/set_password", json={"password": PASSWORD}),
        ):
            assert answer.status_code >= 400
            assert not leaks(answer.content), answer.text
    done = csms("station", "list", "--url", "http://127.0.0.1:1", CSMS_TOKEN=wrong)
    assert not leaks((done.stdout + done.stderr).encode())


def test_no_command_takes_a_secret_as_an_argument() -> None:
    """Arguments stand in the list of processes."""
    secret = {"--token", "--password", "--secret", "--key", "--api-token", "--auth"}
    from importlib import import_module

    for name, module in COMMANDS.items():
        modules = [module] if isinstance(module, str) else list(module.values())
        for path in modules:
            assert isinstance(path, str)
            for command, options in _options(name, get_command(import_module(path).build(catalogue("en")))):
                taken = {option for option in options if option.lower() in secret}
                cards = {"--token"} if command.startswith("station ") else set()  # the number of a driver's card
                assert not taken - cards, command


def _options(path: str, command: Any) -> Iterator[tuple[str, list[str]]]:
    for name, below in (getattr(command, "commands", None) or {}).items():
        yield from _options(f"{path} {name}", below)
    yield path, [option for parameter in command.params for option in parameter.opts]


def test_not_in_the_list_of_processes(server: Server) -> None:
    assert server.process is not None
    line = Path(f"/proc/{server.process.pid}/cmdline")
    if not line.exists():
        pytest.skip("no /proc here")
    assert not leaks(line.read_bytes())
    environment = {**os.environ, "CSMS_URL": server.api_url, "CSMS_TOKEN": server.token}
    command = [sys.executable, "-c", "import cli; cli.main()", "station", "watch", "--count", "1000"]
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as watching:
        try:
            assert not leaks(Path(f"/proc/{watching.pid}/cmdline").read_bytes())
        finally:
            watching.terminate()


def test_representations_of_our_own_objects_hold_no_secret() -> None:
    """What a debugger, an exception or a careless log line would show."""
    from csms.access.tokens import Made
    from csms.store.access_tables import AccessToken
    from device_sim.fleet import FleetSettings

    made = new_token()
    row = AccessToken(id=made.token_id, name="x", role="viewer", digest=made.digest)
    for shown in (
        repr(made),
        repr(Made(row, made.text)),
        repr(row),
        repr(FleetSettings(api_headers=bearer(made.text))),
    ):
        assert made.text.split("_")[2] not in shown
        assert made.digest not in shown
