"""Feeder tree, caps, base loads and room; floors below them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from csms.charging.feeder import Feeder, FeederTree, NoCaps, quarter_hours
from csms.charging.floors import FloorRule, assign_floors, floor_w
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating

NOON = datetime(2026, 1, 5, 4, 0, tzinfo=UTC)
"""12:00 in Shanghai."""
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
DC = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)


class OneCap:
    """50 kW on feeder A from a moment on."""

    def __init__(self, since: datetime) -> None:
        self.since = since

    def cap_w(self, feeder_id: str, at: datetime) -> int | None:
        return 50_000 if feeder_id == "A" and at >= self.since else None

    def edges(self, feeder_id: str, since: datetime, until: datetime) -> Sequence[datetime]:
        return [self.since] if since < self.since <= until else []

    def lowest_w(self, feeder_id: str, at: datetime) -> int | None:
        return None


def curve() -> tuple[int, ...]:
    return tuple(1_000 * quarter for quarter in range(96))


def test_base_load_is_by_local_quarter_hour_and_includes_feeders_below() -> None:
    tree = FeederTree(
        [Feeder("A", 200_000, base_load_w=curve()), Feeder("B", 50_000, "A", (500,))], ZoneInfo("Asia/Shanghai")
    )
    assert tree.base_load_w("A", NOON) == 48_500
    assert tree.base_load_w("B", NOON) == 500
    assert tree.base_load_w("A", NOON + timedelta(minutes=15)) == 49_500
    assert tree.base_load_peak_w("A") == 95_500


def test_paths_roots_and_strays() -> None:
    tree = FeederTree([Feeder("B", 1, "A"), Feeder("A", 1), Feeder("C", 1, "B")])
    assert tree.path("C") == ("C", "B", "A")
    assert tree.roots == ("A",)
    assert tree.ids == ("A", "B", "C")
    assert (tree.place("C"), tree.place("nowhere")) == (("C", "B", "A"), ("B", "A")), "strays count at the first one"
    with pytest.raises(KeyError):
        tree.path("nowhere")
    assert "C" in tree
    assert "X" not in tree


def test_a_broken_tree_is_refused() -> None:
    for feeders in (
        [],
        [Feeder("A", 1), Feeder("A", 1)],
        [Feeder("A", 1, "X")],
        [Feeder("A", 1, "B"), Feeder("B", 1, "A")],
    ):
        with pytest.raises(ValueError, match="feeder"):
            FeederTree(feeders)
    with pytest.raises(ValueError, match="96"):
        Feeder("A", 1, base_load_w=(1, 2))
    with pytest.raises(ValueError, match="rating"):
        Feeder("A", 0)


def test_room_counts_a_lower_cap_and_a_higher_base_load_before_they_begin() -> None:
    tree = FeederTree([Feeder("A", 100_000, base_load_w=tuple([1_000] * 48 + [5_000] * 48))])
    soon = datetime(2026, 1, 5, 11, 58, tzinfo=UTC)
    assert tree.rooms_w(NoCaps(), soon, 60.0, 0.02) == {"A": 97_000}
    assert tree.rooms_w(NoCaps(), soon, 121.0, 0.02) == {"A": 93_000}
    cap = OneCap(soon + timedelta(seconds=100))
    assert tree.rooms_w(cap, soon, 99.0, 0.0) == {"A": 99_000}
    assert tree.rooms_w(cap, soon, 100.0, 0.0) == {"A": 49_000}


def test_quarter_hours_between() -> None:
    assert quarter_hours(NOON, NOON + timedelta(minutes=30)) == [NOON + timedelta(minutes=m) for m in (15, 30)]
    assert quarter_hours(NOON + timedelta(seconds=1), NOON + timedelta(minutes=14)) == []


def test_floors_go_by_station_as_long_as_they_fit() -> None:
    tree = FeederTree([Feeder("A", 200_000, base_load_w=(20_000,), lowest_cap_w=50_000)])
    outlets = {EvseRef(f"S{n}", 1): (AC1, "A") for n in range(6)} | {EvseRef("S0", 2): (DC, "A")}
    floors = assign_floors(outlets, tree, FloorRule(6.0, share=0.2, reserve_share=0.0))
    assert floors == {EvseRef(f"S{n}", 1): 1_380 if n < 4 else 0 for n in range(6)} | {EvseRef("S0", 2): 0}


def test_floors_that_are_given_stay_when_stations_are_added() -> None:
    tree = FeederTree([Feeder("A", 200_000, lowest_cap_w=1_500)])
    rule = FloorRule(share=1.0, reserve_share=0.0)
    kept = {EvseRef("S5", 1): 1_380}
    floors = assign_floors({EvseRef(s, 1): (AC1, "A") for s in ("S0", "S5")}, tree, rule, kept)
    assert floors == {EvseRef("S0", 1): 0, EvseRef("S5", 1): 1_380}


@pytest.mark.req("GL-B2")
def test_without_an_agreed_lowest_cap_there_is_no_floor() -> None:
    tree = FeederTree([Feeder("A", 200_000)])
    assert assign_floors({EvseRef("S", 1): (AC1, "A")}, tree, FloorRule(share=1.0)) == {EvseRef("S", 1): 0}


def test_floor_of_one_outlet() -> None:
    assert floor_w(AC3, 6.0) == 4_140
    assert floor_w(DC, 6.0) == 0
    assert floor_w(EvseRating(CurrentKind.AC, 1, 5.0, 1_150), 6.0) == 0
    with pytest.raises(ValueError, match="at least 6"):
        FloorRule(4.0)
    with pytest.raises(ValueError, match="share"):
        FloorRule(share=1.5)
