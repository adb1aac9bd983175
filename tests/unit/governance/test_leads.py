"""Leads reach people: days, hours and outlets that stand out, by name and local time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from csms.store.tables import Session
from csms.texts import catalogue
from monitor.governance.console import build
from monitor.governance.leads import leads
from monitor.governance.rules.judge import judge
from monitor.governance.station_facts import station_facts
from tests.unit.governance.test_gathering import START, fill, run, session

MONDAY = datetime(2026, 1, 5, 1, tzinfo=UTC)
NOW = MONDAY + timedelta(days=100)


@dataclass(frozen=True)
class Value:
    """A value as stored."""

    time: datetime
    measurand: str
    value: float
    phase: str = ""


def charged(
    number: int, begin: datetime, watts: float, evse: int = 1, ratio: float = 1.0
) -> tuple[Session, list[Value]]:
    """Half an hour, each five minutes; the register says `ratio` of the power."""
    told = session(number, begin, evse_id=evse, ended_at=begin + timedelta(minutes=30))
    told.start_register_wh, told.energy_wh = 0.0, watts / 2 * ratio
    told.end_register_wh = told.energy_wh
    times = [begin + timedelta(minutes=5 * n) for n in range(7)]
    samples = [Value(at, "Power.Active.Import", watts) for at in times]
    samples += [Value(at, "Energy.Active.Import.Register", watts * ratio * n / 12) for n, at in enumerate(times)]
    return told, samples


def found(rows: list[tuple[Session, list[Value]]]) -> list[tuple[str, str, str, str]]:
    sessions = [told for told, _ in rows]
    rated_w = {("cp-1", evse): 7000.0 for evse in range(1, 6)}
    facts = station_facts(sessions, {told.id: values for told, values in rows}, rated_w, NOW)
    return [(one.rule, one.station, one.outlet, one.at) for one in leads(facts, judge(facts.facts))]


def test_an_hour_far_from_the_same_hours_of_other_days() -> None:
    rows = [charged(day, MONDAY + timedelta(days=day), 7000.0 if day != 9 else 2000.0) for day in range(20)]
    assert ("R01", "cp-1", "1", "2026-01-14 09:00") in found(rows), "09:00 in Shanghai is 01:00 UTC"


def test_an_outlet_that_drifts_and_one_that_is_off_among_its_siblings() -> None:
    rows = []
    for day in range(40):
        for evse in range(1, 6):
            ratio = 1.0 + 0.001 * ((day + evse) % 3)
            ratio += 0.03 if evse == 2 and day >= 25 else 0.0
            ratio += 0.08 if evse == 4 else 0.0
            begin = MONDAY + timedelta(days=day, hours=evse)
            rows.append(charged(10 * day + evse, begin, 7000.0, evse, ratio))
    told = found(rows)
    assert {(rule, outlet) for rule, _, outlet, _ in told if rule == "R02"} == {("R02", "2")}
    assert min(at for rule, *_, at in told if rule == "R02") >= "2026-01-30"
    assert [row for row in told if row[0] == "R03"] == [("R03", "cp-1", "4", "")]


def test_a_day_of_far_too_many_orders() -> None:
    rows = []
    for day in range(42):
        rows += [
            charged(100 * day + n, MONDAY + timedelta(days=day, minutes=33 * n), 7000.0)
            for n in range(40 if day == 30 else 4)
        ]
    assert ("Q18", "cp-1", "", "2026-02-04") in found(rows)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_the_command_tells_them(tmp_path: Path, lang: str) -> None:
    days = [session(n, START + timedelta(days=n)) for n in range(1, 30)]
    more = [session(100 + n, START + timedelta(days=15, hours=0.5 * (n + 1))) for n in range(22)]
    fill(tmp_path, [(one, []) for one in (*days, *more)])
    (lead,) = run(tmp_path, "judge")["leads"]
    assert (lead["rule"], lead["station"], lead["at"]) == ("Q18", "cp-1", "2026-03-17")
    shown = CliRunner().invoke(build(catalogue(lang)), ["judge", "--data-dir", str(tmp_path)])
    assert "Q18 (" in shown.output
