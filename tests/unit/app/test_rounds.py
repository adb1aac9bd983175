"""Commands that the server gives itself: called with its data, logged when they fail, ended with it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from pathlib import Path

import pytest

from csms.app.rounds import Round, RoundSettings
from csms.app.section import SettingsInvalid
from csms.app.settings import load_settings
from csms.model.clock import ScaledClock

WRITES = """
import os, sys
open(sys.argv[1], "a").write(" ".join([*sys.argv[2:], os.environ["CSMS_DATABASE_URL"]]) + chr(10))
"""


def of(folder: Path, program: str, *words: str, wall_s: float = 0.1) -> Round:
    settings = RoundSettings(command=list(words) or ["x"], every_s=60)
    clock = ScaledClock(speed=10_000)
    return Round(settings, clock, folder, "sqlite://x", (sys.executable, "-c", program), wall_s)


async def test_it_is_called_again_and_again_with_the_server_s_data(tmp_path: Path) -> None:
    file = tmp_path / "said"
    working = asyncio.create_task(of(tmp_path, WRITES, str(file), "load", wall_s=1.0).run())
    async with asyncio.timeout(30):
        while not file.exists() or len(file.read_text().splitlines()) < 2:  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    assert file.read_text().splitlines()[0] == f"load --data-dir {tmp_path} --json sqlite://x"


async def test_what_fails_is_logged_with_what_it_said(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    assert not await of(tmp_path, "import sys; sys.exit('no such thing')", wall_s=20.0).once()
    (record,) = [one for one in caplog.records if one.message == "round_failed"]
    assert (record.__dict__["exit_code"], record.__dict__["said"].strip()) == (1, "no such thing")
    assert await of(tmp_path, "pass", wall_s=20.0).once()


async def test_what_lasts_longer_than_its_period_is_ended(tmp_path: Path) -> None:
    assert not await of(tmp_path, "import time; time.sleep(600)", wall_s=0.5).once()


async def test_it_ends_with_the_server(tmp_path: Path) -> None:
    file = tmp_path / "pid"
    program = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
    working = asyncio.create_task(of(tmp_path, program, str(file), wall_s=60.0).once())
    async with asyncio.timeout(30):
        while not file.exists() or not file.read_text():  # noqa: ASYNC110 - another process writes
            await asyncio.sleep(0.05)
    working.cancel()
    await asyncio.gather(working, return_exceptions=True)
    with pytest.raises(ProcessLookupError):
        os.kill(int(file.read_text()), 0)


def test_they_can_be_others_or_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "csms.toml"
    monkeypatch.setenv("CSMS_CONFIG", str(file))
    file.write_text("")
    assert [(" ".join(one.command), one.every_s) for one in load_settings().rounds] == [
        ("warehouse load", 3600.0),
        ("data gather", 3600.0),
        ("forecast run --for-plans", 3600.0),
        ("forecast score", 86_400.0),
    ]
    file.write_text('[[rounds]]\ncommand = ["warehouse", "load"]\nevery_s = 900\n')
    assert [one.every_s for one in load_settings().rounds] == [900.0]
    file.write_text("rounds = []\n")
    assert load_settings().rounds == []
    file.write_text("[[rounds]]\ncommand = []\n")
    with pytest.raises(SettingsInvalid, match="command"):
        load_settings()
