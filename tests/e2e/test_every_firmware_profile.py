"""Every shipped profile: a pile that behaves as it boots, charges a car and stops, against a real `csms serve`.

All of them at once, on one clock; then each is judged by itself. Nothing that was acknowledged may be lost, whatever
form it came in, and no fault may be ours.
"""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from device_sim.assign import Assignment, build_car
from device_sim.clock import SimClock
from device_sim.fleet import Fleet, FleetSettings
from device_sim.pile import PileSpec
from device_sim.quirks.hardware import pile_like
from device_sim.sessions import Session, Visit
from firmware_profiles import FirmwareProfile, shipped
from tests.support.access import bearer
from tests.support.quirky import registered
from tests.support.running import Server
from tests.support.simulated import BEGIN

SPEED = 40.0
SETTLE_S, STAY_S, ENERGY_WH = 160.0, 1_200.0, 1_500.0
SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0
time_zone = "Asia/Shanghai"
assume_ocpp16 = true

[[feeders]]
id = "T1"
rating_kw = 10000.0
"""
CANNOT_CONNECT = {p.name for p in shipped() if p.rpc.empty_station_id}
PROFILES = pytest.mark.parametrize("profile", shipped(), ids=lambda profile: profile.name)


@dataclass
class Day:
    """What is left of the run: the fleet's truth by pile, the server's records by station, its counters and log."""

    true_wh: dict[str, float] = field(default_factory=dict)
    unacknowledged: dict[str, int] = field(default_factory=dict)
    sessions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    stations: dict[str, dict[str, Any]] = field(default_factory=dict)
    gateway: dict[str, int] = field(default_factory=dict)
    log: list[dict[str, Any]] = field(default_factory=list)
    call_errors: dict[str, int] = field(default_factory=dict)
    began: int = 0


def visit(spec: PileSpec, number: int, begin_s: float) -> Visit:
    """One car for each pile, a second after the other."""
    arrival = BEGIN + timedelta(seconds=begin_s + SETTLE_S + number)
    session = Session(spec.station_id, arrival, arrival + timedelta(seconds=STAY_S), ENERGY_WH)
    return Visit(session, build_car(session, spec, random.Random(number)), f"TAG{number:05d}")


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """Run all profiles once."""
    import asyncio

    folder = tmp_path_factory.mktemp("profiles")
    specs = [pile_like(profile, profile.name) for profile in shipped()]
    stations = "".join(registered(profile, spec) for profile, spec in zip(shipped(), specs, strict=True))
    server = Server(folder, stations=(), settings=SETTINGS + stations)
    clock = SimClock(SPEED, time.time(), BEGIN)
    server.start(CSMS_CLOCK=str(clock))
    try:
        begin_s = clock.epoch_s() - BEGIN.timestamp()
        visits = {spec.station_id: (visit(spec, n, begin_s),) for n, spec in enumerate(specs)}
        settings = FleetSettings(server.ocpp_url, server.api_url, api_headers=bearer(server.token))
        fleet = Fleet(settings, specs, Assignment(visits, ()), clock)
        asyncio.run(_run(fleet, server))
        yield _collected(fleet, server)
    finally:
        server.stop()


async def _run(fleet: Fleet, server: Server) -> None:
    """To the end; the pile that cannot connect would be waited for in vain."""
    import asyncio

    run = asyncio.create_task(fleet.run())
    deadline_s = time.monotonic() + 120.0
    while not run.done() and time.monotonic() < deadline_s:
        await asyncio.sleep(0.2)
        over = all(not station.visits and station.visit is None for station in fleet.stations)
        left = [s for s in fleet.stations if s.outgoing.durable_count and s.spec.profile not in CANNOT_CONNECT]
        if fleet.stations and over and not left:
            fleet.request_stop()
    fleet.request_stop()
    await run


def _collected(fleet: Fleet, server: Server) -> Day:
    day = Day(began=fleet.stats.sessions_started, call_errors=dict(fleet.stats.call_errors))
    day.true_wh = dict(fleet.stats.energy_by_session_wh)
    day.unacknowledged = {s.spec.station_id: s.outgoing.durable_count for s in fleet.stations}
    for session in server.api.get("/api/v1/sessions", params={"limit": 1000}).json()["sessions"]:
        day.sessions.setdefault(session["station_id"], []).append(session)
    day.stations = {s["station_id"]: s for s in server.api.get("/api/v1/stations").json()["stations"]}
    day.gateway = server.overview()["gateway"]
    lines = (server.folder / "serve.log").read_text("utf-8").splitlines()
    day.log = [json.loads(line) for line in lines if line.startswith("{")]
    return day


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_no_fault_was_ours(day: Day) -> None:
    assert day.began == len(shipped())
    assert len(day.true_wh) > 0.9 * len(shipped()), "nearly all of them charged"
    assert day.gateway.get("calls_failed", 0) == 0
    assert [line for line in day.log if line["level"] in ("error", "critical")] == []
    refused = {"ProtocolError", "FormationViolation", "TypeConstraintViolation", "OccurenceConstraintViolation"}
    assert set(day.call_errors) <= refused, "only payloads of 1.6 on a newer connection are refused"
    assert sum(day.call_errors.values()) <= 6


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.req("SR-01", "SR-02", "RB-05", "RB-09", "RB-27", "RB-40", "RB-41", "RB-42", "RB-43", "RB-44", "RB-45")
@pytest.mark.req("RB-46", "RB-50", "RB-51", "RB-52", "RB-53", "RB-60")
@PROFILES
def test_a_session_is_stored_whole(day: Day, profile: FirmwareProfile) -> None:
    if profile.name in CANNOT_CONNECT:
        assert profile.name not in day.sessions, "without a station id nobody comes in"
        assert "" not in day.stations
        return
    assert day.unacknowledged[profile.name] == 0
    (session,) = day.sessions[profile.name]
    assert session["status"] == "ended"
    assert session["stop_reason"] == "EVDisconnected"
    if profile.meter.register_wraps_32bit:
        assert "stop_register_odd" in session["flags"]
        return
    assert session["energy_wh"] == pytest.approx(day.true_wh.get(profile.name, 0.0), abs=2.0)


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.req("RB-14", "RB-18")
@PROFILES
def test_a_station_is_known_by_what_it_said(day: Day, profile: FirmwareProfile) -> None:
    if profile.name in CANNOT_CONNECT:
        return
    station = day.stations[profile.name]
    if profile.boot.vendor:
        assert station["vendor"] == profile.boot.vendor
    if profile.boot.model:
        assert station["model"] == profile.boot.model
    if profile.boot.empty_vendor:
        assert station["vendor"] == ""
