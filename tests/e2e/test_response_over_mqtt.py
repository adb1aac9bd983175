"""Demand response through a real broker into a real `csms serve`: invited, bid, cleared, reported, cancelled."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.response.loads import quarter_of
from tests.support.mosquitto import PASSWORD, Mosquitto, needs_mosquitto, operator
from tests.support.running import SETTINGS, Server, csms

pytestmark = [needs_mosquitto]

MORE = """
[mqtt]
node = "site-1"
username = "csms"
password = "{password}"

[[limit_sources]]
name = "north"
feeders = ["T1"]
"""
SET, ACK, REPORT = (f"grid/v1/north/T1/response/{name}" for name in ("set", "ack", "report"))


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[Mosquitto]:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
def server(tmp_path: Path, broker: Mosquitto) -> Iterator[Server]:
    made = Server(tmp_path / "run", stations=(), settings=SETTINGS + MORE.format(password=PASSWORD))
    made.start(CSMS_MQTT_URL=f"mqtt://127.0.0.1:{broker.port}", CSMS_CLOCK=fast())
    yield made
    made.stop()


def fast() -> str:
    """Reports go out within 15 seconds of the clock; here that is one of the wall."""
    now = datetime.now(UTC)
    return f"speed=15,wall={now.timestamp()!r},time={now.isoformat()}"


def invitation() -> dict[str, Any]:
    start = quarter_of(datetime.now(UTC)) + timedelta(hours=6)
    return {
        "type": "shave",
        "notice": "minute",
        "start": start.isoformat(),
        "end": (start + timedelta(hours=1)).isoformat(),
        "target_kw": 20,
        "price": 2.0,
    }


async def test_an_event_from_a_broker(broker: Mosquitto, server: Server) -> None:
    async with operator(broker.port) as north:
        await north.message("grid/v1/csms/site-1/status")

        async def say(**said: Any) -> dict[str, Any]:
            known = len(north.heard.get(ACK, []))
            await north.put(SET, json.dumps({"id": "DR-1"} | said).encode())
            return await north.told(ACK, known)

        invited = await say(invitation=invitation())
        assert (invited["accepted"], invited["event"]["status"], invited["event"]["channel"]) == (True, "11", "mqtt")
        assert invited["event"]["source"] == "grid:north"
        assert (await say(clearing={"accepted": True}))["code"] == "no_bid"
        assert (await say(invitation={"type": "shave"}))["code"] == "malformed"
        assert (await say(surprise=1))["code"] == "malformed"
        words = ("response", "bid", "DR-1", "--kw", "15", "--price", "1.8", "--json", "--url", server.api_url)
        done = await asyncio.to_thread(csms, *words)
        assert done.returncode == 0, done.stderr
        told = await north.until(REPORT, lambda report: report["bid"] is not None)
        assert (told["bid"]["power_kw"], told["status"], told["rows"]) == (15, "21", [])
        cleared = await say(clearing={"accepted": True, "price": 1.9})
        assert (cleared["event"]["status"], cleared["event"]["clearing"]["price"]) == ("22", 1.9)
        assert (await say(cancel=True))["event"]["status"] == "cancelled"
        await north.until(REPORT, lambda report: report["status"] == "cancelled")
    async with operator(broker.port, "south") as south:
        await south.put(
            "grid/v1/south/T1/response/set", json.dumps({"id": "DR-2", "invitation": invitation()}).encode()
        )
        await asyncio.sleep(1)
        assert server.api.get("/api/v1/response-events/DR-2").json()["code"] == "unknown_event"
