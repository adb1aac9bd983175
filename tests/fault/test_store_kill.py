"""What was acknowledged survives SIGKILL at any moment, and messages are whole (hot-path 4.4).

The negative control acknowledges before the commit and must lose, or this test proves nothing. SIGKILL leaves the page
cache alone, so this says nothing about a loss of power; that rests on synchronous=FULL.
"""

from __future__ import annotations

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from csms.store import migrate

ROOT = Path(__file__).resolve().parents[2]
VICTIM = Path(__file__).with_name("store_victim.py")
RUNS = 5
RUNS_MAX = 15
ROWS_OF_A_MESSAGE = 3

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


@dataclass(frozen=True)
class Run:
    """What one killed process left behind."""

    acknowledged: int
    missing: int
    partial: int
    mid_flush: bool


def kill_run(folder: Path, mode: str, delay_s: float) -> Run:
    """Let a victim write, kill it `delay_s` after its first line, and look."""
    folder.mkdir()
    database, acknowledged = folder / "csms.db", folder / "acknowledged"
    url = f"sqlite+aiosqlite:///{database}"
    migrate.upgrade(url)
    victim = subprocess.Popen([sys.executable, str(VICTIM), url, str(acknowledged), mode], cwd=ROOT, env=_environment())
    try:
        _wait_for(victim, acknowledged)
        time.sleep(delay_s)
        assert victim.poll() is None, "the victim ended by itself"
    finally:
        victim.kill()
        victim.wait()
    return _look(database, acknowledged)


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _wait_for(victim: subprocess.Popen[bytes], acknowledged: Path) -> None:
    while not (acknowledged.exists() and acknowledged.stat().st_size):
        assert victim.poll() is None, "the victim ended by itself"
        time.sleep(0.01)


def _look(database: Path, acknowledged: Path) -> Run:
    lines = acknowledged.read_text().split("\n")[:-1]
    told = [int(line) for line in lines if line not in "<>"]
    connection = sqlite3.connect(database)
    assert connection.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    joined = "SELECT p.evse_id FROM sample s JOIN metering_point p ON p.id = s.point_id"
    rows = Counter(number for (number,) in connection.execute(joined))
    connection.close()
    return Run(
        acknowledged=len(told),
        missing=sum(number not in rows for number in told),
        partial=sum(found != ROWS_OF_A_MESSAGE for found in rows.values()),
        mid_flush=[line for line in lines if line in "<>"][-1:] == ["<"],
    )


def test_nothing_acknowledged_is_lost(tmp_path: Path) -> None:
    chance = random.Random(20260101)
    runs: list[Run] = []
    while len(runs) < RUNS or (len(runs) < RUNS_MAX and not any(run.mid_flush for run in runs)):
        runs.append(kill_run(tmp_path / str(len(runs)), "after", chance.uniform(0.02, 0.4)))
    assert [run.missing for run in runs] == [0] * len(runs)
    assert [run.partial for run in runs] == [0] * len(runs)
    assert any(run.mid_flush for run in runs), "no kill hit a transaction: the test proves nothing"
    assert len({run.acknowledged for run in runs}) > 1, "the same count each time: the victims were idle"
    assert sum(run.acknowledged for run in runs) > 0


def test_acknowledging_before_the_commit_loses(tmp_path: Path) -> None:
    """The negative control: this test must be able to see a loss."""
    chance = random.Random(20260102)
    runs: list[Run] = []
    while not any(run.missing for run in runs) and len(runs) < RUNS_MAX:
        runs.append(kill_run(tmp_path / str(len(runs)), "before", chance.uniform(0.02, 0.4)))
    assert any(run.missing for run in runs)
    assert all(run.partial == 0 for run in runs)
