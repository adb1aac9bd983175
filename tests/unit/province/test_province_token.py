"""Tokens of both sides: one fetch for many callers, refresh in time, reuse without extension."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from csms.model.clock import ManualClock
from csms.province.token import Token, TokenCache, issue

NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Source:
    """Gives out numbered tokens of 7200 s and counts."""

    def __init__(self, clock: ManualClock) -> None:
        self.clock = clock
        self.fetched = 0

    async def fetch(self) -> Token:
        await asyncio.sleep(0)
        self.fetched += 1
        return Token(f"t{self.fetched}", self.clock.now(), self.clock.now() + timedelta(seconds=7200))


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOW)


async def test_fifty_callers_cause_one_fetch(clock: ManualClock) -> None:
    source = Source(clock)
    cache = TokenCache(clock, source.fetch)
    assert cache.state == "none"
    assert set(await asyncio.gather(*(cache.get() for _ in range(50)))) == {"t1"}
    assert (source.fetched, cache.state) == (1, "fresh")


async def test_those_who_wait_share_a_failure_and_the_next_asks_again(clock: ManualClock) -> None:
    asked = 0

    async def fetch() -> Token:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise TimeoutError(f"the {asked}th")

    cache = TokenCache(clock, fetch)
    faults = await asyncio.gather(*(cache.get() for _ in range(50)), return_exceptions=True)
    assert {str(fault) for fault in faults} == {"the 1th"}
    with pytest.raises(TimeoutError, match="the 2th"):
        await cache.get()


async def test_it_is_refreshed_below_a_tenth_of_its_life(clock: ManualClock) -> None:
    source = Source(clock)
    cache = TokenCache(clock, source.fetch)
    await cache.get()
    clock.advance(6479)
    assert await cache.get() == "t1"
    clock.advance(1)
    assert cache.state == "stale"
    assert await cache.get() == "t2"


async def test_a_refused_token_is_renewed_once_for_all(clock: ManualClock) -> None:
    source = Source(clock)
    cache = TokenCache(clock, source.fetch)
    old = await cache.get()
    cache.refuse(old)
    assert await cache.get() == "t2"
    cache.refuse(old)
    assert await cache.get() == "t2"


async def test_a_failed_fetch_leaves_the_next_caller_free_to_try(clock: ManualClock) -> None:
    async def broken() -> Token:
        raise ConnectionError

    cache = TokenCache(clock, broken)
    for _ in range(2):
        with pytest.raises(ConnectionError):
            await cache.get()


def test_the_server_gives_an_unexpired_token_again_without_extending_it() -> None:
    first = issue(None, NOW, 7200, lambda: "a")
    assert first.expires_at == NOW + timedelta(seconds=7200)
    assert issue(first, NOW + timedelta(seconds=7199), 7200, lambda: "b") is first
    assert issue(first, NOW + timedelta(seconds=7199.5), 7200, lambda: "b").text == "b", "in whole seconds it is over"
    assert issue(first, NOW + timedelta(seconds=7200), 7200, lambda: "b").text == "b"
    assert issue(None, NOW, 10**9, lambda: "c").left_s(NOW) == 7 * 86400
    assert "secret" not in repr(Token("secret", NOW, NOW))
