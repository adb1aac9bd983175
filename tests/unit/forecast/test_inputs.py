"""What is known in advance: tables in time, days that count as others, groups beside the tree."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path

import numpy as np
import pytest

from monitor.forecast import nightly
from monitor.forecast.calendar import Calendar
from monitor.forecast.correction import Standing
from monitor.forecast.groups import groups_of, regions_of, summed
from monitor.forecast.inputs import Inputs, read_table
from monitor.forecast.models import Ridge
from monitor.forecast.panel import Panel, PanelBroken

START = datetime(2026, 3, 2, tzinfo=timezone(timedelta(hours=8)))
"""A Monday."""
HOUR = timedelta(hours=1)


def panel(values: np.ndarray, start: datetime = START, step: timedelta = HOUR) -> Panel:
    return Panel(start, step, tuple(f"s{i}" for i in range(values.shape[1])), values)


def table(tmp_path: Path, *lines: str) -> Path:
    file = tmp_path / "known.csv"
    file.write_text("\n".join(lines) + "\n")
    return file


def test_a_row_holds_until_the_next_one_is_due(tmp_path: Path) -> None:
    file = table(tmp_path, "time,temperature", "2026-03-01T17:00Z,1", "2026-03-01T18:00Z,2", "2026-03-01T20:00Z,4")
    found = read_table(file).column("temperature", START, timedelta(minutes=30), 12)
    assert found[:2].tolist() == pytest.approx([np.nan, np.nan], nan_ok=True), "midnight there is 16:00 in UTC"
    assert found[2:10].tolist() == pytest.approx([1, 1, 2, 2, np.nan, np.nan, 4, 4], nan_ok=True)


def test_times_without_a_zone_are_local(tmp_path: Path) -> None:
    known = read_table(table(tmp_path, "time,price", "2026-03-02 00:00,1", "2026-03-02 01:00,2"))
    assert known.column("price", START, HOUR, 2).tolist() == [1, 2]
    assert known.column("price", START.replace(tzinfo=None), HOUR, 2).tolist() == [1, 2]


def test_a_broken_table_and_a_name_that_stands_twice_are_refused(tmp_path: Path) -> None:
    known = read_table(table(tmp_path, "time,price", "2026-03-02 00:00,1", "2026-03-02 01:00,2"))
    with pytest.raises(PanelBroken, match="price"):
        Inputs(tables=(known, known))
    for lines in (("time",), ("time,a", "yesterday,1"), ("time,a", "2026-03-02,1"), ("time,a", "2026-03-02,1,2")):
        with pytest.raises(PanelBroken):
            read_table(table(tmp_path, *lines))


def test_a_holiday_counts_as_a_sunday_and_a_working_weekend_as_a_monday() -> None:
    calendar = Calendar(frozenset([date(2026, 3, 4)]), frozenset([date(2026, 3, 7)]), frozenset([2026]))
    week = Inputs(calendar).added(panel(np.zeros((7 * 24, 1))))
    assert week.weekday[::24].tolist() == [0, 1, 6, 3, 4, 0, 6]
    assert week.inputs["holiday"][:, 0].reshape(7, 24).mean(axis=1).tolist() == [0, 0, 1, 0, 0, 0, 0]
    plain = Inputs(calendar).added(panel(np.zeros((48, 1)), START + timedelta(days=14)))
    assert plain.counts_as is None
    assert plain.inputs == {}
    assert week.until(72).weekday[::24].tolist() == [0, 1, 6]
    part = Inputs(calendar).added(panel(np.zeros((30, 1)), START + timedelta(days=1, hours=20)))
    assert part.weekday.tolist() == [1] * 4 + [6] * 24 + [3] * 2
    with pytest.raises(PanelBroken, match="weekdays"):
        replace(week, counts_as=np.zeros(3, dtype=np.intp))


def test_who_knows_the_calendar_forecasts_a_holiday() -> None:
    """A site that works on working days; the last Wednesday is a holiday."""
    rng = np.random.default_rng(5)
    days = [START.date() + timedelta(days=n) for n in range(45)]
    free = days[-1]
    calendar = Calendar(frozenset([free]), frozenset(), frozenset([2026]))
    level = np.array([10.0 if calendar.kind_of(day) == "working" else 2.0 for day in days])
    whole = panel(np.repeat(level, 24)[:, None] + rng.normal(0, 0.2, (len(days) * 24, 1)))
    learn, targets = np.arange(48, 44 * 24), np.arange(44 * 24, 45 * 24)
    errors = []
    for known in (Inputs(), Inputs(calendar)):
        seen = known.added(whole)
        fitted = Ridge("rich", far=True).fit(seen, learn, 24)
        errors.append(float(np.abs(seen.values[targets] - fitted.predict(seen, targets)).mean()))
    assert errors[1] < 0.5 * errors[0]


def test_what_is_known_of_the_coming_steps_is_used(tmp_path: Path) -> None:
    """Load follows a temperature of no pattern; only who is told the coming one can say it."""
    rng = np.random.default_rng(3)
    hours = 40 * 24
    warmth = np.repeat(rng.normal(10, 5, hours // 6 + 8), 6)[: hours + 24]
    rows = [f"{(START + n * HOUR).isoformat()},{value:.6f}" for n, value in enumerate(warmth)]
    known = Inputs(tables=(read_table(table(tmp_path, "time,temperature", *rows)),))
    past = panel(20 + warmth[:hours, None] + rng.normal(0, 0.3, (hours, 1)))
    truth = 20 + warmth[hours:]
    standings = {24: [Standing("rich", nightly.first_day(past) + 40, 0)]}
    told = nightly.ahead(known.added(past), standings, 24, known).expected[:, 0]
    blind = nightly.ahead(past, standings, 24).expected[:, 0]
    assert np.abs(told - truth).mean() < 0.35 * np.abs(blind - truth).mean()


@dataclass(frozen=True)
class At:
    """A station at a site."""

    id: str
    site_id: str


@dataclass(frozen=True)
class Plate:
    """Of an EVSE."""

    station_id: str
    kind: str


def test_regions_and_connector_groups() -> None:
    stations = [At("a", "1"), At("b", "2"), At("c", "3")]
    plates = [Plate("a", "ac"), Plate("b", "dc"), Plate("b", "ac"), Plate("c", "ac"), Plate("gone", "ac")]
    found = groups_of(stations, plates, {"1": "Donggang", "2": "Donggang"})
    assert found == {
        "kind:ac": frozenset({"a", "c"}),
        "kind:mixed": frozenset({"b"}),
        "region:Donggang": frozenset({"a", "b"}),
    }
    assert summed(np.array([[1.0, np.nan], [np.nan, np.nan]])).tolist() == pytest.approx([1.0, np.nan], nan_ok=True)


@pytest.mark.parametrize("lines", [[], [["a", "b"]], [["site", "region"], ["1"]], [["site", "region"], ["1", " "]]])
def test_a_broken_list_of_regions_is_refused(lines: list[list[str]]) -> None:
    with pytest.raises(PanelBroken):
        regions_of(lines, "regions.csv")


def test_a_list_of_regions() -> None:
    rows = [["Site", " region"], ["1", "Lanshan"], [], ["2", "Lanshan"], ["1", "Lanshan"]]
    assert regions_of(rows, "regions.csv") == {"1": "Lanshan", "2": "Lanshan"}
    with pytest.raises(PanelBroken, match="already"):
        regions_of([*rows, ["2", "Juxian"]], "regions.csv")
    assert START.astimezone(UTC).hour == 16
