"""Commands to 2.0.1 stations and what comes back; every call passes the schema strictly."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from ocpp.v201.enums import MessageTriggerEnumType

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
    GetTransactionStatus,
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
from csms.model.cost import UpdateCost
from csms.model.errors import NotInThisVersion, PeerError
from csms.ocpp201 import TRANSLATOR, variables
from csms.wire.codec import Codec, CommandInvalid

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)
HEARTBEAT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
TIMEOUT = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "MessageTimeout", "instance": "Default"}}
LEFT = {"component": {"name": "Connector", "instance": "left"}, "variable": {"name": "Available"}}


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
    "id": 9,
    "chargingRateUnit": "A",
    "chargingSchedulePeriod": [
        {"startPeriod": 0, "limit": 21.4, "numberPhases": 3},
        {"startPeriod": 900, "limit": 6.0},
    ],
    "startSchedule": "2026-03-01T12:00:00.000Z",
}


def written(purpose: str, **more: Any) -> dict[str, Any]:
    return {
        "id": 9,
        "stackLevel": 1,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [SCHEDULE],
        **more,
    }


TAG = {"idToken": "TAG", "type": "Central"}


@pytest.mark.parametrize(
    ("command", "action", "payload"),
    [
        (
            RemoteStart("TAG", 1, 42),
            "RequestStartTransaction",
            {"idToken": TAG, "remoteStartId": 42, "evseId": 1},
        ),
        (
            RemoteStart("04A2", remote_start_id=1, token_type="ISO14443"),
            "RequestStartTransaction",
            {"idToken": {"idToken": "04A2", "type": "ISO14443"}, "remoteStartId": 1},
        ),
        (
            RemoteStart("TAG", 1, 42, profile(ProfilePurpose.TX, "")),
            "RequestStartTransaction",
            {"idToken": TAG, "remoteStartId": 42, "evseId": 1, "chargingProfile": written("TxProfile")},
        ),
        (RemoteStop("tx-1"), "RequestStopTransaction", {"transactionId": "tx-1"}),
        (Reset(), "Reset", {"type": "OnIdle"}),
        (Reset(hard=True), "Reset", {"type": "Immediate"}),
        (Trigger("Heartbeat"), "TriggerMessage", {"requestedMessage": "Heartbeat"}),
        (Trigger("MeterValues", 1), "TriggerMessage", {"requestedMessage": "MeterValues", "evse": {"id": 1}}),
        (
            Trigger("StatusNotification", 1),
            "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 1}},
        ),
        (
            Trigger("StatusNotification", 1, 2),
            "TriggerMessage",
            {"requestedMessage": "StatusNotification", "evse": {"id": 1, "connectorId": 2}},
        ),
        (
            RemoteStart("TAG", remote_start_id=1, group_id="FLEET"),
            "RequestStartTransaction",
            {"idToken": TAG, "remoteStartId": 1, "groupIdToken": {"idToken": "FLEET", "type": "Central"}},
        ),
        (GetTransactionStatus(), "GetTransactionStatus", {}),
        (GetTransactionStatus("tx-1"), "GetTransactionStatus", {"transactionId": "tx-1"}),
        (
            Trigger("DiagnosticsStatusNotification"),
            "TriggerMessage",
            {"requestedMessage": "LogStatusNotification"},
        ),
        (
            SetVariables({"OCPPCommCtrlr.HeartbeatInterval": "60", "OCPPCommCtrlr.MessageTimeout@Default": "30"}),
            "SetVariables",
            {"setVariableData": [{**HEARTBEAT, "attributeValue": "60"}, {**TIMEOUT, "attributeValue": "30"}]},
        ),
        (GetVariables(("Connector@left.Available",)), "GetVariables", {"getVariableData": [LEFT]}),
        (
            SetChargingProfile(0, profile(ProfilePurpose.STATION_MAX)),
            "SetChargingProfile",
            {"evseId": 0, "chargingProfile": written("ChargingStationMaxProfile")},
        ),
        (
            SetChargingProfile(1, profile(ProfilePurpose.TX, "tx-1")),
            "SetChargingProfile",
            {"evseId": 1, "chargingProfile": written("TxProfile", transactionId="tx-1")},
        ),
        (ClearChargingProfile(), "ClearChargingProfile", {}),
        (ClearChargingProfile(9, 1), "ClearChargingProfile", {"chargingProfileId": 9}),
        (
            ClearChargingProfile(None, 0, ProfilePurpose.TX_DEFAULT, 0),
            "ClearChargingProfile",
            {
                "chargingProfileCriteria": {
                    "evseId": 0,
                    "chargingProfilePurpose": "TxDefaultProfile",
                    "stackLevel": 0,
                }
            },
        ),
        (GetCompositeSchedule(1, 900), "GetCompositeSchedule", {"evseId": 1, "duration": 900}),
        (
            GetCompositeSchedule(0, 900, RateUnit.W),
            "GetCompositeSchedule",
            {"evseId": 0, "duration": 900, "chargingRateUnit": "W"},
        ),
        (ChangeAvailability(False), "ChangeAvailability", {"operationalStatus": "Inoperative"}),
        (ChangeAvailability(True, 2), "ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 2}}),
        (UnlockConnector(2), "UnlockConnector", {"evseId": 2, "connectorId": 1}),
        (SendData("Acme", "m", "d"), "DataTransfer", {"vendorId": "Acme", "messageId": "m", "data": "d"}),
        (
            RawCall("GetBaseReport", {"requestId": 1, "reportBase": "FullInventory"}),
            "GetBaseReport",
            {"requestId": 1, "reportBase": "FullInventory"},
        ),
    ],
)
def test_commands(command: Command, action: str, payload: dict[str, Any]) -> None:
    assert CODEC.encode_command(command) == [(action, payload)]


@pytest.mark.parametrize("message", list(MessageTriggerEnumType))
def test_every_message_can_be_asked_for(message: MessageTriggerEnumType) -> None:
    assert CODEC.encode_command(Trigger(message.value, 1))[0][0] == "TriggerMessage"


@pytest.mark.parametrize(
    "command",
    [
        GetVariables(),
        GetVariables(("HeartbeatInterval",)),
        SetVariables({".x": "1"}),
        SetVariables({"x.": "1"}),
        Trigger("Nonsense"),
        Trigger("StatusNotification"),
        UpdateCost("tx-1"),
    ],
)
def test_what_2_0_1_does_not_have(command: Command) -> None:
    with pytest.raises(NotInThisVersion):
        CODEC.encode_command(command)


@pytest.mark.parametrize(
    "command",
    [RemoteStart("T" * 37), RemoteStop("t" * 37), SetVariables({}), RawCall("ChangeConfiguration", {})],
)
def test_what_breaks_the_schema_is_not_sent(command: Command) -> None:
    with pytest.raises(CommandInvalid):
        CODEC.encode_command(command)


@pytest.mark.parametrize("name", ["A.b", "A@i.b", "A.b@j", "A@i.b@j"])
def test_names_of_variables_go_both_ways(name: str) -> None:
    assert str(variables.read(variables.parse(name))) == name


def result(command: Command, *answers: dict[str, Any]) -> CommandResult:
    return CODEC.decode_results(command, CODEC.encode_command(command), answers)


def test_statuses() -> None:
    assert result(Reset(), {"status": "Scheduled"}).accepted
    assert not result(RemoteStop("t"), {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}).accepted
    assert (
        result(UnlockConnector(1), {"status": "OngoingAuthorizedTransaction"}).status == "OngoingAuthorizedTransaction"
    )
    answer = {"status": "Accepted", "transactionId": "tx-1"}
    assert result(RemoteStart("TAG"), answer).payload == answer
    assert result(SendData("Acme"), {"status": "Accepted", "data": {"a": 1}}).data == '{"a":1}'


def test_set_variables() -> None:
    command = SetVariables({"OCPPCommCtrlr.HeartbeatInterval": "60", "Connector@left.Available": "true"})
    accepted = {**HEARTBEAT, "attributeStatus": "Accepted"}
    reboot = {**LEFT, "attributeStatus": "RebootRequired"}
    both = result(command, {"setVariableResult": [accepted, reboot]})
    assert both.status == "RebootRequired"
    assert both.values == {"OCPPCommCtrlr.HeartbeatInterval": "Accepted", "Connector@left.Available": "RebootRequired"}
    one = result(command, {"setVariableResult": [accepted]})
    assert (one.status, one.values["Connector@left.Available"]) == ("Rejected", "Rejected")


def test_get_variables() -> None:
    command = GetVariables(("OCPPCommCtrlr.HeartbeatInterval", "Connector@left.Available", "A.b"))
    answer = result(
        command,
        {
            "getVariableResult": [
                {**HEARTBEAT, "attributeStatus": "Accepted", "attributeValue": "60", "attributeType": "Actual"},
                {**LEFT, "attributeStatus": "UnknownVariable", "attributeValue": "junk"},
            ]
        },
    )
    assert answer.status == "UnknownVariable"
    assert answer.values == {
        "OCPPCommCtrlr.HeartbeatInterval": "60",
        "Connector@left.Available": None,
        "A.b": None,
    }


COMPOSITE = GetCompositeSchedule(1, 900)


@pytest.mark.req("RB-63", "RB-64")
def test_a_composite_schedule() -> None:
    schedule = {
        "evseId": 1,
        "duration": 900,
        "scheduleStart": "2026-03-01T12:00:00Z",
        "chargingRateUnit": "A",
        "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 7.246376811594203}, {"startPeriod": 60, "limit": -1}],
    }
    composite = result(COMPOSITE, {"status": "Accepted", "schedule": schedule}).composite
    assert composite == CompositeSchedule(NOW, RateUnit.A, ((0, 7.246376811594203), (60, None)))


@pytest.mark.req("RB-61", "RB-62", "RB-65")
@pytest.mark.parametrize(
    "more",
    [
        {},
        {"schedule": {}},
        {"schedule": {"evseId": 1, "chargingRateUnit": "A", "chargingSchedulePeriod": []}},
        {"schedule": {"chargingRateUnit": "", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6}]}},
    ],
)
def test_a_composite_schedule_that_tells_nothing(more: dict[str, Any]) -> None:
    composite = result(COMPOSITE, {"status": "Accepted", **more}).composite
    assert composite is not None
    assert composite.periods == ()


def test_no_composite_schedule() -> None:
    assert result(COMPOSITE, {"status": "Rejected"}).composite is None


@pytest.mark.req("RB-25")
def test_an_answer_with_a_wrong_field_name() -> None:
    with pytest.raises(PeerError):
        result(RawCall("GetLocalListVersion"), {"listVersion": 1})
    with pytest.raises(PeerError):
        result(Reset(), {"state": "Accepted"})
