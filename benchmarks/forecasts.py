"""Forecasts: what it costs to relearn a city, and the correction loop against none and against relearning each week.

Input: `shared/data/charged/MEL` beside the repository, or the folder that CHARGED_DATA names (H. Guo et al., Scientific
Data 12:1254, 2025), with `volume.csv.gz` in it.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from statistics import median

import numpy as np

from benchmarks.optimizer_acn import folder as acn_folder
from benchmarks.tables import Figures
from monitor.forecast.drift import drifted, play
from monitor.forecast.folder import read_folder
from monitor.forecast.panel import Array, Panel
from monitor.forecast.protocol import LINEAR, parts_of

SHARE, FACTOR, SHIFT_H, BEGIN, FIRST = 0.2, 1.8, 3, 0.7, 0.5
"""A fifth of the sites, times 1.8 and 3 h later, from 70 % of the series; scored from its middle on."""
HORIZON_H = 24
STILL_KWH = 1e-6
"""A site whose load deviates by less stands still: what is left is rounding."""
REFIT_BAR_S = 1.0


def _panel() -> Panel:
    named = os.environ.get("CHARGED_DATA")
    return read_folder(Path(named) if named else acn_folder().parent / "charged" / "MEL")


def refit(quick: bool = False) -> Figures:
    """Seconds to learn all linear candidates of all sites for one horizon; the best of three."""
    panel = _panel()
    training, _, _ = parts_of(panel, 1)
    took = []
    for _ in range(1 if quick else 3):
        begin = time.perf_counter()
        for model in LINEAR:
            model.fit(panel, training, 1)
        took.append(time.perf_counter() - begin)
    best = min(took)
    name = f"{len(panel.names)} sites x {len(training)} steps, linear family"
    return [{"figure": name, "value": best, "unit": "s", "bar": f"<= {REFIT_BAR_S} s", "met": best <= REFIT_BAR_S}]


def drift(quick: bool = False) -> Figures:
    """MAE from a week after the drift on, of drifted and of other sites.

    Of each site in deviations of its load in the days that were learned from first, then the mean over sites; sites
    that stood still then have no measure and are left out.
    """
    panel = _panel()
    sites, day = len(panel.names), panel.steps_per_day
    first, begin = int(FIRST * panel.steps) // day, int(BEGIN * panel.steps) // day
    scale = np.nanstd(panel.values[: first * day], axis=0)
    rows: list[dict[str, object]] = []
    for seed in range(1 if quick else 3):
        who = np.sort(np.random.default_rng(seed).choice(sites, size=round(SHARE * sites), replace=False))
        others = np.setdiff1d(np.arange(sites), who)
        moved = drifted(panel, who, begin * day, FACTOR, SHIFT_H)
        for rule in ("static", "weekly", "cusum"):
            played = play(moved, HORIZON_H, first, rule)
            after = played.mae[begin - first + 7 :].mean(axis=0)
            delays = [min(late) for one in who if (late := _after(played.alarms.get(int(one), []), begin))]
            told = f"drift {seed}, {rule}"
            rows += [
                _row(f"{told}: drifted sites", _scaled(after, scale, who)),
                _row(f"{told}: other sites", _scaled(after, scale, others)),
                _row(f"{told}: fits of a site", played.fits),
            ]
            if rule == "cusum":
                rows.append(_row(f"{told}: found of {len(who)}", len(delays)))
                rows.append(_row(f"{told}: median delay, days", median(delays) if delays else float("nan")))
    return rows


def _after(days: list[int], begin: int) -> list[int]:
    return [day - begin for day in days if day >= begin]


def _scaled(mae: Array, scale: Array, sites: np.ndarray) -> float:
    moving = sites[scale[sites] > STILL_KWH]
    return float((mae[moving] / scale[moving]).mean())


def _row(figure: str, value: float) -> dict[str, object]:
    return {"figure": figure, "value": value, "unit": "", "bar": "", "met": None}
