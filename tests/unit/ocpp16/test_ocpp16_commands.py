"""Commands to 1.6 stations and what comes back; every call passes the schema strictly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.model.charging_profile import (
    ChargingProfile,
    CompositeSchedule,
    ProfileKind,
    ProfilePurpose,
    RateUnit,
    SchedulePeriod,
)
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    RawCall,
    RemoteStart,
    RemoteStop,
    Reset,
    SendData,
    SetChargingProfile,
    SetVariables,
    Trigger,
    UnlockConnector,
)
from csms.model.errors import NotInThisVersion, PeerError
from csms.ocpp16 import TRANSLATOR
from csms.wire.codec import Codec, CommandInvalid

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)


def profile(purpose: ProfilePurpose, transaction_id: str | None = None) -> ChargingProfile:
    periods = (SchedulePeriod(0, 21.4, 3), SchedulePeriod(900, 6.0))
    return ChargingProfile(
        profile_id=9,
        stack_level=1,
        purpose=purpose,
        kind=ProfileKind.ABSOLUTE,
        unit=RateUnit.A,
        periods=periods,
        start=NOW,
        transaction_id=transaction_id,
    )


SCHEDULE = {
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 21.4, "numberPhases": 3},
        {"startPeriod": 900, "limit": 6.0},
    ],
    "startSchedule": "2026-03-01T12:00:00.000Z",
}


def written(purpose: str, **more: Any) -> dict[str, Any]:
    return {
        "chargingProfileId": 9,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": SCHEDULE,
        **more,
    }


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (RemoteStart("TAG"), "RemoteStartTransaction", {"idTag": "TAG"}),
        (RemoteStart("TAG", 0), "RemoteStartTransaction", {"idTag": "TAG"}),
        (RemoteStart("TAG", 2), "RemoteStartTransaction", {"idTag": "TAG", "connectorId": 2}),
        (
            RemoteStart("TAG", 2, profile=profile(ProfilePurpose.TX, "")),
            "RemoteStartTransaction",
            {"idTag": "TAG", "connectorId": 2, "chargingProfile": written("TxProfile")},
        ),
        (RemoteStop("4711"), "RemoteStopTransaction", {"transactionId": 4711}),
        (Reset(), "Reset", {"type": "Soft"}),
        (Reset(hard=True), "Reset", {"type": "Hard"}),
        (Trigger("MeterValues", 1), "TriggerMessage", {"requestedMessage": "MeterValues", "connectorId": 1}),
        (Trigger("BootNotification"), "TriggerMessage", {"requestedMessage": "BootNotification"}),
        (Trigger("StatusNotification", 0), "TriggerMessage", {"requestedMessage": "StatusNotification"}),
        (Trigger("LogStatusNotification"), "ExtendedTriggerMessage", {"requestedMessage": "LogStatusNotification"}),
        (
            Trigger("SignChargingStationCertificate"),
            "ExtendedTriggerMessage",
            {"requestedMessage": "SignChargePointCertificate"},
        ),
        (GetVariables(), "GetConfiguration", {}),
        (GetVariables(("HeartbeatInterval",)), "GetConfiguration", {"key": ["HeartbeatInterval"]}),
        (
            SetChargingProfile(0, profile(ProfilePurpose.STATION_MAX)),
            "SetChargingProfile",
            {"connectorId": 0, "csChargingProfiles": written("ChargePointMaxProfile")},
        ),
        (
            SetChargingProfile(1, profile(ProfilePurpose.TX_DEFAULT)),
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": written("TxDefaultProfile")},
        ),
        (
            SetChargingProfile(1, profile(ProfilePurpose.TX, "4711")),
            "SetChargingProfile",
            {"connectorId": 1, "csChargingProfiles": written("TxProfile", transactionId=4711)},
        ),
        (ClearChargingProfile(), "ClearChargingProfile", {}),
        (
            ClearChargingProfile(9, 0, ProfilePurpose.STATION_MAX, 0),
            "ClearChargingProfile",
            {"id": 9, "connectorId": 0, "chargingProfilePurpose": "ChargePointMaxProfile", "stackLevel": 0},
        ),
        (GetCompositeSchedule(1, 900), "GetCompositeSchedule", {"connectorId": 1, "duration": 900}),
        (
            GetCompositeSchedule(1, 900, RateUnit.W),
            "GetCompositeSchedule",
            {"connectorId": 1, "duration": 900, "chargingRateUnit": "W"},
        ),
        (ChangeAvailability(False), "ChangeAvailability", {"connectorId": 0, "type": "Inoperative"}),
        (ChangeAvailability(True, 2), "ChangeAvailability", {"connectorId": 2, "type": "Operative"}),
        (UnlockConnector(2), "UnlockConnector", {"connectorId": 2}),
        (SendData("Acme"), "DataTransfer", {"vendorId": "Acme"}),
        (SendData("Acme", "m", "d"), "DataTransfer", {"vendorId": "Acme", "messageId": "m", "data": "d"}),
        (RawCall("ClearCache"), "ClearCache", {}),
    ],
)
def test_commands(command: Command, action: str, payload: dict[str, Any]) -> None:
    assert CODEC.encode_command(command) == [(action, payload)]


def test_settings_go_out_one_by_one() -> None:
    assert CODEC.encode_command(SetVariables({"HeartbeatInterval": "60", "LightIntensity": "5"})) == [
        ("ChangeConfiguration", {"key": "HeartbeatInterval", "value": "60"}),
        ("ChangeConfiguration", {"key": "LightIntensity", "value": "5"}),
    ]


@pytest.mark.parametrize(
    "command",
    [
        RemoteStop("not-a-number"),
        Trigger("TransactionEvent"),
        SetChargingProfile(1, profile(ProfilePurpose.TX, "a1b2")),
    ],
)
def test_what_1_6_does_not_have(command: Command) -> None:
    with pytest.raises(NotInThisVersion):
        CODEC.encode_command(command)


@pytest.mark.parametrize(
    "command",
    [
        RemoteStart("T" * 21),
        RawCall("ClearCache", {"now": True}),
        RawCall("GetVariables", {}),
        RawCall("Reset", {"type": "Medium"}),
        SetVariables({"k" * 51: "1"}),
    ],
)
def test_what_breaks_the_schema_is_not_sent(command: Command) -> None:
    with pytest.raises(CommandInvalid):
        CODEC.encode_command(command)


def result(command: Command, *answers: dict[str, Any]) -> CommandResult:
    return CODEC.decode_results(command, CODEC.encode_command(command), answers)


@pytest.mark.parametrize("status", ["Accepted", "Rejected"])
def test_a_status(status: str) -> None:
    answer = result(Reset(), {"status": status})
    assert (answer.status, answer.accepted, answer.payload) == (status, status == "Accepted", {"status": status})


def test_other_statuses() -> None:
    assert result(ChangeAvailability(False), {"status": "Scheduled"}).accepted
    assert result(UnlockConnector(1), {"status": "UnlockFailed"}).status == "UnlockFailed"
    assert result(ClearChargingProfile(), {"status": "Unknown"}).status == "Unknown"
    assert result(SendData("Acme"), {"status": "Accepted", "data": "x"}).data == "x"
    assert result(RawCall("GetLocalListVersion"), {"listVersion": 7}).payload == {"listVersion": 7}


@pytest.mark.req("OA-12")
def test_changed_settings() -> None:
    command = SetVariables({"a": "1", "b": "2", "c": "3"})
    answer = result(command, {"status": "Accepted"}, {"status": "RebootRequired"}, {"status": "NotSupported"})
    assert answer.status == "NotSupported"
    assert answer.values == {"a": "Accepted", "b": "RebootRequired", "c": "NotSupported"}
    assert result(SetVariables({"a": "1"}), {"status": "RebootRequired"}).accepted


@pytest.mark.req("RB-33", "OA-09", "OA-10")
def test_configuration() -> None:
    answer = result(
        GetVariables(("HeartbeatInterval", "AuthorizationKey", "Nonsense", "Forgotten")),
        {
            "configurationKey": [
                {"key": "HeartbeatInterval", "readonly": False, "value": "60"},
                {"key": "AuthorizationKey", "readonly": False},
                {"key": "NotAskedFor", "readonly": True, "value": "v" * 501},
            ],
            "unknownKey": ["Nonsense"],
        },
    )
    assert answer.status == "Accepted"
    assert answer.values == {
        "HeartbeatInterval": "60",
        "AuthorizationKey": None,
        "Nonsense": None,
        "Forgotten": None,
        "NotAskedFor": "v" * 501,
    }
    assert result(GetVariables(), {}).values == {}


@pytest.mark.req("SR-02", "RB-33")
def test_keys_that_are_written_badly() -> None:
    told = [{"key": "A", "readonly": "false", "value": 3}, {"key": "B", "value": True}, {"key": "C", "value": None}]
    answer = result(GetVariables(), {"configurationKey": told, "unknownKey": None})
    assert answer.values == {"A": "3", "B": "true", "C": None}


COMPOSITE = GetCompositeSchedule(1, 900)


def test_a_composite_schedule() -> None:
    schedule = {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 11000.0}]}
    told = {
        "status": "Accepted",
        "connectorId": 1,
        "scheduleStart": "2026-03-01T12:00:00Z",
        "chargingSchedule": schedule,
    }
    assert result(COMPOSITE, told).composite == CompositeSchedule(NOW, RateUnit.W, ((0, 11000.0),))


def test_the_start_may_stand_inside() -> None:
    schedule = {
        "chargingRateUnit": "W",
        "startSchedule": "2026-03-01T12:00:00Z",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 0}],
    }
    told = {"status": "Accepted", "chargingSchedule": schedule}
    assert result(COMPOSITE, told).composite == CompositeSchedule(NOW, RateUnit.W, ((0, 0.0),))


@pytest.mark.req("RB-61", "RB-62")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"chargingSchedule": {}},
        {"chargingSchedule": {"chargingRateUnit": "A", "chargingSchedulePeriod": []}, "scheduleStart": "0"},
    ],
)
def test_a_composite_schedule_that_tells_nothing(more: dict[str, Any]) -> None:
    composite = result(COMPOSITE, {"status": "Accepted", **more}).composite
    assert composite is not None
    assert composite.periods == ()


def test_no_composite_schedule() -> None:
    assert result(COMPOSITE, {"status": "Rejected"}).composite is None


def test_an_answer_without_its_status() -> None:
    with pytest.raises(PeerError):
        result(Reset(), {})
