"""OCPP 2.0.1, blocks J and P: meter values, data of vendors, custom data (OCA cases TC_J, TC_P)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance

SIGNATURE = {"signedMeterData": "T0NNRg==", "signingMethod": "ECDSA", "encodingMethod": "OCMF", "publicKey": "AQID"}
CUSTOM = {"vendorId": "com.maker", "lamp": "green"}


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


def signed(value: dict[str, Any]) -> dict[str, Any]:
    """A reading with the meter's signature."""
    for sample in value["sampledValue"]:
        sample["signedMeterValue"] = SIGNATURE
    return value


async def contexts(csms: Central, session_id: int) -> list[tuple[str, float]]:
    """Stored values of a session with the occasion of each."""
    answer = await csms.api("GET", f"/api/v1/sessions/{session_id}/samples")
    return [(sample["context"], sample["value"]) for sample in answer.json()["samples"]]


@pytest.mark.octt("TC_J_01_CSMS")
@pytest.mark.req("J01.FR.18")
async def test_clock_aligned_values_without_a_session(csms: Central, cp: Station201) -> None:
    for round_ in range(3):
        for evse in (0, 1, 2):
            values = [cp.reading(1000 * evse + round_, "Sample.Clock")]
            assert await cp.call("MeterValues", {"evseId": evse, "meterValue": values}) == {}
    assert (await csms.rooms.store.reader.counts())["samples"] == 9
    assert not await csms.sessions()


@pytest.mark.octt("TC_J_02_CSMS")
@pytest.mark.req("J01.FR.18", "J02.FR.19")
async def test_clock_aligned_values_during_a_session(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    for wh in (500, 900):
        for evse in (0, 2):
            await cp.call("MeterValues", {"evseId": evse, "meterValue": [cp.reading(77, "Sample.Clock")]})
        assert await cp.event("Updated", transaction, "MeterValueClock", wh=wh, context="Sample.Clock") == {}
    row = await csms.session("CP-1")
    assert await contexts(csms, row.id) == [("Transaction.Begin", 0), ("Sample.Clock", 500), ("Sample.Clock", 900)]
    assert (await csms.shown("CP-1"))["evses"][0]["session"]["energy_wh"] == 900


@pytest.mark.octt("TC_J_03_CSMS", "TC_J_10_CSMS")
@pytest.mark.req("J01.FR.18", "J02.FR.19")
@pytest.mark.parametrize("context", ["Sample.Clock", "Sample.Periodic"])
async def test_values_of_the_whole_session_at_its_end(csms: Central, cp: Station201, context: str) -> None:
    transaction = await cp.start(1, wh=None, meterValue=[cp.reading(0, "Transaction.Begin", ago_s=180)])
    values = [cp.reading(400, context, 120), cp.reading(800, context, 60), cp.reading(1200, "Transaction.End")]
    info = {"stoppedReason": "EVDisconnected"}
    await cp.event("Ended", transaction, "EVCommunicationLost", info=info, meterValue=values)
    row = await csms.session("CP-1")
    assert (row.status, row.energy_wh) == ("ended", 1200)
    kept = await contexts(csms, row.id)
    assert kept == [("Transaction.Begin", 0), (context, 400), (context, 800), ("Transaction.End", 1200)]


@pytest.mark.octt("TC_J_04_CSMS", "TC_J_11_CSMS")
@pytest.mark.parametrize("context", ["Sample.Clock", "Sample.Periodic"])
async def test_signed_values_at_the_end_of_a_session(csms: Central, cp: Station201, context: str) -> None:
    transaction = await cp.start(1)
    values = [signed(cp.reading(400, context)), signed(cp.reading(1200, "Transaction.End"))]
    info = {"stoppedReason": "EVDisconnected"}
    await cp.event("Ended", transaction, "EVCommunicationLost", info=info, meterValue=values)
    row = await csms.session("CP-1")
    assert (row.status, row.energy_wh) == ("ended", 1200)


@pytest.mark.octt("TC_J_07_CSMS")
@pytest.mark.req("J02.FR.19")
async def test_a_value_at_the_begin_of_a_session(csms: Central, cp: Station201) -> None:
    await cp.status(1, "Occupied")
    where, info = {"id": 1, "connectorId": 1}, {"chargingState": "EVConnected"}
    await cp.event("Started", "TX-1", "CablePluggedIn", info=info, evse=where, wh=12_000)
    row = await csms.session("CP-1")
    assert (row.start_register_wh, row.energy_wh) == (12_000, 0)
    assert await contexts(csms, row.id) == [("Transaction.Begin", 12_000)]


@pytest.mark.octt("TC_J_08_CSMS")
@pytest.mark.req("J02.FR.19")
async def test_the_value_at_the_begin_comes_with_the_evse(csms: Central) -> None:
    cp: Station201 = await csms.station("CP-2", "ocpp2.0.1", evses=1)
    await cp.boot()
    assert await cp.authorize("TAG-1") == "Accepted"
    await cp.event("Started", "TX-1", "Authorized", token="TAG-1")
    await cp.status(1, "Occupied")
    where, info = {"id": 1, "connectorId": 1}, {"chargingState": "EVConnected"}
    begin = {"wh": 12_000, "context": "Transaction.Begin"}
    await cp.event("Updated", "TX-1", "CablePluggedIn", info=info, evse=where, **begin)
    await cp.event("Updated", "TX-1", "ChargingStateChanged", info={"chargingState": "Charging"})
    await cp.event("Updated", "TX-1", "MeterValuePeriodic", wh=12_500, context="Sample.Periodic")
    assert (await csms.shown("CP-2"))["evses"][0]["session"]["energy_wh"] == 500
    await cp.stop("TX-1", 12_900)
    row = await csms.session("CP-2")
    assert (row.id_token, row.energy_wh) == ("TAG-1", 900)


@pytest.mark.octt("TC_J_09_CSMS")
@pytest.mark.req("J02.FR.19")
async def test_periodic_values(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    for wh in (100, 200, 300):
        assert await cp.event("Updated", transaction, "MeterValuePeriodic", wh=wh, context="Sample.Periodic") == {}
    row = await csms.session("CP-1")
    periodic = [value for name, value in await contexts(csms, row.id) if name == "Sample.Periodic"]
    assert periodic == [100, 200, 300]


@pytest.mark.octt("TC_P_02_CSMS")
@pytest.mark.req("P02.FR.06", "P02.FR.07", "RB-32")
async def test_data_of_a_vendor_is_answered_and_kept(csms: Central, cp: Station201) -> None:
    payload = {"vendorId": "com.maker", "messageId": "Hello", "data": {"lamp": ["green", 1]}}
    answer = await cp.call("DataTransfer", payload)
    assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")
    (kept,) = await csms.notices("data_transfer")
    assert (kept.detail["vendor_id"], kept.detail["message_id"]) == ("com.maker", "Hello")


@pytest.mark.octt("TC_P_03_CSMS")
@pytest.mark.req("2.0.1J:9")
async def test_custom_data_hurts_nothing(csms: Central, cp: Station201) -> None:
    assert await cp.status(1, "Occupied", customData=CUSTOM) == {}
    where, info = {"id": 1, "connectorId": 1}, {"chargingState": "Charging", "customData": CUSTOM}
    await cp.event("Started", "TX-1", "CablePluggedIn", info=info, evse=where, customData=CUSTOM)
    assert (await csms.session("CP-1")).transaction_id == "TX-1"
