"""Robustness list 10.3: clocks."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from device_sim.misbehaving import metering
from device_sim.misbehaving.pile import meter16, sample, values
from tests.support.field import ENERGY, POWER, evse, samples
from tests.support.scripted import Central, Station16, Station201

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]

SOON = timedelta(minutes=2)


@pytest.mark.req("RB-35")
async def test_rb_35_times_of_1970_count_from_their_arrival(csms: Central, cp: Any) -> None:
    await metering.clock_of_1970(cp)
    row = await csms.session(cp.station_id)
    now = csms.clock.now()
    assert now - row.started_at < SOON
    assert row.ended_at is not None
    assert now - row.ended_at < SOON
    assert "clock_odd" in row.flags
    assert row.energy_wh == (900 if cp.protocol == "ocpp1.6" else 800)
    assert all(now - told.time < SOON and now - told.received_at < SOON for told in await samples(csms, cp))


@pytest.mark.req("RB-36")
async def test_rb_36_a_time_before_the_last_one_is_history_only(csms: Central, cp16: Station16) -> None:
    await meter16(cp16, values(cp16.stamp(), sample("7000", POWER, "W")))
    await meter16(cp16, values(cp16.stamp(3600), sample("1000", POWER, "W")))
    assert evse(csms, cp16).power_w == 7000
    assert [told.value for told in await samples(csms, cp16)] == [1000, 7000]


@pytest.mark.req("RB-37")
async def test_rb_37_whole_and_broken_seconds_are_ordered_rightly(csms: Central, cp16: Station16) -> None:
    now = datetime.fromisoformat(cp16.stamp(30)).replace(microsecond=0)
    for after_s, value in ((1, 3), (0.5, 2), (0, 1)):
        time = (now + timedelta(seconds=after_s)).isoformat().replace("+00:00", "Z")
        await meter16(cp16, values(time, sample(str(value), ENERGY)))
    assert [told.value for told in await samples(csms, cp16)] == [1, 2, 3]


@pytest.mark.req("RB-38")
async def test_rb_38_times_in_other_spellings_are_read(csms: Central, cp16: Station16) -> None:
    now = datetime.fromisoformat(cp16.stamp(60)).replace(microsecond=0)
    here = (now + timedelta(hours=8)).replace(tzinfo=None).isoformat()
    utc = now.replace(tzinfo=None).isoformat()
    for time in (f"{here}+0800", f"{here} +08:00", utc.replace("T", " ") + "Z", utc.replace("-", "/") + "Z"):
        await meter16(cp16, values(time, sample("7", ENERGY)))
    assert {told.time for told in await samples(csms, cp16)} == {now}
    await metering.strange_times(cp16)


@pytest.mark.req("RB-39")
async def test_rb_39_local_time_that_claims_to_be_utc_is_flagged(csms: Central, cp16: Station16) -> None:
    await metering.local_time_as_utc(cp16)
    row = await csms.session(cp16.station_id)
    assert "clock_odd" in row.flags
    assert abs(csms.clock.now() - row.started_at) < SOON
    assert row.energy_wh == 900


@pytest.mark.req("RB-35", "RB-39")
async def test_an_honest_clock_is_not_flagged(csms: Central, cp201: Station201) -> None:
    transaction = await cp201.start(1)
    await cp201.stop(transaction, 500)
    assert (await csms.session(cp201.station_id)).flags == []
