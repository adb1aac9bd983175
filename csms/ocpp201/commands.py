"""Neutral commands as calls to 2.0.1 stations (OCPP 2.0.1 part 2, blocks B, E, F, G, K, P)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.charging_profile import ChargingProfile
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
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
from csms.model.errors import NotInThisVersion
from csms.ocpp201 import variables
from csms.wire.schedules import encode_schedule, encode_validity
from csms.wire.translator import Payload

_TRIGGERS: Mapping[str, str] = {
    **{
        message: message
        for message in (
            "BootNotification",
            "LogStatusNotification",
            "FirmwareStatusNotification",
            "Heartbeat",
            "MeterValues",
            "SignChargingStationCertificate",
            "SignV2GCertificate",
            "StatusNotification",
            "TransactionEvent",
            "SignCombinedCertificate",
            "PublishFirmwareStatusNotification",
        )
    },
    "DiagnosticsStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargingStationCertificate",
}
"""MessageTriggerEnumType; the names of 1.6 are understood too."""


def encode(command: Command) -> list[tuple[str, Payload]]:
    """The one call of a command; raises NotInThisVersion."""
    match command:
        case SetVariables() | GetVariables():
            return [_variables(command)]
        case RawCall(action, payload):
            return [(action, dict(payload))]
        case SendData(vendor_id, message_id, data):
            optional = {"messageId": message_id or None, "data": data or None}
            return [("DataTransfer", {"vendorId": vendor_id, **_present(optional)})]
        case RemoteStart() | SetChargingProfile() | ClearChargingProfile() | GetCompositeSchedule():
            return [_charging(command)]
        case _:
            return [_simple(command)]


def _variables(command: SetVariables | GetVariables) -> tuple[str, Payload]:
    if isinstance(command, SetVariables):
        data = [{**variables.parse(name), "attributeValue": value} for name, value in command.values.items()]
        return "SetVariables", {"setVariableData": data}
    if not command.names:
        raise NotInThisVersion("OCPP 2.0.1 stations are asked for named variables; GetBaseReport tells them all")
    return "GetVariables", {"getVariableData": [variables.parse(name) for name in command.names]}


def _simple(
    command: RemoteStop | Reset | Trigger | ChangeAvailability | UnlockConnector,
) -> tuple[str, Payload]:
    match command:
        case RemoteStop(transaction_id):
            return "RequestStopTransaction", {"transactionId": transaction_id}
        case Reset(hard):
            return "Reset", {"type": "Immediate" if hard else "OnIdle"}
        case Trigger(message, evse_id):
            return "TriggerMessage", _trigger(message, evse_id)
        case ChangeAvailability(evse_id, operative):
            evse = {"evse": {"id": evse_id}} if evse_id else {}
            return "ChangeAvailability", {"operationalStatus": "Operative" if operative else "Inoperative", **evse}
        case UnlockConnector(evse_id, connector_id):
            return "UnlockConnector", {"evseId": evse_id, "connectorId": connector_id}


def _charging(
    command: RemoteStart | SetChargingProfile | ClearChargingProfile | GetCompositeSchedule,
) -> tuple[str, Payload]:
    match command:
        case RemoteStart():
            return "RequestStartTransaction", _request_start(command)
        case SetChargingProfile(evse_id, profile):
            return "SetChargingProfile", {"evseId": evse_id, "chargingProfile": _profile(profile)}
        case ClearChargingProfile():
            return "ClearChargingProfile", _clear(command)
        case GetCompositeSchedule(evse_id, duration_s, unit):
            payload = {"evseId": evse_id, "duration": duration_s}
            return "GetCompositeSchedule", payload | _present({"chargingRateUnit": unit.value if unit else None})


def _request_start(command: RemoteStart) -> Payload:
    """A profile for the session to come cannot name its transaction yet (F01.FR.11)."""
    payload: Payload = {
        "idToken": {"idToken": command.id_token, "type": command.token_type},
        "remoteStartId": command.remote_start_id,
        **_present({"evseId": command.evse_id or None}),
    }
    if command.profile is not None:
        payload["chargingProfile"] = _profile(command.profile, with_transaction=False)
    return payload


def _profile(profile: ChargingProfile, *, with_transaction: bool = True) -> Payload:
    payload: Payload = {
        "id": profile.profile_id,
        "chargingProfilePurpose": profile.purpose.value,
        **encode_validity(profile),
        "chargingSchedule": [{"id": profile.profile_id, **encode_schedule(profile)}],
    }
    if with_transaction and profile.transaction_id is not None:
        payload["transactionId"] = profile.transaction_id
    return payload


def _clear(command: ClearChargingProfile) -> Payload:
    """By id, or by criteria that all must match (K10.FR.03, K10.FR.04); an id needs no criteria beside it."""
    if command.profile_id is not None:
        return {"chargingProfileId": command.profile_id}
    criteria = _present(
        {
            "evseId": command.evse_id,
            "chargingProfilePurpose": command.purpose.value if command.purpose else None,
            "stackLevel": command.stack_level,
        }
    )
    return {"chargingProfileCriteria": criteria} if criteria else {}


def _trigger(message: str, evse_id: int | None) -> Payload:
    """Connector states can only be asked for by connector (F06.FR.12)."""
    if message not in _TRIGGERS:
        raise NotInThisVersion(f"OCPP 2.0.1 stations cannot be asked for {message}")
    payload: Payload = {"requestedMessage": _TRIGGERS[message]}
    if evse_id:
        payload["evse"] = {"id": evse_id, "connectorId": 1} if message == "StatusNotification" else {"id": evse_id}
    return payload


def _present(members: Payload) -> Payload:
    return {key: value for key, value in members.items() if value is not None}
