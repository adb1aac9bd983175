"""Pages on the monitor's own data: quality, evidence, forecasts, siting, statistics, over what really lies there."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from openpyxl import load_workbook

from monitor.evidence.files import read_document
from monitor.evidence.judge import judge_document
from tests.browser.test_accessibility import LOOK
from tests.quality.world import OPERATOR
from tests.support.browsing import CHROMIUM, chromium, signed_in
from tests.support.monitored import LOCAL_DAY, monitored

PAGES = (
    "/quality",
    "/evidence",
    "/forecast",
    "/siting",
    "/statistics?audience=grid",
    "/statistics?audience=makers&span=day",
)


@dataclass
class Monitor:
    """The pages, a browser, and the tokens of people."""

    url: str
    browser: Any
    tokens: dict[str, str]
    folder: Path


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, dict[str, str], Path]]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    folder = tmp_path_factory.mktemp("monitor")
    with monitored(folder) as (url, tokens):
        yield url, tokens, folder


@pytest.fixture(scope="module")
def monitor(running: tuple[str, dict[str, str], Path]) -> Iterator[Monitor]:
    url, tokens, folder = running
    with chromium() as browser:
        yield Monitor(url, browser, tokens, folder)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_pages_open_without_a_fault_and_can_be_read(monitor: Monitor, lang: str, theme: str) -> None:
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"], lang) as (page, faults):
        if theme == "dark":
            page.click("button[name=theme]")
            page.wait_for_selector("body.body--dark")
        for path in PAGES:
            page.goto(monitor.url + path)
            page.wait_for_selector("main .card h2")
            page.wait_for_timeout(700)
            assert (path, page.evaluate(LOOK)) == (path, [])
            assert (
                page.locator("main .empty:has-text('could not be read'), main .empty:has-text('无法读取')").count() == 0
            )
        assert faults.found == []


def test_on_a_phone_nothing_is_wider_than_the_screen(monitor: Monitor) -> None:
    phone = {"width": 390, "height": 844}
    with signed_in(monitor.browser, monitor.url, monitor.tokens["technician"], viewport=phone) as (page, faults):
        for path in PAGES:
            page.goto(monitor.url + path)
            page.wait_for_selector("main .card h2")
            page.wait_for_timeout(500)
            assert (path, page.evaluate("document.documentElement.scrollWidth")) == (path, 390)
        assert faults.found == []


def test_quality_shows_the_score_its_defects_and_that_an_appeal_comes_out_the_same(monitor: Monitor) -> None:
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"]) as (page, faults):
        page.goto(f"{monitor.url}/quality")
        page.wait_for_selector(f"main .chip:has-text('{OPERATOR}')")
        page.wait_for_selector(f".kpi:has-text('Score'):has-text('{LOCAL_DAY}')")
        page.wait_for_selector("td:has-text('connector state')")
        assert page.locator("table.heat td").count() > 24
        page.get_by_role("button", name="Judge this day anew").click()
        page.wait_for_selector("text=the same, byte for byte")
        href = page.get_by_role("link", name="The published page of this day").get_attribute("href")
        answer = page.request.get(monitor.url + href)
        assert (answer.status, OPERATOR in answer.text()) == (200, True)
        assert faults.found == []


def test_a_proof_goes_out_as_a_file_and_is_checked_here_and_elsewhere(monitor: Monitor, tmp_path: Path) -> None:
    file = tmp_path / "proof.json"
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"]) as (page, faults):
        page.goto(f"{monitor.url}/evidence")
        page.wait_for_selector("code.digest")
        page.get_by_label("Its number").fill("nothing-like-that")
        page.get_by_role("button", name="Download the proof").click()
        page.wait_for_selector("text=There is no proof")
        page.get_by_label("Its number").fill(_some_station(monitor))
        page.get_by_label("What", exact=True).click()
        page.get_by_role("option", name="a station").click()
        with page.expect_download() as begun:
            page.get_by_role("button", name="Download the proof").click()
        begun.value.save_as(file)
        page.set_input_files("input[type=file]", file)
        page.wait_for_selector(".mood-good")
        changed = tmp_path / "changed.json"
        changed.write_text(file.read_text("utf-8").replace("2026", "2025"), "utf-8")
        page.set_input_files("input[type=file]", changed)
        page.wait_for_selector("main p.fault")
        assert faults.found == []
    assert judge_document(read_document(file), None).right


def _some_station(monitor: Monitor) -> str:
    import sqlite3

    with sqlite3.connect(monitor.folder / "platform" / "intake.db") as database:
        query = "SELECT business_id FROM evidence_record WHERE kind = 'station_info' LIMIT 1"
        return str(database.execute(query).fetchone()[0])


def test_forecasts_stand_beside_what_came(monitor: Monitor) -> None:
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"]) as (page, faults):
        page.goto(f"{monitor.url}/forecast")
        page.wait_for_selector(".kpi:has-text('MAE')")
        assert page.locator(".kpi:has-text('MAE') .kpi-value").inner_text() != "–"
        held = page.locator(".kpi:has-text('held by the band') .kpi-value").inner_text().strip()
        assert held.endswith("%")
        page.locator("main .chip", has_text="cp-2").click()
        page.wait_for_selector("h2:has-text('cp-2: what was said and what came')")
        assert page.locator("td:has-text('cp-1')").count() >= 1
        assert faults.found == []


def test_siting_shows_maps_and_proposals_and_only_technicians_begin_a_run(monitor: Monitor) -> None:
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"]) as (page, faults):
        page.goto(f"{monitor.url}/siting")
        page.wait_for_selector("svg.map >> nth=2")
        assert page.locator("svg.map circle.pick").count() == page.locator("main tbody tr").count() > 0
        assert page.get_by_role("button", name="Run", exact=True).count() == 0
        href = page.get_by_role("link", name="The whole report").get_attribute("href")
        assert page.request.get(monitor.url + href).status == 200
        assert page.request.get(f"{monitor.url}/export/siting/city/..%2f..%2fplatform%2fpartners.toml").status == 404
        assert faults.found == []
    with signed_in(monitor.browser, monitor.url, monitor.tokens["technician"]) as (page, _):
        page.goto(f"{monitor.url}/siting")
        assert page.get_by_role("button", name="Run", exact=True).is_enabled()


def test_statistics_answer_in_sentences_and_files(monitor: Monitor) -> None:
    with signed_in(monitor.browser, monitor.url, monitor.tokens["viewer"]) as (page, faults):
        page.goto(f"{monitor.url}/statistics?audience=grid")
        page.wait_for_selector("ol.answer li >> nth=4")
        assert "Charging took" in page.inner_text("ol.answer")
        assert page.locator("svg.picture").count() == 3
        for form in ("csv", "json", "html"):
            answer = page.request.get(f"{monitor.url}/export/report.{form}?audience=grid")
            assert (form, answer.status) == (form, 200)
        answer = page.request.get(f"{monitor.url}/export/report.xlsx?audience=grid")
        assert "Figures" in load_workbook(io.BytesIO(answer.body())).sheetnames
        assert page.request.get(f"{monitor.url}/export/report.exe?audience=grid").status == 422
        assert faults.found == []
