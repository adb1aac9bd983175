"""The correction loop played back on a panel, day by day: what a server would have done and how it would have fared.

Pure. One model, relearned for each series by itself; `drifted` makes a panel whose series change on a day.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np

from monitor.forecast.correction import REFIT_DAYS, Standing, night
from monitor.forecast.models import Fitted, Ridge
from monitor.forecast.panel import Array, Panel, Places

MODEL = Ridge("rich", far=True)


@dataclass
class Played:
    """`mae` [days, series] from `first_day` on, how often one series learned, and on which days each was alarmed."""

    first_day: int
    mae: Array
    fits: int = 0
    alarms: dict[int, list[int]] = field(default_factory=dict)


def drifted(panel: Panel, series: Places, begin: int, factor: float, shift: int) -> Panel:
    """From step `begin` on these series are `factor` times as large and `shift` steps later."""
    values = panel.values.copy()
    values[begin:, series] = factor * panel.values[begin - shift : panel.steps - shift, series]
    return replace(panel, values=values)


def play(panel: Panel, horizon: int, first_day: int, rule: str, weeks: int = 4) -> Played:
    """`rule`: "static" learns once, before `first_day`; "weekly" again each week on `weeks` weeks; "cusum" on alarm."""
    day, series = panel.steps_per_day, len(panel.names)
    days = panel.steps // day
    found = Played(first_day, np.full((days - first_day, series), np.nan))
    models = _learned(panel, range(series), first_day * day, first_day, horizon)
    former: dict[int, Fitted] = {}
    standings = [Standing(MODEL.name, first_day, first_day) for _ in range(series)]
    for today in range(first_day, days):
        if rule == "weekly" and today > first_day and (today - first_day) % 7 == 0:
            models = _learned(panel, range(series), today * day, 7 * weeks, horizon)
            found.fits += series
        targets = np.arange(today * day, (today + 1) * day)
        found.mae[today - first_day] = mae = _errors(panel, targets, models)
        if rule != "cusum":
            continue
        before = _errors(panel, targets, former)
        due = []
        for one in range(series):
            step = night(standings[one], today, mae[one], before[one], {})
            standings[one] = step.standing
            if step.what == "refit":
                due.append(one)
                if step.reason.startswith("CUSUM"):
                    found.alarms.setdefault(one, []).append(today)
            elif step.what == "rolled back":
                models[one] = former.pop(one)
        former |= {one: models[one] for one in due}
        models |= _learned(panel, due, (today + 1) * day, REFIT_DAYS, horizon)
        found.fits += len(due)
    return found


@dataclass(frozen=True)
class _Alone:
    """One series' part of a model."""

    fitted: Fitted
    series: int

    def predict(self, panel: Panel, targets: Places) -> Array:
        return self.fitted.predict(panel.only([self.series]), targets)


def _learned(panel: Panel, series: range | list[int], end: int, days: int, horizon: int) -> dict[int, Fitted]:
    """Each series by itself on the `days` before step `end`."""
    day = panel.steps_per_day
    learn = np.arange(max(end - days * day, horizon + day), end)
    return {one: _Alone(MODEL.fit(panel.only([one]), learn, horizon), one) for one in series}


def _errors(panel: Panel, targets: Places, models: dict[int, Fitted]) -> Array:
    """[series] MAE of a day; NaN without a model."""
    found = np.full(len(panel.names), np.nan)
    recent = panel.until(int(targets[-1]) + 1)
    for one, model in models.items():
        found[one] = np.abs(panel.values[targets, one] - model.predict(recent, targets)[:, 0]).mean()
    return found
