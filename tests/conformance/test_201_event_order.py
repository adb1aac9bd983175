"""OCPP 2.0.1, block E: events out of order, offline, and asked about (OCA cases TC_E_29 to 34, pain 18)."""

from __future__ import annotations

from typing import Any

import pytest

from csms.model.event import SessionOpened
from csms.station.state import EvseState
from csms.store.tables import Session
from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance

WHERE = {"id": 1, "connectorId": 1}


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


def evse(csms: Central, number: int = 1) -> EvseState:
    return csms.rooms.stations.stations["CP-1"].evses[number]


async def row(csms: Central) -> Session:
    return await csms.session("CP-1")


async def ask(csms: Central, answer: dict[str, Any], cp: Station201, **fields: str) -> dict[str, Any]:
    cp.answers("GetTransactionStatus", answer)
    told = await csms.operator("CP-1", "get_transaction_status", **fields)
    values: dict[str, Any] = told["values"]
    return values


@pytest.mark.octt("TC_E_29_CSMS", "TC_E_30_CSMS")
@pytest.mark.req("E14.FR.02", "E14.FR.04", "E14.FR.05")
@pytest.mark.parametrize("queued", [True, False])
async def test_a_running_session_is_asked_about(csms: Central, cp: Station201, queued: bool) -> None:
    transaction_id = await cp.start(wh=0)
    await cp.disconnect()
    await cp.connect()
    answer = {"ongoingIndicator": True, "messagesInQueue": queued}
    told = await ask(csms, answer, cp, transaction_id=transaction_id)
    assert told == {"ongoing": "true", "messages_in_queue": str(queued).lower()}
    assert await cp.expected("GetTransactionStatus") == {"transactionId": transaction_id}
    await cp.meter(transaction_id, 700, offline=True)
    assert (await row(csms)).status == "open"
    assert evse(csms).session is not None
    assert evse(csms).session.energy_wh == 700


@pytest.mark.octt("TC_E_31_CSMS")
@pytest.mark.req("E14.FR.03", "E14.FR.04", "PAIN-18")
async def test_the_end_comes_before_what_was_queued(csms: Central, cp: Station201) -> None:
    transaction_id = await cp.start(wh=0)
    await cp.disconnect()
    await cp.connect()
    await cp.status(1, "Available")
    await cp.stop(transaction_id, 900, "EVDisconnected", offline=True, trigger="EVCommunicationLost", seqNo=3)
    ended = await row(csms)
    assert (ended.status, ended.flags, ended.seq_missing) == ("ended", ["seq_gap"], [[1, 2]])
    answer = {"ongoingIndicator": False, "messagesInQueue": True}
    assert (await ask(csms, answer, cp, transaction_id=transaction_id))["ongoing"] == "false"
    await cp.event("Updated", transaction_id, "StopAuthorized", offline=True, seqNo=1)
    info = {"chargingState": "EVConnected"}
    await cp.event("Updated", transaction_id, "ChargingStateChanged", info=info, offline=True, seqNo=2)
    ended = await row(csms)
    assert (ended.status, ended.flags, ended.seq_missing, ended.energy_wh) == ("ended", [], None, 900)
    assert await csms.notices("event_after_end") == []


@pytest.mark.octt("TC_E_33_CSMS", "TC_E_34_CSMS")
@pytest.mark.req("E14.FR.06", "E14.FR.07", "E14.FR.08")
@pytest.mark.parametrize("queued", [True, False])
async def test_messages_of_any_session_are_asked_about(csms: Central, cp: Station201, queued: bool) -> None:
    told = await ask(csms, {"messagesInQueue": queued}, cp)
    assert told == {"ongoing": None, "messages_in_queue": str(queued).lower()}
    assert await cp.expected("GetTransactionStatus") == {}


@pytest.mark.req("E01.FR.07", "PAIN-18")
async def test_a_late_event_fills_its_gap_and_changes_nothing_live(csms: Central, cp: Station201) -> None:
    transaction_id = await cp.start(wh=0)
    early = cp.stamp()
    suspended = {"chargingState": "SuspendedEV"}
    await cp.event("Updated", transaction_id, "ChargingStateChanged", info=suspended, seqNo=3, wh=800)
    assert (await row(csms)).seq_missing == [[1, 2]]
    charging = {"chargingState": "Charging"}
    for number in (2, 1, 1):
        late = {"info": charging, "seqNo": number, "timestamp": early}
        await cp.event("Updated", transaction_id, "ChargingStateChanged", **late)
    found = await row(csms)
    assert (found.seq_missing, found.flags, found.charging_state) == (None, [], "SuspendedEV")
    assert evse(csms).session is not None
    assert evse(csms).session.charging_state == "SuspendedEV"
    states = (await csms.api("GET", f"/api/v1/sessions/{found.id}/state-changes")).json()
    assert [change["state"] for change in states] == ["Charging", "SuspendedEV", "Charging", "Charging"]


