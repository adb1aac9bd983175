"""The warehouse from a real store: what is loaded, again and late; statistics by hand and on two engines; commands."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from csms.app.rounds import Round, RoundSettings
from csms.security.folder import AlreadyRunning, FolderLock
from csms.store import changes
from csms.store.engine import open_store
from csms.texts import catalogue
from monitor.warehouse.audiences import asked_of
from monitor.warehouse.console import build
from monitor.warehouse.engine import in_process, on_spark, star
from monitor.warehouse.files import MARK_FILE, Files
from monitor.warehouse.gathered import Gathered
from monitor.warehouse.loading import LOCK_FILE, Loader, WarehouseUnreadable
from monitor.warehouse.measures import MEASURES
from monitor.warehouse.report import Asked
from monitor.warehouse.rolled import BUSY_WH
from monitor.warehouse.schema import FACTS
from monitor.warehouse.statistics import GROUPS, STATISTICS
from tests.support.warehouse import DAY, FIRST, LAST, PLACES, Home, at, more_rows, outlet, session


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    return made


async def test_energy_lies_in_the_days_in_which_it_flowed(home: Home) -> None:
    done = await home.load()
    assert (done.sessions, done.since) == (3, DAY)
    energy = {row["date"]: row["energy_kwh"] for row in home.ask("energy")}
    assert energy[FIRST] == pytest.approx(5.0 + 2.0)
    assert energy[LAST] == pytest.approx(5.0)
    by_kind = {(row["date"], row["kind"]): row["energy_kwh"] for row in home.ask("energy", "kind")}
    assert by_kind == pytest.approx({(FIRST, "dc"): 5.0, (FIRST, "ac"): 2.0, (LAST, "dc"): 5.0, (LAST, "ac"): 0.0})


async def test_sessions_count_on_the_day_of_their_start(home: Home) -> None:
    await home.load()
    first, second = home.ask("sessions")
    assert (first["sessions"], first["without_user"], first["plugged_h"], first["charging_h"]) == (2, 1, 3.0, 2.0)
    assert (second["date"], second["sessions"], second["plugged_h"]) == (LAST, 1, 0.0)


async def test_utilisation_is_busy_time_by_time_in_service(home: Home) -> None:
    await home.load()
    rows = {(row["date"], row["station_id"]): row["utilisation"] for row in home.ask("utilisation", "station_id")}
    assert rows[FIRST, "DC-1"] == pytest.approx(4 / 96)
    assert rows[FIRST, "AC-1"] == pytest.approx(4 / 96)
    assert home.ask("utilisation")[0]["utilisation"] == pytest.approx(8 / 192)


async def test_the_same_load_again_writes_nothing(home: Home) -> None:
    assert (await home.load()).written > 0
    before = {path: path.stat().st_mtime_ns for path in home.warehouse.rglob("date=*/*.parquet")}
    assert (await home.load()).written == 0
    assert {path: path.stat().st_mtime_ns for path in home.warehouse.rglob("date=*/*.parquet")} == before


async def test_late_rows_rewrite_their_own_day_only(home: Home) -> None:
    await home.load()
    files = Files(home.warehouse)
    other = files.day_of("fact_session", LAST).stat().st_mtime_ns
    home.clock.time = at(60)
    await home.change(changes.put_row(session(4, "AC-1", 12.0, 13.0, 500)))
    await home.change(changes.put_row(session(3, "AC-1", 26.0, 27.0, 3_000)))
    await home.load()
    assert [row["session_id"] for row in files.read("fact_session", FIRST)] == [1, 2, 4]
    assert files.read("fact_session", LAST)[0]["plugged_s"] == 3600.0, "what ran is brought up to its end"
    assert files.day_of("fact_session", LAST).stat().st_mtime_ns > other
    assert home.ask("sessions")[0]["sessions"] == 3


async def test_facts_outlive_what_they_were_made_of(home: Home) -> None:
    await home.load()
    files = Files(home.warehouse)
    rows = files.read("fact_meter_15min", FIRST)
    assert not files.merge("fact_meter_15min", FIRST, FACTS["fact_meter_15min"].empty_table())
    assert files.read("fact_meter_15min", FIRST) == rows
    assert files.days("fact_meter_15min") == [FIRST, LAST]


async def test_a_load_that_broke_off_is_made_good_by_the_next(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    def breaks(loader: Loader, gathered: Gathered) -> None:
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Loader, "_roll_up", breaks)
        with pytest.raises(OSError, match="full"):
            await home.load()
    assert Files(home.warehouse).days("fact_session") == [FIRST, LAST]
    await home.load()
    assert home.ask("energy")[0]["energy_kwh"] == pytest.approx(7.0)


async def test_what_does_not_fit_into_one_answer_is_asked_for_in_parts(home: Home) -> None:
    await home.load()
    files = Files(home.warehouse)
    whole = [files.read("fact_meter_15min", day) for day in (FIRST, LAST)]
    shutil.rmtree(home.warehouse)
    store = await open_store(home.url, home.clock)
    try:
        await Loader(store.reader, home.warehouse, home.clock, rollups_max=3).load()
        assert [files.read("fact_meter_15min", day) for day in (FIRST, LAST)] == whole
        with pytest.raises(WarehouseUnreadable, match="C-1"):
            await Loader(store.reader, home.warehouse, home.clock, rollups_max=1).load(DAY)
    finally:
        await store.close()


async def test_one_process_loads_at_a_time(home: Home) -> None:
    lock = FolderLock(home.warehouse, LOCK_FILE)
    lock.take()
    with pytest.raises(AlreadyRunning, match="csms warehouse load"):
        await home.load()
    lock.release()
    assert (await home.load()).written > 0


async def test_sessions_older_than_any_sample_are_loaded_too(home: Home) -> None:
    await home.change(changes.put_row(session(9, "AC-1", -100.0, -99.0, 700)))
    await home.load()
    assert Files(home.warehouse).days("fact_session")[0] == at(-100.0).date()


def test_a_quarter_hour_that_is_known_less_of_replaces_nothing(tmp_path: Path) -> None:
    files = Files(tmp_path)
    row = {"station_id": "a", "evse_id": 1, "begins_at": DAY, "energy_wh": 900.0, "power_mean_w": 3600.0,
           "power_max_w": 4000.0, "soc_min": None, "soc_max": None, "samples": 15}  # fmt: skip

    def merge(**other: Any) -> bool:
        told = pa.Table.from_pylist([row | other], schema=FACTS["fact_meter_15min"])
        return files.merge("fact_meter_15min", FIRST, told)

    assert merge()
    for less in ({"samples": 3}, {"energy_wh": None}, {"energy_wh": 400.0}):
        assert not merge(**less)
    assert merge(samples=16, energy_wh=800.0)
    assert [one["energy_wh"] for one in files.read("fact_meter_15min", FIRST)] == [800.0]


async def test_an_outlet_that_is_gone_keeps_utilisation_below_1(home: Home) -> None:
    await home.load()
    for name in ("dim_evse", "dim_station"):
        Files(home.warehouse).put_dimension(name, [])
    assert home.ask("utilisation")[0]["utilisation"] == pytest.approx(8 / 192)
    assert [row["utilisation"] for row in home.ask("utilisation", "site_id")] == pytest.approx([8 / 192, 4 / 192])


async def test_users_are_told_apart_and_not_known(home: Home) -> None:
    await home.load()
    rows = Files(home.warehouse).read("fact_session", FIRST)
    assert rows[0]["user_hash"] not in (None, "T1")
    assert rows[1]["user_hash"] is None
    assert (home.warehouse / "salt").stat().st_mode & 0o077 == 0


async def test_the_roll_ups_equal_the_facts(home: Home) -> None:
    await home.load()
    files = Files(home.warehouse)
    for day in files.days("day_evse"):
        quarters, begun = (files.read(name, day) for name in ("fact_meter_15min", "fact_session"))
        for row in files.read("day_evse", day):
            mine, its = ([one for one in facts if outlet(one) == outlet(row)] for facts in (quarters, begun))
            assert row["energy_wh"] == pytest.approx(sum(one["energy_wh"] or 0.0 for one in mine), rel=1e-12)
            assert row["power_max_w"] == max((one["power_max_w"] or 0.0 for one in mine), default=0.0)
            assert row["busy_quarters"] == sum((one["energy_wh"] or 0.0) > BUSY_WH for one in mine)
            assert (row["sessions"], row["sessions_without_user"]) == (
                len(its),
                sum(not one["user_hash"] for one in its),
            )
            assert row["plugged_s"] == sum(one["plugged_s"] or 0.0 for one in its)
        hours = files.read("hour_evse", day)
        assert sum(one["energy_wh"] for one in hours) == pytest.approx(sum(one["energy_wh"] or 0.0 for one in quarters))
        assert {one["begins_at"] for one in hours} == {one["begins_at"].replace(minute=0) for one in quarters}


@pytest.mark.parametrize("by", GROUPS)
async def test_the_daily_figures_are_those_of_the_quarter_hours(home: Home, by: str) -> None:
    await home.load()
    from_facts = {tuple(row.values())[:-2]: row for row in home.ask("metered", by)}
    assert from_facts
    for row in home.ask("energy", by):
        told = from_facts.pop(tuple(row.values())[:-2], {"energy_kwh": 0.0, "power_max_kw": 0.0})
        assert row["energy_kwh"] == pytest.approx(told["energy_kwh"], rel=1e-12)
        assert row["power_max_kw"] == told["power_max_kw"]
    assert not from_facts


async def test_hours_of_the_day_are_local_ones(home: Home) -> None:
    await home.load()
    hours = {row["hour"]: row for row in home.ask("profile", "station_id") if row["station_id"] == "AC-1"}
    assert set(hours) == {18}, "10:00 UTC is 18:00 in Shandong"
    assert hours[18]["mean_kw"] == hours[18]["p95_kw"] == 2.0


async def test_the_busiest_outlets_come_first(home: Home) -> None:
    await home.load()
    assert [(row["station_id"], row["rank"]) for row in home.ask("busiest")] == [("DC-1", 1), ("AC-1", 2)]
    by_site = {row["site_id"]: (row["rank"], row["energy_kwh"]) for row in home.ask("busiest", "site_id")}
    assert by_site == {"s1": (1, pytest.approx(10.0)), "s2": (1, pytest.approx(2.0))}


async def test_energy_over_the_edge_of_what_is_read_at_a_time_is_not_lost(home: Home) -> None:
    """Four days are read at a time: from here the first four end at the midnight over which it charged."""
    await home.load(since=at(-72))
    assert sum(row["energy_kwh"] for row in home.ask("energy")) == pytest.approx(12.0)


async def test_files_of_an_earlier_version_are_read_on(home: Home) -> None:
    await home.load()
    files = Files(home.warehouse)
    path = files.day_of("fact_session", FIRST)
    pq.write_table(files.table("fact_session", FIRST).drop_columns(["cost"]), path)
    assert [row["cost"] for row in files.read("fact_session", FIRST)] == [None, None]
    older = files.day_of("fact_meter_15min", FIRST)
    pq.write_table(files.table("fact_meter_15min", FIRST).drop_columns(["slot"]), older)
    (home.warehouse / MARK_FILE).write_text(json.dumps({"until": at(30).isoformat()}))
    of = star(in_process(home.warehouse))
    assert of.sessions.cost.isnull().sum().to_pyarrow().as_py() == 3
    assert of.quarters.slot.isnull().sum().to_pyarrow().as_py() == len(files.read("fact_meter_15min", FIRST))
    home.clock.time = at(60)
    await home.change(changes.put_row(session(4, "AC-1", 12.0, 13.0, 500)))
    await home.load()
    assert "cost" in pq.ParquetFile(path).schema_arrow.names
    assert [row["slot"] for row in pq.ParquetFile(older).read().to_pylist()] == [
        4 * row["begins_at"].hour + row["begins_at"].minute // 15 for row in files.read("fact_meter_15min", FIRST)
    ]


async def test_a_question_about_a_day_reads_its_files_only(home: Home) -> None:
    await home.load()
    path = Files(home.warehouse).day_of("fact_meter_15min", LAST)
    path.write_bytes(b"not a parquet file")
    quarters = star(in_process(home.warehouse)).quarters
    assert quarters.filter(quarters.date == FIRST).count().to_pyarrow().as_py() == 8
    with pytest.raises(Exception, match=r"(?i)parquet|magic"):
        quarters.energy_wh.sum().to_pyarrow()


def test_an_empty_warehouse_has_tables_without_rows(tmp_path: Path) -> None:
    of = star(in_process(tmp_path))
    for statistic in STATISTICS.values():
        assert statistic(of, date(2026, 1, 1), date(2026, 1, 2), "site_id").to_pyarrow().num_rows == 0


@pytest.mark.skipif(shutil.which("java") is None, reason="Spark needs Java")
@pytest.mark.timeout(300)
@pytest.mark.filterwarnings("ignore")
async def test_spark_gives_what_duckdb_gives(home: Home) -> None:
    pyspark = pytest.importorskip("pyspark.sql")
    await home.change(*more_rows())
    await home.load(since=at(-72), places=PLACES)
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    settings = {"ui.enabled": "false", "sql.session.timeZone": "UTC", "sql.shuffle.partitions": "1"}
    builder = pyspark.SparkSession.builder.master("local[1]")
    for name, value in settings.items():
        builder = builder.config(f"spark.{name}", value)
    spark = builder.getOrCreate()
    try:
        shutil.rmtree(home.warehouse / "fact_limit", ignore_errors=True)
        there, here = star(on_spark(home.warehouse, spark)), star(in_process(home.warehouse))
        assert there.limits.count().to_pyarrow().as_py() == 0, "a table that was never loaded is empty"
        for name in MEASURES:
            answers = [asked_of(one, name, Asked(FIRST, LAST)) for one in (here, there)]
            assert answers[0] or name in ("orders", "quality"), name
            _same(name, *answers)
        for name, statistic in STATISTICS.items():
            for by in GROUPS:
                _same(f"{name} by {by}", home.ask(name, by), statistic(there, FIRST, LAST, by).to_pyarrow().to_pylist())
    finally:
        spark.stop()


def _same(name: str, here: list[dict[str, Any]], there: list[dict[str, Any]]) -> None:
    for mine, its in zip(here, there, strict=True):
        assert list(map(str, mine)) == list(map(str, its)), name
        assert _words(mine) == _words(its), name
        assert _figures(mine) == pytest.approx(_figures(its), rel=1e-9), name


def _words(row: dict[str, Any]) -> list[str]:
    """What it is about."""
    return [str(value) for value in row.values() if not isinstance(value, int | float)]


def _figures(row: dict[str, Any]) -> list[float]:
    return [float(value) for value in row.values() if isinstance(value, int | float)]


def run(*words: str) -> Any:
    return CliRunner().invoke(build(catalogue("en")), list(words))


async def test_the_server_loads_it_by_itself(home: Home) -> None:
    assert await Round(RoundSettings(command=["warehouse", "load"]), home.clock, home.folder).once()
    assert Files(home.warehouse).days("fact_session") == [FIRST, LAST]


def test_the_commands(tmp_path: Path) -> None:
    asyncio.run(Home(tmp_path).begin())
    where = ("--data-dir", str(tmp_path))
    missing = run("stats", "energy", *where, "--json")
    assert (missing.exit_code, json.loads(missing.stderr)["code"]) == (2, "no_warehouse")
    loaded = run("load", *where, "--json")
    assert loaded.exit_code == 0, loaded.output
    assert json.loads(loaded.stdout)["sessions"] == 3
    assert "3 sessions" in run("load", *where, "--since", "2026-03-02").stdout
    rows = json.loads(run("stats", "energy", *where, "--by", "site_id", "--json").stdout)
    assert {row["site_id"] for row in rows} == {"s1", "s2"}
    assert "energy_kwh" in run("stats", "energy", *where).stdout
    asked = run("query", "SELECT count(*) AS n FROM fact_session", *where, "--json")
    assert asked.exit_code == 0, (asked.output, asked.exception)
    assert json.loads(asked.stdout) == [{"n": 3}]
    assert run("query", "SELECT nothing", *where).exit_code == 2
    for ending in ("csv", "parquet"):
        file = tmp_path / f"out.{ending}"
        assert run("export", "sessions", str(file), *where).exit_code == 0
        assert file.stat().st_size > 0
    assert run("export", "sessions", str(tmp_path / "out.xls"), *where).exit_code == 2
    assert run("stats", "energy", *where, "--first", "2026-03-05", "--last", "2026-03-01").exit_code == 2
    assert "Nothing happened" in run("stats", "energy", *where, "--last", "2020-01-01").stdout
    assert run("load", "--data-dir", str(tmp_path / "nowhere")).exit_code == 2
