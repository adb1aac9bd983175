"""Schemas: strict outward, lenient inward, and the same error codes as the `ocpp` package."""

from __future__ import annotations

from typing import Any

import ocpp.messages
import pytest
from ocpp.exceptions import OCPPError

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.station import Protocol
from csms.wire.schemas import Deviation, Validator

V16 = Validator(Protocol.OCPP16)
V201 = Validator(Protocol.OCPP201)
BOOT_16 = {"chargePointVendor": "Vendor", "chargePointModel": "Model"}
STATUS_16 = {"connectorId": 1, "errorCode": "NoError", "status": "Available"}
STOP_16 = {"transactionId": 5, "meterStop": 10, "timestamp": "2026-01-01T00:00:00Z"}
STATUS_201 = {"timestamp": "2026-01-01T00:00:00Z", "connectorStatus": "Available", "evseId": 1, "connectorId": 1}


def code_of(validator: Validator, action: str, payload: dict[str, Any], *, lenient: bool = False) -> RpcErrorCode:
    with pytest.raises(PeerError) as caught:
        validator.check_call(action, payload, lenient=lenient)
    return caught.value.code


def test_good_payloads_pass() -> None:
    assert V16.check_call("BootNotification", BOOT_16) == ()
    assert V201.check_call("StatusNotification", STATUS_201) == ()
    assert V16.check_result("Reset", {"status": "Accepted"}) == ()


def test_actions_are_known_by_version() -> None:
    assert V16.knows("StartTransaction")
    assert not V201.knows("StartTransaction")
    assert V201.knows("TransactionEvent")
    assert not V16.knows("StartTransactionResponse")
    assert not V201.knows("TransactionEventRequest")
    assert not V16.knows("../v201/schemas/Reset")
    assert Validator(Protocol.OCPP21).knows("NotifyPriorityCharging")


@pytest.mark.parametrize("action", ["Nonsense", "", "BootNotificationResponse", "../__init__"])
def test_unknown_actions_are_not_implemented(action: str) -> None:
    assert code_of(V16, action, {}) is RpcErrorCode.NOT_IMPLEMENTED
    assert code_of(V201, action, {}, lenient=True) is RpcErrorCode.NOT_IMPLEMENTED


FAULTS: list[tuple[str, dict[str, Any]]] = [
    ("BootNotification", {"chargePointVendor": "only"}),
    ("BootNotification", {**BOOT_16, "chargePointModel": 5}),
    ("BootNotification", {**BOOT_16, "chargePointModel": None}),
    ("BootNotification", {**BOOT_16, "chargePointSerialNumber": "s" * 26}),
    ("BootNotification", {**BOOT_16, "colour": "red"}),
    ("StatusNotification", {**STATUS_16, "status": "Sleeping"}),
    ("StatusNotification", {**STATUS_16, "connectorId": "1"}),
    ("StatusNotification", {**STATUS_16, "connectorId": 1.5}),
    ("StopTransaction", {**STOP_16, "reason": "Because"}),
    ("StopTransaction", {**STOP_16, "transactionData": [{"timestamp": "2026-01-01T00:00:00Z"}]}),
    ("MeterValues", {"connectorId": 1, "meterValue": []}),
]


@pytest.mark.req("2.0.1J:4.1.7", "2.0.1J:4.3", "FR.03")
@pytest.mark.parametrize(("action", "payload"), FAULTS)
def test_codes_are_those_of_the_ocpp_package(action: str, payload: dict[str, Any]) -> None:
    call = ocpp.messages.Call("1", action, payload)
    with pytest.raises(OCPPError) as stock:
        ocpp.messages._validate_payload(call, "1.6")
    assert code_of(V16, action, payload).value == stock.value.code


def test_the_description_names_the_place_and_stays_short() -> None:
    payload = {
        "connectorId": 1,
        "meterValue": [{"timestamp": "x", "sampledValue": [{"value": "y" * 400}, {"value": 7}]}],
    }
    with pytest.raises(PeerError) as caught:
        V16.check_call("MeterValues", payload)
    assert caught.value.description.startswith("MeterValues/meterValue/0/sampledValue/1/value:")
    with pytest.raises(PeerError) as caught:
        V16.check_call("StatusNotification", {**STATUS_16, "status": "z" * 5000})
    assert len(caught.value.description) == 255


@pytest.mark.req("RB-18", "SR-02", "PAIN-20")
def test_long_texts_and_strange_properties_pass_leniently() -> None:
    payload = {**BOOT_16, "chargePointVendor": "", "chargePointSerialNumber": "s" * 26, "iccid": "", "colour": "red"}
    assert set(V16.check_call("BootNotification", payload, lenient=True)) == {
        Deviation("maxLength", "chargePointSerialNumber"),
        Deviation("additionalProperties", ""),
    }


