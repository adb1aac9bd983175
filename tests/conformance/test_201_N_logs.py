"""OCPP 2.0.1 use case N01: logs (TC_N_25, TC_N_34 to TC_N_36)."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.scripted_firmware import central

pytestmark = pytest.mark.conformance

V201 = "ocpp2.0.1"
STATUS = "LogStatusNotification"


@pytest.mark.octt("TC_N_25_CSMS", "TC_N_35_CSMS")
@pytest.mark.req("N01.FR.14", "N01.FR.18")
@pytest.mark.parametrize(("kind", "written"), [("diagnostics", "DiagnosticsLog"), ("security", "SecurityLog")])
async def test_a_log_is_received(tmp_path: Path, kind: str, written: str) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("GetLog", {"status": "Accepted", "filename": "today.log"})
        told = await csms.operator("CS-1", "request_log", kind=kind, latest="2026-03-01T00:00:00Z", retries=2)
        asked = await station.expected("GetLog")
        assert (asked["logType"], asked["requestId"], asked["retries"]) == (written, told["operation_id"], 2)
        assert asked["log"]["latestTimestamp"] == "2026-03-01T00:00:00.000Z"
        assert await station.call(STATUS, {"status": "Uploading", "requestId": asked["requestId"]}) == {}
        sent = await csms.http.post(asked["log"]["remoteLocation"], files={"file": ("today.log", b"entries\n")})
        assert sent.status_code == 201
        assert await station.call(STATUS, {"status": "Uploaded", "requestId": asked["requestId"]}) == {}
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == (["Accepted", "Uploading", "Uploaded"], True)
        assert shown["file"]["name"] == shown["detail"]["file_name"] == "today.log"
        file = await csms.http.get(f"/api/v1/operations/{told['operation_id']}/file")
        assert file.content == b"entries\n"


@pytest.mark.octt("TC_N_34_CSMS")
async def test_no_log_to_be_had(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        station.answers("GetLog", {"status": "Rejected"})
        told = await csms.operator("CS-1", "request_log")
        assert (told["status"], told["accepted"]) == ("Rejected", False)
        shown = await csms.operation(told["operation_id"])
        assert (shown["steps"], bool(shown["ended_at"])) == (["Rejected"], True)


@pytest.mark.octt("TC_N_36_CSMS")
async def test_a_second_request_cancels_the_first(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        first = await csms.operator("CS-1", "request_log")
        await station.call(STATUS, {"status": "Uploading", "requestId": first["operation_id"]})
        station.answers("GetLog", {"status": "AcceptedCanceled"})
        second = await csms.operator("CS-1", "request_log")
        assert second["accepted"]
        await station.call(STATUS, {"status": "AcceptedCanceled", "requestId": first["operation_id"]})
        for status in ("Uploading", "Uploaded"):
            await station.call(STATUS, {"status": status, "requestId": second["operation_id"]})
        gone = await csms.operation(first["operation_id"])
        assert gone["steps"] == ["Accepted", "Uploading", "superseded", "AcceptedCanceled"]
        assert (await csms.operation(second["operation_id"]))["status"] == "Uploaded"


@pytest.mark.parametrize("status", ["UploadFailure", "BadMessage", "PermissionDenied", "NotSupportedOperation"])
async def test_an_upload_elsewhere_that_fails(tmp_path: Path, status: str) -> None:
    async with central(tmp_path) as csms:
        station = await csms.station("CS-1", V201)
        place = "sftp://user:word@files.example/logs"
        told = await csms.operator("CS-1", "request_log", location=place)
        asked = await station.expected("GetLog")
        assert asked["log"]["remoteLocation"] == place
        await station.call(STATUS, {"status": status, "requestId": asked["requestId"]})
        await station.call(STATUS, {"status": "Idle"})
        shown = await csms.operation(told["operation_id"])
        assert (shown["status"], bool(shown["ended_at"])) == (status, True)
        assert shown["detail"]["to"] == "sftp://files.example/logs"
