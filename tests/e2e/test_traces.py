"""A real server, real stations, the real commands: what was said is found, without secrets, and can be said again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.running import ROOT, SETTINGS, BareStation, Server, csms, running, station
from tests.support.traces import everything

BOOT = {"chargePointVendor": "V", "chargePointModel": "M"}
START = {"connectorId": 1, "idTag": "04A1B2C3D4", "meterStart": 0, "timestamp": "2026-01-01T00:00:00Z"}
SECRET = "9f8e7d6c5b4a39281706"


def values(transaction_id: int) -> dict[str, Any]:
    sampled = {"value": "100", "measurand": "Energy.Active.Import.Register", "unit": "Wh"}
    return {
        "connectorId": 1,
        "transactionId": transaction_id,
        "meterValue": [{"timestamp": "2026-01-01T00:00:00Z", "sampledValue": [sampled]}],
    }


class Answering(BareStation):
    """A station that takes every setting."""

    async def answer(self) -> list[Any]:
        while True:
            frame = json.loads(await self.socket.recv())
            if frame[0] != 2:
                return list(frame)
            await self.socket.send(json.dumps([3, frame[1], {"status": "Accepted"}]))


async def a_day(server: Server, station_id: str = "CP-1") -> None:
    """Boot, a transaction, nonsense, a setting with a secret."""
    async with station(server, station_id) as socket:
        pile = Answering(socket)
        await pile.call("BootNotification", BOOT)
        started = await pile.call("StartTransaction", START)
        await socket.send("[2,")
        await pile.call("MeterValues", values(started[2]["transactionId"]))
        body = {"values": {"AuthorizationKey": SECRET}}
        url = f"{server.api_url}/api/v1/stations/{station_id}/commands/set_variables"
        asking = asyncio.create_task(asyncio.to_thread(server.api.post, url, json=body))
        while not asking.done():
            await pile.call("Heartbeat", {})
        assert (await asking).status_code == 200, (await asking).text
        await pile.call(
            "StopTransaction",
            {"transactionId": started[2]["transactionId"], "meterStop": 200, "timestamp": START["timestamp"]},
        )


def log(server: Server, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return csms("station", "log", *arguments, CSMS_URL=server.api_url, **environment)


async def test_a_day_is_found_without_its_secrets_and_can_be_said_again(tmp_path: Path) -> None:
    export = tmp_path / "cp1.jsonl"
    with running(tmp_path / "one") as server:
        await a_day(server)
        shown = await asyncio.to_thread(log, server, "CP-1", "--last", "1000")
        assert shown.returncode == 0, shown.stderr
        told = shown.stdout.splitlines()
        assert "connected" in told[0]
        assert "closed" in told[-1]
        for words in (
            "→ BootNotification",
            "← BootNotification",
            "***C3D4",
            "unreadable",
            "← ChangeConfiguration",
            "→ ChangeConfiguration",
        ):
            assert any(words in line for line in told), words
        assert all(len(line) <= 100 for line in told)
        errors = await asyncio.to_thread(log, server, "CP-1", "--errors", "--json", "--since", "1h")
        assert [json.loads(line)["kind"] for line in errors.stdout.splitlines()] == ["unreadable"]
        some = await asyncio.to_thread(log, server, "--action", "starttransaction", "--out", "--json")
        (answer,) = map(json.loads, some.stdout.splitlines())
        assert (answer["action"], answer["message"], answer["direction"]) == ("StartTransaction", "result", "out")
        nothing = await asyncio.to_thread(log, server, "CP-1", "--grep", "no such words")
        assert nothing.stdout.strip() == "Nothing to show."
        wrong = await asyncio.to_thread(log, server, "CP-1", "--since", "yesterday")
        assert (wrong.returncode, "--since" in wrong.stderr) == (2, True)
        done = await asyncio.to_thread(log, server, "CP-1", "--export", str(export))
        assert done.stdout.startswith(f"{len(told)} frames written to")
        failed = await asyncio.to_thread(log, server, "CP-1", "--export", str(tmp_path / "no" / "file"))
        assert failed.returncode == 1
    frames = [json.loads(line) for line in export.read_text().splitlines()]
    assert len(frames) == len(told)
    kept = everything(tmp_path / "one" / "traces")
    assert len(kept) == len(frames)
    assert not [note for note in kept if SECRET in note.text or START["idTag"] in note.text]
    for path in (tmp_path / "one" / "traces").iterdir():
        assert SECRET.encode() not in path.read_bytes()
    await said_again(export, tmp_path)


async def said_again(export: Path, tmp_path: Path) -> None:
    with running(tmp_path / "two", stations=("CP-1", "CP-9")) as server:
        for name in ((), ("--as", "CP-9")):
            done = await asyncio.to_thread(
                csms, "station", "replay", str(export), server.ocpp_url, "--speed", "50", *name
            )
            assert done.returncode == 0, done.stdout + done.stderr
            assert "in the same way as then" in done.stdout
        sessions = server.api.get("/api/v1/sessions").json()["sessions"]
        assert [session["status"] for session in sessions] == ["ended", "ended"]
        lost = await asyncio.to_thread(
            csms, "station", "replay", str(export), server.ocpp_url, "--as", "CP-404", "--json"
        )
        assert lost.returncode == 4
        assert "404" in json.loads(lost.stdout)["refused"]["CP-404"]
    bad = await asyncio.to_thread(csms, "station", "replay", str(tmp_path / "one" / "csms.toml"), "ws://127.0.0.1:1")
    assert bad.returncode == 2


async def watch(server: Server, *arguments: str) -> asyncio.subprocess.Process:
    environment = {
        **os.environ,
        "CSMS_URL": server.api_url,
        "CSMS_TOKEN": server.token,
        "CSMS_LANG": "zh",
        "COLUMNS": "100",
    }
    command = (sys.executable, "-c", "import cli; cli.main()", "station", "watch", *arguments)
    return await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )


async def test_frames_are_watched_as_they_pass(tmp_path: Path) -> None:
    with running(tmp_path / "run") as server:
        two = await watch(server, "--action", "heartbeat", "--count", "2")
        ended = await watch(server, "CP-1", "--json")
        async with station(server, "CP-1") as socket, asyncio.timeout(60):
            pile = BareStation(socket)
            await pile.call("BootNotification", BOOT)
            seen = asyncio.create_task(two.communicate())
            first = asyncio.create_task(ended.stdout.readline())
            while not (seen.done() and first.done()):
                await pile.call("Heartbeat", {})
                await asyncio.sleep(0.1)
        lines = (await seen)[0].decode().splitlines()
        assert (two.returncode, len(lines)) == (0, 2)
        assert all("CP-1" in line and "Heartbeat" in line for line in lines)
        assert all("请求" in line or "应答" in line for line in lines)
        assert json.loads(await first)["station_id"] == "CP-1"
        assert await asyncio.to_thread(server.stop) == 0, "who looks on does not keep a server from stopping"
        await ended.communicate()
        assert ended.returncode == 4, "the server ended the stream"


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
async def test_a_killed_server_leaves_what_was_written(tmp_path: Path) -> None:
    server = Server(tmp_path / "run")
    server.start()
    try:
        async with station(server, "CP-1") as socket:
            pile = BareStation(socket)
            await pile.call("BootNotification", BOOT)
            reporting = asyncio.create_task(flood(pile))
            found = []
            while len(found) < 1000:
                page = await asyncio.to_thread(
                    server.api.get, "/api/v1/frames", params={"order": "oldest", "limit": 1000}
                )
                found = page.json()["frames"]
            server.stop(signal.SIGKILL)
            reporting.cancel()
        kept = everything(tmp_path / "run" / "traces", limit=1000)
        assert [note.text for note in kept[: len(found)]] == [frame["text"] for frame in found]
        server.start()
        async with station(server, "CP-1") as socket:
            await BareStation(socket).call("BootNotification", BOOT)
        again = server.api.get("/api/v1/frames", params={"order": "oldest", "limit": 1000}).json()["frames"]
        assert again == found
        newest = server.api.get("/api/v1/frames", params={"action": "BootNotification", "limit": 2}).json()["frames"]
        assert newest[0]["at"] > kept[-1].at.isoformat()
    finally:
        server.stop(signal.SIGKILL)


async def flood(pile: BareStation) -> None:
    while True:
        await pile.call("Heartbeat", {})


async def test_traces_can_be_switched_off(tmp_path: Path) -> None:
    with running(tmp_path / "run", settings=SETTINGS + "\n[traces]\nenabled = false\n") as server:
        async with station(server, "CP-1") as socket:
            await BareStation(socket).call("BootNotification", BOOT)
        assert server.api.get("/healthz").json()["traces"] == "off"
        refused = await asyncio.to_thread(log, server, "CP-1")
        assert refused.returncode == 1
        assert "traces_off" in refused.stderr
        assert not (tmp_path / "run" / "traces").exists()
