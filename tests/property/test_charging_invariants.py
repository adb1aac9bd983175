"""The invariants of grid-limits, Part C, each by its name: I1 to I10.

I1 to I6 are looked at in every second of simulated runs of the production room; `tests/sim` does it for many more.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from csms.charging.feeder import Feeder, FeederTree
from csms.charging.floors import FloorRule, assign_floors
from csms.charging.ledger import Ledger
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import HOUSE, limits_over
from tests.support.sim_piles import PLAIN
from tests.support.sim_runs import Job
from tests.support.sim_scenario import Scenario, scenario
from tests.support.sim_world import Report, simulate

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
seeds = st.integers(10_000, 10**9)
levels = st.sampled_from(["calm", "rough", "crash", "storm"])
few = settings(max_examples=10, deadline=None)


def thorough(seed: int, level: str) -> Report:
    return simulate(scenario(seed, level, brief=True), thorough=True)


def ordinary(seed: int, level: str) -> Scenario:
    """Nobody who cannot be held comes and takes room away."""
    plan = scenario(seed, level, brief=True)
    return replace(plan, piles=tuple(replace(pile, kind=PLAIN, clock_s=min(pile.clock_s, 5.0)) for pile in plan.piles))


@pytest.mark.req("GL-I1")
@few
@given(seeds)
def test_i1_upper_bounds_fit_under_a_cap_that_stayed(seed: int) -> None:
    assert simulate(ordinary(seed, "calm"), thorough=True).bounds_over == []


@pytest.mark.req("GL-I1")
@few
@given(seeds, st.sampled_from(["rough", "crash", "storm"]))
def test_i1_loads_fit_under_it_whatever_fails(seed: int, level: str) -> None:
    """Upper bounds may be above it then: doubt whether a limit still acts counts in full, at once."""
    assert simulate(ordinary(seed, level)).over == []


@pytest.mark.req("GL-I2")
@few
@given(seeds, levels)
def test_i2_no_pile_ever_draws_more_than_its_upper_bound(seed: int, level: str) -> None:
    assert thorough(seed, level).uncovered == []


@pytest.mark.req("GL-I3")
@few
@given(seeds, levels)
def test_i3_nothing_leaves_before_the_bound_that_covers_it_is_durable(seed: int, level: str) -> None:
    assert thorough(seed, level).unwritten == []


@pytest.mark.req("GL-I4")
@few
@given(seeds, levels)
def test_i4_no_two_profiles_share_purpose_level_and_place(seed: int, level: str) -> None:
    assert thorough(seed, level).clashes == 0


@pytest.mark.req("GL-I5")
@few
@given(seeds, levels)
def test_i5_every_schedule_ends_at_the_floor_and_within_a_lease(seed: int, level: str) -> None:
    assert thorough(seed, level).lasting == []


@pytest.mark.req("GL-I6")
@few
@given(seeds, st.integers(1, 200))
def test_i6_without_a_server_all_piles_come_down_to_their_floors(seed: int, crash_at: int) -> None:
    plan = replace(scenario(seed, "rough", brief=True), crash_at=crash_at, restart_s=None)
    assert simulate(plan, thorough=True).above_floor == []


ratings = st.sampled_from(
    [
        EvseRating(CurrentKind.AC, 3, 32.0, 22_080),
        EvseRating(CurrentKind.AC, 1, 32.0, 7_360),
        EvseRating(CurrentKind.DC, 3, 100.0, 60_000),
    ]
)


@pytest.mark.req("GL-I7")
@given(
    st.lists(st.tuples(ratings, st.sampled_from(["T", "A", "B"])), max_size=12),
    st.lists(st.integers(0, 60_000), min_size=6, max_size=6),
    st.floats(0, 1),
)
def test_i7_floors_fit_under_the_lowest_cap_whatever_is_configured(
    placed: list[tuple[EvseRating, str]], watts: list[int], share: float
) -> None:
    tree = FeederTree(
        Feeder(id_, 100_000, "" if id_ == "T" else "T", (watts[n],), watts[n + 3]) for n, id_ in enumerate("TAB")
    )
    outlets = {EvseRef(f"P{n}", 1): place for n, place in enumerate(placed)}
    floors: dict[EvseRef, int] = {}
    for _ in range(2):  # what was given once is kept, and may not add up to more either
        floors = assign_floors(outlets, tree, FloorRule(share=share), floors)
        for id_ in tree.ids:
            under_w = sum(w for ref, w in floors.items() if id_ in tree.path(outlets[ref][1]))
            assert under_w <= tree.lowest_room_w(id_, 0.02)
        outlets |= {EvseRef("new", 1): (EvseRating(CurrentKind.AC, 3, 32.0, 22_080), "A")}


class Dying:
    """A store whose process dies before or after it makes changes durable: `at` counts both moments of each commit."""

    def __init__(self, store: Store, at: int) -> None:
        self._store, self._left = store, at

    @property
    def writer(self) -> Dying:
        return self

    @property
    def reader(self) -> object:
        return self._store.reader

    async def commit(self, changes: object) -> None:
        self._die()
        await self._store.writer.commit(changes)  # type: ignore[arg-type]
        self._die()

    def _die(self) -> None:
        self._left -= 1
        if self._left == 0:
            raise StoreUnavailable("the process is dead")


@pytest.mark.req("GL-I8")
@pytest.mark.parametrize("at", range(1, 8))
async def test_i8_an_acknowledged_limit_survives_a_crash_at_any_moment(at: int, tmp_path: Path) -> None:
    """Whoever got an acknowledgement finds the limit in force; whoever did not gets the same one when asking again."""
    clock, tree = ManualClock(NOW), FeederTree([Feeder("T", 100_000)])
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    store = await open_store(url, clock, upgrade=True)
    dying = limits_over(clock, Dying(store, at), tree, EventBus())  # type: ignore[arg-type]
    acknowledged = 0
    try:
        for version, watts in ((1, 50_000), (2, 30_000), (3, 40_000)):
            decision = await dying.submit(statement(version, watts), HOUSE, "T", "L")
            acknowledged = version if decision.accepted else acknowledged
    except StoreUnavailable:
        pass
    await store.close()
    store = await open_store(url, clock)
    later = limits_over(clock, store, tree, EventBus())
    await later.restore()
    watts_of = {0: None, 1: 50_000, 2: 30_000, 3: 40_000}
    found = later.cap_w("T", NOW)
    assert found in (watts_of[acknowledged], watts_of.get(acknowledged + 1, 40_000))
    for version in range(acknowledged + 1, 4):
        assert (await later.submit(statement(version, watts_of[version] or 0), HOUSE, "T", "L")).accepted
    assert later.cap_w("T", NOW) == 40_000
    await store.close()


@pytest.mark.req("GL-I8")
@pytest.mark.parametrize("group", range(3))
def test_i8_the_ledger_survives_a_crash_at_any_commit_and_frame(group: int) -> None:
    """One run, with the server dying at each of its first moments in turn."""
    plan = replace(scenario(4018, "rough", brief=True), restart_s=10.0)
    for crash_at in range(1 + group, 46, 3):
        report = simulate(replace(plan, crash_at=crash_at), thorough=True)
        assert (report.crashed, report.over, report.uncovered) == (True, [], [])


def statement(version: int, watts: int) -> bytes:
    since, until = (moment.isoformat() for moment in (NOW, NOW + timedelta(hours=2)))
    return (
        f'{{"schema": "csms-limit/1", "id": "L", "version": {version}, "issued_at": "{since}", "valid_from": "{since}",'
        f' "valid_to": "{until}", "value_w": {watts}, "direction": "import"}}'
    ).encode()


@pytest.mark.req("GL-I9")
@pytest.mark.parametrize("seed", range(4))
def test_i9_within_three_rounds_of_planning_most_of_the_cap_is_used(seed: int) -> None:
    report = Job(20_000 + seed, "calm", steady=True).run()
    assert report.settled_use is not None
    assert report.settled_use >= 0.95


values = st.lists(st.tuples(st.integers(0, 22_080), st.integers(1, 30), st.booleans()), min_size=1, max_size=6)


@pytest.mark.req("GL-I10")
@given(values)
def test_i10_the_same_acknowledgement_twice_changes_nothing(told: list[tuple[int, int, bool]]) -> None:
    once, twice = Ledger(), Ledger()
    ref, now = EvseRef("P", 1), NOW
    for ledger in (once, twice):
        ledger.enrol(ref, ("T",), 4_140, 22_080)
        ledger.confirm_floor(ref, now)
        ledger.trust(ref, now, floor=True, limit=True)
    for value_w, passed_s, answered in told:
        numbers = [ledger.send(ref, value_w, now, now + timedelta(seconds=60)) for ledger in (once, twice)]
        now += timedelta(seconds=passed_s)
        for ledger, number, times in zip((once, twice), numbers, (1, 2), strict=True):
            for _ in range(times if answered else 0):
                ledger.acknowledge(ref, number, now)
        for later_s in (0, 5, 20, 100):
            at = now + timedelta(seconds=later_s)
            assert once.upper_bound_w(ref, at) == twice.upper_bound_w(ref, at)
            assert once.settled_w(ref, at, True) == twice.settled_w(ref, at, True)
    assert once.account(ref) == twice.account(ref)


@pytest.mark.req("GL-I10")
async def test_i10_the_same_limit_twice_is_answered_alike_and_changes_nothing(tmp_path: Path) -> None:
    clock, tree = ManualClock(NOW), FeederTree([Feeder("T", 100_000)])
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", clock, upgrade=True)
    limits: LimitService = limits_over(clock, store, tree, EventBus())
    first = await limits.submit(statement(1, 50_000), HOUSE, "T", "L")
    again = await limits.submit(statement(1, 50_000), HOUSE, "T", "L")
    assert (first.accepted, again.accepted, limits.cap_w("T", NOW)) == (True, True, 50_000)
    await store.close()
