"""Pictures of the pages on the monitor's own data, over made-up data: `python -m tests.browser.screens_monitor`."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from tests.browser.screens import SIZE, shoot
from tests.support.browsing import chromium, signed_in
from tests.support.monitored import monitored
from tests.support.running import ROOT

LIGHT = {"quality-en": "/quality", "forecast-en": "/forecast", "siting-en": "/siting"}
DARK = {"statistics-zh-dark": "/statistics?audience=grid", "evidence-zh-dark": "/evidence"}
PAPER = {"width": 1000, "height": 1414}


def main() -> None:
    """Make the data, go through the pages and a report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, default=ROOT / "docs" / "screens")
    draw(parser.parse_args().folder)


def draw(folder: Path) -> None:
    """The pictures into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as kept, monitored(Path(kept)) as (pages, tokens), chromium() as browser:
        token = tokens["technician"]
        with signed_in(browser, pages, token, viewport=SIZE, timezone_id="UTC") as (page, _):
            for name, path in LIGHT.items():
                shoot(page, pages + path, folder / f"{name}.png")
            page.set_viewport_size(PAPER)
            shoot(page, f"{pages}/export/report.html?audience=grid", folder / "report-en.png")
        with signed_in(browser, pages, token, "zh", viewport=SIZE, timezone_id="UTC") as (page, _):
            page.click("button[name=theme]")
            page.wait_for_selector("body.body--dark")
            for name, path in DARK.items():
                shoot(page, pages + path, folder / f"{name}.png")


if __name__ == "__main__":
    main()
