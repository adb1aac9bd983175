"""Odd answers of stations to what they are asked (OA-01 to OA-24): told as they are, and nothing else suffers."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.field import codes, connectors, evse, state
from tests.support.scripted import CallError, Central, Silence, Station16, Station201, Text

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


async def raw(csms: Central, cp: Any, action: str, **payload: Any) -> dict[str, Any]:
    """What an operator is told who sends this call."""
    return await csms.operator(cp.station_id, "call", action=action, payload=payload)


async def goes_on(csms: Central, cp: Any) -> None:
    """The next command is carried out."""
    cp.answers("Reset", {"status": "Accepted"})
    assert (await csms.operator(cp.station_id, "reset", hard=False))["accepted"]


@pytest.mark.req("OA-01")
async def test_oa_01_not_implemented_without_a_description_is_told(csms: Central, cp: Any) -> None:
    cp.answers("ClearCache", CallError("NotImplemented"))
    told = await raw(csms, cp, "ClearCache")
    assert (told["code"], told["error_code"]) == ("call_refused", "NotImplemented")
    await goes_on(csms, cp)


@pytest.mark.req("OA-02")
async def test_oa_02_not_supported_and_not_implemented_are_told_apart(csms: Central, cp: Any) -> None:
    for code in ("NotSupported", "NotImplemented"):
        cp.answers("ClearCache", CallError(code, "no"))
        assert (await raw(csms, cp, "ClearCache"))["error_code"] == code
    await goes_on(csms, cp)


@pytest.mark.req("OA-03")
async def test_oa_03_a_description_that_holds_the_whole_request_is_cut(csms: Central, cp: Any) -> None:
    cp.answers("ClearCache", CallError("NotImplemented", "Unknown request:\n" + '{"a":\n1}\n' * 500))
    assert len((await raw(csms, cp, "ClearCache"))["detail"]) < 400
    await goes_on(csms, cp)


@pytest.mark.req("OA-04")
async def test_oa_04_details_may_be_a_text(csms: Central, cp: Any) -> None:
    cp.answers("ClearCache", Text('[4,{id},"FormationViolation","invalid PDU","payload of ClearCache is empty"]'))
    assert (await raw(csms, cp, "ClearCache"))["error_code"] == "FormationViolation"
    await goes_on(csms, cp)


@pytest.mark.req("OA-05")
async def test_oa_05_a_station_that_dies_of_a_command_is_offline_until_it_comes_again(csms: Central, cp: Any) -> None:
    def die(_: dict[str, Any]) -> Silence:
        cp.socket.transport.abort()
        return Silence()

    cp.answers("ClearCache", die)
    assert (await raw(csms, cp, "ClearCache"))["code"] == "connection_lost"
    await csms.until(lambda: not state(csms, cp).online)
    assert (await csms.operator(cp.station_id, "reset", hard=False))["code"] == "station_offline"
    await cp.connect()
    await cp.boot()
    await goes_on(csms, cp)


@pytest.mark.req("OA-06")
async def test_oa_06_a_version_of_the_list_under_a_wrong_name_is_told_as_unreadable(
    csms: Central, cp201: Station201
) -> None:
    cp201.answers("GetLocalListVersion", {"listVersion": 4})
    assert (await raw(csms, cp201, "GetLocalListVersion"))["code"] == "answer_unreadable"
    await goes_on(csms, cp201)


def report(cp: Station201, seq_no: int, count: int) -> dict[str, Any]:
    data = [
        {
            "component": {"name": "ClockCtrlr"},
            "variable": {"name": f"Variable{number}"},
            "variableAttribute": [{"value": str(number)}],
        }
        for number in range(count)
    ]
    return {"requestId": 77, "generatedAt": cp.stamp(), "seqNo": seq_no, "reportData": data}


@pytest.mark.req("OA-07")
async def test_oa_07_a_report_need_not_say_that_nothing_follows(cp201: Station201) -> None:
    assert await cp201.call("NotifyReport", report(cp201, 0, 2)) == {}


@pytest.mark.req("OA-08")
async def test_oa_08_a_report_of_one_part_may_have_number_one(cp201: Station201) -> None:
    assert await cp201.call("NotifyReport", report(cp201, 1, 82)) == {}


@pytest.mark.req("OA-09")
async def test_oa_09_keys_that_nobody_asked_for_are_shown(csms: Central, cp16: Station16) -> None:
    keys = [{"key": name, "readonly": True, "value": "1"} for name in ("A", "B", "C", "D")]
    cp16.answers("GetConfiguration", {"configurationKey": keys})
    told = await csms.operator(cp16.station_id, "get_variables", names=["NoSuchKey"])
    assert told["values"] == {"NoSuchKey": None, "A": "1", "B": "1", "C": "1", "D": "1"}


@pytest.mark.req("OA-10")
async def test_oa_10_a_key_without_a_value_has_none(csms: Central, cp16: Station16) -> None:
    cp16.answers("GetConfiguration", {"configurationKey": [{"key": "AuthorizationKey", "readonly": False}]})
    told = await csms.operator(cp16.station_id, "get_variables")
    assert told["values"] == {"AuthorizationKey": None}


@pytest.mark.req("OA-11")
async def test_oa_11_an_accepted_key_that_does_not_exist_shows_when_it_is_read_back(
    csms: Central, cp16: Station16
) -> None:
    assert (await csms.operator(cp16.station_id, "set_variables", values={"NoSuchKey": "7"}))["accepted"]
    cp16.answers("GetConfiguration", {"configurationKey": [], "unknownKey": ["NoSuchKey"]})
    told = await csms.operator(cp16.station_id, "get_variables", names=["NoSuchKey"])
    assert told["values"] == {"NoSuchKey": None}


@pytest.mark.req("OA-12")
async def test_oa_12_reboot_required_is_a_yes_that_is_told(csms: Central, cp16: Station16) -> None:
    cp16.answers("ChangeConfiguration", {"status": "RebootRequired"})
    values = {"MeterValuesSampledData": "Power.Active.Import"}
    told = await csms.operator(cp16.station_id, "set_variables", values=values)
    assert (told["accepted"], told["values"]) == (True, {"MeterValuesSampledData": "RebootRequired"})


@pytest.mark.req("OA-13")
async def test_oa_13_a_list_that_is_rejected_as_a_whole_is_told_and_a_shorter_one_can_follow(
    csms: Central, cp16: Station16
) -> None:
    def choosy(asked: dict[str, Any]) -> dict[str, Any]:
        return {"status": "Rejected" if "SoC" in asked["value"] else "Accepted"}

    cp16.answers("ChangeConfiguration", choosy)
    answers = []
    for listed in ("Power.Active.Import,SoC", "Power.Active.Import"):
        told = await csms.operator(cp16.station_id, "set_variables", values={"MeterValuesSampledData": listed})
        answers.append((told["status"], told["accepted"]))
    assert answers == [("Rejected", False), ("Accepted", True)]


@pytest.mark.req("OA-14")
async def test_oa_14_a_remote_stop_that_comes_true_later_and_as_local_is_followed(
    csms: Central, cp16: Station16
) -> None:
    transaction = await cp16.start(1)
    told = await csms.operator(cp16.station_id, "remote_stop", transaction_id=transaction)
    assert told["accepted"]
    assert (await csms.session(cp16.station_id)).status == "open"
    await cp16.meter(transaction, 400)
    await cp16.stop(transaction, 500, reason="Local")
    row = await csms.session(cp16.station_id)
    assert (row.status, row.stop_reason, row.energy_wh) == ("ended", "Local", 500)
    assert not [op for op in csms.rooms.stations._context.awaited.values() if op.station_id == cp16.station_id]


@pytest.mark.req("OA-15")
async def test_oa_15_a_status_asked_for_may_carry_its_old_time(csms: Central, cp16: Station16) -> None:
    await cp16.status(1, "Available", timestamp=cp16.stamp(600))
    told = await csms.operator(cp16.station_id, "trigger", message="StatusNotification", evse_id=1)
    assert told["accepted"]
    await cp16.status(1, "Faulted", timestamp=cp16.stamp(600))
    assert (await connectors(csms, cp16))[1, 1].status == "Faulted"
    assert (await csms.shown(cp16.station_id))["evses"][0]["status"] == "Faulted"


@pytest.mark.req("OA-16")
async def test_oa_16_a_reset_may_boot_on_the_same_socket(csms: Central, cp: Any) -> None:
    link = state(csms, cp).link
    await goes_on(csms, cp)
    assert (await cp.boot())["status"] == "Accepted"
    assert state(csms, cp).link is link
    await goes_on(csms, cp)


@pytest.mark.req("OA-17")
async def test_oa_17_a_reset_may_end_the_link_without_a_goodbye(csms: Central, cp: Any) -> None:
    await goes_on(csms, cp)
    cp.socket.transport.abort()
    await csms.until(lambda: not state(csms, cp).online)
    await cp.connect()
    assert (await cp.boot())["status"] == "Accepted"


@pytest.mark.req("OA-18")
async def test_oa_18_a_reset_may_be_answered_by_a_closed_socket(csms: Central, cp: Any) -> None:
    async def close(_: dict[str, Any]) -> Silence:
        await cp.socket.close()
        return Silence()

    cp.answers("Reset", close)
    assert (await csms.operator(cp.station_id, "reset", hard=True))["code"] == "connection_lost"
    await csms.until(lambda: not state(csms, cp).online)
    await cp.connect()
    await cp.boot()
    await goes_on(csms, cp)


@pytest.mark.req("OA-19")
@pytest.mark.parametrize("code", ["FormationViolation", "FormatViolation"])
async def test_oa_19_an_empty_list_may_be_refused_in_two_spellings(csms: Central, cp201: Station201, code: str) -> None:
    cp201.answers("SendLocalList", CallError(code, "localAuthorizationList"))
    told = await raw(csms, cp201, "SendLocalList", versionNumber=1, updateType="Full")
    assert (told["code"], told["error_code"]) == ("call_refused", code)
    await goes_on(csms, cp201)


@pytest.mark.req("OA-20", "F06.FR.17")
async def test_oa_20_a_boot_asked_for_may_be_refused_once_accepted(csms: Central, cp201: Station201) -> None:
    cp201.answers("TriggerMessage", {"status": "Rejected"})
    told = await csms.operator(cp201.station_id, "trigger", message="BootNotification")
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert state(csms, cp201).booted


@pytest.mark.req("OA-21")
async def test_oa_21_an_update_that_takes_no_time_is_taken_as_told(cp201: Station201) -> None:
    for word in ("Downloading", "Downloaded", "Installing", "Installed"):
        assert await cp201.call("FirmwareStatusNotification", {"status": word, "requestId": 4711}) == {}


@pytest.mark.req("OA-22")
async def test_oa_22_failures_are_taken_in_every_spelling(cp: Any) -> None:
    firmware = {"status": "DownloadFailed"} | ({} if cp.protocol == "ocpp1.6" else {"requestId": 4712})
    assert await cp.call("FirmwareStatusNotification", firmware) == {}
    for word in ("UploadFailure", "UploadFailed"):
        assert await cp.call("LogStatusNotification", {"status": word, "requestId": 4713}) == {}


@pytest.mark.req("OA-23")
async def test_oa_23_readings_that_are_promised_and_never_come_hold_nothing_up(csms: Central, cp: Any) -> None:
    told = await csms.operator(cp.station_id, "trigger", message="MeterValues", evse_id=1)
    assert told["accepted"]
    await goes_on(csms, cp)
    assert evse(csms, cp).power_w is None


@pytest.mark.req("OA-24")
async def test_oa_24_a_denied_transaction_that_goes_on_stays_open(csms: Central, cp201: Station201) -> None:
    transaction = await cp201.start(1)
    cp201.answers("GetTransactionStatus", {"messagesInQueue": False, "ongoingIndicator": False})
    told = await csms.operator(cp201.station_id, "get_transaction_status", transaction_id=transaction)
    assert told["payload"]["ongoingIndicator"] is False
    assert (await csms.session(cp201.station_id)).status == "open"
    await cp201.stop(transaction, 700)
    assert (await csms.session(cp201.station_id)).energy_wh == 700


@pytest.mark.req("OA-09", "OA-10")
async def test_an_answer_of_nothing_known_is_told_as_unreadable(csms: Central, cp16: Station16) -> None:
    cp16.answers("GetConfiguration", Text(json.dumps([3, "ID", ["HeartbeatInterval"]]).replace('"ID"', "{id}")))
    assert (await csms.operator(cp16.station_id, "get_variables"))["code"] == "answer_unreadable"
    assert await codes(csms, cp16) == []
