"""The forecasts of a running system: who begins, what is said of coming days, what a night changes. Pure.

A model is its name, the days that it learned from, and the data: it is learned again whenever it is asked, with the
same bits, so nothing but that is kept. Days are counted by `date.toordinal`. A step is forecast by the model of the
next longer horizon, for which its origin lies in the past.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np

from monitor.forecast.choice import Chosen, choose, daily
from monitor.forecast.correction import PROMOTION_DAYS, Standing, Step, bias, night
from monitor.forecast.inputs import Inputs
from monitor.forecast.intervals import intervals
from monitor.forecast.models import Model, blend
from monitor.forecast.panel import Array, Panel, PanelBroken, Places
from monitor.forecast.protocol import BLENDS, LINEAR, MEANS, NAIVE, forecasts_of, with_means
from monitor.forecast.scores import Metric, losses

HORIZONS = (timedelta(minutes=15), timedelta(hours=1), timedelta(days=1), timedelta(days=7))
MODELS: tuple[Model, ...] = (*NAIVE, *LINEAR)
"""Those that cost next to nothing: a server relearns them every night."""
CHOICE_DAYS = 14
"""The validation part: the newest days."""
SERIES_AT_ONCE = 50
"""Bounds the memory of the features: 50 series of 8 weeks of quarter-hours make 100 MB."""


@dataclass(frozen=True)
class Begun:
    """A series' first champion for a horizon, and why."""

    standing: Standing
    chosen: Chosen


@dataclass(frozen=True)
class Ahead:
    """[steps, series] kWh: what is expected, and between what and what in nine of ten cases; NaN: no promise."""

    expected: Array
    low: Array
    high: Array


def first_day(panel: Panel) -> int:
    """The ordinal of the panel's first day; raises PanelBroken unless it begins at midnight."""
    start = panel.start
    if (start.hour, start.minute, start.second, start.microsecond) != (0, 0, 0, 0):
        raise PanelBroken(f"a panel of days begins at midnight, not at {start}")
    return start.toordinal()


def steps_ahead(panel: Panel, horizon: timedelta) -> int:
    """A horizon in steps of this panel, at least one."""
    return max(int(horizon / panel.step), 1)


def begin(panel: Panel, horizon: int, metric: Metric) -> list[Begun]:
    """Choose the first champion of every series on the newest days; the newest day must be over."""
    day, today = panel.steps_per_day, first_day(panel) + panel.steps // panel.steps_per_day
    end = panel.steps // day * day
    cut = end - CHOICE_DAYS * day
    known_days = panel.known_steps(end) / day
    learn = np.arange(min(horizon + day, cut), cut)
    if len(learn) < day:
        fallback = Chosen("last", "new", float("nan"), float("nan"))
        return [Begun(Standing("last", today, 0), fallback) for _ in panel.names]
    say = np.arange(cut, end)
    found: list[Begun] = []
    for part, places in _chunks(panel):
        made = forecasts_of(with_means(MODELS, part, horizon), part, learn, say, horizon)
        chosen = choose(metric, part.values[say], made, known_days[places], day)
        found += [Begun(Standing(one.champion, today, 0), one) for one in chosen]
    return found


def say(panel: Panel, standings: Sequence[Standing], horizon: int, targets: Places) -> Array:
    """[targets, series] what these standings say; every series is learned on its own days."""
    keys: dict[tuple[str, int, int], list[int]] = {}
    for place, one in enumerate(standings):
        keys.setdefault((one.champion, one.learned_until, one.learned_days), []).append(place)
    found = np.full((len(targets), len(panel.names)), np.nan)
    for (champion, until, days), places in keys.items():
        learn = _span(panel, until, days, horizon)
        for start in range(0, len(places), SERIES_AT_ONCE):
            some = places[start : start + SERIES_AT_ONCE]
            found[:, some] = _forecast(champion, panel.only(some), learn, targets, horizon)
    return found


def ahead(panel: Panel, standings: Mapping[int, Sequence[Standing]], steps: int, known: Inputs | None = None) -> Ahead:
    """The next `steps` steps; `standings` by horizon in steps. Bias is taken off, intervals adapt.

    `known`: what was added to the panel, and is known of the steps to come.
    """
    last = max(standings)
    if not 0 < steps <= last:
        raise ValueError(f"1 to {last} steps ahead can be forecast, not {steps}")
    empty = np.full((steps, len(panel.names)), np.nan)
    longer = (known or Inputs()).longer(panel, steps)
    if known is not None:
        panel = longer.until(panel.steps)
    expected, width = empty.copy(), empty.copy()
    done = 0
    for horizon in sorted(standings):
        targets = np.arange(panel.steps + done, panel.steps + min(horizon, steps))
        if len(targets):
            errors = past_errors(panel, standings[horizon], horizon)
            said = say(longer, standings[horizon], horizon, targets) + _bias(errors, panel.steps_per_day)
            rows = slice(done, done + len(targets))
            expected[rows], width[rows] = np.maximum(said, 0.0), _width(errors, horizon)
            done += len(targets)
    return Ahead(expected, np.maximum(expected - width, 0.0), expected + width)


