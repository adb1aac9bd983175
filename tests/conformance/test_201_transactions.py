"""OCPP 2.0.1, block E: how sessions begin and end (OCA cases TC_E).

Each test plays one of the ways in which a station may be configured to begin or end a transaction, and looks at the
record and at what an operator is shown.
"""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance

TAG = "TAG-1"


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


@pytest.fixture
async def single(csms: Central) -> Station201:
    """A station with one EVSE: it need not say which."""
    station: Station201 = await csms.station("CP-1", "ocpp2.0.1", evses=1)
    await station.boot()
    await station.status(1, "Available")
    return station


def accepted(answer: dict[str, Any]) -> bool:
    return bool(answer["idTokenInfo"]["status"] == "Accepted")


async def plug_in(cp: Station201, kind: str, transaction: str = "TX-1", evse: int = 1) -> None:
    """The cable goes in: a new transaction, or the one that a card began."""
    await cp.status(evse, "Occupied")
    where = {"id": evse, "connectorId": 1}
    await cp.event(kind, transaction, "CablePluggedIn", info={"chargingState": "EVConnected"}, evse=where)


async def authorize(cp: Station201, kind: str, transaction: str = "TX-1") -> None:
    """A card is held up and may charge."""
    assert await cp.authorize(TAG) == "Accepted"
    assert accepted(await cp.event(kind, transaction, "Authorized", token=TAG))


async def state(cp: Station201, state: str, trigger: str = "ChargingStateChanged", transaction: str = "TX-1") -> None:
    """The session goes on in another state."""
    await cp.event("Updated", transaction, trigger, info={"chargingState": state})


async def charging(cp: Station201, transaction: str = "TX-1") -> str:
    """Cable first, then the card, then energy."""
    await plug_in(cp, "Started", transaction)
    await authorize(cp, "Updated", transaction)
    await state(cp, "Charging", transaction=transaction)
    return transaction


async def stop_authorized(cp: Station201, transaction: str = "TX-1") -> None:
    """The driver holds up the card again; it must be told to be good."""
    assert accepted(await cp.event("Updated", transaction, "StopAuthorized", token=TAG))


async def unplug(cp: Station201, transaction: str = "TX-1") -> None:
    """The cable comes out after the card stopped the session, which ends with it."""
    await cp.status(1, "Available")
    info = {"chargingState": "Idle", "stoppedReason": "EVDisconnected"}
    await cp.event("Ended", transaction, "EVCommunicationLost", info=info)


async def running(csms: Central, charging_state: str = "Charging", token: str = TAG) -> Any:
    """The only session: open, in this state, under this token, as the operator sees it."""
    shown = await csms.shown("CP-1")
    (live,) = [evse["session"] for evse in shown["evses"] if evse["session"]]
    row = await csms.session("CP-1")
    assert (row.status, live["charging_state"]) == ("open", charging_state)
    assert live["id_token"] == token
    return row


async def over(csms: Central, reason: str, token: str = TAG) -> Any:
    """The only session: ended for this reason, and nothing live is left of it."""
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason, row.id_token) == ("ended", reason, token)
    assert all(evse["session"] is None for evse in (await csms.shown("CP-1"))["evses"])
    return row


@pytest.mark.octt("TC_E_01_CSMS")
@pytest.mark.req("E01.FR.11", "E01.FR.12", "E02.FR.04", "C01.FR.07", "J02.FR.19")
async def test_begun_when_the_power_path_closes(csms: Central, cp: Station201) -> None:
    assert await cp.authorize(TAG) == "Accepted"
    await cp.status(1, "Occupied")
    where, info = {"id": 1, "connectorId": 1}, {"chargingState": "SuspendedEVSE"}
    answer = await cp.event("Started", "TX-1", "ChargingStateChanged", info=info, evse=where, token=TAG)
    assert accepted(answer)
    await running(csms, "SuspendedEVSE")
    await state(cp, "Charging")
    await running(csms)


@pytest.mark.octt("TC_E_02_CSMS")
@pytest.mark.req("E01.FR.11", "E01.FR.12")
async def test_begun_when_energy_flows(csms: Central, cp: Station201) -> None:
    assert await cp.authorize(TAG) == "Accepted"
    await cp.status(1, "Occupied")
    where, info = {"id": 1, "connectorId": 1}, {"chargingState": "Charging"}
    assert accepted(await cp.event("Started", "TX-1", "ChargingStateChanged", info=info, evse=where, token=TAG))
    await running(csms)


