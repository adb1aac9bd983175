"""The frequent requests of 1.6 stations, from typed payloads; they mean what `calls` makes of the same frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from operator import attrgetter
from typing import Any

from csms.model.bounds import SAMPLED_VALUES_MAX
from csms.model.inbound import Heartbeat, MeterReport, StatusReport
from csms.model.meter import Sample, Samples, Together
from csms.model.station import ConnectorStatus
from csms.wire.meter_values import FORMS_KEPT_MAX, TOGETHER_MAX, Forms, form, read_number, read_numbers, sample_time
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
    values = payload.meterValue
    samples: Samples | None = _together(values[0], received_at, zone) if len(values) == 1 else None
    if samples is None:
        samples = _one_by_one(values, received_at, zone)
        if samples is None or len(samples) > SAMPLED_VALUES_MAX:
            return None
    transaction_id = "" if payload.transactionId is None else str(payload.transactionId)
    return MeterReport(payload.connectorId, samples, transaction_id)


_words = attrgetter("measurand", "phase", "context", "location", "unit", "format")
_number = attrgetter("value")


def _together(value: Any, received_at: datetime, zone: tzinfo) -> Together | None:
    """The samples of one moment, as `_one_by_one` reads them; None when something about them is unusual."""
    sampled = value.sampledValue
    if len(sampled) > TOGETHER_MAX:
        return None
    forms, numbers = _forms(tuple(map(_words, sampled))), read_numbers(list(map(_number, sampled)))
    if forms is None or numbers is None:
        return None
    time, trusted = sample_time(value.timestamp, received_at, zone)
    return forms.samples(time, numbers, trusted=trusted)


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _forms(words: tuple[tuple[str, ...], ...]) -> Forms | None:
    if any(of_data == "SignedData" for *_, of_data in words):
        return None
    return Forms([form(*of_value) for *of_value, _ in words])


def _one_by_one(values: Sequence[Any], received_at: datetime, zone: tzinfo) -> tuple[Sample, ...] | None:
    """Signed values are not frequent."""
    samples: list[Sample] = []
    for value in values:
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
    return tuple(samples)


HOT: Mapping[str, Translate] = {
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "MeterValues": _meter_values,
}
