"""A newcomer's walk, by clicks alone: find the full feeder, see why, limit it, watch it hold, take the record home."""

from __future__ import annotations

import json
import time
from pathlib import Path

from tests.browser.conftest import Site
from tests.support.browsing import eventually, signed_in
from tests.support.running import csms

BASE_W = 10_000
FULL = 0.985
KEPT_W = 6_000
REASON = "transformer nearly full"


def drawn_w(site: Site) -> float:
    """What the piles draw now."""
    return float(site.server.overview()["power_w"])


def settled_w(site: Site) -> float:
    """What they draw once that changes no more."""

    def look() -> float:
        before_w = drawn_w(site)
        time.sleep(2.5)
        return before_w if before_w > 9_000 and abs(drawn_w(site) - before_w) < 200 else 0.0

    return eventually(look)


def fill_the_feeder(site: Site) -> None:
    """Cars that want all they can get, and a transformer that can carry hardly more than that."""
    for station_id in ("CP-1", "CP-2"):
        site.in_a_hurry(station_id)
    rating_w = round((BASE_W + settled_w(site)) / FULL)
    feeder = {"rating_w": rating_w, "base_load_w": BASE_W}
    site.server.api.put("/api/v1/feeders/T1", json=feeder).raise_for_status()


def test_a_newcomer_finds_limits_watches_and_takes_the_record_home(site: Site, tmp_path: Path) -> None:
    fill_the_feeder(site)
    cap_kw = (BASE_W + KEPT_W) / 1000
    with signed_in(site.browser, site.url, site.tokens["administrator"]) as (page, faults):
        # find it: the first page says what needs somebody
        attention = page.locator("#alarms .alarm:has-text('T1')")
        attention.get_by_text("cap: ").wait_for()
        attention.get_by_role("link", name="T1").click()
        page.wait_for_url("**/feeders/T1")

        # see why: how much is base load, and who draws the rest
        page.wait_for_selector("text=base load and")
        for outlet in ("CP-1/1", "CP-2/1"):
            page.wait_for_selector(f"main td:has-text('{outlet}')")

        # push a limit
        page.get_by_label("Cap, kW", exact=True).fill(f"{cap_kw:g}")
        page.get_by_label("Reason (goes on record)").fill(REASON)
        page.get_by_role("button", name="Set the limit").click()
        page.wait_for_selector(f".limit:has-text('{REASON}')")

        # watch it hold: the piles follow, the meter says so
        eventually(lambda: drawn_w(site) <= KEPT_W)
        page.wait_for_function(
            "cap => Array.from(document.querySelectorAll('.kpi')).some(k => k.innerText.startsWith('Load now')"
            " && parseFloat(k.innerText.split('\\n')[1].replace(',', '')) <= cap)",
            arg=cap_kw,
        )
        page.wait_for_selector(".limit:has-text('Verified by metering')")

        # take the record home
        with page.expect_download() as begun:
            page.get_by_text("Export the record (JSON lines)").click()
        records = [json.loads(line) for line in begun.value.path().read_text("utf-8").splitlines()]
        stated = [one for one in records if one["action"] == "set limit" and REASON in one["detail"]["raw"]]
        assert [one["result"]["accepted"] for one in stated] == [True]
        with page.expect_download() as begun:
            page.locator(".card", has_text="What was stated").get_by_text("Export as CSV").click()
        lines = begun.value.path().read_text("utf-8-sig").splitlines()
        assert any(REASON in line and f",{round(cap_kw * 1000)}," in line for line in lines)

        # and the whole log, whose chain anybody can check
        page.get_by_role("link", name="Audit log").click()
        with page.expect_download() as begun:
            page.get_by_text("Export the whole log").click()
        log = tmp_path / "audit.jsonl"
        begun.value.save_as(log)
        assert faults.found == []
    checked = csms("audit", "verify", str(log), "--json")
    assert checked.returncode == 0, checked.stderr
    assert json.loads(checked.stdout)["checked"] >= len(records)


def test_who_may_not_read_the_log_gets_no_file(site: Site) -> None:
    with signed_in(site.browser, site.url, site.tokens["viewer"]) as (page, _):
        assert page.request.get(f"{site.url}/export/audit.jsonl").status == 403
        assert page.request.get(f"{site.url}/export/limits?feeder=T1").status == 200
        assert page.request.get(f"{site.url}/export/limits?feeder=T9").status == 404
    stranger = site.browser.new_context()
    answer = stranger.request.get(f"{site.url}/export/audit.jsonl", max_redirects=0)
    assert answer.status == 303
    stranger.close()
