"""Reading back after a restart (grid-limits B5): what a statement says, what it changes, and who is asked at all."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.charging.account import Draw, Grant, Kept
from csms.charging.feeder import Feeder, FeederTree
from csms.charging.ledger import Ledger
from csms.charging.read_back import ABOVE, Stated, held_until, stated
from csms.charging.settings import ChargingSettings
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.clock import ScaledClock
from csms.model.command import Command, CommandResult, GetCompositeSchedule, SetChargingProfile
from csms.model.ids import EvseRef
from csms.model.station import CurrentKind, EvseRating
from csms.store.security_tables import Alert
from tests.support.charging_site import Car, Pile, Site, open_site

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A = EvseRef("A", 1)
AC1 = EvseRating(CurrentKind.AC, 1, 32.0, 7_360)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def restarted(phases: int = 3, rotation: str = "") -> Ledger:
    """A restored bound of 16 A on each phase until 920 s, above a floor of 6 A."""
    ledger = Ledger(ramp_s=15, skew_s=5)
    ledger.enrol(A, ("T",), 1_380 * phases, 7_360 * phases, phases=phases, rotation=rotation)
    ledger.confirm_floor(A, NOW)
    ledger.trust(A, NOW, floor=True, limit=True)
    ledger.note_car(A, True)
    bound = Grant(3_680 * phases, at(920), on_ma=(16_000, 16_000, 16_000))
    ledger.restore(A, Kept(bound, places=("T",)), NOW)
    return ledger


def says(*periods: tuple[int, float | None], unit: RateUnit = RateUnit.A) -> CompositeSchedule:
    return CompositeSchedule(NOW, unit, periods)


def heard(answer: CompositeSchedule | None, unit: RateUnit = RateUnit.A, ledger: Ledger | None = None) -> Stated | None:
    book = ledger or restarted()
    return stated(answer, unit, book.account(A))


@pytest.mark.req("GL-B5")
def test_a_statement_within_the_bound_with_the_end_of_its_lease() -> None:
    assert heard(says((0, 10.0), (400, 6.0))) == Stated(Draw(6_900, (10_000,) * 3), 400.0, above=False)
    assert heard(says((0, 16.05), (400, 6.0))) == Stated(Draw(11_040, (16_000,) * 3), 400.0, above=False), "a rounding"
    assert heard(says((0, 6_900.0), (400, 4_140.0), unit=RateUnit.W), RateUnit.W) == Stated(
        Draw(6_900, (16_000,) * 3), 400.0, above=False
    ), "on which phases it does not say"
    assert heard(says((0, 10.0))) == Stated(Draw(6_900, (10_000,) * 3), None, above=False)


def test_a_statement_of_a_floor_frees_the_rest() -> None:
    assert heard(says((0, 6.0))) == Stated(Draw(4_140, (6_000,) * 3), 0.0, above=False)
    assert heard(says((0, 0.0))) == Stated(Draw(4_140, (6_000,) * 3), 0.0, above=False)


def test_the_highest_of_what_is_to_come_counts() -> None:
    assert heard(says((0, 8.0), (100, 12.0), (200, 6.0))) == Stated(Draw(8_280, (12_000,) * 3), 200.0, above=False)


def test_what_names_no_end_lasts_as_long_as_what_was_written_down() -> None:
    """A station that follows one period only keeps its limit until it is told another one."""
    written, endless = Grant(9_000, at(100)), Grant(9_000, at(10**8))
    open_, ended = Stated(Draw(6_900, (10_000,) * 3), None, above=False), Stated(Draw(0, (0,) * 3), 40.0, above=False)
    assert [held_until(open_, one, NOW, 180) for one in (written, endless)] == [at(180), at(10**8)]
    assert held_until(ended, endless, NOW, 180) == at(40)


def test_ampere_count_on_the_phases_that_there_are() -> None:
    ledger = restarted(phases=1)
    assert heard(says((0, 9.0), (400, 0.0)), ledger=ledger) == Stated(Draw(2_070, (9_000,) * 3), 400.0, above=False)


def test_a_station_whose_clock_is_wrong_lowers_nothing() -> None:
    ledger = restarted()
    ledger.note_station(A, NOW, away=False, forgets=False, reaction_s=0.0, behind_s=60.0)
    for answer in (says((0, 6.0)), says((0, 10.0), (400, 6.0))):
        assert heard(answer, ledger=ledger) is None, "what it was told may be about to begin"
    above = heard(says((0, 20.0)), ledger=ledger)
    assert above is not None
    assert above.above


@pytest.mark.req("GL-B6")
def test_more_than_the_bound_is_told_and_counts() -> None:
    assert heard(says((0, 20.0), (400, 6.0))) == Stated(Draw(13_800, (20_000,) * 3), 400.0, above=True)
    assert heard(says((0, None))) == Stated(Draw(22_080, (32_000,) * 3), None, above=True), "no limit at all"
    assert heard(says((0, 99.0))) == Stated(Draw(22_080, (32_000,) * 3), None, above=True), "never above its nameplate"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        CompositeSchedule(None, None, ()),
        says((0, 10.0), unit=RateUnit.W),
        CompositeSchedule(NOW, RateUnit.A, ((0, 10.0),), sound=False),
    ],
)
def test_what_says_nothing(answer: CompositeSchedule | None) -> None:
    assert heard(answer) is None


@pytest.mark.req("GL-B5")
def test_a_confirmed_bound_gives_way_after_one_ramp_and_ends_with_its_lease() -> None:
    ledger = restarted()
    ledger.take_back(A, Draw(6_900, (10_000,) * 3), at(400), NOW, above=False)
    assert ledger.upper_bound_w(A, at(14)) == 11_040
    assert ledger.bound(A, at(15)) == Draw(6_900, (10_000,) * 3)
    assert not ledger.in_doubt(A)
    assert ledger.upper_bound_w(A, at(420)) == 4_140
    ledger.end_session(A, at(60))
    assert ledger.upper_bound_w(A, at(75)) == 4_140, "a restored hold would have stayed"


@pytest.mark.req("GL-B5")
def test_what_a_session_was_told_gives_way_to_what_the_station_says() -> None:
    ledger = Ledger(ramp_s=15, skew_s=5)
    ledger.enrol(A, ("T",), 0, 7_360, phases=1)
    ledger.confirm_floor(A, NOW)
    ledger.trust(A, NOW, floor=True, limit=True)
    ledger.note_session(A, 7)
    taken, sent = Grant(3_680, at(900)), Grant(6_900, at(960), phases=1)
    ledger.restore(A, Kept(Grant(6_900, at(980)), 7, taken, (sent,), ("T",)), NOW)
    assert ledger.upper_bound_w(A, at(20)) == 6_900, "whether it has that nobody knows"
    ledger.take_back(A, Draw(3_680, (16_000,) * 3), at(900), at(20), above=False)
    assert ledger.upper_bound_w(A, at(34)) == 6_900
    assert ledger.upper_bound_w(A, at(35)) == 3_680
    assert ledger.told_w(A) == 3_680
    assert ledger.account(A).restored is None, "it is asked once"


def test_what_is_told_meanwhile_is_no_more_asked_for() -> None:
    ledger = restarted()
    ledger.send(A, 4_600, NOW, at(900))
    assert ledger.account(A).restored is None


@pytest.mark.req("GL-B6")
def test_what_is_above_the_bound_counts_until_another_limit_is_taken() -> None:
    ledger = restarted()
    ledger.take_back(A, Draw(13_800, (20_000,) * 3), at(400), NOW, above=True)
    assert ledger.upper_bound_w(A, NOW) == 13_800
    assert ledger.in_doubt(A), "so that it is told again"
    ledger.acknowledge(A, ledger.send(A, 6_900, at(1), at(900)), at(2))
    assert ledger.upper_bound_w(A, at(16)) == 13_800
    assert ledger.upper_bound_w(A, at(17)) == 6_900


@dataclass
class Hearing(Pile):
    """A pile that remembers the order of what it hears, and may claim a limit that it was not told."""

    heard: list[Command] = field(default_factory=list)
    claims: float | None = None

    async def send(self, command: Command) -> CommandResult:
        self.heard.append(command)
        return await super().send(command)

    def _limit(self, unit: RateUnit) -> float | None:
        return self.claims if self.claims is not None else super()._limit(unit)


def clock() -> ScaledClock:
    return ScaledClock(100.0, time.time(), NOW)


def tree() -> FeederTree:
    return FeederTree([Feeder("T", 6_500, lowest_cap_w=6_000)])


async def until(holds: Callable[[], bool], within_s: float = 20.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - any part of the site may make it true
            await asyncio.sleep(0.005)


def asked(pile: Hearing) -> list[type[Command]]:
    return [type(one) for one in pile.heard]


async def crash_and_come_back(folder: Path, pile: Hearing, moments: ScaledClock) -> None:
    """One process tells the pile a limit that is proven, then is gone without a word."""
    settings = ChargingSettings(tilt_per_h=1.0)
    async with open_site(folder, moments, tree(), settings) as site:
        await site.add(pile, "T")
        await site.plug_in(pile, Car(40_000, 7_360, 1, site.leave_by))
        await until(lambda: pile.tx is not None and site.charging.counters.seen > 0)
        await until(lambda: site.charging.ladder(pile.station_id).limit.state.value == "confirmed")
        await asyncio.sleep(moments.wall_s(30))  # what was learned is written down
    pile.heard.clear()


async def back(site: Site, pile: Hearing) -> None:
    site.piles[pile.station_id] = pile
    await asyncio.sleep(site.clock.wall_s(5))
    await site.stations.connected(pile.station_id, pile)


@pytest.mark.req("GL-B5")
async def test_a_station_is_asked_what_holds_it_before_it_is_told_anything(tmp_path: Path) -> None:
    moments = clock()
    pile = Hearing("P1", AC1, moments, lambda: 1.0)
    await crash_and_come_back(tmp_path, pile, moments)
    async with open_site(tmp_path, moments, tree(), ChargingSettings(tilt_per_h=1.0)) as site:
        await back(site, pile)
        await until(lambda: site.charging.counters.read_back == 1)
        told = [kind for kind in asked(pile) if kind in (GetCompositeSchedule, SetChargingProfile)]
        assert told[0] is GetCompositeSchedule
        await until(lambda: SetChargingProfile in asked(pile))
        assert site.charging.counters.read_back_above == 0
        assert site.over_s(NOW) == 0


@pytest.mark.req("GL-B5", "GL-B6")
async def test_a_station_that_holds_more_is_told_again_and_somebody_hears_of_it(tmp_path: Path) -> None:
    moments = clock()
    pile = Hearing("P1", AC1, moments, lambda: 1.0)
    await crash_and_come_back(tmp_path, pile, moments)
    pile.claims = 99.0
    async with open_site(tmp_path, moments, tree(), ChargingSettings(tilt_per_h=1.0)) as site:
        await back(site, pile)
        await until(lambda: site.charging.counters.read_back_above == 1)
        await until(lambda: SetChargingProfile in asked(pile))
        alerts = await site.store.reader.find(Alert)
        assert [(one.kind, one.station_id) for one in alerts] == [(ABOVE, "P1")]
        notices = await site.store.reader.notices(station_id="P1")
        assert "limit_above_bound" in {one.code for one in notices}


@pytest.mark.req("GL-B5")
async def test_a_station_that_says_nothing_keeps_its_bound(tmp_path: Path) -> None:
    moments = clock()
    pile = Hearing("P1", AC1, moments, lambda: 1.0)
    await crash_and_come_back(tmp_path, pile, moments)
    pile.composites = False
    async with open_site(tmp_path, moments, tree(), ChargingSettings(tilt_per_h=1.0)) as site:
        before = (await site.store.reader.upper_bounds())[0]
        await back(site, pile)
        await until(lambda: site.charging.counters.read_back_silent == 1)
        await asyncio.sleep(moments.wall_s(20))  # that limits act here was learned at the start, one ramp ago
        assert site.charging.status("T").upper_bound_w >= before.upper_bound_w
