"""Tokens looked up together, kept for a moment, and asked again after a fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.station.tokens import KEPT_MAX, KEPT_S, TokenBook
from csms.store.tables import IdToken


class Listed:
    """Reads slowly and notes what it was asked."""

    def __init__(self, *names: str) -> None:
        self.rows = {name: IdToken(id_token=name) for name in names}
        self.asked: list[list[str]] = []
        self.fault: Exception | None = None

    async def tokens(self, id_tokens: Sequence[str]) -> Mapping[str, IdToken]:
        self.asked.append(list(id_tokens))
        await asyncio.sleep(0.01)
        if self.fault is not None:
            raise self.fault
        return {name: self.rows[name] for name in id_tokens if name in self.rows}


async def test_what_is_asked_together_is_one_query() -> None:
    reader = Listed("a", "b")
    book = TokenBook(ManualClock(), reader)
    found = await asyncio.gather(*(book.find(name) for name in ("a", "x", "b", "a")))
    assert [row.id_token if row else None for row in found] == ["a", None, "b", "a"]
    assert reader.asked == [["a", "x", "b"]]


async def test_what_is_asked_meanwhile_shares_the_next_query() -> None:
    reader = Listed("a")
    book = TokenBook(ManualClock(), reader)
    first = asyncio.create_task(book.find("a"))
    await asyncio.sleep(0.001)
    assert await asyncio.gather(book.find("b"), book.find("c")) == [None, None]
    await first
    assert reader.asked == [["a"], ["b", "c"]]


async def test_an_answer_counts_for_a_moment_only() -> None:
    reader, clock = Listed(), ManualClock()
    book = TokenBook(clock, reader)
    assert await book.find("a") is None
    reader.rows["a"] = IdToken(id_token="a", status="Blocked")
    assert await book.find("a") is None
    clock.advance(KEPT_S + 1)
    found = await book.find("a")
    assert found is not None
    assert found.status == "Blocked"


async def test_a_fault_reaches_everyone_who_asked_and_nothing_is_kept() -> None:
    reader = Listed("a")
    reader.fault = StoreUnavailable("gone")
    book = TokenBook(ManualClock(), reader)
    results = await asyncio.gather(book.find("a"), book.find("b"), return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 2
    reader.fault = None
    assert await book.find("a") is not None


async def test_one_who_stops_waiting_harms_nobody() -> None:
    reader = Listed("a")
    book = TokenBook(ManualClock(), reader)
    waiting = [asyncio.create_task(book.find("a")) for _ in range(2)]
    await asyncio.sleep(0.001)
    waiting[0].cancel()
    assert await waiting[1] is not None
    with pytest.raises(asyncio.CancelledError):
        await waiting[0]


async def test_memory_is_bounded() -> None:
    book = TokenBook(ManualClock(), Listed())
    await asyncio.gather(*(book.find(str(number)) for number in range(KEPT_MAX + 10)))
    assert len(book._kept) <= KEPT_MAX
