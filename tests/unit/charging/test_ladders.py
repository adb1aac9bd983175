"""The ladder in the charging room: memory, firmware, reconnects, several outlets; each case on simulated time."""

from __future__ import annotations

from itertools import pairwise

import pytest

from csms.charging.ladder import Role, State
from csms.charging.ladders import RETRY
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit
from csms.model.command import ClearChargingProfile, GetVariables, RemoteStop, SetChargingProfile
from csms.model.errors import CallTimeout, StoreUnavailable
from csms.model.station import StationIdentity
from csms.station import wishes
from firmware_profiles import Limits
from tests.support.ladder_fleet import AC22, DC60, Fleet, Manners, Memory, Pile, Refusal, knowing

FULL_W = 20_000.0


def no_amperes(profile: ChargingProfile, connector: int) -> Refusal:
    return "Rejected" if profile.unit is RateUnit.A else None


def only_station_wide(profile: ChargingProfile, connector: int) -> Refusal:
    return None if connector == 0 and profile.purpose is ProfilePurpose.TX_DEFAULT else "Rejected"


def only_the_maximum(profile: ChargingProfile, connector: int) -> Refusal:
    return None if profile.purpose is ProfilePurpose.STATION_MAX else "Rejected"


def profiles(pile: Pile, since_s: float = 0.0, until_s: float = 1e9) -> list[ChargingProfile]:
    return [c.profile for at, c, _ in pile.asked if isinstance(c, SetChargingProfile) and since_s <= at <= until_s]


async def charged(fleet: Fleet, name: str = "P", seconds: int = 600) -> None:
    """Connect, plug in, wait for proofs."""
    await fleet.run(60)
    fleet.plug_in(name, FULL_W)
    await fleet.run(seconds)


@pytest.mark.req("RB-66")
async def test_rb_66_a_station_that_refuses_amperes_is_told_watts_and_that_is_remembered() -> None:
    fleet, manners = Fleet(1, 18_000), Manners("E", refuses=no_amperes)
    pile = fleet.add("P", manners)
    await charged(fleet)
    assert [p.unit for p in profiles(pile)[:2]] == [RateUnit.A, RateUnit.W]
    assert {p.unit for p in profiles(pile)[1:]} == {RateUnit.W}
    assert {row.rung["unit"] for row in fleet.store.rungs.values() if row.rung} == {"W"}


async def test_a_declared_unit_is_tried_first() -> None:
    fleet = Fleet(1, 18_000)
    pile = fleet.add("P", Manners("E", no_amperes, declares={"ChargingScheduleAllowedChargingRateUnit": "Power"}))
    await charged(fleet)
    assert {p.unit for p in profiles(pile)} == {RateUnit.W}


async def test_memory_survives_a_restart_and_nothing_is_asked_again() -> None:
    memory = Memory()
    fleet = Fleet(1, 18_000, store=memory)
    fleet.add("P", Manners("E", refuses=no_amperes))
    await charged(fleet)
    again = Fleet(2, 18_000, store=memory)
    pile = again.add("P", Manners("E", refuses=no_amperes))
    again.clock.now_s = fleet.clock.now_s
    await again.restore()
    assert again.state("P") == State.CONFIRMED
    await charged(again)
    assert {p.unit for p in profiles(pile)} == {RateUnit.W}
    assert not [c for _, c, _ in pile.asked if isinstance(c, GetVariables)]


async def test_a_station_that_booted_before_the_memory_was_read_is_not_confirmed_on_another_firmware() -> None:
    memory = Memory()
    fleet = Fleet(1, 18_000, store=memory)
    fleet.add("P", Manners("E", refuses=no_amperes))
    await charged(fleet)
    again = Fleet(2, 18_000, store=memory)
    again.add("P", Manners("E", no_amperes, identity=StationIdentity("Sim", "Pile", "", "2")))
    await again.restore()
    assert again.state("P") == State.UNTRIED
    assert "W" in again.rung("P"), "a hint"


