"""Forecasts of a running system: reads the store, learns, says, scores, keeps the registry.

Series: every station, its group (feeder, or site), the total; beside that tree regions ("region:<name>"), connector
groups ("kind:ac", "kind:dc"), and the base load of each feeder ("base:<feeder>").
"""

from __future__ import annotations

import asyncio
import hashlib
import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from csms.model.clock import Clock
from csms.model.outlook import Outlook
from monitor.forecast import nightly
from monitor.forecast.coming import coming_cars, since
from monitor.forecast.correction import Cusum, Standing
from monitor.forecast.features import HARMONICS, LAGS
from monitor.forecast.hierarchy import consistent, summing
from monitor.forecast.inputs import Inputs
from monitor.forecast.metered import STEP
from monitor.forecast.nightly import HORIZONS, MODELS, Ahead
from monitor.forecast.panel import Panel
from monitor.forecast.reading import BASE, DAY, NothingKnown, PanelReader
from monitor.forecast.scores import Metric, measures
from monitor.store.forecast import ForecastModel, ForecastStanding, ForecastStore, ForecastValue

STEP_H = STEP / timedelta(hours=1)
AHEAD_STEPS = 132
"""What a planner is told: its horizon of a day, and as long again as an outlook may be old, at most nine hours."""
SETTLED = timedelta(minutes=5)
"""Quarter-hours are rolled up a minute after their end; what is newer than this may not be there yet."""
KEEP_DAYS = 60
CATCH_UP_DAYS = 14


