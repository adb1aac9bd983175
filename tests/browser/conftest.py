"""A server with two simulated piles, a dashboard and a browser for each file of tests in a real browser."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from device_sim.pile import PileSpec
from tests.support.browsing import CHROMIUM, chromium, dashboard, eventually, pile, plugged_in
from tests.support.running import SETTINGS, Server, csms

FIRST = PileSpec("CP-1", "ac", 3, 32.0, 22_080.0, "ocpp1.6")
PLACES = """
[site]
id = "pier"
name = "Pier"
address = "1 Harbour Road"
longitude = 119.5269
latitude = 35.4164

[[sites]]
id = "hill"
name = "Hill"
longitude = 119.46
latitude = 35.44

[price]
tariff = "shandong-2026"

[drivers]
enabled = true
"""
SECOND = PileSpec("CP-2", "ac", 3, 32.0, 22_080.0, "ocpp2.0.1")


@dataclass
class Site:
    """What a test sees: the server, the pages, a browser, and the tokens of people."""

    server: Server
    url: str
    browser: Any
    tokens: dict[str, str]

    def station(self, station_id: str) -> dict[str, Any]:
        """A station as the API tells of it."""
        answer: dict[str, Any] = self.server.api.get(f"/api/v1/stations/{station_id}").raise_for_status().json()
        return answer

    def in_a_hurry(self, station_id: str) -> None:
        """Its driver wants more than it can give until then: the plan has to give all that it may."""
        eventually(lambda: self.station(station_id)["evses"][0]["session"])
        leaves = (datetime.now(UTC) + timedelta(hours=1)).isoformat()
        body = {"energy_wh": 30_000, "departure": leaves}
        self.server.api.put(f"/api/v1/stations/{station_id}/evses/1/needs", json=body).raise_for_status()


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, str, dict[str, str]]]:
    """The processes, of each file its own: what one does to its stations is no matter of the next."""
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    folder: Path = tmp_path_factory.mktemp("browser")
    server = Server(folder, settings=SETTINGS.replace("http_port = 0", "http_port = 0\nmeter_interval_s = 1") + PLACES)
    server.start()
    try:
        with (
            dashboard(server.api_url, folder, "--drivers") as url,
            pile(server.ocpp_url, FIRST, [plugged_in(40_000.0)]),
            pile(server.ocpp_url, SECOND, [plugged_in(40_000.0)]),
        ):
            yield server, url, {"administrator": server.token} | _tokens(server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def site(running: tuple[Server, str, dict[str, str]]) -> Iterator[Site]:
    """A browser for each file: while one is open its thread has a loop that runs, which other files could not stand."""
    server, url, tokens = running
    with chromium() as browser:
        site = Site(server, url, browser, tokens)
        eventually(lambda: site.station("CP-1")["online"] and site.station("CP-2")["online"])
        yield site


def _tokens(server: Server) -> dict[str, str]:
    made = {}
    for role, more in (("viewer", ()), ("technician", ()), ("grid_operator", ("--feeder", "T1"))):
        done = csms("token", "create", role, "--role", role, *more, "--json", "--url", server.api_url)
        assert done.returncode == 0, done.stderr
        made[role] = json.loads(done.stdout)["token"]
    return made
