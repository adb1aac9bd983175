"""The clock of the machine is set, forwards and back: nothing acknowledged is lost, on either engine."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from csms.model.clock import ManualClock
from csms.store import changes
from csms.store.engine import open_store
from csms.store.rollup import Rollups
from csms.store.tables import Station
from csms.store.verify import verify
from tests.support.samples import add_samples

STEPS_S = (0.0, 86_400 * 400, -86_400 * 800, 3600, -7200, 86_400 * 400, 3.0)


@pytest.mark.parametrize("true_times", [True, False], ids=["piles keep time", "piles follow"])
async def test_samples_of_a_clock_that_is_set_again_and_again(database_url: str, true_times: bool) -> None:
    clock = ManualClock()
    began = clock.now()
    store = await open_store(database_url, clock, upgrade=True)
    rollups = Rollups(store.writer, store.reader)
    await store.writer.commit([changes.put_station(Station(id="A"))])
    row = {"station_id": "A", "evse_id": 1, "measurand": "Power", "unit": "W"}
    for number, step_s in enumerate(STEPS_S):
        clock.time += timedelta(seconds=step_s)
        at = began + timedelta(seconds=400 * number) if true_times else clock.now() + timedelta(milliseconds=number)
        sample = {**row, "time": at, "received_at": clock.now(), "value": float(number)}
        await store.writer.commit([add_samples([sample])])
        await rollups.run(clock.now())
    assert sorted(sample.value for sample in await store.reader.samples()) == [float(n) for n in range(len(STEPS_S))]
    clock.time = began + timedelta(days=2000)
    await rollups.run(clock.now())
    await store.close()
    assert [check for check in await asyncio.to_thread(verify, database_url) if check.ok is False] == []