def test_texts_without_end_do_not_pass() -> None:
    payload = {**BOOT_16, "chargePointSerialNumber": "s" * 2501}
    assert code_of(V16, "BootNotification", payload, lenient=True) is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.req("RB-28")
def test_an_extra_property_passes() -> None:
    payload = {"idTag": "A", "connectorId": 1}
    assert V16.check_call("Authorize", payload, lenient=True) == (Deviation("additionalProperties", ""),)


@pytest.mark.req("RB-31")
def test_an_unknown_error_code_passes_but_an_unknown_state_does_not() -> None:
    assert V16.check_call("StatusNotification", {**STATUS_16, "errorCode": "Error"}, lenient=True)
    payload = {**STATUS_16, "status": "Sleeping"}
    assert code_of(V16, "StatusNotification", payload, lenient=True) is RpcErrorCode.FORMAT_VIOLATION


@pytest.mark.req("RB-42", "RB-43", "RB-44", "SR-01", "PAIN-20")
def test_bad_samples_pass_so_that_they_can_be_dropped_one_by_one() -> None:
    values = [{"value": ""}, {"value": 5}, {"measurand": "SoC"}, {"value": "1", "unit": "Hz", "context": "CurrentMax"}]
    payload = {"connectorId": 1, "meterValue": [{"timestamp": 5, "sampledValue": values}, {"sampledValue": []}, "x"]}
    found = V16.check_call("MeterValues", payload, lenient=True)
    assert Deviation("enum", "meterValue/*/sampledValue/*/unit") in found
    assert V16.check_call("MeterValues", {"connectorId": 1, "meterValue": []}, lenient=True)
    assert V16.check_call("StopTransaction", {**STOP_16, "transactionData": [{}]}, lenient=True)
    assert code_of(V16, "MeterValues", {"connectorId": 1}, lenient=True) is RpcErrorCode.PROTOCOL_ERROR


@pytest.mark.req("OA-22")
def test_unknown_progress_words_pass() -> None:
    assert V16.check_call("FirmwareStatusNotification", {"status": "Unpacking"}, lenient=True)


@pytest.mark.req("RB-34")
def test_messages_of_1_6_are_no_messages_of_2_0_1() -> None:
    assert code_of(V201, "BootNotification", BOOT_16, lenient=True) in (
        RpcErrorCode.PROTOCOL_ERROR,
        RpcErrorCode.FORMAT_VIOLATION,
    )
    assert code_of(V201, "StartTransaction", {}, lenient=True) is RpcErrorCode.NOT_IMPLEMENTED


@pytest.mark.req("SR-05", "HP-D7", "PAIN-22")
@pytest.mark.parametrize("timestamp", [{"timestamp": "yesterday"}, {"timestamp": 0}, {"timestamp": None}, {}])
def test_nothing_is_refused_for_its_time(timestamp: dict[str, Any]) -> None:
    V16.check_call("StopTransaction", {"transactionId": 5, "meterStop": 10, **timestamp}, lenient=True)
    V16.check_call("StatusNotification", {**STATUS_16, **timestamp}, lenient=True)
    event = {"connectorStatus": "Available", "evseId": 1, "connectorId": 1, **timestamp}
    V201.check_call("StatusNotification", event, lenient=True)


@pytest.mark.req("RB-28")
@pytest.mark.parametrize("validator", [V16, V201])
def test_even_an_empty_message_may_have_strange_properties(validator: Validator) -> None:
    assert validator.check_call("Heartbeat", {"uptime": 5}, lenient=True)


@pytest.mark.req("RB-58")
def test_transaction_ids_must_come_back_whole() -> None:
    event = {
        "eventType": "Updated",
        "timestamp": "2026-01-01T00:00:00Z",
        "triggerReason": "Whim",
        "seqNo": 1,
        "transactionInfo": {"transactionId": "a" * 34},
    }
    assert V201.check_call("TransactionEvent", event, lenient=True) == (Deviation("enum", "triggerReason"),)
    event["transactionInfo"] = {"transactionId": "a" * 37}
    assert code_of(V201, "TransactionEvent", event, lenient=True) is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.parametrize(("validator", "payload"), [(V16, STATUS_16), (V201, STATUS_201)])
def test_whole_numbers_with_a_point_pass_leniently_in_every_version(
    validator: Validator, payload: dict[str, Any]
) -> None:
    payload = {**payload, "connectorId": 1.0}
    assert code_of(validator, "StatusNotification", payload) is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION
    found = validator.check_call("StatusNotification", payload, lenient=True)
    assert found == (Deviation("integer", "connectorId"),)
    half = {**payload, "connectorId": 1.5}
    code = code_of(validator, "StatusNotification", half, lenient=True)
    assert code is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


