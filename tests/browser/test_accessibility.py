"""What a page says to those who do not see it, or not well: names, language, headings, contrast, keyboard."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.conftest import Site
from tests.support.browsing import signed_in

PAGES = (
    "/",
    "/stations",
    "/stations/CP-1",
    "/sessions",
    "/sessions/1",
    "/feeders",
    "/plan",
    "/settings",
    "/statistics",
    "/quality",
)

LOOK = Path(__file__).with_name("accessibility.js").read_text("utf-8")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_no_page_has_a_serious_fault(site: Site, theme: str) -> None:
    with signed_in(site.browser, site.url, site.tokens["administrator"]) as (page, _):
        if theme == "dark":
            page.click("button[name=theme]")
            page.wait_for_selector("body.body--dark")
        for path in PAGES:
            page.goto(site.url + path)
            page.wait_for_selector("main h1")
            page.wait_for_timeout(700)
            assert (path, page.evaluate(LOOK)) == (path, [])


def test_the_keyboard_reaches_the_content_first(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, _):
        reached = []
        for _ in range(25):
            page.keyboard.press("Tab")
            reached.append(page.evaluate("document.activeElement.innerText || document.activeElement.ariaLabel || ''"))
        assert "Skip to content" in reached
        assert "Stations" in " ".join(reached)
