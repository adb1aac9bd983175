"""Robustness list 10.2: boots, statuses and the manners of the RPC layer."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from typing import Any

import pytest

from device_sim.misbehaving import booting, framing
from tests.support.field import codes, connectors, state
from tests.support.scripted import CallError, Central, Silence, Station16, Station201, Text, central

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.conformance]


@pytest.mark.req("RB-11", "1.6J:4.1.1")
async def test_rb_11_calls_before_the_boot_answer_are_answered_in_order(cp: Any) -> None:
    texts = [json.dumps([2, f"p{number}", "Heartbeat", {}]) for number in range(20)]
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    if cp.protocol != "ocpp1.6":
        boot = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}
    await asyncio.gather(
        cp.exchange(json.dumps([2, "first", "BootNotification", boot]), "first"),
        *(cp.exchange(text, f"p{number}") for number, text in enumerate(texts)),
    )
    assert [frame[1] for frame in cp.frames if frame[0] == 3][-21:] == ["first", *(f"p{n}" for n in range(20))]
    await framing.pipelined_calls(cp)


@pytest.mark.req("RB-12")
async def test_rb_12_a_call_before_the_answer_to_ours_is_kept_apart(csms: Central, cp: Any) -> None:
    async def late(_: dict[str, Any]) -> dict[str, Any]:
        assert await cp.status(1, "Unavailable") == {}
        return {"status": "Accepted"}

    cp.answers("ChangeAvailability", late)
    told = await csms.operator(cp.station_id, "change_availability", operative=False)
    assert told["status"] == "Accepted"
    assert (await connectors(csms, cp))[1, 1].status == "Unavailable"


@pytest.mark.req("RB-13", "SR-07")
async def test_rb_13_a_station_that_says_nothing_times_out_and_is_shown_so(tmp_path: Any) -> None:
    async with central(tmp_path, boot_grace_s=0.1, call_timeout_s=0.3) as csms:
        mute = await csms.station("CP-1", strict=False)
        mute.answers("TriggerMessage", Silence())
        mute.answers("Reset", Silence())
        assert await mute.expected("TriggerMessage") == {"requestedMessage": "BootNotification"}
        for _ in range(2):
            assert (await csms.operator("CP-1", "reset", hard=False))["code"] == "call_timeout"
        shown = await csms.shown("CP-1")
        assert (shown["online"], shown["booted_at"], shown["vendor"]) == (True, None, "")
        mute.answers("Reset", {"status": "Accepted"})
        assert (await csms.operator("CP-1", "reset", hard=False))["status"] == "Accepted"


@pytest.mark.req("RB-14", "SR-07")
async def test_rb_14_a_status_without_a_boot_is_stored_and_a_boot_asked_for_once(tmp_path: Any) -> None:
    async with central(tmp_path, boot_grace_s=0.1) as csms:
        station = await csms.station("CP-1", strict=False, connected=False)
        await booting.status_first(station)
        assert await station.expected("TriggerMessage") == {"requestedMessage": "BootNotification"}
        assert (await connectors(csms, station))[1, 1].status == "Available"
        await asyncio.sleep(0.4)
        assert station.unasked("TriggerMessage")


@pytest.mark.req("RB-15", "SR-11")
async def test_rb_15_ids_that_start_anew_after_a_reconnect_are_new_messages(csms: Central, cp: Any) -> None:
    await framing.ids_from_one(cp)
    kept = await csms.notices("data_transfer", cp.station_id)
    assert sorted(notice.detail["vendor_id"] for notice in kept) == ["one", "two"]


@pytest.mark.req("RB-16", "SR-11")
async def test_rb_16_a_repeated_id_has_one_effect_and_the_same_answer(csms: Central, cp: Any) -> None:
    await framing.repeated_id(cp)
    assert len(await csms.notices("data_transfer", cp.station_id)) == 1


@pytest.mark.req("RB-17")
async def test_rb_17_a_second_boot_on_the_same_socket_is_accepted(csms: Central, cp: Any) -> None:
    first = state(csms, cp).booted_at
    link = state(csms, cp).link
    assert (await cp.boot())["status"] == "Accepted"
    assert state(csms, cp).booted_at > first
    assert state(csms, cp).link is link


@pytest.mark.req("RB-18")
async def test_rb_18_a_boot_with_blanks_and_a_long_serial_number_is_accepted(csms: Central, cp: Any) -> None:
    await booting.blank_boot(cp)
    shown = await csms.shown(cp.station_id)
    assert (shown["vendor"], shown["serial"], shown["firmware"]) == ("", "S" * 33, "")


@pytest.mark.req("RB-19")
async def test_rb_19_the_same_boot_again_and_again_is_answered_each_time(cp: Any) -> None:
    boot = {"chargePointVendor": "V", "chargePointModel": "M"}
    if cp.protocol != "ocpp1.6":
        boot = {"chargingStation": {"vendorName": "V", "model": "M"}, "reason": "PowerUp"}
    answers = [await cp.call("BootNotification", boot, "same") for _ in range(5)]
    assert {answer["status"] for answer in answers} == {"Accepted"}
    assert answers[0]["currentTime"] < answers[-1]["currentTime"]


ODD_REFUSALS = {
    "RB-20": '[4,{id},"NotSupported","no"]',
    "RB-21": '[4,{id},"NotSupported","no","details in words"]',
    "RB-21-empty": '[4,{id},"NotSupported","",""]',
    "RB-22": json.dumps([4, "ID", "NotImplemented", "line\n" * 2000, {}]).replace('"ID"', "{id}"),
    "RB-23": '[4,{id},"CoffeeError","none left",{}]',
}


async def refused_with(csms: Central, cp: Any, text: str) -> dict[str, Any]:
    """What the operator is told when a reset is refused like that; the next command goes through."""
    cp.answers("Reset", Text(text))
    told = await csms.operator(cp.station_id, "reset", hard=False)
    assert told["code"] == "call_refused"
    cp.answers("Reset", {"status": "Accepted"})
    assert (await csms.operator(cp.station_id, "reset", hard=False))["status"] == "Accepted"
    return told


@pytest.mark.req("RB-20")
async def test_rb_20_a_callerror_with_four_elements_fails_the_call_cleanly(csms: Central, cp: Any) -> None:
    assert (await refused_with(csms, cp, ODD_REFUSALS["RB-20"]))["error_code"] == "NotSupported"


@pytest.mark.req("RB-21")
@pytest.mark.parametrize("name", ["RB-21", "RB-21-empty"])
async def test_rb_21_a_callerror_with_a_text_for_details_fails_the_call_cleanly(
    csms: Central, cp: Any, name: str
) -> None:
    assert (await refused_with(csms, cp, ODD_REFUSALS[name]))["error_code"] == "NotSupported"


@pytest.mark.req("RB-22")
async def test_rb_22_a_callerror_with_an_endless_description_is_cut(
    csms: Central, cp: Any, told_once: Counter[tuple[str, ...]]
) -> None:
    told = await refused_with(csms, cp, ODD_REFUSALS["RB-22"])
    assert len(told["detail"]) < 400
    assert all(len(part) < 400 for line in told_once for part in line)


@pytest.mark.req("RB-23")
async def test_rb_23_a_callerror_with_an_unknown_code_fails_the_call_cleanly(csms: Central, cp: Any) -> None:
    assert (await refused_with(csms, cp, ODD_REFUSALS["RB-23"]))["error_code"] == "CoffeeError"


@pytest.mark.req("RB-24")
@pytest.mark.parametrize("way", ["1005", "1006"])
async def test_rb_24_a_socket_closed_instead_of_an_answer_ends_the_command_at_once(
    csms: Central, cp: Any, way: str
) -> None:
    async def vanish(_: dict[str, Any]) -> Silence:
        if way == "1006":
            cp.socket.transport.abort()
        else:
            await cp.socket.close()
        return Silence()

    cp.answers("Reset", vanish)
    told = await csms.operator(cp.station_id, "reset", hard=True)
    assert told["code"] == "connection_lost"
    await csms.until(lambda: not state(csms, cp).online)
    await cp.connect()
    assert (await cp.boot())["status"] == "Accepted"
    assert state(csms, cp).online


@pytest.mark.req("RB-25")
async def test_rb_25_an_answer_with_a_wrong_field_name_is_told_as_unreadable(csms: Central, cp: Any) -> None:
    cp.answers("GetLocalListVersion", {"versionOfTheList": 7})
    told = await csms.operator(cp.station_id, "call", action="GetLocalListVersion", payload={})
    assert told["code"] == "answer_unreadable"


@pytest.mark.req("RB-26")
async def test_rb_26_a_truncated_answer_is_dropped_and_the_call_times_out(tmp_path: Any) -> None:
    async with central(tmp_path, call_timeout_s=0.3) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        station.answers("GetConfiguration", Text('[3,{id},{"configurationKey":[{"key":"HeartbeatInter'))
        assert (await csms.operator("CP-1", "get_variables"))["code"] == "call_timeout"
        station.answers("GetConfiguration", {"configurationKey": []})
        assert (await csms.operator("CP-1", "get_variables"))["status"] == "Accepted"
        await framing.truncated_json(station)


@pytest.mark.req("RB-27")
async def test_rb_27_pretty_printed_json_is_read(cp: Any) -> None:
    await framing.pretty_json(cp)


@pytest.mark.req("RB-28")
async def test_rb_28_an_extra_property_is_ignored(cp: Any) -> None:
    await framing.extra_property(cp)


@pytest.mark.req("RB-29")
async def test_rb_29_settings_that_are_mostly_not_answered_end_in_bounded_time(tmp_path: Any) -> None:
    answered = 0

    def one_in_ten(_: dict[str, Any]) -> Any:
        nonlocal answered
        answered += 1
        return {"status": "Accepted"} if answered % 10 == 0 else Silence()

    async with central(tmp_path, call_timeout_s=0.1) as csms:
        station = await csms.station("CP-1", strict=False)
        await station.boot()
        station.answers("ChangeConfiguration", one_in_ten)
        values = {"MeterValueSampleInterval": "30"}
        async with asyncio.timeout(30):
            told = [await csms.operator("CP-1", "set_variables", values=values) for _ in range(10)]
        assert [answer.get("code", answer.get("status")) for answer in told] == ["call_timeout"] * 9 + ["Accepted"]


@pytest.mark.req("RB-30")
async def test_rb_30_connector_zero_may_be_left_out_and_evse_zero_told(
    csms: Central, cp16: Station16, cp201: Station201
) -> None:
    for station in (cp16, cp201):
        await booting.evse_zero(station)
        shown = await csms.shown(station.station_id)
        assert [(evse["evse_id"], evse["status"]) for evse in shown["evses"]] == [(1, "Available")]
    assert state(csms, cp16).status is None
    assert state(csms, cp201).status == "Available"


@pytest.mark.req("RB-31")
async def test_rb_31_unknown_error_codes_and_words_are_stored(csms: Central, cp16: Station16) -> None:
    info = '{"door":"open","t":[1,2]}'
    await cp16.status(1, "Faulted", errorCode="Error", info=info, vendorErrorCode="E-17")
    row = (await connectors(csms, cp16))[1, 1]
    assert (row.status, row.error_code, row.info) == ("Faulted", "Error", info)


@pytest.mark.req("RB-32")
@pytest.mark.parametrize("data", ["1;2;3.5;ok", '{"temperature": 41.5}'], ids=["CSV", "JSON"])
async def test_rb_32_data_of_an_unknown_vendor_is_told_so_and_kept(csms: Central, cp: Any, data: str) -> None:
    answer = await cp.call("DataTransfer", {"vendorId": "com.nobody", "messageId": "telemetry", "data": data})
    assert answer["status"] == "UnknownVendorId"
    (kept,) = await csms.notices("data_transfer", cp.station_id)
    assert kept.detail["data"] == data


@pytest.mark.req("RB-33")
async def test_rb_33_more_keys_than_asked_for_and_keys_without_a_value_are_told(csms: Central, cp16: Station16) -> None:
    keys = [{"key": f"Key{number}", "readonly": False, "value": str(number)} for number in range(300)]
    cp16.answers("GetConfiguration", {"configurationKey": [*keys, {"key": "AuthorizationKey", "readonly": False}]})
    told = await csms.operator(cp16.station_id, "get_variables", names=["HeartbeatInterval"])
    assert len(told["values"]) == 302
    assert (told["values"]["Key299"], told["values"]["AuthorizationKey"]) == ("299", None)
    assert told["values"]["HeartbeatInterval"] is None


@pytest.mark.req("RB-34")
async def test_rb_34_payloads_of_the_other_version_get_an_error_and_a_flag(csms: Central, cp: Any) -> None:
    await framing.other_version(cp)
    await cp.call("Heartbeat")
    (flag,) = await csms.notices("other_version", cp.station_id)
    other = "ocpp2.0.1" if cp.protocol == "ocpp1.6" else "ocpp1.6"
    assert flag.detail == {"agreed": cp.protocol, "spoken": other}
    assert await codes(csms, cp) == ["other_version"]


@pytest.mark.req("RB-23", "RB-24")
async def test_a_refusal_is_no_fault_of_ours(csms: Central, cp: Any) -> None:
    cp.answers("Reset", CallError("InternalError", "out of memory"))
    assert (await csms.operator(cp.station_id, "reset", hard=True))["code"] == "call_refused"
