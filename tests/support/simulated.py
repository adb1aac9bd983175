"""Stations of the simulator for tests: fast clock, one car, ticking in the background."""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

from device_sim.battery import Battery
from device_sim.car import Car
from device_sim.clock import SimClock
from device_sim.fleet import CLIENTS
from device_sim.pile import PileSpec
from device_sim.sessions import Session, Visit
from device_sim.station import Station
from device_sim.stats import FleetStats

BEGIN = datetime(2026, 11, 24, 8, tzinfo=UTC)
AC_SPEC = PileSpec("AC01", "ac", 3, 32.0, 22_080.0, "ocpp1.6")
SECOND_SPEC = PileSpec("AC02", "ac", 3, 32.0, 22_080.0, "ocpp2.0.1")
NEWEST_SPEC = PileSpec("AC03", "ac", 3, 32.0, 22_080.0, "ocpp2.1")
DC_SPEC = PileSpec("DC01", "dc", 3, 100.0, 60_000.0, "ocpp2.0.1")


def fast_clock(speed: float = 600.0) -> SimClock:
    return SimClock(speed, time.time(), BEGIN)


def car(energy_wh: float = 5_000.0, **values: float) -> Car:
    battery = Battery(60_000.0, 50_000.0)
    return Car(battery, energy_wh, soc_start=0.4, phases=3, ac_power_w=11_040.0, dc_power_w=50_000.0, **values)


def visit(after_s: float = 60.0, stay_s: float = 1_500.0, energy_wh: float = 2_000.0, name: str = "s1") -> Visit:
    arrival = BEGIN + timedelta(seconds=after_s)
    return Visit(Session(name, arrival, arrival + timedelta(seconds=stay_s), energy_wh), car(energy_wh))


@asynccontextmanager
async def running(
    url: str,
    spec: PileSpec = AC_SPEC,
    visits: Iterable[Visit] = (),
    speed: float = 600.0,
    clock: SimClock | None = None,
) -> AsyncIterator[Station]:
    station = CLIENTS[spec.protocol](spec, visits, url, clock or fast_clock(speed), FleetStats(), random.Random(1))
    tasks = [asyncio.create_task(station.link.run()), asyncio.create_task(_tick(station))]
    try:
        yield station
    finally:
        tasks[1].cancel()
        await station.link.stop()
        tasks[0].cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task


async def _tick(station: Station) -> None:
    while True:
        station.tick(station.clock.epoch_s())
        await asyncio.sleep(0.01)
