"""What the server does for its own data: roll-ups, retention, an eye on the disk, on the clock and on an outage of the
store.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
from collections.abc import Awaitable
from pathlib import Path

from csms.api.ports import Condition
from csms.app.clock_watch import ClockWatch
from csms.app.sections import RetentionSection
from csms.app.settings import Settings
from csms.app.supervisor import Named
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.station.files import FileDesk
from csms.store.engine import Store
from csms.store.retention import KeepDays, Retention
from csms.store.rollup import Rollups
from csms.store.urls import DatabaseUnsupported, sqlite_path
from csms.trace.service import Traces

log = logging.getLogger(__name__)

ROLL_UP_S = 60.0
CLEAR_OUT_S = 3600.0
AFTER_START_S = 60.0
"""Of the clock."""

PAUSE_S_MIN = 1.0
LOOK_S = 60.0
"""Of the wall: a disk does not fill faster because a clock is scaled."""

LOOKS_PER_WARNING = 60
MB = 1_000_000


class Upkeep:
    """Three pieces of background work over one store."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        store: Store,
        look_s: float = LOOK_S,
        files: FileDesk | None = None,
        traces: Traces | None = None,
    ) -> None:
        self._clock, self._store, self._look_s, self._files, self._traces = clock, store, look_s, files, traces
        self._folder = _folder(settings)
        self._free_min_mb = settings.disk_free_min_mb
        self._any_maker = not settings.firmware.maker_roots
        self._free_mb: int | None = None
        self._low_looks = 0
        self._clock_watch = ClockWatch(clock)
        self._rollups = Rollups(store.writer, store.reader)
        self._retention = Retention(store.writer, store.reader, _keep(settings.retention))

    @property
    def background(self) -> list[Named]:
        """For the supervisor."""
        return [("roll-ups", self._roll_up), ("retention", self._clear_out), ("disk-watch", self._watch)]

    def condition(self) -> Condition:
        """How the store and its disk are now."""
        writer = self._store.writer
        low = self._free_mb is not None and self._free_mb < self._free_min_mb
        stepped = self._clock_watch.stepped
        return Condition(
            writer.outage.code, writer.statistics.refused, self._free_mb, low, stepped, any_maker=self._any_maker
        )

    async def look(self) -> None:
        """Once: the clock, free space, and whether an outage is over (nobody else may be writing)."""
        self._clock_watch.look()
        usage = await asyncio.to_thread(shutil.disk_usage, self._folder)
        self._free_mb = usage.free // MB
        if self._free_mb >= self._free_min_mb:
            self._low_looks = 0
        else:
            if self._low_looks % LOOKS_PER_WARNING == 0:
                log.warning("disk_low", extra={"free_mb": self._free_mb, "min_mb": self._free_min_mb})
            self._low_looks += 1
        if self._store.writer.outage.code:
            await self._store.writer.probe()

    async def clear_out(self) -> None:
        """Once: delete what was kept long enough, unless the clock that says so was set by somebody."""
        self._clock_watch.look()
        if self._clock_watch.stepped:
            return
        now = self._clock.now()
        if self._traces is not None and (files := await self._traces.delete_old(now)):
            log.info("old_traces_deleted", extra={"files": files})
        gone = {name: count for name, count in (await self._retention.run(now)).items() if count}
        if gone:
            log.info("old_rows_deleted", extra=gone)
        if self._files is not None:
            await self._files.sweep()

    async def _watch(self) -> None:
        while True:
            await _unless_out(self.look())
            await asyncio.sleep(self._look_s)

    async def _roll_up(self) -> None:
        while True:
            await _unless_out(self._rollups.run(self._clock.now()))
            await self._pause(ROLL_UP_S)

    async def _clear_out(self) -> None:
        """Not at once: all stations come back when a server starts."""
        await self._pause(AFTER_START_S)
        while True:
            await _unless_out(self.clear_out())
            await self._pause(CLEAR_OUT_S)

    async def _pause(self, delay_s: float) -> None:
        await asyncio.sleep(max(self._clock.wall_s(delay_s), PAUSE_S_MIN))


async def _unless_out(work: Awaitable[object]) -> None:
    """An outage is told by the writer, and the next turn comes soon; other faults are the supervisor's."""
    try:
        await work
    except StoreUnavailable as fault:
        log.debug("upkeep_waits", extra={"code": fault.code})


def _folder(settings: Settings) -> Path:
    """Where the database lies; a server database has a disk that is not ours, the data folder is looked at then."""
    try:
        return sqlite_path(settings.store_url).parent
    except DatabaseUnsupported:
        return settings.data_dir


def _keep(section: RetentionSection) -> KeepDays:
    return KeepDays(
        samples=section.sample_days,
        rollups=section.rollup_days,
        plans=section.plan_days,
        profiles=section.profile_days,
        notices=section.notice_days,
        events=section.event_days,
        outbox=section.outbox_days,
        streams=section.stream_days,
        v2x=section.v2x_days,
        states=section.state_days,
        files=section.file_days,
        security_events=section.security_event_days,
        alerts=section.alert_days,
        operations=section.operation_days,
    )
