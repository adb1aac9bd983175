"""The frequent requests of 2.0.1 stations, from typed payloads; they mean what `calls` makes of the same frame."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, tzinfo
from functools import lru_cache
from math import isfinite
from operator import attrgetter
from typing import Any

from csms.model.bounds import SAMPLED_VALUES_MAX
from csms.model.inbound import Heartbeat, MeterReport, StatusReport, TransactionEvent
from csms.model.meter import Sample, Samples, Together
from csms.model.session import ChargingState
from csms.model.station import ConnectorStatus
from csms.wire.meter_values import (
    FORMS_KEPT_MAX,
    TOGETHER_MAX,
    WORD_LENGTH_MAX,
    Form,
    Forms,
    form,
    sample_time,
    scaled,
)
from csms.wire.times import parse_time
from csms.wire.typed import Translate

_HEARTBEAT = Heartbeat()
_CHARGING_STATES: Mapping[str, ChargingState] = {state.value: state for state in ChargingState}


def _heartbeat(payload: Any, received_at: datetime, zone: tzinfo) -> Heartbeat:
    return _HEARTBEAT


def _status(payload: Any, received_at: datetime, zone: tzinfo) -> StatusReport:
    return StatusReport(
        payload.evseId,
        payload.connectorId,
        ConnectorStatus(payload.connectorStatus),
        time=parse_time(payload.timestamp, zone),
    )


def _meter_values(payload: Any, received_at: datetime, zone: tzinfo) -> MeterReport | None:
    samples = _samples(payload.meterValue, received_at, zone)
    return None if samples is None else MeterReport(payload.evseId, samples)


def _transaction_event(payload: Any, received_at: datetime, zone: tzinfo) -> TransactionEvent | None:
    """Updates alone are frequent; what a token, a start or an end needs is not decided here."""
    transaction, evse = payload.transactionInfo, payload.evse
    transaction_id = transaction.transactionId.replace("\0", "")
    samples = _samples(payload.meterValue, received_at, zone)
    if samples is None or not transaction_id or payload.eventType != "Updated" or payload.idToken is not None:
        return None
    if transaction.stoppedReason:
        return None
    return TransactionEvent(
        "Updated",
        transaction_id,
        payload.seqNo,
        parse_time(payload.timestamp, zone),
        payload.triggerReason,
        evse.id if evse is not None else None,
        evse.connectorId if evse is not None else None,
        charging_state=_CHARGING_STATES.get(transaction.chargingState),
        remote_start_id=transaction.remoteStartId,
        offline=payload.offline is True,
        samples=samples,
        reservation_id=payload.reservationId or None,
        charging_s=transaction.timeSpentCharging,
        cable_max_a=payload.cableMaxCurrent,
        phases_used=payload.numberOfPhasesUsed,
    )


def _samples(values: Sequence[Any], received_at: datetime, zone: tzinfo) -> Samples | None:
    """None when there are too many, or signed ones, which are not frequent."""
    if not values:
        return ()
    together = _together(values[0], received_at, zone) if len(values) == 1 else None
    return together if together is not None else _one_by_one(values, received_at, zone)


_words = attrgetter("measurand", "phase", "context", "location", "unitOfMeasure", "signedMeterValue")
_number = attrgetter("value")


def _together(value: Any, received_at: datetime, zone: tzinfo) -> Together | None:
    """The samples of one moment, as `_one_by_one` reads them; None when something about them is unusual."""
    sampled = value.sampledValue
    if len(sampled) > TOGETHER_MAX:
        return None
    forms, numbers = _forms(tuple(map(_words, sampled))), list(map(_number, sampled))
    if forms is None or not isfinite(sum(numbers)):
        return None
    time, trusted = sample_time(value.timestamp, received_at, zone)
    return forms.samples(time, numbers, trusted=trusted)


@lru_cache(maxsize=FORMS_KEPT_MAX)
def _forms(words: tuple[tuple[Any, ...], ...]) -> Forms | None:
    """None for powers of ten, whose products are not exact, and for what is signed."""
    if any(signed is not None or (measure is not None and measure.multiplier) for *_, measure, signed in words):
        return None
    return Forms([_form(*of_value) for *of_value, _ in words])


def _form(measurand: str, phase: str, context: str, location: str, measure: Any) -> Form:
    unit = measure.unit[:WORD_LENGTH_MAX] if measure is not None else ""
    return form(measurand, phase, context, location, unit)


def _one_by_one(values: Iterable[Any], received_at: datetime, zone: tzinfo) -> tuple[Sample, ...] | None:
    samples: list[Sample] = []
    for value in values:
        time, trusted = sample_time(value.timestamp, received_at, zone)
        for sampled in value.sampledValue:
            if sampled.signedMeterValue is not None:
                return None
            measure = sampled.unitOfMeasure
            number = scaled(sampled.value, measure.multiplier if measure is not None else None)
            if number is None:
                continue
            words = _form(sampled.measurand, sampled.phase, sampled.context, sampled.location, measure)
            sample = words.sample(time, number, trusted)
            if sample is not None:
                samples.append(sample)
    return tuple(samples) if len(samples) <= SAMPLED_VALUES_MAX else None


HOT: Mapping[str, Translate] = {
    "Heartbeat": _heartbeat,
    "StatusNotification": _status,
    "MeterValues": _meter_values,
    "TransactionEvent": _transaction_event,
}
