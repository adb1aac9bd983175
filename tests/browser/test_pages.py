"""Every page opens in both languages and both sets of colours, without an error and without asking another host."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Site
from tests.support.browsing import signed_in

PAGES = {
    "/": ("Overview", "总览"),
    "/stations": ("Stations", "充电桩"),
    "/stations/CP-1": ("CP-1", "CP-1"),
    "/sessions": ("Sessions", "充电会话"),
    "/sessions/1": ("Session 1", "会话 1"),
    "/feeders": ("Feeders", "台区"),
    "/feeders/T1": ("T1", "T1"),
    "/plan?feeder=T1": ("Plan", "充电计划"),
}


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_every_page_opens(site: Site, lang: str, theme: str) -> None:
    with signed_in(site.browser, site.url, site.tokens["administrator"], lang) as (page, faults):
        if theme == "dark":
            page.click("button[name=theme]")
            page.wait_for_selector("body.body--dark")
        for path, headings in PAGES.items():
            page.goto(site.url + path)
            page.wait_for_selector("main h1")
            assert page.inner_text("main h1") == headings[lang == "zh"]
            page.wait_for_selector(".dot.live")
            assert page.evaluate("document.documentElement.lang") == {"en": "en", "zh": "zh-CN"}[lang]
            assert page.evaluate("document.body.classList.contains('body--dark')") is (theme == "dark")
        assert faults.found == []


def test_language_changes_at_a_switch(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.click("text=中文")
        page.wait_for_selector("h1:has-text('总览')")
        assert faults.found == []


def test_nobody_sees_a_page_without_signing_in(site: Site) -> None:
    context = site.browser.new_context()
    page = context.new_page()
    page.goto(f"{site.url}/stations")
    assert page.url == f"{site.url}/login"
    page.fill("#token", "csms_wrong")
    page.click("form button")
    assert "not valid" in page.inner_text("[role=alert]")
    context.close()
