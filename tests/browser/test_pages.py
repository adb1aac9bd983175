"""Every page opens in both languages and both sets of colours, without an error and without asking another host."""

from __future__ import annotations

import pytest

from tests.browser.conftest import Site
from tests.support.browsing import signed_in

PAGES = {
    "/": ("Overview", "总览"),
    "/stations": ("Stations", "充电桩"),
    "/stations/CP-1": ("CP-1", "CP-1"),
    "/alarms?every=true": ("Alarms", "告警"),
    "/sessions": ("Sessions", "充电会话"),
    "/sessions/1": ("Session 1", "会话 1"),
    "/feeders": ("Feeders", "台区"),
    "/feeders/T1": ("T1", "T1"),
    "/plan?feeder=T1": ("Plan", "充电计划"),
    "/province": ("Platforms", "平台上报"),
    "/quality": ("Quality", "数据质量"),
    "/forecast": ("Forecast", "预测"),
    "/siting": ("Siting", "选址"),
    "/evidence": ("Evidence", "存证"),
    "/statistics?audience=makers": ("Statistics", "统计"),
    "/audit": ("Audit log", "审计日志"),
    "/settings": ("Settings", "设置"),
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
        page.wait_for_load_state("networkidle")  # a page that is still coming loses a click
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


def test_the_wall_is_dark_and_has_no_controls(site: Site) -> None:
    wall = {"width": 1920, "height": 1080}
    with signed_in(site.browser, site.url, site.tokens["viewer"], viewport=wall) as (page, faults):
        page.goto(f"{site.url}/wall")
        page.wait_for_selector(".wall-clock:has-text(':')")
        assert page.evaluate("document.body.classList.contains('body--dark')")
        assert page.locator("main button, main input").count() == 0
        assert page.evaluate("document.documentElement.scrollHeight <= window.innerHeight")
        assert page.evaluate(
            "document.querySelector('.wall-grid').getBoundingClientRect().bottom <= window.innerHeight"
        )
        assert faults.found == []


def test_on_a_phone_nothing_is_wider_than_the_screen(site: Site) -> None:
    phone = {"width": 390, "height": 844}
    with signed_in(site.browser, site.url, site.tokens["technician"], viewport=phone) as (page, faults):
        for path in ("/", "/stations/CP-1", "/feeders", "/sessions", "/plan"):
            page.goto(site.url + path)
            page.wait_for_selector("main h1")
            page.wait_for_timeout(500)
            assert page.evaluate("document.documentElement.scrollWidth") <= 390, path
        assert faults.found == []


def test_an_administrator_makes_a_token_and_takes_it_back(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["administrator"]) as (page, faults):
        page.goto(f"{site.url}/settings")
        page.get_by_role("button", name="Make a token").click()
        page.get_by_label("Name", exact=True).fill("passer-by")
        page.locator(".q-dialog").get_by_role("button", name="Make a token").click()
        token = page.inner_text(".q-dialog code")
        assert token.startswith("csms_")
        page.goto(f"{site.url}/settings")
        with signed_in(site.browser, site.url, token) as (other, _):
            page.locator(".limit:has-text('passer-by')").get_by_role("button", name="Revoke").click()
            page.locator(".q-dialog").get_by_role("button", name="Revoke").click()
            page.wait_for_selector("text=The token passer-by is revoked.")
            other.wait_for_url("**/login")
        assert faults.found == []
