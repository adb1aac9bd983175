"""A limit that was taken later does not replace one whose form rules over it (OCPP 1.6 section 3.13)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from csms.charging.account import TX_RANK
from csms.charging.journal import _bound_row, _kept
from csms.charging.ladder import Rung
from csms.charging.ledger import Ledger
from csms.model.charging_profile import ProfilePurpose, RateUnit
from csms.model.ids import EvseRef

NOW = datetime(2026, 1, 5, 8, tzinfo=UTC)
A = EvseRef("A", 1)
TX = Rung(ProfilePurpose.TX, RateUnit.A)
LASTING = Rung(ProfilePurpose.TX_DEFAULT, RateUnit.A)
ROOM = {"T": 100_000}


def at(seconds: float) -> datetime:
    return NOW + timedelta(seconds=seconds)


def enrolled() -> Ledger:
    found = Ledger(ramp_s=15, skew_s=5)
    found.enrol(A, ("T",), 1_000, 20_000)
    found.confirm_floor(A, NOW)
    found.trust(A, NOW, floor=True, limit=True)
    found.note_car(A, True)
    found.note_session(A, 7)
    return found


@pytest.fixture
def ledger() -> Ledger:
    """An outlet with a floor of 1 kW, and with a transaction's limit of 9 kW until 900 s that nobody answered."""
    found = enrolled()
    told(found, 9_000, TX, 0)
    return found


def told(ledger: Ledger, value_w: int, rung: Rung, seconds: float) -> int:
    sequence = ledger.send(A, value_w, at(seconds), at(seconds + 900))
    ledger.form(A, sequence, rung.rank)
    return sequence


def taken(ledger: Ledger, value_w: int, rung: Rung, seconds: float) -> None:
    ledger.acknowledge(A, told(ledger, value_w, rung, seconds), at(seconds))


def test_ranks() -> None:
    high, wide = (
        Rung(ProfilePurpose.TX_DEFAULT, RateUnit.A, stack_level=2),
        Rung(LASTING.purpose, RateUnit.W, station_wide=True),
    )
    ranks = [rung.rank for rung in (wide, LASTING, high, TX)]
    assert all(rank is not None for rank in ranks)
    assert ranks == sorted(ranks, key=lambda rank: rank or 0)
    assert len(set(ranks)) == 4
    assert (TX.rank or 0) >= TX_RANK
    whole = (Rung(ProfilePurpose.STATION_MAX, RateUnit.A), Rung(None, RateUnit.A, static_key="Max"))
    assert [rung.rank for rung in whole] == [None, None]


def test_a_lasting_limit_leaves_the_limit_of_a_transaction_counting_to_its_end(ledger: Ledger) -> None:
    taken(ledger, 2_000, LASTING, 100)
    assert (ledger.upper_bound_w(A, at(919)), ledger.upper_bound_w(A, at(921))) == (9_000, 2_000)
    assert ledger.settled_w(A, at(200), reachable=True) == 2_000
    assert ledger.next_change(at(200)) == at(920)
    ledger.expire(at(921))
    assert ledger.account(A).over == []


def test_also_when_the_limit_of_the_transaction_had_been_taken() -> None:
    ledger = enrolled()
    taken(ledger, 9_000, TX, 0)
    taken(ledger, 2_000, LASTING, 100)
    taken(ledger, 3_000, LASTING, 200)
    assert ledger.upper_bound_w(A, at(900)) == 9_000


@pytest.mark.parametrize(
    "rung", [TX, Rung(ProfilePurpose.STATION_MAX, RateUnit.A), Rung(None, RateUnit.A, static_key="Max")]
)
def test_what_rules_as_well_or_holds_beside_it_replaces_it(ledger: Ledger, rung: Rung) -> None:
    taken(ledger, 2_000, LASTING, 100)
    taken(ledger, 3_000, rung, 200)
    assert ledger.upper_bound_w(A, at(216)) == 3_000


def test_the_end_of_the_session_ends_it(ledger: Ledger) -> None:
    taken(ledger, 2_000, LASTING, 100)
    ledger.end_session(A, at(200), lasting=True)
    assert (ledger.upper_bound_w(A, at(214)), ledger.upper_bound_w(A, at(216))) == (9_000, 2_000)


def test_another_process_counts_it_too(ledger: Ledger) -> None:
    taken(ledger, 2_000, LASTING, 100)
    kept = _kept(_bound_row(A, ledger.kept(A, at(150)), at(150)), None, at(160))
    later = enrolled()
    later.restore(A, kept, at(160))
    assert (later.upper_bound_w(A, at(900)), later.upper_bound_w(A, at(921))) == (9_000, 2_000)
    assert later.told_w(A) == 2_000
    taken(later, 2_500, LASTING, 200)
    assert later.upper_bound_w(A, at(900)) == 9_000


def test_what_an_earlier_version_wrote_is_read() -> None:
    ledger = enrolled()
    told(ledger, 9_000, TX, 0)
    row = _bound_row(A, ledger.kept(A, NOW), NOW)
    assert row.limits is not None
    del row.limits["over"]
    row.limits["sent"] = [grant[:4] for grant in row.limits["sent"]]
    later = enrolled()
    later.restore(A, _kept(row, None, at(60)), at(60))
    assert later.upper_bound_w(A, at(900)) == 9_000


def test_an_outlet_that_may_draw_all_is_told_no_more_than_there_is_room_for() -> None:
    ledger = enrolled()
    ledger.lose_profiles(A)
    assert ledger.upper_bound_w(A, NOW) == 20_000
    room = {"T": 6_000}
    assert [ledger.may_raise(A, value_w, NOW, room) for value_w in (1_000, 6_000, 6_001, 20_000)] == [
        True, True, False, False,
    ]  # fmt: skip
    assert ledger.free_w(A, NOW, room) == 6_000
    assert ledger.free_w(A, NOW, {"T": 500}) == 1_000, "its floor it may always be told"
    ledger.trust(A, NOW, floor=True, limit=False)
    assert ledger.may_raise(A, 20_000, NOW, room), "a trial counts with all it can draw anyway"
