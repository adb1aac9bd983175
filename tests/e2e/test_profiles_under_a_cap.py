"""Every shipped firmware profile under one cap: who can be limited in any form is, and is seen to be; the others are
told as uncontrollable and counted in full. Real `csms serve`, real websockets, piles that behave as the profiles say.
"""

from __future__ import annotations

import asyncio
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

SPEED = 50.0
FIRST_S, EVERY_S, LOOKED_AFTER_S = 150.0, 15.0, 3_000.0
STAY_S = 2 * LOOKED_AFTER_S
SETTINGS = """
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0
time_zone = "Asia/Shanghai"
assume_ocpp16 = true

[[feeders]]
id = "T1"
rating_kw = {cap_kw}
lowest_cap_kw = {cap_kw}
"""
CONNECTABLE = [profile for profile in shipped() if not profile.rpc.empty_station_id]
PROFILES = pytest.mark.parametrize("profile", CONNECTABLE, ids=lambda profile: profile.name)


def takes_no_limit(profile: FirmwareProfile) -> bool:
    """By what is known of the make."""
    nothing = not profile.limits.purposes and not profile.limits.static_key
    return profile.limits.ignores_accepted or nothing


@dataclass
class Day:
    """What came of it: the ladders, the feeder, and the true load at every look."""

    cap_w: float
    limits: dict[str, dict[str, Any]] = field(default_factory=dict)
    feeder: dict[str, Any] = field(default_factory=dict)
    loads_w: list[float] = field(default_factory=list)


@pytest.fixture(scope="module")
def day(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Day]:
    """All of them at once, a car at each, one after the other; the cap is half of what they could draw."""
    folder = tmp_path_factory.mktemp("ladder")
    specs = [pile_like(profile, profile.name) for profile in CONNECTABLE]
    pairs = list(zip(CONNECTABLE, specs, strict=True))
    loose_w = sum(spec.rated_w for profile, spec in pairs if takes_no_limit(profile))
    found = Day(cap_w=loose_w + 0.5 * (sum(spec.rated_w for spec in specs) - loose_w))
    stations = "".join(registered(profile, spec) for profile, spec in pairs)
    server = Server(folder, stations=(), settings=SETTINGS.format(cap_kw=found.cap_w / 1000) + stations)
    clock = SimClock(SPEED, time.time(), BEGIN)
    server.start(CSMS_CLOCK=str(clock))
    try:
        asyncio.run(_run(server, specs, clock, found))
        yield found
    finally:
        server.stop()


def _visit(spec: PileSpec, number: int, begin_s: float) -> Visit:
    arrival = BEGIN + timedelta(seconds=begin_s + FIRST_S + EVERY_S * number)
    session = Session(spec.station_id, arrival, arrival + timedelta(seconds=STAY_S), 200_000.0)
    return Visit(session, build_car(session, spec, random.Random(number)), f"TAG{number:05d}")


async def _run(server: Server, specs: list[PileSpec], clock: SimClock, found: Day) -> None:
    begin_s = clock.epoch_s() - BEGIN.timestamp()
    visits = {spec.station_id: (_visit(spec, n, begin_s),) for n, spec in enumerate(specs)}
    settings = FleetSettings(server.ocpp_url, server.api_url, api_headers=bearer(server.token))
    fleet = Fleet(settings, specs, Assignment(visits, ()), clock)
    run = asyncio.create_task(fleet.run())
    end_s = clock.epoch_s() + FIRST_S + LOOKED_AFTER_S
    while clock.epoch_s() < end_s and not run.done():
        await asyncio.sleep(0.1)
        found.loads_w.append(sum(station.pile.power_w for station in fleet.stations))
    for spec in specs:
        answer = await asyncio.to_thread(server.api.get, f"/api/v1/stations/{spec.station_id}/limits")
        found.limits[spec.station_id] = answer.raise_for_status().json()
    found.feeder = (await asyncio.to_thread(server.overview))["feeders"][0]
    fleet.request_stop()
    await run


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_cap_is_held_and_used(day: Day) -> None:
    assert max(day.loads_w) <= day.cap_w
    assert max(day.loads_w) > 0.5 * day.cap_w
    assert day.feeder["uncontrollable_w"] > 0


@pytest.mark.slow
@pytest.mark.timeout(240)
@pytest.mark.req("SR-08", "SR-12", "RB-61", "RB-62", "RB-63", "RB-65", "RB-66")
@PROFILES
def test_each_make_ends_where_it_belongs(day: Day, profile: FirmwareProfile) -> None:
    limits = day.limits[profile.name]
    if takes_no_limit(profile):
        assert limits["state"] == "uncontrollable"
        assert limits["outlets"][0]["counted_as"] == "rating"
        return
    assert limits["state"] == "confirmed"
    if profile.limits.unit is not None:
        assert limits["limit"]["rung"]["unit"] == profile.limits.unit
    if profile.limits.kind is not None:
        assert limits["limit"]["rung"]["kind"] == profile.limits.kind
