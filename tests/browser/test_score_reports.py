"""The pages of scores as an authority and an operator open them, and that of a declaration: from the file, alone."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from csms.province.subsidy import claim_of
from csms.texts import catalogue
from monitor.scoring.console import build
from monitor.scoring.scheme import shipped_scheme
from monitor.scoring.table import Figure, write_table
from monitor.subsidy.report import render
from tests.support.browsing import chromium
from tests.unit.subsidy.world import world

OPERATORS, PERIODS = 24, 5


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages on 24 operators over five months, and one on a declaration."""
    out = tmp_path_factory.mktemp("scores")
    rng = np.random.default_rng(4)
    figures = [
        Figure(f"op{number:02}", f"2026-{month:02}", name, float(np.exp(0.3 * rng.standard_normal())) + number, 400)
        for month in range(1, PERIODS + 1)
        for number in range(OPERATORS)
        for name in shipped_scheme().indicators
    ]
    write_table(out / "figures.csv", figures)
    answer = CliRunner().invoke(build(catalogue("en")), ["run", str(out / "figures.csv"), "--report", str(out)])
    assert answer.exit_code == 0, answer.output
    made = world(2)
    page = render(made.given, claim_of(made.given), (), (), catalogue("zh"), catalogue("en"))
    (out / "declaration.html").write_text(page, encoding="utf-8")
    return out


@pytest.fixture(scope="module")
def page(report: Path) -> Iterator[Any]:
    """A page; `asked` and `said` are its requests and what its console said."""
    with chromium() as browser:
        opened = browser.new_page(viewport={"width": 1280, "height": 900})
        opened.asked, opened.said = [], []
        opened.on("request", lambda request: opened.asked.append(request.url))
        opened.on("console", lambda message: opened.said.append(message.text))
        opened.on("pageerror", lambda fault: opened.said.append(str(fault)))
        yield opened


@pytest.mark.parametrize("name", ["overview.html", "operator-op03.html", "declaration.html"])
def test_nothing_is_fetched_nothing_complains_and_nothing_sticks_out(page: Any, report: Path, name: str) -> None:
    page.asked.clear()
    page.goto((report / name).as_uri())
    assert page.asked == [(report / name).as_uri()]
    assert page.said == []
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


def test_the_authority_sees_all_with_their_intervals_and_the_weights(page: Any, report: Path) -> None:
    page.goto((report / "overview.html").as_uri())
    assert page.locator(".span").count() == OPERATORS
    for span in page.locator(".span").all()[:3]:
        whole, mark = span.bounding_box(), span.locator("b").bounding_box()
        assert whole["x"] <= mark["x"] <= whole["x"] + whole["width"]
    tables = page.locator("table")
    assert tables.last.locator("tr").count() == len(shipped_scheme().indicators) + 1
    assert "公开权重" in page.inner_text("body")


def test_an_operator_sees_what_lifts_it_and_where_it_stood(page: Any, report: Path) -> None:
    page.goto((report / "operator-op03.html").as_uri())
    text = page.inner_text("body")
    assert "What would lift you most" in text
    assert "op04" not in text
    assert page.locator("table").nth(0).locator("tr").count() == 4
    assert page.locator("table").last.locator("tr").count() == PERIODS + 1
