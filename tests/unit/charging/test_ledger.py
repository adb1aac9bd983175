"""The rules of the ledger one by one (grid-limits B4)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.ledger import Grant, Kept, Ledger
from csms.model.ids import EvseRef

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A, B = EvseRef("A", 1), EvseRef("B", 1)
LEASE_END = NOW + timedelta(seconds=900)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def ledger() -> Ledger:
    """Two outlets with a floor of 1 kW and a physical maximum of 20 kW; floors installed long ago, cars there."""
    return enrolled()


def enrolled() -> Ledger:
    found = Ledger(ramp_s=15, skew_s=5)
    for ref in (A, B):
        found.enrol(ref, ("T",), 1_000, 20_000)
        found.confirm_floor(ref, NOW)
        found.trust(ref, NOW, floor=True, limit=True)
        found.note_car(ref, True)
    return found


def granted(ledger: Ledger, ref: EvseRef, value_w: int) -> None:
    ledger.acknowledge(ref, ledger.send(ref, value_w, NOW, LEASE_END), NOW)


def test_the_floor_counts_always(ledger: Ledger) -> None:
    granted(ledger, A, 0)
    assert ledger.upper_bound_w(A, NOW) == 1_000
    assert ledger.sums_w(NOW) == {"T": 2_000}


def test_what_is_sent_counts_before_and_without_an_answer(ledger: Ledger) -> None:
    sequence = ledger.send(A, 8_000, NOW, LEASE_END)
    assert ledger.upper_bound_w(A, NOW) == 8_000
    ledger.lose(sequence)
    assert ledger.in_doubt(A)
    assert ledger.upper_bound_w(A, at(919)) == 8_000
    assert ledger.upper_bound_w(A, at(920)) == 1_000


@pytest.mark.req("GL-B4.4")
def test_a_decrease_holds_the_old_value_for_one_ramp(ledger: Ledger) -> None:
    granted(ledger, A, 10_000)
    sequence = ledger.send(A, 3_000, at(60), at(960))
    assert ledger.upper_bound_w(A, at(60)) == 10_000
    ledger.acknowledge(A, sequence, at(70))
    assert ledger.upper_bound_w(A, at(84)) == 10_000
    assert ledger.upper_bound_w(A, at(85)) == 3_000


@pytest.mark.req("GL-B4.4")
def test_a_later_answer_clears_older_values_but_holds_the_highest(ledger: Ledger) -> None:
    granted(ledger, A, 2_000)
    ledger.lose(ledger.send(A, 16_000, at(10), at(910)))
    ledger.acknowledge(A, ledger.send(A, 4_000, at(80), at(980)), at(83))
    assert ledger.upper_bound_w(A, at(97)) == 16_000
    assert ledger.upper_bound_w(A, at(98)) == 4_000


def test_a_new_hold_outlasts_an_older_one(ledger: Ledger) -> None:
    """Found by the fleet simulation: down, up and down again within one ramp."""
    granted(ledger, A, 8_000)
    ledger.acknowledge(A, ledger.send(A, 2_000, at(0), at(900)), at(1))
    ledger.acknowledge(A, ledger.send(A, 8_000, at(2), at(902)), at(5))
    ledger.acknowledge(A, ledger.send(A, 2_000, at(10), at(910)), at(14))
    assert ledger.upper_bound_w(A, at(17)) == 8_000
    assert ledger.upper_bound_w(A, at(29)) == 2_000


@pytest.mark.req("GL-B4.2")
def test_a_raise_needs_room_at_every_ancestor() -> None:
    ledger = Ledger()
    for ref in (A, B):
        ledger.enrol(ref, (ref.station_id, "T"), 0, 9_000)
        ledger.trust(ref, NOW, floor=True, limit=True)
    granted(ledger, B, 4_000)
    room = {"A": 5_000, "B": 9_000, "T": 8_000}
    assert ledger.may_raise(A, 4_000, NOW, room)
    assert not ledger.may_raise(A, 4_001, NOW, room)
    assert not ledger.may_raise(A, 4_000, NOW, room | {"A": 3_999})
    assert ledger.free_w(A, NOW, room) == 4_000


def test_decreases_are_always_allowed_and_nothing_rises_above_a_fallen_cap(ledger: Ledger) -> None:
    granted(ledger, A, 8_000)
    granted(ledger, B, 8_000)
    ledger.acknowledge(A, ledger.send(A, 2_000, at(1), at(900)), at(2))
    room = {"T": 5_000}
    assert ledger.may_raise(A, 2_000, at(3), room)
    assert ledger.may_raise(B, 1_000, at(3), room)
    assert not ledger.may_raise(A, 7_000, at(3), room)


@pytest.mark.req("GL-B4.6")
def test_a_refusal_clears_only_itself(ledger: Ledger) -> None:
    granted(ledger, A, 5_000)
    ledger.refuse(A, ledger.send(A, 9_000, NOW, LEASE_END))
    assert ledger.upper_bound_w(A, NOW) == 5_000
    assert not ledger.in_doubt(A)


def test_a_frame_that_never_left_does_not_count(ledger: Ledger) -> None:
    ledger.withdraw(A, ledger.send(A, 9_000, NOW, LEASE_END))
    assert ledger.upper_bound_w(A, NOW) == 1_000


def test_without_a_known_floor_the_physical_maximum_counts_where_a_car_may_be(ledger: Ledger) -> None:
    ledger.lose_floor(A)
    assert ledger.upper_bound_w(A, NOW) == 20_000
    ledger.note_car(A, False)
    assert ledger.upper_bound_w(A, NOW) == 1_000
    ledger.note_car(A, True)
    ledger.confirm_floor(A, at(5))
    assert ledger.upper_bound_w(A, at(19)) == 20_000
    assert ledger.upper_bound_w(A, at(20)) == 1_000


def test_the_end_of_a_session_frees_its_room_after_one_ramp(ledger: Ledger) -> None:
    granted(ledger, A, 7_000)
    late = ledger.send(A, 9_000, at(5), at(905))
    ledger.end_session(A, at(10))
    ledger.acknowledge(A, late, at(12))
    assert ledger.upper_bound_w(A, at(24)) == 9_000
    assert ledger.upper_bound_w(A, at(25)) == 1_000


@pytest.mark.req("GL-I10")
def test_the_same_answer_twice_changes_nothing(ledger: Ledger) -> None:
    sequence = ledger.send(A, 7_000, NOW, LEASE_END)
    ledger.acknowledge(A, sequence, NOW)
    before = ledger.account(A).holds, ledger.upper_bound_w(A, at(1))
    ledger.acknowledge(A, sequence, at(1))
    assert (ledger.account(A).holds, ledger.upper_bound_w(A, at(1))) == before


def test_settled_is_what_comes_of_it_when_the_station_can_be_reached(ledger: Ledger) -> None:
    granted(ledger, A, 9_000)
    ledger.send(A, 2_000, at(1), at(901))
    assert ledger.settled_w(A, at(1), reachable=True) == 2_000
    assert ledger.settled_w(A, at(1), reachable=False) == 9_000


def test_a_restored_bound_counts_until_its_end(ledger: Ledger) -> None:
    ledger.restore(A, Kept(Grant(12_000, at(100))), NOW)
    assert not ledger.at_floor(A, at(99))
    assert ledger.upper_bound_w(A, at(99)) == 12_000
    assert ledger.upper_bound_w(A, at(100)) == 1_000
    assert ledger.at_floor(A, at(100))


def test_restored_limits_of_the_session_that_runs_go_on_and_can_be_told_again(ledger: Ledger) -> None:
    ledger.note_session(A, 7)
    granted(ledger, A, 9_000)
    ledger.send(A, 4_000, NOW, LEASE_END)
    kept = ledger.kept(A, NOW)
    for session_id, settled_w in ((7, 4_000), (8, 1_000), (None, 1_000)):
        later = enrolled()
        later.note_session(A, session_id)
        later.restore(A, kept, at(60))
        assert later.upper_bound_w(A, at(60)) == 9_000
        assert later.settled_w(A, at(60), reachable=True) == settled_w
        assert later.in_doubt(A) == (session_id == 7), "what was never answered is told again"
    later = enrolled()
    later.note_session(A, 7)
    later.restore(A, kept, at(60))
    assert later.may_raise(A, 4_000, at(61), {"T": 0}), "it is no more than what holds already"
    sequence = later.send(A, 4_000, at(61), at(961))
    later.acknowledge(A, sequence, at(62))
    assert (later.upper_bound_w(A, at(76)), later.upper_bound_w(A, at(77))) == (9_000, 4_000)


def test_what_is_written_down_covers_everything_outstanding(ledger: Ledger) -> None:
    granted(ledger, A, 9_000)
    ledger.send(A, 2_000, at(60), at(960))
    kept = ledger.kept(A, at(60))
    assert (kept.bound.value_w, kept.bound.until) == (9_000, at(980))
    assert [grant.value_w for grant in kept.grants] == [9_000, 2_000]


def test_expiry_forgets_and_transit_ends(ledger: Ledger) -> None:
    sequence = ledger.send(A, 9_000, NOW, at(100))
    assert ledger.in_transit(NOW)
    ledger.lose(sequence)
    assert not ledger.in_transit(NOW)
    assert ledger.next_change(NOW) == at(120)
    ledger.expire(at(120))
    assert ledger.account(A).sent == {}
    assert ledger.next_change(at(120)) is None
    ledger.enrol(A, ("T",), 2_000, 20_000)
    assert not ledger.account(A).floor_known
    assert A in ledger


def test_a_lower_floor_counts_once_it_is_taken_and_the_higher_one_was_left(ledger: Ledger) -> None:
    ledger.enrol(A, ("T",), 0, 20_000)
    account = ledger.account(A)
    assert (account.floor_taken, account.floor_known, ledger.upper_bound_w(A, at(60))) == (False, True, 1_000)
    assert (ledger.settled_w(A, at(60), True), ledger.lasting_w(A, at(60))) == (1_000, 1_000)
    ledger.confirm_floor(A, at(70))
    assert (ledger.upper_bound_w(A, at(84)), ledger.upper_bound_w(A, at(85))) == (1_000, 0)


def test_a_floor_that_falls_twice_counts_with_the_highest_that_was_taken(ledger: Ledger) -> None:
    for floor_w in (500, 0):
        ledger.enrol(A, ("T",), floor_w, 20_000)
    assert ledger.upper_bound_w(A, NOW) == 1_000
    ledger.lose_floor(A)
    assert ledger.upper_bound_w(A, NOW) == 20_000, "it may have none at all"


def test_a_higher_floor_is_not_there_before_it_is_taken(ledger: Ledger) -> None:
    ledger.enrol(A, ("T",), 2_000, 20_000)
    assert ledger.upper_bound_w(A, NOW) == 20_000
    ledger.confirm_floor(A, NOW)
    assert ledger.upper_bound_w(A, at(15)) == 2_000


def test_a_clock_that_is_behind_keeps_a_lease_alive_for_so_long_and_one_that_jumps_for_good(ledger: Ledger) -> None:
    granted(ledger, A, 8_000)
    for behind_s, later_s in ((0.0, 0.0), (5.0, 0.0), (-90.0, 0.0), (5.1, 5.1), (3_600.0, 3_600.0)):
        ledger.note_station(A, NOW, away=False, forgets=False, reaction_s=0.0, behind_s=behind_s)
        bounds = [ledger.upper_bound_w(A, at(s + later_s)) for s in (919, 920)]
        assert bounds == [8_000, 1_000], behind_s
    ledger.note_station(A, NOW, away=False, forgets=False, reaction_s=0.0, unsure=True)
    assert ledger.upper_bound_w(A, at(9_000)) == 8_000
    assert ledger.kept(A, NOW).bound.until > at(10**8)
    sequence = ledger.send(A, 2_000, at(9_000), at(9_900))
    ledger.acknowledge(A, sequence, at(9_003))
    assert ledger.upper_bound_w(A, at(9_020)) == 2_000
