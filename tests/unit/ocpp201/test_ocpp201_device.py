"""What 2.0.1 stations tell of themselves, field by field, and what is made of the odd parts of it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from csms.model.command import CommandResult, GetVariables, SetVariables
from csms.model.customer import CustomerCertificate, CustomerInformation, CustomerReport
from csms.model.device import (
    Apn,
    Characteristics,
    DeviceReport,
    SetNetworkProfile,
    Variable,
    VariableAnswer,
    VariableName,
    Vpn,
)
from csms.model.errors import NotInThisVersion
from csms.model.hashes import CertificateHash, ContractLink, HashAlgorithm
from csms.model.inbound import Authorize, AuthorizeReply, Inbound
from csms.model.local_list import GetLocalListVersion, ListEntry, ListVersion, WriteLocalList
from csms.model.monitoring import (
    ClearVariableMonitoring,
    EventReport,
    Monitor,
    MonitorAnswer,
    MonitorCleared,
    MonitoringReport,
    MonitorWanted,
    SetVariableMonitoring,
    StationEvent,
)
from csms.model.session import AuthorizationStatus
from csms.ocpp201 import TRANSLATOR, variables
from csms.wire.codec import Codec
from csms.wire.frames import Call

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
T = "2026-03-01T12:00:00Z"
CODEC = Codec(TRANSLATOR)
COMPONENT = {"name": "Connector", "instance": "left", "evse": {"id": 1, "connectorId": 2}}
NAME = VariableName("Connector", "Available", "left", 1, 2)
ABOUT = {"component": COMPONENT, "variable": {"name": "Available"}}


def read(action: str, payload: dict[str, Any]) -> Inbound:
    return CODEC.decode_call(Call("1", action, payload), NOW).message


def result(command: Any, *answers: dict[str, Any]) -> CommandResult:
    return CODEC.decode_results(command, CODEC.encode_command(command), answers)


def test_a_part_of_a_report() -> None:
    entry = {
        **ABOUT,
        "variableAttribute": [
            {"type": "Target", "value": "5", "mutability": "ReadWrite", "persistent": True},
            {"mutability": "WriteOnly"},
        ],
        "variableCharacteristics": {
            "dataType": "integer",
            "unit": "s",
            "minLimit": 1,
            "maxLimit": 9.5,
            "valuesList": "1,2",
            "supportsMonitoring": True,
        },
    }
    told = read("NotifyReport", {"requestId": 7, "seqNo": 2, "generatedAt": T, "tbc": True, "reportData": [entry]})
    facts = Characteristics("integer", "s", 1.0, 9.5, "1,2", True)
    first, second = (
        Variable(NAME._replace(attribute="Target"), "5", "ReadWrite", facts),
        Variable(NAME, None, "WriteOnly", facts),
    )
    assert told == DeviceReport(7, 2, True, (first, second))


@pytest.mark.req("RB-70", "RB-71", "SR-05")
def test_a_report_with_hardly_anything_in_it() -> None:
    assert read("NotifyReport", {"requestId": 1, "seqNo": 1, "generatedAt": "yesterday"}) == DeviceReport(1, 1, False)


@pytest.mark.req("SR-02")
def test_bad_entries_of_a_report_are_left_out_alone() -> None:
    bad = [7, {"component": {}}, {**ABOUT, "variableAttribute": [3, {"type": "Wish", "value": 5}]}]
    told = read("NotifyReport", {"requestId": 1, "seqNo": 0, "generatedAt": T, "reportData": bad})
    assert told == DeviceReport(1, 0, False, (Variable(NAME),))


def test_monitors() -> None:
    told = {"id": 5, "transaction": True, "value": 7.5, "type": "UpperThreshold", "severity": 3}
    payload = {"requestId": 2, "seqNo": 0, "generatedAt": T, "monitor": [{**ABOUT, "variableMonitoring": [told, {}]}]}
    assert read("NotifyMonitoringReport", payload) == MonitoringReport(
        2, 0, False, (Monitor(NAME, 5, "UpperThreshold", 7.5, 3, True),)
    )


def test_events() -> None:
    event = {
        "eventId": 9,
        "timestamp": T,
        "trigger": "Alerting",
        "cause": 8,
        "actualValue": "90",
        "techCode": "E7",
        "techInfo": "hot",
        "cleared": True,
        "transactionId": "tx",
        "variableMonitoringId": 5,
        "eventNotificationType": "CustomMonitor",
        **ABOUT,
    }
    told = read("NotifyEvent", {"generatedAt": T, "seqNo": 0, "eventData": [event]})
    assert told == EventReport(
        (StationEvent(9, NOW, "Alerting", NAME, "90", 8, True, 5, "tx", "E7", "hot", "CustomMonitor"),)
    )


def test_customer_information() -> None:
    payload = {"data": "name: x", "seqNo": 1, "generatedAt": T, "requestId": 3, "tbc": True}
    assert read("NotifyCustomerInformation", payload) == CustomerReport(3, 1, True, "name: x")


def test_a_contract_to_authorize() -> None:
    told = {
        "hashAlgorithm": "SHA384",
        "issuerNameHash": "aa",
        "issuerKeyHash": "bb",
        "serialNumber": "cc",
        "responderURL": "http://ocsp",
    }
    payload = {
        "idToken": {"idToken": "DE1", "type": "eMAID"},
        "certificate": "PEM",
        "iso15118CertificateHashData": [told],
    }
    link = ContractLink(CertificateHash(HashAlgorithm.SHA384, "aa", "bb", "cc"), "http://ocsp")
    assert read("Authorize", payload) == Authorize("DE1", "eMAID", "PEM", (link,))


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("A.b", VariableName("A", "b")),
        ("A@i/1/2.b@j#Target", VariableName("A", "b", "i", 1, 2, "j", "Target")),
        ("EVSE/3.Power#maxset", VariableName("EVSE", "Power", evse_id=3, attribute="MaxSet")),
        ("A%2EB@x%2Fy.b%40c", VariableName("A.B", "b@c", "x/y")),
        ("A.b#Actual", VariableName("A", "b")),
    ],
)
def test_a_name_in_parts(name: str, parts: VariableName) -> None:
    wire = variables.parse(name)
    assert variables.read(wire, wire.get("attributeType", "Actual")) == parts
    assert str(parts) == name.replace("maxset", "MaxSet").removesuffix("#Actual")


@pytest.mark.parametrize("name", ["HeartbeatInterval", ".b", "A/x.b", "A/1/2/3.b", "A.b#Wish", "", "EVSE/1"])
def test_what_is_no_name_of_a_variable(name: str) -> None:
    with pytest.raises(NotInThisVersion):
        variables.parse(name)


def test_answers_are_found_by_what_they_are_about() -> None:
    names = ("evse/1.power", "A.b#Target")
    power = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "Power"}}
    told = {"component": {"name": "A"}, "variable": {"name": "b"}, "attributeType": "Target"}
    answer = {
        "getVariableResult": [
            {**told, "attributeStatus": "Accepted", "attributeValue": ""},
            {**power, "attributeType": "Actual", "attributeStatus": "Accepted", "attributeValue": "7"},
        ]
    }
    found = result(GetVariables(names), answer)
    assert found.values == {"evse/1.power": "7", "A.b#Target": ""}
    assert found.records[1] == VariableAnswer("evse/1.power", VariableName("EVSE", "Power", evse_id=1), "Accepted", "7")


def test_a_variable_that_was_not_answered_was_not_set() -> None:
    found = result(SetVariables({"A.b": "1"}), {"setVariableResult": [{**ABOUT, "attributeStatus": "Accepted"}]})
    assert (found.status, found.values["A.b"]) == ("Rejected", "Rejected")


def test_monitors_are_found_by_what_they_are_about() -> None:
    wanted = (MonitorWanted("A.b", "Delta", 8), MonitorWanted("A.c", "Delta", 8), MonitorWanted("A.b", "Periodic", 8))
    about = {"component": {"name": "A"}, "variable": {"name": "b"}, "severity": 8}
    told = [
        about | {"status": "Duplicate", "type": "Periodic"},
        about | {"status": "Accepted", "type": "Delta", "id": 4},
    ]
    found = result(SetVariableMonitoring(wanted), {"setMonitoringResult": told})
    assert found.records == (
        MonitorAnswer(wanted[0], "Accepted", 4),
        MonitorAnswer(wanted[1], "Rejected"),
        MonitorAnswer(wanted[2], "Duplicate"),
    )
    assert found.status == "Rejected"


def test_monitors_are_cleared_one_by_one() -> None:
    told = [{"id": 2, "status": "NotFound"}, {"id": 9, "status": "Accepted"}]
    found = result(ClearVariableMonitoring((1, 2)), {"clearMonitoringResult": told})
    assert found.records == (MonitorCleared(1, "Rejected"), MonitorCleared(2, "NotFound"))


@pytest.mark.req("C01.FR.10", "C01.FR.11")
def test_a_list_with_all_that_can_be_said_of_a_token() -> None:
    info = AuthorizeReply(
        AuthorizationStatus.ACCEPTED, "G", NOW, (1, 2), ("zh-CN", "zh-CN", "en"), "welcome " + "x" * 600, ""
    )
    entries = (ListEntry("A", "eMAID", info), ListEntry("B", "", None), ListEntry("C" * 37, "", None))
    ((action, payload),) = CODEC.encode_command(WriteLocalList(3, False, entries))
    assert (action, payload["versionNumber"], payload["updateType"]) == ("SendLocalList", 3, "Differential")
    first, second = payload["localAuthorizationList"]
    assert second == {"idToken": {"idToken": "B", "type": "ISO14443"}}
    told = first["idTokenInfo"]
    assert len(told["personalMessage"].pop("content")) == 512
    assert told == {
        "status": "Accepted",
        "groupIdToken": {"idToken": "G", "type": "Central"},
        "cacheExpiryDateTime": "2026-03-01T12:00:00.000Z",
        "evseId": [1, 2],
        "language1": "zh-CN",
        "language2": "en",
        "personalMessage": {"format": "UTF8", "language": "zh-CN"},
    }


@pytest.mark.req("OA-19")
def test_an_empty_list_is_written_by_leaving_it_out() -> None:
    assert CODEC.encode_command(WriteLocalList(1, True)) == [
        ("SendLocalList", {"versionNumber": 1, "updateType": "Full"})
    ]
    assert result(GetLocalListVersion(), {"versionNumber": 4}).records == (ListVersion(4),)


def test_a_customer_by_certificate() -> None:
    command = CustomerInformation(clear=True, certificate=CustomerCertificate("aa", "bb", "cc"), request_id=4)
    ((_, payload),) = CODEC.encode_command(command)
    assert payload["customerCertificate"] == {
        "hashAlgorithm": "SHA256",
        "issuerNameHash": "aa",
        "issuerKeyHash": "bb",
        "serialNumber": "cc",
    }


def test_a_network_profile_with_everything() -> None:
    apn = Apn("net", "CHAP", "u", "p", 1, "26201", True)
    command = SetNetworkProfile(1, "wss://x", 3, apn=apn, vpn=Vpn("v", "u", "p", "k", "IKEv2", "g"))
    ((_, payload),) = CODEC.encode_command(command)
    assert payload["connectionData"]["apn"]["useOnlyPreferredNetwork"] is True
    assert payload["connectionData"]["vpn"]["group"] == "g"
