"""OCPP 2.0.1, block K: what stations report of charging (OCA cases TC_K_29 to 37 and 48 to 59)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.event import OutsideLimitChanged
from tests.support.scripted import Central, Station201, central

pytestmark = pytest.mark.conformance


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


def schedule(limit: float = 7000.0, unit: str = "W") -> dict[str, Any]:
    return {"id": 1, "chargingRateUnit": unit, "chargingSchedulePeriod": [{"startPeriod": 0, "limit": limit}]}


def profile(number: int, purpose: str = "TxDefaultProfile", level: int = 0) -> dict[str, Any]:
    return {
        "id": number,
        "stackLevel": level,
        "chargingProfilePurpose": purpose,
        "chargingProfileKind": "Absolute",
        "chargingSchedule": [schedule()],
    }


async def ask(csms: Central, **fields: Any) -> dict[str, Any]:
    return await csms.operator("CP-1", "get_charging_profiles", **fields)


async def report(cp: Station201, number: int, evse: int, *profiles: dict[str, Any], **more: Any) -> None:
    payload = {"requestId": number, "chargingLimitSource": "CSO", "evseId": evse, "chargingProfile": list(profiles)}
    assert await cp.call("ReportChargingProfiles", payload | more) == {}


async def installed(csms: Central, **given: int) -> list[dict[str, Any]]:
    answer = await csms.http.get("/api/v1/stations/CP-1/installed-profiles", params=given)
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()
    return found


async def limits(csms: Central, **given: bool) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await csms.http.get("/api/v1/stations/CP-1/outside-limits", params=given)).json()
    return found


@pytest.mark.octt(
    "TC_K_29_CSMS",
    "TC_K_30_CSMS",
    "TC_K_31_CSMS",
    "TC_K_32_CSMS",
    "TC_K_33_CSMS",
    "TC_K_34_CSMS",
    "TC_K_35_CSMS",
    "TC_K_36_CSMS",
)
@pytest.mark.req("K09.FR.03")
@pytest.mark.parametrize(
    ("fields", "where", "criteria"),
    [
        ({"evse_id": 0, "purpose": "TxDefaultProfile"}, {"evseId": 0}, {"chargingProfilePurpose": "TxDefaultProfile"}),
        ({"evse_id": 1, "purpose": "TxDefaultProfile"}, {"evseId": 1}, {"chargingProfilePurpose": "TxDefaultProfile"}),
        ({"stack_level": 0}, {}, {"stackLevel": 0}),
        ({"profile_ids": [5]}, {}, {"chargingProfileId": [5]}),
        ({"evse_id": 1, "stack_level": 0}, {"evseId": 1}, {"stackLevel": 0}),
        ({"evse_id": 1, "sources": ["CSO"]}, {"evseId": 1}, {"chargingLimitSource": ["CSO"]}),
        (
            {"evse_id": 1, "purpose": "TxDefaultProfile", "stack_level": 0},
            {"evseId": 1},
            {"chargingProfilePurpose": "TxDefaultProfile", "stackLevel": 0},
        ),
    ],
)
async def test_profiles_are_reported(
    csms: Central, cp: Station201, fields: dict[str, Any], where: dict[str, int], criteria: dict[str, Any]
) -> None:
    told = await ask(csms, **fields)
    number = told["operation_id"]
    assert await cp.expected("GetChargingProfiles") == {"requestId": number, **where, "chargingProfile": criteria}
    await report(cp, number, 1, profile(5))
    (row,) = await installed(csms)
    assert (row["profile_id"], row["source"], row["content"]) == (5, "CSO", profile(5))


@pytest.mark.req("K09.FR.01", "K09.FR.02", "K09.FR.03", "K09.FR.04", "K09.FR.06")
async def test_a_full_report_takes_the_place_of_the_last_one(csms: Central, cp: Station201) -> None:
    await report(cp, 0, 1, profile(1), profile(2))
    number = (await ask(csms))["operation_id"]
    asked = await cp.expected("GetChargingProfiles")
    assert asked["chargingProfile"] == {"chargingLimitSource": ["EMS", "Other", "SO", "CSO"]}
    assert "evseId" not in asked
    await report(cp, number, 1, profile(2), tbc=True)
    await report(cp, number, 2, profile(3))
    assert [(row["evse_id"], row["profile_id"]) for row in await installed(csms)] == [(1, 2), (2, 3)]
    cp.answers("GetChargingProfiles", {"status": "NoProfiles"})
    assert (await ask(csms, evse_id=1))["status"] == "NoProfiles"
    assert [(row["evse_id"], row["profile_id"]) for row in await installed(csms)] == [(2, 3)]


@pytest.mark.octt("TC_K_37_CSMS")
@pytest.mark.req("K05.FR.01", "K05.FR.02", "F01.FR.08", "F01.FR.09", "F01.FR.11", "F02.FR.16", "F02.FR.17", "F02.FR.19")
async def test_a_remote_start_with_a_profile(csms: Central, cp: Station201) -> None:
    periods = [{"start_s": 0, "limit": 6.0}]
    given = {"profile_id": 7, "purpose": "TxProfile", "kind": "Relative", "unit": "A", "periods": periods}
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1, profile=given)
    asked = await cp.expected("RequestStartTransaction")
    assert asked["chargingProfile"]["chargingProfilePurpose"] == "TxProfile"
    assert asked["chargingProfile"]["chargingProfileKind"] == "Relative"
    assert "transactionId" not in asked["chargingProfile"]
    await cp.start(evse_id=1, token="APP-1", trigger="RemoteStart", info={"remoteStartId": told["operation_id"]})
    assert (await csms.session("CP-1")).remote_start_id == told["operation_id"]
    other = given | {"purpose": "TxDefaultProfile"}
    refused = await csms.operator("CP-1", "remote_start", id_token="APP-1", profile=other)
    assert refused["code"] == "invalid_request"


@pytest.mark.octt("TC_K_48_CSMS", "TC_K_50_CSMS", "TC_K_51_CSMS")
@pytest.mark.req("K12.FR.02", "K12.FR.03", "K13.FR.02", "K13.FR.03")
@pytest.mark.parametrize("evse", [{}, {"evseId": 1}], ids=["station", "evse"])
async def test_somebody_else_limits_the_station(csms: Central, cp: Station201, evse: dict[str, int]) -> None:
    told: list[OutsideLimitChanged] = []
    csms.rooms.stations.bus.subscribe(lambda e: told.append(e) if isinstance(e, OutsideLimitChanged) else None)
    transaction_id = await cp.start()
    limit = {"chargingLimit": {"chargingLimitSource": "EMS", "isGridCritical": True}, **evse}
    assert await cp.call("NotifyChargingLimit", limit | {"chargingSchedule": [schedule(4200.0)]}) == {}
    (row,) = await limits(csms)
    evse_id = evse.get("evseId", 0)
    assert (row["evse_id"], row["source"], row["grid_critical"]) == (evse_id, "EMS", True)
    live = csms.rooms.stations.stations["CP-1"].limits[evse_id, "EMS"]
    assert [period for s in live.schedules for period in s.periods] == [(0, 4200.0)]
    await cp.event("Updated", transaction_id, "ChargingRateChanged")

    assert await cp.call("ClearedChargingLimit", {"chargingLimitSource": "EMS", **evse}) == {}
    assert await limits(csms) == []
    assert [row["cleared_at"] is None for row in await limits(csms, cleared=True)] == [False]
    await cp.event("Updated", transaction_id, "ChargingRateChanged")
    assert [(event.evse.evse_id, event.source) for event in told] == [(evse_id, "EMS")] * 2


@pytest.mark.octt("TC_K_52_CSMS")
@pytest.mark.req("K11.FR.06")
async def test_a_limit_from_outside_shows_among_the_profiles(csms: Central, cp: Station201) -> None:
    number = (await ask(csms, purpose="ChargingStationExternalConstraints"))["operation_id"]
    outside = profile(-1, "ChargingStationExternalConstraints")
    await report(cp, number, 0, outside, chargingLimitSource="EMS")
    (row,) = await installed(csms)
    assert (row["profile_id"], row["source"], row["purpose"]) == (-1, "EMS", "ChargingStationExternalConstraints")


def needs(csms: Central, **more: int) -> dict[str, Any]:
    leaves = (csms.clock.now() + timedelta(hours=8)).isoformat(timespec="seconds").replace("+00:00", "Z")
    ac = {"energyAmount": 12_000, "evMinCurrent": 6, "evMaxCurrent": 16, "evMaxVoltage": 230, **more}
    wanted = {"requestedEnergyTransfer": "AC_three_phase", "departureTime": leaves, "acChargingParameters": ac}
    return {"evseId": 1, "maxScheduleTuples": 3, "chargingNeeds": wanted}


@pytest.mark.octt("TC_K_53_CSMS", "TC_K_57_CSMS", "TC_K_58_CSMS", "TC_K_59_CSMS")
@pytest.mark.req("K15.FR.02", "K15.FR.03", "K15.FR.07", "K15.FR.08", "K15.FR.18", "K02.FR.03", "K16.FR.06", "K16.FR.12")
@pytest.mark.req("K17.FR.02", "K17.FR.03", "K17.FR.07", "K17.FR.08", "K17.FR.11")
async def test_a_car_says_what_it_wants_and_gets_a_profile(tmp_path: Path) -> None:
    async with central(tmp_path, charging={"control": True, "debounce_s": 0}) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        transaction_id = await cp.start()
        for energy_wh in (12_000, 9_000):
            cp.asked.clear()
            answer = await cp.call("NotifyEVChargingNeeds", needs(csms, energyAmount=energy_wh))
            assert answer == {"status": "Accepted"}
            sent = await csms.until(lambda: tx_profile(cp, transaction_id), timeout_s=60)
            row = await csms.session("CP-1")
            assert row.wanted_wh == energy_wh
            assert row.departure_at is not None
            wanted = csms.rooms.stations.stations["CP-1"].evses[1].needs
            assert (wanted.energy_wh, wanted.power_max_w, wanted.periods_max) == (energy_wh, 11_040.0, 3)
        base = {"timeBase": cp.stamp(), "evseId": 1, "chargingSchedule": schedule(sent)}
        assert await cp.call("NotifyEVChargingSchedule", base) == {"status": "Accepted"}


def tx_profile(cp: Station201, transaction_id: str) -> float | None:
    """The highest limit in W of the TxProfile that the station was sent last."""
    for action, payload in reversed(cp.asked):
        if action == "SetChargingProfile" and payload["chargingProfile"].get("transactionId") == transaction_id:
            told = payload["chargingProfile"]["chargingSchedule"][0]
            watts = 690.0 if told["chargingRateUnit"] == "A" else 1.0
            return max(float(period["limit"]) for period in told["chargingSchedulePeriod"]) * watts
    return None


@pytest.mark.octt("TC_K_55_CSMS")
@pytest.mark.req("K15.FR.11", "K15.FR.12", "K15.FR.13", "K16.FR.07", "K16.FR.08", "K17.FR.12", "K17.FR.13")
async def test_a_car_that_means_to_draw_too_much_is_told_so_and_told_its_limit_again(tmp_path: Path) -> None:
    async with central(tmp_path, charging={"control": True, "debounce_s": 0}) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        await cp.boot()
        transaction_id = await cp.start()
        await cp.call("NotifyEVChargingNeeds", needs(csms))
        allowed_w = await csms.until(lambda: tx_profile(cp, transaction_id))
        await csms.until(lambda: accepted(csms))
        base = {"timeBase": cp.stamp(), "evseId": 1}
        cp.asked.clear()
        greedy = await cp.call("NotifyEVChargingSchedule", base | {"chargingSchedule": schedule(allowed_w * 2)})
        allowed_w = await csms.until(lambda: tx_profile(cp, transaction_id), timeout_s=60)
        modest = await cp.call("NotifyEVChargingSchedule", base | {"chargingSchedule": schedule(allowed_w)})
        assert (greedy, modest) == ({"status": "Rejected"}, {"status": "Accepted"})
        row = await csms.session("CP-1")
        assert row.ev_schedule is not None
        assert row.ev_schedule["chargingSchedule"] == schedule(allowed_w)


async def accepted(csms: Central) -> bool:
    rows = await csms.rooms.store.reader.profiles(station_id="CP-1", limit=1)
    return bool(rows) and rows[0].purpose == "TxProfile" and rows[0].status == "Accepted"


@pytest.mark.req("K15.FR.04", "K15.FR.05", "K17.FR.04", "K17.FR.05")
async def test_what_a_car_wants_before_its_session(tmp_path: Path) -> None:
    async with central(tmp_path, charging={"control": True}) as csms:
        cp: Station201 = await csms.station("CP-1", "ocpp2.0.1")
        assert await cp.call("NotifyEVChargingNeeds", needs(csms)) == {"status": "Processing"}
        await cp.start()
        assert (await csms.session("CP-1")).wanted_wh == 12_000
    (tmp_path / "listening").mkdir()
    async with central(tmp_path / "listening") as csms:
        cp = await csms.station("CP-1", "ocpp2.0.1")
        assert await cp.call("NotifyEVChargingNeeds", needs(csms)) == {"status": "Rejected"}


async def test_the_drivers_word_goes_before_the_cars(csms: Central, cp: Station201) -> None:
    await cp.start()
    body = {"energy_wh": 5000}
    assert (await csms.api("PUT", "/api/v1/stations/CP-1/evses/1/needs", body)).status_code == 204
    await cp.call("NotifyEVChargingNeeds", needs(csms))
    row = await csms.session("CP-1")
    assert (row.wanted_wh, row.departure_at is None) == (5000, False)
    assert row.ev_needs is not None
    assert row.ev_needs["energy_wh"] == 12_000


@pytest.mark.req("K17.FR.02")
async def test_a_car_on_dc_is_known_by_its_battery(csms: Central, cp: Station201) -> None:
    dc = {"evMaxCurrent": 200, "evMaxVoltage": 400, "stateOfCharge": 40, "evEnergyCapacity": 50_000, "fullSoC": 90}
    wanted = {"requestedEnergyTransfer": "DC", "dcChargingParameters": dc}
    await cp.start()
    await cp.call("NotifyEVChargingNeeds", {"evseId": 1, "chargingNeeds": wanted})
    state = csms.rooms.stations.stations["CP-1"].evses[1].needs
    assert (state.energy_wh, state.power_max_w, state.soc) == (25_000, 80_000, 40)