@pytest.mark.octt("TC_E_03_CSMS")
@pytest.mark.req("E02.FR.02", "E02.FR.04", "J02.FR.19")
async def test_the_cable_first(csms: Central, cp: Station201) -> None:
    await plug_in(cp, "Started")
    await running(csms, "EVConnected", token="")
    await authorize(cp, "Updated")
    await state(cp, "Charging")
    row = await running(csms)
    assert (row.transaction_id, row.evse_id) == ("TX-1", 1)


@pytest.mark.octt("TC_E_04_CSMS")
@pytest.mark.req("E03.FR.02", "E02.FR.04", "C01.FR.07")
async def test_the_card_first(csms: Central, single: Station201) -> None:
    await authorize(single, "Started")
    await plug_in(single, "Updated")
    await state(single, "Charging")
    row = await running(csms)
    assert (row.transaction_id, row.evse_id) == ("TX-1", 1)


@pytest.mark.req("LOAD-02")
async def test_a_card_that_was_acknowledged_is_stored(csms: Central, cp: Station201) -> None:
    await plug_in(cp, "Started")
    await authorize(cp, "Updated")
    assert (await csms.session("CP-1")).id_token == TAG


@pytest.mark.octt("TC_E_04_CSMS")
async def test_the_card_first_before_the_evse_is_known(csms: Central, cp: Station201) -> None:
    await authorize(cp, "Started")
    await plug_in(cp, "Updated", evse=2)
    await state(cp, "Charging")
    row = await running(csms)
    assert (row.transaction_id, row.evse_id, row.flags) == ("TX-1", 2, [])


@pytest.mark.octt("TC_E_09_CSMS")
async def test_begun_by_the_cable(csms: Central, cp: Station201) -> None:
    await plug_in(cp, "Started")
    await running(csms, "EVConnected", token="")


@pytest.mark.octt("TC_E_10_CSMS")
@pytest.mark.req("E01.FR.11", "E01.FR.12", "E03.FR.02")
async def test_begun_by_the_card(csms: Central, single: Station201) -> None:
    await authorize(single, "Started")
    assert (await csms.session("CP-1")).id_token == TAG


@pytest.mark.octt("TC_E_11_CSMS")
@pytest.mark.req("E01.FR.11", "E01.FR.12")
async def test_begun_by_a_signed_value(csms: Central, cp: Station201) -> None:
    assert await cp.authorize(TAG) == "Accepted"
    await cp.status(1, "Occupied")
    signed = cp.reading(0, "Transaction.Begin")
    signature = {"signedMeterData": "QQ==", "signingMethod": "", "encodingMethod": "OCMF", "publicKey": ""}
    signed["sampledValue"][0]["signedMeterValue"] = signature
    where = {"id": 1, "connectorId": 1}
    begun = {"evse": where, "token": TAG, "meterValue": [signed]}
    assert accepted(await cp.event("Started", "TX-1", "SignedDataReceived", **begun))
    await state(cp, "Charging")
    assert (await running(csms)).start_register_wh == 0


@pytest.mark.octt("TC_E_12_CSMS")
async def test_begun_by_a_car_in_the_bay(csms: Central, single: Station201) -> None:
    await single.event("Started", "TX-1", "EVDetected")
    row = await csms.session("CP-1")
    assert (row.status, row.transaction_id, row.id_token) == ("open", "TX-1", "")


@pytest.mark.octt("TC_E_38_CSMS")
async def test_a_car_that_is_not_ready(csms: Central, single: Station201) -> None:
    await authorize(single, "Started")
    await plug_in(single, "Updated")
    await state(single, "SuspendedEV")
    await running(csms, "SuspendedEV")


@pytest.mark.octt("TC_E_53_CSMS")
async def test_every_transaction_begins_with_number_0(csms: Central, cp: Station201) -> None:
    for transaction in ("TX-1", "TX-2"):
        await charging(cp, transaction)
        await stop_authorized(cp, transaction)
        await unplug(cp, transaction)
    rows = await csms.sessions("CP-1")
    assert [(row.transaction_id, row.status) for row in rows] == [("TX-1", "ended"), ("TX-2", "ended")]


