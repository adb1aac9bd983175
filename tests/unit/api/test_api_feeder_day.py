"""The day of a feeder: from local midnight, what hangs below it too, prices of all its hours."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from zoneinfo import ZoneInfo

import httpx
import pytest

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.store import changes
from csms.store.response_tables import FeederLoad
from tests.support.operations import START, Operations, TwinFeeders

ZONE = ZoneInfo("Asia/Shanghai")
QUARTER = timedelta(minutes=15)


def client(at: Operations, zone: str = "Asia/Shanghai") -> httpx.AsyncClient:
    deps = ApiDeps(
        at.clock,
        at.service,
        at.store.reader,
        TwinFeeders(),
        time_zone=ZoneInfo(zone),
        price_at=lambda moment: (Decimal("0.61"), "flat"),
        guard=at.guard,
    )
    transport = httpx.ASGITransport(app=create_api(deps), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://csms", headers=at.http.headers)


def load(feeder_id: str, quarters_ago: int, base_w: float, charging_w: float) -> FeederLoad:
    at = START - quarters_ago * QUARTER
    return FeederLoad(feeder_id=feeder_id, begins_at=at, base_w=base_w, charging_w=charging_w, looks=15, metered=15)


async def test_what_was_drawn_since_midnight_with_what_hangs_below(at: Operations) -> None:
    """START is noon in Shanghai: 48 quarter-hours after midnight."""
    rows = [load("site", 2, 30_000, 9_000), load("north", 2, 5_000, 4_000), load("site", 49, 1, 1)]
    await at.store.writer.commit([changes.put_row(row) for row in rows])
    async with client(at) as http:
        day = (await http.get("/api/v1/feeders/site/day")).json()
        below = (await http.get("/api/v1/feeders/north/day")).json()
    assert (day["begins_at"], day["ends_at"]) == ("2026-03-01T16:00:00Z", "2026-03-02T16:00:00Z")
    assert [(one["base_w"], one["charging_w"]) for one in day["quarters"]] == [(35_000, 9_000)]
    assert [(one["base_w"], one["charging_w"]) for one in below["quarters"]] == [(5_000, 4_000)]
    assert len(day["prices"]) == 24
    assert day["prices"][0] == {"begins_at": "2026-03-01T16:00:00Z", "yuan_per_kwh": 0.61, "level": "flat"}


@pytest.mark.parametrize(("now", "hours"), [("2026-03-29T10:00:00+00:00", 23), ("2026-10-25T10:00:00+00:00", 25)])
async def test_a_day_of_summer_time_has_another_length(
    at: Operations, now: str, hours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(at.clock, "time", START.fromisoformat(now))
    async with client(at, "Europe/Berlin") as http:
        assert len((await http.get("/api/v1/feeders/site/day")).json()["prices"]) == hours


async def test_an_unknown_feeder_and_no_prices(at: Operations) -> None:
    answer = await at.http.get("/api/v1/feeders/nowhere/day")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_feeder")
    assert (await at.http.get("/api/v1/feeders/site/day")).json()["prices"] == []
