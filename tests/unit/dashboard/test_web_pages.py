"""What pages write: markup that escapes, gauges, windows, curves, statements, files."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta

import pytest

from csms.texts import catalogue
from monitor.dashboard.history import Snapshot
from monitor.dashboard.web.pages.feeder_limits import drill_markup, history_markup, statement
from monitor.dashboard.web.pages.feeders import gauge_markup, in_depth
from monitor.dashboard.web.pages.overview import attention_markup
from monitor.dashboard.web.pages.plan import cars_markup
from monitor.dashboard.web.pages.province import state_markup
from monitor.dashboard.web.pages.session import curve
from monitor.dashboard.web.pages.stations import differences
from monitor.dashboard.web.pages.statistics import Wish, read_statistic, rows_markup, told_of
from monitor.dashboard.web.parts import table
from monitor.reports.writing import csv_text

TEXT = catalogue("en")
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)
HOSTILE = '"><script>x</script>'


def feeder(load_w: int = 50_000, cap_w: int | None = 100_000, **more: object) -> dict:
    return {
        "feeder_id": "T1",
        "parent_id": None,
        "cap_w": cap_w,
        "upper_bound_w": 60_000,
        "planned_w": 40_000,
        "metered_w": load_w,
        "base_w": 10_000,
        **more,
    }


def snapshot(*feeders: dict, stations: tuple[dict, ...] = ()) -> Snapshot:
    return Snapshot({"clock_time": NOW.isoformat(), "feeders": list(feeders)}, stations)


def station(name: str) -> dict:
    return {"station_id": name, "online": True, "evses": [{"evse_id": 1, "status": "Charging"}]}


@pytest.mark.parametrize(
    "written",
    [
        str(table([("a", "A")], [{"a": HOSTILE}], "none")),
        str(attention_markup(TEXT, [], snapshot(feeder(120_000, feeder_id=HOSTILE)))),
        str(rows_markup(TEXT, [{"station_id": HOSTILE, "energy_kwh": 1.0}])),
    ],
)
def test_words_of_others_are_escaped(written: str) -> None:
    assert "<script>" not in written
    assert "&lt;script&gt;" in written or "%3Cscript%3E" in written


def test_caps_at_risk_stand_before_alarms() -> None:
    alert = {"kind": "x_y", "station_id": "", "count": 3, "info": "why", "last_at": NOW.isoformat()}
    words = str(attention_markup(TEXT, [alert], snapshot(feeder(95_000))))
    assert words.index("above its cap: 105%") < words.index("x y ×3")
    assert "Nothing needs you now." in attention_markup(TEXT, [], snapshot(feeder()))


def test_a_gauge_shows_what_there_is() -> None:
    marks = str(gauge_markup(feeder()))
    assert all(f'class="mark {name}"' in marks for name in ("cap", "bound", "plan"))
    assert 'class="over"' in str(gauge_markup(feeder(100_000)))
    assert 'class="mark cap"' not in str(gauge_markup(feeder(cap_w=None)))


def test_children_stand_below_their_parents() -> None:
    names = {"a": None, "b": "a", "c": None, "d": "b", "e": "a"}
    rows = in_depth([feeder(feeder_id=name, parent_id=parent) for name, parent in names.items()])
    assert [(row["feeder_id"], depth) for row, depth in rows] == [("a", 0), ("b", 1), ("d", 2), ("e", 1), ("c", 0)]


def test_a_limit_is_a_statement_whose_version_rises() -> None:
    first, second = (statement(16_000, NOW + timedelta(seconds=s), 60, "peak") for s in (0, 1))
    assert second["version"] > first["version"]
    assert first["value_w"] == 16_000
    assert first["valid_to"] == (NOW + timedelta(hours=1)).isoformat()
    assert "reason" not in statement(1, NOW, 15, "")


def test_a_rehearsal_in_words() -> None:
    drill = {
        "rehearsal": {"holds_s": 12.4, "told": [1, 2], "commanded_s": 3.0, "unreachable": ["CP-9"]},
        "losses": [{"evse": "CP-1/1", "without_kwh": 10.0, "with_kwh": 7.5}],
    }
    words = str(drill_markup(TEXT, drill))
    assert "hold after 12 s" in words
    assert "CP-9" in words
    assert "2.5" in words
    drill["rehearsal"]["holds_s"] = None
    assert "not surely hold" in drill_markup(TEXT, drill)


def test_the_record_names_who_and_what_came_of_it() -> None:
    record = {"at": NOW.isoformat(), "action": "set limit", "on": {}}
    told = {"who": {"name": "north"}, "detail": {}, "result": {"code": "stale_version", "power_w": 5_000}}
    done = {"who": {}, "detail": {"source": "grid:north"}, "result": {"outcome": "achieved", "stage": "verified"}}
    words = str(history_markup(TEXT, [record | told, record | done], NOW))
    assert all(
        word in words for word in ("north", "5.0", "an older version", "grid:north", "Verified by metering", "achieved")
    )


def test_who_has_least_time_to_spare_stands_first_and_who_wants_nothing_last() -> None:
    def car(name: str, kwh: float, slots: int) -> dict:
        return {"evse": f"{name}/1", "remaining_kwh": kwh, "departure_slot": slots, "power_max_kw": 10.0}

    plan = {"content": {"cap_kw": [1] * 8, "sessions": [car("idle", 0, 8), car("lax", 1, 8), car("tight", 9, 4)]}}
    words = str(cars_markup(TEXT, plan, NOW))
    assert words.index("tight/1") < words.index("lax/1") < words.index("idle/1")
    assert words.count('class="window"') == 2


def test_a_curve_adds_phases_and_ends_with_the_last_limit() -> None:
    def sample(second: int, value: float, phase: str = "", measurand: str = "Power.Active.Import") -> dict:
        at = (NOW + timedelta(seconds=second)).isoformat()
        return {"time": at, "measurand": measurand, "phase": phase, "value": value}

    samples = [sample(0, 1000, "L1"), sample(0, 2000, "L2"), sample(9, 7000), sample(9, 41, measurand="SoC")]
    found = curve(samples, [{"sent_at": NOW.isoformat(), "limit_w": 11_000}])
    assert [value for _, value in found["power"]] == [3.0, 7.0]
    assert [value for _, value in found["limit"]] == [11.0, 11.0]
    assert found["soc"][0][1] == 41
    assert curve([], [])["power"] == []


def test_a_table_is_told_only_what_changed() -> None:
    before = {"a": {"id": "a", "x": 1}, "b": {"id": "b", "x": 1}}
    after = {"b": {"id": "b", "x": 2}, "c": {"id": "c", "x": 1}}
    told = differences(before, after)
    assert [[row["id"] for row in told[how]] for how in ("add", "update", "remove")] == [["c"], ["b"], ["a"]]
    assert not any(differences(after, after).values())


def test_what_holds_messages_up_is_said() -> None:
    partner = {"paused": "", "barred": "", "unreachable": False, "token": "fresh", "profile": "p", "last_error": ""}
    assert "Connected" in state_markup(TEXT, partner)
    assert "Paused: keys" in state_markup(TEXT, partner | {"paused": "keys"})
    assert "It gives no token: 4005" in state_markup(TEXT, partner | {"barred": "4005"})
    assert "Last error: 500" in state_markup(TEXT, partner | {"unreachable": True, "last_error": "500"})


def test_a_file_for_spreadsheets_computes_nothing() -> None:
    rows = list(csv.reader(io.StringIO(csv_text([{"station_id": "=1+1", "kwh": -2.5}]))))
    assert rows == [["station_id", "kwh"], ["'=1+1", "-2.5"]]


def test_no_warehouse_is_no_fault(tmp_path) -> None:
    assert read_statistic(None, "energy", "all", Wish("grid", "30")) == []
    assert read_statistic(tmp_path / "none", "energy", "all", Wish("grid", "30")) == []
    assert told_of(None, Wish("grid", "30")) is None
    assert told_of(tmp_path / "none", Wish("grid", "30")) is None
    assert "holds nothing" in rows_markup(TEXT, [])
