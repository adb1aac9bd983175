"""What a platform does by itself beside answering: closes days of the evidence log and gives out their heads, judges
them, writes reports, looks for alarms, asks operators, lets go of what is too old. What fails is logged and comes
again; a day is judged in a thread, so that answers go on.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from csms.model.clock import Clock
from csms.texts import catalogue
from monitor.evidence.service import Evidence
from monitor.intake.figures import Figures
from monitor.intake.heads import HeadPost
from monitor.intake.keys import OperatorKeys
from monitor.intake.pull import Puller
from monitor.intake.retention import Retainer
from monitor.quality.channels import MailChannel, document_of
from monitor.quality.report import ReportInputs, render_report
from monitor.quality.service import QualityWatch, published, span_of
from monitor.store.quality import DayRow

log = logging.getLogger(__name__)
PERIOD_S = 60.0
WALL_S_MIN = 5.0
"""A clock that runs faster than life does not make the rounds follow each other without a pause."""
REPORTS = "reports"
MAILED_WITHIN = timedelta(days=3)
"""A server that was down for longer, or is named for the first time, does not send what is history."""


@dataclass(slots=True)
class Keeper:
    """Runs until cancelled."""

    clock: Clock
    quality: QualityWatch
    evidence: Evidence
    data_dir: Path
    figures: Figures
    pullers: Sequence[Puller] = ()
    keys: OperatorKeys | None = None
    mail: MailChannel | None = None
    """Sends the daily reports to the operators."""
    flush: Callable[[], Awaitable[None]] | None = None
    """Writes down the calls that wait to be logged."""
    heads: HeadPost | None = None
    """Gives signed heads to the operators."""
    retainer: Retainer | None = None
    _pulls: dict[str, asyncio.Task[None]] = field(default_factory=dict)

    async def run(self) -> None:
        """A round each minute."""
        try:
            while True:
                await self.round()
                await asyncio.sleep(max(self.clock.wall_s(PERIOD_S), WALL_S_MIN))
        finally:
            for pull in self._pulls.values():
                pull.cancel()
            await asyncio.gather(*self._pulls.values(), return_exceptions=True)

    async def round(self) -> None:
        """What is due now; a step that fails does not keep the others from being done."""
        if self.flush is not None:
            await self._step("log", self.flush())
        if self.keys is not None:
            await self._step("keys", self.keys.refresh())
        self._ask()
        await asyncio.gather(
            self._step("evidence", self.evidence.close_days()), self._step("quality", self.quality.round())
        )
        await self._step("reports", self._reports())
        if self.heads is not None:
            await self._step("heads", self.heads.round())
        if self.retainer is not None:
            await self._step("retention", self.retainer.round())
        self.figures.round_at = self.clock.now()

    def _ask(self) -> None:
        """Operators are asked beside the rounds: one that takes an hour to answer holds up nobody but itself."""
        for puller in self.pullers:
            name = puller.operator_id
            if name not in self._pulls or self._pulls[name].done():
                asking = self._step(f"pull {name}", puller.round())
                self._pulls[name] = asyncio.create_task(asking, name=f"pull {name}")

    async def _step(self, name: str, work: Awaitable[object]) -> None:
        try:
            await work
        except Exception as fault:
            log.exception("platform_step_failed", extra={"step": name})
            self.figures.worked(name, fault)
        else:
            self.figures.worked(name, None)

    async def _reports(self) -> None:
        """Write the pages of judged days, and send them; a server that takes none is tried in the next round."""
        store, mail = self.quality.store, self.mail
        since = self.clock.now() - MAILED_WITHIN if mail else None
        for row, written, to_send, again in await store.unreported(self.quality.operators, mailed_since=since):
            page = await report(self.quality, row)
            if not written:
                path = self.data_dir / REPORTS / row.operator_id / f"{row.day}.html"
                await asyncio.to_thread(write_whole, path, page)
                await store.reported(row)
            if mail and to_send:
                if not await mail.report(published(row.document), row.day, page, again=again):
                    mail = None
                else:
                    await store.reported(row, mailed=True)


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
