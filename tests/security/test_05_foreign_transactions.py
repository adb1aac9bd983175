"""Attack class 5: a pile that ends or changes the transactions of another one (CVE-2026-28230: SteVe up to 3.11.0)."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import Central, central


@pytest.fixture
async def csms(tmp_path: Path) -> Any:
    async with central(tmp_path) as running:
        yield running


async def two(csms: Central, protocol: str) -> tuple[Any, Any]:
    victim, thief = await csms.station("CP-1", protocol), await csms.station("CP-2", protocol)
    await victim.boot()
    await thief.boot()
    return victim, thief


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_a_stop_of_another_pile_ends_nothing(csms: Central, protocol: str) -> None:
    victim, thief = await two(csms, protocol)
    transaction = await victim.start(wh=1000)
    await thief.stop(transaction, wh=9_000_000)
    session = await csms.session("CP-1")
    assert (session.status, session.end_register_wh) == ("open", None)
    await victim.stop(transaction, wh=2000)
    session = await csms.session("CP-1")
    assert (session.status, session.energy_wh) == ("ended", 1000)


@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_readings_of_another_pile_count_for_nobody_elses_session(csms: Central, protocol: str) -> None:
    victim, thief = await two(csms, protocol)
    transaction = await victim.start(wh=1000)
    await victim.meter(transaction, 1500)
    await thief.meter(transaction, 9_000_000)
    assert (await csms.session("CP-1")).energy_wh <= 500
    await victim.stop(transaction, wh=2000)
    assert (await csms.session("CP-1")).energy_wh == 1000


async def test_an_update_of_another_pile_changes_no_state(csms: Central) -> None:
    victim, thief = await two(csms, "ocpp2.0.1")
    transaction = await victim.start(wh=1000)
    before = await csms.session("CP-1")
    info = {"transactionId": transaction, "chargingState": "SuspendedEVSE"}
    await thief.event("Updated", transaction, "ChargingStateChanged", info=info, evse={"id": 1, "connectorId": 1})
    after = await csms.session("CP-1")
    assert (after.id_token, after.status, after.evse_id) == (before.id_token, before.status, before.evse_id)
    live = csms.rooms.stations.stations["CP-1"].evses[1].session
    assert live is not None
    assert live.transaction_id == transaction


async def test_transaction_ids_of_16_tell_nothing_of_others(csms: Central) -> None:
    cp, other = await two(csms, "ocpp1.6")
    ids = []
    for number in range(20):
        station = (cp, other)[number % 2]
        ids.append(int(await station.start(token=f"T{number}", wh=number)))
        await station.stop(str(ids[-1]), wh=number + 1)
    assert len(set(ids)) == 20
    assert all(1 <= one < 2**31 for one in ids)
    steps = [after - before for before, after in itertools.pairwise(ids)]
    assert len(set(steps)) == 19
    assert min(map(abs, steps)) > 1000, "the next one cannot be counted up to"
    assert max(ids) > 2**20


async def test_ids_stay_unique_over_a_restart_and_a_repeated_start_gets_its_own(tmp_path: Path) -> None:
    ids = []
    for turn in range(2):
        async with central(tmp_path) as csms:
            cp = await csms.station("CP-1")
            await cp.boot()
            stamp = "2026-01-01T00:00:00Z" if turn else cp.stamp()
            ids.append(await cp.start(wh=turn, timestamp=stamp))
            assert await cp.start(wh=turn, timestamp=stamp) == ids[-1]
    assert len(set(ids)) == 2
    assert (tmp_path / "transactions.key").stat().st_mode & 0o777 == 0o600
