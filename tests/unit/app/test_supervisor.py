"""Background work that fails comes back; work that is stopped ends."""

from __future__ import annotations

import asyncio
import json
import logging

import pytest

from csms.app.logs import JsonLines
from csms.app.supervisor import Supervisor
from csms.model.clock import ScaledClock


async def test_failed_work_is_started_again() -> None:
    supervisor, worked = Supervisor(ScaledClock(speed=10_000)), asyncio.Event()
    runs = 0

    async def work() -> None:
        nonlocal runs
        runs += 1
        if runs < 3:
            raise RuntimeError("not yet")
        worked.set()
        await asyncio.Event().wait()

    supervisor.start("work", work)
    await asyncio.wait_for(worked.wait(), 10)
    assert supervisor.restarts == {"work": 2}
    await supervisor.stop()


async def test_stopping_ends_everything() -> None:
    supervisor, ended = Supervisor(ScaledClock()), []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.append(True)

    supervisor.start("one", work)
    supervisor.start("two", work)
    await asyncio.sleep(0)
    await supervisor.stop()
    assert ended == [True, True]


def test_a_log_line_is_json_with_an_event_and_ids(caplog: pytest.LogCaptureFixture) -> None:
    logger = logging.getLogger("csms.test")
    with caplog.at_level(logging.INFO):
        logger.info("station_left", extra={"station": "CP-1"})
        try:
            raise ValueError("why")
        except ValueError:
            logger.exception("task_failed")
    lines = [json.loads(JsonLines().format(record)) for record in caplog.records]
    assert (lines[0]["event"], lines[0]["station"], lines[0]["level"]) == ("station_left", "CP-1", "info")
    assert "ValueError: why" in lines[1]["fault"]
