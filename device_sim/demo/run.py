"""Runs the demo: platform, central system and fleet as processes on one clock; the grid operator's limit half-way; then
waits until everything is delivered and puts the report together.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from secrets import token_hex
from typing import Any

import httpx
import numpy as np
from rich.console import Console

from device_sim.clock import SimClock
from device_sim.credentials import read_token
from device_sim.demo import site
from device_sim.demo.central import Central
from device_sim.demo.day import ZONE, Day, GridLimit, base_w, cap_w, prepare, write_sessions
from device_sim.demo.options import Options, Text
from device_sim.demo.picture import load_picture
from device_sim.demo.processes import ChildDied, Children
from device_sim.demo.report import Figures, LoadTrace, build

DASHBOARD_URL = "http://127.0.0.1:8081"
"""Where `csms serve` puts it unless it is told otherwise."""
NO_DASHBOARD = "CSMS_DASHBOARD__ENABLED"
READING_WALL_S = 3.0
STARTUP_WALL_S = 6.0
"""How long the processes have before the day begins."""
READY_WALL_S = 40.0
POLL_WALL_S = 0.25
READY_POLL_WALL_S = 0.05
DRAIN_WALL_S = 90.0
TOKEN_FILE = "admin.token"
"""Where the server writes its first administrator's token."""

LIMIT_ID = "6f1c5d3e-0000-4000-8000-000000000001"


class StoppedEarly(Exception):
    """Interrupted before there was anything to report."""


def run(text: Text, options: Options, console: Console) -> tuple[dict[str, Any], str]:
    """The report and the picture of the day.

    Raises ValueError for input that cannot be played, OSError and ChildDied when a process fails, StoppedEarly.
    """
    with _folder(options.keep) as folder:
        planned = prepare(options)
        figures = asyncio.run(Show(text, options, console, folder, planned).play())
        if options.keep is not None:
            console.print(text("demo.kept", folder=folder), markup=False)
    drawing = load_picture(figures.trace, *planned.unmanaged_load(), planned.played.began, ZONE, text)
    return build(figures), drawing


@contextmanager
def _folder(keep: Path | None) -> Iterator[Path]:
    if keep is not None:
        keep.mkdir(parents=True, exist_ok=True)
        yield keep.resolve()
        return
    with tempfile.TemporaryDirectory(prefix="csms-demo-", ignore_cleanup_errors=True) as name:
        yield Path(name)


