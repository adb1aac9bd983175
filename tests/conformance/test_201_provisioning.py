"""OCPP 2.0.1, block B: boot, resets, the version agreed on (OCA cases TC_B)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


async def reboots(cp: Station201, reason: str, *statuses: str) -> None:
    """The station comes back and tells its connectors."""
    await cp.disconnect()
    await cp.connect()
    assert (await cp.boot(reason))["status"] == "Accepted"
    for evse, status in enumerate(statuses, 1):
        assert await cp.status(evse, status) == {}


async def unplugged(cp: Station201, transaction: str) -> None:
    """The driver stops with the card and pulls the cable."""
    await cp.event("Updated", transaction, "StopAuthorized", info={"chargingState": "EVConnected"}, token="TAG-1")
    info = {"chargingState": "Idle", "stoppedReason": "EVDisconnected"}
    await cp.event("Ended", transaction, "EVCommunicationLost", info=info)


@pytest.mark.octt("TC_B_01_CSMS")
@pytest.mark.req("B01.FR.02", "G02.FR.03", "FR.02")
async def test_a_cold_boot(csms: Central) -> None:
    cp = await csms.station("CP-1", "ocpp2.0.1", evses=2)
    answer = await cp.boot()
    assert (answer["status"], answer["interval"]) == ("Accepted", 300)
    for evse in (1, 2):
        assert await cp.status(evse, "Available") == {}
    assert "currentTime" in await cp.call("Heartbeat")
    shown = await csms.shown("CP-1")
    assert (shown["online"], shown["vendor"], shown["model"], shown["protocol"]) == (True, "Maker", "Two", "ocpp2.0.1")
    assert [evse["status"] for evse in shown["evses"]] == ["Available", "Available"]


@pytest.mark.octt("TC_B_20_CSMS")
async def test_reset_when_idle(csms: Central, cp: Station201) -> None:
    assert (await csms.operator("CP-1", "reset"))["status"] == "Accepted"
    assert await cp.expected("Reset") == {"type": "OnIdle"}
    await reboots(cp, "RemoteReset", "Available", "Available")


@pytest.mark.octt("TC_B_21_CSMS")
async def test_reset_when_idle_waits_for_the_session(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    cp.answers("Reset", {"status": "Scheduled"})
    told = await csms.operator("CP-1", "reset")
    assert (told["status"], told["accepted"]) == ("Scheduled", True)
    assert await cp.expected("Reset") == {"type": "OnIdle"}
    assert (await csms.session("CP-1")).status == "open"
    await unplugged(cp, transaction)
    await reboots(cp, "ScheduledReset", "Available", "Available")
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason) == ("ended", "EVDisconnected")


@pytest.mark.octt("TC_B_22_CSMS")
async def test_reset_at_once_ends_the_session(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    assert (await csms.operator("CP-1", "reset", hard=True))["status"] == "Accepted"
    assert await cp.expected("Reset") == {"type": "Immediate"}
    info = {"chargingState": "EVConnected"}
    await cp.stop(transaction, 500, reason="ImmediateReset", trigger="ResetCommand", info=info)
    await reboots(cp, "RemoteReset", "Occupied", "Available")
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason) == ("ended", "ImmediateReset")
    assert [evse["status"] for evse in (await csms.shown("CP-1"))["evses"]] == ["Occupied", "Available"]


@pytest.mark.octt("TC_B_25_CSMS")
async def test_reset_of_one_evse(csms: Central, cp: Station201) -> None:
    assert (await csms.operator("CP-1", "reset", evse_id=2))["status"] == "Accepted"
    assert await cp.expected("Reset") == {"type": "OnIdle", "evseId": 2}


@pytest.mark.octt("TC_B_26_CSMS")
async def test_reset_of_one_evse_waits_for_its_session(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(2)
    cp.answers("Reset", {"status": "Scheduled"})
    assert (await csms.operator("CP-1", "reset", evse_id=2))["status"] == "Scheduled"
    assert await cp.expected("Reset") == {"type": "OnIdle", "evseId": 2}
    await unplugged(cp, transaction)
    assert (await csms.session("CP-1")).stop_reason == "EVDisconnected"


@pytest.mark.octt("TC_B_27_CSMS")
async def test_reset_of_one_evse_at_once(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(2)
    assert (await csms.operator("CP-1", "reset", evse_id=2, hard=True))["status"] == "Accepted"
    assert await cp.expected("Reset") == {"type": "Immediate", "evseId": 2}
    info = {"chargingState": "EVConnected"}
    await cp.stop(transaction, 500, reason="ImmediateReset", trigger="ResetCommand", info=info)
    assert (await csms.session("CP-1")).stop_reason == "ImmediateReset"


@pytest.mark.req("B12.FR.10")
async def test_a_reset_that_is_refused_is_told(csms: Central, cp: Station201) -> None:
    reason: dict[str, Any] = {"reasonCode": "FwUpdateInProgress"}
    cp.answers("Reset", {"status": "Rejected", "statusInfo": reason})
    told = await csms.operator("CP-1", "reset", hard=True)
    assert (told["status"], told["accepted"], told["payload"]["statusInfo"]) == ("Rejected", False, reason)


@pytest.mark.octt("TC_B_58_CSMS")
@pytest.mark.req("2.0.1J:3.1.2", "2.0.1J:3.2", "RB-06")
async def test_only_a_known_version_is_agreed_on(csms: Central) -> None:
    """Unknown ones: no header in the answer and no connection. The test case would rather have no handshake at all,
    part 4 section 3.2 demands that it is completed and closed at once: the specification goes first.
    """
    cp = await csms.station("CP-1", "ocpp2.0.1", connected=False)
    await cp.connect(subprotocols=["ocpp0.1"])
    assert cp.socket.subprotocol is None
    await cp.closed()
    await cp.connect(subprotocols=["ocpp0.1", "ocpp2.0.1"])
    assert cp.socket.subprotocol == "ocpp2.0.1"
    assert (await cp.boot())["status"] == "Accepted"
