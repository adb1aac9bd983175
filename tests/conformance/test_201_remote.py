"""OCPP 2.0.1, block F: started, stopped, unlocked and asked from afar (OCA cases TC_F)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


async def start_from_afar(csms: Central, cp: Station201, answer: dict[str, Any], **more: Any) -> int:
    """An operator starts a session; the number that the station has to mention."""
    cp.answers("RequestStartTransaction", answer)
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", token_type="eMAID", **more)
    assert (told["status"], told["accepted"]) == ("Accepted", True)
    asked = await cp.expected("RequestStartTransaction")
    assert asked["idToken"] == {"idToken": "APP-1", "type": "eMAID"}
    assert asked.get("evseId") == more.get("evse_id")
    number: int = asked["remoteStartId"]
    return number


def begun(number: int, **more: Any) -> dict[str, Any]:
    """The first event after a start from afar."""
    return {"info": {"remoteStartId": number, **more}, "token": "APP-1", "token_type": "eMAID"}


@pytest.mark.octt("TC_F_01_CSMS")
@pytest.mark.req("F01.FR.04", "F01.FR.06")
async def test_a_remote_start_with_the_cable_in(csms: Central, cp: Station201) -> None:
    await cp.status(1, "Occupied")
    where = {"id": 1, "connectorId": 1}
    await cp.event("Started", "TX-1", "CablePluggedIn", info={"chargingState": "EVConnected"}, evse=where)
    answer = {"status": "Accepted", "transactionId": "TX-1"}
    number = await start_from_afar(csms, cp, answer, evse_id=1, remote_start_id=7)
    assert number == 7
    answer = await cp.event("Updated", "TX-1", "RemoteStart", **begun(number))
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await cp.event("Updated", "TX-1", "ChargingStateChanged", info={"chargingState": "Charging"})
    live = (await csms.shown("CP-1"))["evses"][0]["session"]
    assert (live["transaction_id"], live["id_token"], live["charging_state"]) == ("TX-1", "APP-1", "Charging")


@pytest.mark.octt("TC_F_02_CSMS", "TC_F_03_CSMS")
@pytest.mark.req("F02.FR.12", "F02.FR.14", "C12.FR.03")
@pytest.mark.parametrize("asks_first", [True, False], ids=["authorizes", "does not authorize"])
async def test_a_remote_start_before_the_cable(csms: Central, cp: Station201, asks_first: bool) -> None:
    number = await start_from_afar(csms, cp, {"status": "Accepted"}, evse_id=2)
    if asks_first:
        assert await cp.authorize("APP-1", "eMAID") == "Accepted"
    where = {"id": 2, "connectorId": 1}
    answer = await cp.event("Started", "TX-1", "RemoteStart", evse=where, **begun(number))
    assert answer["idTokenInfo"]["status"] == "Accepted"
    await cp.status(2, "Occupied")
    await cp.event("Updated", "TX-1", "CablePluggedIn", info={"chargingState": "EVConnected"}, evse=where)
    await cp.event("Updated", "TX-1", "ChargingStateChanged", info={"chargingState": "Charging"})
    row = await csms.session("CP-1")
    assert (row.evse_id, row.status, row.id_token) == (2, "open", "APP-1")


@pytest.mark.octt("TC_F_04_CSMS")
async def test_a_remote_start_that_waits_for_the_cable_in_vain(csms: Central, cp: Station201) -> None:
    number = await start_from_afar(csms, cp, {"status": "Accepted"}, evse_id=1)
    await cp.event("Started", "TX-1", "RemoteStart", evse={"id": 1, "connectorId": 1}, **begun(number))
    await cp.event("Updated", "TX-1", "EVConnectTimeout")
    assert (await csms.session("CP-1")).status == "open"
    await cp.event("Ended", "TX-1", "EVConnectTimeout", info={"stoppedReason": "Timeout"})
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason, row.energy_wh) == ("ended", "Timeout", 0)


async def test_a_remote_start_that_is_refused_is_told(csms: Central, cp: Station201) -> None:
    cp.answers("RequestStartTransaction", {"status": "Rejected", "statusInfo": {"reasonCode": "TxInProgress"}})
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1)
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert told["payload"]["statusInfo"] == {"reasonCode": "TxInProgress"}


@pytest.mark.octt("TC_F_06_CSMS")
@pytest.mark.parametrize(
    ("status", "accepted"),
    [("Unlocked", True), ("UnlockFailed", False), ("OngoingAuthorizedTransaction", False), ("UnknownConnector", False)],
)
async def test_unlocking(csms: Central, cp: Station201, status: str, accepted: bool) -> None:
    cp.answers("UnlockConnector", {"status": status})
    told = await csms.operator("CP-1", "unlock_connector", evse_id=2, connector_id=1)
    assert (told["status"], told["accepted"]) == (status, accepted)
    assert await cp.expected("UnlockConnector") == {"evseId": 2, "connectorId": 1}


async def ask_for(csms: Central, cp: Station201, message: str, evse_id: int | None = None) -> dict[str, Any]:
    """An operator asks for a message; what the station was asked."""
    told = await csms.operator("CP-1", "trigger", message=message, evse_id=evse_id)
    assert told["accepted"], told
    asked = await cp.expected("TriggerMessage")
    assert asked["requestedMessage"] == message
    return asked


@pytest.mark.octt("TC_F_11_CSMS", "TC_F_12_CSMS")
@pytest.mark.req("F06.FR.01", "F06.FR.02", "J01.FR.18")
@pytest.mark.parametrize("evse_id", [1, None], ids=["one", "all"])
async def test_meter_values_asked_for(csms: Central, cp: Station201, evse_id: int | None) -> None:
    asked = await ask_for(csms, cp, "MeterValues", evse_id)
    assert asked.get("evse") == ({"id": 1} if evse_id else None)
    for evse in [evse_id] if evse_id else [1, 2]:
        values = [cp.reading(4200, "Trigger")]
        assert await cp.call("MeterValues", {"evseId": evse, "meterValue": values}) == {}
    assert (await csms.rooms.store.reader.counts())["samples"] == (1 if evse_id else 2)


@pytest.mark.octt("TC_F_13_CSMS", "TC_F_14_CSMS")
@pytest.mark.req("F06.FR.01", "F06.FR.02")
@pytest.mark.parametrize("evse_id", [1, None], ids=["one", "all"])
async def test_transaction_events_asked_for(csms: Central, cp: Station201, evse_id: int | None) -> None:
    transactions = [await cp.start(evse) for evse in (1, 2)]
    asked = await ask_for(csms, cp, "TransactionEvent", evse_id)
    assert asked.get("evse") == ({"id": 1} if evse_id else None)
    for transaction in transactions[: evse_id or 2]:
        info = {"chargingState": "Charging"}
        await cp.event("Updated", transaction, "Trigger", info=info, wh=700, context="Trigger")
    energies = [evse["session"]["energy_wh"] for evse in (await csms.shown("CP-1"))["evses"]]
    assert energies == ([700, 0] if evse_id else [700, 700])


@pytest.mark.octt("TC_F_15_CSMS", "TC_F_18_CSMS", "TC_F_20_CSMS")
@pytest.mark.req("F06.FR.01")
@pytest.mark.parametrize(
    ("message", "payload"),
    [
        ("LogStatusNotification", {"status": "Idle"}),
        ("FirmwareStatusNotification", {"status": "Idle"}),
        ("Heartbeat", {}),
    ],
)
async def test_a_message_asked_for(csms: Central, cp: Station201, message: str, payload: dict[str, Any]) -> None:
    asked = await ask_for(csms, cp, message)
    assert "evse" not in asked
    answer = await cp.call(message, payload)
    assert ("currentTime" in answer) == (message == "Heartbeat")


@pytest.mark.octt("TC_F_23_CSMS", "TC_F_24_CSMS")
@pytest.mark.req("F06.FR.01", "F06.FR.02", "F06.FR.13")
@pytest.mark.parametrize("status", ["Available", "Occupied"])
async def test_the_state_of_a_connector_asked_for(csms: Central, cp: Station201, status: str) -> None:
    await cp.status(2, status)
    asked = await ask_for(csms, cp, "StatusNotification", 2)
    assert asked["evse"] == {"id": 2, "connectorId": 1}
    await cp.status(2, status)
    assert (await csms.shown("CP-1"))["evses"][1]["connectors"] == {"1": status}


@pytest.mark.octt("TC_F_27_CSMS")
@pytest.mark.parametrize("status", ["NotImplemented", "Rejected"])
async def test_a_message_that_a_station_cannot_send(csms: Central, cp: Station201, status: str) -> None:
    cp.answers("TriggerMessage", {"status": status})
    told = await csms.operator("CP-1", "trigger", message="SignV2GCertificate")
    assert (told["status"], told["accepted"]) == (status, False)
