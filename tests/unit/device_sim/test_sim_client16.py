"""An OCPP 1.6 station against a real websocket server: what it says, what it answers, what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.csms_stub import CsmsStub
from tests.support.simulated import AC_SPEC, running, visit

ID = AC_SPEC.station_id
LONG = visit(after_s=5.0, stay_s=50_000.0, energy_wh=35_000.0)


def profile(number: int, purpose: str, limit: float, unit: str = "A", **more: Any) -> dict[str, Any]:
    schedule = {"chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}
    return {
        "chargingProfileId": number,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Relative",
        "chargingSchedule": schedule,
        **more,
    }


def statuses(csms: CsmsStub) -> list[str]:
    return [payload["status"] for payload in csms.of("StatusNotification")]


async def test_a_charging_session_from_plug_to_unplug() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[visit()]) as station:
        await csms.until(lambda: statuses(csms)[-1:] == ["Available"] and "StopTransaction" in csms.actions())
        start, stop = csms.of("StartTransaction")[0], csms.of("StopTransaction")[0]
        assert csms.invalid == []
        assert csms.actions()[0] == "BootNotification"
        assert csms.actions().index("Authorize") < csms.actions().index("StartTransaction")
        assert stop["reason"] == "EVDisconnected"
        assert stop["transactionId"] > 1000
        assert stop["meterStop"] - start["meterStart"] == pytest.approx(2_000, abs=1)
        assert statuses(csms) == ["Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
        assert station.stats.energy_by_session_wh["s1"] == pytest.approx(2_000)


async def test_every_sample_acknowledged_is_counted_once() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[visit(stay_s=1_200)]) as station:
        await csms.until(lambda: "StopTransaction" in csms.actions() and statuses(csms)[-1] == "Available")
        values = [m for p in csms.of("MeterValues") for m in p["meterValue"]]
        values += [m for p in csms.of("StopTransaction") for m in p["transactionData"]]
        assert station.stats.samples_acknowledged == sum(len(v["sampledValue"]) for v in values)
        assert len({v["timestamp"] for v in values}) == len(values) >= 19


@pytest.mark.req("1.6:4.2")
async def test_a_boot_that_is_not_accepted_is_repeated_and_nothing_else_is_said() -> None:
    async with CsmsStub(boot_statuses=["Pending", "Rejected", "Accepted"]) as csms, running(csms.url):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        assert csms.actions()[:4] == ["BootNotification"] * 3 + ["StatusNotification"]


async def test_a_card_that_is_refused_starts_nothing() -> None:
    async with CsmsStub(id_status="Blocked") as csms, running(csms.url, visits=[visit(stay_s=600)]):
        await csms.until(lambda: statuses(csms).count("Available") == 2)
        assert "Authorize" in csms.actions()
        assert "StartTransaction" not in csms.actions()


async def test_a_profile_is_obeyed_shown_and_cleared() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[LONG]) as station:
        await csms.until(lambda: "Charging" in statuses(csms))
        answer = await csms.command(
            ID, "SetChargingProfile", {"connectorId": 1, "csChargingProfiles": profile(1, "TxProfile", 10.0)}
        )
        assert answer[2] == {"status": "Accepted"}
        await csms.until(lambda: station.pile.power_w == pytest.approx(6_900.0))
        asked = {"connectorId": 1, "duration": 600}
        shown = (await csms.command(ID, "GetCompositeSchedule", asked))[2]
        assert shown["chargingSchedule"]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "limit": 10.0, "numberPhases": 3}
        ]
        assert (await csms.command(ID, "ClearChargingProfile", {"id": 1}))[2] == {"status": "Accepted"}
        assert (await csms.command(ID, "ClearChargingProfile", {"id": 1}))[2] == {"status": "Unknown"}
        await csms.until(lambda: station.pile.power_w == pytest.approx(11_040.0))


async def test_a_limit_of_zero_shows_as_suspended_by_the_station() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[LONG]) as station:
        await csms.until(lambda: "Charging" in statuses(csms))
        await csms.command(
            ID, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile(1, "TxDefaultProfile", 0.0)}
        )
        await csms.until(lambda: statuses(csms)[-1] == "SuspendedEVSE")
        await csms.until(lambda: station.pile.power_w == 0.0)


async def test_remote_start_and_stop_of_a_car_that_comes_later() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[visit(after_s=100.0, energy_wh=8_000.0)]):
        await csms.until(lambda: "Available" in statuses(csms))
        answer = await csms.command(
            ID,
            "RemoteStartTransaction",
            {"idTag": "APP", "connectorId": 1, "chargingProfile": profile(3, "TxProfile", 8.0)},
        )
        assert answer[2] == {"status": "Accepted"}
        await csms.until(lambda: "Charging" in statuses(csms))
        assert csms.of("StartTransaction")[0]["idTag"] == "APP"
        assert "Authorize" not in csms.actions()
        number = csms.of("MeterValues")[0]["transactionId"] if csms.of("MeterValues") else 1001
        assert (await csms.command(ID, "RemoteStopTransaction", {"transactionId": 5}))[2] == {"status": "Rejected"}
        await csms.until(lambda: len(csms.of("MeterValues")) > 0)
        number = csms.of("MeterValues")[0]["transactionId"]
        assert (await csms.command(ID, "RemoteStopTransaction", {"transactionId": number}))[2] == {"status": "Accepted"}
        await csms.until(lambda: "StopTransaction" in csms.actions())
        assert csms.of("StopTransaction")[0]["reason"] == "Remote"
        await csms.until(lambda: statuses(csms)[-1] == "Available")
        assert len(csms.of("StartTransaction")) == 1


@pytest.mark.parametrize(("kind", "reason"), [("Soft", "SoftReset"), ("Hard", "HardReset")])
async def test_a_reset_ends_the_transaction_boots_and_goes_on_with_the_profiles(kind: str, reason: str) -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[LONG]) as station:
        await csms.until(lambda: "Charging" in statuses(csms))
        await csms.command(
            ID, "SetChargingProfile", {"connectorId": 0, "csChargingProfiles": profile(1, "TxDefaultProfile", 9.0)}
        )
        assert (await csms.command(ID, "Reset", {"type": kind}))[2] == {"status": "Accepted"}
        await csms.until(lambda: csms.actions().count("StartTransaction") == 2)
        assert csms.actions().count("BootNotification") == 2
        assert csms.of("StopTransaction")[0]["reason"] == reason
        assert [p.profile_id for p in station.book.active()] == [1]  # errata 3.37


ANSWERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("TriggerMessage", {"requestedMessage": "Heartbeat"}, {"status": "Accepted"}),
    ("TriggerMessage", {"requestedMessage": "StatusNotification", "connectorId": 1}, {"status": "Accepted"}),
    ("TriggerMessage", {"requestedMessage": "MeterValues"}, {"status": "Rejected"}),
    ("TriggerMessage", {"requestedMessage": "FirmwareStatusNotification"}, {"status": "NotImplemented"}),
    ("TriggerMessage", {"requestedMessage": "Heartbeat", "connectorId": 7}, {"status": "Rejected"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "30"}, {"status": "Accepted"}),
    ("ChangeConfiguration", {"key": "MeterValueSampleInterval", "value": "soon"}, {"status": "Rejected"}),
    ("ChangeConfiguration", {"key": "NumberOfConnectors", "value": "9"}, {"status": "Rejected"}),
    ("ChangeConfiguration", {"key": "Nonsense", "value": "1"}, {"status": "NotSupported"}),
    ("DataTransfer", {"vendorId": "who"}, {"status": "UnknownVendorId"}),
    ("ChangeAvailability", {"connectorId": 1, "type": "Inoperative"}, {"status": "Accepted"}),
    ("ChangeAvailability", {"connectorId": 4, "type": "Inoperative"}, {"status": "Rejected"}),
    ("UnlockConnector", {"connectorId": 1}, {"status": "Unlocked"}),
    ("UnlockConnector", {"connectorId": 2}, {"status": "NotSupported"}),
    ("ClearCache", {}, {"status": "Accepted"}),
    ("RemoteStopTransaction", {"transactionId": 1}, {"status": "Rejected"}),
    ("RemoteStartTransaction", {"idTag": "A", "connectorId": 9}, {"status": "Rejected"}),
    ("GetCompositeSchedule", {"connectorId": 5, "duration": 60}, {"status": "Rejected"}),
    (
        "SetChargingProfile",
        {"connectorId": 1, "csChargingProfiles": profile(1, "TxProfile", 10.0)},
        {"status": "Rejected"},
    ),
]


async def test_answers_of_an_idle_station() -> None:
    async with CsmsStub() as csms, running(csms.url):
        await csms.until(lambda: "Available" in statuses(csms))
        for action, payload, answer in ANSWERS:
            assert (await csms.command(ID, action, payload))[2] == answer, (action, payload)
        await csms.until(lambda: "Unavailable" in statuses(csms))
        assert csms.invalid == []


async def test_configuration_keys() -> None:
    async with CsmsStub() as csms, running(csms.url):
        await csms.until(lambda: "Available" in statuses(csms))
        keys = ["ChargingScheduleMaxPeriods", "ChargingScheduleAllowedChargingRateUnit", "HeartbeatInterval", "None"]
        answer = (await csms.command(ID, "GetConfiguration", {"key": keys}))[2]
        assert [(k["key"], k["value"], k["readonly"]) for k in answer["configurationKey"]] == [
            ("ChargingScheduleMaxPeriods", "4", True),
            ("ChargingScheduleAllowedChargingRateUnit", "Current,Power", True),
            ("HeartbeatInterval", "300", False),
        ]
        assert answer["unknownKey"] == ["None"]
        everything = (await csms.command(ID, "GetConfiguration", {}))[2]["configurationKey"]
        assert "ChargeProfileMaxStackLevel" in {k["key"] for k in everything}


async def test_what_it_does_not_know_or_understand_is_a_call_error() -> None:
    async with CsmsStub() as csms, running(csms.url):
        await csms.until(lambda: "Available" in statuses(csms))
        assert (await csms.command(ID, "ReserveNow", {}))[0::2][1] == "NotImplemented"
        assert (await csms.command(ID, "Reset", {}))[2] == "FormationViolation"
        await csms.sockets[ID].send("no json")
        assert (await csms.command(ID, "ClearCache", {}))[0] == 3
