"""What 2.1 adds about energy: V2X profiles, dynamic schedules, priority, DER control. Through API and websocket."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from csms.model.event import PriorityChargingChanged
from tests.support.scripted import Central, central

pytestmark = pytest.mark.conformance

T = "2026-03-01T12:00:00Z"
DYNAMIC = {
    "profile_id": 7,
    "transaction_id": "tx-1",
    "kind": "Dynamic",
    "update_interval_s": 60,
    "periods": [{"mode": "CentralSetpoint", "setpoint": -3000}],
}
VOLT_VAR = {"points": [{"x": 95, "y": 44}, {"x": 105, "y": -44}], "unit": "PctMaxVar", "response_time_s": 5}


async def der(csms: Central) -> dict[str, Any]:
    told: dict[str, Any] = (await csms.api("GET", "/api/v1/stations/CP-1/der")).json()
    return told


@pytest.mark.req("2.1:K28.FR.07", "2.1:Q03.FR.01", "2.1:Q03.FR.02")
async def test_a_station_pulls_the_figures_that_were_set_last(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=DYNAMIC)
        sent = (await cp.expected("SetChargingProfile"))["chargingProfile"]
        assert (sent["chargingProfileKind"], sent["dynUpdateInterval"]) == ("Dynamic", 60)
        assert sent["chargingSchedule"][0]["chargingSchedulePeriod"] == [
            {"startPeriod": 0, "operationMode": "CentralSetpoint", "setpoint": -3000}
        ]
        pulled = await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7})
        assert pulled == {"status": "Accepted", "scheduleUpdate": {"setpoint": -3000}}
        kept = await csms.operator(
            "CP-1", "update_dynamic_schedule", profile_id=7, figures={"setpoint": 1500}, on_pull=True
        )
        assert (kept["status"], cp.unasked("UpdateDynamicSchedule")) == ("Scheduled", True)
        pulled = await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7})
        assert pulled["scheduleUpdate"] == {"setpoint": 1500}
        (schedule,) = (await der(csms))["schedules"]
        assert (schedule["profile_id"], schedule["evse_id"], schedule["figures"]) == (7, 1, {"setpoint": 1500})
        assert schedule["pulled_at"] is not None


@pytest.mark.req("2.1:K28.FR.12")
async def test_only_dynamic_profiles_can_be_pulled(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        rejected = {"status": "Rejected", "statusInfo": {"reasonCode": "InvalidProfile"}}
        assert await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7}) == rejected
        await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=DYNAMIC)
        static = {**DYNAMIC, "kind": "Absolute", "update_interval_s": None}
        await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=static)
        assert await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7}) == rejected


async def test_nothing_is_kept_to_be_pulled_by_a_station_that_cannot(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        await csms.station("CP-1", "ocpp2.0.1")
        told = await csms.operator("CP-1", "update_dynamic_schedule", profile_id=7, figures={"limit": 9}, on_pull=True)
        assert told["code"] == "not_in_this_version"
        assert (await der(csms))["schedules"] == []


async def test_an_update_is_sent_and_what_was_not_said_stays(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        figures = {"limit": 20, "limit_l2": 10, "limit_l3": 5, "discharge_limit": -6}
        await csms.operator("CP-1", "update_dynamic_schedule", profile_id=9, figures=figures)
        assert (await cp.expected("UpdateDynamicSchedule"))["scheduleUpdate"] == {
            "limit": 20,
            "limit_L2": 10,
            "limit_L3": 5,
            "dischargeLimit": -6,
        }
        cp.answers("UpdateDynamicSchedule", {"status": "Rejected"})
        await csms.operator("CP-1", "update_dynamic_schedule", profile_id=9, figures={"limit": 99})
        pulled = await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 9})
        assert pulled["scheduleUpdate"]["limit"] == 20


@pytest.mark.req("2.1:Q02.FR.02", "2.1:Q03.FR.02", "2.1:Q07.FR.02", "2.1:Q07.FR.03")
@pytest.mark.parametrize(
    "change",
    [
        {"kind": "Absolute", "update_interval_s": None, "periods": [{"limit": 10, "setpoint": 5}]},
        {"periods": [{"mode": "CentralSetpoint", "limit": 10, "setpoint": 5}]},
        {"periods": [{"mode": "Idle", "limit": 0}]},
        {"periods": [{"mode": "LocalFrequency", "setpoint": 5}]},
        {"periods": [{"mode": "CentralFrequency", "limit": 30, "setpoint": 5}]},
        {"kind": "Absolute", "update_interval_s": None, "periods": [{"mode": "CentralFrequency", "setpoint": 5}]},
        {"periods": [{"limit": 1}, {"start_s": 60, "limit": 1}]},
        {"kind": "Absolute"},
    ],
)
async def test_a_profile_that_no_station_may_get_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        answer = await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=DYNAMIC | change)
        assert answer["code"] == "invalid_request", answer
        assert cp.unasked("SetChargingProfile")


@pytest.mark.req("2.1:K21.FR.09", "2.1:K21.FR.10", "2.1:K22.FR.06")
async def test_priority_charging_is_kept_and_told(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await cp.boot()
        heard: list[object] = []
        csms.rooms.stations.bus.subscribe(heard.append)
        transaction = await cp.start(1, "TAG", transaction_id="tx-1")
        await csms.operator("CP-1", "use_priority_charging", transaction_id=transaction)
        assert await cp.expected("UsePriorityCharging") == {"transactionId": "tx-1", "activate": True}
        assert await cp.call("NotifyPriorityCharging", {"transactionId": "tx-1", "activated": True}) == {}
        told = [event for event in heard if isinstance(event, PriorityChargingChanged)]
        assert [(event.transaction_id, event.active) for event in told] == [("tx-1", True)]
        session = await csms.session("CP-1")
        terms = (await csms.api("GET", f"/api/v1/sessions/{session.id}/terms")).json()
        assert terms["priority"] is True


@pytest.mark.parametrize(
    "fields",
    [
        {"control_type": "FreqDroop", "curve": VOLT_VAR},
        {"control_type": "VoltVar"},
        {"control_type": "VoltVar", "curve": VOLT_VAR, "fixed_pf": {"displacement": 1, "excitation": True}},
        {"control_type": "VoltVar", "curve": {**VOLT_VAR, "start": T}},
        {"control_type": "Gradients", "is_default": False, "gradients": {"gradient": 1, "soft_gradient": 1}},
    ],
)
@pytest.mark.req("2.1:R04.FR.12", "2.1:R04.FR.14", "2.1:R04.FR.16")
async def test_a_control_that_no_station_may_get_is_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    async with central(tmp_path) as csms:
        await csms.station("CP-1", "ocpp2.1")
        answer = await csms.operator("CP-1", "set_der_control", control_id="a", **fields)
        assert answer["code"] == "invalid_request", answer


CONTROLS: list[tuple[str, dict[str, Any], str]] = [
    ("VoltVar", {"curve": VOLT_VAR}, "curve"),
    ("FixedPFInject", {"fixed_pf": {"displacement": 0.95, "excitation": False}}, "fixedPFInject"),
    ("FixedPFAbsorb", {"fixed_pf": {"displacement": 0.95, "excitation": False}}, "fixedPFAbsorb"),
    ("FixedVar", {"fixed_var": {"setpoint": 20, "unit": "PctMaxVar"}}, "fixedVar"),
    ("Gradients", {"gradients": {"gradient": 10, "soft_gradient": 1}}, "gradient"),
    (
        "EnterService",
        {"enter_service": {"high_voltage": 110, "low_voltage": 85, "high_freq": 50.1, "low_freq": 49.5, "delay_s": 60}},
        "enterService",
    ),
    (
        "FreqDroop",
        {
            "freq_droop": {
                "over_freq": 50.2,
                "under_freq": 49.8,
                "over_droop": 5,
                "under_droop": 5,
                "response_time_s": 2,
            }
        },
        "freqDroop",
    ),
    (
        "LimitMaxDischarge",
        {"limit_max_discharge": {"max_discharge_percent": 60, "power_monitoring_must_trip": VOLT_VAR}},
        "limitMaxDischarge",
    ),
]


@pytest.mark.req("2.1:R04.FR.16")
async def test_controls_are_sent_under_their_member_and_kept(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        for kind, setting, member in CONTROLS:
            answer = await csms.operator("CP-1", "set_der_control", control_id=kind, control_type=kind, **setting)
            assert answer["status"] == "Accepted", answer
            sent = await cp.expected("SetDERControl")
            assert set(sent) == {"isDefault", "controlId", "controlType", member}
        held = {control["control_id"]: control for control in (await der(csms))["controls"]}
        assert set(held) == {kind for kind, _, _ in CONTROLS}
        assert held["VoltVar"]["setting"]["points"] == [{"x": 95, "y": 44}, {"x": 105, "y": -44}]
        await csms.operator("CP-1", "clear_der_control", is_default=True, control_type="VoltVar")
        assert "VoltVar" not in {control["control_id"] for control in (await der(csms))["controls"]}


async def test_what_is_in_force_and_what_it_makes_the_station_do(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        timed = {"control_type": "VoltVar", "is_default": False, "curve": {**VOLT_VAR, "start": T, "duration_s": 600}}
        await csms.operator("CP-1", "set_der_control", control_id="b", **timed)
        cp.answers("SetDERControl", {"status": "Accepted", "supersededIds": ["b"]})
        await csms.operator("CP-1", "set_der_control", control_id="a", **timed)
        assert {c["control_id"]: c["superseded"] for c in (await der(csms))["controls"]} == {"a": False, "b": True}
        started = {"controlId": "a", "started": True, "timestamp": T, "supersededIds": ["b"]}
        assert await cp.call("NotifyDERStartStop", started) == {}
        assert {c["control_id"]: c["active"] for c in (await der(csms))["controls"]} == {"a": True, "b": False}
        alarm = {"controlType": "VoltVar", "gridEventFault": "OverVoltage", "timestamp": T}
        assert await cp.call("NotifyDERAlarm", alarm) == {}
        await cp.call("NotifyDERAlarm", {**alarm, "alarmEnded": True})
        await cp.call("NotifyDERStartStop", {"controlId": "a", "started": False, "timestamp": T})
        events = [(event["kind"], event["subject"]) for event in (await der(csms))["events"]]
        assert events == [("ended", "a"), ("alarm_ended", "VoltVar"), ("alarm", "VoltVar"), ("started", "a")]


async def test_the_controls_that_a_station_reports_count(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        answer = await csms.operator("CP-1", "get_der_control")
        asked = await cp.expected("GetDERControl")
        assert asked == {"requestId": answer["operation_id"]}
        gradient = {"id": "g", "gradient": {"priority": 0, "gradient": 10, "softGradient": 1}}
        first = {"requestId": asked["requestId"], "tbc": True, "gradient": [gradient]}
        assert await cp.call("ReportDERControl", first) == {}
        pf = {"priority": 0, "displacement": 0.9, "excitation": True, "startTime": T, "duration": 60}
        entry = {"id": "p", "isDefault": False, "isSuperseded": True, "fixedPF": pf}
        await cp.call("ReportDERControl", {"requestId": asked["requestId"], "fixedPFAbsorb": [entry]})
        told = {
            c["control_id"]: (c["control_type"], c["is_default"], c["superseded"])
            for c in (await der(csms))["controls"]
        }
        assert told == {"g": ("Gradients", True, False), "p": ("FixedPFAbsorb", False, True)}


@pytest.mark.req("2.1:K18.FR.02", "2.1:K18.FR.04", "2.1:K19.FR.02", "2.1:K19.FR.04")
async def test_what_a_car_can_do_is_kept(tmp_path: Path) -> None:
    """No profile comes because of it; Rejected would end the session (Q01.FR.04)."""
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        v2x = {"maxDischargePower": 11_000, "evTargetEnergyRequest": 40_000}
        needs = {
            "requestedEnergyTransfer": "DC_BPT",
            "availableEnergyTransfer": ["DC", "DC_BPT"],
            "controlMode": "DynamicControl",
            "v2xChargingParameters": v2x,
        }
        answer = await cp.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": needs, "timestamp": T})
        assert answer == {"status": "NoChargingProfile"}
        (event,) = (await der(csms))["events"]
        assert (event["kind"], event["evse_id"], event["detail"]["v2xChargingParameters"]) == ("needs", 1, v2x)
        assert event["time"] == T


async def test_a_dynamic_profile_that_was_cleared_cannot_be_pulled(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=DYNAMIC)
        await csms.operator("CP-1", "set_v2x_profile", evse_id=1, profile=DYNAMIC | {"profile_id": 8})
        await csms.operator("CP-1", "clear_charging_profile", profile_id=7)
        assert (await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 7}))["status"] == "Rejected"
        assert (await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 8}))["status"] == "Accepted"
        await csms.operator("CP-1", "clear_charging_profile")
        assert (await cp.call("PullDynamicScheduleUpdate", {"chargingProfileId": 8}))["status"] == "Rejected"


@pytest.mark.req("2.1:K18.FR.03", "2.1:K19.FR.03")
async def test_what_a_car_wants_counts_in_fractions_and_in_both_ways(tmp_path: Path) -> None:
    """Numbers of 2.1 are no whole ones, and a car that can give tells its needs in another place."""
    async with central(tmp_path, charging={"control": True}) as csms:
        cp = await csms.station("CP-1", "ocpp2.1", evses=2)
        await cp.boot()
        for evse_id, needs in enumerate(
            (
                {"requestedEnergyTransfer": "AC_three_phase", "acChargingParameters": AC},
                {"requestedEnergyTransfer": "AC_BPT", "v2xChargingParameters": V2X},
            ),
            1,
        ):
            await cp.start(evse_id, "TAG")
            answer = await cp.call("NotifyEVChargingNeeds", {"evseId": evse_id, "chargingNeeds": needs})
            assert answer["status"] in ("Accepted", "Processing")
        told = {row.evse_id: row.wanted_wh for row in await csms.sessions("CP-1")}
        assert told == {1: 12_346, 2: 20_500.5}


AC = {"energyAmount": 12_345.6, "evMinCurrent": 6.0, "evMaxCurrent": 16.5, "evMaxVoltage": 230.0}
V2X = {"evTargetEnergyRequest": 20_500.5, "maxChargePower": 3680.0, "maxChargePower_L2": 3680.0, "minChargePower": 0}


async def test_a_limit_from_elsewhere_is_read_by_its_setpoint_and_kept_as_it_came(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        schedule = {
            "id": 1,
            "chargingRateUnit": "W",
            "chargingSchedulePeriod": [{"startPeriod": 0, "setpoint": -500.0}],
        }
        limit = {"chargingLimitSource": "EMS-7", "isLocalGeneration": True}
        payload = {"evseId": 1, "chargingLimit": limit, "chargingSchedule": [schedule]}
        assert await cp.call("NotifyChargingLimit", payload) == {}


@pytest.mark.req("2.1:Q08.FR.12")
async def test_a_signal_of_the_grid_operator_is_passed_on(tmp_path: Path) -> None:
    async with central(tmp_path) as csms:
        cp = await csms.station("CP-1", "ocpp2.1")
        await csms.operator("CP-1", "afrr_signal", signal=-3, time=T)
        assert await cp.expected("AFRRSignal") == {"timestamp": "2026-03-01T12:00:00.000Z", "signal": -3}
