"""Forecasts of a central system: its own database, real samples rolled up, the registry, the commands."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.model.clock import ManualClock, system_clock
from csms.model.meter import Sample
from csms.model.outlook import FILE_NAME, decoded
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.response_tables import FeederLoad
from csms.store.rollup import Rollups
from csms.store.tables import Evse, Session, Station
from csms.texts import catalogue
from monitor.forecast import nightly
from monitor.forecast.console import build
from monitor.forecast.correction import REFIT_DAYS, Standing
from monitor.forecast.desk import ForecastDesk
from monitor.forecast.metered import REGISTER, STEP, station_panel, with_groups
from monitor.forecast.panel import Panel, PanelBroken
from monitor.forecast.reading import PanelReader
from monitor.store.forecast import open_forecasts

START = datetime(2026, 3, 2, tzinfo=UTC)


@dataclass(frozen=True)
class Quarter:
    """A quarter-hour as metered."""

    station_id: str
    measurand: str
    begins_at: datetime
    mean: float
    first: float
    last: float
    first_at: datetime
    last_at: datetime
    evse_id: int = 1


def _register(station: str, place: int, first: float, last: float) -> Quarter:
    at = START + place * STEP
    return Quarter(station, REGISTER, at, 0.0, first, last, at, at + timedelta(minutes=14))


def test_registers_make_energy_and_a_new_register_starts_anew() -> None:
    rows = [_register("a", 2, 1000.0, 1000.0), _register("a", 3, 1000.0, 3800.0), _register("a", 5, 0.0, 700.0)]
    panel = station_panel(rows, ["a", "b"], START, 8)
    assert np.isnan(panel.values[:2, 0]).all()
    assert np.isnan(panel.values[:, 1]).all()
    assert np.nansum(panel.values[:, 0]) == pytest.approx(3.5)
    assert panel.values[3, 0] == pytest.approx(2.8)
    assert panel.values[6:, 0].tolist() == [0.0, 0.0]


def test_power_counts_where_there_is_no_register() -> None:
    at = START + 2 * STEP
    rows = [Quarter("a", "Power.Active.Import", at, 8000.0, 8000.0, 8000.0, at, at)]
    assert station_panel(rows, ["a"], START, 4).values[:, 0].tolist()[2:] == [2.0, 0.0]


def test_groups_are_sums_of_what_is_known() -> None:
    values = np.array([[1.0, 2.0, 4.0], [1.0, np.nan, 4.0], [np.nan, np.nan, 4.0]])
    panel, parents = with_groups(Panel(START, STEP, ("a", "b", "c"), values), {"a": "f", "b": "f"})
    assert panel.names == ("a", "b", "c", "f", "total")
    assert parents == {"a": "f", "b": "f", "c": "total", "f": "total"}
    assert panel.values[:2, 3].tolist() == [3.0, 1.0]
    assert np.isnan(panel.values[2, 3])
    assert panel.values[:, 4].tolist() == [7.0, 5.0, 4.0]


@pytest.fixture
def quarters(make_panel: Callable[..., Panel]) -> Panel:
    return replace(make_panel(days=42, series=2, noise=0.4, step_min=15), start=START)


def test_the_week_to_come_follows_the_wave(quarters: Panel) -> None:
    known, steps = quarters.until(35 * 96), 7 * 96
    standings = {
        nightly.steps_ahead(known, horizon): [
            one.standing for one in nightly.begin(known, nightly.steps_ahead(known, horizon), "MAE")
        ]
        for horizon in nightly.HORIZONS
    }
    assert {one.champion for one in standings[96]} == {"rich"}
    made = nightly.ahead(known, standings, steps)
    truth = quarters.values[35 * 96 :]
    assert np.abs(made.expected - truth).mean() < 0.5
    held = (made.low <= truth) & (truth <= made.high)
    assert 0.82 < held.mean() < 0.98
    with pytest.raises(ValueError, match="672"):
        nightly.ahead(known, standings, 673)


def test_a_new_series_begins_with_its_last_value(quarters: Panel) -> None:
    begun = nightly.begin(quarters.until(5 * 96), 96, "MAE")
    assert [(one.standing.champion, one.chosen.reason) for one in begun] == [("last", "new")] * 2


def test_a_night_promotes_what_is_better_and_says_why(quarters: Panel) -> None:
    day = nightly.first_day(quarters) + 42
    steps = nightly.score(quarters, [Standing("last", day - 20, 0), Standing("rich", day - 20, 0)], 96)
    assert [step.what for step in steps] == ["promoted", "kept"]
    assert steps[0].standing.champion == "rich"
    assert "p =" in steps[0].reason


def test_days_are_counted_from_midnight(quarters: Panel) -> None:
    with pytest.raises(PanelBroken, match="midnight"):
        nightly.first_day(replace(quarters, start=START + STEP))


async def _fill(folder: Path, quarters: Panel, end: datetime) -> None:
    """A register of two stations, a sample at each edge of a quarter-hour, in a real database, rolled up."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock(), upgrade=True)
    try:
        begin = end - quarters.steps * STEP
        for place, name in enumerate(("cp-1", "cp-2")):
            await store.writer.commit([changes.put_station(Station(id=name, feeder_id="t1"))])
            counted = 1000 * np.concatenate([[0.0], np.cumsum(quarters.values[:, place])])
            samples = [
                Sample(time=begin + i * STEP, measurand=REGISTER, value=float(value), unit="Wh")
                for i, value in enumerate(counted)
            ]
            await store.writer.commit([changes.add_samples(SampleBatch(name, 1, end, samples))])
        await Rollups(store.writer, store.reader).run(end + timedelta(hours=1))
    finally:
        await store.close()


