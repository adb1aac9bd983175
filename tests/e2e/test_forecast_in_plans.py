"""A forecast on its way into a plan: weeks in a real store, the server's own round, the file, a car, the plan.

Base load is low but for an hour that comes each day; many cars come each day in that hour. A car that is there now
is charged before them, and what is commanded stays under the cap whatever the forecast says.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from csms.app.grid import FeederSettings
from csms.app.rounds import Round, RoundSettings
from csms.model.clock import system_clock
from csms.model.outlook import FILE_NAME, ComingCars, Outlook, decoded, encoded
from csms.station.registration import Registration, rating
from csms.store import changes
from csms.store.response_tables import FeederLoad
from csms.store.tables import Session
from device_sim.clock import SimClock
from device_sim.sessions import Session as PastSession
from device_sim.sessions import Visit
from device_sim.station import Station
from tests.support.scripted import Central, central
from tests.support.simulated import car, running

CHARGING = {"control": True, "debounce_s": 0, "replan_s": 2}
FEEDERS = [FeederSettings(id="site", rating_kw=50.0)]
WEEKS = 3


async def fill(csms: Central, now: datetime) -> None:
    """Weeks in which 20 kW more were drawn in the hour that comes next, and two cars came in it."""
    await csms.rooms.stations.register(Registration("OLD", evses={1: rating("ac", 3, 32.0, 22_080)}))
    today = now.replace(minute=0, second=0, microsecond=0)
    rows: list[Any] = []
    for quarter in range(WEEKS * 7 * 96):
        begins_at = today - timedelta(minutes=15 * quarter)
        busy = (begins_at - today) % timedelta(days=1) in [timedelta(hours=1, minutes=m) for m in (0, 15, 30, 45)]
        load = FeederLoad(feeder_id="site", begins_at=begins_at, base_w=0, charging_w=0, looks=1, metered=1)
        load.base_w = 30_000.0 if busy else 10_000.0
        rows.append(changes.put_row(load))
    for day in range(1, WEEKS * 7):
        for n in range(2):
            at = today - timedelta(days=day) + timedelta(hours=1, minutes=10)
            stay = Session(id=1_000 + day * 10 + n, station_id="OLD", evse_id=1, transaction_id=f"{day}-{n}")
            stay.started_at = stay.received_at = at
            stay.status, stay.ended_at, stay.energy_wh = "ended", at + timedelta(hours=2), 30_000.0
            rows.append(changes.open_session(stay))
    await csms.rooms.store.writer.commit(rows)


async def plan(csms: Central, *, forecast: bool, made_at: datetime | None = None) -> dict[str, Any]:
    """The next plan that was, or was not, made with a forecast, or with the one of a moment."""

    async def found() -> dict[str, Any] | None:
        answer = await csms.api("GET", "/api/v1/plans/site")
        if answer.status_code != 200:
            return None
        row: dict[str, Any] = answer.json()
        content = row["content"]
        told = content.get("forecast", {}).get("made_at")
        fits = made_at is None or told == made_at.isoformat(timespec="seconds")
        return row if content["sessions"] and (told is not None) == forecast and fits else None

    told: dict[str, Any] = await csms.until(found, timeout_s=90)
    return told


def bound_w(csms: Central) -> int:
    """The most that may be drawn now."""
    return csms.rooms.charging.status("site").upper_bound_w


@asynccontextmanager
async def charging(csms: Central, now: datetime) -> AsyncIterator[Station]:
    """A simulated pile that obeys, in real time, with a car that stays for four hours and wants 20 kWh."""
    await csms.station("AC01", connected=False)
    visit = Visit(PastSession("s1", now, now + timedelta(hours=4), 20_000), car(20_000))
    async with running(csms.url(), visits=[visit], clock=SimClock(1.0, time.time(), now)) as station:
        yield station


async def test_what_weeks_have_taught_is_in_the_plan(tmp_path: Path) -> None:
    now = system_clock().now()
    async with central(tmp_path, charging=CHARGING, feeders=FEEDERS) as csms, charging(csms, now):
        await fill(csms, now)
        before = await plan(csms, forecast=False)
        assert set(before["content"]["base_kw"]) == {0.0}

        round_ = Round(RoundSettings(command=["forecast", "run", "--for-plans"]), system_clock(), tmp_path)
        assert await round_.once()
        left = decoded((tmp_path / FILE_NAME).read_bytes())
        known = {step for step in left.loads_w["site"] if step is not None}
        assert 9_000 < min(known) < 11_000
        assert 25_000 < max(known) < 33_000
        assert sum(cars.count for cars in left.cars) >= 1.9

        content = (await plan(csms, forecast=True))["content"]
        assert content["base_kw"][0] == 0.0, "the first slot is left alone"
        assert 9 < content["base_kw"][20] < 11
        assert 25 < max(content["base_kw"]) < 33
        expected = content["forecast"]["expected"]
        assert {row["priority"] for row in expected} == {0}
        assert sum(row["energy_kwh"] for row in expected) > 55
        assert [row["evse"] for row in content["sessions"]] == ["AC01/1"]
        parts = content["base_kw"], content["charging_kw"], content["forecast"]["expected_kw"]
        assert max(map(sum, zip(*parts, strict=True))) <= 50.0 * 0.98 + 0.1

        (tmp_path / FILE_NAME).unlink()
        assert set((await plan(csms, forecast=False))["content"]["base_kw"]) == {0.0}


async def test_a_wild_forecast_moves_no_bound_above_the_cap(tmp_path: Path) -> None:
    """No load at all and thousands of cars; then loads beyond all measure; then a broken file."""
    now = system_clock().now()
    horde = tuple(ComingCars("site", now + timedelta(minutes=30 * n), 7200, 1e9, 1e9, 1e3) for n in range(1, 20))
    wild = [
        Outlook(now, now, loads_w={"site": (-1e300,) * 200}, cars=horde),
        Outlook(now + timedelta(seconds=1), now, loads_w={"site": (1e300,) * 200}),
    ]
    small = [FeederSettings(id="site", rating_kw=12.0)]
    async with central(tmp_path, charging=CHARGING, feeders=small) as csms, charging(csms, now):
        csms.expected_faults.add("outlook_unusable")
        await plan(csms, forecast=False)
        await csms.until(lambda: bound_w(csms) <= 12_000, timeout_s=90)
        for outlook in wild:
            (tmp_path / FILE_NAME).write_bytes(encoded(outlook))
            found = await plan(csms, forecast=True, made_at=outlook.made_at)
            (session,) = found["content"]["sessions"]
            assert 5.0 < session["planned_kw"] <= 12.0, "the car that is there is charged all the same"
            assert bound_w(csms) <= 12_000
        (tmp_path / FILE_NAME).write_bytes(b"{")
        await plan(csms, forecast=False)
        assert bound_w(csms) <= 12_000


async def test_the_setting_switches_it_off(tmp_path: Path) -> None:
    now = system_clock().now()
    (tmp_path / FILE_NAME).write_bytes(encoded(Outlook(now, now, loads_w={"site": (40_000.0,) * 100})))
    off = CHARGING | {"forecast": False}
    async with central(tmp_path, charging=off, feeders=FEEDERS) as csms, charging(csms, now):
        await plan(csms, forecast=False)
        assert json.loads((tmp_path / FILE_NAME).read_bytes())["format"] == 1
