"""The day as one picture: what was, what is planned and expected, what would be, and the tariff under it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.texts import catalogue
from monitor.dashboard.history import Point
from monitor.dashboard.web.charts import enlarged
from monitor.dashboard.web.day_chart import day_picture, unmanaged_kw
from monitor.dashboard.web.palette import DARK, LEVELS, LIGHT, contrast
from monitor.dashboard.web.words import layers

BEGIN = datetime(2026, 11, 24, tzinfo=UTC)
NOW = BEGIN + timedelta(hours=8)
HOUR, QUARTER = timedelta(hours=1), timedelta(minutes=15)
WORDS = layers(catalogue("en"))


def day(*levels: str) -> dict:
    prices = [
        {"begins_at": (BEGIN + n * HOUR).isoformat(), "yuan_per_kwh": 1, "level": v} for n, v in enumerate(levels)
    ]
    quarters = [
        {"begins_at": (BEGIN + n * QUARTER).isoformat(), "base_w": 10_000, "charging_w": 5_000} for n in range(32)
    ]
    span = {"begins_at": BEGIN.isoformat(), "ends_at": (BEGIN + 24 * HOUR).isoformat(), "clock_time": NOW.isoformat()}
    return {**span, "quarters": quarters, "prices": prices}


def car(power_kw: float, kwh: float, begin: int = 0, end: int = 96) -> dict:
    return {"power_max_kw": power_kw, "remaining_kwh": kwh, "arrival_slot": begin, "departure_slot": end}


def plan(*cars: dict) -> dict:
    content = {"slot_h": 0.25, "base_kw": [10.0] * 96, "charging_kw": [4.0] * 96, "cap_kw": [100.0] * 96}
    return {"made_at": NOW.isoformat(), "content": content | {"sessions": list(cars)}}


def point(at: datetime) -> Point:
    return Point(at, 6_000, 11_000, 100_000, 40_000, 25_000)


def data(options: dict, name: str) -> list:
    return next(one["data"] for one in options["series"] if one["name"] == WORDS[name] and not one.get("silent"))


def test_quarter_hours_until_the_finer_points_begin() -> None:
    seen = [point(NOW - 20 * timedelta(minutes=1)), point(NOW)]
    charging = data(day_picture(day(), None, seen, LIGHT, WORDS), "charging")
    assert [value for _, value in charging] == [5.0] * 31 + [6.0, 6.0]
    assert [at for at, _ in charging] == sorted(at for at, _ in charging)


def test_what_is_planned_begins_now_and_ends_with_the_day() -> None:
    planned = data(day_picture(day(), plan(), [], LIGHT, WORDS), "plan")
    assert planned[0] == [NOW.isoformat(), 14.0]
    assert len(planned) == 64
    assert data(day_picture(day(), None, [], LIGHT, WORDS), "plan") == []


def test_a_strip_names_the_periods_there_are() -> None:
    options = day_picture(day("valley", "peak", "valley"), None, [], LIGHT, WORDS)
    strips = [one for one in options["series"] if one.get("xAxisIndex") == 1]
    assert [one["name"] for one in strips] == ["peak", "valley"]
    assert [value for _, value in strips[1]["data"]] == [1, 1, None, None, 1, 1]
    assert options["xAxis"][0]["min"] == options["xAxis"][1]["min"] == BEGIN.isoformat()
    assert not {"peak", "valley"} & set(options["legend"]["data"])
    assert isinstance(day_picture(day("", ""), None, [], LIGHT, WORDS)["xAxis"], dict)


def test_a_forecast_stands_on_the_base_load_in_its_band() -> None:
    at = (NOW + HOUR).isoformat()
    said = {"said": [(at, 20.0)], "low": [(at, 15.0)], "high": [(at, 30.0)]}
    options = day_picture(day(), plan(), [], LIGHT, WORDS, said)
    floor, band, middle = (one for one in options["series"] if one["name"] == WORDS["forecast"])
    assert (floor["data"], band["data"], middle["data"]) == ([[at, 25.0]], [[at, 15.0]], [[at, 30.0]])
    assert middle["lineStyle"]["type"] == "dotted"
    assert options["legend"]["data"].count(WORDS["forecast"]) == 1
    assert WORDS["forecast"] not in day_picture(day(), plan(), [], LIGHT, WORDS)["legend"]["data"]


def test_without_a_plan_cars_charge_at_once() -> None:
    assert unmanaged_kw(plan(car(8.0, 3.0), car(4.0, 9.0, 1, 3))["content"], 4) == [8.0, 8.0, 4.0, 0.0]


@given(st.lists(st.tuples(st.floats(0, 50), st.floats(0, 80), st.integers(0, 90), st.integers(1, 96)), max_size=6))
def test_nobody_gets_more_than_wanted_nor_more_than_fits(cars: list[tuple[float, float, int, int]]) -> None:
    known = [car(power, kwh, begin, max(end, begin)) for power, kwh, begin, end in cars]
    drawn = unmanaged_kw(plan(*known)["content"], 96)
    could = sum(
        min(one["remaining_kwh"], 0.25 * one["power_max_kw"] * (one["departure_slot"] - one["arrival_slot"]))
        for one in known
    )
    assert 0.25 * sum(drawn) == pytest.approx(could, abs=1e-6)


def test_it_can_be_read_from_afar() -> None:
    options = enlarged(day_picture(day("valley"), plan(), [], DARK, WORDS), 20)
    assert options["xAxis"][0]["axisLabel"]["fontSize"] == 20
    main, strip = options["grid"]
    assert main["left"] == strip["left"]
    assert main["bottom"] > strip["bottom"]


@pytest.mark.parametrize("ground", [LIGHT.surface, DARK.surface])
def test_tones_of_the_tariff_can_be_told_from_the_ground(ground: str) -> None:
    assert min(contrast(tone, ground) for tone in LEVELS.values()) >= 2.4
