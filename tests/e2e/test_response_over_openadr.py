"""Demand response through a VTN into a real `csms serve`: an event invites, bid and result come back as reports."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.response.loads import quarter_of
from tests.support.running import SETTINGS, Server, csms
from tests.support.vtn_twin import CLIENT, SECRET, VtnTwin

MORE = """
[[limit_sources]]
name = "utility"
feeders = ["T1"]

[[openadr]]
name = "utility"
url = "{url}"
ca = "{ca}"
client_id = "{client}"
client_secret = "{secret}"
feeders = ["T1"]
poll_s = 10
response_price = 2.0
"""


@pytest.fixture
async def vtn(tmp_path: Path) -> AsyncIterator[VtnTwin]:
    async with VtnTwin(tmp_path) as twin:
        yield twin


@pytest.fixture
async def server(tmp_path: Path, vtn: VtnTwin) -> AsyncIterator[Server]:
    more = MORE.format(url=vtn.url, ca=vtn.ca, client=CLIENT, secret=SECRET)
    made = Server(tmp_path / "run", stations=(), settings=SETTINGS + more)
    now = datetime.now(UTC)
    clock = f"speed=15,wall={now.timestamp()!r},time={now.isoformat()}"
    await asyncio.to_thread(lambda: made.start(CSMS_CLOCK=clock))
    yield made
    await asyncio.to_thread(made.stop)


async def until(vtn: VtnTwin, name: str, kind: str) -> Any:
    """The value of a payload in the first interval of a report, once it is there."""
    async with asyncio.timeout(30):
        while True:
            for report in vtn.reports.values():
                payloads = report["resources"][0]["intervals"][0]["payloads"] if report["reportName"] == name else []
                for payload in payloads:
                    if payload["type"] == kind:
                        return payload["values"][0]
            await asyncio.sleep(0.1)


@pytest.mark.req("GL-A7")
async def test_an_event_of_a_vtn(vtn: VtnTwin, server: Server) -> None:
    start = quarter_of(datetime.now(UTC)) + timedelta(hours=6)

    def call(kw: float, minute: int, **more: Any) -> None:
        payloads = [{"type": "DISPATCH_SETPOINT_RELATIVE", "values": [kw]}]
        period = {"start": start.isoformat(), "duration": "PT1H"}
        modified = f"2026-01-01T00:0{minute}:00Z"
        vtn.event("dr-1", modified, intervalPeriod=period, intervals=[{"id": 0, "payloads": payloads}], **more)
        vtn.events["dr-1"]["createdDateTime"] = (start - timedelta(minutes=30)).isoformat()

    call(-20, 0, reportDescriptors=[{"payloadType": "LOAD_SHED_DELTA_AVAILABLE"}])
    assert await until(vtn, "response-state", "RESPONSE_STATE") == "accepted"
    words = ("response", "bid", "oadr3:dr-1", "--kw", "15", "--price", "1.8", "--json", "--url", server.api_url)
    done = await asyncio.to_thread(csms, *words)
    assert done.returncode == 0, done.stderr
    assert await until(vtn, "response-bid", "LOAD_SHED_DELTA_AVAILABLE") == -15
    call(-12, 1)
    shown: dict[str, Any] = {"status": "21"}
    async with asyncio.timeout(30):
        while shown["status"] == "21":
            await asyncio.sleep(0.2)
            shown = (await asyncio.to_thread(server.api.get, "/api/v1/response-events/oadr3:dr-1")).json()
    assert (shown["status"], shown["notice"], shown["channel"]) == ("22", "minute", "openadr3")
    assert (shown["price"], shown["clearing"]["power_kw"]) == (2.0, 12)
    figures = (await asyncio.to_thread(server.api.get, "/api/v1/metrics")).text
    assert 'csms_openadr_polls_total{vtn="openadr:utility",result="ok"}' in figures
