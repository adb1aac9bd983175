"""Cars to come, from sessions: local days, holidays, whose they are, what counts for nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from monitor.forecast.calendar import CalendarBroken, calendar_of, read_calendar
from monitor.forecast.coming import coming_cars, since

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOW = datetime(2026, 3, 23, 6, 10, tzinfo=SHANGHAI)
"""A Monday."""


@dataclass(frozen=True)
class Past:
    """A session that is over."""

    station_id: str
    started_at: datetime
    ended_at: datetime | None
    energy_wh: float
    evse_id: int = 1


def stay(day: date, hour: float, hours: float, station: str = "a", energy_wh: float = 14_000.0) -> Past:
    begin = datetime(day.year, day.month, day.day, tzinfo=SHANGHAI) + timedelta(hours=hour)
    return Past(station, begin.astimezone(UTC), (begin + timedelta(hours=hours)).astimezone(UTC), energy_wh)


def days(count: int = 28) -> list[date]:
    return [NOW.date() - timedelta(days=n) for n in range(count, 0, -1)]


CHINA = read_calendar("cn")
POWER = {("a", 1): 7_000.0, ("b", 1): 60_000.0}
FEEDERS = {"a": "north", "b": ""}


def test_working_days_expect_what_working_days_brought() -> None:
    past = [stay(day, 8.4, 8.0) for day in days() if CHINA.kind_of(day) == "working"]
    past += [stay(day, 20.0, 1.0, "b", 30_000.0) for day in days() if CHINA.kind_of(day) == "rest"]
    (one,) = coming_cars(past, FEEDERS, POWER, NOW, 80, SHANGHAI, CHINA.kind_of)
    assert one.feeder_id == "north"
    assert one.arrives_at == datetime(2026, 3, 23, 8, 30, tzinfo=SHANGHAI)
    assert (one.stay_s, one.power_w, one.energy_wh) == (8 * 3600, 7_000, 14_000)
    assert one.count == pytest.approx(1.0)
    saturday = datetime(2026, 3, 28, 0, 10, tzinfo=SHANGHAI)
    assert [car.feeder_id for car in coming_cars(past, FEEDERS, POWER, saturday, 96, SHANGHAI, CHINA.kind_of)] == [
        ""
    ], "the planner says where stations without a feeder count"


def test_a_day_begins_at_local_midnight() -> None:
    """07:30 on Monday in Shanghai is Sunday in UTC."""
    past = [stay(day, 7.5, 1.0, energy_wh=3_000.0) for day in days() if day.weekday() == 0]
    found = coming_cars(past, FEEDERS, POWER, NOW, 90, SHANGHAI, lambda day: str(day.weekday()))
    assert [car.arrives_at.hour for car in found] == [7]
    assert since(NOW, SHANGHAI) == datetime(2026, 2, 23, tzinfo=SHANGHAI)


def test_what_says_nothing_of_a_car_counts_for_nothing() -> None:
    day = days()[-3]
    begin = datetime(day.year, day.month, day.day, 9, tzinfo=SHANGHAI)
    past = [
        Past("a", begin, None, 5_000.0),
        Past("a", begin, begin + timedelta(hours=2), 0.0),
        Past("a", begin - timedelta(days=20), begin, 5_000.0),
        Past("a", begin - timedelta(days=60), begin - timedelta(days=59.9), 5_000.0),
        Past("a", begin, begin + timedelta(hours=2), 5_000.0, evse_id=9),
        Past("gone", begin, begin + timedelta(hours=2), 5_000.0),
    ]
    assert coming_cars(past, FEEDERS, POWER, NOW, 96, SHANGHAI, CHINA.kind_of) == ()
    assert coming_cars([], FEEDERS, POWER, NOW, 96, SHANGHAI, CHINA.kind_of) == ()


def test_no_car_takes_more_than_its_outlet_gives() -> None:
    past = [stay(day, 9.0, 1.0, energy_wh=99_000.0) for day in days()]
    found = coming_cars(past, FEEDERS, POWER, NOW, 96, SHANGHAI, lambda _: "day")
    assert {car.energy_wh for car in found} == {7_000.0}


def test_an_hour_that_clocks_repeat_changes_no_day() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    now = datetime(2026, 10, 26, 6, tzinfo=berlin)
    past = []
    for n in range(1, 29):
        begin = (now - timedelta(days=n)).replace(hour=17)
        past.append(Past("a", begin.astimezone(UTC), (begin + timedelta(hours=2)).astimezone(UTC), 8_000.0))
    found = coming_cars(past, FEEDERS, POWER, now, 90, berlin, lambda _: "day")
    assert [(car.arrives_at.astimezone(berlin).hour, round(car.count, 6)) for car in found] == [(17, 1.0)]


@pytest.mark.parametrize(
    ("day", "kind"),
    [
        ("2026-02-14", "working"),
        ("2026-02-16", "rest"),
        ("2026-02-24", "working"),
        ("2026-02-28", "working"),
        ("2026-10-10", "working"),
        ("2026-10-11", "rest"),
        ("2025-10-08", "rest"),
        ("2025-09-28", "working"),
        ("2024-02-04", "working"),
        ("2023-01-28", "working"),
        ("2022-12-31", "rest"),
        ("2019-05-01", "working"),
    ],
)
def test_chinas_calendar(day: str, kind: str) -> None:
    assert CHINA.kind_of(date.fromisoformat(day)) == kind


def test_working_weekends_are_weekends_and_years_add_up() -> None:
    assert all(day.weekday() >= 5 for day in CHINA.working)
    assert {day.year for day in CHINA.off | CHINA.working} == CHINA.years
    for year in CHINA.years:
        gained = sum(day.year == year and day.weekday() < 5 for day in CHINA.off)
        given = sum(day.year == year for day in CHINA.working)
        assert gained - given == (13 if year >= 2025 else 11), "so many days are off by law, weekends made up for"
    assert CHINA.missing(date(2026, 12, 30), date(2027, 1, 2)) == [2027]
    weekdays = read_calendar("weekdays")
    assert weekdays.missing(date(2027, 1, 1), date(2027, 1, 2)) == []
    assert weekdays.kind_of(date(2026, 2, 16)) == "working"
    assert CHINA.festive(date(2026, 2, 16))
    assert not CHINA.festive(date(2026, 3, 21))


@pytest.mark.parametrize(
    "document",
    [
        {"first": {}},
        {"2026": []},
        {"2026": {"off": "2026-01-01"}},
        {"2026": {"off": ["2026-13-01"]}},
        {"2026": {"off": ["2026-01-03/2026-01-01"]}},
        {"2026": {"off": ["2026-01-01/2027-01-01"]}},
        {"2026": {"off": ["2026-01-03"], "working": ["2026-01-03"]}},
    ],
)
def test_a_broken_calendar_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(CalendarBroken):
        calendar_of(document, "mine.toml")


def test_a_calendar_of_ones_own(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('[2030]\noff = ["2030-06-03/2030-06-04"]\n')
    assert read_calendar(str(file)).kind_of(date(2030, 6, 4)) == "rest"
    file.write_text("not toml at all")
    with pytest.raises(CalendarBroken):
        read_calendar(str(file))
    with pytest.raises(OSError, match=r"nowhere\.toml"):
        read_calendar(str(tmp_path / "nowhere.toml"))