class Show:
    """One run."""

    def __init__(self, text: Text, options: Options, console: Console, folder: Path, planned: Day) -> None:
        self._text, self._options, self._console = text, options, console
        self._folder, self._day = folder, planned
        self._clock = SimClock(options.speed, SimClock().epoch_s() + STARTUP_WALL_S, planned.played.began)
        self._stop = asyncio.Event()
        self._pushed = False
        self._plain = options.headless or not console.is_terminal

    async def play(self) -> Figures:
        """Everything from the first process to the last figure."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(name, self._stop.set)
        self._say_what_comes()
        environment = {
            "CSMS_CLOCK": str(self._clock),
            "CSMS_TOKEN_FILE": str(self._folder / TOKEN_FILE),
            "CSMS_TOKEN": "",
        }
        with Children(self._folder, environment) as children:
            central = await self._start(children)
            await self._say_where(central)
            viewing = self._view(central)
            try:
                await self._play_on(children, central)
                await self._drain(children, central)
                return await self._figures(central)
            finally:
                await _end(viewing)
                await central.close()

    def _say_what_comes(self) -> None:
        facts = {"piles": len(site.piles()), "sessions": len(self._day.visits)}
        hours = f"{self._day.played.length_s / 3600:.1f}"
        self._console.print(self._text("demo.starting", **facts, hours=hours, speed=f"{self._options.speed:g}"))

    async def _say_where(self, central: Central) -> None:
        """Before the live view takes the screen; a person gets time to read and copy it."""
        if os.environ.get(NO_DASHBOARD, "").lower() in ("false", "0", "no"):
            return
        self._console.print(self._text("demo.dashboard", url=DASHBOARD_URL, token=central.token), soft_wrap=True)
        if not self._plain:
            await asyncio.sleep(READING_WALL_S)

    async def _start(self, children: Children) -> Central:
        secrets = site.Secrets(*(token_hex(8) for _ in range(4)))
        partner, port_file = site.write_partner(self._folder, secrets), self._folder / "platform.port"
        intake = ["monitor", "intake", "serve", "--data-dir", str(self._folder / site.PLATFORM)]
        children.start("platform", [*intake, "--partner-file", str(partner), "--port-file", str(port_file)])
        platform_url = f"http://127.0.0.1:{await self._read_when_there(children, port_file)}"
        settings = site.write_settings(
            self._folder, self._day.rating_kw, self._day.lowest_cap_kw, platform_url, secrets, str(ZONE)
        )
        children.start("server", ["serve", "--config", str(settings)])
        ready = json.loads(await self._read_when_there(children, self._folder / "serve.json"))
        api_url = f"http://127.0.0.1:{ready['http_port']}"
        children.start("fleet", self._fleet(f"ws://127.0.0.1:{ready['ocpp_port']}/ocpp", api_url))
        return Central(api_url, platform_url, read_token(self._folder / TOKEN_FILE))

    def _fleet(self, ocpp_url: str, api_url: str) -> list[str]:
        timetable = write_sessions(self._folder / "sessions.csv", self._day.sessions)
        piles = site.write_piles(self._folder)
        return [
            *("sim", "replay", str(timetable), "--url", ocpp_url, "--api-url", api_url),
            *("--piles-file", str(piles), "--seed", str(self._options.seed), "--quiet"),
            *("--day", f"{self._day.played.began:%Y-%m-%d}", "--zone", str(ZONE)),
            *("--trace", str(self._folder / "trace.jsonl"), "--summary", str(self._folder / "fleet.json")),
        ]

    async def _read_when_there(self, children: Children, path: Path) -> str:
        """What a process writes when it is ready. Raises ChildDied when it ended instead or takes too long."""
        with suppress(TimeoutError):
            async with asyncio.timeout(READY_WALL_S):
                while not (content := _content(path)):
                    if self._stop.is_set():
                        raise StoppedEarly
                    children.check_all()
                    await asyncio.sleep(READY_POLL_WALL_S)
                return content
        raise ChildDied(f"{path.name} did not appear\n{children.tails()}")

    def _view(self, central: Central) -> asyncio.Task[None] | None:
        """The live view, unless this runs for a machine; leaving it ends the demo."""
        if self._plain:
            return None
        from monitor.dashboard.live import LiveView
        from monitor.dashboard.screen import Screen
        from monitor.dashboard.source import Source

        async def show() -> None:
            source = Source(central.api_url, central.token)
            try:
                await Screen(LiveView(self._text), source.read).run(self._console)
            finally:
                await source.close()
            self._stop.set()

        return asyncio.create_task(show())

    async def _play_on(self, children: Children, central: Central) -> None:
        """Until the day is over or somebody stops it."""
        said_at = -60.0
        while self._clock.now() < self._day.played.ended and not self._stop.is_set():
            children.check_all()
            await self._push_limit(central)
            minute = (self._clock.now() - self._day.played.began).total_seconds() / 60
            if self._plain and minute - said_at >= 60:
                said_at = minute
                await self._say(central)
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), POLL_WALL_S)

    async def _push_limit(self, central: Central) -> None:
        limit = self._day.limit
        if self._pushed or self._clock.now() < limit.pushed_at:
            return
        self._pushed = True
        await central.push_limit(site.FEEDER, LIMIT_ID, limit.power_w, limit.valid_from, limit.valid_to)
        if self._plain:
            words = {"cap": f"{limit.power_w / 1000:g} kW", "start": _clock_time(limit.valid_from)}
            self._console.print(self._text("demo.limit_pushed", **words, end=_clock_time(limit.valid_to)))

    async def _say(self, central: Central) -> None:
        seen = await central.overview()
        feeder = seen["feeders"][0]
        load_w = feeder["base_w"] + feeder["metered_w"]
        facts = {"clock": _clock_time(self._clock.now()), "open": seen["sessions"]["open"], "samples": seen["samples"]}
        cap = f"{feeder['cap_w'] / 1000:.0f} kW"
        self._console.print(self._text("demo.running", **facts, load=f"{load_w / 1000:.0f} kW", cap=cap))

    async def _drain(self, children: Children, central: Central) -> None:
        """Cars leave, last messages are answered, orders reach the platform; an interrupted day ends as it stands."""
        if self._plain:
            self._console.print(self._text("demo.draining"))
        if self._stop.is_set():
            children.ask_to_end("fleet")
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_WALL_S):
                done = False
                while not done:
                    await asyncio.sleep(POLL_WALL_S)
                    done = not children.running("fleet") and (self._stop.is_set() or await self._delivered(central))

    async def _delivered(self, central: Central) -> bool:
        try:
            seen, partners = await central.overview(), await central.province()
        except httpx.HTTPError:
            return False
        waiting = sum(int(partner[state]) for partner in partners for state in ("queued", "sent", "retry"))
        orders = int((await central.received_by_platform())["orders"])
        open_sessions, ended = int(seen["sessions"]["open"]), int(seen["sessions"]["ended"])
        return waiting == 0 and open_sessions == 0 and orders >= ended

    async def _figures(self, central: Central) -> Figures:
        if self._stop.is_set() and not _content(self._folder / "fleet.json"):
            raise StoppedEarly
        planned, overview = self._day, await central.overview()
        ended = min(self._clock.now(), planned.played.ended)
        trace = _read_trace(self._folder / "trace.jsonl", planned, planned.limit if self._pushed else None)
        if self._stop.is_set() and not trace.at_s.size:
            raise StoppedEarly
        fleet = json.loads((self._folder / "fleet.json").read_text("utf-8"))
        return Figures(
            began=planned.played.began,
            simulated_s=(ended - planned.played.began).total_seconds(),
            wall_s=(ended - planned.played.began).total_seconds() / self._options.speed,
            speed=self._options.speed,
            source=planned.source,
            trace=trace,
            unmanaged_peak_w=float(planned.unmanaged_load()[1].max()),
            unmanaged_over_s=planned.unmanaged_over_s(),
            energy_wanted_wh=planned.energy_wanted_wh,
            energy_possible_wh=planned.energy_possible_wh,
            limit=planned.limit.as_json() if self._pushed else None,
            fleet=fleet,
            overview=overview,
            province=await central.province(),
            platform=await central.received_by_platform(),
            plan_gap_max=overview["plans"]["gap_max"],
            interrupted=self._stop.is_set(),
        )


def _content(path: Path) -> str:
    """What stands in the file; empty while it is not there."""
    try:
        return path.read_text("utf-8").strip()
    except FileNotFoundError:
        return ""


async def _end(task: asyncio.Task[None] | None) -> None:
    if task is not None:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


def _clock_time(moment: datetime) -> str:
    return f"{moment.astimezone(ZONE):%H:%M}"


def _read_trace(path: Path, planned: Day, limit: GridLimit | None) -> LoadTrace:
    """The fleet's record of the true power, inside the window."""
    began_s = planned.played.began.timestamp()
    rows = [json.loads(line) for line in path.read_text("utf-8").splitlines()]
    at_s = np.array([datetime.fromisoformat(row["time"]).timestamp() - began_s for row in rows])
    piles_w = np.array([float(row["power_w"]) for row in rows])
    kept = (at_s >= 0) & (at_s <= planned.played.length_s)
    at_s, piles_w = at_s[kept], piles_w[kept]
    began = planned.played.began
    return LoadTrace(at_s, piles_w, base_w(at_s, began), cap_w(at_s, began, planned.rating_kw, limit))
