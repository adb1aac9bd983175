"""OCPP 2.0.1, block G: states of connectors, in and out of service (OCA cases TC_G)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.scripted import Central, Station201

pytestmark = pytest.mark.conformance

STATION: dict[str, Any] = {}
EVSE = {"evse_id": 1}
CONNECTOR = {"evse_id": 1, "connector_id": 1}

SCOPES = pytest.mark.parametrize(
    ("scope", "evse"),
    [(STATION, None), (EVSE, {"id": 1}), (CONNECTOR, {"id": 1, "connectorId": 1})],
    ids=["station", "evse", "connector"],
)


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


async def states(csms: Central) -> list[str]:
    return [evse["status"] for evse in (await csms.shown("CP-1"))["evses"]]


async def told_by(cp: Station201, scope: dict[str, Any], status: str) -> None:
    """The station tells every connector that has changed."""
    for evse in [scope["evse_id"]] if scope else [1, 2]:
        assert await cp.status(evse, status) == {}


@pytest.mark.octt("TC_G_03_CSMS", "TC_G_04_CSMS", "TC_G_05_CSMS", "TC_G_06_CSMS", "TC_G_07_CSMS", "TC_G_08_CSMS")
@SCOPES
async def test_out_of_service_and_back(
    csms: Central, cp: Station201, scope: dict[str, Any], evse: dict[str, int] | None
) -> None:
    target = {"evse": evse} if evse else {}
    assert (await csms.operator("CP-1", "change_availability", operative=False, **scope))["status"] == "Accepted"
    assert await cp.expected("ChangeAvailability") == {"operationalStatus": "Inoperative", **target}
    await told_by(cp, scope, "Unavailable")
    assert await states(csms) == ["Unavailable", "Available" if scope else "Unavailable"]

    assert (await csms.operator("CP-1", "change_availability", operative=True, **scope))["status"] == "Accepted"
    assert await cp.expected("ChangeAvailability") == {"operationalStatus": "Operative", **target}
    await told_by(cp, scope, "Available")
    assert await states(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_G_11_CSMS", "TC_G_14_CSMS", "TC_G_17_CSMS")
@SCOPES
async def test_out_of_service_after_the_running_session(
    csms: Central, cp: Station201, scope: dict[str, Any], evse: dict[str, int] | None
) -> None:
    transaction = await cp.start(1)
    await cp.status(1, "Occupied")
    cp.answers("ChangeAvailability", {"status": "Scheduled"})
    told = await csms.operator("CP-1", "change_availability", operative=False, **scope)
    assert (told["status"], told["accepted"]) == ("Scheduled", True)
    target = {"evse": evse} if evse else {}
    assert await cp.expected("ChangeAvailability") == {"operationalStatus": "Inoperative", **target}
    if not scope:
        await cp.status(2, "Unavailable")
    assert (await csms.session("CP-1")).status == "open"

    await cp.event("Updated", transaction, "StopAuthorized", token="TAG-1")
    await cp.event("Updated", transaction, "ChargingStateChanged", info={"chargingState": "EVConnected"})
    await cp.stop(transaction, reason="EVDisconnected", trigger="EVCommunicationLost")
    await cp.status(1, "Unavailable")
    assert (await csms.session("CP-1")).status == "ended"
    assert await states(csms) == ["Unavailable", "Available" if scope else "Unavailable"]


async def test_a_refusal_is_told(csms: Central, cp: Station201) -> None:
    cp.answers("ChangeAvailability", {"status": "Rejected"})
    told = await csms.operator("CP-1", "change_availability", operative=False)
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert await states(csms) == ["Available", "Available"]


@pytest.mark.octt("TC_G_20_CSMS")
@pytest.mark.req("G05.FR.03")
async def test_a_lock_that_fails_is_acknowledged(csms: Central, cp: Station201) -> None:
    event = {
        "eventId": 1,
        "timestamp": cp.stamp(),
        "trigger": "Delta",
        "actualValue": "true",
        "eventNotificationType": "HardWiredNotification",
        "component": {"name": "ConnectorPlugRetentionLock", "evse": {"id": 1, "connectorId": 1}},
        "variable": {"name": "Problem"},
    }
    assert await cp.call("NotifyEvent", {"generatedAt": cp.stamp(), "seqNo": 0, "eventData": [event]}) == {}