async def test_stations_of_the_same_firmware_begin_where_others_were_confirmed() -> None:
    fleet, manners = Fleet(1, 18_000), Manners("E", refuses=no_amperes)
    fleet.add("P", manners)
    await charged(fleet)
    second = fleet.add("Q", manners)
    await fleet.run(60)
    assert [p.unit for p in profiles(second)] == [RateUnit.W]
    other = fleet.add("R", Manners("other", no_amperes, identity=StationIdentity("Sim", "Pile", "", "2")))
    await fleet.run(60)
    assert profiles(other)[0].unit is RateUnit.A


async def test_another_firmware_makes_what_was_known_a_hint() -> None:
    fleet = Fleet(1, 18_000)
    pile = fleet.add("P", Manners("E", refuses=no_amperes))
    await charged(fleet)
    fleet.leave("P")
    pile.state.identity = StationIdentity("Sim", "Pile", "", "2")
    fleet.back("P", booted=True)
    assert fleet.charging._ladders.track("P", Role.LIMIT).state is State.UNTRIED
    assert fleet.charging._ladders.track("P", Role.LIMIT).rung.unit is RateUnit.W  # type: ignore[union-attr]
    asked = len(profiles(pile))
    await fleet.run(30)
    assert [p.unit for p in profiles(pile)[asked:]] == [RateUnit.W]


@pytest.mark.req("SR-09")
@pytest.mark.req("RB-68")
@pytest.mark.parametrize("booted", [False, True])
async def test_rb_68_limit_and_floor_are_told_again_after_reconnect_and_boot(booted: bool) -> None:
    fleet = Fleet(1, 15_000, lowest_w=15_000)
    pile = fleet.add("P", Manners("H", forgets_on_reconnect=True))
    await charged(fleet)
    fleet.drop("P")
    await fleet.run(20)
    assert pile.draws_w[1] > 15_000, "it has forgotten everything"
    back_s = fleet.clock.now_s
    fleet.back("P", booted=booted)
    await fleet.run(20)
    told = profiles(pile, back_s)
    assert {p.purpose for p in told} == {ProfilePurpose.TX_DEFAULT, ProfilePurpose.TX}
    assert min(at for at, c, _ in pile.asked if at > back_s) >= back_s + fleet.settings.settle_s, "SR-06"
    assert pile.draws_w[1] <= 15_000


@pytest.mark.req("SR-10")
@pytest.mark.req("GL-I2")
async def test_a_station_that_forgets_counts_in_full_whether_it_is_known_to_be_away_or_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgets = Manners("forgets", forgets_on_reconnect=True, known=Limits(after_reconnect="lost"))
    monkeypatch.setattr(wishes, "find", knowing([forgets]))
    fleet = Fleet(1, 30_000)
    fleet.add("P", forgets)
    await charged(fleet)
    assert fleet.charging.status("T").upper_bound_w == 22_080, "a lost connection is noticed late"
    fleet.drop("P")
    await fleet.run(30)
    assert fleet.charging.status("T").upper_bound_w == 22_080
    assert fleet.uncovered == []


@pytest.mark.req("SR-10")
async def test_a_limit_without_a_floor_below_it_counts_in_full_while_its_station_is_away() -> None:
    only_tx = Manners("tx", lambda p, c: None if p.purpose is ProfilePurpose.TX else "Rejected")
    fleet = Fleet(1, 15_000)
    fleet.add("P", only_tx)
    await charged(fleet, seconds=900)
    ladder = fleet.charging.ladder("P")
    assert (ladder.limit.state, ladder.floor.state) == (State.CONFIRMED, State.UNCONTROLLABLE)
    assert fleet.charging.status("T").upper_bound_w <= 15_000
    fleet.drop("P")
    await fleet.run(5)
    assert fleet.charging.status("T").upper_bound_w == 22_080
    assert fleet.charging.status("T").unproven_w == 22_080


