"""What is done when forecasts go wrong: notice drift, take off bias, learn again, promote, roll back. Pure.

Each night the day that is over is scored. A CUSUM on the daily MAE (E. Page 1954; allowance 0.75 and threshold 8, in
deviations of the daily MAE) notices drift, whereupon the champion learns anew at once. Another kind of model is
promoted only when it was better on 14 days that it had not seen; whatever took over goes back when it is worse than
what it replaced on 3 days in a row and on the whole: of equals one is worse on some three days in a row by chance.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from monitor.forecast.choice import DOUBT, FALLBACK, doubt
from monitor.forecast.panel import Array

ALLOWANCE, THRESHOLD = 0.75, 8.0
BASE_DAYS = 7
"""So many days say what a usual daily MAE is."""
PROMOTION_DAYS, ROLLBACK_DAYS = 14, 3
HALF_LIFE_DAYS = 3.0
"""After so many days a residual counts half as much for the bias."""
REFIT_DAYS = 28
"""A window of a refit; so many days after an alarm it holds no day from before."""


@dataclass(frozen=True)
class Cusum:
    """Sums what is worse than usual; alarmed when the sum is over the threshold. Starts by learning what is usual."""

    base: tuple[float, ...] = ()
    total: float = 0.0

    def after(self, daily_mae: float) -> Cusum:
        """With one more day; a day that is not known changes nothing."""
        if not np.isfinite(daily_mae):
            return self
        if len(self.base) < BASE_DAYS:
            return replace(self, base=(*self.base, daily_mae))
        usual = float(np.mean(self.base))
        deviation = max(float(np.std(self.base, ddof=1)), 0.1 * usual, 1e-9)
        return replace(self, total=max(0.0, self.total + (daily_mae - usual) / deviation - ALLOWANCE))

    @property
    def alarmed(self) -> bool:
        """Whether what is usual has changed for the worse."""
        return self.total > THRESHOLD


def bias(residuals: Array) -> Array:
    """[series] exponentially weighted mean of daily mean residuals [days, series], oldest first; 0 without any, kWh."""
    days = len(residuals)
    weights = 0.5 ** (np.arange(days)[::-1] / HALF_LIFE_DAYS)
    known = np.isfinite(residuals)
    total = (weights[:, None] * known).sum(axis=0)
    summed = (weights[:, None] * np.where(known, residuals, 0.0)).sum(axis=0)
    return np.where(total > 0, summed / np.where(total > 0, total, 1.0), 0.0)


@dataclass(frozen=True)
class Standing:
    """Who forecasts a series, since which day its model learned, whom it replaced, and how it fares.

    `learned_until` and `learned_days` are the training span: with the name and the data they are the model. `worse_by`:
    the sum of daily MAE less that of whom it replaced, kWh. `usual_until`: the day up to which what was usual before
    an alarm stays the measure: a model that learned mostly from before the drift is to be alarmed again.
    """

    champion: str
    learned_until: int
    learned_days: int
    former: Standing | None = None
    worse_days: int = 0
    worse_by: float = 0.0
    cusum: Cusum = Cusum()
    usual_until: int | None = None


@dataclass(frozen=True)
class Step:
    """What became of a series in a night: `kept`, `refit`, `promoted` or `rolled back`, and the reason in figures.

    `loss`, `fallback_loss`: mean daily loss on the last days of the kind of model that stands now, as learned before
    those days, and of the last value; NaN where the history is short.
    """

    standing: Standing
    what: str = "kept"
    reason: str = ""
    loss: float = float("nan")
    fallback_loss: float = float("nan")


def night(standing: Standing, today: int, mae: float, former_mae: float, shadow: Mapping[str, Sequence[float]]) -> Step:
    """What follows from the day that is over.

    `today`: its number. `mae` and `former_mae`: of what was said by the champion and would have been by whom it
    replaced. `shadow`: name -> daily losses on the last days of all candidates as they were learned before those days,
    the champion's among them, oldest first.
    """
    step = _followed(standing, today, mae, former_mae, shadow)
    losses = [_mean(shadow.get(name, ())) for name in (step.standing.champion, FALLBACK)]
    return replace(step, loss=losses[0], fallback_loss=losses[1])


def _mean(days: Sequence[float]) -> float:
    known = [day for day in days if np.isfinite(day)]
    return float(np.mean(known)) if known else float("nan")


def _followed(
    standing: Standing, today: int, mae: float, former_mae: float, shadow: Mapping[str, Sequence[float]]
) -> Step:
    moved = replace(standing, cusum=standing.cusum.after(mae))
    if standing.former is not None and np.isfinite(mae) and np.isfinite(former_mae):
        worse_days = standing.worse_days + 1 if mae > former_mae else 0
        moved = replace(moved, worse_days=worse_days, worse_by=standing.worse_by + mae - former_mae)
        if worse_days >= ROLLBACK_DAYS and moved.worse_by > 0:
            usual = Cusum(standing.former.cusum.base)  # the drift is still there, and is to be noticed again
            back = replace(standing.former, former=None, cusum=usual, usual_until=standing.usual_until)
            return Step(back, "rolled back", f"worse than {back.champion} on {ROLLBACK_DAYS} days in a row, and in all")
    if moved.usual_until is not None and today >= moved.usual_until:
        return Step(_relearned(moved, today, None), "refit", f"{REFIT_DAYS} days after the alarm")
    if moved.cusum.alarmed:
        until = moved.usual_until or today + REFIT_DAYS
        return Step(_relearned(moved, today, until), "refit", f"CUSUM {moved.cusum.total:.1f}")
    return _promoted(moved, today, shadow)


def _relearned(standing: Standing, today: int, usual_until: int | None) -> Standing:
    """The champion on the last days; what stood before stays the one to fall back to. Without `usual_until` what is
    usual is learned anew, too.
    """
    before = replace(standing, former=None)
    usual = Cusum() if usual_until is None else Cusum(standing.cusum.base)
    return Standing(standing.champion, today + 1, REFIT_DAYS, before, cusum=usual, usual_until=usual_until)


def _promoted(standing: Standing, today: int, shadow: Mapping[str, Sequence[float]]) -> Step:
    mine = np.array(shadow.get(standing.champion, ()), dtype=float)
    rivals = {name: np.array(days, dtype=float) for name, days in shadow.items() if name != standing.champion}
    ready = {name: days for name, days in rivals.items() if len(days) >= PROMOTION_DAYS}
    if len(mine) < PROMOTION_DAYS or not ready:
        return Step(standing)
    mine = mine[-PROMOTION_DAYS:]
    best = min(ready, key=lambda name: float(np.nanmean(ready[name][-PROMOTION_DAYS:])))
    theirs = ready[best][-PROMOTION_DAYS:]
    both = np.isfinite(mine) & np.isfinite(theirs)
    unsure = doubt(theirs[both][:, None], mine[both][:, None])[0]
    if unsure >= DOUBT:
        return Step(standing)
    made = Standing(best, today + 1, 0, replace(standing, former=None))
    gain = 1.0 - float(theirs[both].mean() / mine[both].mean())
    return Step(made, "promoted", f"{gain:.1%} better on {int(both.sum())} days, p = {unsure:.3f}")
