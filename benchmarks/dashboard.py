"""What the dashboard shows how soon, and what open pages cost the server: 1,000 stations, 10,000 sessions.

In a real browser (Chromium): first contentful paint of overview and stations; frame times while the table of stations
is scrolled and the map is moved, with twenty stations changing each second; from a station's message to the changed
mark on the screen. And the processor time of server and dashboard with no page open and with fifty, the same stations
changing. Both processes, the browser and the stations share the machine: figures are of this run, ratios tell more.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.dashboard_world import Fleet, World, churn, fleet, lookers, station_ids, world
from benchmarks.tables import Figures

STATIONS, SESSIONS, PAGES = 1000, 10_000, 50
CHANGES_PER_S = 20.0
CPU_S = 30.0
SETTLE_S = 5.0
PAINTS, CHANGES = 7, 40
FRAMES_S = 6.0
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

PAINT = "() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
FRAMES = """async ([seconds, move]) => {
  const times = []; const end = performance.now() + seconds * 1000; let last = performance.now();
  const step = new Function('t', move);
  while (performance.now() < end) {
    const now = await new Promise(requestAnimationFrame);
    times.push(now - last); last = now; step(now);
  }
  return times.slice(1);
}"""
SCROLL = "document.querySelector('.ag-body-viewport').scrollTop = 14000 * (1 + Math.sin(t / 900))"
ZOOM = """const map = document.querySelector('.site-map'); const box = map.getBoundingClientRect();
if (Math.floor(t / 50) % 2) map.dispatchEvent(new WheelEvent('wheel', {deltaY: Math.sin(t / 700) > 0 ? 40 : -40,
  clientX: box.x + 150, clientY: box.y + 150, bubbles: true, cancelable: true}))"""
CHANGED = """([name, family]) => new Promise((done) => {
  const there = () => document.querySelector(`.comb a[title="${name}/1"]`)?.classList.contains(family);
  const look = () => there() ? done(performance.timeOrigin + performance.now()) : requestAnimationFrame(look);
  look();
})"""


def run(quick: bool = False) -> Figures:
    """`quick`: a tenth of the stations and sessions, fewer repetitions."""
    if CHROMIUM is None:
        raise RuntimeError("this benchmark needs chromium")
    stations = station_ids(STATIONS // 10 if quick else STATIONS)
    sessions = SESSIONS // 10 if quick else SESSIONS
    with tempfile.TemporaryDirectory() as folder, world(Path(folder), stations, sessions) as there:
        return asyncio.run(_measure(there, stations, quick))


async def _measure(there: World, stations: list[str], quick: bool) -> Figures:
    async with fleet(there.ocpp_url, stations) as piles:
        await asyncio.sleep(SETTLE_S)
        costs = await _costs(there, piles, CPU_S / 3 if quick else CPU_S)
        seen = await _seen(there, piles, stations, quick)
    return [*seen, *costs]


async def _costs(there: World, piles: Fleet, seconds: float) -> list[dict[str, Any]]:
    """Processor time of both processes, in percent of one core, with no page and with fifty."""
    async with churn(piles, CHANGES_PER_S):
        await asyncio.sleep(SETTLE_S)
        alone = await _cpu(there, seconds)
        async with lookers(there, 1):
            await asyncio.sleep(SETTLE_S)
            one = await _cpu(there, seconds)
        async with lookers(there, PAGES):
            await asyncio.sleep(SETTLE_S)
            many = await _cpu(there, seconds)
    return [
        _row("server, no page", alone[0], "% of a core"),
        _row("server, one page", one[0], "% of a core"),
        _row(f"server, {PAGES} pages", many[0], "% of a core"),
        _row(f"server, {PAGES} pages to one", many[0] / one[0], "times", "< 1.2", many[0] / one[0] < 1.2),
        _row("dashboard, one page", one[1], "% of a core"),
        _row(f"dashboard, {PAGES} pages", many[1], "% of a core"),
    ]


async def _cpu(there: World, seconds: float) -> tuple[float, float]:
    processes = there.server, there.dashboard
    before = [sum(process.cpu_times()[:2]) for process in processes]
    began = time.monotonic()
    await asyncio.sleep(seconds)
    took = time.monotonic() - began
    server, web = (
        100 * (sum(process.cpu_times()[:2]) - at) / took for process, at in zip(processes, before, strict=True)
    )
    return server, web


async def _seen(there: World, piles: Fleet, stations: list[str], quick: bool) -> list[dict[str, Any]]:
    from playwright.async_api import async_playwright

    arguments = ["--no-sandbox"] if hasattr(os, "geteuid") and os.geteuid() == 0 else []
    async with async_playwright() as drive:
        browser = await drive.chromium.launch(executable_path=CHROMIUM, args=arguments)
        page = await browser.new_page(viewport={"width": 1360, "height": 850})
        page.set_default_timeout(60_000)
        await page.goto(f"{there.web_url}/login")
        await page.fill("#token", there.token)
        await page.click("form button")
        await page.wait_for_selector(".comb a")
        rows = [await _paint(page, there, path, 3 if quick else PAINTS) for path in ("/", "/stations")]
        rows += await _latency(page, there, piles, stations, 10 if quick else CHANGES)
        rows += await _frames(page, there, piles)
        await browser.close()
    return rows


async def _paint(page: Any, there: World, path: str, times: int) -> dict[str, Any]:
    found = []
    for _ in range(times):
        await page.goto(there.web_url + path)
        await page.wait_for_selector("main h1")
        await asyncio.sleep(0.5)
        found.append(float(await page.evaluate(PAINT)))
    median = statistics.median(found)
    return _row(f"first paint of {path}, median of {times}", median, "ms", "<= 1500", median <= 1500)


async def _latency(page: Any, there: World, piles: Fleet, stations: list[str], times: int) -> list[dict[str, Any]]:
    """From the message that leaves a station to the frame that shows it."""
    await page.goto(f"{there.web_url}/")
    await page.wait_for_selector(".comb a")
    await asyncio.sleep(SETTLE_S)
    took = []
    for number in range(times):
        name, (status, family) = stations[number % len(stations)], ("Faulted", "faulted")
        waiting = asyncio.create_task(page.evaluate(CHANGED, [name, family]))
        await asyncio.sleep(0.05)
        began = time.time()
        await piles.say(name, status)
        took.append(float(await waiting) - 1000 * began)
        await asyncio.sleep(0.31)
    ordered = sorted(took)
    high = ordered[int(0.95 * (len(ordered) - 1))]
    return [
        _row(f"message to screen, median of {times}", statistics.median(took), "ms"),
        _row("message to screen, 95 of 100", high, "ms", "<= 1000", high <= 1000),
        _row("message to screen, longest", ordered[-1], "ms"),
    ]


async def _frames(page: Any, there: World, piles: Fleet) -> list[dict[str, Any]]:
    """Milliseconds between frames while stations change and somebody moves what is shown."""
    found = []
    async with churn(piles, CHANGES_PER_S):
        for told, path, shown, move in (
            ("table of stations, scrolled", "/stations", ".ag-row", SCROLL),
            ("map of sites, zoomed", "/", ".map-mark", ZOOM),
        ):
            await page.goto(there.web_url + path)
            await page.wait_for_selector(shown)
            await asyncio.sleep(2.0)
            times = sorted(await page.evaluate(FRAMES, [FRAMES_S, move]))
            found += [
                _row(f"frames of the {told}: median", statistics.median(times), "ms"),
                _row(f"frames of the {told}: 95 of 100", times[int(0.95 * (len(times) - 1))], "ms"),
            ]
    return found


def _row(figure: str, value: float, unit: str, bar: str = "", met: bool | None = None) -> dict[str, Any]:
    return {"figure": figure, "value": value, "unit": unit, "bar": bar, "met": met}
