"""Overload care: chances that come true, remedies that hold when they are run, and cases by hand."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.care.areas import QUARTER, WEEK, Area, AreasUnusable, Loads, read_areas, read_loads
from monitor.care.console import build
from monitor.care.judge import document_of, judged
from monitor.care.remedies import EFFICIENCY, best, expanded, limited, remedies, shifted, stored
from monitor.care.risk import DAY, STEP_H, TooShort, outlook, planned_kw, risk
from monitor.warehouse.files import Files

BEGIN = datetime(2026, 6, 1, tzinfo=UTC)
AREA = Area(id="T1", rated_kva=400)


def made(seed: int, weeks: int, peak_kw: float, noise_kw: float) -> tuple[np.ndarray, np.ndarray]:
    """(load, charging) [weeks · 672]: a day with an evening peak; whole days are higher or lower."""
    rng = np.random.default_rng(seed)
    hours = (np.arange(weeks * WEEK) % DAY) / 4.0
    shape = np.exp(-(((hours - 20.0) / 2.5) ** 2))
    days = np.repeat(rng.standard_normal(weeks * 7), DAY)
    load = 0.4 * peak_kw + 0.6 * peak_kw * shape + noise_kw * days + 0.1 * noise_kw * rng.standard_normal(len(hours))
    return np.maximum(load, 0.0), np.maximum(0.35 * peak_kw * shape, 0.0)


def loads(load: np.ndarray, charging: np.ndarray, forecast: np.ndarray | None = None) -> Loads:
    none = np.full(len(load), np.nan)
    return Loads(BEGIN, load, charging, none if forecast is None else forecast, none)


def test_chances_come_true() -> None:
    """Of many areas with the same statistics, as many days are over as was expected of them."""
    expected, happened = 0.0, 0
    for seed in range(60):
        load, charging = made(seed, 9, 370.0, 12.0)
        known = loads(load[: 8 * WEEK], charging[: 8 * WEEK])
        expected += risk(outlook(known), known, AREA).days_over
        happened += int((load[8 * WEEK :].reshape(-1, DAY).max(axis=1) > AREA.limit_kw).sum())
    assert happened > 60
    assert expected == pytest.approx(happened, rel=0.2)


def test_areas_are_ranked_by_what_threatens_them() -> None:
    areas = [Area(id=name, rated_kva=400) for name in ("calm", "bad", "worse", "new")]
    told = {name: loads(*made(1, 4, peak, 10.0)) for name, peak in (("calm", 200.0), ("bad", 390.0), ("worse", 450.0))}
    found = judged(areas, told, 0.9, 0.1)
    assert [one.area.id for one in found] == ["worse", "bad", "calm", "new"]
    assert [one.raises for one in found] == [True, True, False, False]
    assert found[-1].why == "no_loads"
    assert found[2].remedies == ()
    assert found[0].risk is not None
    assert found[0].risk.alarms > 0
    assert found[0].risk.hot_spot_c > found[1].risk.hot_spot_c > found[2].risk.hot_spot_c  # type: ignore[union-attr]


def test_a_good_forecast_makes_surer() -> None:
    load, charging = made(3, 9, 375.0, 20.0)
    past = 8 * WEEK
    forecast = load + 2.0 * np.random.default_rng(1).standard_normal(len(load))
    nan = np.full(len(load), np.nan)
    told = Loads(BEGIN, load[:past], charging[:past], forecast, nan)
    good, naive = outlook(told), outlook(loads(load[:past], charging[:past]))
    assert (good.naive, naive.naive) == (False, True)
    assert good.errors[0].peak_kw.std() < naive.errors[0].peak_kw.std() / 3
    assert np.allclose(good.forecast_kw, forecast[past:], atol=2.0)
    days = load[past:].reshape(-1, DAY).max(axis=1) > AREA.limit_kw
    assert risk(good, told, AREA).days_over == pytest.approx(float(days.sum()), abs=1.0)


def test_the_load_for_sizing_is_kept_by_as_many_days_as_said() -> None:
    kept = []
    for seed in range(40):
        load, charging = made(seed, 9, 370.0, 12.0)
        plan = planned_kw(outlook(loads(load[: 8 * WEEK], charging[: 8 * WEEK])), 0.9)
        kept += list(load[8 * WEEK :].reshape(-1, DAY).max(axis=1) <= plan.reshape(-1, DAY).max(axis=1))
    assert np.mean(kept) == pytest.approx(0.9, abs=0.05)


def test_two_weeks_are_needed_and_gaps_are_borne() -> None:
    load, charging = made(1, 2, 300.0, 5.0)
    with pytest.raises(TooShort):
        outlook(loads(load[:-1], charging[:-1]))
    load[200:300] = np.nan
    assert np.isfinite(outlook(loads(load, charging)).forecast_kw).all()
    assert judged([AREA], {"T1": loads(load[:100], charging[:100])}, 0.9, 0.1)[0].why == "too_short"
    odd = AREA.model_copy(update={"transformer": "dry"})
    assert judged([odd], {"T1": loads(load, charging)}, 0.9, 0.1)[0].why == "no_kind"


def test_remedies_by_hand() -> None:
    """Limit 100: two hours at 120, 30 of it cars; then room."""
    load = np.array([80.0] * 4 + [120.0] * 8 + [70.0] * 8)
    charging = np.array([0.0] * 4 + [30.0] * 8 + [0.0] * 8)
    assert limited(load, charging, 100.0).unserved_kwh == pytest.approx(40.0)
    shift, after = shifted(load, charging, 100.0, 3.0)
    assert (shift.moved_kwh, shift.unserved_kwh, shift.enough) == (pytest.approx(40.0), pytest.approx(0.0), True)
    assert after.max() <= 100.0 + 1e-9
    late = shifted(load, charging, 100.0, 0.5)[0]
    assert late.moved_kwh == pytest.approx(2 * 20.0 * STEP_H)
    assert late.unserved_kwh == pytest.approx(40.0 - 10.0)
    battery = stored(load, 100.0, 1.0)
    assert (battery.power_kw, battery.capacity_kwh) == (pytest.approx(20.0), pytest.approx(40.0))
    assert battery.unserved_kwh == pytest.approx(0.0)
    assert expanded(load, 0.95).rated_kva == 160.0
    assert best(remedies(load, charging, 100.0, 0.95, 3.0)).name == "shift"  # type: ignore[union-attr]


def test_what_is_no_car_cannot_be_limited_away() -> None:
    load, charging = np.full(8, 130.0), np.full(8, 10.0)
    found = limited(load, charging, 100.0)
    assert (found.unserved_kwh, found.left_over_kwh) == (pytest.approx(20.0), pytest.approx(40.0))
    assert not stored(load, 100.0).enough
    assert best(remedies(load, charging, 100.0, 0.95, 6.0)).name == "expansion"  # type: ignore[union-attr]
    assert best(remedies(np.full(8, 9000.0), charging, 100.0, 0.95, 6.0)) is None


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000), st.floats(60.0, 140.0), st.floats(0.0, 12.0))
def test_remedies_hold_when_they_are_run(seed: int, limit: float, shift_h: float) -> None:
    rng = np.random.default_rng(seed)
    load = rng.uniform(20.0, 150.0, 200)
    charging = load * rng.uniform(0.0, 1.0, 200)
    over = np.maximum(load - limit, 0.0)
    cut = limited(load, charging, limit)
    assert cut.unserved_kwh + cut.left_over_kwh == pytest.approx(over.sum() * STEP_H)
    shift, after = shifted(load, charging, limit, shift_h)
    assert after.sum() * STEP_H == pytest.approx(load.sum() * STEP_H - shift.unserved_kwh)
    assert (after <= np.maximum(limit, load - charging) + 1e-9).all()
    assert shift.moved_kwh + shift.unserved_kwh == pytest.approx(cut.unserved_kwh)
    assert shift.unserved_kwh <= cut.unserved_kwh + 1e-9
    battery = stored(load, limit)
    level = battery.capacity_kwh or 0.0
    for above, spare in zip(over, np.minimum(np.maximum(limit - load, 0.0), battery.power_kw or 0.0), strict=True):
        level = (
            min(level + EFFICIENCY * spare * STEP_H, battery.capacity_kwh or 0.0)
            if above == 0
            else level - above * STEP_H
        )
        assert level >= -1e-6


def write(path: Path, of: dict[str, tuple[np.ndarray, np.ndarray]]) -> None:
    out = io.StringIO()
    rows = csv.writer(out)
    rows.writerow(("area", "begins_at", "load_kw", "charging_kw"))
    for area, (load, charging) in of.items():
        for number, (one, cars) in enumerate(zip(load, charging, strict=True)):
            rows.writerow((area, (BEGIN + number * QUARTER).isoformat(), f"{one:.3f}", f"{cars:.3f}"))
    path.write_text(out.getvalue(), encoding="utf-8")


def run(*words: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), list(words), env={"COLUMNS": "160"})


def test_the_command(tmp_path: Path) -> None:
    areas = "".join(f'[[areas]]\nid = "{name}"\nrated_kva = 400\n' for name in ("T1", "T2", "T3"))
    (tmp_path / "areas.toml").write_text(areas, encoding="utf-8")
    write(tmp_path / "loads.csv", {"T1": made(1, 3, 420.0, 8.0), "T2": made(2, 3, 200.0, 8.0)})
    words = (str(tmp_path / "areas.toml"), "--loads", str(tmp_path / "loads.csv"))
    done = run(*words)
    assert done.exit_code == 1, done.output
    for said in ("shift charging", "storage of", "no loads are known", "Assumed"):
        assert said in done.stdout
    document = json.loads(run(*words, "--json").stdout)
    assert [one["area"] for one in document] == ["T1", "T2", "T3"]
    assert (document[0]["raises"], document[0]["advice"], document[1]["raises"]) == (True, "shift", False)
    found = judged(read_areas(Path(words[0])), read_loads(Path(words[2]).read_text("utf-8")), 0.9, 0.1)
    assert document == json.loads(json.dumps(document_of(found)))
    assert "错峰充电" in run(*words, lang="zh").stdout
    assert run(*words, "--alarm-at", "1").exit_code == 0


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("T1,2026-06-01T00:00,1,1", "line 2: 2026-06-01T00:00 has no zone"),
        ("T1,2026-06-01T00:05+00:00,1,1", "is no quarter-hour"),
        ("T1,2026-06-01T00:00+00:00,x,1", "line 2"),
        ("T1,2026-06-01T00:00+00:00,inf,1", "inf is no number"),
        ("T1,2026-06-01T00:00+00:00,1,1\nT1,2026-06-01T00:00+00:00,1,1", "line 3: .* was told before"),
    ],
)
def test_loads_that_cannot_be_read(line: str, said: str) -> None:
    with pytest.raises(AreasUnusable, match=said):
        read_loads(f"area,begins_at,load_kw,charging_kw\n{line}\n")


def test_areas_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    for text in ("", "x", '[[areas]]\nid = "a"\nrated_kva = 0\n', '[[areas]]\nid = "a"\nrated_kva = 1\n' * 2):
        path.write_text(text, encoding="utf-8")
        with pytest.raises(AreasUnusable):
            read_areas(path)
        assert run(str(path), "--loads", str(path)).exit_code == 2


def test_forecasts_to_come_are_told_apart_from_the_past() -> None:
    lines = ["area,begins_at,load_kw,charging_kw,forecast_kw"]
    for number in range(8):
        at = (BEGIN + timedelta(minutes=15 * number)).isoformat()
        lines.append(f"T1,{at},{'' if number >= 6 else number},,{number}.5")
    found = read_loads("\n".join(lines))["T1"]
    assert (len(found.load_kw), len(found.forecast_kw), found.forecast_kw[-1]) == (6, 8, 7.5)


def test_from_the_warehouse(tmp_path: Path) -> None:
    load, charging = made(1, 3, 420.0, 8.0)
    days: dict[Any, list[dict[str, Any]]] = {}
    for number, (one, cars) in enumerate(zip(load, charging, strict=True)):
        at = BEGIN + number * QUARTER
        row = {
            "feeder_id": "T1",
            "begins_at": at,
            "base_w": 1000 * (one - cars),
            "charging_w": 1000 * cars,
            "looks": 15,
        }
        days.setdefault(at.date(), []).append(row)
    files = Files(tmp_path / "w")
    for day, rows in days.items():
        files.put_rows("fact_feeder_15min", day, rows)
    files.put_dimension("dim_feeder", [{"feeder_id": "T1", "parent": "", "rating_w": 380_000.0}])
    document = json.loads(run("--warehouse", str(tmp_path / "w"), "--json").stdout)
    by_file = judged([Area(id="T1", rated_kva=380, power_factor=1.0)], {"T1": loads(load, charging)}, 0.9, 0.1)
    (risk_then,) = (one.risk for one in by_file)
    assert risk_then is not None
    assert document[0]["area"] == "T1"
    assert document[0]["risk"]["over_kwh"] == pytest.approx(risk_then.over_kwh, rel=1e-6)
    assert run("--warehouse", str(tmp_path / "none")).exit_code == 2
    assert run().exit_code == 2
