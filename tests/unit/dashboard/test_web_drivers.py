"""The page for drivers: what fits a wish, what stands on the page, what partners told, who is let through how often."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st

from csms.province.mapping import gcj02
from csms.texts import catalogue
from monitor.dashboard.source import SourceLost
from monitor.dashboard.web.api import Api
from monitor.dashboard.web.drivers import routes
from monitor.dashboard.web.drivers.board import Board, Boards
from monitor.dashboard.web.drivers.neighbours import operator_names
from monitor.dashboard.web.drivers.offers import (
    HourPrice,
    Offer,
    Outlets,
    Wish,
    cheapest,
    distance_km,
    fitting,
    own_offers,
)
from monitor.dashboard.web.drivers.page import page
from monitor.dashboard.web.drivers.partners import partner_offers
from monitor.dashboard.web.drivers.routes import wish_of
from monitor.store.intake_reading import ToldState, ToldStation

NOW = datetime(2026, 3, 2, 4, 10, tzinfo=UTC)
HOUR = timedelta(hours=1)
HOSTILE = '"><script>x</script>'
SPOT = (119.5, 35.4)
TEXT = catalogue("en")
NAMES = {"123456789": "Harbour Energy"}


def prices(*yuan: float) -> tuple[HourPrice, ...]:
    begin = NOW.replace(minute=0)
    return tuple(HourPrice(begin + place * HOUR, one, "flat") for place, one in enumerate(yuan))


def offer(name: str = "Yard", *outlets: Outlets, **more: Any) -> Offer:
    given = {"key": name, "operator": "Acme", "address": "1 Long Road", "spot": SPOT, "prices": prices(1.0)}
    return Offer(name=name, outlets=outlets or (Outlets("ac", 22_000, 4, 2),), **(given | more))


def test_words_kind_power_price_and_what_is_free() -> None:
    ac, dc = Outlets("ac", 7_000, 2, 0), Outlets("dc", 120_000, 2, 1)
    offers = [offer("Yard", ac, dc), offer("Depot", ac, prices=prices(0.5)), offer("Dock", prices=())]

    def names(**wish: Any) -> list[str]:
        return sorted(one.offer.name for one in fitting(offers, Wish(**wish), NOW))

    assert names(words="long ROAD dep") == ["Depot"]
    assert names(words="acme") == ["Depot", "Dock", "Yard"]
    assert names(kind="dc") == ["Yard"]
    assert names(power_w=22_000) == ["Dock", "Yard"]
    assert names(price_max=0.6) == ["Depot"]
    assert names(free_only=True) == ["Dock", "Yard"]
    (yard,) = fitting(offers, Wish(kind="dc"), NOW)
    assert (yard.outlets, yard.free, yard.count, yard.chance) == ((dc,), 1, 2, 1.0)


def test_the_order_is_as_asked() -> None:
    near = offer("near", spot=SPOT, prices=prices(1.2))
    cheap = offer("cheap", Outlets("ac", 7_000, 1, 0), spot=(119.6, 35.4), prices=prices(0.4))
    nowhere = offer("nowhere", spot=None, prices=())

    def order(name: Any) -> list[str]:
        return [one.offer.name for one in fitting([nowhere, cheap, near], Wish(spot=SPOT, order=name), NOW)]

    assert order("near") == ["near", "cheap", "nowhere"]
    assert order("cheap") == ["cheap", "near", "nowhere"]
    assert order("free")[-1] == "cheap"


def test_price_and_chance_are_those_of_the_arrival() -> None:
    later = offer("Yard", Outlets("ac", 7_000, 2, 0, chances={60: 0.6}), prices=prices(1.0, 0.3))
    both = offer("Both", Outlets("ac", 7_000, 2, 0, chances={60: 0.6}), Outlets("dc", 7_000, 2, 0, chances={60: 0.5}))
    first, second = fitting([later, both], Wish(in_min=60, order="cheap"), NOW)
    assert (first.offer.name, first.price.yuan if first.price else None, first.chance) == ("Yard", 0.3, 0.6)
    assert second.chance == pytest.approx(1 - 0.4 * 0.5)


def test_the_cheapest_time_of_the_coming_hours() -> None:
    begin = NOW.replace(minute=0)
    found = cheapest(prices(1.0, 0.5, 0.5, 1.0, 0.5), NOW)
    assert found is not None
    assert (found[0].begins_at, found[1]) == (begin + HOUR, begin + 3 * HOUR)
    assert cheapest(prices(1.0, 1.0), NOW) is None
    assert cheapest((), NOW) is None


@given(
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
    st.tuples(st.floats(-180, 180), st.floats(-90, 90)),
)
def test_distances_are_distances(one: tuple[float, float], other: tuple[float, float]) -> None:
    there, back = distance_km(one, other), distance_km(other, one)
    assert there == pytest.approx(back, abs=1e-6)
    assert 0.0 <= there <= 20_016
    assert distance_km(one, one) == pytest.approx(0.0, abs=1e-6)


def test_a_degree_of_latitude_is_111_km() -> None:
    assert distance_km((119.5, 35.0), (119.5, 36.0)) == pytest.approx(111.195, abs=0.01)


def test_what_cannot_be_meant_is_not_said() -> None:
    assert wish_of({}) == Wish()
    wrong = {"kind": "x", "kw": "9", "lat": "91", "lng": "119", "in": "7", "order": "x", "price": "nan", "q": "x" * 999}
    assert wish_of(wrong) == Wish(words="x" * 80)
    good = {"kind": "dc", "kw": "60", "lat": "35.4", "lng": "119.5", "in": "30", "order": "cheap", "free": "1"}
    assert wish_of(good | {"price": "1.2"}) == Wish("", "dc", 60_000, 1.2, SPOT, 30, "cheap", True)


@pytest.mark.parametrize("lang", ["en", "zh"])
def test_words_of_others_are_escaped_on_the_page(lang: str) -> None:
    hostile = offer(HOSTILE, operator=HOSTILE, address=HOSTILE, fees=HOSTILE, prices=())
    wish = Wish(words=HOSTILE)
    written = page(catalogue(lang), lang, wish, Board(NOW, (hostile,)), fitting([hostile], wish, NOW), HOSTILE, True)
    assert "<script>x" not in written
    assert "&lt;script&gt;" in written


def test_the_page_says_what_is_likely_and_when_it_is_cheap() -> None:
    shown = offer("Yard", Outlets("ac", 22_000, 4, 0, 1, {30: 0.93}), prices=prices(1.0, 0.5, 1.0))
    wish = Wish(in_min=30)
    written = page(TEXT, "en", wish, Board(NOW, (shown,)), fitting([shown], wish, NOW), "", False)
    for words in ("0 of 4 free", "1 out of order", "very likely one is free (93 %)", "cheapest", "kg CO₂/kWh", "<rect"):
        assert words in written, words
    assert "style=" not in written, "the policy of the page allows no style in it"
    assert not re.search(r"<script(?! type=\"module\" src=)", written)


def test_a_server_that_is_away_is_said() -> None:
    assert 'role="alert"' in page(TEXT, "en", Wish(), None, [], "", False)


def station(content: Mapping[str, Any]) -> ToldStation:
    return ToldStation("123456789", "S1", NOW, dict(content))


def told_of(**more: Any) -> dict[str, Any]:
    longitude, latitude = gcj02(*SPOT)
    plugs = [{"ConnectorID": f"C{n}", "ConnectorType": 4, "Power": 120.0} for n in (1, 2, 3)]
    return {
        "StationName": "Partner's",
        "Address": "2 Long Road",
        "StationStatus": 50,
        "StationLng": longitude,
        "StationLat": latitude,
        "ElectricityFee": "0.8",
        "EquipmentInfos": [{"EquipmentID": "E1", "EquipmentType": 1, "ConnectorInfos": plugs}],
    } | more


def test_a_partner_s_station_stands_where_it_is_and_tells_how_old_its_word_is() -> None:
    states = {("123456789", "C1"): ToldState(1, NOW - HOUR), ("123456789", "C2"): ToldState(255, NOW - 2 * HOUR)}
    (found,) = partner_offers([station(told_of())], states, NAMES)
    assert found.spot == pytest.approx(SPOT, abs=2e-6), "GCJ-02 lies half a kilometre away"
    assert found.outlets == (Outlets("dc", 120_000, 3, 1, 1),)
    assert (found.told_at, found.fees, found.prices) == (NOW - HOUR, "0.8", ())
    assert found.operator == "Harbour Energy"


@pytest.mark.parametrize(
    "content",
    [
        {},
        told_of(StationStatus=6),
        told_of(EquipmentInfos="none"),
        told_of(EquipmentInfos=[{"EquipmentType": 9, "ConnectorInfos": [{"ConnectorID": "C", "Power": 7}]}]),
        told_of(EquipmentInfos=[{"EquipmentType": 1, "ConnectorInfos": [{"ConnectorID": "C", "Power": "much"}]}]),
    ],
)
def test_of_what_nobody_tells_nothing_is_made_up(content: Mapping[str, Any]) -> None:
    assert partner_offers([station(content)], {}, {}) == []


def test_a_partner_without_states_or_place_is_shown_as_such() -> None:
    (found,) = partner_offers([station(told_of(StationLng="east"))], {}, {})
    assert (found.spot, found.outlets[0].free) == (None, None)
    (shown,) = fitting([found], Wish(spot=SPOT), NOW)
    assert (shown.distance_km, shown.free, shown.chance) == (None, None, None)
    written = page(TEXT, "en", Wish(), Board(NOW, (found,)), [shown], "", False)
    assert "nobody tells what is free" in written


PUBLIC = {
    "clock_time": NOW.isoformat(),
    "operator": "Acme",
    "prices": [{"begins_at": NOW.replace(minute=0).isoformat(), "yuan_per_kwh": 1.06, "level": "flat"}],
    "places": [
        {
            "place_id": "yard",
            "name": "Yard",
            "address": "",
            "area_code": "37",
            "longitude": None,
            "latitude": None,
            "outlets": [
                {
                    "kind": "ac",
                    "power_w": 7000,
                    "count": 2,
                    "free": 1,
                    "out_of_order": 0,
                    "chances": [{"in_min": 15, "chance": 0.5}],
                }
            ],
        }
    ],
}


class Twin(Api):
    """A server that tells what it is given, or is away; counts how often it is asked."""

    def __init__(self) -> None:
        super().__init__("http://127.0.0.1:9")
        self.away = False
        self.asked = 0

    async def open_get(self, path: str) -> Any:
        self.asked += 1
        if self.away:
            raise SourceLost("away")
        return PUBLIC


async def test_many_who_ask_cost_what_one_costs_and_a_lost_server_is_bridged() -> None:
    twin, now = Twin(), [0.0]
    boards = Boards(twin, None, lambda: now[0])
    boards_seen = await asyncio.gather(*(boards.board() for _ in range(50)))
    assert twin.asked == 1
    assert all(board.offers == tuple(own_offers(PUBLIC)) for board in boards_seen)
    twin.away, now[0] = True, 60.0
    later = await boards.board()
    assert (later.offers, later.fault) == (boards_seen[0].offers, "away")
    with pytest.raises(SourceLost):
        await Boards(twin, None, lambda: 0.0).board()
    await twin.close()


def test_operators_are_called_by_their_names(tmp_path: Path) -> None:
    file = tmp_path / "partners.toml"
    assert operator_names(None) == operator_names(file) == {}
    file.write_text('[[partners]]\noperator_id = "123456789"\nprofile = "tcec102-2016"\nname = "Harbour"\n')
    assert operator_names(file) == {"123456789": "Harbour"}


@pytest.fixture
async def http(tmp_path: Path) -> Any:
    twin = Twin()
    app = FastAPI(openapi_url=None)
    app.include_router(routes.router(Boards(twin, None, lambda: 0.0), False))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://d") as client:
        yield client
    await twin.close()


async def test_the_page_and_the_document_say_the_same(http: httpx.AsyncClient) -> None:
    answer = await http.get("/driver", params={"lang": "zh", "q": "yard"})
    assert "script-src 'self';" in answer.headers["content-security-policy"]
    assert "geolocation=(self)" in answer.headers["permissions-policy"]
    assert "去哪儿充电" in answer.text
    assert "空闲 1 / 2" in answer.text
    told = (await http.get("/driver/places.json", params={"q": "yard", "in": "15"})).json()
    (place,) = told["places"]
    assert (place["chance_on_arrival"], place["yuan_per_kwh_on_arrival"], place["longitude"]) == (0.5, 1.06, None)
    assert (await http.get("/driver/places.json", params={"q": "nowhere"})).json()["places"] == []
    assert json.dumps(told)


async def test_who_asks_too_often_waits(http: httpx.AsyncClient) -> None:
    codes = [(await http.get("/driver/places.json")).status_code for _ in range(int(routes.BURST) + 3)]
    assert codes[: int(routes.BURST)] == [200] * int(routes.BURST)
    assert codes[-1] == 429
