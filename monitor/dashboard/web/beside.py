"""The monitor's own data on this machine, beside the API: warehouse, supervising platform, forecasts, siting reports.

What is not there is None, and its page says so. Everything is opened when it is first asked for.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from csms.model.clock import Clock
from csms.store.engine import open_store
from monitor.dashboard.web.foresight import AHEAD, ForecastReading, Line, newest_of, said_lines
from monitor.evidence.files import private_key
from monitor.evidence.service import Evidence
from monitor.forecast.desk import ForecastDesk
from monitor.forecast.reading import PanelReader
from monitor.intake.settings import read_partner_file
from monitor.quality.service import QualityWatch, Watched
from monitor.quality.settings import read_watch
from monitor.store.forecast import FILE_NAME as FORECASTS
from monitor.store.forecast import open_forecasts
from monitor.store.intake import FILE_NAME as INTAKE
from monitor.store.intake import IntakeStore, open_intake


@dataclass(frozen=True, slots=True)
class Folders:
    """Where things are. `platform`: data of a supervising platform, `partner_file`: its operators; `central`: data of
    the central system, with `database_url` where that is no file in it; `siting`: reports, `areas`: their inputs.
    """

    warehouse: Path | None = None
    platform: Path | None = None
    partner_file: Path | None = None
    central: Path | None = None
    database_url: str = ""
    time_zone: str = "Asia/Shanghai"
    siting: Path | None = None
    areas: Path | None = None


@dataclass(frozen=True, slots=True)
class Platform:
    """A supervising platform: what it received, how it judged, what it can prove."""

    store: IntakeStore
    quality: QualityWatch
    evidence: Evidence


@dataclass(slots=True)
class Beside:
    """Opens what the folders hold; `await close()`."""

    folders: Folders
    clock: Clock
    _platform: Platform | None = None
    _opening: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def platform(self) -> Platform | None:
        """None where there is none. Raises CsmsError, OSError, ValueError where it cannot be read."""
        folder = self.folders.platform
        async with self._opening:
            if self._platform is None and folder is not None and (folder / INTAKE).is_file():
                watched = await asyncio.to_thread(_watched, self.folders.partner_file)
                key = await asyncio.to_thread(private_key, folder)
                store = await open_intake(folder)
                quality = QualityWatch(store.quality, store.evidence, self.clock, watched)
                self._platform = Platform(store, quality, Evidence(store.evidence, key, self.clock))
            return self._platform

    @asynccontextmanager
    async def forecasts(self) -> AsyncIterator[tuple[ForecastDesk, ForecastReading] | None]:
        """For the length of a block; None where nobody has forecast anything yet."""
        folder = self.folders.central
        if folder is None or not (folder / FORECASTS).is_file():
            yield None
            return
        url = self.folders.database_url or f"sqlite+aiosqlite:///{folder / 'csms.db'}"
        store = await open_store(url, self.clock)
        try:
            registry = await open_forecasts(folder)
            try:
                panels = PanelReader(store.reader, zone=ZoneInfo(self.folders.time_zone))
                yield ForecastDesk(panels, registry, self.clock), ForecastReading(panels, registry)
            finally:
                await registry.close()
        finally:
            await store.close()

    async def said(self, series: str, now: datetime) -> dict[str, Line]:
        """What is forecast of a series for the coming day, kW, with its band; nothing where nobody has forecast."""
        folder = self.folders.central
        if folder is None or not (folder / FORECASTS).is_file():
            return {}
        registry = await open_forecasts(folder)
        try:
            return said_lines(newest_of(await registry.values(now, now + AHEAD, series)))
        finally:
            await registry.close()

    async def close(self) -> None:
        """Close what was opened."""
        if self._platform is not None:
            await self._platform.store.close()


def _watched(partner_file: Path | None) -> Mapping[str, Watched]:
    """The operators with their rules; none without their file: then nothing can be judged anew."""
    if partner_file is None:
        return {}
    return read_watch(partner_file, read_partner_file(partner_file))[0]
