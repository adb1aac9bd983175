"""The map of sites: drawn without another host, over a grid or an outline, by state, and by the keyboard too."""

from __future__ import annotations

import json
from pathlib import Path

from csms.texts import catalogue
from monitor.dashboard.web.palette import FAMILIES
from tests.browser.conftest import Site
from tests.support.browsing import dashboard, signed_in

TEXT = catalogue("en")


def test_sites_stand_on_a_grid_with_scale_and_north(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.wait_for_selector(".map-mark")
        marks = page.locator(".map-mark")
        titles = sorted(marks.nth(place).get_attribute("aria-label") for place in range(marks.count()))
        assert titles[0] == "Hill"
        classes = page.get_attribute(".map-mark[aria-label^=Pier] .pin", "class").split()
        (family,) = set(classes) & set(FAMILIES)
        assert family in ("charging", "suspended", "occupied")
        assert titles[1].startswith(f"Pier · {TEXT(f'live.state.{family}')}")
        assert page.locator(".map-grid").count() > 4
        assert page.locator(".leaflet-control-scale-line").inner_text().endswith("m")
        assert "N" in page.inner_text(".map-north")
        assert page.locator(".leaflet-tile").count() == 0
        inside = page.locator("#map, .site-map").first.bounding_box()
        for place in range(marks.count()):
            box = marks.nth(place).bounding_box()
            assert inside["x"] <= box["x"] <= inside["x"] + inside["width"]
            assert inside["y"] <= box["y"] <= inside["y"] + inside["height"]
        assert faults.found == []


def test_a_mark_opens_the_stations_of_its_site_by_the_keyboard(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.wait_for_selector(".map-mark[aria-label^=Pier]")
        page.focus(".map-mark[aria-label^=Pier]")
        page.keyboard.press("Enter")
        page.wait_for_url("**/stations?find=pier")
        assert faults.found == []


def test_marks_that_would_touch_are_one_that_opens(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.wait_for_selector(".map-mark")
        for _ in range(8):
            if page.locator(".pin.many").count():
                break
            page.click(".leaflet-control-zoom-out")
            page.wait_for_timeout(400)
        assert page.inner_text(".pin.many b") == "2"
        page.click(".pin.many")
        page.wait_for_function("document.querySelectorAll('.map-mark').length === 2")
        assert faults.found == []


def test_an_outline_takes_the_place_of_the_grid(site: Site, tmp_path: Path) -> None:
    ring = [[119.2, 35.2], [119.8, 35.2], [119.8, 35.7], [119.2, 35.7], [119.2, 35.2]]
    outline = tmp_path / "outline.json"
    outline.write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))
    with (
        dashboard(site.server.api_url, tmp_path, "--outline", str(outline)) as url,
        signed_in(site.browser, url, site.tokens["viewer"]) as (page, faults),
    ):
        page.wait_for_selector(".map-mark")
        page.wait_for_selector("path.map-outline", state="attached")
        assert page.locator(".map-grid").count() == 0
        assert faults.found == []
