"""Good payloads, damaged at random: a translator gives a neutral message that can be stored, or a PeerError."""

from __future__ import annotations

import copy
from contextlib import suppress
from dataclasses import fields, is_dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import ocpp.messages
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Struct
from ocpp.exceptions import OCPPError

from csms import ocpp16, ocpp21, ocpp201
from csms.model.certificate_status import CertificateChain, CertificateChainReply, CertificateStatus
from csms.model.certificates import GetInstalledCertificates
from csms.model.charging_profile import ChargingProfile, ProfileKind, ProfilePurpose, RateUnit, SchedulePeriod
from csms.model.command import (
    ClearChargingProfile,
    Command,
    CommandResult,
    GetCompositeSchedule,
    GetVariables,
    RemoteStart,
    SendData,
    SetChargingProfile,
    SetVariables,
    Trigger,
)
from csms.model.errors import NotInThisVersion, PeerError
from csms.model.inbound import Notice
from csms.model.local_list import GetLocalListVersion
from csms.model.logs import RequestLog
from csms.model.monitoring import ClearVariableMonitoring, MonitorWanted, SetVariableMonitoring
from csms.model.payment import VatNumber, VatNumberReply
from csms.model.security import SetPassword
from csms.model.station import Protocol
from csms.wire.codec import Codec
from csms.wire.frames import Call, Send
from csms.wire.schemas import Validator

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = "2026-03-01T11:59:00Z"
TRANSLATORS = {t.protocol: t for t in (ocpp16.TRANSLATOR, ocpp201.TRANSLATOR, ocpp21.TRANSLATOR)}
CODECS = {protocol: Codec(translator) for protocol, translator in TRANSLATORS.items()}
VALUES_16 = [{"timestamp": T, "sampledValue": [{"value": "5.7", "unit": "kW", "measurand": "Power.Active.Import"}]}]
VALUES_201 = [{"timestamp": T, "sampledValue": [{"value": 5.7, "unitOfMeasure": {"unit": "kWh", "multiplier": 0}}]}]
TOKEN = {"idToken": "04A2", "type": "ISO14443"}

ABOUT = {"component": {"name": "A", "evse": {"id": 1}}, "variable": {"name": "b", "instance": "c"}}
VARIABLE = {
    **ABOUT,
    "variableAttribute": [{"type": "Target", "value": "5", "mutability": "ReadWrite"}],
    "variableCharacteristics": {"dataType": "integer", "maxLimit": 9, "supportsMonitoring": True},
}
MONITOR = {
    **ABOUT,
    "variableMonitoring": [{"id": 1, "transaction": False, "value": 2.5, "type": "Delta", "severity": 3}],
}
EVENT = {
    **ABOUT,
    "eventId": 1,
    "timestamp": T,
    "trigger": "Alerting",
    "cause": 2,
    "actualValue": "9",
    "eventNotificationType": "CustomMonitor",
    "variableMonitoringId": 1,
}
HASHED = {
    "hashAlgorithm": "SHA256",
    "issuerNameHash": "a",
    "issuerKeyHash": "b",
    "serialNumber": "c",
    "responderURL": "",
}

