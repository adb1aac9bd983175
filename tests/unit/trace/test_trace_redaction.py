"""What is taken out of frames, what stays, and what is not touched at all."""

from __future__ import annotations

import json
from typing import Any

import pytest

from csms.trace.redaction import Cards, Redactor, card_writer
from csms.trace.sensitive import clean_path, clean_urls, plain_name, plain_text, without_quotations, wordy
from tests.support.traces import frame

SECRET = "s3cr3t-Zq8vX1kP0wLm"
TOKEN = "pZ8q-3kXv0aB_7yTnW2dLmRs"


def redacted(*items: Any, action: str = "") -> list[Any]:
    found: list[Any] = json.loads(Redactor().frame(frame(*items), action))
    return found


def call(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    kind, unique_id, same, kept = redacted(2, "1", action, payload)
    assert (kind, unique_id, same) == (2, "1", action)
    return dict(kept)


def result(action: str, payload: dict[str, Any]) -> dict[str, Any]:
    kind, unique_id, kept = redacted(3, "1", payload, action=action)
    assert (kind, unique_id) == (3, "1")
    return dict(kept)


@pytest.mark.parametrize(
    "key", ["AuthorizationKey", "authorizationkey", "AdminPassword", "WifiPsk", "ApiToken", "SimPin"]
)
def test_a_secret_configuration_key(key) -> None:
    assert call("ChangeConfiguration", {"key": key, "value": SECRET}) == {"key": key, "value": "***"}
    item = {"key": key, "readonly": False, "value": "short"}
    assert result("GetConfiguration", {"configurationKey": [item]}) == {"configurationKey": [item | {"value": "***"}]}


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("HeartbeatInterval", "300"),
        ("GetConfigurationMaxKeys", "50"),
        ("MeterValuesSampledData", "Energy.Active.Import.Register,Current.Import,SoC"),
        ("WebSocketPingInterval", "60"),
        ("FirmwareVersion", "V1.02.03.0004-20240102"),
        ("ServerUrl", "wss://csms.example.com:9000/ocpp"),
        ("ICCID", "89860012345678901234"),
        ("Clock", "2026-03-02T12:00:00.000Z"),
    ],
)
def test_what_is_no_secret_stays(key, value) -> None:
    assert call("ChangeConfiguration", {"key": key, "value": value}) == {"key": key, "value": value}


def test_a_maker_s_own_name_does_not_save_a_key() -> None:
    assert call("ChangeConfiguration", {"key": "Kennwort", "value": SECRET})["value"] == "***"


def test_names_asked_for_stay() -> None:
    asked = {"key": ["AuthorizationKey", "HeartbeatInterval"]}
    assert call("GetConfiguration", asked) == asked
    assert result("GetConfiguration", {"unknownKey": ["AdminPassword"]}) == {"unknownKey": ["AdminPassword"]}


def test_variables_of_the_device_model() -> None:
    secret = {"component": {"name": "SecurityCtrlr"}, "variable": {"name": "BasicAuthPassword"}}
    plain = {"component": {"name": "OCPPCommCtrlr"}, "variable": {"name": "HeartbeatInterval"}}
    asked = {"setVariableData": [secret | {"attributeValue": "x"}, plain | {"attributeValue": "300"}]}
    kept = call("SetVariables", asked)["setVariableData"]
    assert [item["attributeValue"] for item in kept] == ["***", "300"]
    answer = {
        "getVariableResult": [
            secret | {"attributeStatus": "Accepted", "attributeType": "Actual", "attributeValue": "x"}
        ]
    }
    kept = result("GetVariables", answer)["getVariableResult"][0]
    assert (kept["attributeValue"], kept["attributeStatus"], kept["attributeType"]) == ("***", "Accepted", "Actual")
    report = {
        "requestId": 1, "generatedAt": "2026-03-02T12:00:00.000Z", "seqNo": 0,
        "reportData": [
            secret | {
                "variableAttribute": [{"type": "Actual", "value": "x", "mutability": "WriteOnly"}],
                "variableCharacteristics": {"dataType": "string", "maxLimit": 40, "supportsMonitoring": False},
            }
        ],
    }  # fmt: skip
    wanted = json.loads(json.dumps(report).replace('"x"', '"***"'))
    assert call("NotifyReport", report) == wanted
    event = {"eventData": [secret | {"actualValue": "x", "trigger": "Delta"}]}
    assert call("NotifyEvent", event)["eventData"][0]["actualValue"] == "***"


