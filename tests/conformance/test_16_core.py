"""OCPP 1.6, core profile: sessions, authorization, what happens offline (OCA cases 001 to 039).

Every test plays one use case through a websocket and then looks at the records and at what an operator is shown.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.scripted import Central, Station16

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp16: Station16) -> Station16:
    return cp16


async def connectors(csms: Central) -> list[str]:
    """What an operator sees of the connectors."""
    return [evse["status"] for evse in (await csms.shown("CP-1"))["evses"]]


async def charging(cp: Station16, connector: int = 1, token: str = "TAG-1") -> str:
    """A car is plugged in, a card is held up, energy flows; the transaction id."""
    await cp.status(connector, "Preparing")
    assert await cp.authorize(token) == "Accepted"
    transaction = await cp.start(connector, token)
    await cp.status(connector, "Charging")
    return transaction


async def ended(csms: Central, reason: str, token: str = "TAG-1") -> Any:
    """The only session, which must have ended for this reason under this token."""
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason, row.id_token) == ("ended", reason, token)
    return row


@pytest.mark.octt("TC_001_CSMS")
@pytest.mark.req("1.6:4.2", "1.6:4.6", "1.6:4.9", "1.6:3.8")
async def test_a_cold_boot(csms: Central) -> None:
    cp = await csms.station("CP-1", "ocpp1.6", evses=2)
    answer = await cp.boot()
    assert (answer["status"], answer["interval"]) == ("Accepted", 300)
    for connector in (0, 1, 2):
        assert await cp.status(connector, "Available") == {}
    assert "currentTime" in await cp.call("Heartbeat")
    shown = await csms.shown("CP-1")
    assert (shown["online"], shown["vendor"], shown["model"], shown["protocol"]) == (True, "Maker", "One", "ocpp1.6")
    assert await connectors(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_003_CSMS")
@pytest.mark.req("1.6:4.1", "1.6:4.8", "1.6:4.10", "1.6:4.7", "1.6:3.4")
async def test_a_session_with_the_cable_first(csms: Central, cp: Station16) -> None:
    transaction = await charging(cp)
    assert await connectors(csms) == ["Charging", "Available"]
    assert await cp.meter(transaction, 900) == {}
    assert await cp.stop(transaction, 1500, token="TAG-1") == {"idTagInfo": {"status": "Accepted"}}
    await cp.status(1, "Finishing")
    await cp.status(1, "Available")
    row = await ended(csms, "Local")
    assert (row.transaction_id, row.evse_id, row.energy_wh) == (transaction, 1, 1500)
    assert await connectors(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_004_1_CSMS")
@pytest.mark.req("1.6:4.1", "1.6:4.8")
async def test_a_session_with_the_card_first(csms: Central, cp: Station16) -> None:
    assert await cp.authorize("TAG-1") == "Accepted"
    await cp.status(1, "Preparing")
    transaction = await cp.start(1, "TAG-1")
    await cp.status(1, "Charging")
    row = await csms.session("CP-1")
    assert (row.status, row.id_token, row.transaction_id) == ("open", "TAG-1", transaction)


@pytest.mark.octt("TC_004_2_CSMS")
async def test_a_card_without_a_cable_leaves_nothing(csms: Central, cp: Station16) -> None:
    assert await cp.authorize("TAG-1") == "Accepted"
    await cp.status(1, "Preparing")
    await cp.status(1, "Available")
    assert not await csms.sessions()
    assert await connectors(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_005_1_CSMS")
@pytest.mark.req("1.6:4.10")
async def test_unplugging_at_the_car_ends_the_session(csms: Central, cp: Station16) -> None:
    transaction = await charging(cp)
    await cp.status(1, "SuspendedEV")
    await cp.stop(transaction, 800, reason="EVDisconnected", token="TAG-1")
    await cp.status(1, "Finishing")
    await cp.status(1, "Available")
    assert (await ended(csms, "EVDisconnected")).energy_wh == 800


@pytest.mark.octt("TC_007_CSMS")
@pytest.mark.req("1.6:4.8")
async def test_a_card_that_the_station_knew_already(csms: Central, cp: Station16) -> None:
    """Authorized from the cache: the start is the first that we hear of the card."""
    await cp.status(1, "Preparing")
    payload = {"connectorId": 1, "idTag": "CACHED", "meterStart": 10, "timestamp": cp.stamp()}
    answer = await cp.call("StartTransaction", payload)
    assert answer["idTagInfo"] == {"status": "Accepted"}
    await cp.status(1, "Charging")
    assert (await csms.session("CP-1")).id_token == "CACHED"


@pytest.mark.octt("TC_010_CSMS")
@pytest.mark.req("1.6:5.11")
async def test_a_remote_start_with_the_cable_in(csms: Central, cp: Station16) -> None:
    await cp.status(1, "Preparing")
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1)
    assert (told["status"], told["accepted"]) == ("Accepted", True)
    assert await cp.expected("RemoteStartTransaction") == {"idTag": "APP-1", "connectorId": 1}
    assert await cp.authorize("APP-1") == "Accepted"
    await cp.start(1, "APP-1")
    await cp.status(1, "Charging")
    row = await csms.session("CP-1")
    assert (row.status, row.id_token, row.evse_id) == ("open", "APP-1", 1)


@pytest.mark.octt("TC_011_1_CSMS")
@pytest.mark.req("1.6:5.11")
async def test_a_remote_start_before_the_cable(csms: Central, cp: Station16) -> None:
    assert (await csms.operator("CP-1", "remote_start", id_token="APP-1"))["accepted"]
    assert await cp.expected("RemoteStartTransaction") == {"idTag": "APP-1"}
    assert await cp.authorize("APP-1") == "Accepted"
    await cp.status(2, "Preparing")
    await cp.start(2, "APP-1")
    await cp.status(2, "Charging")
    row = await csms.session("CP-1")
    assert (row.status, row.id_token, row.evse_id) == ("open", "APP-1", 2)


@pytest.mark.octt("TC_011_2_CSMS")
async def test_a_remote_start_that_waits_for_the_cable_in_vain(csms: Central, cp: Station16) -> None:
    assert (await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1))["accepted"]
    await cp.status(1, "Preparing")
    await cp.status(1, "Available")
    assert not await csms.sessions()
    assert await connectors(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_012_CSMS")
@pytest.mark.req("1.6:5.12")
async def test_a_remote_stop(csms: Central, cp: Station16) -> None:
    transaction = await charging(cp)
    assert (await csms.operator("CP-1", "remote_stop", transaction_id=transaction))["accepted"]
    assert await cp.expected("RemoteStopTransaction") == {"transactionId": int(transaction)}
    await cp.stop(transaction, 700, reason="Remote")
    await cp.status(1, "Finishing")
    await cp.status(1, "Available")
    await ended(csms, "Remote")


@pytest.mark.octt("TC_023_1_CSMS", "TC_023_2_CSMS", "TC_023_3_CSMS")
@pytest.mark.req("1.6:4.1")
@pytest.mark.parametrize("status", ["Invalid", "Expired", "Blocked"])
async def test_a_card_that_may_not_charge(csms: Central, cp: Station16, status: str) -> None:
    await csms.list_token("BAD", status)
    await cp.status(1, "Preparing")
    assert await cp.authorize("BAD") == status
    assert not await csms.sessions()


@pytest.mark.octt("TC_024_CSMS")
@pytest.mark.req("1.6:4.9")
async def test_a_lock_that_fails_keeps_a_session_from_starting(csms: Central, cp: Station16) -> None:
    assert await cp.authorize("TAG-1") == "Accepted"
    await cp.status(1, "Preparing")
    assert await cp.status(1, "Faulted", errorCode="ConnectorLockFailure") == {}
    assert not await csms.sessions()
    assert await connectors(csms) == ["Faulted", "Available"]


@pytest.mark.octt("TC_026_CSMS")
@pytest.mark.req("1.6:5.11")
async def test_a_remote_start_that_is_refused_is_told(csms: Central, cp: Station16) -> None:
    await charging(cp, token="SOMEONE")
    cp.answers("RemoteStartTransaction", {"status": "Rejected"})
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1)
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert (await csms.session("CP-1")).id_token == "SOMEONE"


@pytest.mark.octt("TC_028_CSMS")
@pytest.mark.req("1.6:5.12")
async def test_a_remote_stop_that_is_refused_is_told(csms: Central, cp: Station16) -> None:
    transaction = await charging(cp)
    cp.answers("RemoteStopTransaction", {"status": "Rejected"})
    told = await csms.operator("CP-1", "remote_stop", transaction_id="4711")
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert await cp.expected("RemoteStopTransaction") == {"transactionId": 4711}
    row = await csms.session("CP-1")
    assert (row.status, row.transaction_id) == ("open", transaction)


@pytest.mark.octt("TC_032_1_CSMS")
@pytest.mark.req("1.6:4.10")
async def test_a_stop_after_a_power_failure(csms: Central, cp: Station16) -> None:
    transaction = await charging(cp)
    cp.socket.transport.abort()
    await csms.until(lambda: csms.rooms.stations.stations["CP-1"].link is None)
    assert (await csms.shown("CP-1"))["online"] is False
    await cp.connect()
    assert (await cp.boot())["status"] == "Accepted"
    await cp.status(1, "Finishing")
    await cp.stop(transaction, 600, reason="PowerLoss")
    assert (await ended(csms, "PowerLoss")).energy_wh == 600


async def _start_said_late(cp: Station16, token: str) -> dict[str, Any]:
    payload = {"connectorId": 1, "idTag": token, "meterStart": 0, "timestamp": cp.stamp(ago_s=1800)}
    return await cp.call("StartTransaction", payload)


@pytest.mark.octt("TC_037_1_CSMS")
@pytest.mark.req("1.6:4.8")
async def test_a_start_while_offline_with_a_good_card(csms: Central, cp: Station16) -> None:
    await cp.disconnect()
    await cp.connect()
    answer = await _start_said_late(cp, "TAG-1")
    assert answer["idTagInfo"]["status"] == "Accepted"
    await cp.status(1, "Charging")
    row = await csms.session("CP-1")
    assert (row.status, row.id_token) == ("open", "TAG-1")
    assert csms.clock.now() - row.started_at > timedelta(minutes=29)


@pytest.mark.octt("TC_037_3_CSMS")
@pytest.mark.req("1.6:4.8", "1.6:4.10")
async def test_a_start_while_offline_with_a_bad_card_ends_at_once(csms: Central, cp: Station16) -> None:
    await csms.list_token("BAD", "Invalid")
    await cp.disconnect()
    await cp.connect()
    answer = await _start_said_late(cp, "BAD")
    assert answer["idTagInfo"]["status"] == "Invalid"
    assert answer["transactionId"] > 0
    await cp.stop(str(answer["transactionId"]), 50, reason="DeAuthorized")
    assert (await ended(csms, "DeAuthorized", "BAD")).energy_wh == 50


@pytest.mark.octt("TC_039_CSMS")
@pytest.mark.req("1.6:4.8", "1.6:4.10")
async def test_a_session_that_passed_while_offline(csms: Central, cp: Station16) -> None:
    await cp.disconnect()
    await cp.connect()
    answer = await _start_said_late(cp, "TAG-1")
    stopped = {"timestamp": cp.stamp(ago_s=600), "meterStop": 2500}
    await cp.stop(str(answer["transactionId"]), token="TAG-1", **stopped)
    row = await ended(csms, "Local")
    assert row.energy_wh == 2500
    assert row.ended_at is not None
    assert abs(row.ended_at - row.started_at - timedelta(minutes=20)) < timedelta(seconds=10)
    assert await connectors(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_064_CSMS")
@pytest.mark.req("1.6:4.3", "1.6:3.12")
async def test_data_of_a_vendor_is_answered_and_kept(csms: Central, cp: Station16) -> None:
    answer = await cp.call("DataTransfer", {"vendorId": "com.maker", "messageId": "Hello", "data": "1;2;3"})
    assert answer["status"] in ("UnknownVendorId", "UnknownMessageId", "Rejected")
    (kept,) = await csms.notices("data_transfer")
    assert kept.detail == {"vendor_id": "com.maker", "message_id": "Hello", "data": "1;2;3"}
