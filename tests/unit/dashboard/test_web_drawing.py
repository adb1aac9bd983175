"""Who draws below a feeder: live outlets joined with what the plan knows of them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from csms.texts import catalogue
from monitor.dashboard.web.drawing import below, drawers
from monitor.dashboard.web.pages.feeder_draw import draws_markup, why_markup

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
TREE = [
    {"feeder_id": "T1", "parent_id": None},
    {"feeder_id": "T1-A", "parent_id": "T1"},
    {"feeder_id": "T1-A-x", "parent_id": "T1-A"},
    {"feeder_id": "T2", "parent_id": None},
]


def station(name: str, feeder: str, power_w: float | None, *, session: bool = True) -> dict:
    held = {"session_id": 7, "power_w": power_w} if session else None
    return {"station_id": name, "feeder_id": feeder, "evses": [{"evse_id": 1, "power_w": power_w, "session": held}]}


def planned(name: str, kwh: float, hours: float) -> dict:
    leaves = (NOW + timedelta(hours=hours)).isoformat()
    return {"evse": f"{name}/1", "remaining_kwh": kwh, "departure": leaves, "power_max_kw": 10.0, "limit_kw": 8.0}


def test_a_feeder_has_everything_that_hangs_on_it() -> None:
    assert below(TREE, "T1") == {"T1", "T1-A", "T1-A-x"}
    assert below(TREE, "T2") == {"T2"}


def test_those_below_the_feeder_that_have_a_car_stand_first_by_power() -> None:
    stations = [
        station("low", "T1-A-x", 3_000),
        station("high", "T1", 9_000),
        station("idle", "T1", None, session=False),
        station("elsewhere", "T2", 50_000),
    ]
    found = drawers("T1", TREE, stations, [planned("low", 20, 1), planned("gone", 5, 1)], NOW)
    assert [one.outlet for one in found] == ["high/1", "low/1"]
    assert found[1].spare_h == 1 - 20 / 10, "it needs two hours and has one"
    assert (found[1].limit_kw, found[1].power_kw, found[0].limit_kw) == (8.0, 3.0, None)


def test_a_grid_operator_sees_what_the_plan_knows() -> None:
    found = drawers("T1", TREE, [], [planned("a", 1, 4)], NOW)
    assert [(one.outlet, one.power_kw, one.spare_h) for one in found] == [("a/1", None, 4 - 0.1)]


def test_why_a_feeder_is_full_is_said_in_words() -> None:
    text = catalogue("en")
    feeder = {"feeder_id": "T1", "base_w": 82_000, "metered_w": 16_000, "cap_w": 100_000}
    words = str(why_markup(text, feeder, 2))
    assert "98.0 of 100.0 kW (98%): 82.0 kW base load and 16.0 kW charging by 2 cars" in words
    assert "mood-bad" not in words
    alone = str(why_markup(text, feeder | {"base_w": 101_000}, 0))
    assert "mood-bad" in alone
    assert "base load alone" in alone
    late = str(draws_markup(text, drawers("T1", TREE, [], [planned("a", 50, 1)], NOW), NOW))
    assert 'class="mood-bad">-4.0 h' in late
