"""What ends a failsafe is the source's own word of now, about the feeder that is held (GL-A4)."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.decide import Decision
from csms.grid.peer import Peer, SourceRule
from csms.grid.service import LimitService
from csms.grid.statement import signed_part
from csms.model.clock import ManualClock
from csms.security.jws import sign
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import limits_over

TREE = FeederTree([Feeder("T1", 400_000), Feeder("T2", 400_000)])
NORTH = Peer("grid:north", feeders=frozenset({"T1", "T2"}))
KEY = ec.generate_private_key(ec.SECP256R1())
RULE = SourceRule("grid:north", frozenset({"T1", "T2"}), heartbeat_s=30, failsafe_w={"T1": 80_000, "T2": 70_000})
SIGNED = replace(RULE, signed=True, keys=(KEY.public_key(),))

pytestmark = pytest.mark.req("GL-A4")


class Desk:
    """Limits of one source, and its silence."""

    def __init__(self, clock: ManualClock, store: Store, rule: SourceRule) -> None:
        self.clock, self.rule = clock, rule
        self.limits: LimitService = limits_over(clock, store, TREE, EventBus(), [rule])

    async def say(self, feeder_id: str = "T1", limit_id: str = "L", **more: Any) -> Decision:
        body = {"version": 1, "value_w": 90_000} | more
        if self.rule.signed:
            body |= {"id": limit_id, "feeder": feeder_id}
            body |= {"signature": sign(signed_part(body), KEY)}
        return await self.limits.submit(json.dumps(body).encode(), NORTH, feeder_id, limit_id)

    async def fall_silent(self) -> None:
        """And let hear from itself again, without a word about limits."""
        self.clock.advance(3600)
        await self.limits.look()
        await self.limits.heartbeat(b"", NORTH)

    def at(self, seconds: float) -> str:
        return (self.clock.now() + timedelta(seconds=seconds)).isoformat()

    def held(self) -> tuple[bool, bool]:
        return self.limits.failsafe_w("T1") is not None, self.limits.failsafe_w("T2") is not None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    yield made
    await made.close()


@pytest.fixture
async def desk(store: Store) -> Desk:
    made = Desk(ManualClock(), store, RULE)
    await made.limits.heartbeat(b"", NORTH)
    return made


async def test_a_word_about_a_feeder_frees_that_feeder(desk: Desk) -> None:
    await desk.say("T1")
    assert desk.held() == (False, True)
    await desk.say("T2")
    assert desk.held() == (False, False)


async def test_a_list_that_agrees_frees_all(desk: Desk) -> None:
    await desk.limits.heartbeat(b'{"limits": []}', NORTH)
    assert desk.held() == (False, False)


async def test_a_repetition_counts_while_its_limit_is_in_force(desk: Desk) -> None:
    short = {"valid_to": desk.at(4000)}
    await desk.say(**short)
    await desk.fall_silent()
    assert (await desk.say(**short)).repeated
    assert desk.held() == (False, True)
    await desk.fall_silent()
    again = await desk.say(**short)
    assert (again.accepted, again.repeated) == (True, True), "the same answer as ever"
    assert desk.held() == (True, True)


async def test_a_repeated_cancellation_frees_nothing_and_the_first_one_does(desk: Desk) -> None:
    await desk.say()
    await desk.fall_silent()
    await desk.limits.cancel(NORTH, "T1", "L")
    assert desk.held() == (False, True)
    await desk.fall_silent()
    assert (await desk.limits.cancel(NORTH, "T1", "L")).repeated
    assert desk.held() == (True, True)


async def test_a_deputy_frees_nothing(desk: Desk) -> None:
    await desk.say()
    await desk.fall_silent()
    deputy = Peer("grid:north", "http", "administrator", deputy=True)
    assert (await desk.limits.cancel(deputy, "T1", "L")).accepted
    assert desk.held() == (True, True)


async def test_who_signs_has_to_have_signed_since_the_silence_began(store: Store) -> None:
    desk = Desk(ManualClock(), store, SIGNED)
    await desk.limits.heartbeat(b"", NORTH)
    early = {"issued_at": desk.at(-1)}
    for said in (early, early, {}):
        assert (await desk.say(**said)).accepted
        assert desk.held() == (True, True)
    await desk.limits.heartbeat(b'{"limits": [{"feeder": "T1", "id": "L", "version": 1}]}', NORTH)
    assert desk.held() == (True, True), "heartbeats are not signed"
    await desk.say(issued_at=desk.at(0))
    assert desk.held() == (False, True)