async def test_what_is_kept_comes_back(tmp_path: Path) -> None:
    store = await open_forecasts(tmp_path / "new")
    assert await store.standings() == []
    row = {"series": "a", "made_at": START, "target_at": START + STEP, "expected_kwh": 1.0, "low_kwh": None}
    await store.keep_values([row | {"high_kwh": 2.0}], START - timedelta(days=1))
    await store.keep_values([row | {"high_kwh": 3.0}], START - timedelta(days=1))
    (kept,) = await store.values(START, START + timedelta(days=1))
    assert (kept.high_kwh, kept.low_kwh, kept.made_at) == (3.0, None, START)
    await store.close()


def test_commands_on_a_real_database(quarters: Panel, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    end = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    month = replace(quarters, values=quarters.values[-30 * 96 :])
    asyncio.run(_fill(tmp_path, month, end))
    app, run = build(catalogue("en")), CliRunner()
    where = ["--data-dir", str(tmp_path), "--json"]
    told = run.invoke(app, ["run", "--days", "1", *where])
    assert told.exit_code == 0, told.output
    rows = json.loads(told.stdout)
    assert {row["series"] for row in rows} == {"cp-1", "cp-2", "feeder:t1", "total"}
    assert len(rows) == 4 * 96
    by_step: dict[str, dict[str, float]] = {}
    for row in rows:
        by_step.setdefault(row["target_at"], {})[row["series"]] = row["expected_kwh"]
    for found in by_step.values():
        assert found["total"] == pytest.approx(found["feeder:t1"])
        assert found["total"] == pytest.approx(found["cp-1"] + found["cp-2"])
    kept = json.loads(run.invoke(app, ["registry", *where]).stdout)
    assert {row["what"] for row in kept} == {"begun"}
    assert len(kept) == 4 * len(nightly.HORIZONS)
    scored = run.invoke(app, ["score", *where])
    assert scored.exit_code == 0, scored.output
    assert json.loads(scored.stdout)["changed"] == []
    explained = json.loads(run.invoke(app, ["explain", "total", *where]).stdout)
    day_ahead = explained["horizons"][2]
    assert day_ahead["champion"] in ("rich", "week"), "which of them it is hangs on the hour at which the month ends"
    assert day_ahead["fared"]["rich"] < day_ahead["fared"]["last"]
    for command in (["run", "--series", "cp-1"], ["score"], ["explain", "total"], ["registry"]):
        shown = run.invoke(app, [*command, "--data-dir", str(tmp_path)])
        assert shown.exit_code == 0, shown.output
    assert run.invoke(app, ["explain", "nobody", *where]).exit_code == 1
    assert run.invoke(app, ["run", "--series", "nobody", *where]).exit_code == 2


async def _stays(folder: Path, end: datetime) -> None:
    """Each day at noon in Shanghai a car comes to cp-1 for two hours; base loads of two feeders go by the hour."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock())
    noon = datetime(end.year, end.month, end.day, 4, tzinfo=UTC)
    rows = [changes.put_evse(Evse(station_id="cp-1", evse_id=1, power_max_w=11_000))]
    for day in range(1, 29):
        at = noon - timedelta(days=day)
        stay = Session(id=day, station_id="cp-1", evse_id=1, transaction_id=str(day), started_at=at, received_at=at)
        stay.status, stay.ended_at, stay.energy_wh = "ended", at + timedelta(hours=2), 9_000.0
        rows.append(changes.open_session(stay))
    for quarter in range(1, 20 * 96):
        at = end - quarter * STEP
        for feeder, low_w in (("t1", 5_000.0), ("above", 50_000.0)):
            load = FeederLoad(feeder_id=feeder, begins_at=at, base_w=low_w, charging_w=0, looks=1, metered=1)
            load.base_w += 3_000.0 * at.hour
            rows.append(changes.put_row(load))
    try:
        await store.writer.commit(rows)
    finally:
        await store.close()


def test_regions_connector_groups_and_what_is_known_in_advance(quarters: Panel, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    end = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    asyncio.run(_fill(tmp_path, replace(quarters, values=quarters.values[-20 * 96 :]), end))
    asyncio.run(_places(tmp_path))
    regions, known = tmp_path / "regions.csv", tmp_path / "weather.csv"
    regions.write_text("site,region\ns1,Lanshan\n")
    hours = [end.replace(minute=0) + timedelta(hours=n) for n in range(-480, 30)]
    known.write_text("time,temperature\n" + "".join(f"{at.isoformat()},{at.hour}\n" for at in hours))
    app, run = build(catalogue("en")), CliRunner()
    more = ["--regions", str(regions), "--known", str(known)]
    told = run.invoke(app, ["run", "--days", "0.25", "--data-dir", str(tmp_path), "--json", *more])
    assert told.exit_code == 0, told.output
    by_series: dict[str, list[float]] = {}
    for row in json.loads(told.stdout):
        by_series.setdefault(row["series"], []).append(row["expected_kwh"])
    assert by_series.keys() == {"cp-1", "cp-2", "feeder:t1", "total", "region:Lanshan", "kind:ac"}
    assert all(min(values) >= 0 for values in by_series.values())
    for wrong in (["--regions", str(known)], ["--known", str(regions)], ["--known", str(tmp_path / "none.csv")]):
        assert run.invoke(app, ["run", "--data-dir", str(tmp_path), *wrong]).exit_code == 2
    kept = json.loads(run.invoke(app, ["registry", "--data-dir", str(tmp_path), "--json"]).stdout)
    assert {row["series"] for row in kept} >= {"region:Lanshan", "kind:ac"}
    explained = run.invoke(app, ["explain", "region:Lanshan", "--data-dir", str(tmp_path), "--json", *more])
    assert explained.exit_code == 0, explained.output


async def _places(folder: Path) -> None:
    """cp-1 is an AC pile at a site."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock())
    try:
        await store.writer.commit(
            [
                changes.put_station(Station(id="cp-1", feeder_id="t1", site_id="s1")),
                changes.put_evse(Evse(station_id="cp-1", evse_id=1, kind="ac")),
            ]
        )
    finally:
        await store.close()


def test_what_the_planner_is_left(quarters: Panel, tmp_path: Path) -> None:
    now = datetime.now(UTC)
    end = now.replace(minute=now.minute // 15 * 15, second=0, microsecond=0)
    asyncio.run(_fill(tmp_path, replace(quarters, values=quarters.values[-96:]), end))
    asyncio.run(_stays(tmp_path, end))
    app, run = build(catalogue("en")), CliRunner()
    where = ["--data-dir", str(tmp_path), "--calendar", "weekdays"]
    told = run.invoke(app, ["run", "--for-plans", *where, "--json"])
    assert told.exit_code == 0, told.output
    left = decoded((tmp_path / FILE_NAME).read_bytes())
    assert json.loads(told.stdout)["feeders"] == len(left.loads_w) == 2
    for feeder, low_w in (("t1", 5_000.0), ("above", 50_000.0)):
        for hours in (1, 6, 20):
            at = end + timedelta(hours=hours)
            assert left.load_w(feeder, at) == pytest.approx(low_w + 3_000.0 * at.hour, rel=0.35)
    assert left.load_w("t1", end + timedelta(hours=34)) is None
    horizon_end = left.begins_at + timedelta(hours=33)
    noons = [
        cars
        for cars in left.cars
        if cars.arrives_at.astimezone(UTC).hour == 4 and cars.arrives_at + timedelta(hours=2) <= horizon_end
    ]
    assert noons, "33 hours hold a noon and the stay behind it"
    for cars in noons:
        assert (cars.feeder_id, cars.power_w, cars.energy_wh) == ("t1", 11_000, 9_000)
        assert cars.count == pytest.approx(1.0)
    assert now - timedelta(minutes=1) < left.made_at < now + timedelta(minutes=5)
    shown = run.invoke(app, ["run", "--for-plans", *where])
    assert "base loads of 2 feeders" in shown.stdout
    assert [path.name for path in tmp_path.glob("outlook*")] == [FILE_NAME], "no draft is left behind"
    for wrong in (["--by", "site"], ["--calendar", "nowhere.toml"], ["--time-zone", "Nowhere/City"]):
        assert run.invoke(app, ["run", "--for-plans", *where, *wrong]).exit_code == 2


def test_a_central_system_where_nothing_happened_yet_leaves_an_empty_outlook(tmp_path: Path) -> None:
    async def begin() -> None:
        await (await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock(), upgrade=True)).close()

    asyncio.run(begin())
    told = CliRunner().invoke(build(catalogue("en")), ["run", "--for-plans", "--data-dir", str(tmp_path)])
    assert told.exit_code == 0, told.output
    left = decoded((tmp_path / FILE_NAME).read_bytes())
    assert (dict(left.loads_w), left.cars) == ({}, ())


def test_commands_say_what_is_missing(tmp_path: Path) -> None:
    found = CliRunner().invoke(build(catalogue("en")), ["run", "--data-dir", str(tmp_path), "--json"])
    assert found.exit_code == 2
    assert json.loads(found.stderr.strip().splitlines()[-1])["code"] == "no_database"


def test_a_server_that_has_metered_nothing_has_nothing_to_score(tmp_path: Path) -> None:
    async def begun() -> None:
        await (await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock(), upgrade=True)).close()

    asyncio.run(begun())
    found = CliRunner().invoke(build(catalogue("en")), ["score", "--data-dir", str(tmp_path), "--json"])
    assert (found.exit_code, json.loads(found.stdout)) == (0, {"changed": [], "scores": {}})


