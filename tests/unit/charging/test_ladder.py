"""Rungs in order and the table that moves a station along them (ocpp-in-the-field 9)."""

from __future__ import annotations

from itertools import pairwise

import pytest

from csms.charging.ladder import (
    TABLE,
    Declared,
    Happening,
    Move,
    Role,
    Rung,
    State,
    Track,
    after,
    another_session,
    limit_order,
    rungs,
    static_rung,
)
from csms.model.charging_profile import ProfileKind, ProfilePurpose, RateUnit
from firmware_profiles import Limits

A, W = RateUnit.A, RateUnit.W
NOTHING = Limits()
SILENT = Declared()
TOP = Rung(ProfilePurpose.TX_DEFAULT, A)


def floors(limits: Limits = NOTHING, declared: Declared = SILENT) -> tuple[Rung, ...]:
    return rungs(Role.FLOOR, limits, declared, A)


def limits_of(limits: Limits = NOTHING, declared: Declared = SILENT, floor: Rung | None = TOP) -> tuple[Rung, ...]:
    stands = Track(Role.FLOOR, State.UNCONTROLLABLE) if floor is None else Track(Role.FLOOR, rung=floor, taken=True)
    return limit_order(limits, declared, A, stands)


def _first_change(order: tuple[Rung, ...], name: str) -> int:
    return next(n for n, (a, b) in enumerate(pairwise(order)) if getattr(a, name) != getattr(b, name))


def test_the_unit_changes_first_then_the_kind_the_stack_the_connector_the_purpose() -> None:
    order = floors(NOTHING, Declared(stack_level_max=8))
    assert order[0] == Rung(ProfilePurpose.TX_DEFAULT, A, ProfileKind.ABSOLUTE, 0)
    fields = ("unit", "kind", "stack_level", "station_wide", "purpose")
    first_change = {name: _first_change(order, name) for name in fields}
    assert [first_change[name] for name in fields] == sorted(first_change.values())
    assert len(order) == len(set(order)) == 2 * 2 * 2 * 2 + 2 * 2


def test_what_the_firmware_profile_knows_leaves_no_choice() -> None:
    known = Limits(
        unit="W", kind="Relative", stack_level=3, connector="outlet", purposes=("TxDefaultProfile", "TxProfile")
    )
    assert floors(known) == (Rung(ProfilePurpose.TX_DEFAULT, W, ProfileKind.RELATIVE, 3),)
    assert limits_of(known, floor=None) == (Rung(ProfilePurpose.TX, W, ProfileKind.RELATIVE, 3),)


def test_the_order_of_purposes_is_the_firmware_profiles_own() -> None:
    known = Limits(purposes=("TxDefaultProfile", "TxProfile"))
    assert limits_of(known)[0] == TOP
    assert limits_of(Limits(purposes=("TxProfile", "TxDefaultProfile")))[0].purpose is ProfilePurpose.TX


@pytest.mark.req("RB-66")
def test_what_is_declared_is_a_hint() -> None:
    assert floors(NOTHING, Declared(units=(W,)))[0].unit is W
    assert {rung.unit for rung in floors(NOTHING, Declared(units=(W,)))} == {A, W}
    assert floors(Limits(unit_key_lies=True), Declared(units=(W,)))[0].unit is A
    assert floors(NOTHING, Declared(units=(W, A)))[0].unit is A, "both: the usual one"
    assert {rung.stack_level for rung in floors(NOTHING, Declared(stack_level_max=5_000))} == {0}, "nonsense"


@pytest.mark.req("K01.FR.38")
def test_the_stations_maximum_is_absolute_and_on_connector_0() -> None:
    highest = [rung for rung in floors() if rung.purpose is ProfilePurpose.STATION_MAX]
    assert highest
    assert all(rung.station_wide and rung.kind is ProfileKind.ABSOLUTE for rung in highest)
    assert not any(rung.station_wide for rung in floors(Limits(connector="outlet")))
    assert not any(rung.purpose is ProfilePurpose.TX for rung in limits_of(Limits(connector="station")))


def test_limits_begin_in_the_form_in_which_the_floor_was_taken() -> None:
    taken = Rung(ProfilePurpose.TX_DEFAULT, W, ProfileKind.RELATIVE)
    order = limits_of(floor=taken)
    assert order[0] == Rung(ProfilePurpose.TX, W, ProfileKind.RELATIVE)
    assert order[-1] == taken, "the only lasting rung worth a try"


def test_a_floor_by_the_stations_maximum_is_the_limit_too() -> None:
    highest = Rung(ProfilePurpose.STATION_MAX, A, station_wide=True)
    assert limits_of(floor=highest) == (highest,)


def test_a_make_that_obeys_no_profile_is_told_none() -> None:
    known = Limits(ignores_accepted=True, static_key="MaxCurrent")
    assert floors(known) == ()
    assert limits_of(known, floor=None) == static_rung(known)


