"""An OCPP 2.1 station against a real websocket server that checks every frame by the schemas of 2.1."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.csms_stub import CsmsStub, Json
from tests.support.simulated import NEWEST_SPEC, running, visit

ID = NEWEST_SPEC.station_id
LONG = (5.0, 50_000.0, 30_000.0)


class Stub(CsmsStub):
    """Tells the figures that a station pulls."""

    figures: Json | None = None

    def _result(self, action: str, protocol: str) -> Json:
        if action != "PullDynamicScheduleUpdate":
            return super()._result(action, protocol)
        return {"status": "Accepted", "scheduleUpdate": self.figures} if self.figures else {"status": "Rejected"}


def profile(kind: str, purpose: str, *periods: dict[str, Any], unit: str = "A", **more: Any) -> dict[str, Any]:
    schedule = {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": list(periods)}
    return {
        "id": 7,
        "stackLevel": 0,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": kind,
        "chargingSchedule": [schedule],
        **more,
    }


async def told(csms: CsmsStub, action: str, payload: dict[str, Any]) -> dict[str, Any]:
    frame = await csms.command(ID, action, payload)
    assert frame[0] == 3, frame
    answer: dict[str, Any] = frame[2]
    return answer


async def set_profile(csms: CsmsStub, json: dict[str, Any]) -> str:
    return str((await told(csms, "SetChargingProfile", {"evseId": 1, "chargingProfile": json}))["status"])


def events(csms: CsmsStub) -> list[dict[str, Any]]:
    return csms.of("TransactionEvent")


async def begun(csms: CsmsStub) -> str:
    await csms.until(lambda: len(events(csms)) > 0)
    return str(events(csms)[0]["transactionInfo"]["transactionId"])


async def test_a_session_and_its_tariff() -> None:
    tariff = {"tariffId": "T1", "currency": "CNY"}
    async with Stub() as csms, running(csms.url, NEWEST_SPEC, [visit(100.0)]):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        assert (await told(csms, "GetTariffs", {"evseId": 0}))["status"] == "NoTariff"
        assert (await told(csms, "SetDefaultTariff", {"evseId": 0, "tariff": tariff}))["status"] == "Accepted"
        assert (await told(csms, "SetDefaultTariff", {"evseId": 0, "tariff": tariff}))["status"] == "DuplicateTariffId"
        assert (await told(csms, "GetTariffs", {"evseId": 0}))["tariffAssignments"][0]["tariffId"] == "T1"
        await csms.until(lambda: events(csms) and events(csms)[-1]["eventType"] == "Ended")
        assert [e["transactionInfo"].get("tariffId") for e in events(csms)[:2]] == ["T1", None]
        cleared = await told(csms, "ClearTariffs", {})
        assert cleared == {"clearTariffsResult": [{"tariffId": "T1", "status": "Accepted"}]}
        assert csms.invalid == []


async def test_a_dynamic_profile_is_updated_and_pulled() -> None:
    async with Stub() as csms, running(csms.url, NEWEST_SPEC, [visit(*LONG)]) as station:
        name = await begun(csms)
        figures = {"startPeriod": 0, "limit": 8.0}
        dynamic = profile("Dynamic", "TxProfile", figures, transactionId=name, dynUpdateInterval=60)
        assert await set_profile(csms, dynamic) == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 8 * 230))
        update = {"chargingProfileId": 7, "scheduleUpdate": {"limit": 12.0, "limit_L2": 10.0, "limit_L3": 11.0}}
        assert (await told(csms, "UpdateDynamicSchedule", update))["status"] == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 10 * 230))
        csms.figures = {"limit": 6.0, "limit_L2": 6.0, "limit_L3": 6.0}
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 6 * 230))
        assert csms.of("PullDynamicScheduleUpdate")[-1] == {"chargingProfileId": 7}
        assert (await told(csms, "ClearChargingProfile", {"chargingProfileId": 7}))["status"] == "Accepted"
        count = len(csms.of("PullDynamicScheduleUpdate"))
        await csms.until(lambda: station.pile.power_w > 3 * 12 * 230)
        assert len(csms.of("PullDynamicScheduleUpdate")) <= count + 1
        assert csms.invalid == []


async def test_what_a_dynamic_profile_may_not_be() -> None:
    async with Stub() as csms, running(csms.url, NEWEST_SPEC):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        two = ({"startPeriod": 0, "limit": 8.0}, {"startPeriod": 60, "limit": 6.0})
        assert await set_profile(csms, profile("Dynamic", "TxDefaultProfile", *two)) == "Rejected"
        update = {"chargingProfileId": 7, "scheduleUpdate": {"limit": 12.0}}
        assert (await told(csms, "UpdateDynamicSchedule", update))["status"] == "Rejected"


async def test_a_setpoint_is_followed_as_far_as_it_charges() -> None:
    async with Stub() as csms, running(csms.url, NEWEST_SPEC, [visit(*LONG)]) as station:
        name = await begun(csms)
        central = {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": 6900.0}
        assert (
            await set_profile(csms, profile("Absolute", "TxProfile", central, unit="W", transactionId=name))
            == "Accepted"
        )
        await csms.until(lambda: station.pile.power_w == pytest.approx(6900))
        back = {**central, "setpoint": -3000.0}
        assert (
            await set_profile(csms, profile("Absolute", "TxProfile", back, unit="W", transactionId=name)) == "Accepted"
        )
        await csms.until(lambda: station.pile.power_w == 0)


async def test_priority_charging() -> None:
    async with Stub() as csms, running(csms.url, NEWEST_SPEC, [visit(*LONG)]) as station:
        name = await begun(csms)
        use = {"transactionId": name, "activate": True}
        assert (await told(csms, "UsePriorityCharging", use))["status"] == "NoProfile"
        assert (await told(csms, "UsePriorityCharging", {**use, "transactionId": "x"}))["status"] == "Rejected"
        slow = profile("Relative", "TxProfile", {"startPeriod": 0, "limit": 6.0}, transactionId=name)
        assert await set_profile(csms, slow) == "Accepted"
        fast = profile("Relative", "PriorityCharging", {"startPeriod": 0, "limit": 16.0})
        assert await set_profile(csms, {**fast, "id": 8}) == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 6 * 230))
        assert (await told(csms, "UsePriorityCharging", use))["status"] == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 16 * 230))
        assert (await told(csms, "UsePriorityCharging", {**use, "activate": False}))["status"] == "Accepted"
        await csms.until(lambda: station.pile.power_w == pytest.approx(3 * 6 * 230))
        assert [said["activated"] for said in csms.of("NotifyPriorityCharging")] == [True, False]


async def test_der_controls_are_reported() -> None:
    curve = {"priority": 0, "yUnit": "PctMaxVar", "curveData": [{"x": 95, "y": 44}]}
    gradient = {"priority": 0, "gradient": 1, "softGradient": 1}
    async with Stub() as csms, running(csms.url, NEWEST_SPEC):
        await csms.until(lambda: "StatusNotification" in csms.actions())
        assert (await told(csms, "GetDERControl", {"requestId": 1}))["status"] == "NotFound"
        common = {"isDefault": True, "controlType": "VoltVar", "curve": curve}
        assert await told(csms, "SetDERControl", {**common, "controlId": "a"}) == {"status": "Accepted"}
        assert (await told(csms, "SetDERControl", {**common, "controlId": "b"}))["supersededIds"] == ["a"]
        other = {"isDefault": True, "controlType": "Gradients", "controlId": "g", "gradient": gradient}
        assert (await told(csms, "SetDERControl", other))["status"] == "Accepted"
        assert (await told(csms, "GetDERControl", {"requestId": 5}))["status"] == "Accepted"
        await csms.until(lambda: "ReportDERControl" in csms.actions())
        (report,) = csms.of("ReportDERControl")
        assert report["requestId"] == 5
        assert [(c["id"], c["isSuperseded"]) for c in report["curve"]] == [("a", True), ("b", False)]
        assert [c["id"] for c in report["gradient"]] == ["g"]
        clear = {"isDefault": True, "controlType": "VoltVar"}
        assert (await told(csms, "ClearDERControl", clear))["status"] == "Accepted"
        assert (await told(csms, "ClearDERControl", clear))["status"] == "NotFound"
        assert csms.invalid == []


async def test_a_transaction_outlives_a_restart() -> None:
    async with Stub() as csms, running(csms.url, NEWEST_SPEC, [visit(*LONG)]):
        name = await begun(csms)
        assert (await told(csms, "Reset", {"type": "ImmediateAndResume"}))["status"] == "Accepted"
        await csms.until(lambda: "TxResumed" in [e["triggerReason"] for e in events(csms)])
        assert {e["transactionInfo"]["transactionId"] for e in events(csms)} == {name}
        assert "Ended" not in [e["eventType"] for e in events(csms)]
        assert csms.actions().count("BootNotification") == 2
        assert csms.invalid == []
