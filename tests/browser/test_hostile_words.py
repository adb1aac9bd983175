"""A station may call itself anything: on no page do its words become markup or script."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.browser.conftest import Site
from tests.support.browsing import eventually, signed_in
from tests.support.running import BareStation, station

HOSTILE = '"><img src=x onerror=document.title="taken">'


async def _speak(site: Site) -> None:
    async with station(site.server, "CP-3") as socket:
        bare = BareStation(socket)
        boot = {"chargePointVendor": HOSTILE[:20], "chargePointModel": "<b>model</b>", "firmwareVersion": HOSTILE[:50]}
        await bare.call("BootNotification", boot)
        state = {"connectorId": 1, "status": "Faulted", "errorCode": "OtherError", "info": HOSTILE}
        await bare.call("StatusNotification", state)
        begin = {"connectorId": 1, "idTag": "<i>card</i>", "meterStart": 0, "timestamp": "2026-11-24T08:00:00Z"}
        await bare.call("StartTransaction", begin)


@pytest.mark.parametrize("path", ["/", "/stations?find=CP-3", "/stations/CP-3", "/sessions", "/wall"])
def test_words_of_a_station_are_words(site: Site, path: str) -> None:
    site.server.api.put("/api/v1/stations/CP-3", json={"feeder_id": "T1"}).raise_for_status()
    if not site.station("CP-3")["vendor"]:
        speaking = threading.Thread(target=lambda: asyncio.run(_speak(site)))
        speaking.start()
        speaking.join(30)
        eventually(lambda: site.station("CP-3")["vendor"])
    with signed_in(site.browser, site.url, site.tokens["administrator"]) as (page, faults):
        page.goto(site.url + path)
        page.wait_for_selector("main h1")
        page.wait_for_timeout(1500)
        assert "taken" not in page.title()
        assert page.locator("main img[src=x], main b:text-is('model'), main i:text-is('card')").count() == 0
        assert faults.found == []
