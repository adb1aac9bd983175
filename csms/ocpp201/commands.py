"""Neutral commands as calls to 2.0.1 stations (OCPP 2.0.1 part 2, blocks B, E, F, G, K, P)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.charging_profile import ChargingProfile
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


def _send_data(command: SendData) -> Calls:
    optional = {"messageId": command.message_id or None, "data": command.data or None}
    return [("DataTransfer", {"vendorId": command.vendor_id, **present(optional)})]


def _remote_stop(command: RemoteStop) -> Calls:
    return [("RequestStopTransaction", {"transactionId": command.transaction_id})]


def _reset(command: Reset) -> Calls:
    kind = "Immediate" if command.hard else "OnIdle"
    return [("Reset", {"type": kind, **present({"evseId": command.evse_id})})]


def _change_availability(command: ChangeAvailability) -> Calls:
    """The station, an EVSE or a connector of it (G03.FR.01 and following)."""
    status = "Operative" if command.operative else "Inoperative"
    evse = {"id": command.evse_id, **present({"connectorId": command.connector_id})} if command.evse_id else None
    return [("ChangeAvailability", {"operationalStatus": status, **present({"evse": evse})})]


def _unlock(command: UnlockConnector) -> Calls:
    return [("UnlockConnector", {"evseId": command.evse_id, "connectorId": command.connector_id})]


def _set_profile(command: SetChargingProfile) -> Calls:
    return [("SetChargingProfile", {"evseId": command.evse_id, "chargingProfile": _profile(command.profile)})]


def _get_composite(command: GetCompositeSchedule) -> Calls:
    payload = {"evseId": command.evse_id, "duration": command.duration_s}
    unit = command.unit.value if command.unit else None
    return [("GetCompositeSchedule", payload | present({"chargingRateUnit": unit}))]


def _request_start(command: RemoteStart) -> Calls:
    """A profile for the session to come cannot name its transaction yet (F01.FR.11)."""
    payload: Payload = {
        "idToken": {"idToken": command.id_token, "type": command.token_type},
        "remoteStartId": command.remote_start_id,
        **present({"evseId": command.evse_id or None}),
    }
    if command.profile is not None:
        payload["chargingProfile"] = _profile(command.profile, with_transaction=False)
    return [("RequestStartTransaction", payload)]


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


def _clear_profile(command: ClearChargingProfile) -> Calls:
    """By id, or by criteria that all must match (K10.FR.03, K10.FR.04); an id needs no criteria beside it."""
    if command.profile_id is not None:
        return [("ClearChargingProfile", {"chargingProfileId": command.profile_id})]
    criteria = present(
        {
            "evseId": command.evse_id,
            "chargingProfilePurpose": command.purpose.value if command.purpose else None,
            "stackLevel": command.stack_level,
        }
    )
    return [("ClearChargingProfile", {"chargingProfileCriteria": criteria} if criteria else {})]


def _trigger(command: Trigger) -> Calls:
    """Connector states can only be asked for by connector (F06.FR.12)."""
    message, evse_id = command.message, command.evse_id
    if message not in _TRIGGERS:
        raise NotInThisVersion(f"OCPP 2.0.1 stations cannot be asked for {message}")
    payload: Payload = {"requestedMessage": _TRIGGERS[message]}
    if evse_id:
        payload["evse"] = {"id": evse_id, "connectorId": 1} if message == "StatusNotification" else {"id": evse_id}
    return [("TriggerMessage", payload)]


COMMANDS: Mapping[type[Command], WriteCommand] = {
    SendData: _send_data,
    RemoteStart: _request_start,
    RemoteStop: _remote_stop,
    Reset: _reset,
    Trigger: _trigger,
    ChangeAvailability: _change_availability,
    UnlockConnector: _unlock,
    SetChargingProfile: _set_profile,
    ClearChargingProfile: _clear_profile,
    GetCompositeSchedule: _get_composite,
}