def test_a_transaction_id_with_a_point_does_not_pass() -> None:
    code = code_of(V16, "StopTransaction", {**STOP_16, "transactionId": 5.0}, lenient=True)
    assert code is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.req("RB-25", "OA-06")
def test_an_answer_with_a_wrong_field_name_is_refused() -> None:
    with pytest.raises(PeerError):
        V201.check_result("GetLocalListVersion", {"listVersion": 3}, lenient=True)


@pytest.mark.req("RB-61", "RB-62", "RB-63", "RB-64", "RB-65")
@pytest.mark.parametrize(
    "schedule",
    [
        {},
        {"chargingRateUnit": "A", "chargingSchedulePeriod": []},
        {"chargingRateUnit": "", "chargingSchedulePeriod": [{"startPeriod": 1006632455, "limit": 7.246376811594203}]},
        {"chargingRateUnit": "W", "chargingSchedulePeriod": [{"startPeriod": 0, "limit": -1, "numberPhases": -1}]},
    ],
)
def test_odd_composite_schedules_pass(schedule: dict[str, Any]) -> None:
    for validator, key in ((V16, "chargingSchedule"), (V201, "schedule")):
        validator.check_result("GetCompositeSchedule", {"status": "Accepted", key: schedule}, lenient=True)


def test_an_unknown_status_in_an_answer_is_shown_not_refused() -> None:
    assert V201.check_result("SetChargingProfile", {"status": "NotSupported"}, lenient=True)
    with pytest.raises(PeerError):
        V201.check_result("SetChargingProfile", {"status": 5}, lenient=True)


@pytest.mark.parametrize(("limit", "good"), [(21.4, True), (16, True), (0.1, True), (32.0, True), (4.11, False)])
def test_limits_have_one_decimal(limit: float, good: bool) -> None:
    profile = {
        "chargingProfileId": 1,
        "stackLevel": 0,
        "chargingProfilePurpose": "TxDefaultProfile",
        "chargingProfileKind": "Absolute",
        "chargingSchedule": {
            "chargingRateUnit": "A",
            "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}],
        },
    }
    payload = {"connectorId": 1, "csChargingProfiles": profile}
    if good:
        assert V16.check_call("SetChargingProfile", payload) == ()
    else:
        assert code_of(V16, "SetChargingProfile", payload) is RpcErrorCode.FORMAT_VIOLATION


@pytest.mark.parametrize("protocol", list(Protocol))
def test_every_schema_compiles(protocol: Protocol) -> None:
    validator = Validator(protocol)
    names = {name for action in validator._actions for name in (validator._request(action), f"{action}Response")}
    assert len(names) == {Protocol.OCPP16: 78, Protocol.OCPP201: 128}.get(protocol, len(names))
    for name in names:
        validator._compile(name)


@pytest.mark.req("SR-01", "SR-02")
@pytest.mark.parametrize(
    ("action", "payload", "odd"),
    [
        ("StopTransaction", {**STOP_16, "idTag": None, "reason": None}, {"idTag", "reason"}),
        ("StatusNotification", {**STATUS_16, "info": None}, {"info"}),
        ("MeterValues", {"connectorId": 1, "transactionId": None, "meterValue": []}, {"transactionId"}),
    ],
)
def test_what_is_null_is_absent(action: str, payload: dict[str, Any], odd: set[str]) -> None:
    assert code_of(V16, action, payload) is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION
    found = V16.check_call(action, payload, lenient=True)
    assert {deviation.path for deviation in found if deviation.keyword == "null"} == odd


def test_null_for_what_must_be_there_does_not_pass() -> None:
    assert code_of(V16, "Authorize", {"idTag": None}, lenient=True) is RpcErrorCode.PROTOCOL_ERROR


@pytest.mark.req("SR-01")
@pytest.mark.parametrize("register", [10.5, "10", "10.5 Wh"])
def test_a_stop_is_not_refused_for_how_its_numbers_are_written(register: object) -> None:
    payload = {**STOP_16, "meterStop": register, "transactionId": "5"}
    assert V16.check_call("StopTransaction", payload, lenient=True)
    nested = {**STOP_16, "meterStop": {"value": 1}}
    assert code_of(V16, "StopTransaction", nested, lenient=True) is RpcErrorCode.TYPE_CONSTRAINT_VIOLATION


@pytest.mark.req("SR-02", "RB-33")
def test_a_bad_key_does_not_cost_the_others() -> None:
    keys = [{"key": "A", "readonly": "false", "value": 3}, {"key": "B", "value": None}, "C"]
    assert V16.check_result("GetConfiguration", {"configurationKey": keys, "unknownKey": None}, lenient=True)
    assert code_of(V201, "GetConfiguration", {}) is RpcErrorCode.NOT_IMPLEMENTED
