"""OCPP 1.6: what an operator asks of a station (OCA cases 013 to 061, 056 to 067, 088)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.scripted import CallError, Central, Station16

pytestmark = pytest.mark.conformance

PERIODS = [{"startPeriod": 0, "limit": 16.0}, {"startPeriod": 300, "limit": 8.0}]
ASKED_PERIODS = [{"start_s": 0, "limit": 16}, {"start_s": 300, "limit": 8}]


@pytest.fixture
def cp(cp16: Station16) -> Station16:
    return cp16


@pytest.mark.octt("TC_013_CSMS", "TC_014_CSMS")
@pytest.mark.req("1.6:5.14", "1.6:4.2")
@pytest.mark.parametrize(("hard", "kind"), [(True, "Hard"), (False, "Soft")])
async def test_a_reset_and_the_boot_after_it(csms: Central, cp: Station16, hard: bool, kind: str) -> None:
    assert (await csms.operator("CP-1", "reset", hard=hard))["accepted"]
    assert await cp.expected("Reset") == {"type": kind}
    await cp.disconnect()
    await cp.connect()
    assert (await cp.boot())["status"] == "Accepted"
    for connector in (1, 2):
        assert await cp.status(connector, "Available") == {}
    assert (await csms.shown("CP-1"))["online"]


@pytest.mark.octt("TC_017_1_CSMS", "TC_017_2_CSMS", "TC_030_CSMS", "TC_031_CSMS")
@pytest.mark.req("1.6:5.18")
@pytest.mark.parametrize(
    ("connector", "status", "accepted"),
    [(1, "Unlocked", True), (1, "NotSupported", False), (1, "UnlockFailed", False), (9, "NotSupported", False)],
    ids=["loose cable", "fixed cable", "failure", "unknown connector"],
)
async def test_unlocking_without_a_session(
    csms: Central, cp: Station16, connector: int, status: str, accepted: bool
) -> None:
    cp.answers("UnlockConnector", {"status": status})
    told = await csms.operator("CP-1", "unlock_connector", evse_id=connector)
    assert (told["status"], told["accepted"]) == (status, accepted)
    assert await cp.expected("UnlockConnector") == {"connectorId": connector}


@pytest.mark.octt("TC_018_1_CSMS")
@pytest.mark.req("1.6:5.18", "1.6:4.10")
async def test_unlocking_during_a_session_ends_it(csms: Central, cp: Station16) -> None:
    transaction = await cp.start(1, "TAG-1")
    cp.answers("UnlockConnector", {"status": "Unlocked"})
    assert (await csms.operator("CP-1", "unlock_connector", evse_id=1))["accepted"]
    await cp.stop(transaction, 300, reason="UnlockCommand")
    row = await csms.session("CP-1")
    assert (row.status, row.stop_reason) == ("ended", "UnlockCommand")


@pytest.mark.octt("TC_019_1_CSMS")
@pytest.mark.req("1.6:5.8")
async def test_all_configuration_keys(csms: Central, cp: Station16) -> None:
    known = [
        {"key": "HeartbeatInterval", "readonly": False, "value": "300"},
        {"key": "AuthorizationKey", "readonly": False},
    ]
    cp.answers("GetConfiguration", {"configurationKey": known})
    told = await csms.operator("CP-1", "get_variables")
    assert told["values"] == {"HeartbeatInterval": "300", "AuthorizationKey": None}
    assert await cp.expected("GetConfiguration") == {}


@pytest.mark.octt("TC_019_2_CSMS")
@pytest.mark.req("1.6:5.8")
async def test_one_configuration_key(csms: Central, cp: Station16) -> None:
    key = {"key": "SupportedFeatureProfiles", "readonly": True, "value": "Core,RemoteTrigger"}
    cp.answers("GetConfiguration", {"configurationKey": [key]})
    told = await csms.operator("CP-1", "get_variables", names=["SupportedFeatureProfiles"])
    assert told["values"] == {"SupportedFeatureProfiles": "Core,RemoteTrigger"}
    assert await cp.expected("GetConfiguration") == {"key": ["SupportedFeatureProfiles"]}


@pytest.mark.octt("TC_021_CSMS", "TC_040_1_CSMS", "TC_040_2_CSMS")
@pytest.mark.req("1.6:5.3")
@pytest.mark.parametrize(
    ("status", "accepted"),
    [("Accepted", True), ("RebootRequired", True), ("NotSupported", False), ("Rejected", False)],
)
async def test_changing_a_configuration_key(csms: Central, cp: Station16, status: str, accepted: bool) -> None:
    cp.answers("ChangeConfiguration", {"status": status})
    told = await csms.operator("CP-1", "set_variables", values={"MeterValueSampleInterval": "60"})
    assert (told["status"], told["accepted"]) == (status, accepted)
    assert told["values"] == {"MeterValueSampleInterval": status}
    assert await cp.expected("ChangeConfiguration") == {"key": "MeterValueSampleInterval", "value": "60"}


@pytest.mark.octt("TC_061_CSMS")
@pytest.mark.req("1.6:5.4")
@pytest.mark.parametrize(("status", "accepted"), [("Accepted", True), ("Rejected", False)])
async def test_clearing_the_cache(csms: Central, cp: Station16, status: str, accepted: bool) -> None:
    cp.answers("ClearCache", {"status": status})
    told = await csms.operator("CP-1", "call", action="ClearCache")
    assert (told["status"], told["accepted"]) == (status, accepted)
    assert await cp.expected("ClearCache") == {}


@pytest.mark.req("1.6:5.2")
@pytest.mark.parametrize("connector", [0, 2])
@pytest.mark.parametrize(("operative", "kind"), [(True, "Operative"), (False, "Inoperative")])
@pytest.mark.parametrize(("status", "accepted"), [("Accepted", True), ("Scheduled", True), ("Rejected", False)])
async def test_changing_availability(
    csms: Central, cp: Station16, connector: int, operative: bool, kind: str, status: str, accepted: bool
) -> None:
    cp.answers("ChangeAvailability", {"status": status})
    told = await csms.operator("CP-1", "change_availability", operative=operative, evse_id=connector)
    assert (told["status"], told["accepted"]) == (status, accepted)
    assert await cp.expected("ChangeAvailability") == {"connectorId": connector, "type": kind}


@pytest.mark.req("1.6:5.6", "1.6:3.12")
async def test_data_of_a_vendor_to_the_station(csms: Central, cp: Station16) -> None:
    cp.answers("DataTransfer", {"status": "Accepted", "data": "done"})
    told = await csms.operator("CP-1", "data_transfer", vendor_id="com.maker", message_id="Light", data="on")
    assert (told["status"], told["data"]) == ("Accepted", "done")
    assert await cp.expected("DataTransfer") == {"vendorId": "com.maker", "messageId": "Light", "data": "on"}


async def _send(cp: Station16, message: str) -> None:
    """The station does as asked."""
    match message:
        case "BootNotification":
            await cp.boot()
        case "Heartbeat":
            await cp.call("Heartbeat")
        case "StatusNotification":
            await cp.status(1, "Available")
        case "MeterValues":
            await cp.meter("", 4200)
        case _:
            await cp.call(message, {"status": "Idle"})


@pytest.mark.octt("TC_054_CSMS")
@pytest.mark.req("1.6:5.17")
@pytest.mark.parametrize(
    ("message", "connector"),
    [
        ("MeterValues", 1),
        ("Heartbeat", None),
        ("StatusNotification", 1),
        ("DiagnosticsStatusNotification", None),
        ("FirmwareStatusNotification", None),
        ("BootNotification", None),
    ],
)
async def test_a_message_asked_for(csms: Central, cp: Station16, message: str, connector: int | None) -> None:
    asked: dict[str, Any] = {"message": message} | ({"evse_id": connector} if connector else {})
    assert (await csms.operator("CP-1", "trigger", **asked))["accepted"]
    wanted = {"requestedMessage": message} | ({"connectorId": connector} if connector else {})
    assert await cp.expected("TriggerMessage") == wanted
    await _send(cp, message)


@pytest.mark.octt("TC_055_CSMS")
@pytest.mark.req("1.6:5.17")
@pytest.mark.parametrize("status", ["Rejected", "NotImplemented"])
async def test_a_message_asked_for_and_refused(csms: Central, cp: Station16, status: str) -> None:
    cp.answers("TriggerMessage", {"status": status})
    told = await csms.operator("CP-1", "trigger", message="MeterValues", evse_id=7)
    assert (told["status"], told["accepted"]) == (status, False)


def default_profile(csms: Central, **more: Any) -> dict[str, Any]:
    """A default for sessions to come, as an operator writes it."""
    start = csms.clock.now().replace(microsecond=0)
    profile = {"profile_id": 11, "purpose": "TxDefaultProfile", "kind": "Absolute", "unit": "A", "stack_level": 1}
    times = {"start": start.isoformat(), "valid_from": start.isoformat()}
    until = {"valid_to": (start + timedelta(hours=1)).isoformat(), "duration_s": 3600}
    return {**profile, "periods": ASKED_PERIODS, **times, **until, **more}


@pytest.mark.octt("TC_056_CSMS")
@pytest.mark.req("1.6:5.16", "1.6:5.16.4")
async def test_a_default_profile(csms: Central, cp: Station16) -> None:
    profile = default_profile(csms)
    assert (await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=profile))["accepted"]
    asked = await cp.expected("SetChargingProfile")
    sent = asked["csChargingProfiles"]
    assert (asked["connectorId"], sent["chargingProfileId"], sent["stackLevel"]) == (1, 11, 1)
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == ("TxDefaultProfile", "Absolute")
    schedule = sent["chargingSchedule"]
    assert (schedule["chargingRateUnit"], schedule["duration"]) == ("A", 3600)
    assert schedule["chargingSchedulePeriod"] == PERIODS
    assert schedule["startSchedule"] == sent["validFrom"] < sent["validTo"]
    assert "transactionId" not in sent


@pytest.mark.octt("TC_057_CSMS")
@pytest.mark.req("1.6:5.16", "1.6:5.16.3")
async def test_a_profile_for_the_running_session(csms: Central, cp: Station16) -> None:
    transaction = await cp.start(1, "TAG-1")
    profile = {"profile_id": 12, "purpose": "TxProfile", "kind": "Relative", "unit": "A", "periods": ASKED_PERIODS}
    profile["transaction_id"] = transaction
    assert (await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=profile))["accepted"]
    sent = (await cp.expected("SetChargingProfile"))["csChargingProfiles"]
    assert (sent["transactionId"], sent["chargingProfilePurpose"]) == (int(transaction), "TxProfile")
    assert "startSchedule" not in sent["chargingSchedule"]


@pytest.mark.octt("TC_059_CSMS")
@pytest.mark.req("1.6:5.16.2", "1.6:5.11")
async def test_a_profile_within_a_remote_start(csms: Central, cp: Station16) -> None:
    profile = {"profile_id": 13, "purpose": "TxProfile", "kind": "Relative", "unit": "A", "periods": ASKED_PERIODS}
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1, profile=profile)
    assert told.get("accepted"), told
    asked = await cp.expected("RemoteStartTransaction")
    assert (asked["idTag"], asked["connectorId"]) == ("APP-1", 1)
    sent = asked["chargingProfile"]
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == ("TxProfile", "Relative")
    assert "transactionId" not in sent
    await cp.start(1, "APP-1")
    assert (await csms.session("CP-1")).id_token == "APP-1"


@pytest.mark.octt("TC_066_CSMS")
@pytest.mark.req("1.6:5.7")
async def test_a_composite_schedule(csms: Central, cp: Station16) -> None:
    start = "2026-03-01T12:00:00Z"
    schedule = {"chargingRateUnit": "A", "chargingSchedulePeriod": PERIODS, "duration": 600}
    answer = {"status": "Accepted", "connectorId": 1, "scheduleStart": start, "chargingSchedule": schedule}
    cp.answers("GetCompositeSchedule", answer)
    told = await csms.operator("CP-1", "get_composite_schedule", evse_id=1, duration_s=600, unit="A")
    asked = {"connectorId": 1, "duration": 600, "chargingRateUnit": "A"}
    assert await cp.expected("GetCompositeSchedule") == asked
    assert told["composite"] == {"start": start, "unit": "A", "periods": ASKED_PERIODS}


@pytest.mark.octt("TC_067_CSMS")
@pytest.mark.req("1.6:5.5")
async def test_clearing_charging_profiles(csms: Central, cp: Station16) -> None:
    await csms.operator("CP-1", "clear_charging_profile", profile_id=11)
    assert await cp.expected("ClearChargingProfile") == {"id": 11}
    criteria = {"evse_id": 1, "purpose": "TxDefaultProfile", "stack_level": 1}
    cp.answers("ClearChargingProfile", {"status": "Unknown"})
    told = await csms.operator("CP-1", "clear_charging_profile", **criteria)
    assert (told["status"], told["accepted"]) == ("Unknown", False)
    wanted = {"connectorId": 1, "chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 1}
    assert await cp.expected("ClearChargingProfile") == wanted


@pytest.mark.req("1.6J:4.2.3", "OA-01", "OA-02")
@pytest.mark.parametrize("code", ["NotSupported", "NotImplemented"])
async def test_a_command_that_the_station_does_not_know_is_told_as_such(
    csms: Central, cp: Station16, code: str
) -> None:
    cp.answers("SetChargingProfile", CallError(code))
    told = await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=default_profile(csms))
    assert (told["code"], told["status"]) == ("call_refused", 502)
    assert code in told["detail"]


@pytest.mark.octt("TC_088_CSMS")
@pytest.mark.req("1.6J:3.1.2", "1.6J:3.2", "RB-06")
async def test_only_a_known_version_is_agreed_on(csms: Central) -> None:
    """Unknown ones: the handshake is completed without the header and closed at once (OCPP-J 1.6 section 3.2)."""
    cp = await csms.station("CP-1", "ocpp1.6", connected=False)
    await cp.connect(subprotocols=["ocpp0.1"])
    assert cp.socket.subprotocol is None
    await cp.closed()
    await cp.connect(subprotocols=["ocpp0.1", "ocpp1.6"])
    assert cp.socket.subprotocol == "ocpp1.6"
    assert (await cp.boot())["status"] == "Accepted"
