"""What a make is known for reaches the limits that are told to it, each field in its place."""

from __future__ import annotations

from dataclasses import replace

import pytest

from csms.charging.ladder import Declared
from csms.charging.profiles import ProfileRules
from csms.charging.traits import (
    NOTHING_KNOWN,
    forgets_offline,
    limits_of,
    outlet,
    pauses,
    proofs,
    rules_for,
)
from csms.model.station import CurrentKind, EvseRating, StationIdentity
from csms.station.state import StationState
from csms.station.wishes import firmware_of
from firmware_profiles import GENERIC, Limits

HOUSE = ProfileRules(periods_max=2)
AC3 = EvseRating(CurrentKind.AC, 3, 32.0, 22_080)
DC = EvseRating(CurrentKind.DC, 3, 100.0, 60_000)


def station(vendor: str, model: str) -> StationState:
    return StationState("CP-1", "T1", "s", {}, identity=StationIdentity(vendor, model))


def test_a_known_make_gets_what_it_takes() -> None:
    heidelberg = limits_of(station("Heidelberg Amperfied", "connect.solar"))
    assert rules_for(heidelberg, Declared(), HOUSE).periods_max == 1
    assert limits_of(station("", "ACChargePoint")).unit == "W"


def test_strangers_follow_the_house() -> None:
    for unknown in (station("Nobody", "X"), StationState("CP-2", "T1", "s", {}), None):
        assert limits_of(unknown) == NOTHING_KNOWN
        assert rules_for(limits_of(unknown), Declared(), HOUSE) == HOUSE
        assert not forgets_offline(firmware_of(unknown))


def test_the_fewest_periods_of_what_is_known_declared_and_sent() -> None:
    assert rules_for(Limits(periods_max=5), Declared(), HOUSE).periods_max == 2
    assert rules_for(Limits(), Declared(periods_max=1), HOUSE).periods_max == 1
    assert rules_for(Limits(periods_max=24), Declared(periods_max=1), HOUSE).periods_max == 2, "known beats declared"
    assert rules_for(Limits(), Declared(periods_max=0), HOUSE).periods_max == 2, "nonsense"


def test_what_must_not_be_repeated_is_not_renewed() -> None:
    assert not rules_for(Limits(repeat_same="harmful"), Declared(), HOUSE).renews
    assert rules_for(Limits(needs_number_phases=True), Declared(), HOUSE).dc_phases
    assert rules_for(Limits(profile_id_max=10), Declared(), HOUSE).profile_id_max == 10


@pytest.mark.parametrize(
    ("limits", "asked_a", "told_a"),
    [
        (Limits(), 13.9, 13.0),
        (Limits(steps_a=(6, 8, 10, 13, 16)), 12.9, 10.0),
        (Limits(steps_a=(6, 8, 10, 13, 16)), 32.0, 16.0),
        (Limits(steps_a=(8, 16)), 7.0, 0.0),
        (Limits(step_a=4.0), 15.0, 12.0),
        (Limits(floor_a=10.0), 9.0, 0.0),
        (Limits(floor_w=5_000), 7.0, 0.0),
        (Limits(floor_w=5_000), 8.0, 8.0),
    ],
)
def test_steps_and_minima_of_the_station_round_down(limits: Limits, asked_a: float, told_a: float) -> None:
    found = outlet(AC3, 3, 0, limits)
    assert found.at_most(asked_a * 690).limit_a == pytest.approx(told_a)
    assert found.at_least(found.least_w).value_w == found.least_w == found.at_most(found.least_w).value_w


def test_a_minimum_in_watts_holds_for_dc_too() -> None:
    assert outlet(DC, 3, 0, Limits(floor_w=5_000)).least_w == 5_000
    assert outlet(DC, 3, 0, Limits()).least_w == 2_000


def test_what_zero_means() -> None:
    assert pauses(Limits())
    assert not pauses(Limits(zero_means="hangs"))
    assert not pauses(Limits(zero_means="remote_stop"))


@pytest.mark.req("SR-10")
def test_a_make_that_loses_its_profiles_may_draw_everything_while_it_is_away() -> None:
    known = replace(GENERIC, limits=Limits(after_reconnect="lost"), facts={"limits.after_reconnect": ("a/b#1",)})
    assert forgets_offline(known)
    assert not forgets_offline(replace(known, limits=Limits(after_reconnect="kept")))
    assert not forgets_offline(replace(known, facts={})), "OCPP has profiles survive"


def test_only_the_proofs_that_the_make_can_give_are_asked_for() -> None:
    assert proofs(Limits()) == proofs(Limits(confirm_by=("composite", "power", "offered")))
    assert not proofs(Limits(composite="empty")).composite
    found = proofs(Limits(confirm_by=("power",)))
    assert (found.offered, found.power, found.composite) == (False, True, False)
