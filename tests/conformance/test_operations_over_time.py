"""What goes on after an answer outlives restarts, lost answers and lost connections, and tells nobody a secret."""

from __future__ import annotations

import asyncio
import json
import logging
from pathlib import Path

import pytest

from tests.support.scripted import Silence
from tests.support.scripted_firmware import Central, Payload, central
from tests.support.signing import signing_request

pytestmark = pytest.mark.conformance

V201 = "ocpp2.0.1"


async def test_a_restart_forgets_neither_the_operation_nor_the_address(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        told = await csms.operator("CS-1", "request_log")
        path = (await station.expected("GetLog"))["log"]["remoteLocation"].split("/", 3)[3]
        await station.call("LogStatusNotification", {"status": "Uploading", "requestId": told["operation_id"]})
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        assert (await csms.http.put(f"/{path}", content=b"log")).status_code == 201
        await station.call("LogStatusNotification", {"status": "Uploaded", "requestId": told["operation_id"]})
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], shown["file"]["size_bytes"]) == (["Accepted", "Uploading", "Uploaded"], 3)
        again = await csms.operator("CS-1", "request_log")
        assert again["operation_id"] > told["operation_id"], "request ids are never used again"


async def test_a_lost_answer_leaves_the_operation_open_for_what_the_station_says(tmp_path: Path) -> None:
    """1.6 messages name no operation; the station acts although its answer came too late."""
    async with central(tmp_path, call_timeout_s=0.3) as csms:
        station = await csms.station("CP-1")

        async def slow(asked: Payload) -> Payload:
            await asyncio.sleep(0.6)
            return {}

        station.answers("UpdateFirmware", slow)
        told = await csms.operator("CP-1", "update_firmware", location="http://files.example/fw")
        assert told["code"] == "call_timeout"
        await station.call("FirmwareStatusNotification", {"status": "Downloading"})
        await station.call("FirmwareStatusNotification", {"status": "Installed"})
        (shown,) = (await csms.shown("/operations"))["operations"]
        assert [step["status"] for step in shown["detail"]["steps"]] == ["unanswered", "Downloading", "Installed"]
        assert shown["ended_at"]


async def test_a_certificate_for_a_station_that_is_gone(tmp_path: Path) -> None:
    async with central(tmp_path, call_timeout_s=10.0) as csms:
        station = await csms.station("CS-1", V201)

        async def never(asked: Payload) -> Silence:
            await station.socket.close()
            return Silence()

        station.answers("CertificateSigned", never)
        await station.call("SignCertificate", {"csr": signing_request()})

        async def ended() -> list[Payload]:
            return list((await csms.shown("/operations?open=false"))["operations"])

        (operation,) = await csms.until(ended)
        assert operation["status"] == "certificate connection_lost"
        assert (await csms.shown("/certificates"))["certificates"] == []


@pytest.mark.req("A01.FR.09", "1.6S:A01.FR.09")
async def test_nothing_secret_is_logged_or_kept(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Passwords, tokens of addresses, passwords and keys in locations, private keys."""
    caplog.set_level(logging.DEBUG)
    secrets = ["a-new-password-16", b"a-new-password-16".hex(), "s3cret", "k3y"]
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        await csms.http.put("/api/v1/firmware/fw.bin", content=b"firmware")
        await csms.operator("CP-1", "set_password", password=secrets[0])
        station.answers("ChangeConfiguration", {"status": "Rejected"})
        await csms.operator("CP-1", "set_password")
        await station.expected("ChangeConfiguration")
        secrets.append(bytes.fromhex((await station.expected("ChangeConfiguration"))["value"]).decode())
        await csms.operator("CP-1", "update_firmware", location="ftp://user:s3cret@files.example/fw?key=k3y#k3y")
        await csms.operator("CP-1", "update_firmware", firmware="fw.bin")
        await station.expected("UpdateFirmware")
        secrets.append((await station.expected("UpdateFirmware"))["location"].split("/")[-2])
        station.answers("GetDiagnostics", {"fileName": "x"})
        await csms.operator("CP-1", "request_log")
        url = (await station.expected("GetDiagnostics"))["location"]
        secrets.append(url.split("/")[-1])
        await csms.http.put(url, content=b"log")
        await csms.http.put(url, content=b"log")
        await station.call("SignCertificate", {"csr": signing_request()})
        await station.expected("CertificateSigned")
        shown = json.dumps([await csms.shown("/operations"), await csms.shown("/stations/CP-1")])
        logged = "\n".join(
            f"{record.getMessage()} {vars(record)}"
            for record in caplog.records
            if record.name.startswith(("csms", "uvicorn"))
        )
    kept = database(tmp_path)
    assert "firmware_fetched" not in logged
    assert "file_received" in logged
    assert len(secrets) == 7
    for secret in secrets:
        assert secret not in logged
        assert secret not in shown
        assert secret.encode() not in kept
    assert b"PRIVATE KEY" not in kept


def database(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in (folder / "data").glob("csms.db*"))


async def test_many_stations_report_at_once(tmp_path: Path) -> None:
    """Each word becomes a step of its own operation, in order, none is lost."""
    words = ["Downloading", "Downloaded", "Installing", "InstallRebooting", "Installed"]

    async def update(csms: Central, station_id: str) -> list[str]:
        station = await csms.station(station_id, V201, serial=station_id)
        told = await csms.operator(station_id, "update_firmware", location="http://files.example/fw")
        calls = [{"status": word, "requestId": told["operation_id"]} for word in words]
        await asyncio.gather(*(station.call("FirmwareStatusNotification", call) for call in calls))
        return list((await csms.operation(told["operation_id"]))["steps"])

    async with central(tmp_path) as csms:
        steps = await asyncio.gather(*(update(csms, f"CS-{number}") for number in range(8)))
    assert steps == [["Accepted", *words]] * 8
