"""The server is killed (SIGKILL) at any moment of a change of a limit, and started again: the cars are never above what
may hold, and an acknowledged limit is not forgotten. `make kill` does it often, with 200 stations.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import pytest

from device_sim.assign import Assignment, build_car
from device_sim.clock import SimClock
from device_sim.fleet import Fleet, FleetSettings
from device_sim.pile import PileSpec
from device_sim.sessions import Session, Visit
from tests.support.mosquitto import free_port
from tests.support.running import Server
from tests.support.simulated import BEGIN

STATIONS = int(os.environ.get("CSMS_KILL_STATIONS", "24"))
KILLS = int(os.environ.get("CSMS_LIMIT_KILLS", "4"))
SPEED = 8.0
RATED_W = 7_360
LOW_W, HIGH_W = (round(share * STATIONS * RATED_W) for share in (0.35, 0.6))
LEASE_S, RAMP_S = 300.0, 15.0
SETTLED_S = 60.0
KILLED_WITHIN_WALL_S = 1.5
FIRST_S, STAY_H = 20.0, 12
SETTINGS = f"""
ocpp_host = "127.0.0.1"
ocpp_port = {{port}}
security_profiles = [0]
http_port = 0

[[feeders]]
id = "T1"
rating_kw = {STATIONS * RATED_W / 1000}
lowest_cap_kw = {0.3 * STATIONS * RATED_W / 1000}

[charging]
lease_s = {LEASE_S}
"""
STATION = """
[[stations]]
id = "{id}"
feeder = "T1"
kind = "ac"
phases = 1
current_max_a = 32.0
power_max_kw = 7.36
"""


@dataclass
class Watch:
    """What all cars draw, and what they may: after a limit was lowered, the old one for as long as a lease may run."""

    fleet: Fleet
    clock: SimClock
    allowed_w: float
    over: list[str] = field(default_factory=list)
    highest_w: float = 0.0

    async def run(self) -> None:
        while True:
            load_w = self.fleet.power_w
            self.highest_w = max(self.highest_w, load_w)
            if load_w > self.allowed_w + 1.0:
                self.over.append(f"{self.clock.epoch_s():.1f}: {load_w:.0f} W of {self.allowed_w:.0f} W")
            await asyncio.sleep(0.05)

    async def until(self, holds: Callable[[float], bool], within_s: float) -> None:
        deadline_s = self.clock.epoch_s() + within_s
        while not holds(self.fleet.power_w):
            assert self.clock.epoch_s() < deadline_s, f"{self.fleet.power_w:.0f} W, allowed {self.allowed_w:.0f} W"
            await asyncio.sleep(0.05)


class Site:
    """A server that dies, beside a fleet that lives on."""

    def __init__(self, folder: Path) -> None:
        text = SETTINGS.format(port=free_port()) + "".join(STATION.format(id=name) for name in NAMES)
        self.server = Server(folder, stations=(), settings=text)
        self.clock = SimClock(SPEED, time.time(), BEGIN)
        self.server.start(CSMS_CLOCK=str(self.clock))

    def fleet(self) -> Fleet:
        specs = [PileSpec(name, "ac", 1, 32.0, RATED_W, VERSIONS[n % 2]) for n, name in enumerate(NAMES)]
        arrival = BEGIN + timedelta(seconds=self.clock.epoch_s() - BEGIN.timestamp() + FIRST_S)
        visits = {spec.station_id: (_visit(spec, arrival + timedelta(seconds=n / 10)),) for n, spec in enumerate(specs)}
        return Fleet(FleetSettings(self.server.ocpp_url), specs, Assignment(visits, ()), self.clock)

    def order(self, version: int, value_w: int) -> bool:
        """Whether it was acknowledged before the server died."""
        try:
            answer = self.server.api.put(
                "/api/v1/feeders/T1/limits/kill", json={"version": version, "value_w": value_w}
            )
        except httpx.HTTPError:
            return False
        assert answer.status_code == 202, answer.text
        return True

    def die(self) -> None:
        """At once, whatever it is doing."""
        assert self.server.process is not None
        self.server.process.send_signal(signal.SIGKILL)
        self.server.process.wait(20)

    def come_back(self) -> tuple[int, int]:
        """The limit in force now: version and watts; (0, rating) without one."""
        self.server.api.close()
        self.server.start(CSMS_CLOCK=str(self.clock))
        limits = self.server.api.get("/api/v1/feeders/T1/limits").raise_for_status().json()["limits"]
        return (limits[0]["version"], limits[0]["value_w"]) if limits else (0, STATIONS * RATED_W)


NAMES = [f"CP-{n:03d}" for n in range(STATIONS)]
VERSIONS = ("ocpp1.6", "ocpp2.0.1")


def _visit(spec: PileSpec, arrival: datetime) -> Visit:
    session = Session(spec.station_id, arrival, arrival + timedelta(hours=STAY_H), 80_000.0)
    return Visit(session, build_car(session, spec, random.Random(spec.station_id)), f"TAG{spec.station_id}")


async def _kill_often(site: Site, dice: random.Random) -> Watch:
    fleet = site.fleet()
    running = asyncio.create_task(fleet.run())
    watch = Watch(fleet, site.clock, STATIONS * RATED_W)
    watching = asyncio.create_task(watch.run())
    await watch.until(lambda load_w: load_w > 0.7 * STATIONS * RATED_W, 600.0)
    force_w = STATIONS * RATED_W
    for version in range(1, KILLS + 1):
        value_w = (LOW_W, HIGH_W)[version % 2 == 0]
        watch.allowed_w = max(force_w, value_w)
        order = asyncio.create_task(asyncio.to_thread(site.order, version, value_w))
        await asyncio.sleep(dice.uniform(0.0, KILLED_WITHIN_WALL_S))
        await asyncio.to_thread(site.die)
        acknowledged = await order
        known, known_w = await asyncio.to_thread(site.come_back)
        if acknowledged:
            assert (known, known_w) == (version, value_w), "an acknowledged limit was forgotten"
        force_w = known_w
        await watch.until(lambda load_w, cap_w=force_w: load_w <= cap_w, LEASE_S + RAMP_S)  # type: ignore[misc]
        watch.allowed_w = force_w
        await asyncio.sleep(site.clock.wall_s(SETTLED_S))
    await watch.until(lambda load_w: load_w > 0.75 * force_w, LEASE_S + RAMP_S)
    watching.cancel()
    fleet.request_stop()
    await running
    return watch


@pytest.mark.slow
@pytest.mark.timeout(120 + 60 * KILLS)
@pytest.mark.req("GL-I8", "GL-B5")
def test_a_limit_outlives_the_server_and_nobody_is_ever_above_it(tmp_path: Path) -> None:
    site = Site(tmp_path)
    try:
        watch = asyncio.run(_kill_often(site, random.Random(7)))
    finally:
        site.server.stop()
    assert watch.highest_w > HIGH_W, "cars wanted more than the limits"
    assert watch.over == []
