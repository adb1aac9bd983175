"""The frequent requests of 1.6 stations, from typed payloads; they mean what `calls` makes of the same frame."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, tzinfo
from typing import Any

from csms.model.bounds import SAMPLED_VALUES_MAX
from csms.model.inbound import Heartbeat, MeterReport, StatusReport
from csms.model.meter import Sample
from csms.model.station import ConnectorStatus
from csms.wire.meter_values import form, read_number, sample_time
from csms.wire.times import parse_time
from csms.wire.typed import Translate

_HEARTBEAT = Heartbeat()


def _heartbeat(payload: Any, received_at: datetime, zone: tzinfo) -> Heartbeat:
    return _HEARTBEAT


def _status(payload: Any, received_at: datetime, zone: tzinfo) -> StatusReport:
    evse_id = payload.connectorId
    return StatusReport(
        evse_id,
        1 if evse_id else 0,
        ConnectorStatus(payload.status),
        payload.errorCode,
        payload.info.replace("\0", ""),
        payload.vendorErrorCode.replace("\0", ""),
        parse_time(payload.timestamp, zone),
    )


def _meter_values(payload: Any, received_at: datetime, zone: tzinfo) -> MeterReport | None:
    """Signed values are not frequent."""
    samples: list[Sample] = []
    for value in payload.meterValue:
        time, trusted = sample_time(value.timestamp, received_at, zone)
        for sampled in value.sampledValue:
            if sampled.format == "SignedData":
                return None
            number = read_number(sampled.value)
            if number is None:
                continue
            words = form(sampled.measurand, sampled.phase, sampled.context, sampled.location, sampled.unit)
            sample = words.sample(time, number, trusted)
            if sample is not None:
                samples.append(sample)
    if len(samples) > SAMPLED_VALUES_MAX:
        return None
    transaction_id = "" if payload.transactionId is None else str(payload.transactionId)
    return MeterReport(payload.connectorId, tuple(samples), transaction_id)


HOT: Mapping[str, Translate] = {
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "MeterValues": _meter_values,
}
