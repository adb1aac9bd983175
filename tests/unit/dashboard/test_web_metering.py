"""Metered values by phase, and schedules of stations as lines in kW."""

from __future__ import annotations

from datetime import UTC, datetime

from csms.texts import catalogue
from monitor.dashboard.web.metering import composite_line, from_then_on, newest
from monitor.dashboard.web.pages.station_meter import composite_markup, installed_markup, values_markup

NOW = datetime(2026, 11, 24, 18, tzinfo=UTC)
TEXT = catalogue("en")


def sample(kind: str, value: float, phase: str = "", location: str = "Outlet") -> dict:
    return {"measurand": kind, "value": value, "phase": phase, "location": location}


def test_the_newest_value_of_each_phase_counts() -> None:
    samples = [
        sample("Voltage", 229.0, "L1-N"),
        sample("Voltage", 231.4, "L1-N"),
        sample("Voltage", 230.0, "L2-N"),
        sample("Current.Import", 15.96, "L1"),
        sample("Power.Active.Import", 3_600.0, "L1"),
        sample("Power.Active.Import", 3_600.0, "L2"),
        sample("SoC", 41.0, location="EV"),
        sample("Current.Import", 99.0, "L1", location="Inlet"),
        sample("Frequency", 50.0),
    ]
    assert newest(samples) == {"V": "231 / 230", "A": "16.0", "kW": "7.2", "%": "41"}
    assert newest([*samples, sample("Power.Active.Import", 7_100.0)])["kW"] == "7.1", (
        "the whole counts before its parts"
    )


def test_a_composite_schedule_in_ampere_becomes_steps_in_kw() -> None:
    periods = [{"start_s": 0, "limit": 16.0}, {"start_s": 600, "limit": None}, {"start_s": 900, "limit": 6.0}]
    composite = {"start": NOW.isoformat(), "unit": "A", "periods": periods}
    line = composite_line(composite, 3, NOW, 1200)
    assert [value for _, value in line] == [11.04, 11.04, 4.14, 4.14]
    assert line[-1][0] == "2026-11-24T18:20:00+00:00"
    words = str(composite_markup(TEXT, composite, 3))
    assert all(part in words for part in ("+600 s", "no limit", "16 A", "11.0"))


def test_a_line_of_steps_begins_with_what_held_then() -> None:
    def at(minute: int) -> str:
        return NOW.replace(minute=minute).isoformat()

    line = [(at(0), 7.0), (at(10), 5.0), (at(30), 3.0)]
    assert from_then_on(line, NOW.replace(minute=20)) == [(at(20), 5.0), (at(30), 3.0)]
    assert from_then_on(line[1:], NOW) == line[1:]
    assert from_then_on([], NOW) == []


def test_words_of_stations_are_words() -> None:
    profile = {"evse_id": 1, "stack_level": 0, "purpose": "<b>x</b>", "source": "CSO", "profile_id": 5}
    assert "<b>x</b>" not in str(installed_markup(TEXT, [profile]))
    assert "metered nothing yet" in str(values_markup(TEXT, {}))
