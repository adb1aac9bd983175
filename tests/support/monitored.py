"""What a dashboard finds beside the API: a platform with a judged day, forecasts beside what came, a siting report."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from typer.testing import CliRunner

from csms.model.clock import ManualClock
from csms.model.meter import Sample
from csms.province.profile import Kind
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.rollup import Rollups
from csms.store.tables import Station
from csms.texts import catalogue
from monitor.evidence.files import private_key
from monitor.evidence.service import Evidence
from monitor.forecast.desk import ForecastDesk
from monitor.forecast.metered import REGISTER, STEP
from monitor.forecast.reading import PanelReader
from monitor.intake.settings import read_partner_file
from monitor.quality.service import QualityWatch
from monitor.quality.settings import read_watch
from monitor.siting.console import build
from monitor.store.forecast import open_forecasts
from monitor.store.intake import open_intake
from tests.quality.world import DAY, END, OPERATOR, World
from tests.support.browsing import dashboard
from tests.support.running import Server, csms
from tests.support.siting_city import write_city
from tests.support.warehouse import PLACES, Home, at, more_rows
from tests.unit.quality.conftest import receive

LOCAL_DAY = "2026-03-02"
NOW = datetime(2026, 3, 2, 16, 10, tzinfo=UTC)
"""Ten minutes after the day that was judged."""
DAYS, SAID_BEFORE = 24, timedelta(days=2)
PARTNERS = f'[[partners]]\noperator_id = "{OPERATOR}"\nprofile = "tcec102-2016"\n'


def make_platform(folder: Path) -> None:
    """A day with some defects, judged; hours and heads as the platform keeps them."""
    folder.mkdir(parents=True)
    partners = folder / "partners.toml"
    partners.write_text(PARTNERS, "utf-8")

    async def fill() -> None:
        world = World(11, stations=1, piles=1)
        for number in range(3):
            world.add(
                DAY + timedelta(hours=2 + number), Kind.STATION_STATUS, {"ConnectorID": world.plugs[0].id, "Status": 9}
            )
        store = await open_intake(folder)
        await receive(store, world)
        clock = ManualClock(NOW)
        watched, _ = read_watch(partners, read_partner_file(partners))
        watch = QualityWatch(store.quality, store.evidence, clock, watched)
        await Evidence(store.evidence, private_key(folder), clock).close_days()
        await watch.keep_hours(DAY, END)
        await watch.judge(OPERATOR, LOCAL_DAY)
        await watch.look()
        await store.close()

    asyncio.run(fill())


def make_forecasts(folder: Path) -> None:
    """Two stations with a daily wave; two days ago somebody forecast, and now again."""
    folder.mkdir(parents=True)

    async def fill() -> None:
        clock = ManualClock(NOW + timedelta(hours=1))
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock, upgrade=True)
        end = NOW.replace(minute=0)
        steps = DAYS * 96
        rng = np.random.default_rng(3)
        wave = 2.0 + 1.6 * np.sin(2 * np.pi * np.arange(steps) / 96)
        for name in ("cp-1", "cp-2"):
            await store.writer.commit([changes.put_station(Station(id=name, feeder_id="t1"))])
            counted = 1000 * np.concatenate([[0.0], np.cumsum(np.maximum(wave + 0.3 * rng.normal(size=steps), 0.0))])
            samples = [
                Sample(time=end + (step - steps) * STEP, measurand=REGISTER, value=float(value), unit="Wh")
                for step, value in enumerate(counted)
            ]
            await store.writer.commit([changes.add_samples(SampleBatch(name, 1, end, samples))])
        await Rollups(store.writer, store.reader).run(NOW + timedelta(hours=1))
        forecasts = await open_forecasts(folder)
        desk = ForecastDesk(PanelReader(store.reader), forecasts, clock)
        for moment in (NOW - SAID_BEFORE, NOW):
            clock.time = moment
            await desk.run(192)
        await forecasts.close()
        await store.close()

    asyncio.run(fill())


def make_siting(areas: Path, reports: Path) -> None:
    """A made-up city, and the report on it."""
    (areas / "city").mkdir(parents=True)
    write_city(areas / "city")
    call = [
        "run",
        str(areas / "city"),
        "--out",
        str(reports / "city"),
        "--sites",
        "4",
        "--repeats",
        "1",
        "--break-even",
        "3",
    ]
    answer = CliRunner().invoke(build(catalogue("en")), call)
    assert answer.exit_code == 0, answer.output


async def make_warehouse(folder: Path) -> None:
    """Two piles that charged, a feeder that was overloaded."""
    home = Home(folder)
    await home.begin()
    await home.change(*more_rows())
    await home.load(since=at(-72), places=PLACES)


@contextmanager
def monitored(folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """A server without stations and a dashboard that finds all of this; its address, and tokens by role."""
    make_platform(folder / "platform")
    make_forecasts(folder / "central")
    make_siting(folder / "areas", folder / "siting")
    (folder / "home").mkdir()
    asyncio.run(make_warehouse(folder / "home"))
    options = [
        *("--warehouse", str(folder / "home" / "warehouse"), "--data-dir", str(folder / "central")),
        *("--platform-dir", str(folder / "platform"), "--partner-file", str(folder / "platform" / "partners.toml")),
        *("--siting-dir", str(folder / "siting"), "--areas-dir", str(folder / "areas")),
    ]
    server = Server(folder / "server")
    server.start()
    try:
        tokens = {role: _token(server, role) for role in ("viewer", "technician")}
        clock = f"speed=1,wall={time.time()!r},time={NOW.isoformat()}"
        with dashboard(server.api_url, folder, *options, CSMS_CLOCK=clock, CSMS_TIME_ZONE="UTC", TZ="UTC") as url:
            yield url, tokens
    finally:
        server.stop()


def _token(server: Server, role: str) -> str:
    made = csms("token", "create", role, "--role", role, "--json", "--url", server.api_url)
    assert made.returncode == 0, made.stderr
    return str(json.loads(made.stdout)["token"])
