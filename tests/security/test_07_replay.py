"""Attack class 7: message ids used again, and messages played back (citrineos/citrineos#212)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import CallError, Central, central

REPLAY = "AttemptedReplayAttacks"


async def station(csms: Central, protocol: str) -> Any:
    cp = await csms.station("CP-1", protocol)
    await cp.boot()
    return cp


def count(csms: Central, name: str) -> int:
    return int(csms.rooms.gateway.counters().get(name, 0))


async def events(csms: Central) -> list[dict[str, Any]]:
    told = (await csms.api("GET", "/api/v1/security-events?limit=100")).json()["events"]
    return [one for one in told if one["kind"] == REPLAY]


@pytest.mark.req("RB-16", "SR-11")
async def test_the_same_message_again_gets_the_same_answer_and_has_no_second_effect(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await station(csms, "ocpp1.6")
        start = {"connectorId": 1, "idTag": "T", "meterStart": 5, "timestamp": cp.stamp()}
        text = json.dumps([2, "same", "StartTransaction", start])
        first = await cp.exchange(text, "same")
        assert await cp.exchange(text, "same") == first
        assert len(await csms.sessions()) == 1
        assert count(csms, "messages_repeated") == 1
        assert await events(csms) == []


@pytest.mark.req("1.6J:4.1.4", "2.0.1J:4.1.4")
@pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
async def test_another_message_with_an_id_of_before_is_refused_and_told(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await station(csms, protocol)
        payload = {"vendorId": "V", "data": "open"}
        await cp.call("DataTransfer", payload, "same")
        for other in ({"vendorId": "V", "data": "close"}, {"vendorId": "W", "data": "open"}):
            with pytest.raises(CallError) as refused:
                await cp.call("DataTransfer", other, "same")
            assert refused.value.code == {"ocpp1.6": "FormationViolation"}.get(protocol, "RpcFrameworkError")
        with pytest.raises(CallError):
            await cp.call("Authorize", _authorize(protocol), "same")
        assert count(csms, "message_ids_reused") == 3
        (event,) = await csms.until(lambda: events(csms))
        assert (event["station_id"], event["origin"]) == ("CP-1", "csms")
        assert "same" in event["info"]
        assert (await cp.boot())["status"] == "Accepted", "the connection stays"


@pytest.mark.req("RB-15")
async def test_ids_that_begin_anew_with_the_connection_are_no_replay(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await station(csms, "ocpp1.6")
        for turn in range(3):
            for number in range(3):
                await cp.call("DataTransfer", {"vendorId": "V", "data": f"{turn}"}, str(number))
            await cp.disconnect()
            await cp.connect()
        assert count(csms, "message_ids_reused") == 0


@pytest.mark.req("RB-19")
async def test_a_boot_with_one_id_for_ever_is_answered_each_time(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await station(csms, "ocpp1.6")
        for _ in range(3):
            boot = {"chargePointVendor": "V", "chargePointModel": "M"}
            assert (await cp.call("BootNotification", boot, "1000001"))["status"] == "Accepted"


async def test_the_window_is_bounded_and_a_setting(tmp_path: Path) -> None:
    async with central(tmp_path, admission={"message_ids_kept": 4}) as csms:
        cp = await station(csms, "ocpp1.6")
        for number in range(20):
            await cp.call("DataTransfer", {"vendorId": "V"}, str(number))
        await cp.call("DataTransfer", {"vendorId": "W"}, "10")
        with pytest.raises(CallError):
            await cp.call("DataTransfer", {"vendorId": "X"}, "10")
        link: Any = csms.rooms.stations.stations["CP-1"].link
        assert len(link._answered._answers) == 4


async def test_stations_that_cannot_count_can_be_let_go_on(tmp_path: Path) -> None:
    async with central(tmp_path, admission={"reused_message_ids": "accept"}) as csms:
        cp = await station(csms, "ocpp1.6")
        for number in range(3):
            await cp.call("DataTransfer", {"vendorId": str(number)}, "1")
        assert await events(csms) == []


async def test_a_recorded_message_changes_nothing_when_it_is_played_back_later(tmp_path: Path) -> None:
    """On another connection ids are new, so it is what the message says that makes it old."""
    async with central(tmp_path) as csms:
        cp = await station(csms, "ocpp1.6")
        start = {"connectorId": 1, "idTag": "T", "meterStart": 5, "timestamp": cp.stamp()}
        first = await cp.call("StartTransaction", start, "a")
        stop = {"transactionId": first["transactionId"], "meterStop": 10, "timestamp": cp.stamp()}
        await cp.call("StopTransaction", stop, "b")
        await cp.disconnect()
        await cp.connect()
        assert await cp.call("StartTransaction", start, "a") == first
        await cp.call("StopTransaction", stop | {"meterStop": 10_000}, "b")
        (session,) = await csms.sessions()
        assert (session.status, session.energy_wh) == ("ended", 5)


def _authorize(protocol: str) -> dict[str, Any]:
    return {"idTag": "T"} if protocol == "ocpp1.6" else {"idToken": {"idToken": "T", "type": "ISO14443"}}
