"""Facts and dimensions beyond sessions and quarter-hours, from real stores."""

from __future__ import annotations

import json
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.province.profile import Kind
from csms.store import changes
from csms.store.response_tables import FeederLoad
from csms.store.security_tables import Alert
from csms.store.station_tables import StateChange
from csms.store.supply_tables import FeederRow
from csms.store.tables import LimitRow, OutboxRow
from monitor.store.governance import open_governance
from monitor.store.governance_rows import Batch
from monitor.store.governance_tables import GovernedDay, GovernedDue, GovernedOrder, GovernedSource
from monitor.store.intake import open_intake
from monitor.store.messages import Call, Message, Standing
from monitor.store.quality import AlarmRow, DayRow
from monitor.warehouse.audiences import report_of
from monitor.warehouse.calendar import assumptions, book_of, date_rows, hour_rows
from monitor.warehouse.events import connector_days
from monitor.warehouse.files import Files
from monitor.warehouse.partners import Platform
from monitor.warehouse.places import Places, SettingsUnreadable, read_places, region_rows
from monitor.warehouse.report import Asked
from tests.support.warehouse import DAY, FIRST, LAST, Home, at

SETTINGS = """
[operator]
name = "日照充电"
[site]
id = "s1"
name = "海滨"
area_code = "371102"
longitude = 119.5
latitude = 35.4
[[sites]]
id = "s2"
area_code = "370202"
station_type = 2
[[feeders]]
id = "f1"
rating_kw = 630.0
[price]
tariff = "shandong-2026"
service = 0.4
"""


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    return made


@pytest.fixture
def places(tmp_path: Path) -> Places:
    file = tmp_path / "csms.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    return read_places(file)


def state(station: str, hour: float, word: str, error: str = "") -> Any:
    return changes.add_row(StateChange(
        station_id=station, evse_id=1, connector_id=1, state=word, error_code=error, at=at(hour), received_at=at(hour)
    ))  # fmt: skip


async def test_states_are_facts_and_their_seconds_a_roll_up(home: Home) -> None:
    await home.change(state("DC-1", 6.0, "Available"), state("DC-1", 8.0, "Faulted", "GroundFailure"))
    await home.change(state("DC-1", 20.0, "Available"), state("DC-1", 23.0, "Charging"))
    await home.load()
    told = home.rows("fact_status")
    assert [(row["state"], row["begins_at"]) for row in told][:2] == [("Available", at(6)), ("Faulted", at(8))]
    first, second = home.rows("day_connector")
    assert (first["known_s"], first["faulted_s"], first["occupied_s"], first["faults"]) == (64_800, 43_200, 3_600, 1)
    assert (second["date"], second["known_s"], second["occupied_s"]) == (LAST, 21_600, 21_600), "until now, 06:00"


async def test_a_state_lasts_while_nothing_is_said(home: Home) -> None:
    await home.change(state("DC-1", 6.0, "Available"))
    await home.load()
    home.clock.time = at(24 * 6)
    await home.load()
    rows = home.rows("day_connector")
    assert [row["known_s"] for row in rows[1:6]] == [86_400.0] * 5
    assert rows[-1]["ends_in"] == "Available"


async def test_a_state_that_comes_late_changes_the_days_after_it(home: Home) -> None:
    await home.change(state("DC-1", 6.0, "Available"))
    await home.load()
    await home.change(state("DC-1", 12.0, "Unavailable"))
    await home.load()
    assert [row["unavailable_s"] for row in home.rows("day_connector")] == [43_200.0, 21_600.0]


@given(
    st.lists(st.tuples(st.integers(0, 86_399), st.sampled_from(["Available", "Faulted", "Charging", "Unavailable"])))
)
def test_seconds_of_a_day_add_up(told: list[tuple[int, str]]) -> None:
    rows = [{"station_id": "a", "evse_id": 1, "connector_id": 1, "change_id": n,
             "begins_at": DAY + timedelta(seconds=s), "state": word} for n, (s, word) in enumerate(told)]  # fmt: skip
    found = connector_days(rows, [], DAY, DAY + timedelta(days=3))
    assert len(found) == bool(told)
    for row in found:
        assert row["known_s"] == 86_400 - min(s for s, _ in told)
        parts = [row[name] for name in ("occupied_s", "faulted_s", "unavailable_s")]
        assert 0 <= sum(parts) <= row["known_s"]
        assert row["faults"] <= sum(word == "Faulted" for _, word in told)


