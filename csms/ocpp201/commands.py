"""Neutral commands as calls to 2.0.1 stations (OCPP 2.0.1 part 2, blocks B, E, F, G, K, P)."""

from __future__ import annotations

from collections.abc import Mapping

from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose
from csms.model.command import (
    ChangeAvailability,
    ClearChargingProfile,
    Command,
    GetCompositeSchedule,
    GetTransactionStatus,
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
    if command.resume:
        raise NotInThisVersion("OCPP 2.0.1 stations cannot restart and go on with a session")
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
    fault = _forbidden(command.evse_id, command.profile)
    if fault is not None:
        raise NotInThisVersion(f"OCPP 2.0.1: {fault}")
    return [("SetChargingProfile", {"evseId": command.evse_id, "chargingProfile": _profile(command.profile)})]


def _forbidden(evse_id: int, profile: ChargingProfile) -> str | None:
    """Why a profile that 1.6 allows must not be sent to a station of 2.0.1; None when it may."""
    kind, purpose = profile.kind, profile.purpose
    if kind is not ProfileKind.RELATIVE and profile.start is None:
        return f"the schedule of a profile that is {kind} says when it starts (K01.FR.40)"
    if purpose is ProfilePurpose.TX and evse_id == 0:
        return "a TxProfile is for one EVSE, not for the station (K01.FR.16)"
    if purpose is ProfilePurpose.STATION_MAX and evse_id != 0:
        return "the maximum of a station is set on EVSE 0 (K04.FR.03)"
    if purpose is ProfilePurpose.STATION_MAX and kind is ProfileKind.RELATIVE:
        return "the maximum of a station is not relative to a session (K01.FR.38)"
    return None


def _get_composite(command: GetCompositeSchedule) -> Calls:
    payload = {"evseId": command.evse_id, "duration": command.duration_s}
    unit = command.unit.value if command.unit else None
    return [("GetCompositeSchedule", payload | present({"chargingRateUnit": unit}))]


def _request_start(command: RemoteStart) -> Calls:
    """A profile for the session to come cannot name its transaction yet (F01.FR.11)."""
    payload: Payload = {
        "idToken": {"idToken": command.id_token, "type": command.token_type},
        "remoteStartId": command.remote_start_id,
        **present({"evseId": command.evse_id or None, "groupIdToken": _group(command)}),
    }
    if command.profile is not None:
        payload["chargingProfile"] = _profile(command.profile, with_transaction=False)
    return [("RequestStartTransaction", payload)]


def _group(command: RemoteStart) -> Payload | None:
    return None if command.group_id is None else {"idToken": command.group_id, "type": command.token_type}


def _transaction_status(command: GetTransactionStatus) -> Calls:
    return [("GetTransactionStatus", present({"transactionId": command.transaction_id}))]


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
    """Connector states can only be asked for by connector (F06.FR.12, F06.FR.13)."""
    message, evse_id, connector_id = command.message, command.evse_id, command.connector_id
    if message not in _TRIGGERS:
        raise NotInThisVersion(f"OCPP 2.0.1 stations cannot be asked for {message}")
    payload: Payload = {"requestedMessage": _TRIGGERS[message]}
    if message == "StatusNotification":
        connector_id = connector_id or 1
        if not evse_id:
            raise NotInThisVersion("OCPP 2.0.1 stations tell connector states by EVSE: name one")
    if evse_id:
        payload["evse"] = {"id": evse_id, **present({"connectorId": connector_id})}
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
    GetTransactionStatus: _transaction_status,
}
