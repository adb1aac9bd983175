"""Rules for the central system, each against a station that needs it; SR-08 and SR-09 are told by the limit ladder."""

from __future__ import annotations

import asyncio
from datetime import timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from device_sim.misbehaving import booting, framing, metering, transacting
from device_sim.misbehaving.pile import event201, meter16, sample, start16, values
from tests.support.field import samples
from tests.support.scripted import Central, Silence, Station16, Station201, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


@pytest.mark.req("SR-01")
async def test_sr_01_readings_and_stops_are_always_answered_with_a_result(csms: Central, cp16: Station16) -> None:
    await metering.outside_transactions(cp16)
    await transacting.orphan_stops(cp16)
    assert all(frame[0] == 3 for frame in cp16.frames if frame[0] != 2)
    assert len(await csms.notices("orphan_stop", cp16.station_id)) == len(transacting.NAMELESS)


@pytest.mark.req("SR-02")
async def test_sr_02_what_comes_in_is_read_leniently_and_what_goes_out_is_strict(
    csms: Central, cp16: Station16
) -> None:
    """Every frame of ours is judged by the published schemas in all of these tests; here the other direction."""
    await metering.strange_units(cp16)
    await metering.empty_values(cp16)
    await booting.strange_words(cp16)
    kept = {row.measurand: row.unit for row in await samples(csms, cp16)}
    assert (kept["Temperature"], kept["Frequency"], kept["Coffee.Level"]) == ("Celsius", "Hz", "cups")
    told = await csms.operator(cp16.station_id, "call", action="Reset", payload={"type": "Gently"})
    assert told["code"] == "command_invalid"
    assert cp16.unasked("Reset")


@pytest.mark.req("SR-03")
async def test_sr_03_transaction_ids_are_unique_over_stations_and_restarts(tmp_path: Any) -> None:
    given: list[int] = []
    for _ in range(2):
        async with central(tmp_path) as csms:
            stations = [await csms.station(f"CP-{number}", strict=False) for number in range(3)]
            for _ in range(3):
                given += await asyncio.gather(*(start16(station) for station in stations))
    assert len(set(given)) == len(given) == 18
    assert all(0 < number < 2**31 for number in given)


@pytest.mark.req("SR-04")
async def test_sr_04_tokens_made_up_for_remote_starts_are_short_and_good_at_one_station(
    tmp_path: Path,
) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp, other = await csms.station("CP-1"), await csms.station("CP-2")
        await csms.operator("CP-1", "remote_start")
        token = (await cp.expected("RemoteStartTransaction"))["idTag"]
        assert 0 < len(token) <= 18
        assert (await cp.call("Authorize", {"idTag": token}))["idTagInfo"]["status"] == "Accepted"
        assert (await other.call("Authorize", {"idTag": token}))["idTagInfo"]["status"] == "Blocked"
        await cp.stop(await cp.start(token=token), token=token)
        await csms.operator("CP-1", "send_local_list")
        assert token not in str(await cp.expected("SendLocalList"))


@pytest.mark.req("SR-05")
async def test_sr_05_a_time_without_zone_is_the_stations_own_and_nothing_is_refused_for_its_time(tmp_path: Any) -> None:
    async with central(tmp_path, station_time_zone="America/Los_Angeles") as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        noon = csms.clock.now() - timedelta(hours=1)
        here = noon.astimezone(timezone(timedelta(hours=-8))).replace(tzinfo=None, microsecond=0).isoformat()
        await meter16(station, values(here, sample("7")))
        (told,) = await samples(csms, station)
        assert abs(told.time - noon) < timedelta(hours=1, seconds=2)
        assert told.received_at - noon > timedelta(minutes=59)
        await metering.strange_times(station)


@pytest.mark.req("SR-06")
async def test_sr_06_a_station_is_asked_one_thing_at_a_time(csms: Central, cp: Any) -> None:
    under_way = most = 0

    async def slowly(_: dict[str, Any]) -> dict[str, Any]:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.02)
        under_way -= 1
        return {"status": "Accepted"}

    cp.answers("Reset", slowly)
    told = await asyncio.gather(*(csms.operator(cp.station_id, "reset", hard=False) for _ in range(10)))
    assert [answer["status"] for answer in told] == ["Accepted"] * 10
    assert most == 1


@pytest.mark.req("SR-06", "SR-07")
async def test_sr_07_without_a_boot_it_goes_on_and_a_boot_is_asked_for_once(tmp_path: Any) -> None:
    async with central(tmp_path, boot_grace_s=0.2) as csms:
        station = await csms.station("CP-1", strict=False)
        assert station.asked == []
        transaction = await station.start(1)
        await station.expected("TriggerMessage")
        await station.stop(transaction, 300)
        await asyncio.sleep(0.5)
        assert [action for action, _ in station.asked] == ["TriggerMessage"]
        assert (await csms.session("CP-1")).energy_wh == 300


@pytest.mark.req("SR-10")
async def test_sr_10_a_station_that_cannot_be_reached_keeps_its_share_of_the_cap(tmp_path: Any) -> None:
    """Its upper bound stays in the ledger, so nobody else is given what it may be drawing."""
    async with central(tmp_path, charging={"control": True, "debounce_s": 0.0}) as csms:
        station = await csms.station("CP-1", "ocpp2.0.1", strict=False)
        await station.boot()
        await station.start(1)

        async def held_w() -> int:
            (site,) = (await csms.api("GET", "/api/v1/feeders")).json()["feeders"]
            return int(site["upper_bound_w"] or 0)

        await csms.until(held_w)
        station.socket.transport.abort()
        await csms.until(lambda: not csms.rooms.stations.stations["CP-1"].online)
        await asyncio.sleep(0.5)
        assert await held_w() > 0


@pytest.mark.req("SR-11")
async def test_sr_11_ids_are_known_again_on_one_socket_only(csms: Central, cp: Any) -> None:
    await framing.repeated_id(cp)
    await cp.disconnect()
    await cp.connect()
    await framing.repeated_id(cp)
    assert len(await csms.notices("data_transfer", cp.station_id)) == 2


@pytest.mark.req("SR-12")
async def test_sr_12_an_action_that_kills_a_station_ends_only_that_command(csms: Central, cp16: Station16) -> None:
    def die(_: dict[str, Any]) -> Silence:
        cp16.socket.transport.abort()
        return Silence()

    cp16.answers("GetDiagnostics", die)
    told = await csms.operator(
        cp16.station_id, "call", action="GetDiagnostics", payload={"location": "ftp://nobody.example/"}
    )
    assert told["code"] == "connection_lost"
    await cp16.connect()
    assert (await cp16.boot())["status"] == "Accepted"


@pytest.mark.req("SR-01", "RB-56")
async def test_events_of_201_are_always_answered_with_a_result_too(cp201: Station201) -> None:
    await transacting.bare_events(cp201)
    await event201(cp201, "Ended", "nobody-knows-me", 99)
    assert all(frame[0] == 3 for frame in cp201.frames if frame[0] != 2)