async def test_nights_that_were_missed_are_made_up_and_drift_has_models_learn_anew(
    quarters: Panel, tmp_path: Path
) -> None:
    """Five weeks as usual, then one station takes three times as much for a week in which nobody scored."""
    month = replace(quarters, values=quarters.values[-35 * 96 :].copy())
    month.values[-8 * 96 :, 0] *= 3.0
    end = START + timedelta(days=60)
    await _fill(tmp_path, month, end)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock())
    forecasts = await open_forecasts(tmp_path)
    clock = ManualClock(end - timedelta(days=15))
    desk = ForecastDesk(PanelReader(store.reader), forecasts, clock)
    try:
        await desk.run(96)
        for day in (14, 13, 12, 11, 10, 9, 8):
            clock.time = end - timedelta(days=day) + timedelta(minutes=10)
            assert [row.what for row in await desk.night() if row.series == "cp-1"] == []
        clock.time = end + timedelta(minutes=10)
        changed = await desk.night()
        assert {row.what for row in changed if row.series == "cp-1"} >= {"refit"}
        assert any(row.reason.startswith("CUSUM") for row in changed)
        assert await desk.night() == []
        newest = await desk.registry("cp-1")
        assert newest[0].learned_days == REFIT_DAYS
        hour_ahead = next(row for row in newest if row.horizon_s == 3600 and row.what == "refit")
        assert hour_ahead.loss_kwh is not None, "how good it was on days that it had not seen"
        assert hour_ahead.fallback_loss_kwh is not None
        said = await desk.score(end - timedelta(days=15), end)
        assert set(said) == {"cp-1", "cp-2", "feeder:t1", "total"}
        assert 0 <= said["total"]["coverage"] <= 1
    finally:
        await forecasts.close()
        await store.close()


