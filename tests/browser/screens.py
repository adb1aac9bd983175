"""Pictures of all pages over the demo: `python -m tests.browser.screens [--folder docs/screens]`."""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
from PIL import Image

from tests.support.access import bearer
from tests.support.browsing import chromium, dashboard, eventually, signed_in
from tests.support.running import ROOT

SPEED = 150
TARIFF = "shandong-2026"
ZONE = "Asia/Shanghai"
SESSIONS_WANTED = 14
PATIENCE_S = 400.0
SETTLED_S = 2.5
COLOURS = 200
SIZE = {"width": 1360, "height": 850}
PHONE = {"width": 390, "height": 844}
WALL = {"width": 1920, "height": 1080}


def main() -> None:
    """Start the demo, wait for its busy hours, go through the pages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "screens")
    folder: Path = parser.parse_args().folder
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept:
        command = [sys.executable, "-c", "import cli; cli.main()", "demo", "--headless", "--keep", kept]
        settings = {"DASHBOARD__ENABLED": "false", "DRIVERS__ENABLED": "true", "PRICE__TARIFF": TARIFF}
        environment = os.environ | {f"CSMS_{name}": value for name, value in settings.items()}
        demo = subprocess.Popen(
            [*command, "--speed", str(SPEED), "--duration", "900"], cwd=ROOT, env=environment, stdout=subprocess.DEVNULL
        )
        try:
            _draw(Path(kept), folder)
        finally:
            demo.terminate()
            demo.wait(60)


def _draw(kept: Path, folder: Path) -> None:
    ready = kept / "serve.json"
    eventually(ready.is_file, PATIENCE_S)
    url = f"http://127.0.0.1:{json.loads(ready.read_text())['http_port']}"
    token = (kept / "admin.token").read_text().strip()
    with dashboard(url, kept, "--drivers", TZ=ZONE) as pages, chromium() as browser:
        with signed_in(browser, pages, token, timezone_id=ZONE) as (page, _):  # from now on the history is kept
            eventually(lambda: _busy(url, token), PATIENCE_S)
            session, station = _longest(url, token)
            rows = {
                "overview-en": "/",
                "stations-en": "/stations",
                "station-en": f"/stations/{station}",
                "feeders-en": "/feeders",
                "session-en": f"/sessions/{session}",
                "plan-en": "/plan",
                "settings-en": "/settings",
            }
            page.set_viewport_size(SIZE)
            for name, path in rows.items():
                shoot(page, pages + path, folder / f"{name}.png")
        rows = {"overview-zh-dark": "/", "feeders-zh-dark": "/feeders", "province-zh-dark": "/province"}
        with signed_in(browser, pages, token, "zh", viewport=SIZE, timezone_id=ZONE) as (page, _):
            page.click("button[name=theme]")
            page.wait_for_selector("body.body--dark")
            for name, path in rows.items():
                shoot(page, pages + path, folder / f"{name}.png")
            page.set_viewport_size(WALL)
            shoot(page, f"{pages}/wall", folder / "wall-zh.png")
        with signed_in(browser, pages, token, viewport=PHONE, timezone_id=ZONE) as (page, _):
            shoot(page, pages, folder / "phone-en.png")
        for name, locale, scheme in (("driver-en", "en-GB", "light"), ("driver-zh-dark", "zh-CN", "dark")):
            context = browser.new_context(viewport=PHONE, locale=locale, color_scheme=scheme)
            page = context.new_page()
            shoot(page, f"{pages}/driver?in=30", folder / f"{name}.png", seen="h1")
            context.close()


def _busy(url: str, token: str) -> bool:
    answer = httpx.get(f"{url}/api/v1/overview", headers=bearer(token), trust_env=False, timeout=20).json()
    return bool(answer["sessions"]["open"] >= SESSIONS_WANTED)


def _longest(url: str, token: str) -> tuple[int, str]:
    """The open session that has taken most energy, and its station."""
    path = f"{url}/api/v1/sessions?status=open"
    sessions = httpx.get(path, headers=bearer(token), trust_env=False, timeout=20).json()["sessions"]
    found: dict[str, Any] = max(sessions, key=lambda one: one["energy_wh"])
    return int(found["session_id"]), str(found["station_id"])


def shoot(page: Any, url: str, file: Path, seen: str = "main h1") -> None:
    page.goto(url)
    page.wait_for_selector(seen)
    time.sleep(SETTLED_S)
    page.screenshot(path=file)
    Image.open(file).convert("RGB").quantize(COLOURS).save(file, optimize=True)


if __name__ == "__main__":
    main()
