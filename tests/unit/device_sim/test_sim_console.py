"""`csms sim` as a process of its own: arguments, errors, summary on the output."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest

from device_sim.clock import SimClock
from tests.support.csms_stub import CsmsStub
from tests.support.simulated import BEGIN

ROOT = Path(__file__).resolve().parents[3]
OWN = "session_id,arrival,departure,energy_kwh\n"
GOOD = "a,2026-01-05T08:10:00+00:00,2026-01-05T09:00:00+00:00,2\n"


async def started(*arguments: str, speed: float = 5_000.0, lead_s: float = 0.0) -> asyncio.subprocess.Process:
    """`lead_s`: wall seconds that the process has to start up before the clock shows BEGIN."""
    clock = SimClock(speed, time.time() + lead_s, BEGIN)
    environment = {**os.environ, "CSMS_CLOCK": str(clock), "CSMS_LANG": "en", "PYTHONPATH": str(ROOT)}
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "import cli; cli.main()", "sim", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=ROOT,
    )


async def said(*arguments: str, lead_s: float = 0.0) -> tuple[int | None, str, str]:
    process = await started(*arguments, lead_s=lead_s)
    out, err = await asyncio.wait_for(process.communicate(), 60.0)
    return process.returncode, out.decode(), err.decode()


async def test_replay_of_a_file(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(OWN + GOOD)
    async with CsmsStub() as csms:
        common = ("--url", csms.url, "--piles", "2", "--json", "--zone", "UTC", "--day", "2026-11-24")
        code, out, err = await said("replay", str(file), *common, lead_s=6.0)
        assert csms.invalid == []
    summary = json.loads(out)
    assert (code, err) == (0, "")
    assert summary["energy_delivered_wh"] == pytest.approx(2_000.0)
    assert summary["sessions_started"] == 1


async def test_fleet_for_people(tmp_path: Path) -> None:
    async with CsmsStub() as csms:
        code, out, _ = await said("fleet", "--url", csms.url, "--piles", "2", "--hours", "0.2", "--seed", "4")
    assert code == 0
    assert "Energy delivered, Wh" in out


async def test_a_signal_ends_it_with_a_summary(tmp_path: Path) -> None:
    summary = tmp_path / "summary.json"
    async with CsmsStub() as csms:
        process = await started("fleet", "--url", csms.url, "--quiet", "--summary", str(summary), speed=1.0)
        await csms.until(lambda: len(csms.connections) == 10, 60.0)
        process.send_signal(signal.SIGTERM)
        await asyncio.wait_for(process.communicate(), 20.0)
    assert process.returncode == 0
    assert json.loads(summary.read_text())["interrupted"] is True


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["fleet", "--fault", "fire:1/h"], "bad_input", "is no fault"),
        (["fleet", "--fault", "drop@1:NOBODY"], "bad_input", "NOBODY"),
        (["fleet", "--zone", "Mars/Olympus"], "bad_input", "Mars"),
        (["fleet", "--piles-file", "none.json"], "unreadable", "none.json"),
        (["replay", "none.csv"], "unreadable", "none.csv"),
    ],
)
async def test_bad_input_ends_with_two_and_says_why(arguments: list[str], code: str, words: str) -> None:
    returned, out, err = await said(*arguments, "--json")
    told = json.loads(err)
    assert (returned, out, told["code"]) == (2, "", code)
    assert words in told["detail"]


async def test_bad_rows_are_refused_or_counted(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(OWN + GOOD + "b,2026-01-05T08:10:00+00:00,soon,2\n")
    returned, _, err = await said("replay", str(file))
    assert returned == 2
    assert "line 3, column 'departure'" in " ".join(err.split())
    async with CsmsStub() as csms:
        returned, _, err = await said(
            *("replay", str(file), "--skip-bad-rows", "--url", csms.url, "--piles", "1", "--hours", "0.1")
        )
    assert returned == 0
    assert "1 bad rows left out" in " ".join(err.split())


async def test_a_day_without_sessions(tmp_path: Path) -> None:
    file = tmp_path / "s.csv"
    file.write_text(OWN + GOOD)
    returned, _, err = await said("replay", str(file), "--source-day", "2020-01-01")
    assert returned == 2
    assert "no session" in err


async def test_piles_behave_as_firmware_profiles(tmp_path: Path) -> None:
    common = ("--piles", "2", "--hours", "0.2", "--seed", "4", "--json")
    async with CsmsStub() as csms:
        code, out, err = await said("fleet", "--url", csms.url, *common, "--profile", "vestel-evc04, go-e")
    assert (code, err) == (0, "")
    assert json.loads(out)["boots_accepted"] == 2
    assert {boot["chargePointVendor"] for boot in csms.of("BootNotification")} == {"VESTEL", "go-e"}


async def test_a_profile_that_there_is_not(tmp_path: Path) -> None:
    code, _, err = await said("fleet", "--profile", "vestel-evc4")
    assert (code, "did you mean vestel-evc04?" in err) == (2, True)
    file = tmp_path / "piles.json"
    file.write_text('[{"id": "A", "profile": "nobody"}]')
    code, _, err = await said("fleet", "--piles-file", str(file))
    assert (code, "no firmware profile 'nobody'" in err) == (2, True)
    (tmp_path / "bad.toml").write_text("speed = 3\n")
    code, _, err = await said("fleet", "--profile", "go-e", "--profiles-folder", str(tmp_path))
    assert (code, "unknown field speed" in err) == (2, True)