@pytest.mark.req("SR-08")
@pytest.mark.req("RB-67")
async def test_rb_67_a_station_that_stops_obeying_is_doubted_flagged_and_led_further() -> None:
    good = {"obeys": True}
    fleet = Fleet(1, 28_000)
    pile = fleet.add("P", Manners("fickle", obeys=lambda p: good["obeys"] or p.unit is RateUnit.W, composite="none"))
    fleet.add("Q", Manners("H"))
    await charged(fleet)
    assert fleet.state("P") == State.CONFIRMED
    fleet.plug_in("Q", FULL_W)
    await fleet.run(300)
    good["obeys"] = False
    pile.tx.clear()
    pile.lasting.clear()
    await fleet.run(1_200)
    codes = [notice["code"] for notice in fleet.store.notices if notice["station_id"] == "P"]
    assert "limit_not_obeyed" in codes
    assert fleet.state("P") == State.CONFIRMED, "watts are obeyed"
    assert "W" in fleet.rung("P")


async def test_a_doubted_station_counts_in_full_at_once() -> None:
    good = {"obeys": True}
    fleet = Fleet(1, 15_000)
    pile = fleet.add("P", Manners("fickle", obeys=lambda p: good["obeys"], composite="none"))
    await charged(fleet, seconds=240)
    assert fleet.state("P") == State.CONFIRMED
    good["obeys"] = False
    pile.tx.clear()
    pile.lasting.clear()
    for _ in range(150):
        if fleet.state("P") == State.CONFIRMED:
            await fleet.run(1)
    assert fleet.state("P") == State.DOUBTFUL
    assert fleet.charging.status("T").upper_bound_w == 22_080


async def test_a_station_that_ran_out_of_rungs_is_tried_again_after_some_hours_or_when_asked() -> None:
    stubborn = {"refuses": True}
    fleet = Fleet(1, 40_000)
    fleet.add("P", Manners("C", refuses=lambda p, c: "NotSupported" if stubborn["refuses"] else None))
    await charged(fleet, seconds=300)
    assert fleet.state("P") == State.UNCONTROLLABLE
    assert fleet.charging.status("T").uncontrollable_w == 22_080
    stubborn["refuses"] = False
    await fleet.run(60)
    assert fleet.state("P") == State.UNCONTROLLABLE, "nothing is repeated for the time being"
    fleet.charging.climb_again("P")
    await fleet.run(30)
    assert fleet.charging.ladder("P").floor.state is State.CONFIRMED
    stubborn["refuses"] = True
    fleet.charging.climb_again("P")
    await fleet.run(60)
    fleet.clock.now_s += int(RETRY.total_seconds())
    stubborn["refuses"] = False
    await fleet.run(60)
    assert fleet.charging.ladder("P").floor.state is State.CONFIRMED


async def test_one_lost_answer_costs_no_rung_and_a_mute_form_does() -> None:
    mute = {"left": 1}

    def once(profile: ChargingProfile, connector: int) -> Refusal:
        mute["left"] -= 1
        return CallTimeout("lost") if mute["left"] >= 0 else None

    fleet = Fleet(1, 18_000)
    pile = fleet.add("P", Manners("once", refuses=once))
    await fleet.run(200)
    assert {(p.unit, p.kind) for p in profiles(pile)} == {(RateUnit.A, ProfileKind.ABSOLUTE)}
    mute["left"] = 10**6
    other = fleet.add("Q", Manners("mute", refuses=once))
    await fleet.run(400)
    assert [p.unit for p in profiles(other)[:3]] == [RateUnit.A, RateUnit.A, RateUnit.W]


