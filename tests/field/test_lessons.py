"""What other central systems broke of under load, and here must not."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.typing import Subprotocol

from csms.model.errors import StoreUnavailable
from csms.security import passwords
from device_sim.clock import SimClock
from device_sim.misbehaving.peer import Peer
from device_sim.misbehaving.pile import boot, meter16, sample, start16, values
from tests.support.proof import basic
from tests.support.scripted import CallError, Central, Station16, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]

CARS = 500
CALLERS = 400
V16 = [Subprotocol("ocpp1.6")]


@pytest.mark.req("LOAD-01")
async def test_load_01_five_hundred_sessions_that_start_in_the_same_instant_are_all_answered(tmp_path: Any) -> None:
    async with central(tmp_path, accept_unknown=True) as csms:
        piles = [Peer(csms.ocpp_url, f"CAR-{number}", "ocpp1.6", SimClock()) for number in range(CARS)]
        for begin in range(0, CARS, 50):
            await asyncio.gather(*(pile.connect() for pile in piles[begin : begin + 50]))
            await asyncio.gather(*(boot(pile) for pile in piles[begin : begin + 50]))
        async with asyncio.timeout(30):
            ids = await asyncio.gather(*(start16(pile, idTag=f"T{n}") for n, pile in enumerate(piles)))
        assert len(set(ids)) == CARS
        assert len(await csms.sessions()) == CARS
        await asyncio.gather(*(pile.leave() for pile in piles))


@pytest.mark.req("LOAD-02")
async def test_load_02_a_fault_of_ours_refuses_nobody(
    csms: Central, cp16: Station16, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store is away for one pile's report: its card is accepted, and the report is stored when it comes again."""
    writer = csms.rooms.store.writer

    async def away(_: Any) -> None:
        raise StoreUnavailable("the database is away")

    with monkeypatch.context() as outage:
        outage.setattr(writer, "commit", away)
        with pytest.raises(CallError) as refused:
            await cp16.call("DataTransfer", {"vendorId": "x"})
        assert refused.value.code == "InternalError"
        assert await cp16.authorize("ANYBODY") == "Accepted"
    assert (await cp16.call("DataTransfer", {"vendorId": "x"}))["status"] == "UnknownVendorId"
    assert len(await csms.notices("data_transfer", cp16.station_id)) == 1
    answer = await cp16.call(
        "StartTransaction", {"connectorId": 7, "idTag": "CARD", "meterStart": 0, "timestamp": cp16.stamp()}
    )
    assert answer["idTagInfo"]["status"] == "Accepted"


@pytest.mark.req("LOAD-03")
async def test_load_03_a_storm_of_stations_with_passwords_costs_one_slow_hash_each(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They come, are cut off and come back, twice: what was verified is remembered by a fast keyed digest."""
    names, hashes, slow = [f"CP-{number}" for number in range(30)], list[bytes](), passwords._scrypt

    def counted(password: bytes, salt: bytes, cost: int) -> bytes:
        hashes.append(password)
        return slow(password, salt, cost)

    async with central(tmp_path, security_profiles=[1], accept_unknown=True) as csms:
        headers = {}
        for name in names:
            await csms.api("PUT", f"/api/v1/stations/{name}", {})
            password = await csms.rooms.stations.set_first_password(name)
            headers[name] = basic(name, password)
        monkeypatch.setattr(passwords, "_scrypt", counted)
        for _ in range(3):
            links = await asyncio.gather(
                *(
                    connect(f"{csms.url(1)}/{name}", additional_headers=headers[name], subprotocols=V16)
                    for name in names
                )
            )
            assert len(csms.rooms.gateway.connections()) == len(names)
            for link in links:
                link.transport.abort()
            await csms.until(lambda: not csms.rooms.gateway.connections())
    assert len(hashes) == len(names)


@pytest.mark.req("LOAD-04")
async def test_load_04_a_storm_of_connections_waits_in_the_queue_of_the_listener(csms: Central) -> None:
    """Nobody takes them while this loop runs; a short queue would cost each a second, as SYNs are sent again."""
    callers = [socket.create_connection(("127.0.0.1", csms.port), timeout=0.9) for _ in range(CALLERS)]
    assert len(callers) == CALLERS
    for caller in callers:
        caller.close()
    await asyncio.sleep(0)


@pytest.mark.req("LOAD-05")
async def test_load_05_messages_that_come_together_share_commits(csms: Central, new_station: Any) -> None:
    stations = [await new_station() for _ in range(20)]
    statistics = csms.rooms.store.writer.statistics
    commits, batches = statistics.commits, statistics.batches
    await asyncio.gather(
        *(meter16(station, values(station.stamp(), sample("7"))) for station in stations for _ in range(20))
    )
    told = csms.rooms.store.writer.statistics
    assert told.commits - commits >= 400
    assert told.batches - batches <= (told.commits - commits) / 3


@pytest.mark.req("PAIN-29", "LOAD-05")
async def test_nothing_is_left_behind_by_many_messages(csms: Central, cp16: Station16) -> None:
    tasks = len(asyncio.all_tasks())
    for _ in range(10):
        await asyncio.gather(*(meter16(cp16, values(cp16.stamp(), sample("7"))) for _ in range(50)))
    with contextlib.suppress(TimeoutError):
        await csms.until(lambda: len(asyncio.all_tasks()) <= tasks + 2, timeout_s=30)
    assert len(asyncio.all_tasks()) <= tasks + 5
