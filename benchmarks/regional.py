"""Daily energy of a region: the champion of each horizon against its candidates, on what it had not seen.

Input: the sessions of Perth & Kinross in `shared/data/perth` (Open Government Licence v3.0), or the folder that
PERTH_DATA names. The newest 26 weeks are judged, the 26 weeks before say who is champion, the rest is learned from;
every day is an origin. Absolute errors over energy.
"""

from __future__ import annotations

import csv
import gzip
import os
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np

from benchmarks.optimizer_acn import folder as acn_folder
from benchmarks.tables import Figures
from monitor.forecast.choice import choose, picked
from monitor.forecast.panel import Array, Panel
from monitor.forecast.protocol import candidates, forecasts_of, with_means

HORIZONS = (1, 7, 28)
JUDGED_DAYS = 26 * 7
BEST = {1: 0.117, 7: 0.109, 28: 0.120}
"""The best of six models that were measured on the same data, each chosen afterwards."""
NOISE = 0.01
"""With so few days, differences below a point say nothing."""
KWH_MAX = 200.0
"""More than any car of those years takes."""


def folder() -> Path:
    """Where the files are."""
    named = os.environ.get("PERTH_DATA")
    return Path(named) if named else acn_folder().parent / "perth"


def daily(files: Path) -> Panel:
    """kWh by the day on which sessions began; rows without energy, or with an impossible one, count for nothing."""
    sums: dict[date, float] = {}
    for path in sorted(files.glob("sessions_*.csv.gz")):
        for day, kwh in _sessions(path):
            sums[day] = sums.get(day, 0.0) + kwh
    days = (max(sums) - min(sums)).days + 1
    values = [[sums.get(min(sums) + timedelta(days=n), 0.0)] for n in range(days)]
    begin = datetime.combine(min(sums), datetime.min.time())
    return Panel(begin, timedelta(days=1), ("Perth & Kinross",), np.array(values))


def _sessions(path: Path) -> Iterator[tuple[date, float]]:
    with gzip.open(path, "rt", encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            try:
                day_of_month, month, year = map(int, row["Start Date"].split("/"))
                day, kwh = date(year, month, day_of_month), float(row["Total kWh"])
            except ValueError:
                continue
            if year > 2000 and 0 < kwh < KWH_MAX:
                yield day, kwh


def judged(panel: Panel, horizon: int) -> tuple[str, dict[str, float]]:
    """The champion's name, and the share of energy that each candidate and `champion` erred by."""
    last = panel.steps
    test, validation = np.arange(last - JUDGED_DAYS, last), np.arange(last - 2 * JUDGED_DAYS, last - JUDGED_DAYS)
    learn = np.arange(horizon + 1, last - 2 * JUDGED_DAYS)
    models = with_means(candidates(learners=False), panel, horizon)
    early = forecasts_of(models, panel, learn, validation, horizon)
    chosen = choose("MAE", panel.values[validation], early, panel.known_steps(int(validation[0])), 1)
    late = forecasts_of(models, panel, np.concatenate([learn, validation]), test, horizon)
    late["champion"] = picked(late, chosen)
    return chosen[0].champion, {name: _share(panel.values[test], made) for name, made in late.items()}


def _share(truth: Array, made: Array) -> float:
    return float(np.abs(truth - made).sum() / truth.sum())


def run(quick: bool = False) -> Figures:
    """All horizons; `quick` changes nothing."""
    panel = daily(folder())
    rows: list[dict[str, object]] = []
    for horizon in HORIZONS:
        name, shares = judged(panel, horizon)
        bar = BEST[horizon] + NOISE
        for who, share in shares.items():
            told = f"{horizon} days ahead, {who}" + (f" ({name})" if who == "champion" else "")
            row: dict[str, object] = {"figure": told, "value": share, "unit": "of energy", "bar": "", "met": None}
            rows.append(row | ({"bar": f"<= {bar:.3f}", "met": share <= bar} if who == "champion" else {}))
    return rows
