"""The page for drivers: without an account, without script if need be, on a phone, in both languages and colours."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.browser.conftest import Site
from tests.support.browsing import PATIENCE_S, Faults, dashboard, eventually

PHONE = {"width": 390, "height": 844}
LOOK = Path(__file__).with_name("accessibility.js").read_text("utf-8")


def opened(site: Site, query: str = "", **more: Any) -> tuple[Any, Faults]:
    """The page as a stranger sees it."""
    context = site.browser.new_context(viewport=PHONE, **more)
    page = context.new_page()
    page.set_default_timeout(PATIENCE_S * 1000)
    faults = Faults(urlsplit(site.url).netloc)
    faults.watch(page)
    page.goto(f"{site.url}/driver{query}")
    return page, faults


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("locale", "title"), [("en-GB", "Where to charge"), ("zh-CN", "去哪儿充电")])
def test_a_stranger_sees_where_to_charge(site: Site, locale: str, title: str, scheme: Any) -> None:
    page, faults = opened(site, locale=locale, color_scheme=scheme)
    assert page.inner_text("h1") == title
    page.wait_for_selector(".map-mark")
    assert page.inner_text(".offer h2") == "Pier"
    assert page.locator(".price-strip rect").count() == 24
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    assert page.evaluate(LOOK) == []
    assert faults.found == []
    page.context.close()


def test_filters_ask_again_by_themselves(site: Site) -> None:
    page, faults = opened(site, locale="en-GB")
    page.wait_for_selector(".map-mark")
    page.select_option("select[name=kind]", "dc")
    page.wait_for_selector(".empty")
    assert "kind=dc" in page.url
    page.select_option("select[name=kind]", "ac")
    page.wait_for_selector(".offer")
    assert faults.found == []
    page.context.close()


def test_a_place_on_the_map_sorts_by_distance_and_is_rounded(site: Site) -> None:
    page, faults = opened(site, locale="en-GB")
    page.wait_for_selector(".map-mark")
    page.locator("#map").click(position={"x": 60, "y": 200})
    page.wait_for_selector(".spot")
    query = dict(part.split("=") for part in urlsplit(page.url).query.split("&"))
    assert all(len(query[name].partition(".")[2]) == 3 for name in ("lat", "lng"))
    assert page.inner_text(".offer-head span").endswith("km")
    page.wait_for_selector("path.map-here", state="attached")
    assert faults.found == []
    page.context.close()


def test_the_browser_is_asked_only_when_somebody_asks(site: Site) -> None:
    here = {"latitude": 35.41234567, "longitude": 119.51234567}
    page, faults = opened(site, locale="en-GB", geolocation=here, permissions=["geolocation"])
    page.wait_for_selector("#locate:visible")
    assert "lat=" not in page.url
    page.click("#locate")
    page.wait_for_selector(".spot")
    assert "lat=35.412&lng=119.512" in page.url
    assert faults.found == []
    page.context.close()


def test_without_script_form_and_list_work(site: Site) -> None:
    page, _ = opened(site, locale="en-GB", java_script_enabled=False)
    page.fill("input[name=q]", "harbour")
    page.click("text=Search")
    assert page.inner_text(".offer h2") == "Pier"
    page.context.close()


def test_what_a_driver_reads_follows_the_piles(site: Site) -> None:
    def free() -> int:
        (place,) = httpx.get(f"{site.url}/driver/places.json?q=pier", trust_env=False).json()["places"]
        return int(place["outlets"][0]["free"])

    eventually(lambda: free() == 0)
    session = site.station("CP-1")["evses"][0]["session"]["transaction_id"]
    path = "/api/v1/stations/CP-1/commands/request_stop"
    assert session
    assert site.server.api.post(path, json={"transaction_id": session}).status_code in (200, 404)


def test_it_is_off_unless_somebody_turns_it_on(site: Site, tmp_path: Path) -> None:
    with dashboard(site.server.api_url, tmp_path) as url:
        answer = httpx.get(f"{url}/driver", trust_env=False)
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
