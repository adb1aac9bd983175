"""What a grid company is told: energy, peak and valley, feeders and transformers, saved cost, carbon. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

import numpy as np

from monitor.warehouse import carbon, periods, thermal
from monitor.warehouse.report import Asked, Figure, change, ratio, total

Rows = Sequence[Mapping[str, Any]]
STEP_MIN, STEPS_A_DAY = 15.0, 96
STEP = timedelta(minutes=STEP_MIN)
LETTERS = {"sharp": "S", "peak": "P", "flat": "F", "valley": "V", "deep": "D"}
NEEDS = ("hourly", "levels", "by_feeder", "feeder_loads")
YESTERDAY = "the next day is forecast as the last one; errors are the changes from day to day"


def figures(now: Mapping[str, Rows], before: Mapping[str, Rows], asked: Asked, area: str) -> Iterator[Figure]:
    """All of them. `area`: the GB/T 2260 code whose carbon factor counts."""
    yield from energy(now["hourly"], before["hourly"], asked)
    yield from shares(now["levels"], before["levels"])
    yield saved_cost(now["levels"])
    yield avoided_carbon(total(now["hourly"], "energy_kwh"), area, asked.last)
    for row in now["by_feeder"]:
        yield Figure("feeder_energy", row["energy_kwh"], "kWh", row["feeder_id"] or "-")
    yield from transformers(now["feeder_loads"])


def energy(now: Rows, before: Rows, asked: Asked) -> Iterator[Figure]:
    """Energy by local day; the mean daily peak and valley (kW), against the period before."""
    kwh = total(now, "energy_kwh")
    yield Figure("energy", kwh, "kWh")
    yield Figure("daily_energy", kwh / asked.days, "kWh/d")
    yield Figure("energy_change", change(kwh, total(before, "energy_kwh")), "1", note="against the period before")
    by_day: dict[date, float] = {}
    for row in now:
        by_day[row["local_date"]] = by_day.get(row["local_date"], 0.0) + row["energy_kwh"]
    for day, value in sorted(by_day.items()):
        yield Figure("energy_of_day", value, "kWh", day.isoformat())
    (peak, valley), (peak_before, valley_before) = _peaks(now, asked), _peaks(before, asked.before())
    yield Figure("daily_peak", peak, "kW", note="mean over days of the highest hour")
    yield Figure("daily_valley", valley, "kW", note="mean over days of the lowest hour")
    yield Figure("peak_to_valley", None if peak is None or valley is None else peak - valley, "kW")
    yield Figure("peak_change", change(peak or 0.0, peak_before or 0.0), "1", note="against the period before")
    yield Figure("valley_change", change(valley or 0.0, valley_before or 0.0), "1", note="against the period before")


def _peaks(rows: Rows, asked: Asked) -> tuple[float | None, float | None]:
    if not rows:
        return None, None
    load = np.zeros((asked.days, 24))
    for row in rows:
        place = (row["begins_at"] - asked.since) // timedelta(hours=1)
        load[place // 24, place % 24] += row["energy_kwh"]
    return float(load.max(axis=1).mean()), float(load.min(axis=1).mean())


def shares(now: Rows, before: Rows) -> Iterator[Figure]:
    """kWh and share of each level, and by how much the share moved."""
    mine, its = _by_level(now), _by_level(before)
    moved = periods.moved(mine, its)
    for name, letter in LETTERS.items():
        yield Figure("level_energy", mine.energy_kwh[letter], "kWh", name)
        yield Figure("level_share", mine.share(letter), "1", name)
        yield Figure("level_share_change", moved[letter], "1", name, note="points of 1 against the period before")
    yield Figure("cheap_share", mine.share(*periods.CHEAP), "1", note="valley and deep valley together")


def _by_level(rows: Rows) -> periods.Shares:
    known = [row for row in rows if row["level"] in LETTERS]
    return periods.by_level([row["energy_kwh"] for row in known], [LETTERS[row["level"]] for row in known])


def saved_cost(levels: Rows) -> Figure:
    """What charging in cheap hours saved against the flat price of the same tariff."""
    priced = [row for row in levels if row["priced_kwh"] > 0]
    found = periods.saved(
        [row["priced_kwh"] for row in priced],
        [row["paid_yuan"] / row["priced_kwh"] for row in priced],
        [row["flat_yuan"] / row["priced_kwh"] for row in priced],
    )
    unpriced = total(levels, "energy_kwh") - found.priced_kwh
    note = f"against {found.counterfactual}" + (f"; {unpriced:.3f} kWh without a price" if unpriced > 1e-6 else "")
    return Figure("saved_cost", found.money if priced else None, "yuan", note=note)


def avoided_carbon(energy_kwh: float, area: str, last: date) -> Figure:
    """kg of CO2 avoided, with its range and what it was made from."""
    try:
        found = carbon.avoided(energy_kwh, area, last.year)
    except carbon.FactorMissing as fault:
        return Figure("carbon_avoided", None, "kg", note=str(fault))
    return Figure("carbon_avoided", found.likely_kg, "kg", low=found.low_kg, high=found.high_kg,
                  factors=found.assumptions, note="an estimate with stated parameters")  # fmt: skip


def transformers(loads: Rows) -> Iterator[Figure]:
    """Of each feeder: highest load, overload, heat and ageing, and how likely it is overloaded on the next day."""
    by_feeder: dict[str, list[Mapping[str, Any]]] = {}
    for row in loads:
        if row["rating_w"]:
            by_feeder.setdefault(row["feeder_id"], []).append(row)
    for name, rows in sorted(by_feeder.items()):
        yield from transformer(name, rows)


def transformer(name: str, rows: Rows) -> Iterator[Figure]:
    """Figures of one feeder from its quarter-hours, in their order."""
    load_w, held = filled([row["begins_at"] for row in rows], [row["load_w"] for row in rows])
    rating_w = float(rows[-1]["rating_w"])
    factor = np.maximum(load_w, 0.0) / rating_w
    kind = thermal.shipped_transformers()["onan"]
    heat = thermal.heated(factor, None, STEP_MIN, kind)
    rated = f"rated {rating_w / 1000.0:g} kW"
    gaps = f"; {held} quarter-hours that were not seen are taken as the one before" if held else ""
    notes = (f"{kind.title} as assumed kind", *heat.assumed)
    yield Figure("feeder_load_max", float(load_w.max()) / 1000.0, "kW", name, note=rated + gaps)
    yield Figure("feeder_load_mean", float(load_w.mean()) / 1000.0, "kW", name)
    yield Figure("overload_minutes", thermal.minutes_above(factor, STEP_MIN), "min", name, note=rated + gaps)
    yield Figure("overload_warnings", len(thermal.overloads(factor, STEP_MIN, thermal.WARNING)), "", name)
    yield Figure("overload_alarms", len(thermal.overloads(factor, STEP_MIN, thermal.ALARM)), "", name)
    yield Figure("hot_spot_max", float(heat.hot_spot_c.max()), "°C", name, factors=notes)
    life = ratio(heat.life_used_h, len(factor) * STEP_MIN / 60.0)
    yield Figure("ageing", life, "1", name, factors=notes, note="hours of life used by hours that passed")
    yield Figure("exceedance", next_day(load_w, rating_w), "1", name, note=YESTERDAY)


def filled(times: Sequence[datetime], values: Sequence[float]) -> tuple[np.ndarray, int]:
    """[quarter-hours] from the first to the last time, and how many were held over from the one before."""
    found = np.full((times[-1] - times[0]) // STEP + 1, np.nan)
    for at, value in zip(times, values, strict=True):
        found[(at - times[0]) // STEP] = value
    missing = np.isnan(found)
    known = np.maximum.accumulate(np.where(missing, 0, np.arange(len(found))))
    return found[known], int(missing.sum())


def next_day(load_w: np.ndarray, rating_w: float) -> float | None:
    """The highest probability of any quarter-hour of the next day to exceed the rating; None with less than 2 days."""
    if len(load_w) < 2 * STEPS_A_DAY:
        return None
    errors = load_w[STEPS_A_DAY:] - load_w[:-STEPS_A_DAY]
    return float(thermal.exceedance(load_w[-STEPS_A_DAY:], errors, rating_w).max())