async def test_a_day_is_scored_once_though_a_series_is_gone(quarters: Panel, tmp_path: Path) -> None:
    end = START + timedelta(days=60)
    await _fill(tmp_path, replace(quarters, values=quarters.values[-30 * 96 :]), end)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock())
    forecasts = await open_forecasts(tmp_path)
    clock = ManualClock(end - timedelta(days=5) + timedelta(minutes=10))
    desk = ForecastDesk(PanelReader(store.reader), forecasts, clock)
    try:
        await desk.run(96)
        (mine, *_) = [row for row in await forecasts.standings() if row.series == "cp-1"]
        gone = type(mine)(**mine.model_dump() | {"series": "feeder:gone"})
        await forecasts.keep([gone], [])
        for day in (4, 3, 2):
            clock.time = end - timedelta(days=day) + timedelta(minutes=10)
            await desk.night()
        kept = {(row.series, row.horizon_s): row for row in await forecasts.standings()}
        assert len(kept["cp-1", mine.horizon_s].document["cusum"]["base"]) == 3
        assert kept["feeder:gone", mine.horizon_s].scored_until == mine.scored_until
    finally:
        await forecasts.close()
        await store.close()


async def test_champions_are_chosen_by_the_measure_that_is_asked_for(quarters: Panel, tmp_path: Path) -> None:
    """Rare high loads: absolute errors are least when nothing is expected, squares when the mean is."""
    rng = np.random.default_rng(8)
    month = replace(quarters, values=10.0 * (rng.random((30 * 96, 2)) < 0.1))
    end = START + timedelta(days=60)
    await _fill(tmp_path, month, end)
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock())
    forecasts = await open_forecasts(tmp_path)
    clock = ManualClock(end + timedelta(minutes=10))
    chosen: dict[str, set[str]] = {}
    try:
        for metric in ("MAE", "RMSE", "RMSE"):
            desk = ForecastDesk(PanelReader(store.reader), forecasts, clock, metric)
            before = len(await desk.registry())
            await desk.run(4)
            newest = await desk.registry()
            rows = newest[: len(newest) - before]
            chosen.setdefault(metric, set()).update(row.champion for row in rows if row.series == "cp-1")
        assert len(newest) == before, "what was begun by a measure stays"
        assert chosen["MAE"] & {"last", "day", "week"}
        assert chosen["RMSE"] & {"lags", "rich"}
    finally:
        await forecasts.close()
        await store.close()
