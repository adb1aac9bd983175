"""Whether what a station promised has come true, in both versions (F01 to F04, G03; "accepted and nothing follows")."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from csms.store.station_tables import Operation
from tests.support.fast import fast_clock
from tests.support.scripted import Central, ScriptedStation, Silence, Station16, Station201, central

pytestmark = pytest.mark.conformance

BOTH = pytest.mark.parametrize("protocol", ["ocpp1.6", "ocpp2.0.1"])
START = {"ocpp1.6": "RemoteStartTransaction", "ocpp2.0.1": "RequestStartTransaction"}


async def operation(csms: Central, number: int) -> Operation:
    (found,) = await csms.rooms.store.reader.find(Operation, id=number)
    return found


async def station(csms: Central, protocol: str) -> ScriptedStation:
    cp: ScriptedStation = await csms.station("CP-1", protocol, evses=2)
    await cp.boot()
    return cp


def begun_by(protocol: str, number: int) -> dict[str, Any]:
    return {} if protocol == "ocpp1.6" else {"info": {"remoteStartId": number}, "trigger": "RemoteStart"}


@BOTH
@pytest.mark.req("F01.FR.03", "F02.FR.01", "1.6:5.11")
async def test_a_remote_start_is_followed_to_its_session(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=2)
    number = told["operation_id"]
    assert (await operation(csms, number)).ended_at is None
    await cp.start(evse_id=1, token="OTHER")
    await cp.start(evse_id=2, token="APP-1", **begun_by(protocol, number))
    other, mine = await csms.sessions()
    assert (other.remote_start_id, mine.remote_start_id) == (None, number)
    found = await operation(csms, number)
    assert (found.status, found.detail["session_id"]) == ("Started", mine.id)
    assert [step["status"] for step in found.detail["steps"]] == ["Accepted", "Started"]


@BOTH
async def test_nothing_follows_a_remote_start(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, clock=fast_clock(), remote_wait_s=30) as csms:
        cp = await station(csms, protocol)
        number = (await csms.operator("CP-1", "remote_start", id_token="APP-1"))["operation_id"]
        await csms.until(lambda: has_ended(csms, number))
        assert (await operation(csms, number)).status == "nothing_followed"
        if protocol == "ocpp2.0.1":
            await cp.start(token="APP-1", **begun_by(protocol, number))
            assert (await operation(csms, number)).status == "Started", "better late than never"


async def has_ended(csms: Central, number: int) -> bool:
    return (await operation(csms, number)).ended_at is not None


@BOTH
@pytest.mark.octt("TC_026_CSMS")
async def test_a_remote_start_is_refused(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    cp.answers(START[protocol], {"status": "Rejected"})
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1")
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    await cp.start(token="APP-1")
    assert (await csms.session("CP-1")).remote_start_id is None
    found = await operation(csms, told["operation_id"])
    assert (found.status, found.ended_at is None) == ("Rejected", False)


@BOTH
async def test_the_session_begins_before_the_answer(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)

    async def begin_first(payload: dict[str, Any]) -> dict[str, Any]:
        await cp.start(token="APP-1", **begun_by(protocol, payload.get("remoteStartId", 0)))
        return {"status": "Accepted"}

    cp.answers(START[protocol], begin_first)
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1")
    assert (await operation(csms, told["operation_id"])).status == "Started"


@BOTH
async def test_the_answer_to_a_remote_start_is_lost_and_the_session_begins(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, call_timeout_s=0.2) as csms:
        cp = await station(csms, protocol)
        cp.answers(START[protocol], Silence())
        assert (await csms.operator("CP-1", "remote_start", id_token="APP-1"))["code"] == "call_timeout"
        (asked,) = await csms.rooms.store.reader.find(Operation, kind="remote_start")
        assert asked.status == "unanswered"
        await cp.start(token="APP-1", **begun_by(protocol, asked.id))
        assert (await operation(csms, asked.id)).status == "Started"


@pytest.mark.octt("TC_F_01_CSMS")
@pytest.mark.req("F01.FR.13")
async def test_the_station_answers_with_the_session_that_runs_already(csms: Central) -> None:
    cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
    where = {"id": 1, "connectorId": 1}
    await cp.event("Started", "TX-1", "CablePluggedIn", info={"chargingState": "EVConnected"}, evse=where)
    cp.answers("RequestStartTransaction", {"status": "Accepted", "transactionId": "TX-1"})
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1)
    found = await operation(csms, told["operation_id"])
    session = await csms.session("CP-1")
    assert (found.status, found.detail["session_id"]) == ("Started", session.id)
    assert session.remote_start_id == told["operation_id"]


@BOTH
@pytest.mark.octt("TC_012_CSMS", "TC_E_21_CSMS")
@pytest.mark.req("F03.FR.01", "F04.FR.01", "OA-14")
async def test_a_remote_stop_is_followed_to_the_end(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    transaction_id = await cp.start()
    number = (await csms.operator("CP-1", "remote_stop", transaction_id=transaction_id))["operation_id"]
    assert (await operation(csms, number)).status == "Accepted"
    await cp.stop(transaction_id, reason="Local")
    found = await operation(csms, number)
    assert (found.status, found.detail["session_id"]) == ("Stopped", (await csms.session("CP-1")).id)


@BOTH
async def test_nothing_follows_a_remote_stop(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, clock=fast_clock(), remote_wait_s=30) as csms:
        cp = await station(csms, protocol)
        transaction_id = await cp.start()
        number = (await csms.operator("CP-1", "remote_stop", transaction_id=transaction_id))["operation_id"]
        await csms.until(lambda: has_ended(csms, number))
        assert (await operation(csms, number)).status == "nothing_followed"


@pytest.mark.octt("TC_059_CSMS")
@pytest.mark.req("1.6:5.11")
async def test_a_remote_start_with_a_profile(csms: Central, cp16: Station16) -> None:
    periods = [{"start_s": 0, "limit": 6.0}]
    given = {"profile_id": 7, "purpose": "TxProfile", "kind": "Relative", "unit": "A", "periods": periods}
    await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1, profile=given)
    asked = (await cp16.expected("RemoteStartTransaction"))["chargingProfile"]
    assert (asked["chargingProfilePurpose"], asked["chargingProfileId"]) == ("TxProfile", 7)
    assert "transactionId" not in asked
    refused = await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=given)
    assert refused["code"] == "invalid_request", "a running session has a name"


async def availability(csms: Central) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await csms.api("GET", "/api/v1/stations/CP-1/availability")).json()
    return found


@BOTH
@pytest.mark.req("G03.FR.08", "G04.FR.09", "1.6:5.2")
async def test_a_station_that_lost_it_is_made_inoperative_again(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path, clock=fast_clock(120)) as csms:
        cp = await station(csms, protocol)
        await csms.operator("CP-1", "change_availability", operative=False, evse_id=1)
        await cp.expected("ChangeAvailability")
        await cp.status(1, "Unavailable")
        await cp.disconnect()
        await cp.connect()
        await cp.boot()
        await cp.status(1, "Unavailable")
        await asyncio.sleep(1.0)
        assert cp.unasked("ChangeAvailability"), "it still knows"
        await cp.disconnect()
        await cp.connect()
        await cp.boot()
        for evse in (1, 2):
            await cp.status(evse, "Available")
        again = await cp.expected("ChangeAvailability")
        assert again.get("type", again.get("operationalStatus")) == "Inoperative"
        await cp.status(1, "Unavailable")
        assert [(row["evse_id"], row["operative"]) for row in await availability(csms)] == [(1, False)]
        await csms.operator("CP-1", "change_availability", operative=True, evse_id=1)
        assert await availability(csms) == []


@BOTH
@pytest.mark.req("G03.FR.05", "1.6:5.2")
async def test_scheduled_is_shown_until_it_is_so(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    transaction_id = await cp.start(evse_id=1)
    cp.answers("ChangeAvailability", {"status": "Scheduled"})
    told = await csms.operator("CP-1", "change_availability", operative=False, evse_id=1)
    assert (told["status"], told["accepted"]) == ("Scheduled", True)
    assert [row["answer"] for row in await availability(csms)] == ["Scheduled"]
    await cp.stop(transaction_id)
    await cp.status(1, "Unavailable")
    states = (await csms.api("GET", "/api/v1/stations/CP-1/state-changes?evse_id=1")).json()
    assert states[0]["state"] == "Unavailable"


@BOTH
async def test_a_refusal_ends_the_wish(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    cp.answers("ChangeAvailability", {"status": "Rejected"})
    assert not (await csms.operator("CP-1", "change_availability", operative=False))["accepted"]
    assert await availability(csms) == []


@BOTH
async def test_a_state_is_kept_once(csms: Central, protocol: str) -> None:
    cp = await station(csms, protocol)
    for status in ("Available", "Available", "Faulted", "Faulted", "Available"):
        await cp.status(1, status)
    states = (await csms.api("GET", "/api/v1/stations/CP-1/state-changes")).json()
    assert [change["state"] for change in states] == ["Available", "Faulted", "Available"]
