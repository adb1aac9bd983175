"""What can be changed and commanded, and what a station answers."""

from __future__ import annotations

from datetime import timedelta

import orjson
import pytest

from csms.api.command_bodies import read_command
from csms.model.charging_profile import CompositeSchedule, RateUnit
from csms.model.command import CommandResult, RemoteStart, SetChargingProfile
from csms.model.commands import COMMANDS
from csms.model.errors import CallRefused, CallTimeout, ConnectionLost, NotInThisVersion, PeerError, RpcErrorCode
from csms.model.local_list import GetLocalListVersion, WriteLocalList
from tests.support.command_bodies import GOOD, PROFILE
from tests.support.operations import scene
from tests.support.station_port import let_in

NUMBERED = {"get_der_control", "request_battery_swap"}
"""Commands that get a request id on their way."""


async def test_a_station_can_be_registered_and_changed(at) -> None:
    body = {"feeder_id": "north", "site_id": "yard", "evses": [{"evse_id": 2, "phases": 1, "current_max_a": 16}]}
    answer = await at.http.put("/api/v1/stations/CP-9", json=body)
    assert answer.status_code == 200
    assert answer.json()["evses"][0]["power_max_w"] == 16 * 230
    assert let_in(at.service, "CP-9")
    assert (await at.store.reader.station("CP-9")).feeder_id == "north"
    await at.http.put("/api/v1/stations/CP-9", json={"feeder_id": "site"})
    assert at.service.stations["CP-9"].feeder_id == "site"


@pytest.mark.parametrize(
    ("station_id", "body", "code"),
    [
        ("CP-9", {"feeder_id": "nowhere"}, "unknown_feeder"),
        ("CP%3A9", {}, "invalid_station"),
        ("CP-9", {"feader_id": "site"}, "invalid_request"),
        ("CP-9", {"evses": [{"current_max_a": -1}]}, "invalid_request"),
        ("CP-9", {"evses": []}, "invalid_request"),
        ("CP-9", {"evses": [{}, {}]}, "invalid_request"),
    ],
)
async def test_what_cannot_be_a_station_is_refused(at, station_id, body, code) -> None:
    answer = await at.http.put(f"/api/v1/stations/{station_id}", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, code)
    assert not at.service.stations


async def test_a_driver_says_what_the_car_needs(at) -> None:
    session_id = await scene(at)
    leaves = at.clock.now() + timedelta(hours=5)
    body = {"energy_wh": 12_000, "departure": leaves.isoformat()}
    answer = await at.http.put("/api/v1/stations/CP-1/evses/1/needs", json=body)
    assert (answer.status_code, answer.content) == (204, b"")
    row = await at.store.reader.session(session_id)
    assert (row.wanted_wh, row.departure_at) == (12_000, leaves)


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("CP-1/evses/7", {"energy_wh": 1}, 404, "unknown_station"),
        ("CP-1/evses/1", {"energy_wh": -1}, 422, "invalid_request"),
        ("CP-1/evses/1", {"departure": "2026-03-02T04:00:00"}, 422, "invalid_request"),
        ("CP-1/evses/x", {}, 422, "invalid_request"),
    ],
)
async def test_impossible_needs_are_refused(at, path, body, status, code) -> None:
    await at.station("CP-1")
    answer = await at.http.put(f"/api/v1/stations/{path}/needs", json=body)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("name", sorted(COMMANDS))
async def test_every_command_reaches_the_station(at, name) -> None:
    await at.station("CP-1")
    answer = await at.http.post(f"/api/v1/stations/CP-1/commands/{name}", json=GOOD[name])
    assert answer.status_code == 200, answer.text
    assert (answer.json()["status"], answer.json()["accepted"]) == ("Accepted", True)
    said = read_command(COMMANDS[name], orjson.dumps(GOOD[name]))
    if name == "send_local_list":
        assert at.links["CP-1"].asked == [GetLocalListVersion(), WriteLocalList(1, full=True)]
        return
    (asked,) = at.links["CP-1"].asked
    assert type(asked) is type(said)
    assert {field: getattr(asked, field) for field in GOOD[name]} == {
        field: getattr(said, field) for field in GOOD[name]
    }


async def test_commands_are_the_neutral_ones(at) -> None:
    await at.station("CP-1")
    for name in ("remote_start", "set_charging_profile"):
        await at.http.post(f"/api/v1/stations/CP-1/commands/{name}", json=GOOD[name])
    start, profile = at.links["CP-1"].asked
    assert start == RemoteStart("CARD", 1, start.remote_start_id)
    assert isinstance(profile, SetChargingProfile)
    assert [(p.start_s, p.limit, p.phases) for p in profile.profile.periods] == [(0, 16.0, None), (900, 8.0, 3)]


async def test_a_composite_schedule_comes_back(at) -> None:
    await at.station("CP-1")
    schedule = CompositeSchedule(at.clock.now(), RateUnit.W, ((0, 11_040.0), (900, None)))
    at.links["CP-1"].answer = CommandResult("Accepted", composite=schedule)
    answer = await at.http.post("/api/v1/stations/CP-1/commands/get_composite_schedule", json={"evse_id": 1})
    assert answer.json()["composite"]["periods"] == [{"start_s": 0, "limit": 11_040.0}, {"start_s": 900, "limit": None}]


@pytest.mark.parametrize(
    ("fault", "status", "code"),
    [
        (CallTimeout("no answer in 60 s"), 504, "call_timeout"),
        (CallRefused("NotSupported", "no such action"), 502, "call_refused"),
        (ConnectionLost("gone"), 502, "connection_lost"),
        (NotInThisVersion("1.6 has no such call"), 409, "not_in_this_version"),
        (PeerError(RpcErrorCode.FORMAT_VIOLATION, "broken"), 502, "answer_unreadable"),
    ],
)
async def test_a_station_that_fails_is_told_by_code(at, fault, status, code) -> None:
    await at.station("CP-1")
    at.links["CP-1"].answer = fault
    answer = await at.http.post("/api/v1/stations/CP-1/commands/reset", json={})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    if code == "call_refused":
        assert answer.json()["error_code"] == "NotSupported"


async def test_unknown_and_offline_stations(at) -> None:
    await at.station("CP-3", online=False)
    unknown = await at.http.post("/api/v1/stations/CP-0/commands/reset", json={})
    offline = await at.http.post("/api/v1/stations/CP-3/commands/reset", json={})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "unknown_station")
    assert (offline.status_code, offline.json()["code"]) == (409, "station_offline")


async def test_a_command_that_does_not_exist(at) -> None:
    await at.station("CP-1")
    answer = await at.http.post("/api/v1/stations/CP-1/commands/rest", json={})
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_command")


@pytest.mark.parametrize(
    "change",
    [
        {"transaction_id": None},
        {"periods": []},
        {"periods": [{"start_s": 5, "limit": 6}]},
        {"periods": [{"start_s": 0, "limit": -6}]},
        {"purpose": "Whatever"},
        {"profile_id": 0},
    ],
)
async def test_a_profile_that_no_station_may_get_is_refused(at, change) -> None:
    await at.station("CP-1")
    body = {"evse_id": 1, "profile": PROFILE | change}
    answer = await at.http.post("/api/v1/stations/CP-1/commands/set_charging_profile", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert at.links["CP-1"].asked == []
