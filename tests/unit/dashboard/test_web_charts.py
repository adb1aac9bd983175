"""The grammar of load pictures: what is stacked, what is a line, and where now is."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from csms.texts import catalogue
from monitor.dashboard.history import Point
from monitor.dashboard.web.charts import (
    POINTS_MAX,
    lines,
    load_picture,
    plan_picture,
    session_picture,
    state_ring,
    thinned,
)
from monitor.dashboard.web.palette import LIGHT
from monitor.dashboard.web.words import layers

BEGIN = datetime(2026, 11, 24, 8, tzinfo=UTC)
WORDS = layers(catalogue("en"))
PLAN = {
    "made_at": BEGIN.isoformat(),
    "content": {"slot_h": 0.25, "base_kw": [10, 10], "charging_kw": [20, 30], "cap_kw": [100, 50]},
}


def point(second: int, cap_w: float | None = 100_000) -> Point:
    return Point(BEGIN + timedelta(seconds=second), 20_000, 10_000, cap_w, 40_000, 25_000)


@given(st.integers(0, 3000), st.integers(1, 500))
def test_thinning_keeps_order_and_the_last(count: int, most: int) -> None:
    points = [point(second) for second in range(count)]
    kept = thinned(points, most)
    assert len(kept) == min(count, most)
    assert kept == sorted(kept, key=lambda one: one.time)
    assert not points or kept[-1] == points[-1]


def series(options: dict, name: str) -> dict:
    return next(one for one in options["series"] if one["name"] == WORDS[name])


def test_charging_stands_on_the_base_load_and_lines_count_with_it() -> None:
    options = load_picture([point(0), point(1)], None, LIGHT, WORDS)
    base, charging, bound = (series(options, name) for name in ("base", "charging", "bound"))
    assert base["stack"] == charging["stack"]
    assert [value for _, value in charging["data"]] == [20.0, 20.0]
    assert [value for _, value in bound["data"]] == [50.0, 50.0]
    assert "stack" not in bound
    assert series(options, "cap")["lineStyle"]["color"] == LIGHT.faulted
    assert series(options, "plan")["lineStyle"]["type"] == "dashed"
    assert base["markLine"]["data"] == [{"xAxis": (BEGIN + timedelta(seconds=1)).isoformat()}]


def test_the_plan_goes_on_where_the_past_ends() -> None:
    options = load_picture([point(60)], PLAN, LIGHT, WORDS)
    planned, cap = series(options, "plan")["data"], series(options, "cap")["data"]
    assert planned == [[point(60).time.isoformat(), 35.0], [(BEGIN + timedelta(minutes=15)).isoformat(), 40.0]]
    assert cap[-1] == [(BEGIN + timedelta(minutes=15)).isoformat(), 50]


def test_many_points_are_thinned() -> None:
    options = load_picture([point(second) for second in range(4000)], None, LIGHT, WORDS)
    assert len(series(options, "base")["data"]) == POINTS_MAX


def test_no_cap_leaves_a_gap_and_nothing_seen_draws_nothing() -> None:
    assert series(load_picture([point(0, None)], None, LIGHT, WORDS), "cap")["data"][0][1] is None
    assert all(not one["data"] for one in load_picture([], PLAN, LIGHT, WORDS)["series"])


def test_a_plan_shows_every_slot() -> None:
    options = plan_picture(PLAN, LIGHT, WORDS)
    assert [value for _, value in series(options, "charging")["data"]] == [20, 30]
    assert not [one for one in options["series"] if one["name"] == WORDS["storage"]]


def test_a_session_shows_the_car_s_charge_on_an_axis_of_its_own() -> None:
    options = session_picture({"power": [("t", 7.0)], "soc": [("t", 40.0)]}, LIGHT, WORDS)
    assert len(options["yAxis"]) == 2
    assert options["series"][-1]["yAxisIndex"] == 1


def test_a_ring_leaves_out_what_there_is_none_of() -> None:
    (ring,) = state_ring([("free", "available", 3), ("broken", "faulted", 0)], LIGHT)["series"]
    assert [(one["name"], one["value"]) for one in ring["data"]] == [("free", 3)]


def test_no_tooltip_is_markup() -> None:
    """Names of stations reach it; ECharts would show them as HTML."""
    assert lines({"<b>": [("t", 1.0)]}, LIGHT)["tooltip"]["renderMode"] == "richText"
