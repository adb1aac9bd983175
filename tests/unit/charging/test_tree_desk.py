"""The supply tree changes under a running charging room: real rooms and database, twins of piles on a fast clock."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.charging import tree_desk
from csms.charging.feeder import Feeder, FeederTree
from csms.charging.settings import ChargingSettings
from csms.charging.tree_change import FeederInUse, TreeRefused, UnknownFeeder
from csms.charging.tree_desk import TreeDesk, merged, newest_change
from csms.grid.peer import SourceRule
from csms.model.clock import ScaledClock
from csms.model.errors import StoreUnavailable, UnknownStation
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating
from csms.station.bus import EventBus
from csms.station.state import StationState
from csms.store.change import Change
from csms.store.supply_tables import FeederRow, StationPlaceRow
from tests.support.charging_site import Car, Pile, Site, open_site
from tests.support.limits import HOUSE, limits_over

START = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)
SETTINGS = ChargingSettings(tilt_per_h=1.0)
FEEDERS = [
    Feeder("site", 40_000, lowest_cap_w=20_000),
    Feeder("north", 16_000, "site", lowest_cap_w=8_000),
    Feeder("south", 16_000, "site", lowest_cap_w=8_000),
]


def tree() -> FeederTree:
    return FeederTree(FEEDERS)


def clock() -> ScaledClock:
    return ScaledClock(200.0, time.time(), START)


def desk(site: Site) -> TreeDesk:
    async def named_by(feeder_id: str) -> list[str]:
        return ["token south-grid"] if feeder_id == "south" else []

    return TreeDesk(
        site.clock,
        site.store.writer,
        site.tree,
        site.stations,
        site.limits,
        named_by,
        site.charging,
        0.02,
        timedelta(seconds=915),
    )


async def connect(site: Site, *piles: Pile, feeder_id: str) -> None:
    for one in piles:
        await site.add(one, feeder_id)
        await site.plug_in(one, Car(40_000, 7_360, 1, site.leave_by))


def pile(site: Site, name: str) -> Pile:
    return Pile(name, AC1, site.clock, lambda: 2.0)


async def until_told(site: Site, *piles: Pile) -> None:
    async with asyncio.timeout(20):
        while not all(one.tx and one.car and one.car.draw_w > 2_000 for one in piles):  # noqa: ASYNC110 - physics
            await asyncio.sleep(0.005)


async def test_a_moved_station_counts_in_both_places_until_it_was_told_again(tmp_path: Path) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(3)]
        await connect(site, *piles, feeder_id="north")
        await until_told(site, *piles)
        at = desk(site)
        before_w = site.charging.status("north").upper_bound_w
        moved = await at.move("P0", "south")
        assert (moved.left_feeder_id, moved.feeder_id) == ("north", "south")
        assert moved.both_until is not None
        assert moved.both_until > site.clock.now() + timedelta(seconds=300), (
            "as long as its lease, without a word of it"
        )
        assert [one.station_id for one in at.node("north").leaving] == ["P0"]
        assert at.node("south").stations == ("P0",)
        assert site.charging.status("north").upper_bound_w >= before_w, "what it may draw is nobody else's yet"
        assert site.charging.status("south").upper_bound_w > 0
        async with asyncio.timeout(20):
            while at.node("north").leaving:  # noqa: ASYNC110 - the answer of the pile and a ramp end it
                await asyncio.sleep(0.005)
        assert site.clock.now() < moved.both_until, "it was told again at once"
        places = await site.store.reader.find(StationPlaceRow)
        assert [(row.station_id, row.feeder_id) for row in places] == [("P0", "south")]
        bounds = {row.station_id: row.places for row in await site.store.reader.upper_bounds()}
        assert bounds["P0"] in (["south", "site", "north"], ["south", "site"])
        assert bounds["P1"] == ["north", "site"]
        assert site.over_s(START + timedelta(seconds=120)) == 0


async def test_a_lower_rating_brings_everybody_down_and_a_new_feeder_can_be_limited(tmp_path: Path) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        piles = [pile(site, f"P{n}") for n in range(3)]
        await connect(site, *piles, feeder_id="north")
        await until_told(site, *piles)
        at = desk(site)
        assert await at.put(Feeder("north", 9_000, "site", lowest_cap_w=8_000)) is False
        async with asyncio.timeout(20):
            while site.charging.status("north").upper_bound_w > 9_000:  # noqa: ASYNC110 - answers and ramps end it
                await asyncio.sleep(0.005)
        assert await at.put(Feeder("block", 10_000, "south", lowest_cap_w=4_000)) is True
        decision = await site.limits.submit(b'{"version": 1, "value_w": 5000}', HOUSE, "block", "L")
        assert decision.accepted
        assert site.charging.cap_w("block", site.clock.now()) == 5_000
        with pytest.raises(FeederInUse) as found:
            await at.remove("block")
        assert found.value.code == "feeder_limited"
        await site.limits.cancel(HOUSE, "block", "L")
        await at.remove("block")
        assert site.tree.ids == ("site", "north", "south")
        rows = {row.id: row for row in await site.store.reader.find(FeederRow)}
        assert (rows["north"].rating_w, rows["block"].removed) == (9_000, True)
        assert merged(FEEDERS, rows.values()) == list(site.tree.feeders)


@pytest.mark.req("GL-I7")
async def test_what_is_refused_changes_nothing(tmp_path: Path) -> None:
    rules = [SourceRule("grid:g", frozenset({"north"}), failsafe_w={"north": 10_000})]
    async with open_site(tmp_path, clock(), tree(), SETTINGS, rules=rules) as site:
        piles = [pile(site, f"P{n}") for n in range(2)]
        await connect(site, *piles, feeder_id="north")
        await until_told(site, *piles)
        at = desk(site)
        floors_w = site.charging.hanging()[0].floor_w
        assert floors_w == 1_380
        for feeder, code in [
            (Feeder("north", 16_000, "site", lowest_cap_w=12_000), "failsafe_below_lowest_cap"),
            (Feeder("north", 16_000, "site", lowest_cap_w=1_000), "floors_do_not_fit"),
            (Feeder("south", 50_000, "site"), "rating_above_parent"),
        ]:
            with pytest.raises(TreeRefused) as found:
                await at.put(feeder)
            assert found.value.code == code
        for feeder_id, code in [("north", "feeder_in_use"), ("south", "feeder_named"), ("east", "unknown_feeder")]:
            with pytest.raises(TreeRefused) as found:
                await at.remove(feeder_id)
            assert found.value.code == code
        with pytest.raises(UnknownFeeder):
            await at.move("P0", "east")
        with pytest.raises(UnknownStation):
            await at.move("P9", "south")
        assert (list(site.tree.feeders), await site.store.reader.find(FeederRow)) == (FEEDERS, [])


async def test_floors_are_lowered_where_that_is_wished(tmp_path: Path) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        one = pile(site, "P0")
        await connect(site, one, feeder_id="north")
        await until_told(site, one)
        await desk(site).put(Feeder("north", 16_000, "site", lowest_cap_w=0), lower_floors=True)
        async with asyncio.timeout(20):
            while one.floor is None or one.floor.periods[0].limit > 0:  # noqa: ASYNC110 - the dispatcher tells it
                await asyncio.sleep(0.005)


async def test_without_a_database_nothing_changes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        await site.add(pile(site, "P0"), "north")

        async def away(changes: object) -> None:
            raise StoreUnavailable("gone")

        at = desk(site)
        monkeypatch.setattr(site.store.writer, "commit", away)
        with pytest.raises(StoreUnavailable):
            await at.put(Feeder("east", 1_000, "site"))
        with pytest.raises(StoreUnavailable):
            await at.move("P0", "south")
        assert "east" not in site.tree
        assert site.stations.stations["P0"].feeder_id == "north"
        monkeypatch.undo()
        assert EvseRef("P0", 1) in {one.ref for one in site.charging.hanging()}


def beside(site: Site, feeders: list[Feeder] = FEEDERS) -> TreeDesk:
    """The desk of another server on the same database: a tree and stations of its own."""

    async def nobody(feeder_id: str) -> list[str]:
        return []

    other = FeederTree(feeders)
    limits = limits_over(site.clock, site.store, other, EventBus())
    made = TreeDesk(
        site.clock, site.store.writer, other, Elsewhere(), limits, nobody, None, 0.02, timedelta(seconds=915)
    )
    made.reader, made.configured = site.store.reader, feeders
    return made


class Elsewhere:
    """Stations of another process."""

    def __init__(self) -> None:
        self.stations: dict[str, StationState] = {}
        self.places: dict[str, str] = {}

    async def put_on(self, station_id: str, feeder_id: str, beside: Sequence[Change] = ()) -> None:
        raise AssertionError("not in these tests")

    def was_put_on(self, places: Mapping[str, str]) -> None:
        self.places.update(places)


def shared(site: Site) -> TreeDesk:
    at = desk(site)
    at.reader, at.configured = site.store.reader, FEEDERS
    return at


async def test_what_one_server_changes_the_other_one_takes_over(tmp_path: Path) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        await connect(site, pile(site, "P0"), feeder_id="north")
        at, other = shared(site), beside(site)
        assert await other.refresh() is False
        await at.put(Feeder("block", 10_000, "south", lowest_cap_w=4_000))
        await at.move("P0", "block")
        assert "block" not in other.tree
        assert await other.refresh() is True
        assert other.tree.path("block") == ("block", "south", "site")
        assert (other.fleet.places, other.number) == ({"P0": "block"}, 2)  # type: ignore[attr-defined]
        assert await other.refresh() is False, "what is known is not read again"
        await other.put(Feeder("north", 9_000, "site", lowest_cap_w=8_000))
        assert await at.refresh() is True
        assert site.tree.feeder("north").rating_w == 9_000
        assert site.charging.cap_w("north", site.clock.now()) == 9_000


async def test_a_change_is_judged_on_what_another_server_made_meanwhile(tmp_path: Path) -> None:
    """Each alone would do; together they would be a circle, with which no server starts any more."""
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        at, other = shared(site), beside(site)
        await at.put(Feeder("north", 8_000, "south", lowest_cap_w=4_000))
        with pytest.raises(TreeRefused) as found:
            await other.put(Feeder("south", 8_000, "north", lowest_cap_w=4_000))
        assert found.value.code == "circle"
        rows = {row.id: row for row in await site.store.reader.find(FeederRow)}
        assert set(rows) == {"north"}


async def test_two_changes_in_the_same_moment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both have looked before either has written: the database takes one, the other one is judged anew."""
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        at, other = shared(site), beside(site)
        looks = 0

        async def late(reader: object) -> int:
            nonlocal looks
            looks += 1
            if looks == 1:
                await at.put(Feeder("north", 8_000, "south", lowest_cap_w=4_000))
                return 0
            return await newest_change(site.store.reader)

        monkeypatch.setattr(tree_desk, "newest_change", late)
        with pytest.raises(TreeRefused) as found:
            await other.put(Feeder("south", 8_000, "north", lowest_cap_w=4_000))
        assert (found.value.code, looks) == ("circle", 3)
        assert other.tree.path("north") == ("north", "south", "site")


async def test_a_tree_that_is_none_with_the_settings_here_changes_nothing(tmp_path: Path) -> None:
    async with open_site(tmp_path, clock(), tree(), SETTINGS) as site:
        at, other = shared(site), beside(site, [FEEDERS[0]])
        await at.put(Feeder("block", 10_000, "south", lowest_cap_w=4_000))
        with pytest.raises(ValueError, match="south"):
            await other.refresh()
        with pytest.raises(TreeRefused) as found:
            await other.put(Feeder("more", 10_000, "site"))
        assert found.value.code == "settings_differ"
        assert other.tree.ids == ("site",)
