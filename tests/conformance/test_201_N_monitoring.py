"""OCPP 2.0.1 block N: monitors set, cleared and reported, events and alerts, what is kept of customers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csms.store.station_tables import Operation
from tests.support.scripted import Central, central

pytestmark = pytest.mark.conformance

Payload = dict[str, Any]
EVSE_STATE = {"component": {"name": "EVSE", "evse": {"id": 1}}, "variable": {"name": "AvailabilityState"}}
STATION_STATE = {"component": {"name": "ChargingStation"}, "variable": {"name": "AvailabilityState"}}
STATION_POWER = {"component": {"name": "ChargingStation"}, "variable": {"name": "Power"}}
CLEAR_LIMIT = "MonitoringCtrlr.ItemsPerMessage@ClearVariableMonitoring"


async def monitors(csms: Central) -> dict[int, Payload]:
    answer = await csms.api("GET", "/api/v1/stations/CP-1/monitors")
    return {monitor["monitor_id"]: monitor for monitor in answer.json()["monitors"]}


async def events(csms: Central, **query: Any) -> list[Payload]:
    wanted = "&".join(f"{name}={value}" for name, value in query.items())
    told: list[Payload] = (await csms.api("GET", f"/api/v1/events?station_id=CP-1&{wanted}")).json()["events"]
    return told


async def operation(csms: Central, operation_id: int) -> Payload:
    (row,) = await csms.rooms.store.reader.find(Operation, id=operation_id)
    told: Payload = row.model_dump()
    return told


def report(cp: Any, request_id: int, seq_no: int, *found: Payload, **more: Any) -> Payload:
    """One part of a report of monitors."""
    entries = {"monitor": list(found)} if found else {}
    return {"requestId": request_id, "seqNo": seq_no, "generatedAt": cp.stamp(), **entries} | more


def monitor(about: Payload, monitor_id: int, kind: str, value: float = 1, severity: int = 8) -> Payload:
    told = {"id": monitor_id, "transaction": False, "value": value, "type": kind, "severity": severity}
    return {**about, "variableMonitoring": [told]}


def event(
    cp: Any, about: Payload, event_id: int = 1, trigger: str = "Alerting", value: str = "90", **more: Any
) -> Payload:
    entry = {"eventId": event_id, "timestamp": cp.stamp(), "trigger": trigger, "actualValue": value, **about, **more}
    data = [{"eventNotificationType": "CustomMonitor"} | entry]
    return {"generatedAt": cp.stamp(), "seqNo": 0, "eventData": data}


def numbering(payload: Payload) -> Payload:
    """A station that takes every monitor and numbers them from 11 on."""
    results = []
    for number, asked in enumerate(payload["setMonitoringData"], 11):
        about = {key: asked[key] for key in ("component", "variable", "type", "severity")}
        results.append(about | {"status": "Accepted", "id": asked.get("id", number)})
    return {"setMonitoringResult": results}


@pytest.mark.octt("TC_N_01_CSMS", "TC_N_02_CSMS", "TC_N_03_CSMS", "TC_N_60_CSMS", "TC_N_47_CSMS")
@pytest.mark.parametrize(
    ("criteria", "names", "asked"),
    [
        ([], [], {}),
        (["ThresholdMonitoring"], [], {"monitoringCriteria": ["ThresholdMonitoring"]}),
        ([], ["ChargingStation.Power"], {"componentVariable": [STATION_POWER]}),
        (
            ["DeltaMonitoring"],
            ["ChargingStation.AvailabilityState", "EVSE/1.AvailabilityState"],
            {"monitoringCriteria": ["DeltaMonitoring"], "componentVariable": [STATION_STATE, EVSE_STATE]},
        ),
    ],
)
async def test_a_report_of_monitors(tmp_path: Path, criteria: list[str], names: list[str], asked: Payload) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("GetMonitoringReport", {"status": "EmptyResultSet"})
        told = await csms.operator("CP-1", "get_monitoring_report", criteria=criteria, names=names)
        assert (told["status"], (await operation(csms, told["operation_id"]))["status"]) == ("EmptyResultSet",) * 2
        cp.answers("GetMonitoringReport", {"status": "Accepted"})
        told = await csms.operator("CP-1", "get_monitoring_report", criteria=criteria, names=names)
        number = told["operation_id"]
        assert [payload for _, payload in cp.asked][-1] == {"requestId": number, **asked}
        first, second = monitor(STATION_POWER, 5, "UpperThreshold", 22000, 3), monitor(EVSE_STATE, 6, "Delta")
        await cp.call("NotifyMonitoringReport", report(cp, number, 0, first, tbc=True))
        await cp.call("NotifyMonitoringReport", report(cp, number, 1, second))
        assert (await operation(csms, number))["status"] == "Complete"
        found = await monitors(csms)
        assert {key: (m["name"], m["kind"], m["value"], m["severity"]) for key, m in found.items()} == {
            5: ("ChargingStation.Power", "UpperThreshold", 22000, 3),
            6: ("EVSE/1.AvailabilityState", "Delta", 1, 8),
        }


@pytest.mark.req("N04.FR.19")
async def test_a_complete_report_leaves_no_other_monitors(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        for numbers in ((1, 2), (2, 3)):
            told = await csms.operator("CP-1", "get_monitoring_report")
            found = [monitor(STATION_POWER, number, "Delta") for number in numbers]
            await cp.call("NotifyMonitoringReport", report(cp, told["operation_id"], 0, found[0], tbc=True))
            await cp.call("NotifyMonitoringReport", report(cp, told["operation_id"], 1, found[1]))
        assert set(await monitors(csms)) == {2, 3}


@pytest.mark.req("N02.FR.07")
async def test_a_report_of_monitors_is_asked_for_in_pieces(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await _limit(csms, cp, "DeviceDataCtrlr.ItemsPerMessage@GetReport", 2)
        names = ["EVSE/1", "EVSE/2", "ChargingStation.Power"]
        told = await csms.operator("CP-1", "get_monitoring_report", names=names)
        asked = [payload for action, payload in cp.asked if action == "GetMonitoringReport"]
        assert [len(payload["componentVariable"]) for payload in asked] == [2, 1]
        assert told["operation_id"] == asked[1]["requestId"] != asked[0]["requestId"]


@pytest.mark.octt("TC_N_05_CSMS")
@pytest.mark.parametrize(("base", "left"), [("All", {11}), ("FactoryDefault", set()), ("HardWiredOnly", set())])
async def test_a_monitoring_base_is_set(tmp_path: Path, base: str, left: set[int]) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariableMonitoring", numbering)
        wanted = [{"name": "EVSE/1.AvailabilityState", "kind": "Delta", "severity": 8}]
        await csms.operator("CP-1", "set_variable_monitoring", monitors=wanted)
        assert (await csms.operator("CP-1", "set_monitoring_base", base=base))["status"] == "Accepted"
        assert await cp.expected("SetMonitoringBase") == {"monitoringBase": base}
        assert set(await monitors(csms)) == left


@pytest.mark.octt("TC_N_08_CSMS", "TC_N_09_CSMS")
@pytest.mark.req("N04.FR.17")
async def test_monitors_are_set(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariableMonitoring", numbering)
        names = ["EVSE/1.AvailabilityState", "ChargingStation.AvailabilityState"]
        wanted = [{"name": name, "kind": "Delta", "severity": 8} for name in names]
        told = await csms.operator("CP-1", "set_variable_monitoring", monitors=wanted)
        assert told["values"] == {f"{name} Delta": "Accepted" for name in names}
        asked = await cp.expected("SetVariableMonitoring")
        about = {"value": 1, "type": "Delta", "severity": 8}
        assert asked == {"setMonitoringData": [{**EVSE_STATE, **about}, {**STATION_STATE, **about}]}
        assert {number: m["name"] for number, m in (await monitors(csms)).items()} == {11: names[0], 12: names[1]}


@pytest.mark.req("N04.FR.09")
async def test_monitors_that_are_refused_and_too_many_at_once(tmp_path: Path) -> None:
    limit = "MonitoringCtrlr.ItemsPerMessage@SetVariableMonitoring"

    def choosy(payload: Payload) -> Payload:
        results = numbering(payload)["setMonitoringResult"]
        return {"setMonitoringResult": [r | ({} if r["severity"] else {"status": "Duplicate"}) for r in results]}

    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await _limit(csms, cp, limit, 2)
        cp.answers("SetVariableMonitoring", choosy)
        wanted = [{"name": f"A.v{n}", "kind": "Delta", "severity": n, "monitor_id": 20 + n} for n in range(3)]
        told = await csms.operator("CP-1", "set_variable_monitoring", monitors=wanted)
        assert (told["status"], told["values"]["A.v0 Delta"]) == ("Duplicate", "Duplicate")
        sizes = [len(p["setMonitoringData"]) for action, p in cp.asked if action == "SetVariableMonitoring"]
        assert (sizes, set(await monitors(csms))) == ([2, 1], {21, 22})


async def _limit(csms: Central, cp: Any, name: str, value: int) -> None:
    """The station tells how much it takes at once."""
    component, _, rest = name.partition(".")
    variable, _, instance = rest.partition("@")
    about = {"component": {"name": component}, "variable": {"name": variable, "instance": instance}}
    told = {**about, "attributeStatus": "Accepted", "attributeValue": str(value)}
    cp.answers("GetVariables", {"getVariableResult": [told]})
    await csms.operator("CP-1", "get_variables", names=[name])


@pytest.mark.octt("TC_N_16_CSMS", "TC_N_17_CSMS")
@pytest.mark.parametrize(("severity", "status"), [(4, "Accepted"), (10, "Rejected")])
async def test_a_monitoring_level_is_set(tmp_path: Path, severity: int, status: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetMonitoringLevel", {"status": status})
        assert (await csms.operator("CP-1", "set_monitoring_level", severity=severity))["status"] == status
        assert await cp.expected("SetMonitoringLevel") == {"severity": severity}


@pytest.mark.octt("TC_N_18_CSMS", "TC_N_44_CSMS")
@pytest.mark.req("N06.FR.04")
async def test_monitors_are_cleared_no_more_than_fit_at_once(tmp_path: Path) -> None:
    def clear(payload: Payload) -> Payload:
        words = {11: "Accepted", 12: "Rejected"}
        return {"clearMonitoringResult": [{"id": n, "status": words.get(n, "NotFound")} for n in payload["id"]]}

    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("SetVariableMonitoring", numbering)
        wanted = [{"name": f"A.v{n}", "kind": "Delta", "severity": 5} for n in range(3)]
        await csms.operator("CP-1", "set_variable_monitoring", monitors=wanted)
        await _limit(csms, cp, CLEAR_LIMIT, 2)
        cp.answers("ClearVariableMonitoring", clear)
        told = await csms.operator("CP-1", "clear_variable_monitoring", monitor_ids=[11, 12, 13])
        assert (told["status"], told["values"]) == ("Rejected", {"11": "Accepted", "12": "Rejected", "13": "NotFound"})
        asked = [payload["id"] for action, payload in cp.asked if action == "ClearVariableMonitoring"]
        assert (asked, set(await monitors(csms))) == ([[11, 12], [13]], {12})


@pytest.mark.octt("TC_N_21_CSMS", "TC_N_24_CSMS", "TC_N_48_CSMS", "TC_N_49_CSMS", "TC_N_50_CSMS")
@pytest.mark.req("N07.FR.03", "N08.FR.02")
async def test_alerts_are_open_until_they_are_cleared(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        told = await csms.operator("CP-1", "get_monitoring_report")
        found = monitor(STATION_POWER, 5, "UpperThreshold", 80, severity=2)
        await cp.call("NotifyMonitoringReport", report(cp, told["operation_id"], 0, found))
        hot = {"variableMonitoringId": 5, "techCode": "E7", "techInfo": "hot"}
        assert await cp.call("NotifyEvent", event(cp, STATION_POWER, 1, **hot)) == {}
        hard = {"eventNotificationType": "HardWiredMonitor"}
        assert await cp.call("NotifyEvent", event(cp, STATION_STATE, 2, value="", **hard)) == {}
        assert await cp.call("NotifyEvent", event(cp, STATION_POWER, 3, "Periodic", "70")) == {}
        alerts = await events(csms, alerts="true")
        assert [(alert["event_id"], alert["severity"], alert["tech_code"]) for alert in alerts] == [
            (2, None, ""),
            (1, 2, "E7"),
        ]
        await cp.boot()
        assert await cp.call("NotifyEvent", event(cp, STATION_POWER, 4, cleared=True, variableMonitoringId=5)) == {}
        assert [alert["event_id"] for alert in await events(csms, alerts="true")] == [2]
        assert [(e["event_id"], e["cleared"]) for e in await events(csms)] == [
            (4, True),
            (3, False),
            (2, False),
            (1, False),
        ]


@pytest.mark.octt("TC_B_01_CSMS")
async def test_a_connector_may_tell_its_state_by_an_event(tmp_path: Path) -> None:
    about = {"component": {"name": "Connector", "evse": {"id": 1, "connectorId": 1}}}
    about |= {"variable": {"name": "AvailabilityState"}}
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        for state in ("Available", "Occupied", "Lost"):
            await cp.call("NotifyEvent", event(cp, about, 1, "Delta", state))
        assert (await csms.shown("CP-1"))["evses"][0]["status"] == "Occupied"


@pytest.mark.req("SR-02")
async def test_one_bad_event_does_not_spoil_the_others(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1", strict=False)
        good = event(cp, STATION_POWER)
        good["eventData"] += [{"eventId": "x", "trigger": "Whim"}, 7]
        assert await cp.call("NotifyEvent", good) == {}
        assert [(e["event_id"], e["trigger"]) for e in await events(csms)] == [(0, "Whim"), (1, "Alerting")]


CUSTOMERS = [
    ({"id_token": "CARD", "token_type": "eMAID"}, {"idToken": {"idToken": "CARD", "type": "eMAID"}}),
    ({"identifier": "OpenChargeAlliance"}, {"customerIdentifier": "OpenChargeAlliance"}),
    (
        {
            "certificate": {
                "issuer_name_hash": "aa",
                "issuer_key_hash": "bb",
                "serial_number": "cc",
                "algorithm": "SHA384",
            }
        },
        {
            "customerCertificate": {
                "hashAlgorithm": "SHA384",
                "issuerNameHash": "aa",
                "issuerKeyHash": "bb",
                "serialNumber": "cc",
            }
        },
    ),
]


@pytest.mark.octt("TC_N_27_CSMS", "TC_N_28_CSMS", "TC_N_30_CSMS", "TC_N_31_CSMS", "TC_N_32_CSMS")
@pytest.mark.octt("TC_N_62_CSMS", "TC_N_63_CSMS")
@pytest.mark.req("N09.FR.08", "N10.FR.09", "N09.FR.01", "N09.FR.04", "N10.FR.08")
@pytest.mark.parametrize(("wanted", "asked"), CUSTOMERS)
@pytest.mark.parametrize(("tell", "clear"), [(True, False), (True, True), (False, True)])
async def test_what_a_station_keeps_of_a_customer(
    tmp_path: Path, wanted: Payload, asked: Payload, tell: bool, clear: bool
) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        told = await csms.operator("CP-1", "customer_information", report=tell, clear=clear, **wanted)
        number = told["operation_id"]
        assert await cp.expected("CustomerInformation") == {
            "requestId": number,
            "report": tell,
            "clear": clear,
            **asked,
        }
        for seq_no, text in enumerate(("name: ", "Zhang San")):
            part = {"requestId": number, "seqNo": seq_no, "generatedAt": cp.stamp(), "data": text, "tbc": seq_no == 0}
            assert await cp.call("NotifyCustomerInformation", part) == {}
        done = await operation(csms, number)
        assert (done["status"], done["detail"]["text"]) == ("Complete", "name: Zhang San")


@pytest.mark.octt("TC_N_29_CSMS")
@pytest.mark.parametrize("status", ["Rejected", "Invalid"])
async def test_a_station_that_does_not_tell(tmp_path: Path, status: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        cp.answers("CustomerInformation", {"status": status})
        told = await csms.operator("CP-1", "customer_information", id_token="CARD")
        assert (told["status"], told["accepted"]) == (status, False)
        assert (await operation(csms, told["operation_id"]))["ended_at"] is not None


@pytest.mark.req("N09.FR.04")
@pytest.mark.parametrize(
    "fields", [{}, {"id_token": "A", "identifier": "B"}, {"id_token": "A", "report": False, "clear": False}]
)
async def test_a_question_about_nobody_or_nothing_is_not_sent(tmp_path: Path, fields: Payload) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        assert (await csms.operator("CP-1", "customer_information", **fields))["code"] == "invalid_request"
        assert cp.asked == []