async def test_alarms_limits_calls_and_feeders(home: Home) -> None:
    limit = LimitRow(
        source="grid", feeder_id="f1", limit_id="L", version=1, power_w=90_000, valid_from=at(10), valid_to=at(12),
        issued_at=at(9), received_at=at(9.5),
    )  # fmt: skip
    sent = OutboxRow(
        partner="p", interface="charge_order", business_key="k", state="acked", attempts=2, created_at=at(11),
        next_at=at(11), acked_at=at(11.5), last_code=0,
    )  # fmt: skip
    alert = Alert(kind="ground_fault", station_id="DC-1", opened_at=at(8), last_at=at(9), count=3)
    seen = FeederLoad(feeder_id="f1", begins_at=at(10), base_w=50_000, charging_w=7_000, looks=15, metered=15)
    await home.change(*(changes.put_row(limit), changes.add_row(sent), changes.add_row(alert), changes.put_row(seen)))
    await home.load()
    await home.change(changes.set_columns(Alert, {"id": 1}, acknowledged_at=at(29), acknowledged_by="me"))
    await home.load()
    (alarm,), (kept,), (call,), (load,) = (
        home.rows(name) for name in ("fact_alarm", "fact_limit", "fact_call", "fact_feeder_15min")
    )
    assert (alarm["alarm_id"], alarm["count"], alarm["confirmed_at"]) == ("station:1", 3, at(29))
    assert (kept["power_w"], kept["valid_to"], kept["cancelled"]) == (90_000, at(12), False)
    assert (call["direction"], call["latency_s"], call["attempts"], call["code"]) == ("sent", 1800.0, 2, 0)
    assert (load["base_w"], load["charging_w"]) == (50_000.0, 7_000.0)


async def test_energy_by_level_is_split_by_the_register(home: Home, places: Places) -> None:
    """23:00-01:00 UTC is 07:00-09:00 in Shandong: in March all of it flat; 10:00-11:00 UTC is 18:00: sharp."""
    await home.load(places=places)
    rows = {row["session_id"]: row for row in home.rows("fact_session")}
    assert (rows[1]["flat_wh"], rows[1]["sharp_wh"], rows[1]["vehicle_class"]) == (10_000.0, 0.0, "dc")
    assert (rows[2]["sharp_wh"], rows[2]["tariff_id"]) == (2_000.0, "shandong-2026")
    assert rows[2]["electricity_yuan"] == pytest.approx(2 * 1.17)
    assert rows[2]["service_yuan"] == pytest.approx(0.8)
    assert rows[3]["flat_wh"] is None, "it runs"


async def test_who_and_where(home: Home, places: Places) -> None:
    added = FeederRow(
        id="f2", parent="f1", rating_w=100_000, base_load_w=[0], lowest_cap_w=0, added_at=DAY, changed_at=DAY
    )
    gone = FeederRow(id="f1", rating_w=1, base_load_w=[0], lowest_cap_w=0, removed=True, added_at=DAY, changed_at=DAY)
    await home.change(changes.put_row(added))
    await home.load(places=places)
    stations = {row["station_id"]: row for row in home.rows("dim_station")}
    assert (stations["DC-1"]["region_code"], stations["AC-1"]["station_type"]) == ("371102", "2")
    regions = {row["region_code"]: (row["name"], row["parent"]) for row in home.rows("dim_region")}
    assert regions["371102"] == ("东港区", "3711")
    assert regions["37"] == ("山东省", "")
    assert home.rows("dim_operator") == [{"operator_id": "own", "name": "日照充电"}]
    assert {row["feeder_id"]: row["rating_w"] for row in home.rows("dim_feeder")} == {"f1": 630_000.0, "f2": 100_000.0}
    assert [row["feeder_id"] for row in places.feeder_rows([gone])] == []
    assert {row["site_id"]: row["name"] for row in home.rows("dim_site")} == {"s1": "海滨", "s2": ""}


def test_settings_that_cannot_be_read(tmp_path: Path) -> None:
    assert read_places(None) == Places()
    (tmp_path / "bad.toml").write_text("site = [")
    with pytest.raises(SettingsUnreadable, match=r"bad\.toml"):
        read_places(tmp_path / "bad.toml")
    assert region_rows(["", "x"]) == []


def test_days_and_hours_of_a_tariff() -> None:
    book = book_of("shandong-2026", 0.4)
    days = {row["date"]: row for row in date_rows(date(2026, 2, 13), date(2026, 3, 1), book)}
    assert days[date(2026, 2, 17)] | {"date": None} == {
        "date": None, "weekday": 2, "working": False, "holiday": True, "month": 2, "season": "winter"
    }  # fmt: skip
    assert days[date(2026, 2, 14)]["working"], "a Saturday that is worked"
    assert days[date(2026, 3, 1)]["season"] == "spring"
    hours = hour_rows(FIRST, FIRST, book)
    assert len(hours) == 24
    assert {row["level"] for row in hours} == {"sharp", "peak", "flat", "valley", "deep"}
    sharp = next(row for row in hours if row["level"] == "sharp")
    assert (sharp["local_hour"], sharp["price_yuan"], sharp["flat_yuan"]) == (17, pytest.approx(1.17), 0.66)
    assert hours[-1]["local_date"] == LAST
    assert any("estimated" in word for word in assumptions(book, FIRST, LAST))