def test_a_network_profile() -> None:
    data = {
        "ocppCsmsUrl": f"wss://user:{SECRET}@csms.example.com/ocpp", "messageTimeout": 30, "identity": "CP-1",
        "basicAuthPassword": "x",
        "apn": {"apn": "iot.example", "apnUserName": "u", "apnPassword": "x", "simPin": 1, "preferredNetwork": "4600"},
        "vpn": {"server": "vpn.example.com", "user": "u", "group": "g", "password": "x", "key": "x", "type": "IKEv2"},
    }  # fmt: skip
    kept = call("SetNetworkProfile", {"configurationSlot": 1, "connectionData": data})["connectionData"]
    assert kept["ocppCsmsUrl"] == "wss://***@csms.example.com/ocpp"
    assert kept["basicAuthPassword"] == kept["apn"]["apnPassword"] == kept["apn"]["simPin"] == "***"
    assert kept["vpn"] == data["vpn"] | {"password": "***", "key": "***"}  # type: ignore[operator]
    assert (kept["apn"]["apn"], kept["apn"]["preferredNetwork"], kept["messageTimeout"]) == ("iot.example", "4600", 30)


@pytest.mark.parametrize(
    ("url", "kept"),
    [
        (f"https://u:{SECRET}@fw.example.com/AC22-v1.2.3.bin", "https://***@fw.example.com/AC22-v1.2.3.bin"),
        (f"https://fw.example.com/once/{TOKEN}/AC22.bin", "https://fw.example.com/once/***/AC22.bin"),
        (f"https://fw.example.com/AC22.bin?sig={TOKEN}", "https://fw.example.com/AC22.bin?***"),
        ("ftp://u@fw.example.com:21/logs/", "ftp://***@fw.example.com:21/logs/"),
        ("https://fw.example.com/550e8400-e29b-41d4-a716-446655440000/x", "https://fw.example.com/***/x"),
        (
            "https://[2001:db8::1]:8443/firmware-2024.03-rc1.tar.gz",
            "https://[2001:db8::1]:8443/firmware-2024.03-rc1.tar.gz",
        ),
    ],
)
def test_addresses_of_files(url, kept) -> None:
    assert call("UpdateFirmware", {"location": url, "retrieveDate": "2026-03-02T12:00:00Z"})["location"] == kept
    log = {"logType": "SecurityLog", "requestId": 1, "log": {"remoteLocation": url}}
    assert call("GetLog", log)["log"]["remoteLocation"] == kept
    firmware = {"location": url, "signature": "aGk+/w==", "signingCertificate": "-----BEGIN CERTIFICATE-----\nMII"}
    asked = call("SignedUpdateFirmware", {"requestId": 1, "firmware": firmware})["firmware"]
    assert asked == firmware | {"location": kept}
    assert clean_urls(f"see {url} there") == f"see {kept} there"


@pytest.mark.req("C04.FR.04")
def test_of_a_key_code_nothing_is_kept() -> None:
    typed = {"idToken": {"idToken": "1234567890", "type": "KeyCode"}}
    for action in ("Authorize", "TransactionEvent", "RequestStartTransaction"):
        assert call(action, typed) == {"idToken": {"idToken": "***", "type": "KeyCode"}}


