"""Neutral commands as calls to 1.6 stations (OCPP 1.6 section 5)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.charging_profile import ChargingProfile, ProfilePurpose
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    RemoteStart,
    RemoteStop,
    Reset,
    SendData,
    SetChargingProfile,
    Trigger,
    UnlockConnector,
)
from csms.model.errors import NotInThisVersion
from csms.wire.block import Calls, WriteCommand, present
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


def _send_data(command: SendData) -> Calls:
    optional = {"messageId": command.message_id or None, "data": command.data or None}
    return [("DataTransfer", {"vendorId": command.vendor_id, **present(optional)})]


def _remote_stop(command: RemoteStop) -> Calls:
    return [("RemoteStopTransaction", {"transactionId": _transaction_id(command.transaction_id)})]


def _reset(command: Reset) -> Calls:
    if command.evse_id is not None:
        raise NotInThisVersion("OCPP 1.6 stations restart as a whole")
    if command.resume:
        raise NotInThisVersion("OCPP 1.6 stations cannot restart and go on with a session")
    return [("Reset", {"type": "Hard" if command.hard else "Soft"})]


def _change_availability(command: ChangeAvailability) -> Calls:
    """Connector n of 1.6 is EVSE n, which has one connector."""
    kind = "Operative" if command.operative else "Inoperative"
    return [("ChangeAvailability", {"connectorId": command.evse_id, "type": kind})]


def _unlock(command: UnlockConnector) -> Calls:
    return [("UnlockConnector", {"connectorId": command.evse_id})]


def _set_profile(command: SetChargingProfile) -> Calls:
    payload = {"connectorId": command.evse_id, "csChargingProfiles": _profile(command.profile)}
    return [("SetChargingProfile", payload)]


def _clear_profile(command: ClearChargingProfile) -> Calls:
    criteria = {
        "id": command.profile_id,
        "connectorId": command.evse_id,
        "chargingProfilePurpose": PURPOSES[command.purpose] if command.purpose else None,
        "stackLevel": command.stack_level,
    }
    return [("ClearChargingProfile", present(criteria))]


def _get_composite(command: GetCompositeSchedule) -> Calls:
    payload = {"connectorId": command.evse_id, "duration": command.duration_s}
    unit = command.unit.value if command.unit else None
    return [("GetCompositeSchedule", payload | present({"chargingRateUnit": unit}))]


def _remote_start(command: RemoteStart) -> Calls:
    """A profile for the session to come cannot name its transaction yet (section 5.11)."""
    payload: Payload = {"idTag": command.id_token, **present({"connectorId": command.evse_id or None})}
    if command.profile is not None:
        payload["chargingProfile"] = _profile(command.profile, with_transaction=False)
    return [("RemoteStartTransaction", payload)]


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


def _trigger(command: Trigger) -> Calls:
    """The connector must be above 0 (section 6.51); none means all or the station."""
    message = command.message
    connector = {"connectorId": command.evse_id} if command.evse_id else {}
    if message in _TRIGGERS:
        return [("TriggerMessage", {"requestedMessage": message, **connector})]
    if message in _EXTENDED_TRIGGERS:
        return [("ExtendedTriggerMessage", {"requestedMessage": _EXTENDED_TRIGGERS[message], **connector})]
    known = ", ".join(sorted({*_TRIGGERS, *_EXTENDED_TRIGGERS.values()}))
    raise NotInThisVersion(f"OCPP 1.6 stations cannot be asked for {message}, only for {known}")


def _transaction_id(text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise NotInThisVersion(f"transactions of OCPP 1.6 are numbers, {text!r} is none") from None


COMMANDS: Mapping[type[Command], WriteCommand] = {
    SendData: _send_data,
    RemoteStart: _remote_start,
    RemoteStop: _remote_stop,
    Reset: _reset,
    Trigger: _trigger,
    ChangeAvailability: _change_availability,
    UnlockConnector: _unlock,
    SetChargingProfile: _set_profile,
    ClearChargingProfile: _clear_profile,
    GetCompositeSchedule: _get_composite,
}
