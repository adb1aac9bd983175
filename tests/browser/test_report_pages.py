"""A report as somebody opens it from the file: nothing is fetched, either language is shown whole, it prints."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.texts import catalogue
from monitor.reports.page import render
from monitor.reports.told import FeederLoad, Told
from monitor.warehouse.calendar import ZONE
from monitor.warehouse.report import Asked, Figure, Report
from tests.support.browsing import chromium

DAY = date(2026, 3, 1)


def told() -> Told:
    figures = [
        Figure("energy", 1234.5, "kWh"),
        Figure("energy_change", 0.25, "1", note="against the period before"),
        Figure("carbon_avoided", 270.0, "kg", low=110.0, high=450.0, note="an estimate with stated parameters"),
        *(
            Figure("level_energy", 100.0 * number, "kWh", name)
            for number, name in enumerate(("flat", "peak", "valley"))
        ),
        Figure("feeder_load_max", 110.0, "kW", "T1", note="rated 100 kW"),
    ]
    start = datetime(2026, 3, 1, tzinfo=ZONE)
    hours = [(start + timedelta(hours=hour), float(hour)) for hour in range(24)]
    loads = [(start + timedelta(minutes=15 * step), 50.0 + step) for step in range(96)]
    report = Report("grid", Asked(DAY, DAY), tuple(figures), ("days are those of Asia/Shanghai",), {"me": 97.5})
    return Told(report, hours, (FeederLoad("T1", 100.0, loads),), "2026-03-02T06:30:00+08:00", "csms report …", "1")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    file: Path = tmp_path_factory.mktemp("report") / "grid.html"
    file.write_text(render(told(), catalogue("zh"), catalogue("en"), "zh"), encoding="utf-8")
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.asked, opened.said = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("console", lambda message: opened.said.append(message.text))
        opened.on("pageerror", lambda fault: opened.said.append(str(fault)))
        opened.goto(file.as_uri())
        yield opened


def test_nothing_is_fetched_nothing_complains_and_nothing_sticks_out(page: Any) -> None:
    assert len(page.asked) == 1
    assert page.said == []
    for width in (1280, 390):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), width
    page.set_viewport_size({"width": 1280, "height": 900})


@pytest.mark.parametrize(("language", "other", "words"), [("en", "zh", "+25.0 %"), ("zh", "en", "环比")])
def test_each_language_shows_all_and_hides_the_other(page: Any, language: str, other: str, words: str) -> None:
    page.locator(f"label[for={language}]").click()
    assert words in page.inner_text("ol.answer")
    assert page.locator(f"main .{language}:visible").count() > 30
    assert page.locator(f"main .{other}:visible").count() == 0


def test_three_pictures_are_drawn(page: Any) -> None:
    assert page.locator("figure svg.picture").count() == 3
    assert page.locator("#picture-hours rect.p0").count() == 24
    assert page.locator("#picture-feeders polyline").count() == 1
    for picture in page.locator("svg.picture").all():
        assert picture.bounding_box()["width"] > 250


def test_it_prints_without_its_buttons(page: Any, tmp_path: Path) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".bar").is_visible()
    assert not page.locator("footer.screen").is_visible()
    page.pdf(path=tmp_path / "grid.pdf", format="A4")
    assert (tmp_path / "grid.pdf").stat().st_size > 10_000
    page.emulate_media(media="screen")
