"""Starts of partners: told in time while they are under way, forgotten when they are long over, and found again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from csms.model.command import RemoteStart
from csms.model.session import StopReason
from csms.province.profile import Kind
from csms.province.starts import KEPT
from tests.support.partners import PLATFORM, Caller, World, world

SEQ = f"{PLATFORM}202601010000000001"


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[World]:
    async with world(tmp_path) as made:
        await made.station("CP-1")
        await made.feed.reconcile()
        yield made


async def start(at: World, platform: Caller, number: str = SEQ) -> str:
    """The token of the remote start that the station was asked for."""
    await platform.ask(Kind.QUERY_START, {"StartChargeSeq": number, "ConnectorID": at.connector("CP-1")})
    await asyncio.sleep(0)
    await asyncio.gather(*at.starts._asking)
    asked = [one for one in at.links["CP-1"].asked if isinstance(one, RemoteStart)]
    return asked[-1].id_token or ""


def told(at: World, kind: Kind = Kind.START_RESULT) -> list[int]:
    return [row["StartChargeSeqStat"] for row in at.rows(kind)]


async def test_a_start_under_way_is_told_within_50_s(at: World) -> None:
    platform = await at.caller()
    token = await start(at, platform)
    at.clock.advance(30)
    await at.feed.work_off()
    assert told(at) == []
    at.clock.advance(15)
    for _ in range(2):
        await at.feed.work_off()
    assert told(at) == [1]
    await at.begin("CP-1", token)
    await at.feed.work_off()
    assert told(at) == [2]  # in the place of the first, which has not been sent


async def test_a_stop_under_way_is_told_within_50_s(at: World) -> None:
    platform = await at.caller()
    transaction = await at.begin("CP-1", await start(at, platform))
    await at.feed.work_off()
    await platform.ask(Kind.QUERY_STOP, {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    at.clock.advance(45)
    await at.feed.work_off()
    assert told(at, Kind.STOP_RESULT) == [3]
    await at.end("CP-1", transaction, 2_000, StopReason.REMOTE)
    await at.feed.work_off()
    assert told(at, Kind.STOP_RESULT) == [4]


async def test_a_start_that_is_long_over_is_forgotten_and_found_again(at: World) -> None:
    platform = await at.caller()
    transaction = await at.begin("CP-1", await start(at, platform))
    at.clock.advance(60)
    await at.feed.work_off()
    await at.end("CP-1", transaction, 2_000, StopReason.LOCAL)
    await at.feed.work_off()
    at.clock.advance((KEPT + timedelta(minutes=1)).total_seconds())
    await at.starts.work_off()
    assert not at.starts._rows
    assert not at.starts._by_start
    assert not at.service.starts["p"]
    platform = await at.caller()
    answer = await platform.ask(Kind.QUERY_CHARGE, {"StartChargeSeq": SEQ})
    assert answer["StartChargeSeqStat"] == 4
    again = await platform.ask(Kind.QUERY_START, {"StartChargeSeq": SEQ, "ConnectorID": at.connector("CP-1")})
    assert again["StartChargeSeqStat"] == 4
    (row,) = (await at.records.start(number=SEQ),)
    assert row is not None
    at.starts._rows.clear()
    at.starts._by_start.clear()
    assert await at.starts.behind(row.remote_start_id) is not None
    assert at.service.starts["p"] == {row.remote_start_id: SEQ}


async def test_numbers_go_on_after_a_restart(at: World) -> None:
    platform = await at.caller()
    await start(at, platform)
    first = (await at.records.start(number=SEQ)).remote_start_id
    at.starts._last_start = 0
    await at.starts.restore()
    await start(at, platform, SEQ[:-1] + "2")
    assert (await at.records.start(number=SEQ[:-1] + "2")).remote_start_id == first + 1
