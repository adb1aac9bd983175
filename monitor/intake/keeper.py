"""What a platform does by itself beside answering: closes days of the evidence log, judges them, writes reports, looks
for alarms. A round that fails is logged and comes again; nothing here can hold up an answer.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from pathlib import Path

from csms.model.clock import Clock
from csms.texts import catalogue
from monitor.evidence.service import Evidence
from monitor.quality.channels import document_of
from monitor.quality.report import ReportInputs, render_report
from monitor.quality.service import QualityWatch, published, span_of
from monitor.store.quality import DayRow

log = logging.getLogger(__name__)
PERIOD_S = 60.0
WALL_S_MIN = 0.5
"""A clock that runs faster than life does not make the rounds follow each other without a pause."""
REPORTS = "reports"


@dataclass(slots=True)
class Keeper:
    """Runs until cancelled."""

    clock: Clock
    quality: QualityWatch
    evidence: Evidence
    data_dir: Path

    async def run(self) -> None:
        """A round each minute."""
        while True:
            try:
                await self.round()
            except Exception:
                log.exception("platform_round_failed")
            await asyncio.sleep(max(self.clock.wall_s(PERIOD_S), WALL_S_MIN))

    async def round(self) -> None:
        """What is due now."""
        await self.quality.round()
        await self.evidence.close_days()
        for row in await self.quality.store.days(newest=len(self.quality.operators)):
            path = self.data_dir / REPORTS / row.operator_id / f"{row.day}.html"
            if not path.exists():
                write_whole(path, await report(self.quality, row))


async def report(quality: QualityWatch, row: DayRow) -> str:
    """The page of a judged day."""
    profile = quality.operators[row.operator_id].profile
    start, end = span_of(profile, row.day)
    head = await quality.evidence.head(row.operator_id, row.day)
    alarms = [a for a in await quality.store.alarms(open_only=False) if a.operator_id == row.operator_id]
    inputs = ReportInputs(
        row.day,
        published(row.document),
        row.digest,
        await quality.store.hours(row.operator_id, start, end),
        [document_of(a) for a in alarms if a.raised_at < end and (a.over_at is None or a.over_at >= start)],
        head.head.day_root if head else "",
        profile.state if profile.flagged else "",
    )
    return render_report(inputs, catalogue("zh"), catalogue("en"))


def write_whole(path: Path, page: str) -> None:
    """Write a file whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(path.name + ".part")
    draft.write_text(page, encoding="utf-8")
    draft.replace(path)
