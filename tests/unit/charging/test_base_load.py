"""Metered base load instead of the curve, as long as it is fresh, and never more room than both leave."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.base_load import HOLD, BaseLoads
from csms.charging.feeder import Feeder, FeederTree, NoCaps

NOW = datetime(2026, 1, 5, 8, 2, tzinfo=UTC)
CURVE = tuple([30_000] * 33 + [50_000] * 63)  # 50 kW from 8:15
TREE = Feeder("T1", 200_000, base_load_w=CURVE, lowest_cap_w=90_000)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def test_a_reading_counts_now_and_the_higher_of_both_soon_after() -> None:
    tree = FeederTree([TREE, Feeder("F1", 90_000, "T1", base_load_w=(5_000,))])
    assert tree.base_load_w("T1", NOW) == 35_000
    assert tree.base_loads.report("T1", 21_000.4, NOW, NOW)
    assert [tree.base_load_w("T1", at(s)) for s in (0, 59, 61, 299, 300)] == [26_000, 26_000, 35_000, 35_000, 35_000]
    assert tree.base_loads.report("T1", 60_000, at(30), at(30))
    assert [tree.base_load_w("T1", at(s)) for s in (30, 100, 329, 330)] == [65_000, 65_000, 65_000, 35_000]
    assert tree.base_load_w("F1", at(30)) == 5_000


def test_room_follows_metering_but_not_into_a_dearer_quarter() -> None:
    tree = FeederTree([TREE])
    late = datetime(2026, 1, 5, 8, 13, 30, tzinfo=UTC)
    tree.base_loads.report("T1", 10_000, late, late)
    assert tree.rooms_w(NoCaps(), late, 60.0, 0.0) == {"T1": 190_000}
    assert tree.rooms_w(NoCaps(), late, 135.0, 0.0) == {"T1": 150_000}, "at 8:15 the curve says 50 kW"


def test_feeding_in_gives_no_room() -> None:
    loads = BaseLoads()
    loads.report("T1", -40_000, NOW, NOW)
    assert loads.own_w("T1", NOW, 30_000) == 0
    assert loads.own_w("T1", at(120), 30_000) == 30_000


@pytest.mark.parametrize(("age_s", "taken"), [(0, True), (299, True), (300, False), (-30, True), (-31, False)])
def test_readings_from_another_time(age_s: float, taken: bool) -> None:
    loads = BaseLoads()
    assert loads.report("T1", 1, at(-age_s), NOW) is taken
    assert (loads.reading("T1", NOW) is not None) is taken


def test_an_older_reading_changes_nothing_and_a_fresh_one_ends() -> None:
    loads = BaseLoads()
    assert loads.report("T1", 1_000, NOW, NOW)
    assert not loads.report("T1", 2_000, NOW, NOW)
    assert not loads.report("T1", 2_000, at(-1), NOW)
    reading = loads.reading("T1", NOW)
    assert reading is not None
    assert reading.power_w == 1_000
    assert loads.reading("T1", NOW + HOLD) is None
    assert loads.reading("T2", NOW) is None


def test_a_meter_that_falls_silent_is_no_empty_feeder() -> None:
    """Without a curve too: the highest of its last day counts until it speaks again."""
    tree = FeederTree([Feeder("T1", 100_000)])
    loads = tree.base_loads
    for hour, power_w in ((-30, 95_000), (-20, 80_000), (-1, 60_000), (0, 70_000)):
        assert loads.report("T1", power_w, at(3600 * hour), at(3600 * hour))
    loads.look(at(299))
    assert tree.rooms_w(NoCaps(), at(299), 0.0, 0.0) == {"T1": 30_000}
    loads.look(at(300))
    assert tree.rooms_w(NoCaps(), at(300), 0.0, 0.0) == {"T1": 20_000}, "95 kW was longer than a day ago"
    assert tree.base_load_w("T1", at(86_400)) == 80_000
    assert not tree.base_load_metered("T1", at(300))
    assert loads.report("T1", 10_000, at(400), at(400))
    assert tree.rooms_w(NoCaps(), at(400), 0.0, 0.0) == {"T1": 90_000}
    assert tree.base_load_metered("T1", at(400))


def test_a_clock_that_is_set_back_believes_neither_what_it_knew_nor_refuses_what_comes() -> None:
    loads = BaseLoads()
    loads.report("T1", 10_000, at(3600), at(3600))
    loads.look(NOW)
    assert loads.own_w("T1", NOW, 30_000) == 30_000, "a reading of a time to come is not fresh"
    assert loads.report("T1", 90_000, NOW, NOW)
    assert loads.own_w("T1", NOW, 30_000) == 90_000


def test_what_is_to_come_is_not_taken_for_silence() -> None:
    tree = FeederTree([TREE])
    tree.base_loads.report("T1", 150_000, NOW, NOW)
    tree.base_loads.look(at(60))
    assert tree.base_load_w("T1", at(3600)) == 50_000, "in an hour the curve counts"
