"""Requests of 1.6 stations (OCPP 1.6 sections 4 and 6, security extension) as neutral messages."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import (
    Authorize,
    Boot,
    DataTransfer,
    Heartbeat,
    MeterReport,
    SessionStarted,
    SessionStopped,
    StatusReport,
)
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, StationIdentity
from csms.wire.block import ReadCall
from csms.wire.meter_values import parse_number, read_samples, read_signed
from csms.wire.reading import name, number, optional_name, optional_number, text
from csms.wire.times import parse_time
from csms.wire.translator import Payload

TRANSACTION_ID_LENGTH_MAX = 36
"""Of an id that came as a text, as long as those of 2.0.1."""


def _boot(payload: Payload, received_at: datetime, zone: tzinfo) -> Boot:
    return Boot(
        StationIdentity(
            vendor=text(payload, "chargePointVendor"),
            model=text(payload, "chargePointModel"),
            serial=text(payload, "chargePointSerialNumber") or text(payload, "chargeBoxSerialNumber"),
            firmware=text(payload, "firmwareVersion"),
            iccid=text(payload, "iccid"),
            imsi=text(payload, "imsi"),
            meter_type=text(payload, "meterType"),
            meter_serial=text(payload, "meterSerialNumber"),
        )
    )


def _heartbeat(payload: Payload, received_at: datetime, zone: tzinfo) -> Heartbeat:
    return Heartbeat()


def _status(payload: Payload, received_at: datetime, zone: tzinfo) -> StatusReport:
    """Connector n is EVSE n with connector 1; connector 0 is the station."""
    evse_id = number(payload, "connectorId")
    status = optional_name(ConnectorStatus, payload.get("status"))
    if status is None:
        raise PeerError(RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION, "status is none that a connector can have")
    return StatusReport(
        evse_id=evse_id,
        connector_id=1 if evse_id else 0,
        status=status,
        error_code=text(payload, "errorCode"),
        info=text(payload, "info"),
        vendor_error_code=text(payload, "vendorErrorCode"),
        time=parse_time(payload.get("timestamp"), zone),
    )


def _authorize(payload: Payload, received_at: datetime, zone: tzinfo) -> Authorize:
    return Authorize(text(payload, "idTag"))


def _start(payload: Payload, received_at: datetime, zone: tzinfo) -> SessionStarted:
    return SessionStarted(
        evse_id=number(payload, "connectorId"),
        id_token=text(payload, "idTag"),
        register_wh=parse_number(payload.get("meterStart")) or 0.0,
        time=parse_time(payload.get("timestamp"), zone),
        reservation_id=optional_number(payload, "reservationId") or None,  # some write 0 for none
    )


def _stop(payload: Payload, received_at: datetime, zone: tzinfo) -> SessionStopped:
    """Without a reason it was stopped locally (section 6.49); an unknown one becomes Other."""
    reason = payload.get("reason") or StopReason.LOCAL
    return SessionStopped(
        transaction_id=_transaction_id(payload),
        register_wh=parse_number(payload.get("meterStop")) or 0.0,
        time=parse_time(payload.get("timestamp"), zone),
        reason=name(StopReason, reason, StopReason.OTHER),
        id_token=text(payload, "idTag"),
        samples=read_samples(payload, "transactionData", received_at, zone),
        signed=read_signed(payload, "transactionData", received_at, zone),
    )


def _meter_values(payload: Payload, received_at: datetime, zone: tzinfo) -> MeterReport:
    """A connector that no station has is 0 here: a report is stored, never refused (SR-01)."""
    return MeterReport(
        evse_id=optional_number(payload, "connectorId") or 0,
        samples=read_samples(payload, "meterValue", received_at, zone),
        transaction_id=_transaction_id(payload),
        signed=read_signed(payload, "meterValue", received_at, zone),
    )


def _data_transfer(payload: Payload, received_at: datetime, zone: tzinfo) -> DataTransfer:
    return DataTransfer(text(payload, "vendorId"), text(payload, "messageId"), text(payload, "data"))


def _transaction_id(payload: Payload) -> str:
    """The station's number as text, whatever its size (RB-52), also where it is one already; empty when absent."""
    value = payload.get("transactionId")
    if isinstance(value, str):
        return text(payload, "transactionId").strip()[:TRANSACTION_ID_LENGTH_MAX]
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else ""


CALLS: Mapping[str, ReadCall] = {
    "BootNotification": _boot,
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "Authorize": _authorize,
    "StartTransaction": _start,
    "StopTransaction": _stop,
    "MeterValues": _meter_values,
    "DataTransfer": _data_transfer,
}