def test_room_for_one_profile_leaves_no_transaction_profile() -> None:
    assert limits_of(Limits(profiles_max=1)) == (TOP,)
    assert limits_of(NOTHING, Declared(profiles_max=1)) == (TOP,)
    only = Limits(profiles_max=1, purposes=("TxProfile",))
    assert {rung.purpose for rung in limits_of(only, floor=None)} == {ProfilePurpose.TX}


def test_the_configuration_key_comes_last_and_only_without_a_lasting_profile() -> None:
    known = Limits(static_key="MaxCurrent")
    assert limits_of(known, floor=None)[-1] == static_rung(known)[0]
    assert static_rung(known)[0] not in limits_of(known)
    assert str(static_rung(known)[0]) == "MaxCurrent A"


@pytest.mark.parametrize("state", list(State))
@pytest.mark.parametrize("happening", list(Happening))
def test_every_state_knows_every_happening(state: State, happening: Happening) -> None:
    order = floors()
    lost = frozenset(order) if state is State.UNCONTROLLABLE else frozenset[Rung]()
    rung = None if state is State.UNCONTROLLABLE else order[0]
    track = after(Track(Role.FLOOR, state, rung, lost=lost), happening, order)
    wanted, move = TABLE[state][happening]
    assert track.state is (State.UNCONTROLLABLE if move is Move.SKIP else wanted)
    match move:
        case Move.STAY:
            assert track.rung == rung
            assert track.lost == lost
        case Move.STEP:
            assert track.rung == order[1]
            assert track.lost == {order[0]}
            assert not track.taken
        case Move.DEFER:
            assert track.rung == order[1]
            assert (track.lost, track.deferred) == (frozenset(), {order[0]})
        case Move.SKIP:
            assert track.rung is None
            assert track.lost == set(order)
        case Move.RESTART:
            assert (track.rung, track.lost, track.state) == (order[0], frozenset(), State.UNTRIED)


SKIPS = [(state, happening) for state in State for happening in Happening if TABLE[state][happening][1] is Move.SKIP]


@pytest.mark.parametrize(("state", "happening"), SKIPS)
def test_a_station_without_the_action_has_at_most_its_key(state: State, happening: Happening) -> None:
    known = Limits(static_key="MaxCurrent")
    order = limits_of(known, floor=None)
    track = after(Track(Role.LIMIT, state, order[0]), happening, order)
    assert track.rung == order[-1]
    assert after(track, Happening.REFUSED, order).over


def test_only_a_confirmed_rung_is_proven_and_it_is_kept() -> None:
    order = floors()
    track = Track(Role.FLOOR).at(order)
    assert [state for state in State if Track(Role.FLOOR, state).proven] == [State.CONFIRMED]
    track = after(track, Happening.ACCEPTED, order)
    assert (track.state, track.taken, track.proven) == (State.NEGOTIATING, True, False)
    track = after(track, Happening.SHOWN, order, "metered power")
    assert (track.state, track.remembered, track.proof) == (State.CONFIRMED, order[0], "metered power")
    for happening in (Happening.SILENT, Happening.ACCEPTED, Happening.SHOWN):
        assert after(track, happening, order, "other") == track, "the first proof stands"


@pytest.mark.req("RB-67")
@pytest.mark.req("SR-08")
def test_a_confirmed_rung_that_is_not_obeyed_is_told_once_more_and_then_given_up() -> None:
    order = floors()
    track = Track(Role.FLOOR, State.CONFIRMED, order[0], remembered=order[0], taken=True)
    doubtful = after(track, Happening.IGNORED, order, "metered power")
    assert (doubtful.state, doubtful.rung) == (State.DOUBTFUL, order[0])
    assert after(doubtful, Happening.SHOWN, order).proven
    lost = after(doubtful, Happening.IGNORED, order)
    assert (lost.state, lost.rung, lost.remembered) == (State.NEGOTIATING, order[1], None)


def test_what_worked_is_tried_first_on_another_firmware() -> None:
    order = floors()
    track = Track(Role.FLOOR, State.CONFIRMED, order[5], remembered=order[5], lost=frozenset(order[:5]))
    anew = after(track, Happening.NEW_FIRMWARE, order)
    assert (anew.state, anew.rung, anew.lost) == (State.UNTRIED, order[5], frozenset())
    assert after(anew, Happening.REFUSED, order).rung == order[0]


def test_a_track_that_waits_for_another_is_not_over() -> None:
    assert Track(Role.LIMIT).at((), waits=True).state is State.NEGOTIATING
    over = Track(Role.LIMIT).at(())
    assert over.over
    assert over.at((TOP,)).rung == TOP, "a new rung opens it again"


def test_what_was_put_off_is_tried_again_with_another_car() -> None:
    order = floors()
    track = Track(Role.FLOOR, State.NEGOTIATING, order[0])
    for _ in range(len(order) + 3):
        track = after(track, Happening.UNMOVED, order)
    assert track.rung == order[-1], "none is lost, so the last one stays"
    anew = another_session(track, order)
    assert (anew.rung, anew.deferred) == (order[0], frozenset())
    assert another_session(anew, order) == anew