GOOD: list[tuple[Protocol, str, dict[str, Any]]] = [
    (Protocol.OCPP16, "BootNotification", {"chargePointVendor": "A", "chargePointModel": "B", "firmwareVersion": "1"}),
    (Protocol.OCPP16, "Heartbeat", {}),
    (Protocol.OCPP16, "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Charging"}),
    (Protocol.OCPP16, "Authorize", {"idTag": "04A2"}),
    (
        Protocol.OCPP16,
        "StartTransaction",
        {"connectorId": 1, "idTag": "04A2", "meterStart": 5, "timestamp": T, "reservationId": 2},
    ),
    (
        Protocol.OCPP16,
        "StopTransaction",
        {"transactionId": 1, "meterStop": 9, "timestamp": T, "reason": "Local", "transactionData": VALUES_16},
    ),
    (Protocol.OCPP16, "MeterValues", {"connectorId": 1, "transactionId": 1, "meterValue": VALUES_16}),
    (Protocol.OCPP16, "DataTransfer", {"vendorId": "A", "messageId": "m", "data": "d"}),
    (Protocol.OCPP16, "SecurityEventNotification", {"type": "X", "timestamp": T}),
    (Protocol.OCPP16, "FirmwareStatusNotification", {"status": "Installed"}),
    (Protocol.OCPP16, "SignedFirmwareStatusNotification", {"status": "Installed", "requestId": 4}),
    (Protocol.OCPP16, "DiagnosticsStatusNotification", {"status": "Uploaded"}),
    (Protocol.OCPP16, "LogStatusNotification", {"status": "Uploaded", "requestId": 4}),
    (Protocol.OCPP16, "SignCertificate", {"csr": "-----BEGIN"}),
    (Protocol.OCPP201, "FirmwareStatusNotification", {"status": "Installed", "requestId": 4}),
    (
        Protocol.OCPP201,
        "PublishFirmwareStatusNotification",
        {"status": "Published", "requestId": 4, "location": ["http://a/b"]},
    ),
    (Protocol.OCPP201, "LogStatusNotification", {"status": "Uploaded", "requestId": 4}),
    (Protocol.OCPP201, "SignCertificate", {"csr": "-----BEGIN", "certificateType": "V2GCertificate"}),
    (Protocol.OCPP201, "SecurityEventNotification", {"type": "X", "timestamp": T, "techInfo": "y"}),
    (
        Protocol.OCPP201,
        "GetCertificateStatus",
        {
            "ocspRequestData": {
                "hashAlgorithm": "SHA256",
                "issuerNameHash": "ab",
                "issuerKeyHash": "cd",
                "serialNumber": "7",
                "responderURL": "http://a",
            }
        },
    ),
    (
        Protocol.OCPP201,
        "Get15118EVCertificate",
        {"iso15118SchemaVersion": "urn:x", "action": "Install", "exiRequest": "AA=="},
    ),
    (
        Protocol.OCPP201,
        "BootNotification",
        {"reason": "PowerUp", "chargingStation": {"vendorName": "A", "model": "B", "serialNumber": "C"}},
    ),
    (Protocol.OCPP201, "Heartbeat", {}),
    (
        Protocol.OCPP201,
        "StatusNotification",
        {"timestamp": T, "connectorStatus": "Occupied", "evseId": 1, "connectorId": 1},
    ),
    (Protocol.OCPP201, "Authorize", {"idToken": TOKEN, "iso15118CertificateHashData": [HASHED]}),
    (
        Protocol.OCPP201,
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": T,
            "triggerReason": "MeterValuePeriodic",
            "seqNo": 3,
            "offline": False,
            "transactionInfo": {"transactionId": "t", "chargingState": "Charging", "remoteStartId": 7},
            "evse": {"id": 1, "connectorId": 1},
            "idToken": TOKEN,
            "meterValue": VALUES_201,
        },
    ),
    (Protocol.OCPP201, "MeterValues", {"evseId": 1, "meterValue": VALUES_201}),
    (Protocol.OCPP201, "DataTransfer", {"vendorId": "A", "messageId": "m", "data": {"x": [1]}}),
    (Protocol.OCPP201, "NotifyReport", {"requestId": 1, "seqNo": 0, "generatedAt": T, "reportData": [VARIABLE]}),
    (Protocol.OCPP201, "NotifyMonitoringReport", {"requestId": 1, "seqNo": 0, "generatedAt": T, "monitor": [MONITOR]}),
    (Protocol.OCPP201, "NotifyEvent", {"seqNo": 0, "generatedAt": T, "eventData": [EVENT]}),
    (Protocol.OCPP201, "NotifyCustomerInformation", {"requestId": 1, "seqNo": 0, "generatedAt": T, "data": "x"}),
    (
        Protocol.OCPP21,
        "TransactionEvent",
        {
            "eventType": "Updated",
            "timestamp": T,
            "triggerReason": "RunningCost",
            "seqNo": 3,
            "transactionInfo": {"transactionId": "t", "tariffId": "T1", "transactionLimit": {"maxCost": 5.0}},
            "evse": {"id": 1},
            "idToken": {"idToken": "04A2", "type": "DirectPayment"},
            "meterValue": VALUES_201,
            "costDetails": {
                "totalCost": {"currency": "CNY", "typeOfCost": "NormalCost", "total": {"inclTax": 3.5}},
                "totalUsage": {"energy": 2000, "chargingTime": 60, "idleTime": 0},
            },
            "preconditioningStatus": "Ready",
            "evseSleep": False,
        },
    ),
    (
        Protocol.OCPP21,
        "OpenPeriodicEventStream",
        {"constantStreamData": {"id": 1, "variableMonitoringId": 2, "params": {"interval": 60, "values": 10}}},
    ),
    (Protocol.OCPP21, "ClosePeriodicEventStream", {"id": 1}),
    (
        Protocol.OCPP21,
        "NotifyDERAlarm",
        {"controlType": "VoltVar", "gridEventFault": "OverVoltage", "timestamp": T, "extraInfo": "x"},
    ),
    (
        Protocol.OCPP21,
        "NotifyDERStartStop",
        {"controlId": "a", "started": True, "timestamp": T, "supersededIds": ["b"]},
    ),
    (
        Protocol.OCPP21,
        "ReportDERControl",
        {
            "requestId": 1,
            "tbc": True,
            "gradient": [{"id": "g", "gradient": {"priority": 0, "gradient": 1, "softGradient": 1}}],
        },
    ),
    (
        Protocol.OCPP21,
        "NotifyEVChargingNeeds",
        {
            "evseId": 1,
            "timestamp": T,
            "chargingNeeds": {
                "requestedEnergyTransfer": "DC_BPT",
                "availableEnergyTransfer": ["DC_BPT"],
                "v2xChargingParameters": {"maxDischargePower": 1.5},
            },
        },
    ),
    (Protocol.OCPP21, "NotifyPriorityCharging", {"transactionId": "t", "activated": True}),
    (Protocol.OCPP21, "PullDynamicScheduleUpdate", {"chargingProfileId": 7}),
    (
        Protocol.OCPP21,
        "BatterySwap",
        {
            "batteryData": [{"evseId": 1, "serialNumber": "B", "soC": 10, "soH": 90}],
            "eventType": "BatteryIn",
            "idToken": TOKEN,
            "requestId": 5,
        },
    ),
    (Protocol.OCPP21, "VatNumberValidation", {"vatNumber": "DE1", "evseId": 1}),
    (
        Protocol.OCPP21,
        "GetCertificateChainStatus",
        {
            "certificateStatusRequests": [
                {
                    "certificateHashData": {
                        "hashAlgorithm": "SHA256",
                        "issuerNameHash": "a",
                        "issuerKeyHash": "b",
                        "serialNumber": "c",
                    },
                    "source": "OCSP",
                    "urls": ["http://ocsp"],
                }
            ]
        },
    ),
]
STREAM = {"id": 5, "pending": 0, "basetime": T, "data": [{"t": 0, "v": "230.4"}, {"t": 1.5, "v": "230.2"}]}

