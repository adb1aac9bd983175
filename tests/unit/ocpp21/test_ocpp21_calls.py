"""Requests of 2.1 stations where they say more than, or say otherwise, than those of 2.0.1."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms import ocpp21, ocpp201
from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import Extended, TransactionEvent
from csms.model.security import SendCertificate, SignCertificate, SigningUse
from csms.model.smart_charging import EvSchedule, ExternalLimitSet
from csms.model.v2x import TransactionTerms, V2xNeeds

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = "2026-03-01T11:59:00Z"
EVENT: dict[str, Any] = {
    "eventType": "Updated",
    "timestamp": T,
    "triggerReason": "MeterValuePeriodic",
    "seqNo": 3,
    "transactionInfo": {"transactionId": "t"},
}


def read(action: str, payload: dict[str, Any]) -> Any:
    return ocpp21.TRANSLATOR.decode_call(action, payload, NOW)


def test_an_event_without_terms_is_that_of_2_0_1() -> None:
    assert read("TransactionEvent", EVENT) == ocpp201.TRANSLATOR.decode_call("TransactionEvent", EVENT, NOW)


@pytest.mark.parametrize(
    ("of_event", "of_transaction", "terms"),
    [
        ({}, {"tariffId": "T"}, {"tariff_id": "T"}),
        ({}, {"operationMode": "Idle"}, {"operation_mode": "Idle"}),
        ({}, {"transactionLimit": {"maxEnergy": 5.0}}, {"limit": {"maxEnergy": 5.0}}),
        ({"evseSleep": False}, {}, {"evse_sleep": False}),
        ({"preconditioningStatus": "Ready"}, {}, {"preconditioning": "Ready"}),
        ({"costDetails": {"failureToCalculate": True}}, {}, {"cost": {"failureToCalculate": True}}),
    ],
)
def test_terms_stand_beside_the_event(
    of_event: dict[str, Any], of_transaction: dict[str, Any], terms: dict[str, Any]
) -> None:
    payload = {**EVENT, **of_event, "transactionInfo": {"transactionId": "t", **of_transaction}}
    message = read("TransactionEvent", payload)
    assert isinstance(message, Extended)
    assert isinstance(message.message, TransactionEvent)
    assert message.extras == (TransactionTerms("t", **terms),)


@pytest.mark.req("2.1:A02.FR.25", "2.1:A03.FR.21")
def test_a_signing_request_keeps_its_number() -> None:
    message = read("SignCertificate", {"csr": "x", "certificateType": "V2G20Certificate", "requestId": 5})
    assert message == SignCertificate("x", SigningUse.V2G_20, 5)
    calls = ocpp21.TRANSLATOR.encode_command(SendCertificate("chain", SigningUse.V2G_20, 5))
    assert calls == [
        ("CertificateSigned", {"certificateChain": "chain", "certificateType": "V2G20Certificate", "requestId": 5})
    ]
    (_, payload), *_ = ocpp21.TRANSLATOR.encode_command(SendCertificate("chain"))
    assert payload == {"certificateChain": "chain"}


def test_needs_beyond_charging_stand_beside_the_needs() -> None:
    needs = {"requestedEnergyTransfer": "DC_BPT", "v2xChargingParameters": {"maxDischargePower": 5.0}}
    message = read("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs, "timestamp": T})
    (extra,) = message.extras
    assert isinstance(extra, V2xNeeds)
    assert extra.detail == needs
    plain = {"requestedEnergyTransfer": "DC", "dcChargingParameters": {"evMaxCurrent": 1.5, "evMaxVoltage": 400.0}}
    assert not isinstance(read("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": plain}), Extended)


def test_schedules_are_read_by_what_may_flow_and_kept_as_they_came() -> None:
    periods = [
        {"startPeriod": 0, "limit": 3000.0, "limit_L2": 2000.0, "limit_L3": 1000.0},
        {"startPeriod": 60, "setpoint": -5.0},
    ]
    schedule = {"id": 1, "chargingRateUnit": "W", "chargingSchedulePeriod": periods}
    limit = read(
        "NotifyChargingLimit", {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}
    )
    assert isinstance(limit, ExternalLimitSet)
    assert limit.schedules[0].periods == ((0, 6000.0), (60, 0.0))
    assert limit.content == (schedule,)
    payload = {"timeBase": T, "evseId": 1, "chargingSchedule": schedule}
    wanted = read("NotifyEVChargingSchedule", payload)
    assert isinstance(wanted, EvSchedule)
    assert (wanted.schedule.periods, wanted.content) == (((0, 6000.0), (60, 0.0)), payload)


@pytest.mark.parametrize(
    "schedule", [None, 5, {}, {"chargingSchedulePeriod": 7}, {"chargingSchedulePeriod": [7, None]}]
)
def test_schedules_that_make_no_sense_prove_nothing(schedule: Any) -> None:
    payload = {"chargingLimit": {"chargingLimitSource": "EMS"}, "chargingSchedule": [schedule]}
    message = read("NotifyChargingLimit", payload)
    assert all(told.periods == () for told in message.schedules)


def test_what_is_sent_without_an_answer_is_no_call_and_no_other_message_is() -> None:
    with pytest.raises(PeerError) as caught:
        read("NotifyPeriodicEventStream", {})
    assert caught.value.code is RpcErrorCode.NOT_IMPLEMENTED
    with pytest.raises(PeerError):
        ocpp21.TRANSLATOR.decode_send("Heartbeat", {}, NOW)
    with pytest.raises(PeerError):
        ocpp201.TRANSLATOR.decode_send("NotifyPeriodicEventStream", {}, NOW)
