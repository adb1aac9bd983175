"""Every request of a 2.0.1 station, after the field tables of OCPP 2.0.1 part 2, chapter Messages."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from ocpp.v201.enums import Action

from csms.model.errors import PeerError, RpcErrorCode
from csms.model.inbound import (
    Authorize,
    Boot,
    DataTransfer,
    Heartbeat,
    Inbound,
    MeterReport,
    StatusReport,
    TransactionEvent,
)
from csms.model.meter import Sample
from csms.model.session import ChargingState, StopReason
from csms.model.station import ConnectorStatus, StationIdentity
from csms.ocpp201 import TRANSLATOR
from csms.ocpp201.actions import OUTGOING
from csms.wire.codec import Codec
from csms.wire.frames import Call, decode

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
CODEC = Codec(TRANSLATOR)
COMPONENT = {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}
VARIABLE = {"name": "Available"}


def read(action: str, payload: str) -> Inbound:
    call = decode(f'[2,"1","{action}",{payload}]')
    assert isinstance(call, Call)
    return CODEC.decode_call(call, NOW).message


def refused(action: str, payload: str) -> PeerError:
    with pytest.raises(PeerError) as caught:
        read(action, payload)
    return caught.value


def test_boot() -> None:
    payload = """{"reason":"PowerUp","chargingStation":{"vendorName":"Acme","model":"DC120","serialNumber":"SN-1",
        "firmwareVersion":"2.0","modem":{"iccid":"","imsi":""}},"customData":{"vendorId":"Acme","more":1}}"""
    assert read("BootNotification", payload) == Boot(StationIdentity("Acme", "DC120", "SN-1", "2.0"), "PowerUp")


@pytest.mark.req("RB-18")
def test_a_boot_with_little_in_it() -> None:
    payload = '{"reason":"Whim","chargingStation":{"vendorName":"","model":"","serialNumber":"' + "7" * 30 + '"}}'
    assert read("BootNotification", payload) == Boot(StationIdentity("", "", "7" * 30), "Whim")


def test_heartbeat() -> None:
    assert read("Heartbeat", "{}") == Heartbeat()


@pytest.mark.req("RB-30")
@pytest.mark.parametrize(("evse_id", "connector_id"), [(1, 2), (0, 0), (-1, 0)])
def test_status(evse_id: int, connector_id: int) -> None:
    payload = f"""{{"timestamp":"2026-03-01T12:00:00Z","connectorStatus":"Occupied","evseId":{evse_id},
        "connectorId":{connector_id}}}"""
    assert read("StatusNotification", payload) == StatusReport(
        evse_id, connector_id, ConnectorStatus.OCCUPIED, time=NOW
    )


def test_authorize() -> None:
    payload = '{"idToken":{"idToken":"04A2","type":"ISO14443","additionalInfo":[{"additionalIdToken":"x","type":"y"}]}}'
    assert read("Authorize", payload) == Authorize("04A2", "ISO14443")


def test_a_full_transaction_event() -> None:
    payload = """{"eventType":"Ended","timestamp":"2026-03-01T11:59:00Z","triggerReason":"RemoteStop","seqNo":5,
        "offline":true,"numberOfPhasesUsed":3,"cableMaxCurrent":32,"reservationId":9,
        "transactionInfo":{"transactionId":"tx-1","chargingState":"SuspendedEVSE","timeSpentCharging":60,
            "stoppedReason":"Remote","remoteStartId":42},
        "evse":{"id":1,"connectorId":2},"idToken":{"idToken":"04A2","type":"Central"},
        "meterValue":[{"timestamp":"2026-03-01T11:59:00Z","sampledValue":[{"value":9.5,"context":"Transaction.End",
            "unitOfMeasure":{"unit":"kWh","multiplier":0}}]}]}"""
    time = NOW - timedelta(minutes=1)
    assert read("TransactionEvent", payload) == TransactionEvent(
        kind="Ended",
        transaction_id="tx-1",
        seq_no=5,
        time=time,
        trigger="RemoteStop",
        evse_id=1,
        connector_id=2,
        id_token="04A2",
        token_type="Central",
        charging_state=ChargingState.SUSPENDED_EVSE,
        stop_reason=StopReason.REMOTE,
        remote_start_id=42,
        offline=True,
        samples=(Sample(time, "Energy.Active.Import.Register", 9500.0, "Wh", "", "Transaction.End", "Outlet"),),
        reservation_id=9,
        charging_s=60,
        cable_max_a=32,
        phases_used=3,
    )


@pytest.mark.req("RB-55", "RB-56", "RB-57", "RB-58")
def test_a_bare_transaction_event() -> None:
    transaction_id = "0123456789abcdef0123456789abcdef01"
    payload = f"""{{"eventType":"Updated","timestamp":"later","triggerReason":"Mood","seqNo":0,
        "transactionInfo":{{"transactionId":"{transaction_id}","chargingState":"Dreaming","stoppedReason":"Whim"}}}}"""
    assert read("TransactionEvent", payload) == TransactionEvent(
        "Updated", transaction_id, 0, None, "Mood", stop_reason=StopReason.OTHER
    )


@pytest.mark.parametrize(
    ("key", "value"),
    [("eventType", '"Paused"'), ("transactionInfo", '{"transactionId":""}'), ("seqNo", "9223372036854775807")],
)
def test_events_that_cannot_be_kept(key: str, value: str) -> None:
    members = {
        "eventType": '"Started"',
        "timestamp": '"2026-03-01T12:00:00Z"',
        "triggerReason": '"Authorized"',
        "seqNo": "0",
        "transactionInfo": '{"transactionId":"t"}',
        key: value,
    }
    fault = refused("TransactionEvent", "{" + ",".join(f'"{name}":{text}' for name, text in members.items()) + "}")
    assert fault.code in (RpcErrorCode.FORMAT_VIOLATION, RpcErrorCode.PROPERTY_CONSTRAINT_VIOLATION)


@pytest.mark.req("RB-41", "RB-46")
def test_meter_values() -> None:
    payload = """{"evseId":0,"meterValue":[{"timestamp":"2026-03-01T12:00:00Z","sampledValue":[
        {"value":10993.94727,"measurand":"Power.Active.Import","unitOfMeasure":{"unit":"W"}},{"value":"x"}]}]}"""
    sample = Sample(NOW, "Power.Active.Import", 10993.94727, "W", "", "Sample.Periodic", "Outlet")
    assert read("MeterValues", payload) == MeterReport(0, (sample,))


@pytest.mark.req("RB-32")
@pytest.mark.parametrize(
    ("data", "text"), [('"a;b"', "a;b"), ('{"a":[1]}', '{"a":[1]}'), ("5", "5"), ("null", ""), ("false", "false")]
)
def test_data_transfer(data: str, text: str) -> None:
    payload = f'{{"vendorId":"Acme","messageId":"m","data":{data}}}'
    assert read("DataTransfer", payload) == DataTransfer("Acme", "m", text)


def test_the_actions_are_those_of_the_ocpp_package() -> None:
    assert TRANSLATOR.incoming | OUTGOING == {action.value for action in Action}
    assert TRANSLATOR.incoming & OUTGOING == set()


@pytest.mark.parametrize("action", sorted(OUTGOING))
def test_what_only_we_may_send_is_not_supported(action: str) -> None:
    assert refused(action, "{}").code is RpcErrorCode.NOT_SUPPORTED


@pytest.mark.req("RB-34")
@pytest.mark.parametrize("action", ["StartTransaction", "StopTransaction", "Nonsense", "heartbeat"])
def test_unknown_actions(action: str) -> None:
    assert refused(action, '{"connectorId":1}').code is RpcErrorCode.NOT_IMPLEMENTED


@pytest.mark.req("RB-34")
@pytest.mark.parametrize(
    ("action", "payload"),
    [
        ("BootNotification", '{"chargePointVendor":"Acme","chargePointModel":"AC22"}'),
        ("StatusNotification", '{"connectorId":1,"errorCode":"NoError","status":"Available"}'),
        ("Authorize", '{"idTag":"04A2"}'),
        ("MeterValues", '{"connectorId":1,"meterValue":[]}'),
    ],
)
def test_payloads_of_1_6(action: str, payload: str) -> None:
    assert refused(action, payload).code is RpcErrorCode.PROTOCOL_ERROR