@pytest.mark.octt("TC_E_07_CSMS", "TC_E_15_CSMS")
@pytest.mark.req("J02.FR.19")
async def test_ended_by_the_card(csms: Central, cp: Station201) -> None:
    await charging(cp)
    answer = await cp.event("Ended", "TX-1", "StopAuthorized", info={"stoppedReason": "Local"}, token=TAG, wh=900)
    assert accepted(answer)
    await over(csms, "Local")


@pytest.mark.octt("TC_E_08_CSMS")
async def test_ended_when_energy_stops_after_the_card(csms: Central, cp: Station201) -> None:
    await charging(cp)
    await stop_authorized(cp)
    info = {"chargingState": "EVConnected", "stoppedReason": "Local"}
    await cp.event("Ended", "TX-1", "ChargingStateChanged", info=info)
    await over(csms, "Local")


@pytest.mark.octt("TC_E_14_CSMS")
async def test_ended_by_the_cable(csms: Central, cp: Station201) -> None:
    await charging(cp)
    await stop_authorized(cp)
    await state(cp, "EVConnected")
    await unplug(cp)
    await over(csms, "EVDisconnected")


@pytest.mark.octt("TC_E_16_CSMS")
@pytest.mark.req("E01.FR.11", "E01.FR.12", "E05.FR.01", "C12.FR.03")
async def test_ended_because_the_card_is_no_good(csms: Central, cp: Station201) -> None:
    await csms.list_token("BAD", "Invalid")
    where = {"id": 1, "connectorId": 1}
    answer = await cp.event("Started", "TX-1", "Authorized", token="BAD", evse=where)
    assert answer["idTokenInfo"]["status"] in ("Invalid", "Unknown")
    await cp.event("Ended", "TX-1", "Deauthorized", info={"stoppedReason": "DeAuthorized"})
    await over(csms, "DeAuthorized", "BAD")


@pytest.mark.octt("TC_E_17_CSMS", "TC_E_20_CSMS")
async def test_ended_by_unplugging_at_the_car(csms: Central, cp: Station201) -> None:
    await charging(cp)
    await state(cp, "SuspendedEV")
    info = {"chargingState": "Idle", "stoppedReason": "EVDisconnected"}
    await cp.event("Ended", "TX-1", "EVCommunicationLost", info=info)
    await cp.status(1, "Available")
    await over(csms, "EVDisconnected")


@pytest.mark.octt("TC_E_19_CSMS")
async def test_ended_when_the_car_leaves_the_bay(csms: Central, cp: Station201) -> None:
    await charging(cp)
    await stop_authorized(cp)
    await state(cp, "EVConnected")
    await cp.status(1, "Available")
    await state(cp, "Idle", "EVCommunicationLost")
    await cp.event("Ended", "TX-1", "EVDeparted", info={"stoppedReason": "Local"})
    await over(csms, "Local")


@pytest.mark.octt("TC_E_21_CSMS")
@pytest.mark.req("F03.FR.01")
async def test_ended_from_afar(csms: Central, cp: Station201) -> None:
    await charging(cp)
    assert (await csms.operator("CP-1", "remote_stop", transaction_id="TX-1"))["accepted"]
    assert await cp.expected("RequestStopTransaction") == {"transactionId": "TX-1"}
    await cp.event("Ended", "TX-1", "RemoteStop", info={"stoppedReason": "Remote"}, wh=400)
    await over(csms, "Remote")


@pytest.mark.octt("TC_E_22_CSMS")
async def test_ended_by_the_car(csms: Central, cp: Station201) -> None:
    await charging(cp)
    info = {"chargingState": "SuspendedEV", "stoppedReason": "StoppedByEV"}
    await cp.event("Ended", "TX-1", "ChargingStateChanged", info=info)
    await over(csms, "StoppedByEV")


@pytest.mark.octt("TC_E_39_CSMS")
async def test_ended_because_no_cable_came(csms: Central, single: Station201) -> None:
    await authorize(single, "Started")
    await single.event("Ended", "TX-1", "EVConnectTimeout", info={"stoppedReason": "Timeout"})
    await over(csms, "Timeout")


@pytest.mark.octt("TC_E_26_CSMS")
async def test_suspended_while_unplugged_at_the_car(csms: Central, cp: Station201) -> None:
    await charging(cp)
    await state(cp, "SuspendedEV")
    await state(cp, "Idle", "EVCommunicationLost")
    await cp.status(1, "Available")
    await running(csms, "Idle")
    await state(cp, "EVConnected", "CablePluggedIn")
    await state(cp, "Charging")
    await running(csms)