async def test_a_proven_rung_outlives_a_session_in_which_the_station_knows_no_transaction() -> None:
    """A plain refusal may only mean that; in the next session in a row it means the form."""
    refuses = {"tx": False}

    def sometimes(profile: ChargingProfile, connector: int) -> Refusal:
        return "Rejected" if refuses["tx"] and profile.purpose is ProfilePurpose.TX else None

    fleet = Fleet(1, 15_000)
    fleet.add("P", Manners("sometimes", refuses=sometimes))
    await charged(fleet)
    assert fleet.state("P") == State.CONFIRMED
    for expected in (State.CONFIRMED, State.DOUBTFUL):
        fleet.leave("P")
        refuses["tx"] = True
        await fleet.run(60)
        fleet.plug_in("P", FULL_W)
        await fleet.run(120)
        assert fleet.charging.ladder("P").limit.state is expected
    assert fleet.uncovered == []


async def test_the_first_limit_after_a_pause_is_told_twice_where_it_is_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    forgets = Manners("forgets", forgets_after_pause=True, known=Limits(first_after_pause_ignored=True))
    monkeypatch.setattr(wishes, "find", knowing([forgets]))
    fleet = Fleet(1, 15_000)
    pile = fleet.add("P", forgets)
    await charged(fleet)
    fleet.caps.value_w = 1_000
    await fleet.run(120)
    assert pile.draws_w[1] == 0
    fleet.caps.value_w = None
    await fleet.run(90)
    assert pile.draws_w[1] > 10_000


async def test_what_was_installed_on_a_lost_rung_is_taken_away() -> None:
    fleet = Fleet(1, 40_000)
    ignores_tx = Manners("x", obeys=lambda p: p.purpose is not ProfilePurpose.TX, composite="none")
    pile = fleet.add("P", ignores_tx)
    await charged(fleet, seconds=1_500)
    cleared = [c.profile_id for _, c, _ in pile.asked if isinstance(c, ClearChargingProfile)]
    assert cleared == [1001]
    assert "TxDefaultProfile" in fleet.rung("P")


async def test_zero_is_never_told_where_it_would_end_the_session(monkeypatch: pytest.MonkeyPatch) -> None:
    stops = Manners("stops", zero_hangs=True, known=Limits(zero_means="remote_stop"))
    monkeypatch.setattr(wishes, "find", knowing([stops]))
    fleet = Fleet(1, 18_000, lowest_w=15_000)
    pile = fleet.add("P", stops)
    await charged(fleet, seconds=300)
    assert all(period.limit > 0 for p in profiles(pile) for period in p.periods)
    session = pile.state.evses[1].session
    assert session is not None
    pile.state.evses[1].needs.energy_wh = session.energy_wh
    await fleet.run(60)
    assert not [c for _, c, _ in pile.asked if isinstance(c, RemoteStop)]
    assert profiles(pile)[-1].periods[0].limit > 0
    assert not pile.hung


async def test_a_maximum_of_the_whole_station_is_shared_by_its_outlets() -> None:
    fleet = Fleet(3, 25_000)
    pile = fleet.add("P", Manners("max", refuses=only_the_maximum), evses=2)
    await fleet.run(60)
    fleet.plug_in("P", FULL_W, 1)
    await fleet.run(400)
    fleet.plug_in("P", FULL_W, 2)
    await fleet.run(900)
    assert fleet.state("P") == State.CONFIRMED
    assert fleet.uncovered == []
    assert fleet.over == []
    assert sum(pile.draws_w.values()) > 15_000


