"""Sessions in 2.1: terms that events carry, tariffs, cost, restarts that sessions outlive, battery swaps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.support.scripted import central

pytestmark = pytest.mark.conformance

T = "2026-03-01T12:00:00Z"
TARIFF: dict[str, Any] = {
    "tariff_id": "day-night",
    "currency": "CNY",
    "description": [{"content": "1.20 per kWh", "language": "en"}],
    "energy": {
        "prices": [
            {"price_kwh": 0.6, "conditions": {"start_time_of_day": "23:00", "end_time_of_day": "07:00"}},
            {"price_kwh": 1.2, "conditions": {"min_power_w": 1000, "evse_kind": "AC"}},
        ],
        "tax_rates": [{"type": "VAT", "tax": 13}],
    },
    "idle_time": {"prices": [{"price_minute": 0.1, "conditions": {"min_idle_time_s": 900}}]},
    "fixed_fee": {"prices": [{"price_fixed": 1, "conditions": {"payment_brand": "VISA"}}]},
    "min_cost": {"excl_tax": 1},
}


async def test_a_default_tariff_is_set_shown_and_cleared(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        answer = await csms.operator("CP-1", "set_default_tariff", tariff=TARIFF, evse_id=1)
        assert answer["status"] == "Accepted", answer
        sent = await cp.expected("SetDefaultTariff")
        assert sent["tariff"]["energy"]["prices"][1] == {
            "priceKwh": 1.2,
            "conditions": {"minPower": 1000, "evseKind": "AC"},
        }
        assert sent["tariff"]["idleTime"]["prices"][0]["conditions"] == {"minIdleTime": 900}
        told = (await csms.api("GET", "/api/v1/stations/CP-1/tariffs")).json()["tariffs"]
        assert [(tariff["evse_id"], tariff["tariff_id"]) for tariff in told] == [(1, "day-night")]
        cp.answers("ClearTariffs", {"clearTariffsResult": [{"tariffId": "day-night", "status": "Accepted"}]})
        await csms.operator("CP-1", "clear_tariffs", tariff_ids=["day-night"])
        assert (await csms.api("GET", "/api/v1/stations/CP-1/tariffs")).json()["tariffs"] == []


async def test_a_tariff_that_the_station_refuses_is_not_kept(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        cp.answers("SetDefaultTariff", {"status": "TooManyElements"})
        assert (await csms.operator("CP-1", "set_default_tariff", tariff=TARIFF))["accepted"] is False
        assert (await csms.api("GET", "/api/v1/stations/CP-1/tariffs")).json()["tariffs"] == []


@pytest.mark.req("2.1:Q02.FR.05")
async def test_a_session_keeps_its_terms(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.boot()
        info = {"tariffId": "day-night", "operationMode": "ChargingOnly", "transactionLimit": {"maxCost": 20.0}}
        transaction = await cp.start(1, "TAG", wh=100, info=info, preconditioningStatus="Ready")
        row = await csms.session("CP-1")
        cost = {
            "totalCost": {"currency": "CNY", "typeOfCost": "NormalCost", "total": {"inclTax": 3.5}},
            "totalUsage": {"energy": 2000, "chargingTime": 60, "idleTime": 0},
        }
        await cp.meter(transaction, 2100, costDetails=cost)
        await csms.operator("CP-1", "change_transaction_tariff", transaction_id=transaction, tariff=TARIFF)
        await csms.operator("CP-1", "allow_energy_transfer", transaction_id=transaction, allowed=["AC_BPT"])
        await cp.meter(transaction, 2200)
        terms = (await csms.api("GET", f"/api/v1/sessions/{row.id}/terms")).json()
        assert (terms["tariff_id"], terms["limit"], terms["cost"]) == ("day-night", {"maxCost": 20.0}, cost)
        assert (terms["operation_mode"], terms["preconditioning"]) == ("ChargingOnly", "Ready")
        assert terms["energy_transfer"] == ["AC_BPT"]
        await cp.stop(transaction, 3100, "ReqEnergyTransferRejected", trigger="AbnormalCondition")
        ended = await csms.session("CP-1")
        assert (ended.status, ended.energy_wh, ended.stop_reason) == ("ended", 3000, "ReqEnergyTransferRejected")


async def test_a_session_without_terms_has_none(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.start(1, "T" * 200, token_type="DirectPayment")
        row = await csms.session("CP-1")
        answer = await csms.api("GET", f"/api/v1/sessions/{row.id}/terms")
        assert (answer.status_code, answer.json()["code"], len(row.id_token)) == (404, "no_terms", 200)


async def test_what_is_metered_upstream_is_not_what_the_car_gets(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        transaction = await cp.start(1, "TAG", wh=0)
        power = {"measurand": "Power.Active.Import", "unitOfMeasure": {"unit": "W"}}
        values = [{**power, "value": 7000}, {**power, "value": 90_000, "location": "Upstream"}]
        reading = {"timestamp": cp.stamp(), "sampledValue": values}
        await cp.event("Updated", transaction, "MeterValuePeriodic", meterValue=[reading])
        assert (await csms.shown("CP-1"))["evses"][0]["power_w"] == 7000


async def test_a_restart_that_sessions_outlive(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await csms.operator("CP-1", "reset", resume=True)
        assert await cp.expected("Reset") == {"type": "ImmediateAndResume"}
        await csms.station("CP-2", "ocpp2.0.1")
        assert (await csms.operator("CP-2", "reset", resume=True))["code"] == "not_in_this_version"


@pytest.mark.req("2.1:F06.FR.20")
async def test_a_custom_trigger(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await csms.operator("CP-1", "trigger", message="SelfTest", evse_id=1)
        assert await cp.expected("TriggerMessage") == {
            "requestedMessage": "CustomTrigger",
            "customTrigger": "SelfTest",
            "evse": {"id": 1},
        }
        await csms.operator("CP-1", "trigger", message="Heartbeat")
        assert await cp.expected("TriggerMessage") == {"requestedMessage": "Heartbeat"}


COMPOSITES = [
    ("W", {"limit": 11_000.0}, 11_000),
    ("W", {"limit": 4000.0, "limit_L2": 3000.0, "limit_L3": 2000.0}, 9000),
    ("A", {"limit": 10.0, "limit_L2": 16.0, "limit_L3": 6.0}, 16),
    ("W", {"setpoint": -3000.0, "operationMode": "CentralSetpoint"}, 0),
    ("W", {"setpoint": 3000.0, "operationMode": "CentralSetpoint"}, 3000),
    ("W", {"operationMode": "Idle"}, 0),
]


@pytest.mark.parametrize(("unit", "period", "most"), COMPOSITES)
async def test_what_a_composite_schedule_lets_flow(
    tmp_path: Path, unit: str, period: dict[str, Any], most: float
) -> None:
    """K08.FR.09 and 2.62 of the errata."""
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        schedule = {"evseId": 1, "duration": 900, "scheduleStart": T, "chargingRateUnit": unit}
        schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, **period}]
        cp.answers("GetCompositeSchedule", {"status": "Accepted", "schedule": schedule})
        answer = await csms.operator("CP-1", "get_composite_schedule", evse_id=1)
        assert answer["composite"]["periods"] == [{"start_s": 0, "limit": most}]


async def test_a_composite_schedule_that_tells_no_limit_proves_nothing(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        schedule = {"evseId": 1, "duration": 900, "scheduleStart": T, "chargingRateUnit": "W"}
        schedule["chargingSchedulePeriod"] = [{"startPeriod": 0, "operationMode": "ExternalLimits"}]
        cp.answers("GetCompositeSchedule", {"status": "Accepted", "schedule": schedule})
        answer = await csms.operator("CP-1", "get_composite_schedule", evse_id=1)
        assert answer["composite"]["periods"] == []


async def test_a_battery_swap_from_request_to_the_last_battery(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        asked = await csms.operator("CP-1", "request_battery_swap", id_token="CARD")
        request = await cp.expected("RequestBatterySwap")
        number = request["requestId"]
        assert number == asked["operation_id"]
        battery = {"evseId": 3, "serialNumber": "B-1", "soC": 12.5, "soH": 98.0}
        token = {"idToken": "CARD", "type": "Central"}
        for event in ("BatteryIn", "BatteryOut"):
            payload = {
                "batteryData": [battery],
                "eventType": event,
                "idToken": token,
                "requestId": number,
            }
            assert await cp.call("BatterySwap", payload) == {}
        swaps = (await csms.api("GET", "/api/v1/stations/CP-1/battery-swaps")).json()["swaps"]
        assert [swap["event"] for swap in swaps] == ["BatteryOut", "BatteryIn"]
        assert swaps[0]["batteries"] == [battery]


@pytest.mark.req("2.1:M07.FR.02", "2.1:M07.FR.05", "2.1:M07.FR.08")
async def test_what_nobody_can_look_up_is_not_guessed(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        answer = await cp.call("VatNumberValidation", {"vatNumber": "DE123456789", "evseId": 1})
        assert (answer["status"], answer["vatNumber"], answer["evseId"]) == ("Rejected", "DE123456789", 1)
        hashes = {"hashAlgorithm": "SHA256", "issuerNameHash": "a", "issuerKeyHash": "b", "serialNumber": "1"}
        wanted = {"certificateHashData": hashes, "source": "OCSP", "urls": ["http://ocsp.example"]}
        answer = await cp.call("GetCertificateChainStatus", {"certificateStatusRequests": [wanted, wanted]})
        assert [entry["status"] for entry in answer["certificateStatus"]] == ["Failed", "Failed"]
        assert answer["certificateStatus"][0]["certificateHashData"] == hashes


@pytest.mark.req("2.1:G05.FR.03", "2.1:N08.FR.02")
@pytest.mark.parametrize("protocol", ["ocpp2.0.1", "ocpp2.1"])
async def test_a_connector_state_told_as_an_event(tmp_path: Path, protocol: str) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", protocol, evses=2)

        def event(number: int, state: str, variable: str = "AvailabilityState") -> dict[str, Any]:
            place = {"name": "Connector", "evse": {"id": 2, "connectorId": 1}}
            return {
                "eventId": number,
                "timestamp": cp.stamp(),
                "trigger": "Delta",
                "actualValue": state,
                "eventNotificationType": "HardWiredNotification",
                "component": place,
                "variable": {"name": variable},
            }

        data = [event(1, "Occupied"), event(2, "Unavailable"), event(3, "Faulted", "Problem")]
        payload = {"generatedAt": cp.stamp(), "seqNo": 0, "eventData": data}
        assert await cp.call("NotifyEvent", payload) == {}
        assert (await csms.shown("CP-1"))["evses"][1]["connectors"] == {"1": "Unavailable"}


@pytest.mark.req("2.1:S02.FR.03")
async def test_who_may_not_charge_may_not_swap(tmp_path: Path) -> None:
    async with central(tmp_path, unknown_tokens=False) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        answer = await csms.operator("CP-1", "request_battery_swap", id_token="STRANGER")
        assert (answer["code"], cp.unasked("RequestBatterySwap")) == ("token_refused", True)
