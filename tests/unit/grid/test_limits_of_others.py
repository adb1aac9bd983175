"""Several servers on one database: what one of them accepts counts at the others, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.peer import Peer, SourceRule
from csms.grid.service import LimitService
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.model.event import LimitChanged
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import HOUSE, limits_over

NORTH = Peer("grid:north", "http", "north", feeders=frozenset({"T1"}))
RULE = SourceRule("grid:north", frozenset({"T1"}), heartbeat_s=30, failsafe_w={"T1": 80_000})


class Pair:
    """Two servers."""

    def __init__(self, store: Store) -> None:
        self.store, self.heard = store, list[LimitChanged]()
        bus = EventBus()
        bus.subscribe(lambda event: self.heard.append(event) if isinstance(event, LimitChanged) else None)
        self.one, self.other = self.server(EventBus()), self.server(bus)

    def server(self, bus: EventBus) -> LimitService:
        return limits_over(ManualClock(), self.store, FeederTree([Feeder("T1", 400_000)]), bus, [RULE])


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    made = Pair(store)
    for server in (made.one, made.other):
        await server.restore()
        await server.heartbeat(b"", NORTH)
    made.heard.clear()
    yield made
    await store.close()


async def state(server: LimitService, version: int, peer: Peer = HOUSE, **more: Any) -> str:
    raw = json.dumps({"version": version, "value_w": 100_000 - version} | more).encode()
    return (await server.submit(raw, peer, "T1", "L")).code


@pytest.mark.req("GL-A2", "GL-A3")
async def test_a_limit_set_at_one_counts_at_the_other_and_its_end_too(pair: Pair) -> None:
    await state(pair.one, 1)
    assert pair.other.cap_w("T1", pair.other.now()) == 80_000, "north has not stated anything yet"
    assert await pair.other.catch_up() == 1
    assert [one.version for one in pair.other.known("T1")] == [1]
    assert [event.feeder_id for event in pair.heard] == ["T1"], "whoever plans is told"
    assert await pair.other.catch_up() == 0
    await pair.other.cancel(HOUSE, "T1", "L")
    await pair.one.catch_up()
    assert pair.one.known("T1") == []


async def test_a_version_that_the_other_one_knows_is_stale_at_once(pair: Pair) -> None:
    await state(pair.one, 5)
    assert await state(pair.other, 4) == "stale_version"
    assert await state(pair.other, 6) == ""
    assert await state(pair.one, 6) == "", "the same statement by two ways gets the same answer"


@pytest.mark.req("GL-I10")
async def test_one_version_said_differently_at_two_at_once_is_acknowledged_to_one(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both decide before either has stored anything: the store lets one of them in, and the other decides again."""
    asked = asyncio.Barrier(2)
    newest = LimitService._newest

    async def together(self: LimitService) -> None:
        await newest(self)
        await asked.wait()

    monkeypatch.setattr(LimitService, "_newest", together)
    codes = await asyncio.gather(state(pair.one, 1, value_w=90_000), state(pair.other, 1, value_w=60_000))
    assert sorted(codes) == ["", "stale_version"]
    monkeypatch.undo()
    for server in (pair.one, pair.other):
        await server.catch_up()
    assert pair.one.known("T1") == pair.other.known("T1")


async def test_the_same_said_at_two_at_once_is_acknowledged_by_both(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Barrier(2)
    newest = LimitService._newest

    async def together(self: LimitService) -> None:
        await newest(self)
        await asked.wait()

    monkeypatch.setattr(LimitService, "_newest", together)
    assert await asyncio.gather(state(pair.one, 1), state(pair.other, 1)) == ["", ""]


async def test_what_was_cancelled_at_one_in_the_others_name_leaves_it_its_next_version(pair: Pair) -> None:
    await state(pair.one, 1)
    await pair.other.cancel(HOUSE, "T1", "L")
    assert await state(pair.one, 2) == ""
    assert await pair.other.catch_up() == 1
    assert [one.version for one in pair.other.known("T1")] == [2]


async def test_a_failsafe_value_stated_at_one_holds_at_the_other(pair: Pair) -> None:
    await state(pair.one, 1, NORTH, failsafe_w=50_000)
    await pair.other.catch_up()
    assert dict(pair.other.rule("grid:north").failsafe_w) == {"T1": 50_000}


async def test_what_others_say_does_not_end_a_silence_here(pair: Pair) -> None:
    """Each server judges for itself whether it hears a source."""
    await state(pair.one, 1, NORTH)
    await pair.other.catch_up()
    assert pair.other.failsafe_w("T1") == 80_000


async def test_it_goes_on_by_itself_also_after_the_database_was_away(
    pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("csms.grid.service.FOLLOW_S", 0.01)
    reading = pair.store.reader.limit_count
    away = [True, True]

    async def count() -> int:
        if away:
            away.pop()
            raise StoreUnavailable("away")
        return await reading()

    monkeypatch.setattr(type(pair.store.reader), "limit_count", lambda _: count())
    following = asyncio.create_task(pair.other.follow())
    await state(pair.one, 1)
    async with asyncio.timeout(10):
        while not pair.other.known("T1"):  # noqa: ASYNC110 - the follower is not ours to wait on
            await asyncio.sleep(0.01)
    following.cancel()
    await asyncio.gather(following, return_exceptions=True)
