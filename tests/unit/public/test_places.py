"""What anybody is told over the real application: outlets, prices, chances; no person, no card, no station."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from zoneinfo import ZoneInfo

import httpx
import pytest

from csms.access.guard import Guard, Rates
from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.app.province_settings import SiteSettings
from csms.model.clock import ManualClock
from csms.model.station import ConnectorStatus
from csms.public import desk as desk_module
from csms.public import http as public_http
from csms.public.desk import PublicDesk
from csms.public.prices import coming_hours
from tests.support.operations import START, Operations, operations

SITES = (
    SiteSettings(id="yard", name="Yard", address="1 Long Road", area_code="371102", longitude=119.5, latitude=35.4),
    SiteSettings(id="empty", name="Nothing stands here"),
)
ZONE = ZoneInfo("Asia/Shanghai")


def price_at(moment):
    hour = moment.astimezone(ZONE).hour
    return (Decimal("0.60"), "valley") if hour < 14 else (Decimal("1.10"), "peak")


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Operations]:
    async with operations(tmp_path) as opened:
        yield opened


@pytest.fixture
def desk(at: Operations, monkeypatch: pytest.MonkeyPatch) -> PublicDesk:
    monkeypatch.setattr(desk_module, "KEPT_S", 0.0)
    return PublicDesk(at.clock, at.service.stations, at.store.reader, SITES, price_at, ZONE, "Acme")


def client(at: Operations, desk: PublicDesk, guard: Guard | None = None) -> httpx.AsyncClient:
    deps = ApiDeps(
        at.clock,
        at.service,
        at.store.reader,
        routers=lambda: [public_http.router(desk)],
        guard=guard or at.guard,
    )
    transport = httpx.ASGITransport(app=create_api(deps), raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://csms")


async def test_without_a_token_places_are_told_and_nobody_is_named(at: Operations, desk: PublicDesk) -> None:
    await at.station("CP-1", evses=2)
    await at.station("CP-2")
    await at.station("CP-3", online=False)
    await at.start("CP-1")
    await at.status("CP-1", ConnectorStatus.AVAILABLE, 2)
    await at.status("CP-2", ConnectorStatus.FAULTED)
    async with client(at, desk) as http:
        answer = await http.get("/api/v1/public/places")
        assert answer.headers["cache-control"] == "public, max-age=5"
        told = answer.json()
        assert (await http.get("/api/v1/stations")).status_code == 401
    (yard,) = told["places"]
    assert (yard["name"], yard["longitude"], yard["latitude"]) == ("Yard", 119.5, 35.4)
    (outlets,) = yard["outlets"]
    assert (outlets["kind"], outlets["power_w"]) == ("ac", 22_080)
    assert (outlets["count"], outlets["free"], outlets["out_of_order"], outlets["chances"]) == (4, 1, 2, [])
    words = json.dumps(told)
    assert not any(secret in words for secret in ("CARD", "CP-1", "session", "transaction"))


async def test_prices_begin_with_the_running_hour(at: Operations, desk: PublicDesk) -> None:
    async with client(at, desk) as http:
        prices = (await http.get("/api/v1/public/places")).json()["prices"]
    assert len(prices) == 24
    assert prices[0] == {"begins_at": "2026-03-02T04:00:00Z", "yuan_per_kwh": 0.6, "level": "valley"}
    assert prices[2] == {"begins_at": "2026-03-02T06:00:00Z", "yuan_per_kwh": 1.1, "level": "peak"}
    hours = coming_hours(price_at, START + timedelta(minutes=59, seconds=59), 2)
    assert [one.begins_at for one in hours] == [START, START + timedelta(hours=1)]


async def test_habits_are_learned_from_sessions_that_ended(
    at: Operations, desk: PublicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "PAGE", 7)
    assert isinstance(at.clock, ManualClock)
    await at.station("CP-1")
    for _ in range(40):
        session = await at.start("CP-1")
        at.clock.advance(3600)
        await at.stop("CP-1", session, 1700.0)
        await at.status("CP-1", ConnectorStatus.AVAILABLE)
        at.clock.advance(7 * 3600)
    await at.start("CP-1")
    at.clock.advance(50 * 60)
    await desk.learn()
    async with client(at, desk) as http:
        (yard,) = (await http.get("/api/v1/public/places")).json()["places"]
    chances = {one["in_min"]: one["chance"] for one in yard["outlets"][0]["chances"]}
    assert yard["outlets"][0]["free"] == 0
    assert set(chances) == {15, 30, 60, 120}
    assert chances[15] > 0.85, "cars always stay an hour, this one for 50 minutes"


async def test_one_answer_serves_all_who_ask_at_once(
    at: Operations, desk: PublicDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk_module, "KEPT_S", 60.0)
    await at.station("CP-1")
    assert desk.told() is desk.told()


async def test_who_asks_too_often_is_refused(at: Operations, desk: PublicDesk) -> None:
    guard = Guard(at.clock, at.guard.tokens, at.guard.audit, rates=Rates(open_per_s=0.01, open_burst=3))
    async with client(at, desk, guard) as http:
        codes = [(await http.get("/api/v1/public/places")).status_code for _ in range(5)]
    assert codes == [200, 200, 200, 429, 429]
