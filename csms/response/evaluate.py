"""What an event came to: how far load fell or rose against the baseline, what of it is credited, what it pays. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal

import numpy as np

from csms.model.response import Kind, PriceUnit, ResponseEvent
from csms.response.settlement import cents
from optimizer.response import BAND, settlement

QUARTER_H = 0.25
ROUNDING = 1e-9
Band = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Highest, lowest and mean, in W."""

    max_w: float
    min_w: float
    avg_w: float


@dataclass(frozen=True, slots=True)
class Interval:
    """A quarter-hour in W. `plan_w`: what load was to be; `change_w`: how far it fell (or rose, for `fill`); both of
    them and `actual_w` are None where the load is not known (yet).
    """

    begins_at: datetime
    baseline_w: float
    plan_w: float
    actual_w: float | None

    def change_w(self, kind: Kind) -> float | None:
        """Towards what was asked for; negative the other way."""
        if self.actual_w is None:
            return None
        fallen = self.baseline_w - self.actual_w
        return fallen if kind is Kind.SHAVE else -fallen


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The record of an event. Powers in W.

    `pay`: yuan to the cent, of the whole watts or watt-hours that are credited, so that everybody can do the sum again.
    `actual_w`: the mean change; `ratio`: of the target; `confirmed_w`: what is credited; `effective_s`: how long the
    change was at least the band's lower end of the target.
    """

    baseline: Spread
    load: Spread
    invited_w: int
    replied_w: int
    cleared_w: int
    actual_w: float
    ratio: float
    confirmed_w: float
    credited_wh: float
    pay: float
    effective: bool
    effective_s: float


def plan_w(baseline_w: float, target_w: float, kind: Kind) -> float:
    """What load is to be in a quarter-hour."""
    return max(baseline_w - target_w, 0.0) if kind is Kind.SHAVE else baseline_w + target_w


def intervals(event: ResponseEvent, baseline_w: Sequence[float], load_w: Sequence[float | None]) -> list[Interval]:
    """The rows of a report."""
    kind, start, quarter = event.invitation.kind, event.invitation.start, timedelta(hours=QUARTER_H)
    return [
        Interval(start + quarter * n, usual, plan_w(usual, event.target_w, kind), load)
        for n, (usual, load) in enumerate(zip(baseline_w, load_w, strict=True))
    ]


def evaluate(event: ResponseEvent, rows: Sequence[Interval], band: Band = BAND) -> Evaluation | None:
    """None while the load of a quarter-hour is not known: what was not metered is not made up."""
    kind = event.invitation.kind
    load = [row.actual_w for row in rows if row.actual_w is not None]
    if not rows or len(load) < len(rows):
        return None
    usual = [row.baseline_w for row in rows]
    found = settlement(
        np.array(usual) / 1000,
        np.array(load) / 1000,
        event.target_w / 1000,
        event.price,
        QUARTER_H,
        "down" if kind is Kind.SHAVE else "up",
        band,
    )
    per_kw = event.invitation.unit is PriceUnit.PER_KW
    credited = round((found.credited_kw if per_kw else found.credited_kwh) * 1000)
    least_w = band[0] * event.target_w - ROUNDING
    enough = [row for row in rows if (row.change_w(kind) or 0.0) >= least_w]
    return Evaluation(
        baseline=_spread(usual),
        load=_spread(load),
        invited_w=event.invitation.target_w,
        replied_w=event.bid.power_w if event.bid is not None else 0,
        cleared_w=event.target_w,
        actual_w=found.reached * event.target_w,
        ratio=found.reached,
        confirmed_w=found.credited_kw * 1000,
        credited_wh=found.credited_kwh * 1000,
        pay=float(cents(Decimal(str(event.price)) * Decimal(credited) / 1000)),
        effective=found.credited_kw > 0,
        effective_s=len(enough) * QUARTER_H * 3600,
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(max(values), min(values), sum(values) / len(values))
