"""Neutral commands as calls to 1.6 stations (OCPP 1.6 section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.charging_profile import ChargingProfile, ProfilePurpose
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
from csms.wire.schedules import encode_schedule, encode_validity
from csms.wire.translator import Payload

PURPOSES: Mapping[ProfilePurpose, str] = {
    ProfilePurpose.STATION_MAX: "ChargePointMaxProfile",
    ProfilePurpose.TX_DEFAULT: "TxDefaultProfile",
    ProfilePurpose.TX: "TxProfile",
}

_TRIGGERS = frozenset(
    {
        "BootNotification",
        "DiagnosticsStatusNotification",
        "FirmwareStatusNotification",
        "Heartbeat",
        "MeterValues",
        "StatusNotification",
    }
)

_EXTENDED_TRIGGERS: Mapping[str, str] = {
    "LogStatusNotification": "LogStatusNotification",
    "SignChargePointCertificate": "SignChargePointCertificate",
    "SignChargingStationCertificate": "SignChargePointCertificate",
}
"""Messages of the security extension have a trigger call of their own; the names of 2.0.1 are understood too."""

Calls = list[tuple[str, Payload]]


def encode(command: Command) -> Calls:
    """The calls of one command, in order; raises NotInThisVersion."""
    match command:
        case SetVariables(values):
            return [("ChangeConfiguration", {"key": key, "value": value}) for key, value in values.items()]
        case GetVariables(names):
            return [("GetConfiguration", {"key": list(names)} if names else {})]
        case RawCall(action, payload):
            return [(action, dict(payload))]
        case SendData(vendor_id, message_id, data):
            optional = {"messageId": message_id or None, "data": data or None}
            return [("DataTransfer", {"vendorId": vendor_id, **_present(optional)})]
        case RemoteStart() | SetChargingProfile() | ClearChargingProfile() | GetCompositeSchedule():
            return [_charging(command)]
        case _:
            return [_simple(command)]


def _simple(
    command: RemoteStop | Reset | Trigger | ChangeAvailability | UnlockConnector,
) -> tuple[str, Payload]:
    match command:
        case RemoteStop(transaction_id):
            return "RemoteStopTransaction", {"transactionId": _transaction_id(transaction_id)}
        case Reset(hard):
            return "Reset", {"type": "Hard" if hard else "Soft"}
        case Trigger(message, evse_id):
            return _trigger(message, evse_id)
        case ChangeAvailability(evse_id, operative):
            kind = "Operative" if operative else "Inoperative"
            return "ChangeAvailability", {"connectorId": evse_id, "type": kind}
        case UnlockConnector(evse_id):
            return "UnlockConnector", {"connectorId": evse_id}


def _charging(
    command: RemoteStart | SetChargingProfile | ClearChargingProfile | GetCompositeSchedule,
) -> tuple[str, Payload]:
    match command:
        case RemoteStart():
            return "RemoteStartTransaction", _remote_start(command)
        case SetChargingProfile(evse_id, profile):
            return "SetChargingProfile", {"connectorId": evse_id, "csChargingProfiles": _profile(profile)}
        case ClearChargingProfile(profile_id, evse_id, purpose, stack_level):
            criteria = {
                "id": profile_id,
                "connectorId": evse_id,
                "chargingProfilePurpose": PURPOSES[purpose] if purpose else None,
                "stackLevel": stack_level,
            }
            return "ClearChargingProfile", _present(criteria)
        case GetCompositeSchedule(evse_id, duration_s, unit):
            payload = {"connectorId": evse_id, "duration": duration_s}
            return "GetCompositeSchedule", payload | _present({"chargingRateUnit": unit.value if unit else None})


def _remote_start(command: RemoteStart) -> Payload:
    """A profile for the session to come cannot name its transaction yet (section 5.11)."""
    payload: Payload = {"idTag": command.id_token, **_present({"connectorId": command.evse_id or None})}
    if command.profile is not None:
        payload["chargingProfile"] = _profile(command.profile, with_transaction=False)
    return payload


def _profile(profile: ChargingProfile, *, with_transaction: bool = True) -> Payload:
    payload: Payload = {
        "chargingProfileId": profile.profile_id,
        "chargingProfilePurpose": PURPOSES[profile.purpose],
        **encode_validity(profile),
        "chargingSchedule": encode_schedule(profile),
    }
    if with_transaction and profile.transaction_id is not None:
        payload["transactionId"] = _transaction_id(profile.transaction_id)
    return payload


def _trigger(message: str, evse_id: int | None) -> tuple[str, Payload]:
    """The connector must be above 0 (section 6.51); none means all or the station."""
    connector = {"connectorId": evse_id} if evse_id else {}
    if message in _TRIGGERS:
        return "TriggerMessage", {"requestedMessage": message, **connector}
    if message in _EXTENDED_TRIGGERS:
        return "ExtendedTriggerMessage", {"requestedMessage": _EXTENDED_TRIGGERS[message], **connector}
    raise NotInThisVersion(f"OCPP 1.6 stations cannot be asked for {message}")


def _transaction_id(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NotInThisVersion(f"transactions of OCPP 1.6 are numbers, {text!r} is none") from None


def _present(members: Payload) -> Payload:
    return {key: value for key, value in members.items() if value is not None}
