"""An alarm is seen by whoever looks, and closed by a technician with a word on what was done."""

from __future__ import annotations

from tests.browser.conftest import Site
from tests.browser.test_accessibility import LOOK
from tests.support.browsing import signed_in

WORDS = "A token of an administrator was made"
DONE = "it was me, for the night shift"


def test_a_technician_closes_what_a_viewer_sees(site: Site) -> None:
    body = {"name": "night-shift", "role": "administrator", "bound_to": []}
    site.server.api.post("/api/v1/access-tokens", json=body).raise_for_status()
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.wait_for_selector("header .alarms:visible")
        page.click("header .alarms")
        page.wait_for_selector(f"main .limit:has-text('{WORDS}')")
        assert page.get_by_role("button", name="Acknowledge").count() == 0
        assert page.evaluate(LOOK) == []
        assert faults.found == []
    with signed_in(site.browser, site.url, site.tokens["technician"]) as (page, faults):
        page.goto(f"{site.url}/alarms")
        page.locator(".limit", has_text=WORDS).get_by_role("button", name="Acknowledge").click()
        page.get_by_label("What was done about it").fill(DONE)
        page.locator(".q-dialog").get_by_role("button", name="Acknowledge").click()
        page.wait_for_selector(f"main .limit:has-text('{WORDS}')", state="detached")
        page.get_by_role("link", name="all", exact=True).click()
        page.wait_for_selector(f"main .limit:has-text('acknowledged by technician: {DONE}')")
        assert faults.found == []
