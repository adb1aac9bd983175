"""Every request of a 1.6 station, after the field tables of OCPP 1.6 section 6 and of the security extension."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from ocpp.v16.enums import Action

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import (
    Authorize,
    Boot,
    DataTransfer,
    Heartbeat,
    Inbound,
    MeterReport,
    SessionStarted,
    SessionStopped,
    StatusReport,
)
from csms.model.meter import Sample
from csms.model.session import StopReason
from csms.model.station import ConnectorStatus, StationIdentity
from csms.ocpp16 import TRANSLATOR, translator
from csms.ocpp16.actions import OUTGOING
from csms.wire.codec import Codec
from csms.wire.frames import Call, decode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)


def read(action: str, payload: str) -> Inbound:
    call = decode(f'[2,"1","{action}",{payload}]')
    assert isinstance(call, Call)
    return CODEC.decode_call(call, NOW).message


def refused(action: str, payload: str) -> PeerError:
    with pytest.raises(PeerError) as caught:
        read(action, payload)
    return caught.value


def test_boot() -> None:
    payload = """{"chargePointVendor":"Acme","chargePointModel":"AC22","chargePointSerialNumber":"SN-1",
        "chargeBoxSerialNumber":"BOX","firmwareVersion":"1.4","iccid":"8","imsi":"2","meterType":"M",
        "meterSerialNumber":"9"}"""
    identity = StationIdentity("Acme", "AC22", "SN-1", "1.4", iccid="8", imsi="2", meter_type="M", meter_serial="9")
    assert read("BootNotification", payload) == Boot(identity)


@pytest.mark.req("RB-18")
def test_a_boot_with_little_in_it() -> None:
    assert read("BootNotification", '{"chargePointVendor":"","chargePointModel":""}') == Boot(StationIdentity("", ""))
    long = f'{{"chargePointVendor":"H","chargePointModel":"S","chargeBoxSerialNumber":"{"7" * 30}"}}'
    assert read("BootNotification", long) == Boot(StationIdentity("H", "S", "7" * 30))


def test_heartbeat() -> None:
    assert read("Heartbeat", "{}") == Heartbeat()


def test_status() -> None:
    payload = """{"connectorId":2,"errorCode":"OverCurrentFailure","status":"Faulted","info":"trip","vendorId":"Acme",
        "vendorErrorCode":"E7","timestamp":"2026-03-01T11:00:00Z"}"""
    assert read("StatusNotification", payload) == StatusReport(
        2, 1, ConnectorStatus.FAULTED, "OverCurrentFailure", "trip", "E7", NOW - timedelta(hours=1)
    )


@pytest.mark.req("RB-30")
def test_status_of_the_station_itself() -> None:
    message = read("StatusNotification", '{"connectorId":0,"errorCode":"NoError","status":"Available"}')
    assert message == StatusReport(0, 0, ConnectorStatus.AVAILABLE, "NoError")


@pytest.mark.req("RB-31")
def test_status_with_unknown_words() -> None:
    payload = '{"connectorId":1,"errorCode":"Error","status":"Charging","info":"{\\"a\\":1}","timestamp":"yesterday"}'
    message = read("StatusNotification", payload)
    assert message == StatusReport(1, 1, ConnectorStatus.CHARGING, "Error", '{"a":1}')


@pytest.mark.parametrize("status", ["Available", "Preparing", "Charging", "SuspendedEVSE", "SuspendedEV", "Finishing"])
def test_every_state_has_its_name(status: str) -> None:
    message = read("StatusNotification", f'{{"connectorId":1,"errorCode":"NoError","status":"{status}"}}')
    assert isinstance(message, StatusReport)
    assert message.status == status


def test_authorize() -> None:
    assert read("Authorize", '{"idTag":"04A2B3"}') == Authorize("04A2B3")


def test_start() -> None:
    payload = '{"connectorId":1,"idTag":"T","meterStart":1200,"reservationId":3,"timestamp":"2026-03-01T12:00:00Z"}'
    assert read("StartTransaction", payload) == SessionStarted(1, "T", 1200.0, NOW, 3)


@pytest.mark.req("RB-49", "HP-D7")
def test_start_with_odd_values() -> None:
    payload = '{"connectorId":1,"idTag":"","meterStart":4296944685,"timestamp":"now"}'
    assert read("StartTransaction", payload) == SessionStarted(1, "", 4296944685.0, None)
    payload = '{"connectorId":9223372036854775807,"idTag":"T","meterStart":0,"timestamp":"now"}'
    assert refused("StartTransaction", payload).code is RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION


def test_stop() -> None:
    payload = """{"transactionId":77,"idTag":"T","meterStop":9000,"timestamp":"2026-03-01T12:00:00Z","reason":"Remote",
        "transactionData":[{"timestamp":"2026-03-01T12:00:00Z",
        "sampledValue":[{"value":"9.0","unit":"kWh","context":"Transaction.End"}]}]}"""
    sample = Sample(NOW, "Energy.Active.Import.Register", 9000.0, "Wh", "", "Transaction.End", "Outlet")
    assert read("StopTransaction", payload) == SessionStopped("77", 9000.0, NOW, StopReason.REMOTE, "T", (sample,))


@pytest.mark.req("RB-51", "RB-52", "SR-01")
@pytest.mark.parametrize("transaction_id", [0, -1, 2**31 - 1, 2**63 - 1, -(2**63), 424242])
def test_stops_of_any_transaction_are_read(transaction_id: int) -> None:
    payload = f'{{"transactionId":{transaction_id},"idTag":"","meterStop":5,"timestamp":"2026-03-01T12:00:00Z"}}'
    assert read("StopTransaction", payload) == SessionStopped(str(transaction_id), 5.0, NOW, StopReason.LOCAL)


@pytest.mark.req("RB-51", "SR-02")
def test_a_stop_with_odd_words() -> None:
    payload = """{"transactionId":1,"idTag":"12345678901234567890\\u0002\\u0003","meterStop":5,"reason":"Whim",
        "timestamp":"2026-03-01T12:00:00Z","transactionData":[{"sampledValue":[{"value":"{OCMF}"}]},5]}"""
    tag = "12345678901234567890\x02\x03"
    assert read("StopTransaction", payload) == SessionStopped("1", 5.0, NOW, StopReason.OTHER, tag)


def test_meter_values() -> None:
    payload = """{"connectorId":1,"transactionId":77,"meterValue":[{"timestamp":"2026-03-01T11:59:00Z","sampledValue":[
        {"value":"5.7","measurand":"Power.Active.Import","unit":"kW","phase":"L1","context":"Sample.Clock",
         "format":"Raw","location":"Inlet"}]}]}"""
    time = NOW - timedelta(minutes=1)
    sample = Sample(time, "Power.Active.Import", 5700.0, "W", "L1", "Sample.Clock", "Inlet")
    assert read("MeterValues", payload) == MeterReport(1, (sample,), "77")


@pytest.mark.req("RB-43", "RB-46", "SR-01")
@pytest.mark.parametrize("connector", [0, -1, 2**63])
def test_meter_values_of_any_connector_are_read(connector: int) -> None:
    message = read("MeterValues", f'{{"connectorId":{connector},"meterValue":[]}}')
    assert message == MeterReport(connector if abs(connector) < 2**31 else 0, ())


@pytest.mark.req("RB-32")
def test_data_transfer() -> None:
    assert read("DataTransfer", '{"vendorId":"Acme","messageId":"csv","data":"a;b"}') == DataTransfer(
        "Acme", "csv", "a;b"
    )
    assert read("DataTransfer", '{"vendorId":"Acme"}') == DataTransfer("Acme")


def test_the_actions_are_those_of_the_ocpp_package() -> None:
    assert TRANSLATOR.incoming | OUTGOING == {action.value for action in Action}
    assert TRANSLATOR.incoming & OUTGOING == set()


@pytest.mark.parametrize("action", sorted(OUTGOING))
def test_what_only_we_may_send_is_not_supported(action: str) -> None:
    assert refused(action, "{}").code is RpcErrorCode.NOT_SUPPORTED


@pytest.mark.parametrize("action", ["TransactionEvent", "Nonsense", "heartbeat", "BootNotificationResponse"])
def test_unknown_actions(action: str) -> None:
    assert refused(action, "{}").code is RpcErrorCode.NOT_IMPLEMENTED


@pytest.mark.parametrize(
    ("action", "payload", "code"),
    [
        ("BootNotification", "{}", RpcErrorCode.PROTOCOL_ERROR),
        ("StartTransaction", '{"connectorId":"1"}', RpcErrorCode.TYPE_CONSTRAINT_VIOLATION),
        ("StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Off"}', RpcErrorCode.FORMAT_VIOLATION),
    ],
)
def test_bad_payloads_are_refused(action: str, payload: str, code: RpcErrorCode) -> None:
    assert refused(action, payload).code in (code, RpcErrorCode.PROTOCOL_ERROR)


@pytest.mark.req("SR-05", "RB-39")
def test_times_without_zone_follow_the_station() -> None:
    local = translator(timezone(timedelta(hours=8)))
    payload = {"connectorId": 1, "idTag": "T", "meterStart": 0, "timestamp": "2026-03-01T20:00:00"}
    message = local.decode_call("StartTransaction", payload, NOW)
    assert isinstance(message, SessionStarted)
    assert message.time == NOW


@pytest.mark.req("SR-01", "SR-02")
def test_nothing_is_lost_by_how_a_number_is_written() -> None:
    payload = '{"transactionId":"77","meterStop":5.5,"idTag":null,"reason":null,"timestamp":"2026-03-01T12:00:00Z"}'
    assert read("StopTransaction", payload) == SessionStopped("77", 5.5, NOW, StopReason.LOCAL)
    payload = (
        '{"connectorId":1,"idTag":"T","meterStart":"1200.5","reservationId":null,"timestamp":"2026-03-01T12:00:00Z"}'
    )
    assert read("StartTransaction", payload) == SessionStarted(1, "T", 1200.5, NOW)


def test_reservation_0_is_none() -> None:
    payload = '{"connectorId":1,"idTag":"T","meterStart":0,"reservationId":0,"timestamp":"2026-03-01T12:00:00Z"}'
    assert read("StartTransaction", payload) == SessionStarted(1, "T", 0.0, NOW)
