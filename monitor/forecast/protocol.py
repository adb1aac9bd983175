"""The protocol that forecasts are judged by (six expanding folds by month, 80/10/10 by time inside each). Pure.

Candidates learn on the first part, champions are chosen on the second, and what was chosen learns again from both: as
a server does that knows everything up to now. The third part is only ever forecast and judged.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from monitor.forecast.choice import Chosen, choose, picked
from monitor.forecast.features import LAGS
from monitor.forecast.intervals import NOMINAL, WINDOW_DAYS, intervals
from monitor.forecast.learners import Learner
from monitor.forecast.models import LastSeason, Model, Ridge, SeasonMean, blend
from monitor.forecast.panel import Array, Panel, PanelBroken, Places
from monitor.forecast.scores import Metric, measures

TRAINING, VALIDATION = 0.8, 0.1
METRICS: tuple[Metric, ...] = ("MAE", "RMSE")
NAIVE: tuple[Model, ...] = (LastSeason("last", 0), LastSeason("day", 1), LastSeason("week", 7))
LINEAR: tuple[Model, ...] = (Ridge("lags", far=False), Ridge("rich", far=True))
MEANS: tuple[Model, ...] = (SeasonMean("month", 1, 28), SeasonMean("weekdays", 7, 4))
"""Hard to beat where the newest days say little: from `FAR_DAYS` ahead on they are candidates, too."""
FAR_DAYS = 7
LEARNERS: tuple[Model, ...] = (
    Learner("trees", "squares"),
    Learner("median", "median"),
    Learner("network", "network"),
)
BLENDS = {"rich+trees": ("rich", "trees"), "rich+median": ("rich", "median")}
"""Plain means of two candidates that err differently."""


@dataclass(frozen=True)
class Judged:
    """One horizon of one fold. `scores`: name -> measures on the test part, of candidates (which learned from the first
    part) and `champion MAE`, `champion RMSE`. By metric: who was `chosen`; the share of truths that intervals hold
    (`coverage`), what they promise (`promised`: nine tenths of each series, or all that was forecast
    exactly where that is more, for any interval holds it); mean `width`, kWh.
    """

    fold: int
    horizon: int
    series: tuple[str, ...]
    scores: dict[str, dict[str, float]]
    chosen: dict[Metric, list[Chosen]] = field(default_factory=dict)
    coverage: dict[Metric, float] = field(default_factory=dict)
    promised: dict[Metric, float] = field(default_factory=dict)
    width: dict[Metric, float] = field(default_factory=dict)


def month_ends(panel: Panel) -> list[int]:
    """The step after the last one of each month; the last month ends where the panel does."""
    months = [(panel.start + panel.step * i).month for i in range(panel.steps)]
    return [*(i for i in range(1, panel.steps) if months[i] != months[i - 1]), panel.steps]


def parts_of(panel: Panel, horizon: int) -> tuple[Places, Places, Places]:
    """Targets for training, validation and test. Those of the test see their look-back inside the test part, as in the
    measured baselines of the protocol; training begins a day after the first origin."""
    first, second = int(panel.steps * TRAINING), int(panel.steps * (TRAINING + VALIDATION))
    begin = min(horizon + panel.steps_per_day, first)
    judged = min(second + horizon + LAGS - 1, panel.steps)
    return np.arange(begin, first), np.arange(first, second), np.arange(judged, panel.steps)


def candidates(learners: bool = True) -> tuple[Model, ...]:
    """All models, or those that cost next to nothing."""
    return (*NAIVE, *LINEAR, *(LEARNERS if learners else ()))


def with_means(models: Sequence[Model], panel: Panel, horizon: int) -> tuple[Model, ...]:
    """The candidates for a horizon of so many steps."""
    return (*models, *(MEANS if horizon >= FAR_DAYS * panel.steps_per_day else ()))


def forecasts_of(models: Sequence[Model], panel: Panel, learn: Places, say: Places, horizon: int) -> dict[str, Array]:
    """[targets, series] kWh by name, with the blends whose parts are there."""
    found = {model.name: model.fit(panel, learn, horizon).predict(panel, say) for model in models}
    for name, parts in BLENDS.items():
        if all(part in found for part in parts):
            found[name] = blend([found[part] for part in parts])
    return found


def judge(panel: Panel, fold: int, horizon: int, models: Sequence[Model]) -> Judged:
    """Choose on validation, learn again, and judge the test part once; see Judged."""
    training, validation, test = parts_of(panel, horizon)
    if len(validation) < panel.steps_per_day or not len(training) or not len(test):
        raise PanelBroken(f"fold {fold} has {panel.steps} steps: too few to train, to choose and to judge")
    said, models = np.concatenate([validation, test]), with_means(models, panel, horizon)
    early = forecasts_of(models, panel, training, said, horizon)
    kept = len(validation)
    truth = panel.values
    known_days = panel.known_steps(int(validation[0])) / panel.steps_per_day
    found = Judged(fold, horizon, panel.names, {n: measures(truth[test], made[kept:]) for n, made in early.items()})
    on_validation = {name: made[:kept] for name, made in early.items()}
    for metric in METRICS:
        found.chosen[metric] = choose(metric, truth[validation], on_validation, known_days, panel.steps_per_day)
    used = {one.champion for chosen in found.chosen.values() for one in chosen}
    parts = {part for name in used for part in BLENDS.get(name, (name,))}
    again = np.concatenate([training, validation])
    late = forecasts_of([model for model in models if model.name in parts], panel, again, test, horizon)
    for metric, chosen in found.chosen.items():
        made = picked(late, chosen)
        found.scores[f"champion {metric}"] = measures(truth[test], made)
        past = truth[validation] - picked(on_validation, chosen)
        _cover(found, metric, past, truth[test] - made, panel.steps_per_day)
    return found


def _cover(found: Judged, metric: Metric, past: Array, errors: Array, steps_per_day: int) -> None:
    made = intervals(past, errors, found.horizon, WINDOW_DAYS * steps_per_day, NOMINAL)
    told = np.isfinite(errors) & np.isfinite(made.half_kwh)
    if told.any():
        found.coverage[metric] = float((np.abs(errors) <= made.half_kwh)[told].mean())
        exact = (errors == 0.0).sum(axis=0) / np.maximum(np.isfinite(errors).sum(axis=0), 1)
        found.promised[metric] = float(np.maximum(exact, NOMINAL).mean())
        found.width[metric] = float(2 * made.half_kwh[told].mean())


def evaluate(
    panel: Panel,
    folds: Sequence[int],
    horizons: Sequence[int],
    models: Sequence[Model],
    tell: Callable[[int, int], None] = lambda fold, horizon: None,
) -> Iterator[Judged]:
    """Every fold (counted from 1) and horizon (steps) in turn; `tell` is called before each."""
    ends = month_ends(panel)
    for fold in folds:
        if not 1 <= fold <= len(ends):
            raise PanelBroken(f"there is no fold {fold}: the series covers {len(ends)} months")
        known = panel.until(ends[fold - 1])
        for horizon in horizons:
            tell(fold, horizon)
            yield judge(known, fold, horizon, models)