def past_errors(panel: Panel, standings: Sequence[Standing], horizon: int) -> Array:
    """[steps of the newest weeks, series] truth less what the champions say that had not seen those weeks."""
    cut = max(panel.steps - CHOICE_DAYS * panel.steps_per_day, 0)
    before = first_day(panel) + cut // panel.steps_per_day
    blind = [replace(one, learned_until=min(one.learned_until, before)) for one in standings]
    targets = np.arange(cut, panel.steps)
    return np.asarray(panel.values[targets] - say(panel, blind, horizon, targets))


def score(panel: Panel, standings: Sequence[Standing], horizon: int, metric: Metric = "MAE") -> list[Step]:
    """What follows from the panel's last whole day for every series."""
    day = panel.steps_per_day
    today = panel.steps // day - 1
    targets = np.arange(today * day, (today + 1) * day)
    mae = _mean(np.abs(panel.values[targets] - say(panel, standings, horizon, targets)))
    formers = [one.former or one for one in standings]
    former_mae = _mean(np.abs(panel.values[targets] - say(panel, formers, horizon, targets)))
    losses_of = shadow(panel, horizon, (today + 1) * day, metric)
    number = first_day(panel) + today
    return [
        night(one, number, float(mae[i]), float(former_mae[i]) if one.former else float("nan"), _column(losses_of, i))
        for i, one in enumerate(standings)
    ]


def shadow(panel: Panel, horizon: int, end: int, metric: Metric) -> dict[str, Array]:
    """name -> [days, series] losses on the newest days of models that had not seen them; empty if history is short."""
    cut = end - PROMOTION_DAYS * panel.steps_per_day
    learn, targets = np.arange(min(horizon + panel.steps_per_day, max(cut, 0)), max(cut, 0)), np.arange(cut, end)
    if len(learn) < PROMOTION_DAYS * panel.steps_per_day:
        return {}
    parts: dict[str, list[Array]] = {}
    for part, _ in _chunks(panel):
        for name, made in forecasts_of(with_means(MODELS, part, horizon), part, learn, targets, horizon).items():
            parts.setdefault(name, []).append(daily(losses(metric, part.values[targets], made), panel.steps_per_day))
    return {name: np.concatenate(columns, axis=1) for name, columns in parts.items()}


def _column(of: Mapping[str, Array], series: int) -> dict[str, Sequence[float]]:
    return {name: days[:, series].tolist() for name, days in of.items()}


def _forecast(champion: str, panel: Panel, learn: Places, targets: Places, horizon: int) -> Array:
    by_name = {model.name: model for model in (*MODELS, *MEANS)}
    parts = [by_name[name] for name in BLENDS.get(champion, (champion,))]
    return blend([model.fit(panel, learn, horizon).predict(panel, targets) for model in parts])


def _span(panel: Panel, until: int, days: int, horizon: int) -> Places:
    day = panel.steps_per_day
    end = min(max((until - first_day(panel)) * day, 0), panel.steps)
    begin_at = max(end - days * day, 0) if days else 0
    return np.arange(min(max(begin_at, horizon + day), end), end)


def _chunks(panel: Panel) -> list[tuple[Panel, Places]]:
    every = np.arange(len(panel.names))
    parts = [every[start : start + SERIES_AT_ONCE] for start in range(0, len(every), SERIES_AT_ONCE)]
    return [(panel.only(part.tolist()), part) for part in parts]


def _mean(sizes: Array) -> Array:
    known = np.isfinite(sizes)
    count = known.sum(axis=0)
    return np.where(count > 0, np.where(known, sizes, 0.0).sum(axis=0) / np.maximum(count, 1), np.nan)


def _bias(errors: Array, day: int) -> Array:
    """Of what was said lately; where the mean error is small against its own spread over days it is left alone."""
    days = len(errors) // day
    means = np.stack([_mean(errors[len(errors) - (n + 1) * day :][:day]) for n in reversed(range(days))])
    if days < CHOICE_DAYS:
        return np.zeros(errors.shape[1])
    spread = np.nan_to_num(np.nanstd(np.nan_to_num(means), axis=0)) / np.sqrt(days)
    found = bias(means)
    return np.where(np.abs(found) > 2 * spread, found, 0.0)


def _width(errors: Array, horizon: int) -> Array:
    """[series] the half width that adaptive intervals have come to at the end of these errors."""
    coming = np.full((1, errors.shape[1]), np.nan)
    half_kwh: Array = intervals(errors, coming, horizon, len(errors)).half_kwh[-1]
    return half_kwh
