"""Forecasts beside what came: lines for a picture, champions and their unease, promotions with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import numpy as np

from monitor.forecast.correction import THRESHOLD
from monitor.forecast.metered import STEP
from monitor.forecast.panel import Panel
from monitor.forecast.reading import PanelReader
from monitor.store.forecast import ForecastModel, ForecastStanding, ForecastStore, ForecastValue

STEP_H = STEP / timedelta(hours=1)
PAST, AHEAD = timedelta(days=2), timedelta(days=1)
CHANGES_SHOWN = 30
Line = list[tuple[str, float | None]]


@dataclass(frozen=True, slots=True)
class ForecastReading:
    """Reads without learning."""

    panels: PanelReader
    registry: ForecastStore

    async def curve(self, series: str, now: datetime) -> dict[str, Line]:
        """kW by quarter-hour, two days back and one ahead: what came, what was said of it last, and its band."""
        said = newest_of(await self.registry.values(now - PAST, now + AHEAD, series))
        panel, _ = await self.panels.panel(now)
        return said_lines(said) | {"came": came(panel, series, now - PAST)}

    async def champions(self) -> Sequence[ForecastStanding]:
        """Who forecasts what."""
        return sorted(await self.registry.standings(), key=lambda row: (row.series, row.horizon_s))

    async def changes(self) -> Sequence[ForecastModel]:
        """Who came into office lately, and why."""
        return await self.registry.models(newest=CHANGES_SHOWN)


def newest_of(values: Sequence[ForecastValue]) -> list[ForecastValue]:
    """Of each step what was said last before it began, or what is said of it now."""
    found: dict[datetime, ForecastValue] = {}
    for row in sorted(values, key=lambda row: row.made_at):
        if row.made_at <= row.target_at:
            found[row.target_at] = row
    return [found[at] for at in sorted(found)]


def said_lines(said: Sequence[ForecastValue]) -> dict[str, Line]:
    """Mean, and both ends of the band that holds nine of ten truths, kW."""
    ends = {"said": "expected_kwh", "low": "low_kwh", "high": "high_kwh"}
    return {
        name: [(row.target_at.isoformat(), _kw(getattr(row, column))) for row in said] for name, column in ends.items()
    }


def came(panel: Panel, series: str, since: datetime) -> Line:
    """What was metered, kW; nothing for a series that is not there."""
    if series not in panel.names:
        return []
    column = panel.values[:, panel.names.index(series)]
    times = [panel.start + step * STEP for step in range(panel.steps)]
    return [
        (at.isoformat(), None if np.isnan(value) else _kw(float(value)))
        for at, value in zip(times, column, strict=True)
        if at >= since
    ]


def unease(row: ForecastStanding) -> float:
    """How near a champion is to being learned anew, 0 to 1 and above: the sum of its standardised errors by the bar."""
    cusum: dict[str, Any] = row.document.get("cusum") or {}
    return float(cusum.get("total", 0.0)) / THRESHOLD


def _kw(kwh: float | None) -> float | None:
    return None if kwh is None else round(kwh / STEP_H, 3)
