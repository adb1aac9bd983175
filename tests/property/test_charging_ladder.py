"""The ladder whatever a station answers: it ends, repeats nothing that was lost, keeps what is confirmed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from csms.charging.discretise import Outlet
from csms.charging.ladder import (
    Declared,
    Happening,
    Role,
    Rung,
    State,
    Track,
    after,
    limit_order,
    remembered_first,
    rungs,
)
from csms.charging.proof import Follower, Verdict
from csms.model.charging_profile import RateUnit
from csms.model.station import CurrentKind, EvseRating
from firmware_profiles import Limits
from firmware_profiles.limits import PURPOSES

known = st.builds(
    Limits,
    purposes=st.one_of(st.just(PURPOSES), st.lists(st.sampled_from(PURPOSES), unique=True).map(tuple)),
    static_key=st.sampled_from(["", "MaxCurrent"]),
    unit=st.sampled_from([None, "A", "W"]),
    kind=st.sampled_from([None, "Absolute", "Relative"]),
    stack_level=st.sampled_from([None, 0, 3]),
    connector=st.sampled_from([None, "station", "outlet"]),
    profiles_max=st.sampled_from([None, 1, 10]),
)
declared = st.builds(
    Declared,
    units=st.lists(st.sampled_from(list(RateUnit)), unique=True).map(tuple),
    stack_level_max=st.one_of(st.none(), st.integers(0, 2_000)),
    profiles_max=st.one_of(st.none(), st.integers(0, 20)),
)
usual = st.sampled_from(list(RateUnit))
LOSSES = (Happening.REFUSED, Happening.SILENT, Happening.IGNORED, Happening.ABSENT)
moves = st.lists(st.sampled_from([*LOSSES, Happening.ACCEPTED]), max_size=120)


def orders(limits: Limits, said: Declared, unit: RateUnit) -> tuple[tuple[Rung, ...], tuple[Rung, ...]]:
    """The floor's, and the limit's below the floor's first rung."""
    floors = rungs(Role.FLOOR, limits, said, unit)
    floor = Track(Role.FLOOR, rung=floors[0], taken=True) if floors else Track(Role.FLOOR, State.UNCONTROLLABLE)
    return floors, limit_order(limits, said, unit, floor)


@given(known, declared, usual)
def test_every_order_is_finite_and_names_each_rung_once(limits: Limits, said: Declared, unit: RateUnit) -> None:
    for order in orders(limits, said, unit):
        assert len(order) == len(set(order)) <= 40


@given(known, declared, usual, st.sampled_from(LOSSES))
def test_a_station_that_takes_nothing_ends_uncontrollable(
    limits: Limits, said: Declared, unit: RateUnit, loss: Happening
) -> None:
    for order in orders(limits, said, unit):
        track = Track(Role.LIMIT).at(order)
        for _ in range(len(order)):
            track = after(track, loss, order)
        assert track.over
        assert track.rung is None


@given(known, declared, usual, moves)
def test_no_rung_that_was_lost_is_tried_again_by_the_same_firmware(
    limits: Limits, said: Declared, unit: RateUnit, happenings: list[Happening]
) -> None:
    for order in orders(limits, said, unit):
        track, lost = Track(Role.LIMIT).at(order), set[Rung]()
        for happening in happenings:
            before = track.rung
            track = after(track, happening, order)
            if happening in LOSSES and before is not None:
                lost.add(before)
            assert track.rung is None or track.rung not in lost
            assert track.lost >= lost


@given(known, declared, usual, moves, st.integers(0, 30), st.lists(st.sampled_from(list(Happening)), max_size=20))
def test_a_confirmed_rung_is_kept_until_it_is_refuted(
    limits: Limits, said: Declared, unit: RateUnit, first: list[Happening], at: int, later: list[Happening]
) -> None:
    _, order = orders(limits, said, unit)
    track = Track(Role.LIMIT).at(order)
    for happening in first[:at]:
        track = after(track, happening, order)
    if track.rung is None:
        return
    track = after(track, Happening.SHOWN, order, "metered power")
    rung, strikes = track.rung, 0
    for happening in later:
        strikes += happening in (Happening.REFUSED, Happening.IGNORED, Happening.ABSENT)
        if strikes > 1 or happening in (Happening.AGAIN, Happening.NEW_FIRMWARE, Happening.SILENT):
            return
        track = after(track, happening, order)
        strikes = 0 if track.proven else strikes
        assert track.rung == rung
        assert track.state in (State.CONFIRMED, State.DOUBTFUL)


@given(known, declared, usual, st.integers(0, 30))
def test_what_is_remembered_is_tried_first(limits: Limits, said: Declared, unit: RateUnit, at: int) -> None:
    _, order = orders(limits, said, unit)
    if not order:
        return
    rung = order[at % len(order)]
    assert Track(Role.LIMIT, remembered=rung).at(order).rung == rung
    assert set(remembered_first(rung, order)) == set(order)


@given(
    st.floats(1_400, 22_080),
    st.lists(st.integers(6, 32), min_size=1, max_size=30),
    st.floats(0.99, 1.01),
)
def test_a_car_that_draws_what_it_likes_proves_nothing(power_w: float, limits_a: list[int], noise: float) -> None:
    """Constant power never follows a limit, whatever the limits were."""
    outlet, follower = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3), Follower()
    for n, limit_a in enumerate(limits_a):
        verdict = follower.sample(outlet.at_most(limit_a * 690), power_w * (noise if n % 2 else 1.0))
        assert verdict is not Verdict.SHOWN


@given(st.integers(1, 3), st.integers(6, 25), st.floats(0.88, 1.0), st.floats(226, 242))
def test_a_car_that_follows_proves_it(phases: int, limit_a: int, share: float, voltage_v: float) -> None:
    """On any number of phases, a little under its limit, at any voltage."""
    outlet, follower = Outlet(EvseRating(CurrentKind.AC, 3, 32.0, 22_080), 3), Follower()
    for amps in (limit_a, -(-limit_a * 5 // 4)):
        told = outlet.at_most(amps * 690)
        verdict = follower.sample(told, told.limit_a * phases * voltage_v * share)
    assert verdict is Verdict.SHOWN
