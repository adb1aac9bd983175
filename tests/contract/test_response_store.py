"""Demand response on either engine: what is stored comes back the same, loads are found, an event ends with its pay."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from csms.model.clock import ManualClock
from csms.model.meter import ENERGY_REGISTER, Sample
from csms.response.loads import FeederLoads
from csms.response.work import SETTLE
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.response_tables import ResponseRow
from csms.store.rollup import Rollups
from tests.support.access import bearer, token_for
from tests.support.response import NOW, QUARTER, START, URL, ZONE, Desk, tree

HOUR = timedelta(hours=1)


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[Desk]:
    clock = ManualClock(NOW)
    store = await open_store(database_url, clock, upgrade=True)
    found = Desk(store, clock)
    found.http.headers.update(bearer(await token_for(found.guard)))
    yield found
    await found.http.aclose()
    await store.close()


async def test_an_event_to_its_end(desk: Desk) -> None:
    await desk.history()
    told = await desk.taken()
    (row,) = await desk.store.reader.find(ResponseRow)
    assert (row.starts_at, row.dispatch) == (START, told["dispatch"])
    assert await desk.store.reader.response_events(ends_after=START + HOUR) == []
    await desk.seen(START, [80_000] * 4)
    desk.at(START + HOUR + SETTLE)
    await desk.work.look()
    appeal = await desk.http.post(URL + "/appeals", json={"reason": 3})
    assert appeal.status_code == 201
    await desk.http.put(URL + "/appeals/1", json={"upheld": True})
    shown = (await desk.http.get(URL)).json()
    assert [row["pay"] for row in shown["evaluations"]] == pytest.approx([30.0, 30.0])
    assert shown["appeals"][0]["upheld"] is True


async def test_registers_are_found(desk: Desk) -> None:
    class Under:
        def under(self, feeder_id: str) -> list[str]:
            return [f"CP-{n}" for n in range(150)]

    for n in (0, 149):
        samples = [Sample(NOW + timedelta(minutes=m), ENERGY_REGISTER, 100.0 * m, "Wh") for m in range(46)]
        await desk.store.writer.commit([changes.add_samples(SampleBatch(f"CP-{n}", 1, NOW, samples))])
    await Rollups(desk.store.writer, desk.store.reader).run(NOW + 2 * HOUR)
    loads = FeederLoads(desk.store.reader, tree(), Under(), ZONE)
    found = await loads.window("T1", NOW + QUARTER, 2)
    assert [round(one.charging_w) for one in found if one] == [12_000, 12_000]
