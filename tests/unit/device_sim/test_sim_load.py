"""The load tool against a real websocket server that checks every frame, in each mode and both versions."""

from __future__ import annotations

import asyncio
import json
import os
import random
from typing import Any

import pytest

from device_sim.load.histogram import bucket, merged, percentile_ms, upper_ms
from device_sim.load.plan import LoadPlan, LoadResult, Message, Mode
from device_sim.load.processes import cpu_s, rss_mib
from device_sim.load.run import run
from tests.support.csms_stub import CsmsStub
from tests.support.running import csms


async def loaded(**given: Any) -> tuple[LoadResult, CsmsStub]:
    async with CsmsStub() as csms:
        pids = given.pop("pids", ())
        processes = given.pop("processes", 1)
        values: dict[str, Any] = {"stations": 5, "seconds": 0.6, "warm_up_s": 0.1, "interval_s": 0.1, **given}
        result = await run(LoadPlan(csms.url, **values), pids, processes)
        assert csms.invalid == []
        return result, csms


@pytest.mark.parametrize(
    ("ocpp", "message", "action"),
    [
        ("1.6", Message.METER, "MeterValues"),
        ("1.6", Message.STATUS, "StatusNotification"),
        ("1.6", Message.HEARTBEAT, "Heartbeat"),
        ("2.0.1", Message.METER, "MeterValues"),
        ("2.0.1", Message.EVENT, "TransactionEvent"),
        ("2.0.1", Message.STATUS, "StatusNotification"),
    ],
)
async def test_closed_loop(ocpp: str, message: Message, action: str) -> None:
    result, csms = await loaded(ocpp=ocpp, message=message)
    assert (result.connected, result.refused, result.errors, result.unanswered, result.lost) == (5, 0, 0, 0, 0)
    assert 5 < result.answered <= len(csms.of(action))
    assert result.rate_per_s == result.answered / 0.6
    assert result.p50_ms is not None
    assert result.p99_ms is not None
    assert 0 < result.p50_ms <= result.p99_ms


async def test_no_two_messages_of_a_station_have_one_time() -> None:
    _, csms = await loaded(stations=1)
    times = [payload["meterValue"][0]["timestamp"] for payload in csms.of("MeterValues")]
    assert len(times) == len(set(times)) > 3


async def test_meter_values_inside_and_outside_a_transaction() -> None:
    _, inside = await loaded(stations=1)
    assert len(inside.of("StartTransaction")) == 1
    assert all("transactionId" in payload for payload in inside.of("MeterValues"))
    _, outside = await loaded(stations=1, inside=False)
    assert outside.of("StartTransaction") == []
    assert all("transactionId" not in payload for payload in outside.of("MeterValues"))


async def test_stations_take_turns_for_the_calls_under_way() -> None:
    _, csms = await loaded(in_flight=1, stations=3)
    speakers = [said.station for said in csms.said if said.action == "MeterValues"]
    assert len(speakers) > 6
    assert all(len(set(speakers[n : n + 3])) == 3 for n in range(len(speakers) - 2))


def test_calls_under_way_belong_to_the_closed_loop() -> None:
    with pytest.raises(ValueError, match="closed loop"):
        LoadPlan("ws://host", mode=Mode.PACED, in_flight=3)


async def test_paced_sends_once_each_interval() -> None:
    result, csms = await loaded(mode=Mode.PACED, stations=2, interval_s=0.5, seconds=1.5)
    assert 2 <= result.answered <= 10
    assert len(csms.of("MeterValues")) <= 10


@pytest.mark.parametrize("ocpp", ["1.6", "2.0.1"])
async def test_starts_in_one_instant_have_ids_of_their_own(ocpp: str) -> None:
    result, _ = await loaded(mode=Mode.STARTS, ocpp=ocpp, stations=12)
    assert result.answered == 12
    assert ocpp == "1.6" or result.ids_unique, "a 2.0.1 station names its transaction itself"
    assert result.p99_ms is not None


async def test_storm_and_idle_connect_everyone_and_see_the_servers_memory() -> None:
    for mode in (Mode.STORM, Mode.IDLE):
        result, csms = await loaded(mode=mode, stations=8, at_once=3, pids=(os.getpid(),))
        assert result.connected == 8
        assert len(csms.of("BootNotification")) == len(csms.of("StatusNotification")) == 8
        assert result.rss_connected_mib is not None
        assert result.rss_connected_mib > 1
        assert result.connect_cpu_s is not None


async def test_several_processes_share_the_stations() -> None:
    result, csms = await loaded(stations=7, processes=3)
    assert result.connected == 7
    assert len(csms.connections) == 7
    assert result.answered > 7


async def test_an_address_that_is_none() -> None:
    done = await asyncio.to_thread(csms, "sim", "load", "http://x")
    assert done.returncode == 2
    assert "ws://" in done.stderr


async def test_the_command_prints_json() -> None:
    async with CsmsStub() as stub:
        words = ("sim", "load", stub.url, "--stations", "2", "--seconds", "0.3", "--warm-up", "0", "--json")
        done = await asyncio.to_thread(csms, *words)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["connected"] == 2


@pytest.mark.parametrize(
    "wrong",
    [{"url": "http://x"}, {"ocpp": "3"}, {"message": Message.EVENT}, {"stations": 0}, {"seconds": 0}],
)
def test_plans_that_cannot_be(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        LoadPlan(**{"url": "ws://x", **wrong})


def test_percentiles_are_right_within_two_percent_and_merge() -> None:
    chance = random.Random(1)
    times_s = sorted(chance.lognormvariate(-5, 1) for _ in range(5000))
    halves = [{}, {}]
    for number, time_s in enumerate(times_s):
        half = halves[number % 2]
        half[bucket(time_s)] = half.get(bucket(time_s), 0) + 1
    counts = merged(halves)
    for share in (0.5, 0.95, 0.99, 1.0):
        exact_ms = times_s[max(0, round(share * 5000) - 1)] * 1e3
        found_ms = percentile_ms(counts, share)
        assert found_ms is not None
        assert exact_ms <= found_ms * 1.0001
        assert found_ms <= exact_ms * 1.03
    assert percentile_ms({}, 0.5) is None
    assert upper_ms(bucket(0.0)) == 0.001


def test_what_cannot_be_read_of_a_process_is_none() -> None:
    assert cpu_s([2**22 + 1]) is None
    assert rss_mib([2**22 + 1]) is None
    assert (cpu_s([os.getpid()]) or 0) > 0
