"""A dashboard in a process of its own, simulated piles beside the test, and a browser that reports what went wrong."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

import httpx
import pytest

from device_sim.clock import SimClock
from device_sim.fleet import CLIENTS
from device_sim.pile import PileSpec
from device_sim.sessions import Session, Visit
from device_sim.stats import FleetStats
from tests.support.running import ROOT
from tests.support.simulated import car

START_S = 60.0
PATIENCE_S = 30.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

T = TypeVar("T")


@contextmanager
def dashboard(api_url: str, folder: Path, *more: str, **environment: str) -> Iterator[str]:
    """`csms dashboard` over a server; the address of its pages."""
    command = [sys.executable, "-c", "import cli; cli.main()", "dashboard", "--url", api_url, "--port", "0", "--json"]
    with (folder / "dashboard.log").open("ab") as log:
        streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": log}
        environ = os.environ | environment
        process = subprocess.Popen([*command, "--until-stdin-ends", *more], cwd=ROOT, env=environ, **streams)
    assert process.stdout is not None
    assert process.stdin is not None
    try:
        url = json.loads(process.stdout.readline())["url"]
        eventually(lambda: _answers(url), START_S)
        yield url
    finally:
        process.stdin.close()
        process.wait(20)
        process.stdout.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", trust_env=False, verify=False).status_code == 200
    except httpx.HTTPError:
        return False


def eventually(look: Callable[[], T], patience_s: float = PATIENCE_S) -> T:
    """What `look` gives once it is true; fails when it never is."""
    deadline = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < deadline, "it did not come to that"
        time.sleep(0.05)
    return found


def plugged_in(energy_wh: float = 20_000.0, stay_s: float = 7200.0) -> Visit:
    """A car that comes at once and stays."""
    arrival = datetime.now(UTC) + timedelta(seconds=1)
    session = Session("visit", arrival, arrival + timedelta(seconds=stay_s), energy_wh)
    return Visit(session, car(energy_wh))


@contextmanager
def pile(url: str, spec: PileSpec, visits: Iterable[Visit] = ()) -> Iterator[Any]:
    """A simulated pile in a thread, in the time of life."""
    import random

    ready, over = threading.Event(), threading.Event()
    held: dict[str, Any] = {}

    async def live() -> None:
        now = datetime.now(UTC)
        clock = SimClock(1.0, time.time(), now)
        station = held["station"] = CLIENTS[spec.protocol](spec, visits, url, clock, FleetStats(), random.Random(1))
        station.variables.meter_interval_s = 1.0
        running = asyncio.create_task(station.link.run())
        ready.set()
        while not over.is_set():
            station.tick(clock.epoch_s())
            await asyncio.sleep(0.05)
        await station.link.stop()
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)

    thread = threading.Thread(target=lambda: asyncio.run(live()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield held["station"]
    finally:
        over.set()
        thread.join(20)


@dataclass
class Faults:
    """What a page did that it should not: errors of the console, failed requests, requests that left the host."""

    host: str
    found: list[str] = field(default_factory=list)

    def watch(self, page: Any) -> None:
        page.on("console", lambda m: self.found.append(f"console: {m.text}") if m.type == "error" else None)
        page.on("pageerror", lambda fault: self.found.append(f"script: {fault}"))
        page.on("request", self._request)
        page.on("response", lambda r: self.found.append(f"{r.status}: {r.url}") if r.status >= 400 else None)

    def _request(self, request: Any) -> None:
        target = urlsplit(request.url)
        if target.scheme in ("http", "https", "ws", "wss") and target.netloc != self.host:
            self.found.append(f"left the host: {request.url}")


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of the machine; the tests that need it say so by name when there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with playwright.sync_playwright() as drive:
        arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
        browser = drive.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@contextmanager
def signed_in(browser: Any, url: str, token: str, lang: str = "en", **more: Any) -> Iterator[tuple[Any, Faults]]:
    """A page of somebody who signed in, and what goes wrong on it from then on."""
    locale = {"en": "en-US", "zh": "zh-CN"}[lang]
    context = browser.new_context(locale=locale, **more)
    page = context.new_page()
    faults = Faults(urlsplit(url).netloc)
    faults.watch(page)
    page.set_default_timeout(PATIENCE_S * 1000)
    page.goto(f"{url}/login")
    page.fill("#token", token)
    page.click("form button")
    page.wait_for_selector("main h1")
    try:
        yield page, faults
    finally:
        context.close()