TEXT = st.text(st.characters(exclude_categories=("Cs",)), max_size=60)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.sampled_from(["", "yesterday", "0", "Accepted", "Charging", "\0", "x" * 30, "x" * 3000])
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=4,
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Every place in a payload, by its path."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [*([path] if path else []), *(place for key, item in inner for place in places(item, (*path, key)))]


@st.composite
def damaged(draw: st.DrawFn, payload: dict[str, Any]) -> dict[str, Any]:
    """The payload with up to three places replaced, removed or added to."""
    changed = copy.deepcopy(payload)
    for _ in range(draw(st.integers(0, 3))):
        found = places(changed)
        if not found or draw(st.booleans()):
            changed[draw(TEXT)] = draw(VALUES)
            continue
        *way, last = draw(st.sampled_from(found))
        holder: Any = changed
        for key in way:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(VALUES)
        else:
            del holder[last]
    return changed


@st.composite
def requests(draw: st.DrawFn) -> tuple[Protocol, str, dict[str, Any]]:
    protocol, action, payload = draw(st.sampled_from(GOOD))
    return protocol, action, draw(damaged(payload))


def assert_storable(value: Any) -> None:
    """No naive time, no number that a 64-bit column refuses, no NUL."""
    if isinstance(value, Struct) or is_dataclass(value):
        names = value.__struct_fields__ if isinstance(value, Struct) else [member.name for member in fields(value)]
        for name in names:
            assert_storable(getattr(value, name))
    elif isinstance(value, tuple):
        for item in value:
            assert_storable(item)
    elif isinstance(value, datetime):
        assert value.utcoffset() == timedelta(0)
    elif isinstance(value, int):
        assert abs(value) < 2**31
    elif isinstance(value, float):
        assert abs(value) < 1e300
    elif isinstance(value, str):
        assert "\0" not in value


