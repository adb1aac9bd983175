"""The warehouse: its expressions against SQL by hand on the same files, point questions, Spark, and how fast it loads.

The files are made by DuckDB in the layout that a load writes: quarter-hours of 2,000 outlets, as many days as the rows
make. What is loaded is a real store, filled through its writer and rolled up as the server does it. Times are compared
in one run, in turns, the best of a few; equal answers are checked before.
"""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb

from benchmarks.tables import Figures
from benchmarks.warehouse_store import Stations, filled
from csms.model.clock import ManualClock
from csms.store.engine import open_store
from monitor.warehouse.engine import Star, in_process, on_spark, star
from monitor.warehouse.files import FORMAT, Files
from monitor.warehouse.loading import LATE, Loader
from monitor.warehouse.statistics import STATISTICS, ZONE_H

ROWS, QUICK_ROWS = 50_000_000, 2_000_000
OUTLETS, QUARTERS_A_DAY = 2_000, 96
FIRST = date(2026, 1, 1)
RATIO_BAR, POINT_BAR_S, EQUAL = 1.2, 0.1, 1e-9
RUNS = 5
FLEET, SAMPLE_S, HOUR_S = 10_000, 10, 3600

_QUARTERS = """
COPY (SELECT 'CP-' || lpad((o // 2)::VARCHAR, 5, '0') AS station_id, (o % 2 + 1)::INTEGER AS evse_id,
             TIMESTAMPTZ '{day} 00:00:00+00' + q * INTERVAL 15 MINUTE AS begins_at, q::INTEGER AS slot,
             busy * (500 + hash(o, q, {n}) % 1250) AS energy_wh,
             busy * (2000 + hash(o, q, {n}) % 5000)::DOUBLE AS power_mean_w,
             busy * (2500 + hash(o, q, {n}) % 4500)::DOUBLE AS power_max_w,
             NULL::DOUBLE AS soc_min, NULL::DOUBLE AS soc_max, 90::BIGINT AS samples
      FROM (SELECT o, q, (hash(o, q // 6, {n}) % 100 < 25)::INTEGER::DOUBLE AS busy
            FROM range({outlets}) a(o), range(96) b(q))
      ORDER BY station_id, evse_id, begins_at) TO '{path}' (FORMAT parquet, COMPRESSION zstd)"""

_WITHIN = "date BETWEEN DATE '{first}' AND DATE '{last}'"
_QUESTIONS: dict[str, tuple[str, str, str]] = {
    "energy of each station and day": ("metered", "station_id", f"""
        SELECT date, station_id, sum(energy_wh) / 1000 AS energy_kwh, max(power_max_w) / 1000 AS power_max_kw
        FROM fact_meter_15min WHERE {_WITHIN} GROUP BY ALL ORDER BY date, station_id"""),
    "mean and 95 % of power by hour": ("profile", "all", f"""
        SELECT (slot // 4 + {ZONE_H}) % 24 AS hour, avg(power_mean_w / 1000) AS mean_kw,
               quantile_cont(power_mean_w / 1000, 0.95) AS p95_kw
        FROM fact_meter_15min WHERE {_WITHIN} GROUP BY ALL ORDER BY hour"""),
    "DC against AC by day": ("metered", "kind", f"""
        SELECT date, coalesce(kind, '') AS kind, sum(energy_wh) / 1000 AS energy_kwh,
               max(fact_meter_15min.power_max_w) / 1000 AS power_max_kw
        FROM fact_meter_15min LEFT JOIN dim_evse USING (station_id, evse_id)
        WHERE {_WITHIN} GROUP BY ALL ORDER BY date, kind"""),
    "the ten busiest outlets": ("busiest", "all", f"""
        SELECT station_id, evse_id, sum(energy_wh) / 1000 AS energy_kwh,
               row_number() OVER (ORDER BY sum(energy_wh) DESC, station_id, evse_id) AS rank
        FROM fact_meter_15min WHERE {_WITHIN} GROUP BY station_id, evse_id ORDER BY rank LIMIT 10"""),
}  # fmt: skip
"""Figure -> statistic, group, and the same question as somebody would write it by hand."""


