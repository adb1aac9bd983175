"""Stations on screen: what happens to a pile shows, a technician acts, a viewer cannot."""

from __future__ import annotations

from tests.browser.conftest import Site
from tests.support.browsing import eventually, signed_in


def test_the_table_shows_every_station_and_filters(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.goto(f"{site.url}/stations")
        page.wait_for_selector(".ag-row >> nth=1")
        page.fill(".main .search input", "CP-2")
        page.wait_for_function("document.querySelectorAll('.ag-center-cols-container .ag-row').length === 1")
        page.click(".ag-row [col-id=state]")
        page.wait_for_url("**/stations/CP-2")
        assert faults.found == []


def test_a_technician_stops_a_session_and_starts_one(site: Site) -> None:
    eventually(lambda: site.station("CP-1")["evses"][0]["session"])
    with signed_in(site.browser, site.url, site.tokens["technician"]) as (page, faults):
        page.goto(f"{site.url}/stations/CP-1")
        page.get_by_role("button", name="Stop", exact=True).click()
        page.wait_for_selector("text=CP-1 said: Accepted")
        eventually(lambda: site.station("CP-1")["evses"][0]["session"] is None)
        page.get_by_role("button", name="Start", exact=True).click()
        page.fill(".q-dialog input", "CARD-7")
        page.locator(".q-dialog").get_by_role("button", name="Start", exact=True).click()
        page.wait_for_selector("text=CP-1 said")
        assert faults.found == []


def test_a_viewer_is_shown_no_action_and_no_message(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.goto(f"{site.url}/stations/CP-1")
        page.wait_for_selector(".figures")
        assert page.locator(".actions").count() == 0
        assert page.locator("text=Show the latest").count() == 0
        assert faults.found == []


def test_a_restart_is_asked_back(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["technician"]) as (page, _):
        page.goto(f"{site.url}/stations/CP-2")
        page.click("text=Restart now")
        page.wait_for_selector("text=Restart CP-2 now? Running sessions end.")
        page.click(".q-dialog button:has-text('Cancel')")
        page.wait_for_selector(".q-dialog", state="detached")


def test_messages_are_read_when_asked_for(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["technician"]) as (page, _):
        page.goto(f"{site.url}/stations/CP-1")
        page.fill("[aria-label='Words in the message']", "BootNotification")
        page.click("text=Show the latest")
        page.wait_for_selector("td:has-text('BootNotification')")


def test_an_outlet_shows_its_meter_beside_what_it_was_told_and_says_it_will_do(site: Site) -> None:
    session = eventually(lambda: site.station("CP-2")["evses"][0]["session"])
    with signed_in(site.browser, site.url, site.tokens["technician"]) as (page, faults):
        page.goto(f"{site.url}/stations/CP-2")
        for unit in ("V", "A", "kW"):
            page.wait_for_selector(f".wide-figures small:text-is('{unit}')")
        page.get_by_role("button", name="Ask what it will do").click()
        page.wait_for_selector("text=CP-2 said: Accepted")
        page.wait_for_selector("h2:has-text('What the station says it will do')")
        assert page.get_by_role("button", name="Ask for them").is_enabled()
        page.goto(f"{site.url}/sessions/{session['session_id']}")
        page.wait_for_selector(".card:has-text('What it comes to, by tariff period') tbody tr >> nth=1")
        assert faults.found == []
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.goto(f"{site.url}/stations/CP-2")
        page.wait_for_selector(".wide-figures small:text-is('kW')")
        assert page.get_by_role("button", name="Ask").count() == 0
        assert faults.found == []


def test_settings_tell_floors_prices_and_platforms_and_secrets_to_administrators_alone(site: Site) -> None:
    for role, secrets in (("viewer", 0), ("administrator", 1)):
        with signed_in(site.browser, site.url, site.tokens[role]) as (page, faults):
            page.goto(f"{site.url}/settings")
            page.wait_for_selector(".card:has-text('Floors') td:has-text('T1')")
            page.wait_for_selector(".card:has-text('Prices today') td:has-text('0.6600')")
            page.wait_for_selector(".card:has-text('Platforms')")
            assert page.locator("h2", has_text="Secrets of platforms").count() == secrets
            assert faults.found == []
