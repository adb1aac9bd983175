"""OCPP 2.0.1, block K: charging profiles set, cleared and asked for (OCA cases TC_K)."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.support.scripted import CallError, Central, Station201

pytestmark = pytest.mark.conformance

DEFAULT, STATION, SESSION = "TxDefaultProfile", "ChargingStationMaxProfile", "TxProfile"


@pytest.fixture
def cp(cp201: Station201) -> Station201:
    return cp201


def profile(csms: Central, purpose: str = DEFAULT, limit: float = 6.0, **more: Any) -> dict[str, Any]:
    """A profile for an hour from now, as an operator writes it."""
    start = csms.clock.now().replace(microsecond=0)
    wanted = {"profile_id": 21, "purpose": purpose, "kind": "Absolute", "unit": "A", "stack_level": 2}
    times = {"start": start.isoformat(), "valid_from": start.isoformat(), "duration_s": 3600}
    until = {"valid_to": (start + timedelta(hours=1)).isoformat()}
    periods = [{"start_s": 0, "limit": limit, "phases": 1}]
    return {**wanted, **times, **until, "periods": periods, **more}


async def install(csms: Central, cp: Station201, evse_id: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """Set a profile that the station accepts; what it was sent."""
    told = await csms.operator("CP-1", "set_charging_profile", evse_id=evse_id, profile=wanted)
    assert (told.get("status"), told.get("accepted")) == ("Accepted", True), told
    asked = await cp.expected("SetChargingProfile")
    assert asked["evseId"] == evse_id
    sent: dict[str, Any] = asked["chargingProfile"]
    return sent


@pytest.mark.octt("TC_K_01_CSMS", "TC_K_10_CSMS")
@pytest.mark.req("K01.FR.34", "K01.FR.02", "K01.FR.40")
@pytest.mark.parametrize("evse_id", [1, 0], ids=["one", "all"])
async def test_a_default_for_sessions_to_come(csms: Central, cp: Station201, evse_id: int) -> None:
    sent = await install(csms, cp, evse_id, profile(csms))
    assert (sent["id"], sent["stackLevel"], sent["chargingProfilePurpose"]) == (21, 2, DEFAULT)
    assert sent["chargingProfileKind"] == "Absolute"
    assert sent["validFrom"] < sent["validTo"]
    (schedule,) = sent["chargingSchedule"]
    assert (schedule["chargingRateUnit"], schedule["duration"]) == ("A", 3600)
    assert schedule["startSchedule"] == sent["validFrom"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 6.0, "numberPhases": 1}]
    assert "transactionId" not in sent


@pytest.mark.octt("TC_K_02_CSMS")
@pytest.mark.req("K01.FR.03", "K01.FR.41")
async def test_a_profile_for_a_session_that_is_over_is_refused(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    await cp.stop(transaction)
    cp.answers("SetChargingProfile", {"status": "Rejected", "statusInfo": {"reasonCode": "TxNotFound"}})
    wanted = profile(csms, SESSION, 7.0, kind="Relative", transaction_id=transaction)
    told = await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=wanted)
    assert (told["status"], told["accepted"]) == ("Rejected", False)
    assert told["payload"]["statusInfo"] == {"reasonCode": "TxNotFound"}
    sent = (await cp.expected("SetChargingProfile"))["chargingProfile"]
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == (SESSION, "Relative")
    (schedule,) = sent["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 7.0, "numberPhases": 1}]
    assert "startSchedule" not in schedule


@pytest.mark.octt("TC_K_03_CSMS")
async def test_a_maximum_for_the_station(csms: Central, cp: Station201) -> None:
    sent = await install(csms, cp, 0, profile(csms, STATION, 8.0))
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == (STATION, "Absolute")
    (schedule,) = sent["chargingSchedule"]
    assert schedule["chargingSchedulePeriod"] == [{"startPeriod": 0, "limit": 8.0, "numberPhases": 1}]
    assert schedule["startSchedule"] == sent["validFrom"] < sent["validTo"]


@pytest.mark.octt("TC_K_04_CSMS")
async def test_a_profile_is_replaced_under_its_id(csms: Central, cp: Station201) -> None:
    first = await install(csms, cp, 1, profile(csms, limit=8.0))
    second = await install(csms, cp, 1, profile(csms, limit=6.0))
    limits = [p["chargingSchedule"][0]["chargingSchedulePeriod"][0]["limit"] for p in (first, second)]
    assert (first["id"], limits) == (second["id"], [8.0, 6.0])


@pytest.mark.octt("TC_K_70_CSMS")
async def test_profiles_of_different_levels_stand_beside_each_other(csms: Central, cp: Station201) -> None:
    sent = [await install(csms, cp, 1, profile(csms, profile_id=30 + n, stack_level=n)) for n in (1, 2)]
    assert [(p["id"], p["stackLevel"]) for p in sent] == [(31, 1), (32, 2)]


@pytest.mark.octt("TC_K_19_CSMS")
@pytest.mark.req("K01.FR.40")
@pytest.mark.parametrize("recurrency", ["Daily", "Weekly"])
async def test_a_profile_that_comes_again(csms: Central, cp: Station201, recurrency: str) -> None:
    sent = await install(csms, cp, 1, profile(csms, kind="Recurring", recurrency=recurrency))
    assert (sent["chargingProfileKind"], sent["recurrencyKind"]) == ("Recurring", recurrency)
    assert sent["chargingSchedule"][0]["chargingSchedulePeriod"][0]["startPeriod"] == 0
    assert "startSchedule" in sent["chargingSchedule"][0]


@pytest.mark.octt("TC_K_60_CSMS")
@pytest.mark.req("K01.FR.03", "K01.FR.01", "K01.FR.34")
async def test_a_profile_for_the_running_session(csms: Central, cp: Station201) -> None:
    transaction = await cp.start(1)
    sent = await install(csms, cp, 1, profile(csms, SESSION, transaction_id=transaction))
    assert (sent["chargingProfilePurpose"], sent["transactionId"]) == (SESSION, transaction)
    assert len(sent["chargingSchedule"]) == 1


@pytest.mark.octt("TC_K_15_CSMS")
async def test_a_station_without_smart_charging(csms: Central, cp: Station201) -> None:
    cp.answers("SetChargingProfile", CallError("NotSupported"))
    told = await csms.operator("CP-1", "set_charging_profile", evse_id=1, profile=profile(csms))
    assert (told["code"], told["status"]) == ("call_refused", 502)
    assert "NotSupported" in told["detail"]


@pytest.mark.octt("TC_K_06_CSMS", "TC_K_08_CSMS")
@pytest.mark.req("K10.FR.02")
@pytest.mark.parametrize(("status", "accepted"), [("Accepted", True), ("Unknown", False)])
async def test_clearing_by_purpose_and_level(csms: Central, cp: Station201, status: str, accepted: bool) -> None:
    cp.answers("ClearChargingProfile", {"status": status})
    criteria = {"evse_id": 1, "purpose": DEFAULT, "stack_level": 2}
    told = await csms.operator("CP-1", "clear_charging_profile", **criteria)
    assert (told["status"], told["accepted"]) == (status, accepted)
    wanted = {"evseId": 1, "chargingProfilePurpose": DEFAULT, "stackLevel": 2}
    assert await cp.expected("ClearChargingProfile") == {"chargingProfileCriteria": wanted}


@pytest.mark.octt("TC_K_05_CSMS")
@pytest.mark.req("K10.FR.02")
async def test_clearing_by_id(csms: Central, cp: Station201) -> None:
    await install(csms, cp, 0, profile(csms, STATION))
    assert (await csms.operator("CP-1", "clear_charging_profile", profile_id=21))["accepted"]
    assert await cp.expected("ClearChargingProfile") == {"chargingProfileId": 21}


@pytest.mark.octt("TC_K_43_CSMS", "TC_K_44_CSMS")
@pytest.mark.req("K08.FR.01")
@pytest.mark.parametrize("evse_id", [1, 0], ids=["one", "station"])
async def test_a_composite_schedule(csms: Central, cp: Station201, evse_id: int) -> None:
    start, period = "2026-03-01T12:00:00Z", {"startPeriod": 0, "limit": 10}
    schedule = {"evseId": evse_id, "duration": 300, "scheduleStart": start, "chargingRateUnit": "A"}
    answer = {"status": "Accepted", "schedule": {**schedule, "chargingSchedulePeriod": [period]}}
    cp.answers("GetCompositeSchedule", answer)
    told = await csms.operator("CP-1", "get_composite_schedule", evse_id=evse_id, duration_s=300, unit="A")
    asked = {"evseId": evse_id, "duration": 300, "chargingRateUnit": "A"}
    assert await cp.expected("GetCompositeSchedule") == asked
    assert told["composite"] == {"start": start, "unit": "A", "periods": [{"start_s": 0, "limit": 10}]}


async def test_no_composite_schedule_is_told(csms: Central, cp: Station201) -> None:
    cp.answers("GetCompositeSchedule", {"status": "Rejected"})
    told = await csms.operator("CP-1", "get_composite_schedule", evse_id=1)
    assert (told["status"], told["accepted"], told["composite"]) == ("Rejected", False, None)


@pytest.mark.octt("TC_K_37_CSMS")
@pytest.mark.req("K05.FR.01", "K05.FR.02", "F01.FR.08", "F01.FR.09", "F01.FR.11")
async def test_a_profile_within_a_remote_start(csms: Central, cp: Station201) -> None:
    wanted = profile(csms, SESSION, kind="Relative")
    told = await csms.operator("CP-1", "remote_start", id_token="APP-1", evse_id=1, profile=wanted, remote_start_id=5)
    assert told.get("accepted"), told
    asked = await cp.expected("RequestStartTransaction")
    sent = asked["chargingProfile"]
    assert (asked["evseId"], asked["idToken"]["idToken"]) == (1, "APP-1")
    assert (sent["chargingProfilePurpose"], sent["chargingProfileKind"]) == (SESSION, "Relative")
    assert "transactionId" not in sent
    info, where = {"remoteStartId": asked["remoteStartId"]}, {"id": 1, "connectorId": 1}
    await cp.event("Started", "TX-1", "RemoteStart", info=info, evse=where, token="APP-1", token_type="Central")
    assert (await csms.session("CP-1")).id_token == "APP-1"


async def refused(csms: Central, cp: Station201, evse_id: int, wanted: dict[str, Any]) -> dict[str, Any]:
    """The problem document about a profile that must not be sent; the station hears nothing."""
    told = await csms.operator("CP-1", "set_charging_profile", evse_id=evse_id, profile=wanted)
    assert told["code"] in ("not_in_this_version", "invalid_request"), told
    assert cp.unasked("SetChargingProfile")
    return told


@pytest.mark.req("K01.FR.16", "K01.FR.38", "K01.FR.40", "K04.FR.03")
async def test_what_the_version_forbids_is_not_sent(csms: Central, cp: Station201) -> None:
    for evse_id, wanted, rule in (
        (0, profile(csms, SESSION, transaction_id="TX-1"), "K01.FR.16"),
        (0, profile(csms, STATION, kind="Relative"), "K01.FR.38"),
        (1, profile(csms, start=None), "K01.FR.40"),
        (1, profile(csms, STATION), "K04.FR.03"),
    ):
        assert rule in (await refused(csms, cp, evse_id, wanted))["detail"]


@pytest.mark.req("K01.FR.31", "K01.FR.35", "K01.FR.22", "K02.FR.07", "K10.FR.06")
async def test_what_no_station_may_get_is_no_command(csms: Central, cp: Station201) -> None:
    external = "ChargingStationExternalConstraints"
    late, turned = [{"start_s": 60, "limit": 6.0}], [{"start_s": n, "limit": 6.0} for n in (0, 600, 300)]
    for wanted in (
        profile(csms, periods=late),
        profile(csms, periods=turned),
        profile(csms, external),
    ):
        await refused(csms, cp, 1, wanted)
    told = await csms.operator("CP-1", "clear_charging_profile", purpose=external)
    assert told["code"] == "invalid_request"
    assert cp.unasked("ClearChargingProfile")