@pytest.mark.req("PAIN-18")
async def test_the_end_is_the_first_that_is_heard(csms: Central, cp: Station201) -> None:
    begun_at = cp.stamp()
    await cp.event("Ended", "TX-1", "StopAuthorized", seqNo=4, wh=900, evse=WHERE, info={"stoppedReason": "Local"})
    found = await row(csms)
    assert (found.status, found.flags) == ("ended", ["start_missing"])
    reading = cp.reading(100, "Transaction.Begin")
    start = {"seqNo": 0, "timestamp": begun_at, "meterValue": [reading], "token": "TAG-1", "evse": WHERE}
    await cp.event("Started", "TX-1", "Authorized", **start)
    found = await row(csms)
    assert (found.status, found.flags, found.seq_missing) == ("ended", ["seq_gap"], [[1, 3]])
    assert (found.id_token, found.start_register_wh, found.energy_wh) == ("TAG-1", 100, 800)
    assert evse(csms).session is None


@pytest.mark.req("PAIN-18")
async def test_a_session_of_the_past_does_not_push_out_the_one_that_runs(csms: Central, cp: Station201) -> None:
    opened: list[SessionOpened] = []
    csms.rooms.stations.bus.subscribe(lambda e: opened.append(e) if isinstance(e, SessionOpened) else None)
    past = cp.stamp()
    live = await cp.start(evse_id=1, transaction_id="TX-live")
    await cp.start(evse_id=1, transaction_id="TX-past", timestamp=past, offline=True)
    assert [s.status for s in await csms.sessions()] == ["open", "aside"]
    await cp.meter("TX-past", 300, offline=True)
    await cp.stop("TX-past", 500, offline=True)
    running, over = await csms.sessions()
    assert (running.transaction_id, running.status) == (live, "open")
    assert (over.status, over.energy_wh, over.evse_id) == ("ended", 500, 1)
    assert evse(csms).session is not None
    assert evse(csms).session.transaction_id == live
    assert len(opened) == 1


@pytest.mark.req("PAIN-18")
async def test_a_session_begun_offline_goes_live_with_its_first_event_of_the_present(
    csms: Central, cp: Station201
) -> None:
    transaction_id = await cp.start(evse_id=2, offline=True)
    assert evse(csms, 2).session is None
    await cp.meter(transaction_id, 400)
    assert evse(csms, 2).session is not None
    found = await row(csms)
    assert (found.status, found.evse_id, found.flags) == ("open", 2, ["offline"])


@pytest.mark.req("E02.FR.18", "E02.FR.19", "E03.FR.13", "E03.FR.14")
async def test_what_the_cable_carries_and_how_long_it_charged(csms: Central, cp: Station201) -> None:
    transaction_id = await cp.start(cableMaxCurrent=20, numberOfPhasesUsed=3)
    await cp.event(
        "Updated", transaction_id, "ChargingStateChanged", info={"timeSpentCharging": 60}, numberOfPhasesUsed=1
    )
    session = evse(csms).session
    assert session is not None
    assert (session.cable_max_a, session.phases_used, session.charging_s) == (20, 1, 60)
    await cp.stop(transaction_id, info={"timeSpentCharging": 120})
    found = await row(csms)
    assert (found.cable_max_a, found.phases_used, found.charging_s) == (20, 1, 120)


@pytest.mark.octt("TC_J_11_CSMS", "TC_E_11_CSMS")
@pytest.mark.req("E02.FR.14", "J02.FR.21")
async def test_signed_values_are_evidence(csms: Central, cp: Station201) -> None:
    signed = {"signedMeterData": "AAEC", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": "BASE64KEY"}
    reading = cp.reading(100, "Transaction.Begin")
    reading["sampledValue"][0]["signedMeterValue"] = signed
    transaction_id = await cp.start(meterValue=[reading], wh=None)
    await cp.event("Updated", transaction_id, "MeterValuePeriodic", meterValue=[reading])
    found = await row(csms)
    assert found.start_register_wh == 100
    values = (await csms.api("GET", f"/api/v1/sessions/{found.id}/signed-values")).json()
    assert [(v["data"], v["encoding"], v["public_key"], v["context"]) for v in values] == [
        ("AAEC", "OCMF", "BASE64KEY", "Transaction.Begin")
    ] * 2
