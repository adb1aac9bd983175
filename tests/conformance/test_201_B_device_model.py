"""OCPP 2.0.1 block B: boots that have to wait, the device model read and set, reports in parts, network profiles."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csms.store.station_tables import Operation
from tests.support.scripted import CallError, Station201, central

pytestmark = pytest.mark.conformance

Payload = dict[str, Any]


def variable(name: str, variable: str, instance: str = "", evse_id: int = 0) -> Payload:
    """A component and a variable as 2.0.1 writes them."""
    component: Payload = {"name": name} | ({"evse": {"id": evse_id}} if evse_id else {})
    return {"component": component, "variable": {"name": variable} | ({"instance": instance} if instance else {})}


def telling(values: dict[str, str]) -> Any:
    """A station that knows these variables, by `Component.Variable` with the instance after an @."""

    def name_of(asked: Payload) -> str:
        instance = asked["variable"].get("instance", "")
        return f"{asked['component']['name']}.{asked['variable']['name']}" + (f"@{instance}" if instance else "")

    def answer(payload: Payload) -> Payload:
        results = []
        for asked in payload["getVariableData"]:
            known = values.get(name_of(asked))
            status = {"attributeStatus": "Accepted", "attributeValue": known} if known is not None else None
            results.append({**asked, "attributeType": "Actual", **(status or {"attributeStatus": "UnknownVariable"})})
        return {"getVariableResult": results}

    return answer


def setting(payload: Payload) -> Payload:
    """A station that takes whatever it is set to."""
    entries = [{k: v for k, v in asked.items() if k != "attributeValue"} for asked in payload["setVariableData"]]
    return {"setVariableResult": [{**entry, "attributeStatus": "Accepted"} for entry in entries]}


def part(station: Station201, request_id: int, seq_no: int, *entries: Payload, **more: Any) -> Payload:
    """One part of a report."""
    return {"requestId": request_id, "seqNo": seq_no, "generatedAt": station.stamp(), "reportData": entries} | more


def reported(name: str, variable_name: str, value: str, **more: Any) -> Payload:
    attribute = {"type": "Actual", "value": value, "mutability": "ReadWrite"}
    facts = {"dataType": "integer", "supportsMonitoring": False, "unit": "s", "maxLimit": 3600}
    return {**variable(name, variable_name, **more), "variableAttribute": [attribute], "variableCharacteristics": facts}


def holding(folder: Path, text: str) -> list[str]:
    """Files of the database in which a text stands."""
    return [file.name for file in folder.glob("csms.db*") if text.encode() in file.read_bytes()]


async def register(csms: Any, station_id: str, stage: str, **more: Any) -> Payload:
    answer = await csms.api("PUT", f"/api/v1/stations/{station_id}/registration", {"stage": stage} | more)
    assert answer.status_code == 200, answer.text
    told: Payload = answer.json()
    return told


async def configuration(csms: Any, station_id: str = "CP-1") -> dict[str, Payload]:
    answer = await csms.api("GET", f"/api/v1/stations/{station_id}/configuration")
    return {entry["name"]: entry for entry in answer.json()["variables"]}


async def operation(csms: Any, operation_id: int) -> Payload:
    (row,) = await csms.rooms.store.reader.find(Operation, id=operation_id)
    told: Payload = row.model_dump()
    return told


@pytest.mark.octt("TC_B_02_CSMS")
@pytest.mark.req("B01.FR.02", "B02.FR.01", "B02.FR.06")
async def test_a_held_station_is_configured_and_then_accepted(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await register(csms, "CP-1", "approved")
        answer = await cp.boot()
        assert (answer["status"], answer["interval"] > 0) == ("Pending", True)
        cp.answers("GetVariables", telling({"OCPPCommCtrlr.HeartbeatInterval": "60"}))
        cp.answers("SetVariables", setting)
        read = await csms.operator("CP-1", "get_variables", names=["OCPPCommCtrlr.HeartbeatInterval"])
        assert read["values"] == {"OCPPCommCtrlr.HeartbeatInterval": "60"}
        await csms.operator("CP-1", "set_variables", values={"OCPPCommCtrlr.HeartbeatInterval": "120"})
        told = await register(csms, "CP-1", "commissioned")
        assert (told["boot"], told["registration"]) == ("Accepted", "Pending")
        assert await cp.expected("TriggerMessage") == {"requestedMessage": "BootNotification"}
        assert (await cp.boot("Triggered"))["status"] == "Accepted"
        await cp.status(1, "Available")
        shown = await csms.shown("CP-1")
        assert (shown["stage"], shown["registration"], shown["boot_reason"]) == (
            "commissioned",
            "Accepted",
            "Triggered",
        )


@pytest.mark.octt("TC_B_30_CSMS")
@pytest.mark.req("B01.FR.10", "B02.FR.09", "B03.FR.07")
@pytest.mark.parametrize(("boot", "protocol"), [("Pending", "2.0.1"), ("Rejected", "2.0.1"), ("Pending", "1.6")])
async def test_a_station_that_is_not_accepted_may_only_boot(tmp_path: Path, boot: str, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", f"ocpp{protocol}")
        await register(csms, "CP-1", "approved", boot=boot)
        assert (await cp.boot())["status"] == boot
        for say in (cp.status(1, "Available"), cp.call("Heartbeat"), cp.authorize("CARD")):
            with pytest.raises(CallError, match="SecurityError"):
                await say
        assert (await csms.shown("CP-1"))["evses"][0]["status"] == "Unknown"


@pytest.mark.req("B02.FR.09")
async def test_what_was_refused_is_taken_when_the_station_is_accepted(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await register(csms, "CP-1", "approved")
        await cp.boot()
        said = {"timestamp": cp.stamp(), "connectorStatus": "Available", "evseId": 1, "connectorId": 1}
        with pytest.raises(CallError, match="SecurityError"):
            await cp.call("StatusNotification", said, "same-id")
        await register(csms, "CP-1", "commissioned")
        await cp.boot()
        assert await cp.call("StatusNotification", said, "same-id") == {}


@pytest.mark.octt("TC_B_31_CSMS")
async def test_a_held_station_may_say_what_it_was_asked_for(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await register(csms, "CP-1", "approved")
        await cp.boot()
        await csms.operator("CP-1", "trigger", message="StatusNotification", evse_id=1)
        await cp.status(1, "Available")
        with pytest.raises(CallError, match="SecurityError"):
            await cp.call("Heartbeat")
        asked = await csms.operator("CP-1", "get_base_report")
        await cp.call("NotifyReport", part(cp, asked["operation_id"], 0, reported("A", "B", "1")))
        assert set(await configuration(csms)) == {"A.B"}


@pytest.mark.req("B03.FR.03")
async def test_what_may_not_be_asked_of_a_station_that_waits(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await register(csms, "CP-1", "approved")
        await cp.boot()
        start = await csms.operator("CP-1", "remote_start", id_token="CARD", evse_id=1)
        assert start["code"] == "station_not_accepted"
        await register(csms, "CP-1", "approved", boot="Rejected")
        await cp.boot()
        for name, fields in (("get_base_report", {}), ("reset", {}), ("trigger", {"message": "Heartbeat"})):
            assert (await csms.operator("CP-1", name, **fields))["code"] == "station_not_accepted"
        assert (await csms.operator("CP-1", "trigger", message="BootNotification"))["status"] == "Accepted"
        assert [action for action, _ in cp.asked] == ["TriggerMessage"]


async def test_a_rejected_station_is_sent_away_and_stays_away_over_a_restart(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        await register(csms, "CP-1", "rejected")
        await cp.socket.wait_closed()
        assert cp.socket.close_code == 1008
        await cp.connect()
        with pytest.raises(CallError, match="SecurityError"):
            await cp.status(1, "Available")
        answer = await cp.boot()
        assert (answer["status"], answer["interval"]) == ("Rejected", 600)
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        with pytest.raises(CallError, match="SecurityError"):
            await cp.status(1, "Available")
        assert (await csms.shown("CP-1"))["stage"] == "rejected"


@pytest.mark.req("B01.FR.02")
async def test_a_stranger_is_seen_approved_and_commissioned(tmp_path: Path) -> None:
    async with central(tmp_path, accept_unknown=True, unknown_boot="Pending") as csms:
        cp = Station201(csms, "NEW-1", "ocpp2.0.1", strict=True)
        csms.stations.append(cp)
        await cp.connect()
        assert (await cp.boot())["status"] == "Pending"
        assert (await csms.shown("NEW-1"))["stage"] == "seen"
        assert (await register(csms, "NEW-1", "approved"))["registered"] is True
        assert (await cp.boot())["status"] == "Pending"
        await register(csms, "NEW-1", "commissioned")
        await cp.expected("TriggerMessage")
        assert (await cp.boot("Triggered"))["status"] == "Accepted"
        assert (await csms.shown("NEW-1"))["registered"] is True


@pytest.mark.req("B01.FR.02")
async def test_registering_a_waiting_stranger_lets_it_in(tmp_path: Path) -> None:
    async with central(tmp_path, accept_unknown=True, unknown_boot="Pending") as csms:
        cp = Station201(csms, "NEW-1", "ocpp2.0.1", strict=True)
        csms.stations.append(cp)
        await cp.connect()
        await cp.boot()
        await csms.api("PUT", "/api/v1/stations/NEW-1", {})
        await cp.expected("TriggerMessage")
        assert (await cp.boot("Triggered"))["status"] == "Accepted"


async def test_what_a_station_says_of_itself_is_kept(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        two = await csms.station("CP-2", "ocpp2.0.1")
        station = {"vendorName": "Acme", "model": "DC", "serialNumber": "S", "firmwareVersion": "2"}
        modem = {"iccid": "8988", "imsi": "204"}
        await two.call("BootNotification", {"chargingStation": station | {"modem": modem}, "reason": "Watchdog"})
        one = await csms.station("CP-1", "ocpp1.6")
        meter = {"meterType": "EM", "meterSerialNumber": "M-1", "iccid": "8989", "imsi": "205"}
        await one.call("BootNotification", {"chargePointVendor": "V", "chargePointModel": "M", **meter})
        shown = [await csms.shown(name) for name in ("CP-1", "CP-2")]
        facts = [(s["iccid"], s["imsi"], s["meter_type"], s["meter_serial"], s["boot_reason"]) for s in shown]
        assert facts == [("8989", "205", "EM", "M-1", ""), ("8988", "204", "", "", "Watchdog")]


@pytest.mark.octt("TC_B_06_CSMS", "TC_B_07_CSMS")
async def test_variables_are_read_and_kept(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetVariables", telling({"OCPPCommCtrlr.OfflineThreshold": "600", "A.b": "x"}))
        told = await csms.operator("CP-1", "get_variables", names=["OCPPCommCtrlr.OfflineThreshold"])
        assert told["values"] == {"OCPPCommCtrlr.OfflineThreshold": "600"}
        asked = await cp.expected("GetVariables")
        assert asked == {"getVariableData": [variable("OCPPCommCtrlr", "OfflineThreshold")]}
        told = await csms.operator("CP-1", "get_variables", names=["A.b", "A.missing"])
        assert (told["status"], told["values"]) == ("UnknownVariable", {"A.b": "x", "A.missing": None})
        kept = await configuration(csms)
        assert {name: entry["value"] for name, entry in kept.items()} == {
            "A.b": "x",
            "OCPPCommCtrlr.OfflineThreshold": "600",
        }


@pytest.mark.octt("TC_B_08_CSMS")
@pytest.mark.req("B06.FR.05")
async def test_no_more_variables_than_a_station_takes_are_asked_for_at_once(tmp_path: Path) -> None:
    names = [
        f"DeviceDataCtrlr.{kind}@{what}"
        for kind in ("ItemsPerMessage", "BytesPerMessage")
        for what in ("GetReport", "GetVariables")
    ] + ["AuthCtrlr.AuthorizeRemoteStart"]
    values = dict.fromkeys(names, "4000") | {"DeviceDataCtrlr.ItemsPerMessage@GetVariables": "4"}
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetVariables", telling(values))
        await csms.operator("CP-1", "get_variables", names=names[1:2])
        told = await csms.operator("CP-1", "get_variables", names=names)
        assert (told["status"], told["values"]) == ("Accepted", values)
        sizes = [len(payload["getVariableData"]) for _, payload in cp.asked]
        assert sizes == [1, 4, 1]


async def test_no_more_bytes_than_a_station_takes_are_sent_at_once(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetVariables", telling({"DeviceDataCtrlr.BytesPerMessage@SetVariables": "1000"}))
        cp.answers("SetVariables", setting)
        await csms.operator("CP-1", "get_variables", names=["DeviceDataCtrlr.BytesPerMessage@SetVariables"])
        values = {f"A.v{number}": "x" * 100 for number in range(8)}
        assert (await csms.operator("CP-1", "set_variables", values=values))["status"] == "Accepted"
        frames = [frame for frame in cp.frames if frame[0] == 2 and frame[2] == "SetVariables"]
        assert len(frames) > 1
        assert all(len(str(frame[3])) <= 1000 for frame in frames)
        assert sum(len(frame[3]["setVariableData"]) for frame in frames) == 8


@pytest.mark.octt("TC_B_09_CSMS", "TC_B_10_CSMS")
@pytest.mark.req("B05.FR.11", "B05.FR.13")
async def test_variables_are_set(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariables", setting)
        await csms.operator("CP-1", "set_variables", values={"OCPPCommCtrlr.OfflineThreshold": "300"})
        asked = await cp.expected("SetVariables")
        assert asked["setVariableData"] == [{**variable("OCPPCommCtrlr", "OfflineThreshold"), "attributeValue": "300"}]
        values = {"EVSE/1.Power#MaxSet": "11000", "AuthCtrlr.AuthorizeRemoteStart": "false"}
        told = await csms.operator("CP-1", "set_variables", values=values)
        assert told["values"] == dict.fromkeys(values, "Accepted")
        first, _ = (await cp.expected("SetVariables"))["setVariableData"]
        assert first == {**variable("EVSE", "Power", evse_id=1), "attributeType": "MaxSet", "attributeValue": "11000"}
        kept = await configuration(csms)
        assert kept["EVSE/1.Power#MaxSet"]["value"] == "11000"
        assert kept["OCPPCommCtrlr.OfflineThreshold"]["value"] == "300"


async def test_what_a_station_does_not_take_is_not_kept(tmp_path: Path) -> None:
    def choosing(payload: Payload) -> Payload:
        statuses = {"good": "Accepted", "later": "RebootRequired", "fixed": "Rejected", "none": "UnknownVariable"}
        results = setting(payload)["setVariableResult"]
        return {"setVariableResult": [r | {"attributeStatus": statuses[r["variable"]["name"]]} for r in results]}

    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariables", choosing)
        values = dict.fromkeys(("A.good", "A.later", "A.fixed", "A.none"), "1")
        assert (await csms.operator("CP-1", "set_variables", values=values))["status"] == "Rejected"
        kept = await configuration(csms)
        assert {name: entry["reboot_required"] for name, entry in kept.items()} == {"A.good": False, "A.later": True}
        await cp.boot()
        assert not (await configuration(csms))["A.later"]["reboot_required"]


@pytest.mark.octt("TC_A_09_CSMS", "TC_A_10_CSMS")
@pytest.mark.req("A01.FR.02")
async def test_a_secret_is_sent_and_never_kept(tmp_path: Path) -> None:
    secret = "correct-horse-battery"
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariables", setting)
        cp.answers("GetVariables", telling({"SecurityCtrlr.BasicAuthPassword": secret}))
        await csms.operator("CP-1", "set_variables", values={"SecurityCtrlr.BasicAuthPassword": secret})
        assert (await configuration(csms))["SecurityCtrlr.BasicAuthPassword"]["value"] == "(secret)"
        await csms.operator("CP-1", "get_variables", names=["SecurityCtrlr.BasicAuthPassword"])
        asked = await csms.operator("CP-1", "get_base_report")
        entry = reported("SecurityCtrlr", "BasicAuthPassword", secret)
        await cp.call("NotifyReport", part(cp, asked["operation_id"], 0, entry))
    assert not holding(tmp_path, secret)


@pytest.mark.octt("TC_B_12_CSMS", "TC_B_13_CSMS", "TC_B_14_CSMS")
@pytest.mark.parametrize("base", ["ConfigurationInventory", "FullInventory", "SummaryInventory"])
async def test_a_base_report_in_parts(tmp_path: Path, base: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        told = await csms.operator("CP-1", "get_base_report", base=base)
        asked = await cp.expected("GetBaseReport")
        number = told["operation_id"]
        assert asked == {"requestId": number, "reportBase": base}
        await cp.call(
            "NotifyReport", part(cp, number, 0, reported("OCPPCommCtrlr", "HeartbeatInterval", "60"), tbc=True)
        )
        assert (await operation(csms, number))["status"] == "Receiving"
        await cp.call("NotifyReport", part(cp, number, 1, reported("EVSE", "Power", "22000", evse_id=1), tbc=False))
        done = await operation(csms, number)
        assert (done["status"], done["detail"]["variables"]) == ("Complete", 2)
        assert done["ended_at"] is not None
        entry = (await configuration(csms))["EVSE/1.Power"]
        assert (entry["value"], entry["unit"], entry["max_limit"], entry["mutability"]) == (
            "22000",
            "s",
            3600,
            "ReadWrite",
        )


@pytest.mark.req("RB-70", "RB-71", "OA-07", "OA-08")
async def test_a_report_in_one_part_with_number_1_and_no_tbc_is_complete(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        told = await csms.operator("CP-1", "get_base_report")
        await cp.call("NotifyReport", part(cp, told["operation_id"], 1, reported("A", "b", "1")))
        assert (await operation(csms, told["operation_id"]))["status"] == "Complete"


async def test_a_lost_part_of_a_report_is_noticed_and_may_still_come(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        number = (await csms.operator("CP-1", "get_base_report"))["operation_id"]
        await cp.call("NotifyReport", part(cp, number, 0, reported("A", "a", "1"), tbc=True))
        await cp.call("NotifyReport", part(cp, number, 3, reported("A", "d", "1")))
        lost = await operation(csms, number)
        assert (lost["status"], lost["detail"]["missing"]) == ("Incomplete", [[1, 2]])
        await cp.call("NotifyReport", part(cp, number, 1, reported("A", "b", "1"), tbc=True))
        await cp.call("NotifyReport", part(cp, number, 2, reported("A", "c", "1"), tbc=True))
        assert (await operation(csms, number))["status"] == "Complete"
        assert len(await configuration(csms)) == 4


@pytest.mark.parametrize("status", ["NotSupported", "Rejected", "EmptyResultSet"])
async def test_a_report_that_will_not_come_is_over(tmp_path: Path, status: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetBaseReport", {"status": status})
        told = await csms.operator("CP-1", "get_base_report")
        done = await operation(csms, told["operation_id"])
        assert (told["accepted"], done["status"]) == (False, status)
        assert done["ended_at"] is not None


@pytest.mark.req("SR-02")
async def test_one_bad_entry_does_not_spoil_a_report(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1", strict=False)
        number = (await csms.operator("CP-1", "get_base_report"))["operation_id"]
        bad: list[Any] = [
            {"component": {"name": "A"}, "variable": {"name": "x"}},
            {**variable("A", "y"), "variableAttribute": [{"value": "1", "mutability": "sometimes"}]},
            {**variable("A", "z"), "variableAttribute": []},
            "nonsense",
        ]
        assert await cp.call("NotifyReport", part(cp, number, 0, *bad, reported("A", "good", "1"))) == {}
        assert set(await configuration(csms)) == {"A.good", "A.y"}


async def test_a_report_that_nobody_asked_for_is_kept_all_the_same(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        assert await cp.call("NotifyReport", part(cp, 4711, 0, reported("A", "b", "1"))) == {}
        assert set(await configuration(csms)) == {"A.b"}


@pytest.mark.octt("TC_B_18_CSMS")
async def test_a_custom_report_by_criteria_and_variables(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetReport", {"status": "EmptyResultSet"})
        wanted = {"names": ["EVSE/1.AvailabilityState"]}
        told = await csms.operator("CP-1", "get_report", criteria=["Problem"], **wanted)
        asked = await cp.expected("GetReport")
        assert (told["status"], asked["componentCriteria"]) == ("EmptyResultSet", ["Problem"])
        assert asked["componentVariable"] == [variable("EVSE", "AvailabilityState", evse_id=1)]
        cp.answers("GetReport", {"status": "Accepted"})
        told = await csms.operator("CP-1", "get_report", criteria=["Available"], **wanted)
        entry = reported("EVSE", "AvailabilityState", "Available", evse_id=1)
        await cp.call("NotifyReport", part(cp, told["operation_id"], 0, entry))
        assert (await operation(csms, told["operation_id"]))["status"] == "Complete"


@pytest.mark.req("B08.FR.06")
async def test_a_custom_report_is_asked_for_in_pieces(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        limit = "DeviceDataCtrlr.ItemsPerMessage@GetReport"
        cp.answers("GetVariables", telling({limit: "2"}))
        await csms.operator("CP-1", "get_variables", names=[limit])
        await csms.operator("CP-1", "get_report", names=["EVSE/1", "EVSE/2", "ChargingStation"])
        asked = [payload for action, payload in cp.asked if action == "GetReport"]
        assert [payload["componentVariable"] for payload in asked] == [
            [{"component": {"name": "EVSE", "evse": {"id": 1}}}, {"component": {"name": "EVSE", "evse": {"id": 2}}}],
            [{"component": {"name": "ChargingStation"}}],
        ]
        assert len({payload["requestId"] for payload in asked}) == 2


@pytest.mark.octt("TC_B_42_CSMS", "TC_B_44_CSMS")
@pytest.mark.parametrize("status", ["Accepted", "Failed", "Rejected"])
async def test_a_network_profile_is_set(tmp_path: Path, status: str) -> None:
    profile = {"slot": 2, "url": "wss://csms.example/ocpp", "security_profile": 2, "interface": "Wireless0"}
    profile |= {"message_timeout_s": 20, "apn": {"apn": "internet", "authentication": "PAP", "sim_pin": 1234}}
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetNetworkProfile", {"status": status})
        assert (await csms.operator("CP-1", "set_network_profile", **profile))["status"] == status
        asked = await cp.expected("SetNetworkProfile")
        assert asked == {
            "configurationSlot": 2,
            "connectionData": {
                "ocppVersion": "OCPP20",
                "ocppTransport": "JSON",
                "ocppCsmsUrl": "wss://csms.example/ocpp",
                "messageTimeout": 20,
                "securityProfile": 2,
                "ocppInterface": "Wireless0",
                "apn": {"apn": "internet", "apnAuthentication": "PAP", "simPin": 1234},
            },
        }
