"""What a pile accepts as profiles, what replaces what."""

from __future__ import annotations

from typing import Any

import pytest

from device_sim.profile_book import ProfileBook, Rules
from device_sim.smart_charging import Kind, Period, Profile, Purpose

TX = "tx-1"


def one(number: int = 1, purpose: Purpose = Purpose.TRANSACTION, **values: Any) -> Profile:
    known: dict[str, Any] = {
        "stack_level": 0,
        "kind": Kind.RELATIVE,
        "unit": "A",
        "periods": (Period(0, 10),),
        "evse": 1,
        "transaction_id": TX if purpose is Purpose.TRANSACTION else None,
    }
    return Profile(number, purpose=purpose, **(known | values))


@pytest.mark.parametrize(
    ("profile", "running", "reason"),
    [
        (one(), TX, None),
        (one(), None, "TxNotFound"),  # K01.FR.09
        (one(transaction_id="other"), TX, "TxNotFound"),  # K01.FR.33
        (one(evse=0), TX, "TxNotFound"),  # K01.FR.16
        (one(evse=2), TX, "UnknownEvse"),  # K01.FR.28
        (one(unit="kW"), TX, "UnsupportedRateUnit"),  # K01.FR.26
        (one(periods=()), TX, "InvalidSchedule"),
        (one(periods=(Period(5, 10),)), TX, "InvalidSchedule"),  # K01.FR.31
        (one(periods=(Period(0, 1), Period(60, 1), Period(30, 1))), TX, "InvalidSchedule"),  # K01.FR.35
        (one(periods=tuple(Period(60 * n, 10) for n in range(5))), TX, "TooManyPeriods"),
        (one(stack_level=9), TX, "InvalidStackLevel"),
        (one(purpose=Purpose.MAX, evse=1), TX, "InvalidProfile"),
        (one(purpose=Purpose.MAX, evse=0), TX, "InvalidProfile"),  # K01.FR.38: not relative
        (one(purpose=Purpose.MAX, evse=0, kind=Kind.ABSOLUTE, start_s=0.0), None, None),
        (one(purpose=Purpose.DEFAULT, evse=0), None, None),
        (one(kind=Kind.RECURRING), TX, "InvalidProfile"),
    ],
)
def test_what_is_accepted(profile: Profile, running: str | None, reason: str | None) -> None:
    book = ProfileBook()
    assert book.install(profile, running) == reason
    assert (profile in book.active()) is (reason is None)


@pytest.mark.req("K01.FR.05", "1.6:3.13.2")
def test_the_same_id_or_the_same_slot_is_replaced() -> None:
    book = ProfileBook()
    book.install(one(1), TX)
    book.install(one(1, periods=(Period(0, 16),)), TX)
    assert [p.periods[0].limit for p in book.active()] == [16]
    book.install(one(2), TX)
    assert [p.profile_id for p in book.active()] == [2]


@pytest.mark.req("K01.FR.52", "K01.FR.53")
def test_defaults_of_station_and_outlet_on_one_level_clash_in_201_only() -> None:
    station, outlet = one(1, Purpose.DEFAULT, evse=0), one(2, Purpose.DEFAULT, evse=1)
    for first, second in ((station, outlet), (outlet, station)):
        strict, lenient = ProfileBook(Rules(refuses_duplicates=True)), ProfileBook()
        assert strict.install(first, None) is None
        assert strict.install(second, None) == "DuplicateProfile"
        assert lenient.install(first, None) is None
        assert lenient.install(second, None) is None


def test_there_is_room_for_so_many() -> None:
    book = ProfileBook(Rules(profiles_max=2))
    assert book.install(one(1, stack_level=1), TX) is None
    assert book.install(one(2, stack_level=2), TX) is None
    assert book.install(one(3, stack_level=3), TX) == "TooManyProfiles"
    assert book.install(one(4, stack_level=2), TX) is None  # takes the place of 2


@pytest.mark.parametrize(
    ("criteria", "left"),
    [
        ({"profile_id": 2}, [1, 3]),
        ({"purpose": Purpose.DEFAULT}, [1]),
        ({"evse": 0}, [1, 2]),
        ({"purpose": Purpose.DEFAULT, "stack_level": 0}, [1, 3]),
        ({"purpose": Purpose.MAX}, [1, 2, 3]),
        ({}, []),
    ],
)
def test_clearing(criteria: dict[str, Any], left: list[int]) -> None:
    book = ProfileBook()
    for profile in (one(1), one(2, Purpose.DEFAULT), one(3, Purpose.DEFAULT, evse=0, stack_level=1)):
        book.install(profile, TX)
    assert book.clear(**criteria) == 3 - len(left)
    assert [p.profile_id for p in book.active()] == left


@pytest.mark.req("1.6:3.13.1")
def test_a_transactions_profile_dies_with_it() -> None:
    book = ProfileBook()
    book.install(one(1), TX)
    book.install(one(2, Purpose.DEFAULT), TX)
    assert book.end_transaction() == 1
    assert [p.profile_id for p in book.active()] == [2]