@pytest.mark.parametrize(("protocol", "action", "payload"), GOOD)
def test_the_payloads_to_be_damaged_are_good(protocol: Protocol, action: str, payload: dict[str, Any]) -> None:
    assert CODECS[protocol].decode_call(Call("1", action, payload), NOW).deviations == ()


@pytest.mark.req("SR-02")
@given(requests())
def test_a_message_or_a_peer_error(request: tuple[Protocol, str, dict[str, Any]]) -> None:
    protocol, action, payload = request
    with suppress(PeerError):
        message = CODECS[protocol].decode_call(Call("1", action, payload), NOW).message
        if not isinstance(message, Notice):
            assert_storable(message)


@given(st.data())
def test_a_message_without_an_answer_or_a_peer_error(data: st.DataObject) -> None:
    payload = data.draw(damaged(STREAM))
    with suppress(PeerError):
        send = Send("1", "NotifyPeriodicEventStream", payload)
        assert_storable(CODECS[Protocol.OCPP21].decode_send(send, NOW).message)
    with suppress(PeerError):
        assert_storable(ocpp21.TRANSLATOR.decode_send("NotifyPeriodicEventStream", payload, NOW))


@given(requests())
def test_an_echo_of_what_came_fits_the_answer(request: tuple[Protocol, str, dict[str, Any]]) -> None:
    """What comes back in an answer passes its strict schema, whatever was let pass in the request."""
    protocol, action, payload = request
    try:
        message = CODECS[protocol].decode_call(Call("1", action, payload), NOW).message
    except PeerError:
        return
    if isinstance(message, VatNumber):
        CODECS[protocol].encode_reply(action, VatNumberReply(False, message.number, message.evse_id, "NoRegister"))
    elif isinstance(message, CertificateChain):
        statuses: tuple[CertificateStatus, ...] = tuple("Failed" for _ in message.wanted)
        CODECS[protocol].encode_reply(action, CertificateChainReply(message.wanted, statuses, NOW))


@given(st.sampled_from(GOOD), st.dictionaries(TEXT, VALUES, max_size=4))
def test_the_translators_alone_stand_anything(
    good: tuple[Protocol, str, dict[str, Any]], payload: dict[str, Any]
) -> None:
    protocol, action, whole = good
    translator = TRANSLATORS[protocol]
    for tried in (payload, {**whole, **payload}, dict.fromkeys(whole, payload), dict.fromkeys(whole)):
        with suppress(PeerError):
            assert isinstance(translator.decode_call(action, tried, NOW), Struct)


@pytest.mark.req("HP-D7", "PAIN-21")
@given(requests())
def test_strict_checks_agree_with_the_ocpp_package(request: tuple[Protocol, str, dict[str, Any]]) -> None:
    protocol, action, payload = request
    try:
        ocpp.messages._validate_payload(ocpp.messages.Call("1", action, payload), protocol.value.removeprefix("ocpp"))
        stock_accepts = True
    except OCPPError:
        stock_accepts = False
    try:
        Validator(protocol).check_call(action, payload)
        accepts = True
    except PeerError:
        accepts = False
    assert accepts == stock_accepts


LIMITS = st.floats(0, 1e6)
PERIODS = st.lists(LIMITS, min_size=1, max_size=6).map(
    lambda limits: tuple(SchedulePeriod(900 * n, limit, 3 if n % 2 else None) for n, limit in enumerate(limits))
)
PROFILES = st.builds(
    lambda purpose, kind, unit, periods, stack: ChargingProfile(
        profile_id=1,
        stack_level=stack,
        purpose=purpose,
        kind=kind,
        unit=unit,
        periods=periods,
        start=NOW,
        transaction_id="4711" if purpose is ProfilePurpose.TX else None,
    ),
    st.sampled_from(ProfilePurpose),
    st.sampled_from(ProfileKind),
    st.sampled_from(RateUnit),
    PERIODS,
    st.integers(0, 99),
)