def features_of(known: Inputs) -> str:
    """Names what models learn from: another one makes other models of the same data."""
    told = (
        LAGS,
        HARMONICS,
        [model.name for model in MODELS],
        "rich 1",
        sorted(known.names),
        bool(known.calendar.years),
    )
    return hashlib.sha256(repr(told).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Said:
    """The coming steps of all series."""

    made_at: datetime
    names: tuple[str, ...]
    ahead: Ahead

    def rows(self) -> list[dict[str, Any]]:
        """One of each series and step, as stored."""
        found = []
        for i, name in enumerate(self.names):
            for step in range(len(self.ahead.expected)):
                low, high = float(self.ahead.low[step, i]), float(self.ahead.high[step, i])
                found.append(
                    {
                        "series": name,
                        "made_at": self.made_at,
                        "target_at": self.made_at + step * STEP,
                        "expected_kwh": float(self.ahead.expected[step, i]),
                        "low_kwh": low if math.isfinite(low) else None,
                        "high_kwh": high if math.isfinite(high) else None,
                    }
                )
        return found


class ForecastDesk:
    """`panels`: where the past is read; `metric`: what chooses champions. Raises StoreUnavailable, NothingKnown."""

    def __init__(self, panels: PanelReader, store: ForecastStore, clock: Clock, metric: Metric = "MAE") -> None:
        self._panels, self._store, self._clock, self._metric = panels, store, clock, metric
        self._features = features_of(panels.known)

    async def panel(self, until: datetime | None = None) -> tuple[Panel, dict[str, str]]:
        """The newest weeks up to now, or to `until`; and who is part of whom."""
        return await self._panels.panel(until or self._newest())

    def _newest(self) -> datetime:
        return _floored(self._clock.now() - SETTLED)

    async def run(self, steps: int) -> Said:
        """Forecast the next `steps` quarter-hours of everything, keep what was said, begin what is new."""
        panel, parents = await self.panel()
        standings = await self._standings(panel)
        found = await asyncio.to_thread(_said, panel, parents, standings, steps, self._panels.known)
        made_at = (panel.start + panel.steps * STEP).astimezone(UTC)
        said = Said(made_at, panel.names, found)
        await self._store.keep_values(said.rows(), made_at - KEEP_DAYS * DAY)
        return said

    async def look_ahead(self) -> Outlook:
        """What the planner of the central system wants to know: base loads of feeders and cars that will come."""
        now, end, zone = self._clock.now(), self._newest(), self._panels.zone
        panel = await self._panels.base_panel(end)
        loads_w: dict[str, tuple[float | None, ...]] = {}
        if panel.names:
            standings = await self._standings(panel)
            ahead = await asyncio.to_thread(nightly.ahead, panel, standings, AHEAD_STEPS, self._panels.known)
            expected_w = ahead.expected / STEP_H * 1000
            loads_w = {name.removeprefix(BASE): tuple(expected_w[:, i].tolist()) for i, name in enumerate(panel.names)}
        stays = await self._panels.stays(since(now, zone))
        kind_of = self._panels.known.calendar.kind_of
        feeders, powers = await self._panels.feeders(), await self._panels.powers()
        cars = await asyncio.to_thread(coming_cars, stays, feeders, powers, now, AHEAD_STEPS, zone, kind_of)
        return Outlook(now, end, STEP.total_seconds(), loads_w, cars)

    def missing_years(self, outlook: Outlook) -> list[int]:
        """The years of an outlook that the calendar does not know."""
        first = outlook.made_at.astimezone(self._panels.zone).date()
        last = (outlook.begins_at + AHEAD_STEPS * STEP).astimezone(self._panels.zone).date()
        return self._panels.known.calendar.missing(first, last)

    async def night(self) -> list[ForecastModel]:
        """Score the days that are over since the last time; what changed, as kept in the registry."""
        today = self._newest().astimezone(self._panels.zone)
        kept = [row.scored_until for row in await self._store.standings()]
        oldest = today.toordinal() - CATCH_UP_DAYS
        recent = [day for day in kept if day >= oldest]  # a series that is gone is not waited for
        days = range(min(recent, default=oldest if kept else today.toordinal()), today.toordinal())
        changed: list[ForecastModel] = []
        for day in days:
            end = datetime.fromordinal(day + 1).replace(tzinfo=self._panels.zone).astimezone(UTC)
            panel, _ = await self.panel(end)
            changed += await self._score(panel, day)
        return changed

    async def _score(self, panel: Panel, day: int) -> list[ForecastModel]:
        """Of the series that were not scored for this day before."""
        by_horizon = await self._standings(panel)
        until = {(row.series, row.horizon_s): row.scored_until for row in await self._store.standings()}
        changed: list[ForecastModel] = []
        for horizon in HORIZONS:
            steps, seconds = nightly.steps_ahead(panel, horizon), int(horizon.total_seconds())
            due = [i for i, name in enumerate(panel.names) if until[name, seconds] <= day]
            some, standings = panel.only(due), [by_horizon[steps][i] for i in due]
            results = await asyncio.to_thread(nightly.score, some, standings, steps, self._metric) if due else []
            rows = [
                _standing_row(name, horizon, step.standing, day + 1, self._metric)
                for name, step in zip(some.names, results, strict=True)
            ]
            made = [
                _model_row(
                    name,
                    horizon,
                    step.standing,
                    step.what,
                    step.reason,
                    self._clock.now(),
                    self._features,
                    step.loss,
                    step.fallback_loss,
                )
                for name, step in zip(some.names, results, strict=True)
                if step.what != "kept"
            ]
            await self._store.keep(rows, made)
            changed += made
        return changed

    async def score(self, since: datetime, until: datetime) -> dict[str, dict[str, float]]:
        """How good what was said in time turned out: measures by series, and the share that the intervals held."""
        panel, _ = await self.panel()
        said = await self._store.values(since, until)
        return {name: found for name in panel.names if (found := _judged(panel, name, said))}

    async def registry(self, series: str | None = None) -> Sequence[ForecastModel]:
        """Who came into office and why, the newest first."""
        return await self._store.models(series)

    async def explain(self, series: str) -> dict[str, Any]:
        """Why a series is forecast as it is: its standing and history, and how each model fared on the newest days."""
        panel, parents = await self.panel()
        if series not in panel.names:
            raise NothingKnown(f"there is no series {series}; there are {', '.join(panel.names[:20])}")
        place = panel.names.index(series)
        standings = await self._standings(panel)
        found: dict[str, Any] = {"series": series, "part_of": parents.get(series, ""), "horizons": []}
        for horizon in HORIZONS:
            steps = nightly.steps_ahead(panel, horizon)
            one = standings[steps][place]
            fared = await asyncio.to_thread(_fared, panel, place, steps)
            document = {"horizon_s": int(horizon.total_seconds()), "champion": one.champion, "fared": fared}
            document["of_energy"] = _of_energy(panel, place, fared)
            document["learned_until"] = datetime.fromordinal(one.learned_until).date().isoformat()
            document["cusum"] = one.cusum.total
            found["horizons"].append(document)
        found["history"] = [row.model_dump(mode="json") for row in await self._store.models(series, newest=20)]
        return found

    async def _standings(self, panel: Panel) -> dict[int, list[Standing]]:
        """By horizon in steps; series that have none, or one chosen by another measure, are begun on the days that are
        over.
        """
        kept = {
            (row.series, row.horizon_s): row
            for row in await self._store.standings()
            if row.document.get("metric", "MAE") == self._metric
        }
        over = panel.until(panel.steps // panel.steps_per_day * panel.steps_per_day)
        found: dict[int, list[Standing]] = {}
        for horizon in HORIZONS:
            steps, seconds = nightly.steps_ahead(panel, horizon), int(horizon.total_seconds())
            new = [i for i, name in enumerate(panel.names) if (name, seconds) not in kept]
            begun: dict[int, Standing] = {}
            if new:
                begun = await self._begin(over, new, horizon, steps)
            found[steps] = [
                begun[i] if i in begun else _standing(kept[name, seconds].document)
                for i, name in enumerate(panel.names)
            ]
        return found

    async def _begin(self, over: Panel, new: Sequence[int], horizon: timedelta, steps: int) -> dict[int, Standing]:
        some = over.only(new)
        begun = await asyncio.to_thread(nightly.begin, some, steps, self._metric)
        now, day = self._clock.now(), nightly.first_day(over) + over.steps // over.steps_per_day
        await self._store.keep(
            [
                _standing_row(name, horizon, one.standing, day, self._metric)
                for name, one in zip(some.names, begun, strict=True)
            ],
            [
                _model_row(
                    name,
                    horizon,
                    one.standing,
                    "begun",
                    one.chosen.reason,
                    now,
                    self._features,
                    one.chosen.loss,
                    one.chosen.fallback_loss,
                )
                for name, one in zip(some.names, begun, strict=True)
            ],
        )
        return {place: one.standing for place, one in zip(new, begun, strict=True)}


def _said(
    panel: Panel, parents: dict[str, str], standings: dict[int, list[Standing]], steps: int, known: Inputs
) -> Ahead:
    """The next steps; what is part of the tree adds up."""
    made = nightly.ahead(panel, standings, steps, known)
    inside = parents.keys() | parents.values()
    tree = [i for i, name in enumerate(panel.names) if name in inside]
    sums, _ = summing([panel.names[i] for i in tree], parents)
    width = np.nan_to_num((made.high - made.low)[:, tree], nan=1.0)
    whole = made.expected.copy()
    whole[:, tree] = consistent(np.nan_to_num(made.expected[:, tree]), (width**2).mean(axis=0) + 1e-9, sums)
    moved = whole - made.expected
    return Ahead(whole, np.maximum(made.low + moved, 0.0), made.high + moved)


def _judged(panel: Panel, name: str, said: Sequence[ForecastValue]) -> dict[str, float]:
    truth, expected, held = [], [], []
    column = panel.values[:, panel.names.index(name)]
    for row in said:
        place = (row.target_at - panel.start) // STEP
        if row.series != name or row.made_at > row.target_at or not 0 <= place < panel.steps:
            continue
        truth.append(column[place])
        expected.append(row.expected_kwh)
        if row.low_kwh is not None and row.high_kwh is not None and math.isfinite(column[place]):
            held.append(row.low_kwh <= column[place] <= row.high_kwh)
    found = measures(np.array(truth), np.array(expected)) if truth else {}
    return found | ({"coverage": float(np.mean(held))} if held and found else {})


def _fared(panel: Panel, place: int, steps: int) -> dict[str, float]:
    """Mean daily loss of each model on the newest days, learned on those before."""
    one = panel.only([place])
    one = one.until(one.steps // one.steps_per_day * one.steps_per_day)
    shadow = nightly.shadow(one, steps, one.steps, "MAE")
    return {name: float(days.mean()) for name, days in shadow.items()}


def _of_energy(panel: Panel, place: int, fared: dict[str, float]) -> dict[str, float]:
    """The same as shares of what flowed on those days; empty when nothing did."""
    days = nightly.CHOICE_DAYS * panel.steps_per_day
    whole = panel.steps // panel.steps_per_day * panel.steps_per_day
    newest = np.abs(panel.values[max(whole - days, 0) : whole, place])
    usual = float(newest[np.isfinite(newest)].mean()) if np.isfinite(newest).any() else 0.0
    return {name: loss / usual for name, loss in fared.items()} if usual > 0 else {}


def _floored(moment: datetime) -> datetime:
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 15 * 15, second=0, microsecond=0)


def _standing(document: dict[str, Any]) -> Standing:
    former, cusum = document.get("former"), document["cusum"]
    kept = {name: document[name] for name in ("champion", "learned_until", "learned_days", "worse_days")}
    return Standing(
        former=_standing(former) if former else None,
        cusum=Cusum(tuple(cusum["base"]), cusum["total"]),
        worse_by=document.get("worse_by", 0.0),
        usual_until=document.get("usual_until"),
        **kept,
    )


def _standing_row(series: str, horizon: timedelta, standing: Standing, until: int, metric: Metric) -> ForecastStanding:
    document = asdict(standing) | {"metric": metric}
    seconds = int(horizon.total_seconds())
    return ForecastStanding(series=series, horizon_s=seconds, scored_until=until, document=document)


def _model_row(
    series: str,
    horizon: timedelta,
    standing: Standing,
    what: str,
    reason: str,
    now: datetime,
    features: str,
    loss: float = math.nan,
    fallback: float = math.nan,
) -> ForecastModel:
    return ForecastModel(
        series=series,
        horizon_s=int(horizon.total_seconds()),
        champion=standing.champion,
        learned_until=standing.learned_until,
        learned_days=standing.learned_days,
        features=features,
        loss_kwh=loss if math.isfinite(loss) else None,
        fallback_loss_kwh=fallback if math.isfinite(fallback) else None,
        what=what,
        reason=reason,
        promoted_at=now,
    )
