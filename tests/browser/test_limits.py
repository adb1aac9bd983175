"""The newcomer's evening: a limit is rehearsed, set and cancelled on the page, and the simulated piles follow."""

from __future__ import annotations

import json
import re
from typing import Any

from tests.browser.conftest import Site
from tests.support.browsing import eventually, signed_in


def drawn_w(site: Site) -> float:
    """What the piles draw now."""
    return float(site.server.overview()["power_w"])


def stated(site: Site) -> list[dict[str, Any]]:
    """What stands in the record of the feeder."""
    answer = site.server.api.get("/api/v1/feeders/T1/limits/history").raise_for_status()
    return list(answer.json()["records"])


def test_a_limit_is_set_on_the_page_and_the_piles_follow(site: Site) -> None:
    for station_id in ("CP-1", "CP-2"):
        site.in_a_hurry(station_id)
    eventually(lambda: drawn_w(site) > 9_000)
    with signed_in(site.browser, site.url, site.tokens["grid_operator"]) as (page, faults):
        assert page.url.endswith("/feeders")
        page.get_by_label("Cap, kW", exact=True).fill("16")
        page.get_by_label("Reason (goes on record)").fill("evening peak")
        page.get_by_role("button", name="Rehearse").click()
        page.wait_for_selector("text=The cap would hold after")
        assert stated(site) == []
        eventually(lambda: drawn_w(site) > 9_000)
        page.get_by_role("button", name="Set the limit").click()
        page.wait_for_selector("text=The limit of 16.0 kW is on record and in force.")
        page.wait_for_selector(".limit:has-text('evening peak')")
        eventually(lambda: drawn_w(site) <= 6_000)
        page.wait_for_function(
            "Array.from(document.querySelectorAll('.kpi')).some(k => k.innerText.startsWith('Load now')"
            " && parseFloat(k.innerText.split('\\n')[1]) <= 16.0)"
        )
        page.wait_for_selector(".limit:has-text('Verified by metering')")
        page.get_by_role("button", name="Cancel it").click()
        page.locator(".q-dialog").get_by_role("button", name="Cancel it").click()
        page.wait_for_selector(".limit", state="detached")
        eventually(lambda: drawn_w(site) > 9_000)
        page.wait_for_selector("td:has-text('north') , td:has-text('grid_operator')")
        assert faults.found == []


def test_the_record_can_be_read_afterwards(site: Site) -> None:
    assert "evening peak" in json.dumps(stated(site))


def test_a_viewer_sees_limits_and_sets_none(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, faults):
        page.goto(f"{site.url}/feeders/T1")
        page.wait_for_selector("text=Limits in force and to come")
        assert page.get_by_role("button", name=re.compile("limit|Rehearse|Cancel", re.IGNORECASE)).count() == 0
        assert faults.found == []


def test_a_feeder_that_is_not_one_s_own_is_not_shown(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["grid_operator"]) as (page, _):
        page.goto(f"{site.url}/feeders/T9")
        page.wait_for_selector("text=There is no feeder T9")
        page.goto(f"{site.url}/stations/CP-1")
        page.wait_for_selector("text=it cannot be read now")
