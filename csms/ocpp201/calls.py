"""Requests of 2.0.1 stations (OCPP 2.0.1 part 2, blocks B, E, G, J, P) as neutral messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

import orjson

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import (
    Boot,
    DataTransfer,
    Heartbeat,
    MeterReport,
    StatusReport,
    TransactionEvent,
)
from csms.model.session import ChargingState, StopReason
from csms.model.station import ConnectorStatus, StationIdentity
from csms.wire.block import ReadCall
from csms.wire.meter_values import read_samples, read_signed
from csms.wire.reading import name, number, optional_name, optional_number, section, text
from csms.wire.times import parse_time
from csms.wire.translator import Payload

_KINDS = ("Started", "Updated", "Ended")


def _boot(payload: Payload, received_at: datetime, zone: tzinfo) -> Boot:
    station = section(payload, "chargingStation")
    identity = StationIdentity(
        vendor=text(station, "vendorName"),
        model=text(station, "model"),
        serial=text(station, "serialNumber"),
        firmware=text(station, "firmwareVersion"),
        iccid=text(section(station, "modem"), "iccid"),
        imsi=text(section(station, "modem"), "imsi"),
    )
    return Boot(identity, text(payload, "reason"))


def _heartbeat(payload: Payload, received_at: datetime, zone: tzinfo) -> Heartbeat:
    return Heartbeat()


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> StatusReport:
    status = optional_name(ConnectorStatus, payload.get("connectorStatus"))
    if status is None:
        raise PeerError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "connectorStatus is none that a connector can have")
    return StatusReport(
        evse_id=number(payload, "evseId"),
        connector_id=number(payload, "connectorId"),
        status=status,
        time=parse_time(payload.get("timestamp"), zone),
    )


def _transaction_event(payload: Payload, received_at: datetime, zone: tzinfo) -> TransactionEvent:
    """An event may leave out its EVSE, its state and its values (RB-56, RB-57); its name and number it must have."""
    transaction, token, evse = (
        section(payload, "transactionInfo"),
        section(payload, "idToken"),
        section(payload, "evse"),
    )
    stopped = transaction.get("stoppedReason")
    return TransactionEvent(
        kind=_kind(payload),
        transaction_id=_transaction_id(transaction),
        seq_no=number(payload, "seqNo"),
        time=parse_time(payload.get("timestamp"), zone),
        trigger=text(payload, "triggerReason"),
        evse_id=optional_number(evse, "id"),
        connector_id=optional_number(evse, "connectorId"),
        id_token=text(token, "idToken"),
        token_type=text(token, "type"),
        charging_state=optional_name(ChargingState, transaction.get("chargingState")),
        stop_reason=None if stopped is None else name(StopReason, stopped, StopReason.OTHER),
        remote_start_id=optional_number(transaction, "remoteStartId"),
        offline=payload.get("offline") is True,
        samples=read_samples(payload, "meterValue", received_at, zone),
        signed=read_signed(payload, "meterValue", received_at, zone),
        reservation_id=optional_number(payload, "reservationId") or None,  # some write 0 for none
        charging_s=optional_number(transaction, "timeSpentCharging"),
        cable_max_a=optional_number(payload, "cableMaxCurrent"),
        phases_used=optional_number(payload, "numberOfPhasesUsed"),
    )


def _kind(payload: Payload) -> str:
    kind = text(payload, "eventType")
    if kind not in _KINDS:
        raise PeerError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "eventType is Started, Updated or Ended")
    return kind


def _transaction_id(transaction: Mapping[str, object]) -> str:
    """Any text (RB-58), but not none: events without it would flow together."""
    transaction_id = text(transaction, "transactionId")
    if not transaction_id:
        raise PeerError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "transactionId is empty")
    return transaction_id


def _meter_values(payload: Payload, received_at: datetime, zone: tzinfo) -> MeterReport:
    """An EVSE that no station has is 0 here: a report is stored, never refused (SR-01)."""
    return MeterReport(
        evse_id=optional_number(payload, "evseId") or 0,
        samples=read_samples(payload, "meterValue", received_at, zone),
        signed=read_signed(payload, "meterValue", received_at, zone),
    )


def _data_transfer(payload: Payload, received_at: datetime, zone: tzinfo) -> DataTransfer:
    """Data may be any JSON in 2.0.1; what is no text is kept as its JSON text."""
    data = payload.get("data")
    written = text(payload, "data") if isinstance(data, str) or data is None else orjson.dumps(data).decode()
    return DataTransfer(text(payload, "vendorId"), text(payload, "messageId"), written)


CALLS: Mapping[str, ReadCall] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "TransactionEvent": _transaction_event,
    "MeterValues": _meter_values,
    "DataTransfer": _data_transfer,
}
