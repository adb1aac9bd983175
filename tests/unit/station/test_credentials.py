"""Passwords of stations in memory: what matches, what is remembered and for how long."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from csms.model.clock import ManualClock
from csms.security import passwords
from csms.station.credentials import REMEMBERED_S, CredentialBook
from csms.store.security_tables import StationCredential

NOW = datetime(2026, 3, 1, tzinfo=UTC)
OLD, NEW = b"the-old-password", b"the-new-password"


def kept(password: bytes) -> str:
    return passwords.hashed(password, passwords.COST_OF_RANDOM)


def row(in_force: bytes = b"", wanted: bytes = b"") -> StationCredential:
    hashes = [kept(password) if password else "" for password in (in_force, wanted)]
    return StationCredential(station_id="CP-1", in_force=hashes[0], wanted=hashes[1], changed_at=NOW)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


@pytest.fixture
def book(clock: ManualClock) -> Iterator[CredentialBook]:
    made = CredentialBook(clock)
    yield made
    made.close()


async def test_while_a_change_is_under_way_both_match(book: CredentialBook) -> None:
    known = row(OLD, NEW)
    book.put(known)
    assert await book.matching("CP-1", OLD) == known.in_force
    assert await book.matching("CP-1", NEW) == known.wanted
    assert await book.matching("CP-1", b"another-password") == ""
    assert await book.matching("CP-2", OLD) == ""
    assert (book.knows("CP-1"), book.knows("CP-2")) == (True, False)


async def test_what_was_verified_is_remembered_until_it_changes_or_a_day_has_passed(
    book: CredentialBook, clock: ManualClock
) -> None:
    book.put(row(OLD))
    assert not book.is_remembered("CP-1", OLD)
    book.remember("CP-1", OLD)
    assert book.is_remembered("CP-1", OLD)
    assert not book.is_remembered("CP-1", NEW)
    assert not book.is_remembered("CP-2", OLD)
    clock.advance(REMEMBERED_S + 1)
    assert not book.is_remembered("CP-1", OLD)
    book.remember("CP-1", OLD)
    book.put(row(NEW))
    assert not book.is_remembered("CP-1", OLD)


async def test_memory_holds_neither_the_password_nor_a_plain_hash_of_it(book: CredentialBook) -> None:
    book.remember("CP-1", OLD)
    other = CredentialBook(ManualClock(NOW))
    other.remember("CP-1", OLD)
    assert OLD not in repr(book.__dict__).encode()
    assert book._verified["CP-1"][1] != other._verified["CP-1"][1], "the key dies with the process"
    other.close()


async def test_hashing_leaves_the_event_loop_free(book: CredentialBook) -> None:
    book.put(StationCredential(station_id="CP-1", in_force=passwords.hashed(OLD), changed_at=NOW))
    work = [asyncio.create_task(book.matching("CP-1", NEW)) for _ in range(20)]
    longest_s = 0.0
    while not all(task.done() for task in work):
        before_s = time.perf_counter()
        await asyncio.sleep(0)
        longest_s = max(longest_s, time.perf_counter() - before_s)
    assert longest_s < 0.25, "twenty hashes take a second"


async def test_a_password_that_we_made_costs_less_than_one_that_somebody_thought_of(book: CredentialBook) -> None:
    costs = [(await book.hashed(OLD, random=random)).split("$")[1] for random in (True, False)]
    assert costs == [str(passwords.COST_OF_RANDOM), str(passwords.COST)]
