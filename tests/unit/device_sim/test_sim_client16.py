"""An OCPP 1.6 station against a real websocket server: what it says, what it answers, what it keeps."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.csms_stub import CsmsStub
from tests.support.simulated import AC_SPEC, running, visit

ID = AC_SPEC.station_id


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


async def test_a_charging_session_from_plug_to_unplug() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[visit()]) as station:
        await csms.until(lambda: "StopTransaction" in csms.actions())
        await csms.until(lambda: csms.of("StatusNotification")[-1]["status"] == "Available")
        start, stop = csms.of("StartTransaction")[0], csms.of("StopTransaction")[0]
        assert csms.invalid == []
        assert csms.actions()[0] == "BootNotification"
        assert csms.actions().index("Authorize") < csms.actions().index("StartTransaction")
        assert stop["reason"] == "EVDisconnected"
        assert stop["transactionId"] > 1000
        assert stop["meterStop"] - start["meterStart"] == pytest.approx(5_000, abs=1)
        statuses = [p["status"] for p in csms.of("StatusNotification")]
        assert statuses == ["Available", "Preparing", "Charging", "SuspendedEV", "Finishing", "Available"]
        assert station.stats.energy_by_session_wh["s1"] == pytest.approx(5_000)


async def test_every_sample_acknowledged_is_counted_once() -> None:
    async with CsmsStub() as csms, running(csms.url, visits=[visit(stay_s=1_200)]) as station:
        await csms.until(lambda: "StopTransaction" in csms.actions())
        await csms.until(lambda: station.outgoing.durable_count == 0 and "Finishing" in str(csms.said[-1]))
        values = [m for p in csms.of("MeterValues") for m in p["meterValue"]]
        values += [m for p in csms.of("StopTransaction") for m in p["transactionData"]]
        assert station.stats.samples_acknowledged == sum(len(v["sampledValue"]) for v in values)
        assert len(values) == 20  # 19 minutes inside, and the end