def test_without_a_tariff_of_that_year_hours_have_no_level() -> None:
    book = book_of()
    (row,) = {row["level"] for row in hour_rows(date(2019, 1, 1), date(2019, 1, 2), book)}
    assert row == ""
    assert date_rows(date(2019, 1, 5), date(2019, 1, 5), book)[0]["working"] is False
    with pytest.raises(ValueError, match="no tariff nowhere"):
        book_of("nowhere")


async def test_orders_of_others(home: Home, tmp_path: Path) -> None:
    folder = tmp_path / "platform"
    store = await open_intake(folder)
    told = {"StartTime": "2026-03-02 18:00:00", "EndTime": "2026-03-02 19:00:00", "TotalElect": 30.5, "SharpElect": 1,
            "CuspElect": 20.5, "PeakElect": 10.0, "TotalElecMoney": 31.0, "TotalServiceMoney": 9.0, "TotalMoney": 40.0,
            "ConnectorID": "C1", "StopReason": "0"}  # fmt: skip
    for number, fields in ((1, told), (2, told | {"StartTime": "yesterday"})):
        call = Call(at(12), "notification_charge_order", 200, 0, "370000001", f"N{number}", latency_us=2500)
        await store.accept(dict.fromkeys(Standing, call), Message(Kind.CHARGE_ORDER, fields, str(number), b"{}"))
    judged = json.dumps({"score": {"total": "91.50"}})
    await store.quality.keep_day(DayRow("370000001", FIRST.isoformat(), at(30), "A", "d", judged))
    await store.quality.keep_day(DayRow("370000001", LAST.isoformat(), at(30), "-", "d", '{"score": {"total": null}}'))
    alarm = AlarmRow("370000001", "silent", "", "", at(13), at(14), over_at=at(15))
    await store.quality.keep_alarms([alarm])
    await store.close()
    kept = open_governance(folder)
    order = GovernedOrder(
        source_id=0, key="2", number="F1", operator="old", station="S", connector="1", start=at(1), end=at(2),
        energy_wh=5_000.0, fee_yuan=5.5, cause="Q03",
    )  # fmt: skip
    again = GovernedOrder(
        source_id=0, key="3", number="F2", operator="old", station="S", connector="1", start=at(1), end=at(2),
        energy_wh=5_000.0, same_as=1,
    )  # fmt: skip
    kept.take_in(GovernedSource(digest="x", name="f.csv", mapping="m", taken_at=at(20)), Batch([order, again]))
    day = GovernedDay(operator="own", station="DC-1", day=FIRST.isoformat(), orders=2, doubted=1, score=75.0,
                      rule_set="1", judged_at=at(30))  # fmt: skip
    kept.judged(GovernedDue(source_id=1, station="DC-1", day=day.day), "own", [], [day])
    for _ in range(2):
        await home.load(more=Platform(folder, home.clock, kept))
    kept.close()
    found = {row["order_id"]: row for row in home.rows("fact_order")}
    assert {name for name, row in found.items() if not row["repeated"]} == {"N1", "F1"}
    assert (found["N1"]["started_at"], found["N1"]["energy_wh"], found["N1"]["sharp_wh"]) == (
        at(10),
        30_500.0,
        20_500.0,
    )
    assert (found["N1"]["operator_id"], found["N1"]["service_yuan"]) == ("370000001", 9.0)
    assert (found["F1"]["source"], found["F1"]["doubted"], found["F1"]["energy_wh"]) == ("file", "Q03", 5_000.0)
    told = report_of(home.warehouse, "government", Asked(FIRST, LAST))
    assert told.value("energy_of_operator", "370000001") == 30.5
    assert told.value("doubted_orders", "own") == 0
    assert told.value("energy_of_operator", "old") == 5.0, "what is told twice counts once"
    assert told.value("doubted_orders", "old") == 1
    assert told.value("energy") == pytest.approx(12.0 + 35.5)
    assert told.quality == {"370000001 interface": 91.5, "own physics": 75.0}
    assert told.value("plugged_time") == pytest.approx(3.0 + 2.0)
    calls = home.rows("fact_call")
    assert [(row["partner"], row["state"], row["latency_s"]) for row in calls] == [("370000001", "acked", 0.0025)] * 2
    (row,) = home.rows("fact_alarm")
    assert (row["source"], row["operator_id"], row["cleared_at"]) == ("operator", "370000001", at(15))
    assert Files(home.warehouse).mark()["format"] == json.loads((home.warehouse / "loaded.json").read_text())["format"]
