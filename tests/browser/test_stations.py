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
