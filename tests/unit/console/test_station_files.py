"""Firmware and logs on the command line: real processes, a real server, stations that follow a script."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from csms.console.station_files import saved_name
from tests.support.access import token_of
from tests.support.scripted_firmware import Central, central
from tests.unit.console.conftest import Done, run

LOG = b"2026-03-02 boot\n" * 100


@dataclass
class Desk:
    """A server with two stations that are asked by the command line."""

    at: Central
    cwd: Path
    stations: dict[str, Any]

    async def csms(self, *arguments: str) -> Done:
        return await run(
            "station", *arguments, cwd=self.cwd, CSMS_URL=str(self.at.http.base_url), CSMS_TOKEN=token_of(self.at.http)
        )


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with central(tmp_path) as at:
        stations = {
            "CP-1": await at.station("CP-1", "ocpp1.6"),
            "CP-2": await at.station("CP-2", "ocpp2.0.1"),
        }
        yield Desk(at, tmp_path, stations)


async def send_log(desk: Desk, content: bytes = LOG) -> None:
    """Both stations send what they are asked for, each in its own words."""
    old, new = desk.stations["CP-1"], desk.stations["CP-2"]
    location = (await old.expected("GetDiagnostics"))["location"]
    await desk.at.http.put(
        location, content=content, headers={"Content-Disposition": "attachment; filename=a/../b.log"}
    )
    await old.call("DiagnosticsStatusNotification", {"status": "Uploaded"})
    asked = await new.expected("GetLog")
    await new.call("LogStatusNotification", {"status": "Uploading", "requestId": asked["requestId"]})
    await desk.at.http.put(asked["log"]["remoteLocation"], content=content)
    await new.call("LogStatusNotification", {"status": "Uploaded", "requestId": asked["requestId"]})


@pytest.mark.req("N01.FR.18")
async def test_logs_of_all_stations_are_saved_here(desk) -> None:
    desk.stations["CP-1"].answers("GetDiagnostics", {"fileName": "a.log"})
    desk.stations["CP-2"].answers("GetLog", {"status": "Accepted", "filename": "b.log"})
    asked = asyncio.create_task(desk.csms("diagnostics", "all", "--save", "logs", "--timeout", "50", "--json"))
    await send_log(desk)
    done = await asked
    assert done.code == 0, done.out + done.err
    saved = {result["station_id"]: desk.cwd / result["answer"]["saved"] for result in done.document["results"]}
    assert sorted(saved) == ["CP-1", "CP-2"]
    assert all(path.parent == desk.cwd / "logs" and path.read_bytes() == LOG for path in saved.values())
    assert len(list((desk.cwd / "logs").iterdir())) == 2
    listed = await desk.csms("operations", "CP-*", "--ended", "--kind", "request_log")
    assert (listed.code, listed.out.count("Uploaded")) == (0, 2)


async def test_a_log_that_fails_and_one_that_takes_too_long(desk) -> None:
    desk.stations["CP-1"].answers("GetDiagnostics", {"fileName": "a.log"})
    desk.stations["CP-2"].answers("GetLog", {"status": "Accepted", "filename": "b.log"})
    asked = asyncio.create_task(desk.csms("diagnostics", "CP-1,CP-2", "--save", "logs", "--timeout", "3"))
    await desk.stations["CP-1"].expected("GetDiagnostics")
    await desk.stations["CP-1"].call("DiagnosticsStatusNotification", {"status": "UploadFailed"})
    done = await asked
    assert done.code == 1
    assert "UploadFailed" in done.out
    assert "goes on as operation" in done.out
    assert not list((desk.cwd / "logs").iterdir())


async def test_firmware_goes_up_and_out_to_stations(desk) -> None:
    (desk.cwd / "pile-2.bin").write_bytes(LOG)
    up = await desk.csms("firmware", "upload", "pile-2.bin", "--json")
    assert (up.code, up.document["sha256"]) == (0, hashlib.sha256(LOG).hexdigest()), up.err
    assert "pile-2.bin" in (await desk.csms("firmware", "list")).out
    words = ("--file", "pile-2.bin", "--retries", "2", "--wait", "--timeout", "50")
    asked = asyncio.create_task(desk.csms("firmware", "update", "CP-*", *words))
    old, new = desk.stations["CP-1"], desk.stations["CP-2"]
    assert (await desk.at.http.get((await old.expected("UpdateFirmware"))["location"])).content == LOG
    for status in ("Downloaded", "Installing", "Installed"):
        await old.call("FirmwareStatusNotification", {"status": status})
    request_id = (await new.expected("UpdateFirmware"))["requestId"]
    await new.call("FirmwareStatusNotification", {"status": "DownloadFailed", "requestId": request_id})
    done = await asked
    assert done.code == 3, done.out + done.err
    assert "Installed" in done.out
    assert "DownloadFailed" in done.out


async def test_publishing_on_a_local_controller(desk) -> None:
    (desk.cwd / "pile-2.bin").write_bytes(LOG)
    assert (await desk.csms("firmware", "upload", "pile-2.bin")).code == 0
    new, checksum = desk.stations["CP-2"], hashlib.md5(LOG).hexdigest()
    published = await desk.csms("firmware", "publish", "CP-2", "--file", "pile-2.bin")
    assert (published.code, (await new.expected("PublishFirmware"))["checksum"]) == (0, checksum), published.err
    new.answers("UnpublishFirmware", {"status": "Unpublished"})
    gone = await desk.csms("firmware", "unpublish", "CP-2", "--file", "pile-2.bin")
    assert (await new.expected("UnpublishFirmware"))["checksum"] == checksum
    assert "Unpublished" in gone.out
    assert (await desk.csms("firmware", "delete", "pile-2.bin")).code == 0
    assert (await desk.csms("firmware", "delete", "pile-2.bin")).code == 1


WRONG = (
    ("firmware", "update", "CP-1"),
    ("firmware", "update", "CP-1", "--file", "a", "--location", "http://b"),
    ("firmware", "update", "CP-1", "--file", "a", "--install-at", "someday"),
    ("firmware", "upload", "no-such-file"),
    ("firmware", "unpublish", "CP-1", "--file", "unknown"),
    ("diagnostics", "CP-1", "--save", "logs", "--location", "ftp://x/y"),
)


async def test_wrong_usage(desk) -> None:
    for words in WRONG:
        done = await desk.csms(*words)
        assert (done.code, bool(done.err)) == (2, True), words


def test_names_of_saved_files_stay_in_their_folder() -> None:
    assert saved_name("CP/1", 7, "../../etc/passwd") == "CP_1-7-.._.._etc_passwd"
    assert saved_name(".", 1, "x") == "-1-x"
