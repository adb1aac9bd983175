"""Figures of audiences: definitions by hand, and all of them from a real store."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from csms.texts import catalogue, entries
from monitor.warehouse import business, government, grid, makers
from monitor.warehouse.audiences import AUDIENCES, asked_of, figures_for, newest_month, report_of
from monitor.warehouse.console import build
from monitor.warehouse.engine import in_process, star
from monitor.warehouse.files import Files
from monitor.warehouse.measures import MEASURES
from monitor.warehouse.report import Asked, Figure, Report, change, ratio
from tests.support.warehouse import DAY, FIRST, LAST, PLACES, Home, at, more_rows

BOTH = Asked(FIRST, LAST)


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    await made.change(*more_rows())
    await made.load(since=at(-72), places=PLACES)
    return made


def named(figures: Iterable[Figure]) -> dict[tuple[str, str], Figure]:
    return {(one.name, one.of): one for one in figures}


async def test_the_grid_company(home: Home) -> None:
    told = report_of(home.warehouse, "grid", BOTH)
    assert told.value("energy") == pytest.approx(12.0)
    assert told.value("energy_of_day", FIRST.isoformat()) == pytest.approx(2.0), "10:00 UTC; 23:00 UTC is the day after"
    assert told.value("energy_of_day", LAST.isoformat()) == pytest.approx(10.0)
    assert told.value("level_energy", "sharp") == pytest.approx(2.0)
    assert told.value("level_share", "flat") == pytest.approx(10 / 12)
    assert told.value("saved_cost") == pytest.approx(2 * (0.66 - 1.17))
    assert told.value("feeder_energy", "f1") == pytest.approx(12.0)
    assert told.value("daily_peak") == pytest.approx((2.0 + 5.0) / 2)
    assert told.value("daily_valley") == 0.0
    carbon = named(told.figures)["carbon_avoided", ""]
    assert carbon.low is not None
    assert carbon.high is not None
    assert carbon.low < (carbon.value or 0.0) < carbon.high
    assert any("area 37" in word for word in carbon.factors)


async def test_a_feeder_that_is_overloaded(home: Home) -> None:
    told = report_of(home.warehouse, "grid", Asked(FIRST - timedelta(days=2), LAST))
    assert told.value("overload_minutes", "f1") == 3 * 60.0
    assert told.value("overload_alarms", "f1") == 3.0
    assert told.value("feeder_load_max", "f1") == pytest.approx(110.0)
    exceeds = told.value("exceedance", "f1")
    assert exceeds is not None
    assert exceeds > 0.99, "every day was like the one before"
    hot = named(told.figures)["hot_spot_max", "f1"]
    assert any("unverified" in word for word in hot.factors)
    assert any("20 °C outside" in word for word in told.assumptions)


async def test_government(home: Home) -> None:
    told = report_of(home.warehouse, "government", BOTH)
    assert told.value("sessions") == 3
    assert told.value("vehicles") == 1
    assert told.value("sessions_without_user") == 1
    assert (told.value("stations"), told.value("coverage")) == (2, 1.0)
    assert (told.value("region_stations", "371102"), told.value("region_energy", "371102")) == (1, pytest.approx(10.0))
    assert told.value("region_coverage", "370202") == 1.0
    assert told.value("calls_accepted", "sent p") == 1.0
    assert told.value("utilisation", "dc") == pytest.approx(8 / 192)
    assert told.value("charging_time") == 3.0
    assert told.value("plugged_time") == 3.0


async def test_makers(home: Home) -> None:
    told = report_of(home.warehouse, "makers", BOTH)
    assert told.value("energy_share", "dc") == pytest.approx(10 / 12)
    mtbf = named(told.figures)["mtbf", "V M"]
    assert mtbf.value == pytest.approx(30.0), "known from 00:00 to now, 06:00 of the next day; one fault"
    assert named(told.figures)["mtbf", "V N"].value is None
    assert told.value("availability", "V M") == pytest.approx(24 / 30)
    assert told.value("fault_code", "V M: E1") == 1
    assert told.value("session_success", "V N") == 1.0
    assert told.value("energy_growth", "V M") == pytest.approx(10 / 4 - 1)
    assert told.value("energy_growth", "V N") is None, "there was nothing before"


async def test_operators(home: Home) -> None:
    told = report_of(home.warehouse, "operators", BOTH)
    assert told.value("revenue", "electricity") == pytest.approx(10 * 0.66 + 2 * 1.17)
    assert told.value("revenue", "service") == pytest.approx(12 * 0.4)
    assert told.value("revenue_of_month", "202603") == pytest.approx(6.6 + 2.34 + 4.8)
    assert told.value("energy_loss") == pytest.approx(0.0)
    assert told.value("session_success") == 1.0


async def test_filters(home: Home) -> None:
    of = star(in_process(home.warehouse))
    assert figures_for(of, "grid", Asked(FIRST, LAST, region="3711")).value("energy") == pytest.approx(10.0)
    assert figures_for(of, "grid", Asked(FIRST, LAST, station_type="2")).value("energy") == pytest.approx(2.0)
    assert figures_for(of, "grid", Asked(FIRST, LAST, operator="own")).value("energy") == pytest.approx(12.0)
    other = figures_for(of, "government", Asked(FIRST, LAST, operator="370000001"))
    assert (other.value("energy"), other.value("sessions")) == (0.0, 0.0)


@pytest.mark.parametrize("audience", AUDIENCES)
async def test_parts_of_a_period_add_up_to_the_whole(home: Home, audience: str) -> None:
    days = [report_of(home.warehouse, audience, Asked(day, day)) for day in (FIRST, LAST)]
    whole = report_of(home.warehouse, audience, BOTH)
    added = {"energy", "sessions", "level_energy", "revenue", "charging_time", "failures", "overload_minutes"}
    for figure in whole.figures:
        if figure.name in added:
            parts = [named(one.figures).get((figure.name, figure.of)) for one in days]
            assert sum(one.value or 0.0 for one in parts if one) == pytest.approx(figure.value), figure


@pytest.mark.parametrize("audience", AUDIENCES)
def test_an_empty_period_has_no_figures_that_lie(tmp_path: Path, audience: str) -> None:
    told = report_of(tmp_path, audience, Asked(date(2026, 1, 1), date(2026, 1, 31)))
    assert told.figures or audience == "makers", "there are no models"
    assert all(one.value in (None, 0.0) for one in told.figures), [one for one in told.figures if one.value]
    assert newest_month(tmp_path) is None


async def test_every_number_carries_where_it_is_from(home: Home) -> None:
    asked = Asked(FIRST, LAST, region="37")
    told = report_of(home.warehouse, "grid", asked)
    for row in told.rows():
        assert (row["first"], row["last"], row["filter"]) == (FIRST.isoformat(), LAST.isoformat(), "region=37")
    assert json.loads(json.dumps(told.document()))["assumptions"]
    scored = Report("grid", asked, told.figures, quality={"a": 90.0, "b": 80.0})
    assert scored.rows()[0]["quality"] == 85.0
    with pytest.raises(KeyError, match="nothing"):
        told.value("nothing")
    assert newest_month(home.warehouse) == (LAST - timedelta(days=29), LAST)


def test_a_period() -> None:
    asked = Asked(date(2026, 3, 1), date(2026, 3, 31))
    assert asked.since == datetime(2026, 2, 28, 16, tzinfo=UTC)
    assert asked.until == datetime(2026, 3, 31, 16, tzinfo=UTC)
    assert (asked.before().first, asked.before().last) == (date(2026, 1, 29), date(2026, 2, 28))
    with pytest.raises(ValueError, match="after the last"):
        Asked(date(2026, 3, 2), date(2026, 3, 1))
    assert (ratio(1, 0), change(1, 0), change(3, 2)) == (None, None, 0.5)


def test_quarter_hours_that_were_not_seen_are_held() -> None:
    values, held = grid.filled([DAY, DAY + timedelta(minutes=45)], [1.0, 2.0])
    assert (values.tolist(), held) == ([1.0, 1.0, 1.0, 2.0], 2)
    assert grid.next_day(values, 1.0) is None


@given(st.integers(0, 96), st.integers(1, 5))
def test_utilisation_is_never_above_1(busy: int, outlets: int) -> None:
    day = Asked(FIRST, FIRST)
    metered = [{"kind": "ac", "busy_quarters": busy}]
    (found,) = government.utilisation(metered, [{"kind": "ac", "outlets": outlets}], day)
    assert found.value == pytest.approx(busy / 96 / outlets)
    (gone,) = government.utilisation(metered, [], day)
    assert gone.value is None


def test_compliance_and_loss_by_hand() -> None:
    told = named(government.compliance([
        {"direction": "sent", "partner": "p", "calls": 8, "accepted": 6, "latency_s": 0.5}
    ]))  # fmt: skip
    assert told["calls_accepted", "sent p"].value == 0.75
    lost = named(business.loss([{"energy_kwh": 10.0}], [{"energy_kwh": 9.5}]))
    assert lost["energy_loss", ""].value == pytest.approx(0.05)
    grown = named(makers.growth(
        [{"vendor": "V", "model": "M", "energy_kwh": 3.0, "sessions": 2}],
        [{"vendor": "V", "model": "M", "energy_kwh": 2.0, "sessions": 2}],
    ))  # fmt: skip
    assert (grown["energy_growth", "V M"].value, grown["sessions_growth", "V M"].value) == (0.5, 0.0)


async def test_every_measure_has_an_order_of_its_own(home: Home) -> None:
    of = star(in_process(home.warehouse))
    for name in MEASURES:
        assert asked_of(of, name, BOTH) == asked_of(of, name, BOTH)


async def test_a_day_reads_its_own_files_only(home: Home) -> None:
    """A local day lies in two UTC days; all later files are broken here. (The first one tells the columns.)"""
    files = Files(home.warehouse)
    for fact in ("hour_evse", "fact_session", "day_connector", "fact_status", "fact_feeder_15min"):
        for day in files.days(fact):
            if day > FIRST:
                files.day_of(fact, day).write_bytes(b"broken")
    of = star(in_process(home.warehouse))
    for name in ("hourly", "levels", "sessions", "connectors", "fault_codes", "feeder_loads"):
        assert asked_of(of, name, Asked(FIRST, FIRST)), name
    with pytest.raises(Exception, match=r"(?i)parquet|magic|broken"):
        asked_of(of, "hourly", BOTH)


def run(*words: str) -> Any:
    return CliRunner().invoke(build(catalogue("en")), list(words))


async def test_the_commands(home: Home, tmp_path: Path) -> None:
    where = ("--data-dir", str(tmp_path), "--first", FIRST.isoformat(), "--last", LAST.isoformat())
    for audience in AUDIENCES:
        shown = await asyncio.to_thread(run, "stats", audience, *where)
        assert shown.exit_code == 0, (shown.output, shown.exception)
        assert f"{audience}, {FIRST}" in shown.stdout
    told = json.loads((await asyncio.to_thread(run, "stats", "grid", *where, "--region", "3711", "--json")).stdout)
    (energy,) = [row for row in told["figures"] if row["figure"] == "energy"]
    assert (energy["value"], energy["filter"], energy["unit"]) == (pytest.approx(10.0), "region=3711", "kWh")
    assert any("grid" in word and "data of" in word for word in told["assumptions"])
    file = tmp_path / "figures.csv"
    assert (await asyncio.to_thread(run, "export", "makers", str(file), *where)).exit_code == 0
    assert "mtbf" in file.read_text()
    for wrong in (("grid", "--by", "kind"), ("energy", "--region", "37")):
        refused = await asyncio.to_thread(run, "stats", *wrong, *where, "--json")
        assert (refused.exit_code, json.loads(refused.stderr)["code"]) == (2, "options_mixed")
    nothing = await asyncio.to_thread(run, "stats", "grid", "--data-dir", str(tmp_path / "none"), "--json")
    assert (nothing.exit_code, json.loads(nothing.stderr)["code"]) == (2, "no_warehouse")


async def test_every_figure_has_a_name_in_both_languages(home: Home) -> None:
    words = {key.removeprefix("warehouse.figure.") for key in entries() if key.startswith("warehouse.figure.")}
    told = {one.name for audience in AUDIENCES for one in report_of(home.warehouse, audience, BOTH).figures}
    assert told <= words
