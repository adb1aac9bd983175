"""Dropped connections, lost mains, repeated and refused messages: nothing about a transaction is lost or reordered."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import pytest

from device_sim.pile import PileSpec
from tests.support.csms_stub import CsmsStub
from tests.support.simulated import AC_SPEC, SECOND_SPEC, running, visit

BOTH = pytest.mark.parametrize("spec", [AC_SPEC, SECOND_SPEC], ids=["1.6", "2.0.1"])


def ended(csms: CsmsStub) -> bool:
    return "StopTransaction" in csms.actions() or any(e["eventType"] == "Ended" for e in csms.of("TransactionEvent"))


def told(csms: CsmsStub, spec: PileSpec) -> list[Any]:
    """The order in which a transaction was told, each message once."""
    if spec.protocol == "ocpp2.0.1":
        return list(dict.fromkeys(e["seqNo"] for e in csms.of("TransactionEvent")))
    wanted = ("StartTransaction", "MeterValues", "StopTransaction")
    said = [s for s in csms.said if s.action in wanted]
    times = [str(s.payload.get("timestamp") or s.payload["meterValue"][0]["timestamp"]) for s in said]
    return list(dict.fromkeys(times))


@BOTH
async def test_a_dropped_connection_comes_back_without_a_boot_and_loses_nothing(spec: PileSpec) -> None:
    async with CsmsStub() as csms, running(csms.url, spec, [visit(5.0, 2_400.0, 30_000.0)]) as station:
        for drops in range(1, 4):
            await csms.until(lambda: station.link.online and station.outgoing.accepted and bool(station.transaction))
            station.link.abort()
            await csms.until(lambda wanted=drops + 1: csms.connections[spec.station_id] >= wanted)
        await csms.until(lambda: ended(csms) and not station.outgoing)
        assert csms.actions().count("BootNotification") == 1
        assert told(csms, spec) == sorted(told(csms, spec))
        assert len(told(csms, spec)) >= 40
        assert station.outgoing.durable_count == 0
        assert csms.invalid == []


@BOTH
async def test_lost_mains_end_the_transaction_and_the_car_starts_again(spec: PileSpec) -> None:
    async with CsmsStub() as csms, running(csms.url, spec, [visit(5.0, 5_000.0, 30_000.0)]) as station:
        await csms.until(lambda: station.pile.power_w > 10_000.0)
        station.lose_power(120.0)
        assert station.pile.power_w == 0.0
        await csms.until(lambda: station.stats.sessions_started == 2)
        assert csms.actions().count("BootNotification") == 2
        assert "PowerLoss" in str(csms.said)
        assert csms.invalid == []


async def test_a_repeated_message_is_the_same_frame_and_counts_once() -> None:
    async with CsmsStub() as csms, running(csms.url, AC_SPEC, [visit(5.0, 900.0)]) as station:
        await csms.until(lambda: "MeterValues" in csms.actions())
        station.link.repeats_next = True
        await csms.until(lambda: ended(csms) and not station.outgoing)
        twins = [a for a, b in pairwise(csms.said) if a.unique_id == b.unique_id and a.payload == b.payload]
        assert len(twins) == 1
        values = [m for p in csms.of("MeterValues") for m in p["meterValue"]]
        values += csms.of("StopTransaction")[0]["transactionData"]
        once = {v["timestamp"]: len(v["sampledValue"]) for v in values}
        assert station.stats.samples_acknowledged == sum(once.values())


async def test_an_error_answer_is_tried_again_later_in_order() -> None:
    async with CsmsStub() as csms, running(csms.url, AC_SPEC, [visit(5.0, 1_800.0)]) as station:
        csms.errors.update({"StartTransaction": 2, "MeterValues": 1})
        await csms.until(lambda: ended(csms) and not station.outgoing)
        assert csms.actions().count("StartTransaction") == 3
        assert station.stats.call_errors == {"InternalError": 3}
        assert csms.of("StopTransaction")[0]["transactionId"] > 1000
        first_value = csms.actions().index("MeterValues")
        assert "StartTransaction" not in csms.actions()[first_value:]


async def test_a_whole_session_offline_is_told_afterwards() -> None:
    async with CsmsStub() as csms, running(csms.url, AC_SPEC, [visit(60.0, 900.0, 2_000.0)]) as station:
        await csms.until(lambda: station.outgoing.accepted)
        station.link.hold(True)
        while station.stats.sessions_ended == 0:
            await station.clock.sleep(10.0)
        station.link.hold(False)
        await csms.until(lambda: ended(csms) and not station.outgoing)
        stop = csms.of("StopTransaction")[0]
        assert stop["transactionId"] > 1000
        assert stop["meterStop"] == pytest.approx(2_000, abs=1)
        assert csms.actions().count("BootNotification") == 1


async def test_the_server_may_come_late() -> None:
    async with CsmsStub() as csms:
        url = csms.url
    async with running(url, AC_SPEC, [visit(5.0, 600.0, 1_000.0)]) as station:
        while station.stats.sessions_ended == 0:
            await station.clock.sleep(10.0)
        assert station.outgoing.durable_count > 5
        assert not station.link.online
