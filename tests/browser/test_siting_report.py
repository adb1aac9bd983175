"""The siting report as a planner opens it: from the file, in both languages, with nothing fetched from anywhere."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.texts import catalogue
from monitor.siting.console import build
from tests.support.browsing import chromium
from tests.support.siting_city import write_city

CALL = ["--sites", "4", "--repeats", "1", "--break-even", "3"]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a report on a made-up city with transformers."""
    city, out = tmp_path_factory.mktemp("city"), tmp_path_factory.mktemp("report")
    write_city(city, transformers=True)
    answer = CliRunner().invoke(build(catalogue("en")), ["run", str(city), "--report", str(out), *CALL])
    assert answer.exit_code == 0, answer.output
    return out


@pytest.fixture(scope="module")
def page(report: Path) -> Iterator[Any]:
    """The page, opened; `asked` and `said` are its requests and what its console said."""
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.asked, opened.said = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("console", lambda message: opened.said.append(message.text))
        opened.on("pageerror", lambda fault: opened.said.append(str(fault)))
        opened.goto((report / "report.html").as_uri())
        yield opened


def test_nothing_is_fetched_and_nothing_complains(page: Any, report: Path) -> None:
    assert page.asked == [(report / "report.html").as_uri()]
    assert page.said == []


def test_three_maps_show_cells_sites_and_proposals(page: Any) -> None:
    assert page.locator("figure svg.map").count() == 3
    for name in ("supply", "demand", "gap"):
        box = page.locator(f"#map-{name} svg").bounding_box()
        assert box["width"] > 300
        assert box["height"] > 100
        assert page.locator(f"#map-{name} path.cell").count() >= 2
    assert page.locator("#map-supply circle.site").count() == 150
    assert page.locator("#map-gap circle.pick").count() == page.locator("#proposals tbody tr").count() > 0


@pytest.mark.parametrize(("language", "other", "words"), [("zh", "en", "局限"), ("en", "zh", "Limits")])
def test_each_language_shows_all_and_hides_the_other(page: Any, language: str, other: str, words: str) -> None:
    page.locator(f"label[for={language}]").click()
    assert page.locator("h2", has_text=words).is_visible()
    assert page.locator(f"main .{language}:visible").count() > 60
    assert page.locator(f"main .{other}:visible").count() == 0


def test_uncertainty_skill_and_limits_are_there(page: Any) -> None:
    for line in page.locator("#proposals tbody tr").all():
        figures = {
            one.get_attribute("data-path").split(".", 2)[2]: one.get_attribute("value")
            for one in line.locator("data").all()
        }
        assert float(figures["low_kwh"]) < float(figures["median_kwh"]) < float(figures["high_kwh"])
        assert 0 <= float(figures["chance"]) <= 1
        assert float(figures["size.plugs"]) <= float(figures["size_high.plugs"])
        assert line.locator(".range i").bounding_box()["width"] > 5
    for table in ("skill-blocks", "skill-random"):
        assert page.locator(f"#{table} tbody tr").count() == 6
    assert page.locator("#limits li").count() >= 7
    assert page.locator("#variants tbody tr").count() >= 4
    assert page.locator("#reasons tbody tr").count() >= 1
    assert page.locator("#firm data").count() >= 3
    assert page.locator("#verdict data").count() >= 5


def test_every_number_on_the_page_is_the_one_in_the_json(page: Any, report: Path) -> None:
    document = json.loads((report / "report.json").read_text("utf-8"))
    figures = page.eval_on_selector_all("data", "all => all.map(one => [one.dataset.path, one.value])")
    assert len(figures) > 150
    for path, shown in figures:
        value = document
        for name in path.split("."):
            value = value[int(name)] if isinstance(value, list) else value[name]
        assert shown == ("" if value is None else str(value)), path


def test_places_are_told_to_the_metre(report: Path) -> None:
    """Six digits of a longitude would be a hundred metres."""
    document = json.loads((report / "report.json").read_text("utf-8"))
    places = [one["longitude"] for one in (*document["proposals"], *document["rejected"])]
    assert sum(round(place, 3) != place for place in places) > 0.9 * len(places)


def test_csv_holds_the_same_numbers(report: Path) -> None:
    document = json.loads((report / "report.json").read_text("utf-8"))
    with (report / "proposals.csv").open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [float(row["median_kwh"]) for row in rows] == [one["median_kwh"] for one in document["proposals"]]
    with (report / "cells.csv").open(encoding="utf-8-sig", newline="") as file:
        cells = list(csv.DictReader(file))
    assert [float(cell["gap_kwh"]) for cell in cells] == [cell["gap_kwh"] for cell in document["market"]["cells"]]


def test_it_prints_light_and_without_its_buttons(page: Any) -> None:
    page.emulate_media(media="print")
    assert not page.locator(".bar").first.is_visible()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    page.emulate_media(media="screen")