def run(quick: bool = False, rows: int | None = None) -> Figures:
    """All figures; the files are made anew and thrown away."""
    folder = Path(tempfile.mkdtemp(prefix="warehouse-"))
    try:
        days = max((rows or (QUICK_ROWS if quick else ROWS)) // (OUTLETS * QUARTERS_A_DAY), 1)
        _make(folder, days)
        begin = time.perf_counter()
        backend = in_process(folder)
        opened_s = time.perf_counter() - begin
        of, last = star(backend), FIRST + timedelta(days=days - 1)
        count = backend.con.sql("SELECT count(*) FROM fact_meter_15min").fetchall()[0][0]
        return [
            _figure("rows", count),
            _figure("opening the tables, once", opened_s, "s"),
            *_scans(backend, of, last),
            *_points(of, last),
            *_spark(folder, of, min(last, FIRST + timedelta(days=9))),
            *_loading(folder, quick),
        ]
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _make(folder: Path, days: int) -> None:
    files, engine = Files(folder), duckdb.connect()
    stations = [{"station_id": f"CP-{n:05}", "site_id": f"site-{n % 40}", "feeder_id": f"f-{n % 10}", "vendor": "V",
                 "model": f"M{n % 5}", "firmware": "", "protocol": ""} for n in range(OUTLETS // 2)]  # fmt: skip
    files.put_dimension("dim_station", stations)
    files.put_dimension("dim_evse", [
        {"station_id": station["station_id"], "evse_id": evse, "kind": "dc" if number % 3 else "ac", "phases": 3,
         "power_max_w": 7_000} for number, station in enumerate(stations) for evse in (1, 2)])  # fmt: skip
    for n in range(days):
        path = files.day_of("fact_meter_15min", FIRST + timedelta(days=n))
        path.parent.mkdir(parents=True)
        engine.execute(_QUARTERS.format(day=FIRST + timedelta(days=n), n=n, outlets=OUTLETS, path=path))
        files.roll_up(FIRST + timedelta(days=n))
    files.put_mark({"until": datetime.now(UTC).isoformat(), "format": FORMAT})


def _scans(backend: Any, of: Star, last: date) -> Figures:
    found: list[dict[str, Any]] = []
    for name, (statistic, by, sql) in _QUESTIONS.items():
        hand = sql.format(first=FIRST, last=last)

        def ours(statistic: str = statistic, by: str = by) -> list[dict[str, Any]]:
            return list(STATISTICS[statistic](of, FIRST, last, by).to_pyarrow().to_pylist())

        def theirs(hand: str = hand) -> list[dict[str, Any]]:
            return list(backend.con.sql(hand).to_arrow_table().to_pylist())

        _same(name, ours(), theirs())
        mine, its = _in_turns(ours, theirs)
        found.append(_figure(f"{name}, s", its, "s"))
        found.append(_figure(f"{name}, expression / SQL by hand", mine / its, "", f"<= {RATIO_BAR}", RATIO_BAR))
    return found


def _points(of: Star, last: date) -> Figures:
    month = max(FIRST, last - timedelta(days=29))
    asked: dict[str, Callable[[], Any]] = {
        "one station, one day, quarter-hours": lambda: of.quarters.filter(
            of.quarters.date == last, of.quarters.station_id == "CP-00007"
        ).to_pyarrow(),
        "30 days of a page, by site": lambda: STATISTICS["energy"](of, month, last, "site_id").to_pyarrow(),
        "30 days of a page, utilisation": lambda: STATISTICS["utilisation"](of, month, last, "all").to_pyarrow(),
    }
    found = []
    for name, ask in asked.items():
        took, _ = _in_turns(ask, lambda: None)
        found.append(_figure(name, took, "s", f"<= {POINT_BAR_S} s", POINT_BAR_S))
    return found


def _spark(folder: Path, of: Star, last: date) -> Figures:
    if shutil.which("java") is None:
        return []
    from benchmarks.warehouse_store import spark_session

    session = spark_session()
    try:
        there, worst = star(on_spark(folder, session)), 0.0
        for name, statistic in STATISTICS.items():
            tables = [list(statistic(one, FIRST, last, "kind").to_pyarrow().to_pylist()) for one in (of, there)]
            worst = max(worst, _same(name, *tables))
    finally:
        session.stop()
    return [_figure("Spark against DuckDB, largest relative difference", worst, "", f"<= {EQUAL}", EQUAL)]


def _loading(folder: Path, quick: bool) -> Figures:
    """A first load, and the next one, which looks back as every hour's does; both as shares of what they may take."""
    made = Stations(40, 2.0) if quick else Stations(200, 6.0)
    clock = ManualClock(made.end)

    async def load() -> tuple[float, int]:
        url = f"sqlite+aiosqlite:///{folder / 'csms.db'}"
        await filled(url, clock, made)
        store = await open_store(url, clock)
        try:
            await Loader(store.reader, folder / "warm", clock).load()  # what has to be imported is
            begin = time.perf_counter()
            done = await Loader(store.reader, folder / "loaded", clock).load()
            return time.perf_counter() - begin, done.quarters
        finally:
            await store.close()

    took, quarters = asyncio.run(load())
    values = made.values
    needed_per_s = FLEET / SAMPLE_S * made.kinds
    hourly = FLEET * QUARTERS_A_DAY * (LATE / timedelta(days=1) + 1.0)
    share = hourly / (quarters / took) / HOUR_S
    return [
        _figure(f"values behind what was loaded ({made.stations} stations, {made.hours:g} h)", values),
        _figure("values loaded a second", values / took, "1/s", f">= {needed_per_s:.0f}", -needed_per_s),
        _figure("quarter-hours loaded a second", quarters / took, "1/s"),
        _figure("share of an hour that each hour's load takes at 10,000 stations", share, "", "<= 1", 1.0),
    ]


def _in_turns(one: Callable[[], Any], other: Callable[[], Any]) -> tuple[float, float]:
    """Seconds of each, the best of some."""
    best = [math.inf, math.inf]
    for _ in range(RUNS):
        for place, call in enumerate((one, other)):
            begin = time.perf_counter()
            call()
            best[place] = min(best[place], time.perf_counter() - begin)
    return best[0], best[1]


def _same(name: str, ours: list[dict[str, Any]], theirs: list[dict[str, Any]]) -> float:
    """The largest relative difference of any figure; AssertionError when words differ or one is above `EQUAL`."""
    worst = 0.0
    for mine, its in zip(ours, theirs, strict=True):
        assert list(mine) == list(its), f"{name}: columns {list(mine)} and {list(its)}"
        for a, b in zip(mine.values(), its.values(), strict=True):
            if isinstance(a, float):
                worst = max(worst, abs(a - b) / max(abs(a), abs(b), 1e-300))
            else:
                assert a == b, f"{name}: {a} and {b}"
    assert worst <= EQUAL, f"{name}: differs by {worst}"
    return worst


def _figure(figure: str, value: float, unit: str = "", bar: str = "", limit: float | None = None) -> dict[str, Any]:
    """`limit`: at most so much; negative: at least so much."""
    met = None if limit is None else value >= -limit if limit < 0 else value <= limit
    return {"figure": figure, "value": value, "unit": unit, "bar": bar, "met": met}
