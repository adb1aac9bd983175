"""What the supply tree may become: each refusal with its code and its numbers (grid-limits I7)."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.feeder import Feeder, FeederTree, NoCaps
from csms.charging.tree_change import (
    Failsafe,
    FeederInUse,
    Hanging,
    House,
    TreeRefused,
    UnknownFeeder,
    check,
    with_feeder,
    without_feeder,
)
from csms.charging.tree_desk import merged
from csms.model.ids import EvseRef
from csms.store.supply_tables import FeederRow

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
SITE = Feeder("site", 400_000, lowest_cap_w=100_000)
NORTH = Feeder("north", 100_000, "site", base_load_w=(5_000,), lowest_cap_w=20_000)
SOUTH = Feeder("south", 100_000, "site")


def tree() -> FeederTree:
    return FeederTree([SITE, NORTH, SOUTH])


def house(*outlets: Hanging, failsafes: tuple[Failsafe, ...] = (), of: FeederTree | None = None) -> House:
    return House(of or tree(), outlets, failsafes, 0.0)


def outlet(station_id: str, feeder_id: str, floor_w: int = 4_140, least_w: int = 0) -> Hanging:
    return Hanging(EvseRef(station_id, 1), feeder_id, floor_w, least_w)


def refusal(before: House, after: House) -> TreeRefused:
    with pytest.raises(TreeRefused) as found:
        check(before, after)
    return found.value


@pytest.mark.parametrize(
    ("feeder", "code"),
    [
        (Feeder("west", 50_000, "nowhere"), "unknown_parent"),
        (Feeder("site", 400_000, "north"), "circle"),
        (Feeder("north", 100_000, "north"), "circle"),
        (Feeder("west", 400_001, "site"), "rating_above_parent"),
        (Feeder("site", 90_000), "rating_above_parent"),
    ],
)
def test_what_cannot_hang_together(feeder: Feeder, code: str) -> None:
    with pytest.raises(TreeRefused) as found:
        with_feeder(tree(), feeder)
    assert found.value.code == code
    assert found.value.numbers


def test_a_feeder_is_added_and_changed() -> None:
    added = with_feeder(tree(), Feeder("west", 50_000, "north"))
    assert added.path("west") == ("west", "north", "site")
    assert with_feeder(added, Feeder("west", 50_000, "south")).path("west") == ("west", "south", "site")


def test_only_what_nothing_hangs_on_goes() -> None:
    assert without_feeder(tree(), "south").ids == ("site", "north")
    with pytest.raises(UnknownFeeder):
        without_feeder(tree(), "west")
    with pytest.raises(FeederInUse) as found:
        without_feeder(tree(), "site")
    assert (found.value.code, found.value.numbers["feeders"]) == ("feeder_in_use", ["north", "south"])
    with pytest.raises(FeederInUse) as found:
        without_feeder(FeederTree([Feeder("only", 1000)]), "only")
    assert found.value.code == "first_feeder"


@pytest.mark.req("GL-I7")
def test_floors_that_would_not_fit_are_refused_with_the_numbers() -> None:
    before = house(*(outlet(f"CP-{n}", "north") for n in range(3)))
    check(before, before)
    found = refusal(before, replace(before, tree=with_feeder(tree(), replace(NORTH, lowest_cap_w=17_000))))
    assert found.code == "floors_do_not_fit"
    assert found.numbers == {
        "feeder_id": "north",
        "floors_w": 12_420,
        "lowest_cap_w": 17_000,
        "room_w": 12_000,
        "stations": ["CP-0", "CP-1", "CP-2"],
    }
    assert "12420 W" in str(found)
    assert "CP-2" in str(found)


@pytest.mark.req("GL-I7")
def test_a_silence_counts_like_a_contract() -> None:
    before = house(*(outlet(f"CP-{n}", "north") for n in range(3)))
    found = refusal(before, replace(before, failsafes=[Failsafe("grid:g", "north", 16_000)]))
    assert found.code == "failsafe_below_lowest_cap"
    promised = replace(before, failsafes=[Failsafe("grid:g", "north", 25_000)])
    check(before, promised)
    found = refusal(promised, replace(promised, tree=with_feeder(tree(), replace(NORTH, lowest_cap_w=30_000))))
    assert found.numbers == {"feeder_id": "north", "lowest_cap_w": 30_000, "failsafe_w": 25_000, "source": "grid:g"}


@pytest.mark.req("GL-I7")
def test_a_station_hangs_where_its_floor_fits() -> None:
    before = house(outlet("CP-1", "north"))
    found = refusal(before, replace(before, outlets=[outlet("CP-1", "south")]))
    assert (found.numbers["feeder_id"], found.numbers["room_w"], found.numbers["lowest_cap_w"]) == ("south", 0, 0)
    check(before, replace(before, outlets=[outlet("CP-1", "south", floor_w=0)]))


def test_what_did_not_fit_before_is_in_nobody_s_way() -> None:
    before = house(outlet("CP-1", "south"), failsafes=(Failsafe("grid:e", "north", 0),))
    check(before, replace(before, tree=with_feeder(tree(), Feeder("west", 50_000, "site"))))
    assert refusal(before, replace(before, outlets=[*before.outlets, outlet("CP-2", "south")])).code


def test_base_load_of_a_moved_feeder_counts_twice_until_it_has_settled() -> None:
    held = FeederTree([SITE, NORTH, SOUTH, Feeder("block", 20_000, "north", base_load_w=(3_000,))])
    assert (held.base_load_w("north", NOW), held.base_load_w("south", NOW)) == (8_000, 0)
    after = with_feeder(held, Feeder("block", 20_000, "south", base_load_w=(3_000,)))
    held.replace(after.feeders, NOW, timedelta(seconds=900))
    soon, late = NOW + timedelta(seconds=899), NOW + timedelta(seconds=900)
    assert (held.base_load_w("north", soon), held.base_load_w("south", soon)) == (8_000, 3_000)
    assert (held.base_load_w("north", late), held.base_load_w("south", late)) == (5_000, 3_000)
    assert held.base_load_w("site", soon) == 8_000
    assert held.version == 1


def test_a_tree_that_cannot_be_changes_nothing() -> None:
    held = tree()
    with pytest.raises(ValueError, match="unknown"):
        held.replace([Feeder("a", 1, "b")], NOW, timedelta(0))
    assert (held.ids, held.version) == (tree().ids, 0)
    assert held.rooms_w(NoCaps(), NOW, 0, 0)["north"] == 95_000


def row(feeder_id: str, parent: str = "", minutes: int = 0, removed: bool = False) -> FeederRow:
    at = NOW + timedelta(minutes=minutes)
    return FeederRow(
        id=feeder_id,
        parent=parent,
        rating_w=7_000,
        base_load_w=[1],
        lowest_cap_w=2,
        removed=removed,
        added_at=at,
        changed_at=at,
    )


def test_what_was_changed_wins_over_the_settings_feeder_by_feeder() -> None:
    rows = [row("b", "site", 2), row("a", "site", 3), row("south", removed=True), row("north", "site")]
    feeders = merged([SITE, NORTH, SOUTH], rows)
    assert [feeder.id for feeder in feeders] == ["site", "north", "b", "a"]
    assert feeders[0] is SITE
    assert feeders[1] == Feeder("north", 7_000, "site", (1,), 2)