@pytest.mark.req("K01.FR.19", "K01.FR.20")
@pytest.mark.parametrize("protocol", list(CODECS))
@given(PROFILES, st.integers(0, 9))
def test_every_profile_passes_the_strict_schema(protocol: Protocol, profile: ChargingProfile, evse_id: int) -> None:
    if profile.purpose is ProfilePurpose.TX:
        CODECS[protocol].encode_command(RemoteStart("TAG", evse_id, 1, profile))
    try:
        (_, payload), *_ = CODECS[protocol].encode_command(SetChargingProfile(evse_id, profile))
    except NotInThisVersion:
        assert protocol is not Protocol.OCPP16
        return
    schedule = payload.get("csChargingProfiles", payload.get("chargingProfile"))["chargingSchedule"]
    periods = (schedule[0] if isinstance(schedule, list) else schedule)["chargingSchedulePeriod"]
    for period, wanted in zip(periods, profile.periods, strict=True):
        assert "phaseToUse" not in period
        assert wanted.limit - 0.1 < period["limit"] <= wanted.limit + 1e-6


HASH = {"hashAlgorithm": "SHA256", "issuerNameHash": "ab", "issuerKeyHash": "cd", "serialNumber": "7"}

ANSWERS: list[tuple[Command, dict[str, Any]]] = [
    (Trigger("Heartbeat"), {"status": "Accepted"}),
    (ClearChargingProfile(), {"status": "Unknown"}),
    (SendData("A"), {"status": "Accepted", "data": "d"}),
    (SetVariables({"A.b": "1"}), {"status": "Accepted"}),
    (
        SetVariables({"A.b": "1"}),
        {"setVariableResult": [{"attributeStatus": "Accepted", "component": {"name": "A"}, "variable": {"name": "b"}}]},
    ),
    (GetLocalListVersion(), {"versionNumber": 1, "listVersion": 1}),
    (
        ClearVariableMonitoring((1, 2)),
        {"clearMonitoringResult": [{"id": 1, "status": "Accepted"}, {"id": 2, "status": "NotFound"}]},
    ),
    (
        SetVariableMonitoring((MonitorWanted("A/1.b@c", "Delta", 3),)),
        {"setMonitoringResult": [{**ABOUT, "type": "Delta", "severity": 3, "status": "Accepted", "id": 4}]},
    ),
    (
        GetVariables(("A.b",)),
        {"configurationKey": [{"key": "A.b", "readonly": True, "value": "1"}], "unknownKey": ["c"]},
    ),
    (
        GetVariables(("A.b",)),
        {"getVariableResult": [{"attributeStatus": "Rejected", "component": {"name": "A"}, "variable": {"name": "b"}}]},
    ),
    (RequestLog(location="http://a/b"), {"status": "Accepted", "filename": "a"}),
    (RequestLog(location="http://a/b"), {"fileName": "a"}),
    (SetPassword("sixteen-letters-"), {"status": "Accepted"}),
    (
        SetPassword("sixteen-letters-"),
        {"setVariableResult": [{"attributeStatus": "Accepted", "component": {"name": "A"}, "variable": {"name": "b"}}]},
    ),
    (GetInstalledCertificates(), {"status": "Accepted", "certificateHashData": [HASH]}),
    (
        GetInstalledCertificates(),
        {
            "status": "Accepted",
            "certificateHashDataChain": [
                {
                    "certificateType": "V2GCertificateChain",
                    "certificateHashData": HASH,
                    "childCertificateHashData": [HASH],
                }
            ],
        },
    ),
    (
        GetCompositeSchedule(1, 900),
        {
            "status": "Accepted",
            "connectorId": 1,
            "scheduleStart": T,
            "chargingSchedule": {
                "chargingRateUnit": "A",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}, {"startPeriod": 60, "limit": -1}],
            },
        },
    ),
    (
        GetCompositeSchedule(1, 900),
        {
            "status": "Accepted",
            "schedule": {
                "evseId": 1,
                "duration": 900,
                "scheduleStart": T,
                "chargingRateUnit": "W",
                "chargingSchedulePeriod": [{"startPeriod": 0, "limit": 6.5}],
            },
        },
    ),
]


@pytest.mark.req("RB-25", "RB-61", "RB-62", "RB-65")
@pytest.mark.parametrize("protocol", list(CODECS))
@given(st.data())
def test_a_result_or_a_peer_error(protocol: Protocol, data: st.DataObject) -> None:
    command, answer = data.draw(st.sampled_from(ANSWERS))
    codec, told = CODECS[protocol], data.draw(damaged(answer))
    with suppress(PeerError, NotInThisVersion):
        calls = codec.encode_command(command)
        result = codec.decode_results(command, calls, [told])
        assert isinstance(result, CommandResult)
        for _, limit in result.composite.periods if result.composite else ():
            assert limit is None or limit >= 0