def test_cards_keep_their_last_four() -> None:
    assert call("Authorize", {"idTag": "04A1B2C3D4"}) == {"idTag": "***C3D4"}
    assert call("Authorize", {"idTag": "1234567"}) == {"idTag": "***"}
    token = {"idToken": {"idToken": "04A1B2C3D4", "type": "ISO14443"}, "seqNo": 3}
    assert call("TransactionEvent", token)["idToken"] == {"idToken": "***C3D4", "type": "ISO14443"}
    answer = {"idTagInfo": {"status": "Accepted", "parentIdTag": "FLEET-0001"}}
    assert result("Authorize", answer)["idTagInfo"]["parentIdTag"] == "***0001"
    many = {"localAuthorizationList": [{"idTag": "04A1B2C3D4"}, {"idTag": "04A1B2C3D5"}], "listVersion": 1}
    assert [item["idTag"] for item in call("SendLocalList", many)["localAuthorizationList"]] == ["***C3D4", "***C3D5"]
    info = {
        "idToken": {
            "idToken": "x" * 9,
            "type": "Central",
            "additionalInfo": [{"additionalIdToken": "y" * 9, "type": "t"}],
        }
    }
    assert call("Authorize", info)["idToken"]["additionalInfo"][0]["additionalIdToken"] == "***yyyy"


def test_cards_hashed_or_whole() -> None:
    text = frame(2, "1", "Authorize", {"idTag": "04A1B2C3D4"})
    one, other = (Redactor(card_writer(Cards.HASH, key)) for key in (b"one", b"other"))
    assert one.frame(text) == one.frame(text) != other.frame(text)
    assert "04A1" not in one.frame(text)
    assert "#" in one.frame(text)
    assert Redactor(card_writer(Cards.WHOLE)).frame(text) == text


def test_customers() -> None:
    asked = {"requestId": 1, "report": True, "clear": False, "customerIdentifier": "DE-8AA-1A2B3C4D5"}
    assert call("CustomerInformation", asked)["customerIdentifier"] == "***C4D5"
    told = {"data": "name: Li Lei", "requestId": 1, "seqNo": 0, "generatedAt": "2026-03-02T12:00:00Z"}
    assert call("NotifyCustomerInformation", told)["data"] == "***"


def test_vendor_data_stays_but_for_secrets_in_it() -> None:
    inner = json.dumps({"password": SECRET, "mode": "eco", "url": f"https://u:{SECRET}@h.example/x"})
    kept = json.loads(call("DataTransfer", {"vendorId": "x", "messageId": "m", "data": inner})["data"])
    assert kept == {"password": "***", "mode": "eco", "url": "https://***@h.example/x"}
    plain = {"vendorId": "x", "data": "8f1e22aa0b:mode=7;qr=https"}
    assert call("DataTransfer", plain) == plain
    broken = {"vendorId": "x", "data": '{"password": "' + SECRET}
    assert SECRET not in json.dumps(call("DataTransfer", broken))


def test_errors_do_not_repeat_what_they_complain_about() -> None:
    kept = redacted(
        4, "1", "PropertyConstraintViolation", f'Authorize/idTag: "{TOKEN}" is too long', {}, action="Authorize"
    )
    assert kept == [4, "1", "PropertyConstraintViolation", 'Authorize/idTag: "***" is too long', {}]
    kept = redacted(4, "1", "GenericError", f"{SECRET} is no value for AuthorizationKey", {"value": SECRET})
    assert kept == [4, "1", "GenericError", "***", {"value": "***"}]


def test_private_keys_never_stay() -> None:
    pem = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE"
    assert call("DataTransfer", {"vendorId": "x", "data": pem})["data"] == "***"


