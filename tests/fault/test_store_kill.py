"""What was acknowledged survives SIGKILL at any moment, and messages are whole (hot-path 4.4).

The negative control acknowledges before the commit and must lose, or this test proves nothing. SIGKILL leaves the page
cache alone, so this says nothing about a loss of power: see test_power_loss.py (SQLite; PostgreSQL's own flushes are
trusted).
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from csms.model.clock import system_clock
from csms.store import migrate
from csms.store.engine import open_store
from tests.support.databases import new_database

ROOT = Path(__file__).resolve().parents[2]
VICTIM = Path(__file__).with_name("store_victim.py")
RUNS = int(os.environ.get("CSMS_KILL_RUNS", "5"))
RUNS_MAX = RUNS + 10
ROWS_OF_A_MESSAGE = 3
MESSAGES = "SELECT p.evse_id FROM sample s JOIN metering_point p ON p.id = s.point_id"

pytestmark = pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")


@dataclass(frozen=True)
class Run:
    """What one killed process left behind."""

    acknowledged: int
    missing: int
    partial: int
    refused: int
    mid_flush: bool


def kill_run(url: str, folder: Path, mode: str, delay_s: float) -> Run:
    """Let a victim write, kill it `delay_s` after its first line, and look."""
    folder.mkdir()
    acknowledged = folder / "acknowledged"
    migrate.upgrade(url)
    victim = subprocess.Popen([sys.executable, str(VICTIM), url, str(acknowledged), mode], cwd=ROOT, env=_environment())
    try:
        _wait_for(victim, acknowledged)
        time.sleep(delay_s)
        assert victim.poll() is None, "the victim ended by itself"
    finally:
        victim.kill()
        victim.wait()
    return _compare(acknowledged, asyncio.run(_stored(url)))


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT)}


def _wait_for(victim: subprocess.Popen[bytes], acknowledged: Path) -> None:
    while not (acknowledged.exists() and acknowledged.stat().st_size):
        assert victim.poll() is None, "the victim ended by itself"
        time.sleep(0.01)


async def _stored(url: str) -> Counter[int]:
    """How many rows there are of each message; a SQLite file must be sound besides."""
    store = await open_store(url, system_clock())
    try:
        async with store.reader.connection() as connection:
            if connection.dialect.name == "sqlite":
                assert (await connection.exec_driver_sql("PRAGMA integrity_check")).fetchall() == [("ok",)]
            return Counter(number for (number,) in await connection.exec_driver_sql(MESSAGES))
    finally:
        await store.close()


def _compare(acknowledged: Path, rows: Counter[int]) -> Run:
    lines = acknowledged.read_text().split("\n")[:-1]
    told = [int(line) for line in lines if line[0] not in "<>!"]
    return Run(
        acknowledged=len(told),
        missing=sum(number not in rows for number in told),
        partial=sum(found != ROWS_OF_A_MESSAGE for found in rows.values()),
        refused=lines.count("!"),
        mid_flush=[line[0] for line in lines if line[0] in "<>"][-1:] == ["<"],
    )


@pytest.fixture(params=["sqlite", "postgresql"])
def run(request: pytest.FixtureRequest, tmp_path: Path) -> Callable[[int, str, float], Run]:
    """`run(n, mode, delay_s)`: the n-th victim, with a database of its own."""

    def one(number: int, mode: str, delay_s: float) -> Run:
        folder = tmp_path / str(number)
        return kill_run(new_database(request, request.param, folder), folder, mode, delay_s)

    return one


@pytest.mark.req("LOAD-02")
def test_nothing_acknowledged_is_lost(run: Callable[[int, str, float], Run]) -> None:
    chance = random.Random(20260101)
    runs: list[Run] = []
    while len(runs) < RUNS or (len(runs) < RUNS_MAX and not any(one.mid_flush for one in runs)):
        runs.append(run(len(runs), "after", chance.uniform(0.02, 0.4)))
    assert [one.missing for one in runs] == [0] * len(runs)
    assert [one.partial for one in runs] == [0] * len(runs)
    assert [one.refused for one in runs] == [0] * len(runs)
    assert any(one.mid_flush for one in runs), "no kill hit a transaction: the test proves nothing"
    assert len({one.acknowledged for one in runs}) > 1, "the same count each time: the victims were idle"
    assert sum(one.acknowledged for one in runs) > 0


def test_acknowledging_before_the_commit_loses(run: Callable[[int, str, float], Run]) -> None:
    """The negative control: this test must be able to see a loss."""
    chance = random.Random(20260102)
    runs: list[Run] = []
    while not any(one.missing for one in runs) and len(runs) < RUNS_MAX:
        runs.append(run(len(runs), "before", chance.uniform(0.02, 0.4)))
    assert any(one.missing for one in runs)
    assert all(one.partial == 0 for one in runs)
