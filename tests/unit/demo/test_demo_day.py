"""The day of the demo: which stretch is played, what is moved where, what the cap would allow."""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from device_sim.demo import day, site
from device_sim.demo.options import Options
from device_sim.sessions import Session

TODAY = date(2026, 3, 2)
NOON = datetime(2026, 3, 2, 12, tzinfo=day.ZONE)


def session(name: str, hour: float, stay_h: float, energy_wh: float = 10_000) -> Session:
    arrival = datetime(2026, 3, 2, tzinfo=day.ZONE) + timedelta(hours=hour)
    return Session(name, arrival.astimezone(UTC), (arrival + timedelta(hours=stay_h)).astimezone(UTC), energy_wh)


def options(**more: object) -> Options:
    given = {"sessions": None, "day": None, "speed": 288.0, "duration_s": 300.0, "headless": True, "seed": 1}
    return Options(**{**given, "cap_kw": None, "keep": None, **more})  # type: ignore[arg-type]


def test_a_whole_day_begins_at_midnight() -> None:
    played = day.window([session("a", 9, 2)], TODAY, 86_400)
    assert played.began == datetime(2026, 3, 2, tzinfo=day.ZONE)
    assert played.length_s == 86_400


def test_a_stretch_is_where_the_energy_is() -> None:
    sessions = [session("early", 3, 1, 5_000), session("busy", 14, 2, 60_000)]
    played = day.window(sessions, TODAY, 3 * 3600)
    assert played.began <= sessions[1].arrival
    assert played.ended >= sessions[1].departure


def test_who_would_stay_longer_leaves_before_the_end() -> None:
    played = day.Window(NOON, NOON + timedelta(hours=2))
    (kept,) = day.inside([session("late", 13, 5), session("before", 9, 1), session("at-the-end", 13.9, 1)], played)
    assert kept.session_id == "late"
    assert kept.departure == played.ended - day.LEAVE_BEFORE_END


def test_an_empty_stretch_is_an_error() -> None:
    with pytest.raises(ValueError, match="no session"):
        day.inside([session("a", 3, 1)], day.Window(NOON, NOON + timedelta(hours=1)))


def test_the_timetable_is_written_for_the_fleet(tmp_path: Path) -> None:
    path = day.write_sessions(tmp_path / "s.csv", [session("a", 9, 2, 12_345)])
    (row,) = csv.DictReader(path.read_text().splitlines())
    assert (row["session_id"], row["energy_kwh"]) == ("a", "12.345000")
    assert datetime.fromisoformat(row["departure"]) - datetime.fromisoformat(row["arrival"]) == timedelta(hours=2)


def test_the_base_load_follows_the_local_quarter_hour() -> None:
    at_noon = day.base_w(np.array([0.0, 899.0, 900.0]), NOON)
    curve = site.base_load_kw()
    assert at_noon.tolist() == [curve[48] * 1000, curve[48] * 1000, curve[49] * 1000]


def test_the_cap_steps_down_for_the_limit_and_back() -> None:
    limit = day.GridLimit(80_000, NOON, NOON + timedelta(seconds=60), NOON + timedelta(seconds=120))
    caps = day.cap_w(np.array([59.0, 60.0, 119.0, 120.0]), NOON, 100.0, limit)
    assert caps.tolist() == [100_000, 80_000, 80_000, 100_000]


def test_a_generated_day_binds_and_is_possible() -> None:
    planned = day.prepare(options())
    _, load_w = planned.unmanaged_load()
    assert load_w.max() > planned.rating_kw * 1000
    assert planned.unmanaged_over_s() > 0
    assert 0 < planned.energy_possible_wh <= planned.energy_wanted_wh + 1
    assert planned.limit.power_w == planned.lowest_cap_kw * 1000 < planned.rating_kw * 1000


def test_the_same_seed_is_the_same_day() -> None:
    one, two, other = (day.prepare(options(seed=seed)) for seed in (5, 5, 6))
    assert one.sessions == two.sessions != other.sessions
    assert one.rating_kw == two.rating_kw


def test_a_tiny_cap_allows_less_than_is_wanted() -> None:
    planned = day.prepare(options(cap_kw=60.0))
    assert planned.energy_possible_wh < 0.9 * planned.energy_wanted_wh


def test_the_site_has_24_piles_half_of_each_version() -> None:
    versions = [pile.protocol for pile in site.piles()]
    assert len(versions) == 24
    assert versions.count("ocpp1.6") == versions.count("ocpp2.0.1") == 12
    assert {(pile.kind, pile.phases) for pile in site.piles()} == {("ac", 1), ("ac", 3), ("dc", 3)}


def test_files_with_keys_are_for_their_owner_alone(tmp_path: Path) -> None:
    secrets = site.Secrets("a" * 16, "b" * 16, "c" * 16, "d" * 16)
    written = [
        site.write_partner(tmp_path, secrets),
        site.write_settings(tmp_path, 100, 80, "http://x", secrets, "UTC"),
    ]
    assert all(path.stat().st_mode & 0o077 == 0 for path in written)
