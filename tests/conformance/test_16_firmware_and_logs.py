"""OCPP 1.6: firmware updates, diagnostics, the security log, by the OCA cases (044, 045, 079 to 081)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripted_firmware import ScriptedStation, boot, central
from tests.support.signing import Maker

pytestmark = pytest.mark.conformance

FIRMWARE = bytes(range(256)) * 5000
UNSIGNED, SIGNED = "FirmwareStatusNotification", "SignedFirmwareStatusNotification"


async def report(station: ScriptedStation, action: str, *statuses: str, **more: object) -> None:
    for status in statuses:
        assert await station.call(action, {"status": status, **more}) == {}


@pytest.mark.octt("TC_044_1_CSMS")
@pytest.mark.req("1.6:4.5", "1.6:5.19", "1.6:8.1")
async def test_firmware_of_this_server_is_fetched_and_installed(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        stored = await csms.http.put("/api/v1/firmware/pile-2.0.bin", content=FIRMWARE)
        assert (stored.status_code, stored.json()["size_bytes"]) == (200, len(FIRMWARE))
        station.answers("UpdateFirmware", {})
        told = await csms.operator("CP-1", "update_firmware", firmware="pile-2.0.bin", retries=2, retry_interval_s=5)
        assert (told["status"], told["accepted"]) == ("Accepted", True)

        asked = await station.expected("UpdateFirmware")
        assert (asked["retries"], asked["retryInterval"]) == (2, 5)
        await report(station, UNSIGNED, "Downloading")
        fetched = await csms.http.get(asked["location"])
        assert fetched.content == FIRMWARE
        await report(station, UNSIGNED, "Downloaded", "Installing")
        await boot(station)
        await report(station, UNSIGNED, "Installed")

        shown = await csms.operation(told["operation_id"])
        assert shown["steps"] == ["Accepted", "Downloading", "Downloaded", "Installing", "Installed"]
        assert shown["status"] == "Installed"
        assert shown["ended_at"]
        assert shown["detail"]["file"] == "pile-2.0.bin"


@pytest.mark.octt("TC_044_2_CSMS", "TC_044_3_CSMS")
@pytest.mark.parametrize(
    "statuses", [("Downloading", "DownloadFailed"), ("Downloading", "Downloaded", "Installing", "InstallationFailed")]
)
async def test_an_update_that_fails_is_told(tmp_path: Path, statuses: tuple[str, ...]) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("UpdateFirmware", {})
        told = await csms.operator("CP-1", "update_firmware", location="ftp://user:secret@files.example/f.bin")
        assert (await station.expected("UpdateFirmware"))["location"] == "ftp://user:secret@files.example/f.bin"
        await report(station, UNSIGNED, *statuses)
        shown = await csms.operation(told["operation_id"])
        assert (shown["status"], bool(shown["ended_at"])) == (statuses[-1], True)
        assert shown["detail"]["file"] == "ftp://files.example/f.bin", "no password in what an operator sees"


async def test_an_install_time_needs_a_signature(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        await csms.station("CP-1")
        told = await csms.operator(
            "CP-1", "update_firmware", location="http://a/b", install_at="2030-01-01T00:00:00+08:00"
        )
        assert told["code"] == "not_in_this_version"
        (shown,) = (await csms.shown("/operations?open=false"))["operations"]
        assert shown["status"] == "not_in_this_version"


@pytest.mark.req("OA-22")
async def test_words_without_an_update_are_kept(tmp_path: Path) -> None:
    """TriggerMessage on an idle station, and words that this version does not know (OA-22)."""
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1", strict=False)
        await report(station, UNSIGNED, "Idle", "AlmostDone")
        await report(station, SIGNED, "Installed", requestId=2**40)
        await report(station, "LogStatusNotification", "Idle")
        rows = await csms.rooms.store.reader.notices("CP-1", "firmware_status")
        assert [row.detail["status"] for row in reversed(rows)] == ["Idle", "AlmostDone", "Installed"]


async def test_a_newer_unsigned_update_takes_the_words_of_the_older_one(tmp_path: Path) -> None:
    """The messages of 1.6 carry no request id: they are about the newest one that goes on."""
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("UpdateFirmware", {})
        first = await csms.operator("CP-1", "update_firmware", location="http://files.example/1")
        await report(station, UNSIGNED, "Downloading")
        second = await csms.operator("CP-1", "update_firmware", location="http://files.example/2")
        await report(station, UNSIGNED, "Downloading", "Installed")
        assert (await csms.operation(first["operation_id"]))["steps"] == ["Accepted", "Downloading", "superseded"]
        assert (await csms.operation(second["operation_id"]))["steps"] == ["Accepted", "Downloading", "Installed"]
        assert (await csms.shown("/operations?station_id=CP-1&open=true"))["operations"] == []


@pytest.mark.octt("TC_080_CSMS")
@pytest.mark.req("1.6S:L01.FR.11")
async def test_signed_firmware_brings_its_signature(tmp_path: Path) -> None:
    maker = Maker()
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        await csms.http.put("/api/v1/firmware/pile.bin", content=FIRMWARE)
        signature = {"signing_certificate": maker.certificate, "signature": maker.sign(FIRMWARE)}
        signed = await csms.api("PUT", "/api/v1/firmware/pile.bin/signature", signature)
        assert signed.json()["signed"] is True
        told = await csms.operator("CP-1", "update_firmware", firmware="pile.bin", install_at="2030-01-01T00:00:00Z")
        asked = await station.expected("SignedUpdateFirmware")
        assert asked["requestId"] == told["operation_id"]
        assert asked["firmware"]["signature"] == signature["signature"]
        assert asked["firmware"]["signingCertificate"] == maker.certificate
        assert asked["firmware"]["installDateTime"] == "2030-01-01T00:00:00.000Z"
        assert (await csms.http.get(asked["firmware"]["location"])).content == FIRMWARE
        statuses = ["Downloading", "Downloaded", "SignatureVerified", "InstallScheduled", "Installing", "Installed"]
        await report(station, SIGNED, *statuses, requestId=asked["requestId"])
        event = {"type": "FirmwareUpdated", "timestamp": "2026-03-01T12:00:00Z"}
        assert await station.call("SecurityEventNotification", event) == {}
        assert (await csms.operation(told["operation_id"]))["steps"] == ["Accepted", *statuses]


@pytest.mark.octt("TC_081_CSMS")
async def test_a_bad_signature_found_by_the_station_ends_the_update(tmp_path: Path) -> None:
    maker = Maker()
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        told = await csms.operator(
            "CP-1",
            "update_firmware",
            location="https://maker.example/f",
            signing_certificate=maker.certificate,
            signature=maker.sign(b"something else"),
        )
        asked = await station.expected("SignedUpdateFirmware")
        await report(station, SIGNED, "Downloading", "Downloaded", "InvalidSignature", requestId=asked["requestId"])
        event = {"type": "InvalidFirmwareSignature", "timestamp": "2026-03-01T12:00:00Z", "techInfo": "sha256"}
        await station.call("SecurityEventNotification", event)
        shown = await csms.operation(told["operation_id"])
        assert (shown["status"], bool(shown["ended_at"])) == ("InvalidSignature", True)
        (kept,) = (await csms.shown("/stations/CP-1/security-events?critical=true"))["events"]
        assert (kept["kind"], kept["info"], kept["time"]) == (
            "InvalidFirmwareSignature",
            "sha256",
            "2026-03-01T12:00:00Z",
        )


@pytest.mark.octt("TC_045_1_CSMS")
@pytest.mark.req("1.6:4.4", "1.6:5.9", "1.6:8.2")
async def test_diagnostics_are_received_by_this_server(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetDiagnostics", {"fileName": "diag.tar.gz"})
        told = await csms.operator(
            "CP-1", "request_log", oldest="2026-03-01T00:00:00Z", latest="2026-03-02T08:00:00+08:00", retries=1
        )
        asked = await station.expected("GetDiagnostics")
        assert asked["startTime"] == "2026-03-01T00:00:00.000Z"
        assert asked["stopTime"] == "2026-03-02T00:00:00.000Z"
        await report(station, "DiagnosticsStatusNotification", "Uploading")
        sent = await csms.http.put(f"{asked['location']}/diag.tar.gz", content=b"diagnostics")
        assert sent.status_code == 201
        await report(station, "DiagnosticsStatusNotification", "Uploaded")

        shown = await csms.operation(told["operation_id"])
        assert shown["steps"] == ["Accepted", "Uploading", "Uploaded"]
        assert shown["detail"]["file_name"] == "diag.tar.gz"
        assert (shown["file"]["name"], shown["file"]["size_bytes"]) == ("diag.tar.gz", 11)
        file = await csms.http.get(f"/api/v1/operations/{told['operation_id']}/file")
        assert (file.content, 'filename="diag.tar.gz"' in file.headers["content-disposition"]) == (b"diagnostics", True)


@pytest.mark.octt("TC_045_2_CSMS")
async def test_diagnostics_that_fail_are_told(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetDiagnostics", {"fileName": "diag.tar.gz"})
        told = await csms.operator("CP-1", "request_log", location="ftp://files.example/diagnostics")
        await report(station, "DiagnosticsStatusNotification", "Uploading", "UploadFailed")
        shown = await csms.operation(told["operation_id"])
        assert (shown["status"], bool(shown["ended_at"]), shown["file"]) == ("UploadFailed", True, None)
        assert (await csms.http.get(f"/api/v1/operations/{told['operation_id']}/file")).status_code == 404


async def test_no_file_name_means_no_diagnostics(tmp_path: Path) -> None:
    """OCPP 1.6 section 5.9."""
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetDiagnostics", {})
        told = await csms.operator("CP-1", "request_log")
        assert (told["status"], told["accepted"]) == ("Rejected", False)


@pytest.mark.octt("TC_079_CSMS")
async def test_the_security_log_is_received(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CP-1")
        station.answers("GetLog", {"status": "Accepted", "filename": "security.log"})
        told = await csms.operator("CP-1", "request_log", kind="security", oldest="2026-03-01T00:00:00Z")
        asked = await station.expected("GetLog")
        assert (asked["logType"], asked["requestId"]) == ("SecurityLog", told["operation_id"])
        assert asked["log"]["oldestTimestamp"] == "2026-03-01T00:00:00.000Z"
        await report(station, "LogStatusNotification", "Uploading", requestId=asked["requestId"])
        form = {"Content-Disposition": 'form-data; name="uploadfile"; filename="security.log"'}
        sent = await csms.http.post(asked["log"]["remoteLocation"], content=b"line 1\n", headers=form)
        assert sent.status_code == 201
        await report(station, "LogStatusNotification", "Uploaded", requestId=asked["requestId"])
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], shown["file"]["name"]) == (["Accepted", "Uploading", "Uploaded"], "security.log")
