"""Care by the forecasts that the central system stores: base load and charging of a tree, with the errors that they
made, with their own band while they are new, and not at all where they are old or tell half.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monitor.care.areas import QUARTER, WEEK, Area
from monitor.care.risk import DAY, outlook, risk
from monitor.care.stored import below_of, from_warehouse, with_forecasts
from monitor.store.forecast import open_forecasts
from monitor.warehouse.files import Files
from tests.unit.care.test_care import BEGIN, made, run

WEEKS = 5
END = BEGIN + WEEKS * WEEK * QUARTER
Told = Callable[[datetime], dict[str, float]]


def write(folder: Path, load: np.ndarray, charging: np.ndarray) -> None:
    """A transformer T1 with its charging, and a feeder T1a below it that has half of the base load."""
    files, days = Files(folder / "warehouse"), dict[Any, list[dict[str, Any]]]()
    for number in range(WEEKS * WEEK):
        at, base = BEGIN + number * QUARTER, 500.0 * (load[number] - charging[number])
        for feeder, cars in (("T1", 1000.0 * charging[number]), ("T1a", 0.0)):
            row = {"feeder_id": feeder, "begins_at": at, "base_w": base, "charging_w": cars, "looks": 15}
            days.setdefault(at.date(), []).append(row)
    for day, rows in days.items():
        files.put_rows("fact_feeder_15min", day, rows)
    tree = [("T1", "", 400_000.0), ("T1a", "T1", 300_000.0)]
    rows = [{"feeder_id": name, "parent": parent, "rating_w": rating} for name, parent, rating in tree]
    files.put_dimension("dim_feeder", rows)


def forecast(folder: Path, load: np.ndarray, charging: np.ndarray, runs: list[int], band_kw: float = 10.0,
             parts: tuple[str, ...] = ("base:T1", "base:T1a", "feeder:T1")) -> None:  # fmt: skip
    """Runs that know the truth but for a kilowatt, made so many quarter-hours before the end, each 33 hours far."""
    rng = np.random.default_rng(0)

    async def keep() -> None:
        store = await open_forecasts(folder)
        for back in runs:
            first = WEEKS * WEEK - back
            made_at, rows = BEGIN + first * QUARTER, []
            for step in range(first, first + 132):
                base = (load[step] - charging[step]) / 2.0
                values = {"base:T1": base, "base:T1a": base, "feeder:T1": charging[step]}
                for name in parts:
                    kwh = max(values[name] + 0.5 * rng.standard_normal(), 0.0) / 4.0
                    width = band_kw / 3.0 / 4.0
                    band = {"expected_kwh": kwh, "low_kwh": max(kwh - width, 0.0), "high_kwh": kwh + width}
                    times = {"made_at": made_at, "target_at": BEGIN + step * QUARTER}
                    rows.append({"series": name, **times, **band})
            await store.keep_values(rows, BEGIN - timedelta(days=1))
        await store.close()

    asyncio.run(keep())


@pytest.fixture
def truth() -> tuple[np.ndarray, np.ndarray]:
    """Loads of a week more than is known, whole days of which go up and down."""
    return made(5, WEEKS + 1, 350.0, 25.0)


AREA = Area(id="T1", rated_kva=400, power_factor=1.0)


def judged(folder: Path) -> Any:
    _, told = from_warehouse(folder / "warehouse")
    loads = with_forecasts(told, below_of(folder / "warehouse"), folder)["T1"]
    return loads, outlook(loads)


def test_base_loads_of_feeders_below_count(tmp_path: Path, truth: tuple[np.ndarray, np.ndarray]) -> None:
    write(tmp_path, *truth)
    _, told = from_warehouse(tmp_path / "warehouse")
    assert np.allclose(told["T1"].load_kw, truth[0][: WEEKS * WEEK])
    assert np.allclose(told["T1a"].load_kw, (truth[0] - truth[1])[: WEEKS * WEEK] / 2.0)
    assert below_of(tmp_path / "warehouse") == {"T1": ("T1", "T1a"), "T1a": ("T1a",)}


def test_stored_forecasts_tell_the_next_day_and_weeks_before_the_others(
    tmp_path: Path, truth: tuple[np.ndarray, np.ndarray]
) -> None:
    load, charging = truth
    write(tmp_path, load, charging)
    forecast(tmp_path, load, charging, [DAY * back for back in range(20)])
    loads, coming = judged(tmp_path)
    past = WEEKS * WEEK
    assert coming.sources == ("forecasts", *["weeks"] * 6)
    assert np.allclose(coming.forecast_kw[:DAY], load[past : past + DAY], atol=6.0)
    assert np.allclose(coming.charging_kw[:DAY], charging[past : past + DAY], atol=3.0)
    assert coming.errors[0].peak_kw.std() < coming.errors[1].peak_kw.std() / 4
    truly = load[past : past + DAY].max() > AREA.limit_kw
    assert (risk(coming, loads, AREA).chances[0] > 0.5) == truly
    document = json.loads(run("--warehouse", str(tmp_path / "warehouse"), "--json").stdout)
    assert {one["area"]: one["sources"][:2] for one in document}["T1"] == ["forecasts", "weeks"]
    assert "by forecast" in run("--warehouse", str(tmp_path / "warehouse")).stdout


def test_a_forecast_without_a_past_has_its_own_band(tmp_path: Path, truth: tuple[np.ndarray, np.ndarray]) -> None:
    load, charging = truth
    write(tmp_path, load, charging)
    forecast(tmp_path, load, charging, [0], band_kw=30.0)
    loads, coming = judged(tmp_path)
    assert coming.sources == ("band", *["weeks"] * 6)
    assert np.quantile(coming.errors[0].peak_kw, 0.95) == pytest.approx(30.0, rel=0.1)
    peak = coming.forecast_kw[:DAY].max()
    edge = Area(id="T1", rated_kva=float(peak + 30.0), power_factor=1.0)
    assert risk(coming, loads, edge).chances[0] == pytest.approx(0.05, abs=0.03), "the band is left by one of twenty"
    wide = Area(id="T1", rated_kva=float(peak + 90.0), power_factor=1.0)
    assert risk(coming, loads, wide).chances[0] < 0.02


def test_old_forecasts_and_those_that_tell_half_are_none(tmp_path: Path, truth: tuple[np.ndarray, np.ndarray]) -> None:
    load, charging = truth
    for name, runs, parts in (
        ("old", [DAY // 2], ("base:T1", "base:T1a", "feeder:T1")),
        ("half", [0], ("base:T1", "base:T1a")),
        ("none", [], ()),
    ):
        write(tmp_path / name, load, charging)
        forecast(tmp_path / name, load, charging, runs, parts=parts)
        assert judged(tmp_path / name)[1].naive, name
    assert END.tzinfo is UTC
