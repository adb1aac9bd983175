"""An OCPP 2.0.1 station against a real websocket server."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.csms_stub import CsmsStub
from tests.support.simulated import DC_SPEC, SECOND_SPEC, running, visit

ID = SECOND_SPEC.station_id


def profile(number: int, purpose: str, limit: float, unit: str = "A", **more: Any) -> dict[str, Any]:
    period = {"startPeriod": 0, "limit": limit}
    return {
        "id": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": [{"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": [period]}],
        **more,
    }


def events(csms: CsmsStub) -> list[dict[str, Any]]:
    return csms.of("TransactionEvent")


async def test_a_charging_session_is_one_numbered_run_of_events() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC, [visit()]) as station:
        await csms.until(lambda: csms.actions().count("StatusNotification") == 3 and not station.outgoing)
        assert csms.invalid == []
        assert [e["seqNo"] for e in events(csms)] == list(range(len(events(csms))))
        assert events(csms)[0]["eventType"] == "Started"
        assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"
        assert len({e["transactionInfo"]["transactionId"] for e in events(csms)}) == 1
        states = [e["transactionInfo"]["chargingState"] for e in events(csms) if "meterValue" not in e]
        assert states == ["Charging", "SuspendedEV"]
        values = [v for e in events(csms) for m in e.get("meterValue", ()) for v in m["sampledValue"]]
        assert station.stats.samples_acknowledged == len(values)
        register = [v["value"] for v in values if v["measurand"] == "Energy.Active.Import.Register"]
        assert register == sorted(register)
        assert register[-1] - register[0] == pytest.approx(2_000, abs=1)
        shown = [p["connectorStatus"] for p in csms.of("StatusNotification")]
        assert shown == ["Available", "Occupied", "Available"]


async def test_a_dc_pile_tells_the_state_of_charge_and_obeys_watts() -> None:
    async with CsmsStub() as csms, running(csms.url, DC_SPEC, [visit(5.0, 9_000.0, 30_000.0)]) as station:
        await csms.until(lambda: len(events(csms)) > 0)
        name = events(csms)[0]["transactionInfo"]["transactionId"]
        tx = profile(1, "TxProfile", 20_000.0, "W", transactionId=name)
        answer = await csms.command(DC_SPEC.station_id, "SetChargingProfile", {"evseId": 1, "chargingProfile": tx})
        assert answer[2]["status"] == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(20_000.0))
        await csms.until(lambda: "SoC" in str(events(csms)[-1]))
        sample = events(csms)[-1]["meterValue"][0]["sampledValue"]
        assert [v["measurand"] for v in sample].count("SoC") == 1


async def test_request_start_and_stop() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC, [visit(100.0, 3_600.0, 30_000.0)]):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        payload = {"idToken": {"idToken": "APP", "type": "Central"}, "remoteStartId": 77, "evseId": 1}
        assert (await csms.command(ID, "RequestStartTransaction", payload))[2]["status"] == "Accepted"
        await csms.until(lambda: len(events(csms)) > 0)
        assert events(csms)[0]["triggerReason"] == "RemoteStart"
        assert events(csms)[0]["transactionInfo"]["remoteStartId"] == 77
        name = events(csms)[0]["transactionInfo"]["transactionId"]
        assert (await csms.command(ID, "RequestStartTransaction", payload))[2]["status"] == "Rejected"
        status = (await csms.command(ID, "GetTransactionStatus", {"transactionId": name}))[2]
        assert status["ongoingIndicator"] is True
        assert (await csms.command(ID, "RequestStopTransaction", {"transactionId": "x"}))[2]["status"] == "Rejected"
        assert (await csms.command(ID, "RequestStopTransaction", {"transactionId": name}))[2]["status"] == "Accepted"
        await csms.until(lambda: events(csms)[-1]["eventType"] == "Ended")
        assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "Remote"


async def test_a_reset_on_idle_waits_for_the_car_to_leave() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC, [visit(5.0, 3_000.0)]):
        await csms.until(lambda: len(events(csms)) > 0)
        assert (await csms.command(ID, "Reset", {"type": "OnIdle"}))[2] == {"status": "Scheduled"}
        await csms.until(lambda: csms.actions().count("BootNotification") == 2)
        assert csms.of("BootNotification")[1]["reason"] == "ScheduledReset"
        await csms.until(lambda: events(csms)[-1]["eventType"] == "Ended")
        assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "EVDisconnected"


async def test_an_immediate_reset_ends_the_transaction_and_starts_another() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC, [visit(5.0, 50_000.0, 30_000.0)]):
        await csms.until(lambda: len(events(csms)) > 0)
        assert (await csms.command(ID, "Reset", {"type": "Immediate"}))[2] == {"status": "Accepted"}
        await csms.until(lambda: [e["eventType"] for e in events(csms)].count("Started") == 2)
        ended = next(e for e in events(csms) if e["eventType"] == "Ended")
        assert ended["transactionInfo"]["stoppedReason"] == "ImmediateReset"
        assert csms.of("BootNotification")[1]["reason"] == "RemoteReset"


def variable(component: str, name: str, **more: Any) -> dict[str, Any]:
    return {"component": {"name": component}, "variable": {"name": name}, **more}


async def test_variables() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC) as station:
        await csms.until(lambda: "StatusNotification" in csms.actions())
        asked = [
            variable("SmartChargingCtrlr", "PeriodsPerSchedule"),
            variable("SmartChargingCtrlr", "RateUnit"),
            variable("SmartChargingCtrlr", "None"),
            variable("NoneCtrlr", "None"),
        ]
        results = (await csms.command(ID, "GetVariables", {"getVariableData": asked}))[2]["getVariableResult"]
        assert [(r["attributeStatus"], r.get("attributeValue")) for r in results] == [
            ("Accepted", "4"),
            ("Accepted", "A,W"),
            ("UnknownVariable", None),
            ("UnknownComponent", None),
        ]
        wanted = [
            variable("SampledDataCtrlr", "TxUpdatedInterval", attributeValue="15"),
            variable("SmartChargingCtrlr", "PeriodsPerSchedule", attributeValue="9"),
        ]
        changed = (await csms.command(ID, "SetVariables", {"setVariableData": wanted}))[2]["setVariableResult"]
        assert [r["attributeStatus"] for r in changed] == ["Accepted", "Rejected"]
        assert station.variables.meter_interval_s == 15.0


async def test_answers_of_an_idle_station() -> None:
    async with CsmsStub() as csms, running(csms.url, SECOND_SPEC):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        answers: list[tuple[str, dict[str, Any], str]] = [
            ("TriggerMessage", {"requestedMessage": "Heartbeat"}, "Accepted"),
            ("TriggerMessage", {"requestedMessage": "BootNotification"}, "Rejected"),
            ("TriggerMessage", {"requestedMessage": "MeterValues"}, "Rejected"),
            ("TriggerMessage", {"requestedMessage": "LogStatusNotification"}, "NotImplemented"),
            ("ChangeAvailability", {"operationalStatus": "Inoperative"}, "Accepted"),
            ("ChangeAvailability", {"operationalStatus": "Operative", "evse": {"id": 3}}, "Rejected"),
            ("UnlockConnector", {"evseId": 1, "connectorId": 1}, "Unlocked"),
            ("UnlockConnector", {"evseId": 1, "connectorId": 2}, "UnknownConnector"),
            ("ClearChargingProfile", {"chargingProfileId": 5}, "Unknown"),
            ("GetCompositeSchedule", {"duration": 60, "evseId": 2}, "Rejected"),
            ("GetCompositeSchedule", {"duration": 60, "evseId": 1, "chargingRateUnit": "W"}, "Accepted"),
            ("DataTransfer", {"vendorId": "x"}, "UnknownVendorId"),
        ]
        for action, payload, status in answers:
            assert (await csms.command(ID, action, payload))[2]["status"] == status, (action, payload)
        refused = (
            await csms.command(ID, "SetChargingProfile", {"evseId": 1, "chargingProfile": profile(1, "TxProfile", 9.0)})
        )[2]
        assert refused == {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}}
        assert (await csms.command(ID, "GetReport", {}))[2] == "NotImplemented"
        assert (await csms.command(ID, "Reset", {}))[2] == "FormatViolation"


async def test_a_deauthorised_card_ends_the_transaction() -> None:
    refusing = CsmsStub(id_status_of={"TransactionEvent": "Invalid"})
    async with refusing as csms, running(csms.url, SECOND_SPEC, [visit(5.0, 3_600.0)]):
        await csms.until(lambda: events(csms) and events(csms)[-1]["eventType"] == "Ended")
        assert events(csms)[-1]["transactionInfo"]["stoppedReason"] == "DeAuthorized"
