"""OCPP 2.0.1 block L: secure and plain firmware updates, publishing on a local controller (TC_L_*)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripted_firmware import Central, Payload, ScriptedStation, boot, central
from tests.support.signing import Maker, rsa_key

pytestmark = pytest.mark.conformance

V201 = "ocpp2.0.1"
FIRMWARE = b"\x7fELF" + bytes(200_000)
STATUS, PUBLISHED = "FirmwareStatusNotification", "PublishFirmwareStatusNotification"


async def report(station: ScriptedStation, action: str, request_id: int, *statuses: str, **more: object) -> None:
    for status in statuses:
        assert await station.call(action, {"status": status, "requestId": request_id, **more}) == {}


async def order(csms: Central, station: ScriptedStation, maker: Maker, **more: object) -> tuple[Payload, Payload]:
    """A secure update with firmware of this server: the operator's answer and what the station was asked."""
    if (await csms.shown("/firmware"))["firmware"] == []:
        await csms.http.put("/api/v1/firmware/fw-3.bin", content=FIRMWARE)
        body = {"signing_certificate": maker.certificate, "signature": maker.sign(FIRMWARE)}
        assert (await csms.api("PUT", "/api/v1/firmware/fw-3.bin/signature", body)).status_code == 200
    told = await csms.operator("CS-1", "update_firmware", firmware="fw-3.bin", **more)
    return told, await station.expected("UpdateFirmware")


@pytest.mark.octt("TC_L_01_CSMS")
@pytest.mark.req("L01.FR.11")
@pytest.mark.parametrize("elliptic", [True, False])
async def test_installed(tmp_path: Path, elliptic: bool) -> None:
    maker = Maker(None if elliptic else rsa_key())
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        told, asked = await order(csms, station, maker, retries=3, retry_interval_s=60)
        assert asked["requestId"] == told["operation_id"]
        assert (asked["retries"], asked["retryInterval"]) == (3, 60)
        assert asked["firmware"]["signingCertificate"] == maker.certificate
        before = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting"]
        await report(station, STATUS, asked["requestId"], "Downloading")
        assert (await csms.http.get(asked["firmware"]["location"])).content == FIRMWARE
        await report(station, STATUS, asked["requestId"], *before[1:])
        assert (await boot(station, reason="FirmwareUpdate"))["status"] == "Accepted"
        await report(station, STATUS, asked["requestId"], "Installed")
        shown = await csms.operation(told["operation_id"])
        assert shown["steps"] == ["Accepted", *before, "Installed"]
        assert (shown["status"], bool(shown["ended_at"])) == ("Installed", True)
        assert shown["detail"]["signed"] is True


