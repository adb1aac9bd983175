"""A real `csms serve` and real websockets: obedient, choosy and lying piles of the simulator behind one cap."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from device_sim.client16 import Station16
from device_sim.client201 import Station201
from device_sim.clock import SimClock
from device_sim.pile import PileSpec
from device_sim.profile_book import Rules
from device_sim.smart_charging import Profile
from device_sim.station import Station
from device_sim.stats import FleetStats
from tests.support.running import Server
from tests.support.simulated import BEGIN, visit

SPEED = 60.0
CAP_KW = 44.0
SETTINGS = f"""
ocpp_host = "127.0.0.1"
ocpp_port = 0
security_profiles = [0]
http_port = 0
time_zone = "Asia/Shanghai"

[[feeders]]
id = "T1"
rating_kw = {CAP_KW}
lowest_cap_kw = 30.0

[charging]
replan_s = 60
"""


class WattsOnly(Station16):
    """Refuses every profile in A (station type E)."""

    def rules(self) -> Rules:
        return replace(super().rules(), units=("W",))


class Liar(Station16):
    """Accepts everything, obeys nothing, tells no schedule (station type A)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handlers = {**self.handlers, "GetCompositeSchedule": lambda payload: {"status": "Accepted"}}

    def install(self, profile: Profile) -> str | None:
        return None


class Unable(Station201):
    """Has no handler for smart charging (station type D)."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.handlers = {
            k: v for k, v in self.handlers.items() if k not in ("SetChargingProfile", "GetCompositeSchedule")
        }


KINDS: dict[str, tuple[type[Station], str]] = {
    "CP-16": (Station16, "ocpp1.6"),
    "CP-201": (Station201, "ocpp2.0.1"),
    "CP-W": (WattsOnly, "ocpp1.6"),
    "CP-A": (Liar, "ocpp1.6"),
    "CP-D": (Unable, "ocpp2.0.1"),
}


@asynccontextmanager
async def piles(server: Server, names: list[str], clock: SimClock) -> Any:
    """All of them, each with a car after three minutes that stays."""
    async with AsyncExitStack() as stack:
        found: dict[str, Station] = {}
        for number, name in enumerate(names):
            kind, protocol = KINDS[name]
            spec = PileSpec(name, "ac", 3, 32.0, 22_080.0, protocol)
            cars = [visit(180.0 + 20 * number, 6_000.0, 40_000.0, name)]
            found[name] = kind(spec, cars, server.ocpp_url, clock, FleetStats(), random.Random(number))
            await stack.enter_async_context(_running(found[name]))
        yield found


@asynccontextmanager
async def _running(station: Station) -> Any:
    async def tick() -> None:
        while True:
            station.tick(station.clock.epoch_s())
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(station.link.run()), asyncio.create_task(tick())]
    try:
        yield station
    finally:
        tasks[1].cancel()
        await station.link.stop()
        tasks[0].cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def until(holds: Callable[[], bool], within_s: float = 60.0) -> None:
    async with asyncio.timeout(within_s):
        while not holds():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.1)


def limits(server: Server, name: str) -> dict[str, Any]:
    answer: dict[str, Any] = server.api.get(f"/api/v1/stations/{name}/limits").raise_for_status().json()
    return answer


@pytest.mark.req("SR-08", "RB-66", "PAIN-24", "1.6:3.13.4", "K01.FR.08", "K03.FR.02")
@pytest.mark.timeout(150)
async def test_piles_of_every_kind_behind_a_cap(tmp_path: Path) -> None:
    clock = SimClock(SPEED, time.time(), BEGIN)
    server = Server(tmp_path, list(KINDS), SETTINGS)
    server.start(CSMS_CLOCK=str(clock))
    try:
        async with piles(server, ["CP-16", "CP-201", "CP-W"], clock) as found:
            await until(lambda: all(limits(server, name)["state"] == "confirmed" for name in found))
            assert {limits(server, name)["limit"]["rung"]["unit"] for name in ("CP-16", "CP-201")} == {"A"}
            assert limits(server, "CP-W")["limit"]["rung"]["unit"] == "W"
            assert limits(server, "CP-W")["floor"]["tried"] == 2
            await asyncio.sleep(clock.wall_s(200))
            await until(lambda: sum(pile.pile.power_w for pile in found.values()) > 0.7 * CAP_KW * 1000)
            loads = []
            for _ in range(20):
                loads.append(sum(pile.pile.power_w for pile in found.values()))
                await asyncio.sleep(clock.wall_s(10))
            assert max(loads) <= CAP_KW * 1000
    finally:
        server.stop()


@pytest.mark.req("SR-08", "RB-67", "PAIN-25")
@pytest.mark.timeout(150)
async def test_those_that_cannot_be_limited_are_told_as_such_and_counted_in_full(tmp_path: Path) -> None:
    clock = SimClock(2 * SPEED, time.time(), BEGIN)
    server = Server(tmp_path, list(KINDS), SETTINGS)
    server.start(CSMS_CLOCK=str(clock))
    try:
        async with piles(server, ["CP-A", "CP-D"], clock):
            await until(lambda: limits(server, "CP-D")["state"] == "uncontrollable")
            await until(lambda: limits(server, "CP-A")["state"] == "uncontrollable")
            feeder = server.overview()["feeders"][0]
            assert feeder["uncontrollable_w"] == 2 * 22_080
            assert feeder["upper_bound_w"] >= 2 * 22_080
            assert {outlet["counted_as"] for outlet in limits(server, "CP-A")["outlets"]} == {"rating"}
            assert server.api.post("/api/v1/stations/CP-A/limits/renegotiate").status_code == 202
            assert limits(server, "CP-A")["state"] in ("untried", "negotiating")
    finally:
        server.stop()
