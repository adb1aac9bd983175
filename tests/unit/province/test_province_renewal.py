"""What a platform refused goes again as it is told now; what it told of and is gone goes as it was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.session import StopReason
from csms.province.ports import ACKED, DEAD, QUEUED, NewEntry, OutboxEntry
from csms.province.profile import Kind
from csms.province.renewal import Replayed
from tests.support.partners import PLATFORM, SITES, World, world

REFUSED = {"last_code": 4004, "last_error": "refused"}


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[World]:
    """One session that ended, one that runs; everything that was told of them is taken."""
    async with world(tmp_path) as made:
        await made.station("CP-1")
        await made.station("CP-2", "2")
        first = await made.begin("CP-1")
        made.clock.advance(600)
        await made.meter("CP-1", first, 4_000.0)
        await made.end("CP-1", first, 11_000.0, StopReason.LOCAL)
        second = await made.begin("CP-2")
        await made.meter("CP-2", second, 2_500.0)
        await made.feed.work_off()
        await made.feed.by_the_clock()
        for row in list(made.outbox.rows.values()):
            await made.outbox.mark_acked(row.id, made.clock.now(), 0)
        yield made


def newest(at: World, kind: Kind) -> OutboxEntry:
    return [row for row in at.outbox.rows.values() if row.interface == kind][-1]


async def refused(at: World, kind: Kind, key: str, payload: dict[str, Any] | None = None) -> int:
    """A message of other content, as it was refused; its id."""
    await at.outbox.add([NewEntry("p", kind, key, payload or {"old": 1}, at.clock.now(), state=DEAD, **REFUSED)])  # type: ignore[arg-type]
    return max(at.outbox.rows)


async def replay(at: World, *ids: int, as_sent: bool = False) -> Replayed:
    return await at.renewal.replay(at.service.partners["p"], ids, as_sent=as_sent)


@pytest.mark.parametrize("kind", [Kind.CHARGE_ORDER, Kind.STATION_INFO, Kind.STATION_STATUS, Kind.CHARGE_STATUS])
async def test_it_is_told_as_it_is_now(at: World, kind: Kind) -> None:
    good = newest(at, kind)
    bad = await refused(at, kind, good.business_key)
    at.clock.advance(60)
    assert await replay(at) == Replayed(renewed=1)
    row = at.outbox.rows[bad]
    assert row.payload.keys() == good.payload.keys()
    told = (row.state, row.attempts, row.business_key, row.next_at, row.last_error)
    assert told == (QUEUED, 0, good.business_key, at.clock.now(), "")
    if kind is not Kind.CHARGE_STATUS:  # a later moment of the session
        assert row.payload == good.payload


async def test_the_platform_may_have_it_as_it_was(at: World) -> None:
    bad = await refused(at, Kind.CHARGE_ORDER, newest(at, Kind.CHARGE_ORDER).business_key)
    assert await replay(at, as_sent=True) == Replayed(as_sent=1)
    assert (at.outbox.rows[bad].payload, at.outbox.rows[bad].state) == ({"old": 1}, QUEUED)


async def test_a_snapshot_of_a_session_that_is_over_tells_its_end(at: World) -> None:
    number = newest(at, Kind.CHARGE_ORDER).business_key
    bad = await refused(at, Kind.CHARGE_STATUS, number)
    assert await replay(at) == Replayed(renewed=1)
    told = at.outbox.rows[bad].payload
    assert (told["StartChargeSeq"], told["TotalPower"]) == (number, 10.0)


async def test_what_a_person_corrected_is_in_it_and_what_is_still_wrong_stays(at: World) -> None:
    station = at.service.names["p"].station("1")
    at.picture.sites["1"] = replace(SITES[0], station_type=77)
    bad = await refused(at, Kind.STATION_INFO, station)
    assert await replay(at) == Replayed(defective=1)
    assert (at.outbox.rows[bad].state, at.outbox.rows[bad].last_code) == (DEAD, 4004)
    assert "DQ_ENUM" in at.outbox.rows[bad].last_error
    at.picture.sites["1"] = replace(SITES[0], address="示范路2号")
    assert await replay(at, bad) == Replayed(renewed=1)
    assert at.outbox.rows[bad].payload["StationInfo"]["Address"] == "示范路2号"


async def test_a_days_list_is_made_of_the_orders_of_that_day(at: World) -> None:
    local = at.clock.now().astimezone(at.service.partners["p"].profile.zone)
    span = {name: f"{local:%Y-%m-%d} {time}" for name, time in (("StartTime", "00:00:00"), ("EndTime", "23:59:59"))}
    at.clock.advance(86400)
    bad = await refused(at, Kind.CHECK_ORDERS, "c1", {"CheckOrderSeq": "c1", **span})
    assert await replay(at) == Replayed(renewed=1)
    told = at.outbox.rows[bad].payload
    assert {name: told[name] for name in span} == span
    assert [one["StartChargeSeq"] for one in told["ChargeOrders"]] == [newest(at, Kind.CHARGE_ORDER).business_key]


async def test_what_came_of_a_partners_start(at: World) -> None:
    await at.station("CP-3")
    platform, number = await at.caller(), PLATFORM + "202601010000000001"
    await platform.ask(Kind.QUERY_START, {"StartChargeSeq": number, "ConnectorID": at.connector("CP-3")})
    await asyncio.gather(*at.starts._asking)
    at.clock.advance(400)
    await at.feed.work_off()
    good = newest(at, Kind.START_RESULT)
    bad = await refused(at, Kind.START_RESULT, number)
    assert await replay(at, bad) == Replayed(renewed=1)
    assert at.outbox.rows[bad].payload == good.payload


async def test_what_has_no_source_goes_as_it_was(at: World) -> None:
    kinds = {Kind.POWER: "1@x", Kind.STOP_RESULT: "x", Kind.SUBSIDY: "x", Kind.CHARGE_ORDER: "unknown"}
    kinds |= {Kind.STATION_INFO: "unknown", Kind.STATION_STATUS: "unknown", Kind.START_RESULT: "unknown"}
    ids = [await refused(at, kind, key) for kind, key in kinds.items()]
    ids.append(await refused(at, Kind.CHECK_ORDERS, "x", {"StartTime": "yesterday"}))
    assert await replay(at) == Replayed(as_sent=8)
    assert {at.outbox.rows[one].state for one in ids} == {QUEUED}
    assert all(at.outbox.rows[one].payload == {"old": 1} for one in ids[:-1])


async def test_what_was_accepted_goes_again_as_it_was_accepted(at: World) -> None:
    order = newest(at, Kind.CHARGE_ORDER)
    bad = await refused(at, Kind.POWER, "1@x")
    other = await refused(at, Kind.POWER, "1@y")
    assert await replay(at, order.id, bad, 99_999) == Replayed(as_sent=2)
    row = at.outbox.rows[order.id]
    assert (row.state, row.payload, at.outbox.rows[other].state) == (QUEUED, order.payload, DEAD)


async def test_thousands_are_no_matter_of_one_page(at: World) -> None:
    number = newest(at, Kind.CHARGE_ORDER).business_key
    entries = [NewEntry("p", Kind.CHARGE_ORDER, number, {"n": n}, at.clock.now(), state=DEAD) for n in range(450)]
    await at.outbox.add(entries)
    assert await replay(at) == Replayed(renewed=450)
    assert await replay(at) == Replayed()
    assert (await at.outbox.counts("p"))[ACKED] > 0


async def test_another_partner_is_left_alone(at: World) -> None:
    await at.outbox.add([NewEntry("other", Kind.POWER, "x", {}, at.clock.now() - timedelta(1), state=DEAD)])
    assert await replay(at, *at.outbox.rows) == Replayed(as_sent=(await at.outbox.counts("p"))[QUEUED])
    assert (await at.outbox.counts("other"))[DEAD] == 1