@pytest.mark.parametrize(
    "text",
    [
        '[2, "1", "StatusNotification", {"connectorId": 1, "errorCode": "NoError", "status": "Available"}]',
        '[3,"1",{"status":"Accepted"}]',
        '[2,"1","MeterValues",{"connectorId":1,"meterValue":[{"timestamp":"x","sampledValue":[{"value":"1.00"}]}]}]',
        '[2,"1","BootNotification",{"chargePointVendor":"V","chargePointModel":"M"',
        "",
        "hello",
    ],
)
def test_what_holds_no_marker_is_not_touched(text) -> None:
    assert Redactor().frame(text) == text
    assert Redactor().frame(text.encode()) == text


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        (
            f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{SECRET}',
            '[2,***,"ChangeConfiguration",***',
        ),
        (f'["AuthorizationKey","{SECRET}"]', "[,***"),
        (f'[2,"1","ChangeConfiguration",["AuthorizationKey","{SECRET}"]]', '[2,***,"ChangeConfiguration",***'),
        (f'{{"password":"{SECRET}"}}', "[,***"),
        (f'[2,"1","{SECRET}",{{"key":"AuthorizationKey"}},1]', "[2,***"),
        ('[2,"1","X",' + '{"password":' * 3000 + '"' + SECRET, "[2,***"),
        ('[2,"1","X",' + '{"password":' * 900 + '"x"' + "}" * 900 + "]", "[2,"),
    ],
)
def test_what_cannot_be_read_keeps_its_head_only(text, kept) -> None:
    found = Redactor().frame(text)
    assert SECRET not in found
    assert found.startswith(kept)
    assert len(found) < 80 or "password" in found


def test_escapes_hide_nothing() -> None:
    text = (
        f'[2,"1","Ch\\u0061ngeConfigur\\u0061tion",{{"k\\u0065y":"\\u0041uthorizationK\\u0065y","value":"{SECRET}"}}]'
    )
    assert SECRET not in Redactor().frame(text)
    assert SECRET not in Redactor().frame(f'[2,"1","DataTransfer",{{"p\\u0061ssword":"{SECRET}"}}]')
    wide = f'[2,"1","ChangeConfiguration",{{"key":"AuthorizationKey","value":"{SECRET}"}}]'
    assert SECRET[:6] not in Redactor().frame(wide.encode("utf-16")).replace("\0", "")


def test_a_key_given_twice_hides_nothing() -> None:
    text = f'[2,"1","DataTransfer",{{"vendorId":"x","password":"{SECRET}","password":""}}]'
    assert SECRET not in Redactor().frame(text)


def test_numeric_ids_stay_numbers() -> None:
    assert redacted(2, 7, "Authorize", {"idTag": "04A1B2C3D4"})[1] == 7


def test_events() -> None:
    kept = json.loads(
        Redactor().event(json.dumps({"code": 1008, "reason": "bad password", "path": f"/ocpp/{TOKEN}?a=b"}))
    )
    assert kept == {"code": 1008, "reason": "***", "path": "/ocpp/***?***"}


@pytest.mark.parametrize(
    ("text", "is_wordy"),
    [
        ("MeterValuesSampledDataMaxLength", True),
        ("V2XChargingCtrlr", True),
        ("firmware-2024.03.1-rc2", True),
        ("ec2-52-12-3-4.compute-1.amazonaws.com", True),
        ("00:11:22:AA:BB:CC", True),
        ("充电桩配置参数名称测试用例", True),
        ("0123456789abcdef0123456789abcdef", False),
        (TOKEN, False),
        (SECRET, False),
        ("550e8400-e29b-41d4-a716-446655440000", False),
        ("a*b=c|d@e:f+g", False),
        ("-------------", False),
        ("short9Xq", True),
    ],
)
def test_what_reads_like_words(text, is_wordy) -> None:
    assert wordy(text) is is_wordy


def test_helpers() -> None:
    assert plain_name("AuthorizationKey" + SECRET) == "AuthorizationKey***"
    assert plain_name(TOKEN) == "***"
    assert plain_text(f"a, {TOKEN};b") == "a, ***;b"
    assert plain_text(f'https://h.example/x"{TOKEN}" and') == 'https://h.example/x"***" and'
    assert clean_path(f"/ocpp/{TOKEN}#x") == "/ocpp/***?***"
    assert without_quotations('"a\\"b" and \'c and "d') == '"***" and "***"'
