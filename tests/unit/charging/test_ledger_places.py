"""An outlet whose place in the tree changes counts in both until nothing acts any more that it was told before."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.ledger import Grant, Kept, Ledger
from csms.model.ids import EvseRef

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A, B = EvseRef("A", 1), EvseRef("B", 1)


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


@pytest.fixture
def ledger() -> Ledger:
    """Two outlets under T1, known to obey; A was told 10 kW until 900 s."""
    found = Ledger(ramp_s=15, skew_s=5)
    for ref in (A, B):
        found.enrol(ref, ("T1", "S"), 1_000, 20_000)
        found.confirm_floor(ref, NOW)
        found.trust(ref, NOW, floor=True, limit=True)
        found.note_car(ref, True)
    found.acknowledge(A, found.send(A, 10_000, NOW, at(900)), NOW)
    return found


def moved(ledger: Ledger, now: datetime) -> None:
    ledger.enrol(A, ("T2", "S"), 1_000, 20_000, now)


def test_it_counts_in_both_places_and_once_where_they_meet(ledger: Ledger) -> None:
    moved(ledger, at(60))
    assert ledger.sums_w(at(60)) == {"T1": 11_000, "T2": 10_000, "S": 11_000}


def test_a_raise_needs_room_in_both_places(ledger: Ledger) -> None:
    moved(ledger, at(60))
    room = {"T1": 12_000, "T2": 50_000, "S": 50_000}
    assert ledger.free_w(A, at(60), room) == 11_000
    assert ledger.free_w(B, at(60), room) == 2_000, "nobody may take what was left before it is free"
    ledger.send(A, 11_000, at(60), at(960))
    assert ledger.sums_w(at(60)) == {"T1": 12_000, "T2": 11_000, "S": 12_000}


@pytest.mark.req("GL-B4.4")
def test_a_value_taken_after_the_move_frees_the_old_place_after_a_ramp(ledger: Ledger) -> None:
    moved(ledger, at(60))
    sequence = ledger.send(A, 10_000, at(60), at(960))
    ledger.expire(at(70))
    assert "A" in {ref.station_id for ref in ledger.refs if ledger.account(ref).left}
    ledger.acknowledge(A, sequence, at(70))
    ledger.expire(at(84))
    assert ledger.sums_w(at(84))["T1"] == 11_000
    assert ledger.next_change(at(84)) == at(85)
    ledger.expire(at(85))
    assert ledger.sums_w(at(85)) == {"T1": 1_000, "T2": 10_000, "S": 11_000}


def test_without_an_answer_it_lasts_as_long_as_the_lease(ledger: Ledger) -> None:
    sequence = ledger.send(A, 12_000, at(50), at(950))
    moved(ledger, at(60))
    ledger.lose(sequence)
    ledger.acknowledge(A, sequence, at(70))
    ledger.expire(at(969))
    assert ledger.account(A).left == ("T1",), "that value was granted with the room of the old place"
    ledger.expire(at(970))
    assert ledger.account(A).left == ()


def test_moved_twice_it_counts_in_three_places_and_back_home_in_two(ledger: Ledger) -> None:
    moved(ledger, at(60))
    ledger.enrol(A, ("T3", "S"), 1_000, 20_000, at(61))
    assert ledger.account(A).places == ("T3", "S", "T2", "T1")
    ledger.enrol(A, ("T1", "S"), 1_000, 20_000, at(62))
    assert ledger.account(A).places == ("T1", "S", "T3", "T2")


def test_a_feeder_that_is_gone_holds_nobody(ledger: Ledger) -> None:
    moved(ledger, at(60))
    assert ledger.free_w(A, at(60), {"T2": 12_000, "S": 50_000}) == 12_000


@pytest.mark.req("GL-B5")
def test_another_process_counts_a_bound_where_it_was_granted() -> None:
    ledger = Ledger(ramp_s=15, skew_s=5)
    ledger.enrol(A, ("T2", "S"), 1_000, 20_000)
    ledger.restore(A, Kept(Grant(10_000, at(500)), places=("T1", "S")), at(0))
    assert ledger.sums_w(at(499)) == {"T2": 10_000, "S": 10_000, "T1": 10_000}
    ledger.expire(at(500))
    assert ledger.sums_w(at(500)) == {"T2": 1_000, "S": 1_000}
