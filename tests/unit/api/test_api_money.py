"""What a session comes to, as the API tells it: the same split by tariff period as the order that platforms get."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal
from zoneinfo import ZoneInfo

import httpx
import pytest

from csms.api.app import create_api
from csms.api.ports import ApiDeps
from csms.province.picture import Picture, Site
from csms.province.tariff import FlatPrice, HourlyPrices, Price, Prices
from tests.support.operations import Operations, scene

SITE = Site("1", "日照站", "示范路1号", "371102", 119.5, 35.4, "0633-1")
FLAT = Price(Decimal("0.66"), Decimal("0.40"))
ELEC = {"S": Decimal("1.20"), "P": Decimal("0.90"), "F": Decimal("0.66"), "V": Decimal("0.33"), "D": Decimal("0.10")}
HOURLY = HourlyPrices("t", ZoneInfo("Asia/Shanghai"), lambda day: "VFPS" * 6, ELEC, Decimal("0.40"), FLAT)


@asynccontextmanager
async def opened(at: Operations, prices: Prices) -> AsyncIterator[httpx.AsyncClient]:
    picture = Picture(at.clock, at.store.reader, at.service.stations, [SITE], prices)
    app = create_api(ApiDeps(at.clock, at.service, at.store.reader, money=picture, guard=at.guard))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://csms", headers=at.http.headers) as http:
        yield http


@pytest.mark.parametrize("prices", [FlatPrice(FLAT), HOURLY])
async def test_periods_add_up_to_the_whole(at: Operations, prices: Prices) -> None:
    await scene(at)
    at.clock.advance(3 * 3600)
    sessions = (await at.http.get("/api/v1/sessions")).json()["sessions"]
    assert {one["status"] for one in sessions} == {"open", "ended"}
    async with opened(at, prices) as http:
        for session in sessions:
            bill = (await http.get(f"/api/v1/sessions/{session['session_id']}/bill")).raise_for_status().json()
            assert bill["final"] is (session["status"] == "ended")
            assert bill["energy_kwh"] == pytest.approx(session["energy_wh"] / 1000, abs=0.01)
            for name, sums in (("energy_kwh", "energy_kwh"), ("electricity", "electricity"), ("service", "service")):
                assert sum(one[name] for one in bill["periods"]) == pytest.approx(bill[sums], abs=1e-9)
            assert bill["total"] == pytest.approx(bill["electricity"] + bill["service"], abs=1e-9)
            if prices is HOURLY and not bill["final"]:
                assert len({one["level"] for one in bill["periods"]}) >= 3


async def test_a_session_that_is_not_there_has_no_bill(at: Operations) -> None:
    async with opened(at, FlatPrice(FLAT)) as http:
        answer = await http.get("/api/v1/sessions/99/bill")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_session")


async def test_without_prices_there_is_none_either(at: Operations) -> None:
    await scene(at)
    answer = await at.http.get("/api/v1/sessions/1/bill")
    assert (answer.status_code, answer.json()["code"]) == (404, "no_prices")


async def test_a_day_by_the_hour_is_that_of_the_tariff(at: Operations) -> None:
    async with opened(at, HOURLY) as http:
        told = (await http.get("/api/v1/prices?day=2026-03-02")).raise_for_status().json()
        today = (await http.get("/api/v1/prices")).raise_for_status().json()
    assert (len(told["hours"]), told["constant"], len(today["hours"])) == (24, False, 24)
    assert told["hours"][0]["start"] == "2026-03-01T16:00:00Z"
    assert [hour["level"] for hour in told["hours"][:4]] == ["valley", "flat", "peak", "sharp"]
    assert told["hours"][3]["electricity"] == 1.2
    async with opened(at, FlatPrice(FLAT)) as http:
        flat = (await http.get("/api/v1/prices?day=2026-03-02")).json()
    assert flat["constant"] is True
    assert {(hour["level"], hour["electricity"]) for hour in flat["hours"]} == {("", 0.66)}