@pytest.mark.parametrize("station_only", [False, True])
async def test_one_value_for_each_outlet_is_counted_for_each(
    station_only: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A default on connector 0, and stations where a limit on one outlet acts on all."""
    if station_only:
        manners = Manners("only", station_only=True, known=Limits(station_only=True, after_reconnect="kept"))
        monkeypatch.setattr(wishes, "find", knowing([manners]))
    else:
        manners = Manners("each", refuses=only_station_wide)
    fleet = Fleet(3, 25_000)
    pile = fleet.add("P", manners, evses=2)
    await fleet.run(60)
    fleet.plug_in("P", FULL_W, 1)
    await fleet.run(400)
    fleet.plug_in("P", FULL_W, 2)
    await fleet.run(900)
    assert fleet.state("P") == State.CONFIRMED, fleet.charging.ladder("P")
    assert fleet.uncovered == []
    assert fleet.over == []
    assert min(pile.draws_w.values()) > 4_000


async def test_an_outlet_that_refuses_costs_the_other_one_nothing() -> None:
    fleet = Fleet(1, 40_000)
    fleet.add("P", Manners("half", refuses=lambda p, connector: "Rejected" if connector == 2 else None), evses=2)
    await charged(fleet)
    ladder = fleet.charging.ladder("P")
    assert (ladder.floor.state, ladder.floor.tried) == (State.CONFIRMED, 1)
    fleet.plug_in("P", FULL_W, 2)
    await fleet.run(30)
    assert {outlet.evse_id: outlet.counted_as for outlet in fleet.charging.ladder("P").outlets}[2] == "rating"


async def test_without_a_meter_and_a_schedule_nothing_is_proven_and_the_car_gets_what_is_counted_anyway() -> None:
    fleet = Fleet(1, 40_000)
    pile = fleet.add("P", Manners("blind", composite="none", meter="none"))
    await charged(fleet, seconds=900)
    assert fleet.state("P") == State.NEGOTIATING
    assert fleet.charging.status("T").unproven_w == 22_080
    assert pile.draws_w[1] == pytest.approx(FULL_W)


async def test_a_pile_larger_than_its_feeder_is_raised_once_its_schedule_shows_the_limit() -> None:
    """No room for the rating of 60 kW: a floor that is seen to act vouches for the same form of a session's limit."""
    fleet = Fleet(1, 30_000)
    pile = fleet.add("P", Manners("H"), DC60)
    await fleet.run(60)
    fleet.plug_in("P", 60_000.0)
    await fleet.run(300)
    assert fleet.over == []
    assert pile.draws_w[1] > 25_000


async def test_a_ladder_that_cannot_be_written_down_is_written_later(monkeypatch: pytest.MonkeyPatch) -> None:
    fleet = Fleet(1, 18_000)
    fleet.add("P", Manners("H"))
    commit = fleet.store.commit

    async def full(changes: object) -> None:
        raise StoreUnavailable("disk full")

    monkeypatch.setattr(fleet.store, "commit", full)
    await fleet.run(60)
    assert fleet.store.rungs == {}
    monkeypatch.setattr(fleet.store, "commit", commit)
    await fleet.run(60)
    assert fleet.store.rungs["P", "floor"].state == State.CONFIRMED
    assert [notice["code"] for notice in fleet.store.notices].count("limit_confirmed") == 1


@pytest.mark.req("RB-69")
@pytest.mark.parametrize("periods_max", [1, 2, 5, 24])
async def test_rb_69_no_profile_has_more_periods_than_the_station_takes_and_is_renewed_before_its_last_one(
    periods_max: int,
) -> None:
    fleet = Fleet(1, 18_000)

    def counts(profile: ChargingProfile, connector: int) -> Refusal:
        return "Rejected" if len(profile.periods) > periods_max else None

    pile = fleet.add("P", Manners("n", counts, declares={"ChargingScheduleMaxPeriods": str(periods_max)}), AC22)
    await charged(fleet, seconds=3_000)
    limits = [
        (at, c.profile) for at, c, _ in pile.asked if isinstance(c, SetChargingProfile) and c.profile.transaction_id
    ]
    assert not [status for _, _, status in pile.asked if status == "Rejected"]
    for (at, profile), (next_at, _) in pairwise(limits):
        last_s = profile.periods[-1].start_s - 60 if len(profile.periods) > 1 else fleet.settings.lease_s
        assert next_at < at + last_s
    assert pile.draws_w[1] > 15_000
