"""The regular work of a platform: what takes long or fails holds up nothing else."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from csms.model.clock import ManualClock
from monitor.evidence.files import private_key
from monitor.evidence.service import Evidence
from monitor.intake.figures import Figures
from monitor.intake.keeper import Keeper
from monitor.quality.service import QualityWatch
from monitor.store.intake import open_intake

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)


class Silent:
    """An operator that takes for ever to answer."""

    operator_id = "123456789"

    def __init__(self) -> None:
        self.asked = self.left = 0

    async def round(self) -> None:
        self.asked += 1
        try:
            await asyncio.Event().wait()
        finally:
            self.left += 1


class Failing(Silent):
    operator_id = "987654321"

    async def round(self) -> None:
        self.asked += 1
        raise OSError("no route")


async def test_an_operator_that_does_not_answer_holds_up_nobody_but_itself(tmp_path: Path) -> None:
    store, clock = await open_intake(tmp_path), ManualClock(NOW)
    silent, failing = Silent(), Failing()
    pullers: Any = [silent, failing]
    evidence = Evidence(store.evidence, private_key(tmp_path), clock)
    figures = Figures(clock)
    keeper = Keeper(clock, QualityWatch(store.quality, store.evidence, clock, {}), evidence, tmp_path, figures, pullers)
    async with asyncio.timeout(30):
        for _ in range(3):
            await keeper.round()
    running = asyncio.create_task(keeper.run())
    await asyncio.sleep(0.05)
    assert (silent.asked, failing.asked) == (1, 4), "whoever is still being asked is not asked again"
    assert "no route" in figures.steps["pull 987654321"].fault
    assert figures.round_at == NOW
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert silent.left == 1, "nothing is left behind"
    await store.close()