@pytest.mark.octt("TC_L_02_CSMS", "TC_L_03_CSMS")
async def test_scheduled(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        times = {"retrieve_at": "2031-01-01T00:00:00Z", "install_at": "2031-01-02T00:00:00Z"}
        told, asked = await order(csms, station, Maker(), **times)
        assert asked["firmware"]["retrieveDateTime"] == "2031-01-01T00:00:00.000Z"
        assert asked["firmware"]["installDateTime"] == "2031-01-02T00:00:00.000Z"
        words = ["DownloadScheduled", "Downloading", "DownloadPaused", "Downloaded", "SignatureVerified"]
        words += ["InstallScheduled", "Installing", "InstallRebooting", "Installed"]
        await report(station, STATUS, asked["requestId"], *words)
        assert (await csms.operation(told["operation_id"]))["steps"] == ["Accepted", *words]
        assert (await csms.http.get(asked["firmware"]["location"])).status_code == 200, "good until long after 2031"


@pytest.mark.octt("TC_L_04_CSMS", "TC_L_05_CSMS")
@pytest.mark.parametrize("status", ["RevokedCertificate", "InvalidCertificate"])
async def test_a_signing_certificate_that_the_station_refuses(tmp_path: Path, status: str) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("UpdateFirmware", {"status": status})
        told, _ = await order(csms, station, Maker())
        assert (told["status"], told["accepted"]) == (status, False)
        event = {"type": "InvalidFirmwareSigningCertificate", "timestamp": "2026-03-01T12:00:00Z"}
        assert await station.call("SecurityEventNotification", event) == {}
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == ([status], True)


@pytest.mark.octt("TC_L_06_CSMS", "TC_L_07_CSMS", "TC_L_08_CSMS", "TC_L_09_CSMS")
@pytest.mark.parametrize(
    "words",
    [
        ["Downloading", "Downloaded", "InvalidSignature"],
        ["Downloading", "DownloadFailed"],
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallVerificationFailed"],
        ["Downloading", "Downloaded", "SignatureVerified", "Installing", "InstallRebooting", "InstallationFailed"],
    ],
    ids=lambda words: words[-1],
)
async def test_every_way_to_fail_ends_the_update(tmp_path: Path, words: list[str]) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        told, asked = await order(csms, station, Maker())
        await report(station, STATUS, asked["requestId"], *words)
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == (["Accepted", *words], True)


@pytest.mark.octt("TC_L_10_CSMS")
async def test_a_second_update_cancels_the_first(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station, maker = await csms.station("CS-1", V201), Maker()
        first, asked = await order(csms, station, maker)
        await report(station, STATUS, asked["requestId"], "Downloading")
        station.answers("UpdateFirmware", {"status": "AcceptedCanceled"})
        second, again = await order(csms, station, maker)
        assert (second["status"], second["accepted"]) == ("AcceptedCanceled", True)
        assert again["requestId"] != asked["requestId"]
        await report(station, STATUS, again["requestId"], "Downloading", "Downloaded", "Installed")
        await report(station, STATUS, asked["requestId"], "DownloadFailed")
        gone = await csms.operation(first["operation_id"])
        assert gone["steps"] == ["Accepted", "Downloading", "superseded", "DownloadFailed"]
        assert gone["ended_at"]
        assert (await csms.operation(second["operation_id"]))["status"] == "Installed"


@pytest.mark.octt("TC_L_11_CSMS")
async def test_a_second_update_that_cannot_cancel_the_first(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station, maker = await csms.station("CS-1", V201), Maker()
        first, asked = await order(csms, station, maker)
        await report(station, STATUS, asked["requestId"], "Downloading")
        station.answers("UpdateFirmware", {"status": "Rejected"})
        second, _ = await order(csms, station, maker)
        assert (second["status"], second["accepted"]) == ("Rejected", False)
        await report(station, STATUS, asked["requestId"], "Downloaded", "SignatureVerified", "Installing", "Installed")
        assert (await csms.operation(first["operation_id"]))["status"] == "Installed"
        assert (await csms.operation(second["operation_id"]))["steps"] == ["Rejected"]


@pytest.mark.octt("TC_L_13_CSMS")
async def test_an_update_that_waits_for_a_session(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        begun = {
            "eventType": "Started",
            "timestamp": "2026-03-01T12:00:00Z",
            "triggerReason": "Authorized",
            "seqNo": 0,
            "transactionInfo": {"transactionId": "tx-1", "chargingState": "Charging"},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": {"idToken": "TAG", "type": "ISO14443"},
        }
        await station.call("TransactionEvent", begun)
        told, asked = await order(csms, station, Maker())
        await report(station, STATUS, asked["requestId"], "DownloadScheduled")
        free = {"timestamp": "2026-03-01T12:01:00Z", "evseId": 2, "connectorId": 1, "connectorStatus": "Unavailable"}
        assert await station.call("StatusNotification", free) == {}
        ended = {"eventType": "Ended", "seqNo": 1, "triggerReason": "StopAuthorized"}
        await station.call("TransactionEvent", begun | ended)
        words = ["Downloading", "Downloaded", "SignatureVerified", "Installing", "Installed"]
        await report(station, STATUS, asked["requestId"], *words)
        assert (await csms.operation(told["operation_id"]))["steps"] == ["Accepted", "DownloadScheduled", *words]


async def test_a_plain_update_and_a_station_that_idles(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        await csms.operator("CS-1", "update_firmware", location="https://files.example/fw?key=secret")
        asked = await station.expected("UpdateFirmware")
        assert set(asked["firmware"]) == {"location", "retrieveDateTime"}
        assert asked["firmware"]["location"] == "https://files.example/fw?key=secret"
        await report(station, STATUS, asked["requestId"], "Installed")
        assert await station.call(STATUS, {"status": "Idle"}) == {}
        shown = await csms.operation(asked["requestId"])
        assert (shown["status"], shown["detail"]["file"]) == ("Installed", "https://files.example/fw")


async def test_nobody_reports_on_the_update_of_another_station(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        other = await csms.station("CS-2", V201, serial="SN-2")
        told, asked = await order(csms, station, Maker())
        await report(other, STATUS, asked["requestId"], "Installed")
        assert (await csms.operation(told["operation_id"]))["status"] == "Accepted"


async def test_a_word_that_overtakes_the_answer_stays_the_last_one(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)

        async def hasty(asked: Payload) -> Payload:
            await report(station, STATUS, asked["requestId"], "Downloading")
            return {"status": "Accepted"}

        station.answers("UpdateFirmware", hasty)
        told, _ = await order(csms, station, Maker())
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], shown["status"]) == (["Downloading", "Accepted"], "Downloading")


@pytest.mark.octt("TC_L_17_CSMS")
@pytest.mark.req("L03.FR.02")
async def test_a_local_controller_publishes(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        stored = (await csms.http.put("/api/v1/firmware/fw.bin", content=FIRMWARE)).json()
        told = await csms.operator("CS-1", "publish_firmware", firmware="fw.bin")
        asked = await station.expected("PublishFirmware")
        assert (asked["checksum"], asked["requestId"]) == (stored["md5"], told["operation_id"])
        assert (await csms.http.get(asked["location"])).content == FIRMWARE
        words = ["Downloading", "Downloaded", "ChecksumVerified"]
        await report(station, PUBLISHED, asked["requestId"], *words)
        places = ["http://10.0.0.1/fw.bin", "ftp://user:word@10.0.0.1/fw.bin"]
        await report(station, PUBLISHED, asked["requestId"], "Published", location=places)
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == (["Accepted", *words, "Published"], True)
        assert shown["detail"]["locations"] == ["http://10.0.0.1/fw.bin", "ftp://10.0.0.1/fw.bin"]


@pytest.mark.octt("TC_L_24_CSMS", "TC_L_19_CSMS", "TC_L_20_CSMS")
@pytest.mark.parametrize(
    "words",
    [
        ["Downloading", "DownloadFailed"],
        ["Downloading", "Downloaded", "InvalidChecksum"],
        ["Downloading", "Downloaded", "ChecksumVerified", "PublishFailed"],
    ],
    ids=lambda words: words[-1],
)
async def test_publishing_fails(tmp_path: Path, words: list[str]) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        source = {"location": "https://files.example/fw", "checksum": "0123456789abcdef" * 2}
        told = await csms.operator("CS-1", "publish_firmware", **source)
        asked = await station.expected("PublishFirmware")
        assert (asked["location"], asked["checksum"]) == (source["location"], source["checksum"])
        await report(station, PUBLISHED, asked["requestId"], *words)
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == (["Accepted", *words], True)
        await report(station, PUBLISHED, 4711, "Idle")


@pytest.mark.octt("TC_L_21_CSMS", "TC_L_22_CSMS", "TC_L_23_CSMS")
@pytest.mark.parametrize(
    ("status", "accepted"), [("Unpublished", True), ("NoFirmware", False), ("DownloadOngoing", False)]
)
async def test_unpublishing(tmp_path: Path, status: str, accepted: bool) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("UnpublishFirmware", {"status": status})
        told = await csms.operator("CS-1", "unpublish_firmware", checksum="0123456789abcdef" * 2)
        assert await station.expected("UnpublishFirmware") == {"checksum": "0123456789abcdef" * 2}
        assert (told["status"], told["accepted"]) == (status, accepted)
