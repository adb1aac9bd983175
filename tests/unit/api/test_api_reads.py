"""What the operations routes show of a real station room and a real database."""

from __future__ import annotations

import time
from datetime import UTC, timedelta
from zoneinfo import ZoneInfo

import httpx
import pytest

from csms.api.app import create_api
from csms.api.overview import start_of_day
from csms.api.ports import ApiDeps
from csms.model.clock import ScaledClock
from csms.model.station import ConnectorStatus
from csms.province.client import Partner
from csms.province.crypto import Secrets
from csms.province.ids import IdTable
from csms.province.memory import MemoryOutbox
from csms.province.profile import load_profile, shipped_profiles
from csms.province.service import ProvinceService
from tests.support.operations import START, Operations, operations, scene


async def get(at: Operations, path: str, **params: object) -> dict:
    answer = await at.http.get("/api/v1" + path, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def test_the_overview_of_an_empty_server_is_all_zero(at) -> None:
    view = await get(at, "/overview")
    assert view["stations"] == {"total": 0, "online": 0, "by_version": {}}
    assert (view["power_w"], view["energy_wh"], view["samples"]) == (0, 0, 0)


async def test_the_overview_adds_up(at) -> None:
    await scene(at)
    view = await get(at, "/overview")
    assert view["stations"] == {"total": 3, "online": 2, "by_version": {"ocpp1.6": 2}}
    assert view["sessions"] == {"open": 1, "ended": 1}
    assert view["connectors_by_status"] == {"Charging": 1, "Unknown": 2, "Faulted": 1}
    assert view["power_w"] == 11_000
    assert view["energy_wh"] == view["energy_today_wh"] == 1500 + 700
    assert view["samples"] >= 2
    assert view["profiles"]["sent"] == view["profiles"]["accepted"] == 1
    assert view["gateway"]["frames_in"] == 12
    assert [feeder["feeder_id"] for feeder in view["feeders"]] == ["site", "north"]


async def test_energy_of_yesterday_is_not_of_today(at) -> None:
    await scene(at)
    at.clock.advance(timedelta(days=1).total_seconds())
    view = await get(at, "/overview")
    assert (view["energy_wh"], view["energy_today_wh"]) == (2200, 1500), "the open session still counts"


def test_the_day_begins_at_local_midnight() -> None:
    assert start_of_day(START, ZoneInfo("Asia/Shanghai")).isoformat() == "2026-03-02T00:00:00+08:00"
    assert start_of_day(START, UTC).hour == 0


async def test_the_overview_says_how_fast_the_clock_runs(tmp_path) -> None:
    async with operations(tmp_path, ScaledClock(288.0, time.time(), START)) as at:
        assert (await get(at, "/overview"))["clock_speed"] == 288
        assert (await at.http.get("/healthz")).json()["status"] == "ok"


async def test_stations_are_listed_and_filtered(at) -> None:
    await scene(at)
    every = await get(at, "/stations")
    assert [station["station_id"] for station in every["stations"]] == ["CP-1", "CP-2", "CP-3"]
    for params, expected in (
        ({"online": "false"}, ["CP-3"]),
        ({"feeder_id": "north"}, ["CP-3"]),
        ({"status": "faulted"}, ["CP-2"]),
        ({"site_id": "elsewhere"}, []),
    ):
        found = await get(at, "/stations", **params)
        assert [station["station_id"] for station in found["stations"]] == expected


async def test_a_station_shows_live_values_session_and_profiles(at) -> None:
    session_id = await scene(at)
    station = await get(at, "/stations/CP-1")
    assert (station["vendor"], station["online"], station["power_w"]) == ("Acme", True, 11_000)
    evse = station["evses"][0]
    assert (evse["status"], evse["connectors"]) == ("Charging", {"1": "Charging"})
    assert evse["session"]["session_id"] == session_id
    assert evse["session"]["energy_wh"] == 1500
    assert station["profiles"][0]["limit_w"] == 11_040
    assert (await get(at, "/stations/CP-1", profiles=0))["profiles"] == []


async def test_an_occupied_evse_shows_what_its_session_does(at) -> None:
    await at.station("CP-1")
    await at.start("CP-1")
    await at.status("CP-1", ConnectorStatus.OCCUPIED)
    evse = (await get(at, "/stations/CP-1"))["evses"][0]
    assert evse["status"] == "Charging"


async def test_sessions_come_newest_first_in_pages(at) -> None:
    await at.station("CP-1")
    for register_wh in (1100.0, 1200.0, 1300.0):
        await at.stop("CP-1", await at.start("CP-1"), register_wh)
        at.clock.advance(600)
    first = await get(at, "/sessions", limit=2)
    assert [row["session_id"] for row in first["sessions"]] == [3, 2]
    rest = await get(at, "/sessions", limit=2, before_id=first["next_before_id"])
    assert [row["session_id"] for row in rest["sessions"]] == [1]
    assert rest["next_before_id"] is None
    assert rest["sessions"][0]["stop_reason"] == "Local"
    assert (await get(at, "/sessions", status="open"))["sessions"] == []


async def test_samples_of_a_session(at) -> None:
    session_id = await scene(at)
    found = await get(at, f"/sessions/{session_id}/samples")
    measured = {(sample["measurand"], sample["value"], sample["unit"]) for sample in found["samples"]}
    assert ("Power.Active.Import", 11_000.0, "W") in measured
    cut = await get(at, f"/sessions/{session_id}/samples", limit=1)
    assert (len(cut["samples"]), cut["truncated"]) == (1, True)
    later = (at.clock.now() + timedelta(hours=1)).isoformat()
    assert (await get(at, f"/sessions/{session_id}/samples", since=later))["samples"] == []


async def test_feeders_plan_and_province(at) -> None:
    await scene(at)
    assert (await get(at, "/feeders"))["feeders"][1]["parent_id"] == "site"
    plan = await get(at, "/plans/site")
    assert (plan["method"], plan["gap"]) == ("water-filling", 1e-6)
    partner = (await get(at, "/province"))["partners"][0]
    assert (partner["queued"], partner["acked"], partner["token"]) == (2, 7, "fresh")


async def test_the_province_room_fits_as_it_is(at) -> None:
    secrets = Secrets("for a test", b"1234567890abcdef", b"1234567890abcdef", b"for a test")
    partner = Partner("shandong", load_profile(shipped_profiles()[0]), "http://127.0.0.1:9", "123456789", secrets)
    service = ProvinceService(at.clock, MemoryOutbox(), IdTable(), [partner])
    app = create_api(ApiDeps(at.clock, at.service, at.store.reader, province=service, guard=at.guard))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=at.http.headers) as http:
        (view,) = (await http.get("/api/v1/province")).json()["partners"]
    assert (view["partner"], view["queued"], view["token"]) == ("shandong", 0, "none")
    for forwarder in service.forwarder.partners.values():
        await forwarder.close()


@pytest.mark.parametrize("what", ["registration", "configuration", "local-list", "monitors"])
async def test_nothing_is_known_of_a_station_that_is_not(at, what) -> None:
    answer = await at.http.get(f"/api/v1/stations/NOBODY/{what}")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_station")
    await at.station("CP-1", online=False)
    assert (await at.http.get(f"/api/v1/stations/CP-1/{what}")).status_code == 200
