"""Reports from a real warehouse: sentences, pictures, page, workbook, lines; and the commands that write them."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from openpyxl import load_workbook
from typer.testing import CliRunner

from csms.texts import LANGUAGES, catalogue
from monitor.reports.console import build
from monitor.reports.due import due
from monitor.reports.gallery import gallery
from monitor.reports.page import render
from monitor.reports.pictures import Bar, columns, nice_top, rows, thinned
from monitor.reports.reading import newest_day, read_told
from monitor.reports.sentences import sentences
from monitor.reports.sheet import report_workbook, workbook
from monitor.reports.told import Told, month_before, month_of, written
from monitor.reports.writing import FORMS, content
from monitor.warehouse.audiences import AUDIENCES
from monitor.warehouse.report import Asked, Figure, Report
from tests.support.warehouse import FIRST, LAST, PLACES, Home, at, more_rows

BOTH = Asked(FIRST, LAST)
CHINESE, ENGLISH = catalogue("zh"), catalogue("en")


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    await made.change(*more_rows())
    await made.load(since=at(-72), places=PLACES)
    return made


@pytest.mark.parametrize("audience", sorted(AUDIENCES))
async def test_every_audience_is_told_in_five_sentences_and_three_pictures(home: Home, audience: str) -> None:
    told = read_told(home.warehouse, audience, BOTH)
    for text in (CHINESE, ENGLISH):
        said = sentences(told.report, text)
        assert len(said) == 5
        assert "{" not in "".join(said)
    assert len(gallery(told, ENGLISH)) == 3
    page = render(told, CHINESE, ENGLISH, "zh")
    assert page.count("<figure") == 3
    assert page.count("<li>") >= 5
    assert "<script" not in page
    assert not re.search(r"(src|href)=.(https?:)?//", page)
    assert told.digest in page


async def test_the_grid_company_reads_the_figures_that_are_there(home: Home) -> None:
    told = read_told(home.warehouse, "grid", BOTH, command="csms report", version="1")
    said = sentences(told.report, ENGLISH)
    assert said[0].startswith("Charging took 12 kWh")
    assert sum(kwh for _, kwh in told.hours) == pytest.approx(12.0)
    assert len(told.hours) == 48
    assert {at.utcoffset() for at, _ in told.hours} == {timedelta(hours=8)}
    pictures = {picture.name: str(picture.drawn) for picture in gallery(told, ENGLISH)}
    assert set(pictures) == {"days", "levels", "feeders"}
    assert pictures["days"].count("<rect") == BOTH.days


async def test_the_same_question_gives_the_same_digest(home: Home) -> None:
    first, again = (read_told(home.warehouse, "grid", BOTH) for _ in range(2))
    other = read_told(home.warehouse, "grid", Asked(LAST, LAST))
    assert first.digest == again.digest != other.digest


async def test_a_workbook_holds_numbers_as_numbers_and_words_as_words(home: Home) -> None:
    told = read_told(home.warehouse, "government", BOTH)
    book = load_workbook(io.BytesIO(report_workbook(told, ENGLISH)))
    assert book.sheetnames == ["Figures", "How it was made"]
    head, *lines = book["Figures"].iter_rows(values_only=True)
    value = head.index("Value")
    found = [line[value] for line in lines]
    assert found == [None if one.value is None else pytest.approx(one.value) for one in told.report.figures]


def test_no_cell_is_computed() -> None:
    book = load_workbook(io.BytesIO(workbook({"x": [{"name": "=1+1", "kwh": -2.5}]})))
    cell = book["x"]["A2"]
    assert (cell.value, cell.data_type) == ("=1+1", "s")
    assert book["x"]["B2"].value == -2.5


async def test_lines_are_one_for_each_figure(home: Home) -> None:
    told = read_told(home.warehouse, "operators", BOTH)
    lines = list(csv.DictReader(io.StringIO(content(told, "csv", "en").decode("utf-8-sig"))))
    assert [line["figure"] for line in lines] == [one.name for one in told.report.figures]


def hostile(audience: str) -> Told:
    evil = '"><script>x</script>'
    figures = (Figure("region_energy", 5.0, "kWh", evil), Figure("energy_of_operator", 5.0, "kWh", evil))
    return Told(Report(audience, BOTH, figures, (evil,), {evil: 1.0}), command=evil)


def test_words_of_others_stay_words() -> None:
    page = render(hostile("government"), CHINESE, ENGLISH, "en")
    assert "<script>" not in page


def test_what_is_not_known_is_a_dash_and_no_nought() -> None:
    nothing = Report("grid", BOTH, ())
    assert all("0 kWh" not in words for words in sentences(nothing, ENGLISH))
    assert sentences(nothing, ENGLISH)[0] == "Charging took –; against the period before: –."
    grown = Report("grid", BOTH, (Figure("energy_change", 0.25, "1"), Figure("peak_change", -0.5, "1")))
    assert "+25.0 %" in sentences(grown, ENGLISH)[0]
    assert "-50.0 %" in sentences(grown, ENGLISH)[1]
    assert written(None, "kWh") == "–"
    assert (written(0.125, "1"), written(3, "yuan"), written(1234.5, "kW")) == ("12.5 %", "3.00 yuan", "1,234.5 kW")


@given(st.lists(st.floats(0, 1e9), max_size=100))
def test_no_bar_leaves_its_picture(values: list[float]) -> None:
    bars = [Bar(str(number), value) for number, value in enumerate(values)]
    for drawn in (str(columns(bars, "x")), str(rows(bars, "x"))):
        found = re.findall(r'<rect class="p0" x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', drawn)
        for x, y, width, height in (map(float, one) for one in found):
            assert x >= 0
            assert y >= 0
            assert x + width <= 721
            assert y + height <= 400


@given(st.floats(1e-6, 1e12))
def test_the_top_of_a_scale_is_above_and_near(value: float) -> None:
    assert value * (1 - 1e-6) <= nice_top(value) <= value * 2.5


def test_no_peak_is_lost_when_a_line_is_thinned() -> None:
    points = [
        (datetime(2026, 3, 1, tzinfo=UTC) + timedelta(minutes=number), float(number == 777)) for number in range(1440)
    ]
    assert max(value for _, value in thinned(points)) == 1.0
    assert len(thinned(points)) <= 400


def test_months() -> None:
    assert month_of(date(2028, 2, 10)) == (date(2028, 2, 1), date(2028, 2, 29))
    assert month_before(date(2026, 1, 15)) == (date(2025, 12, 1), date(2025, 12, 31))


def test_what_is_due_is_made_once_and_waits_for_its_day() -> None:
    names = ("grid", "makers")
    found = list(due(date(2026, 3, 3), (date(2026, 2, 28), date(2026, 3, 1)), names, {"daily-grid-2026-03-01"}, back=3))
    wanted = ["daily-grid-2026-02-28", "daily-makers-2026-02-28", "daily-makers-2026-03-01"]
    assert [one.name for one in found] == [*wanted, "monthly-grid-2026-02", "monthly-makers-2026-02"]
    assert list(due(date(2026, 3, 3), (date(2026, 1, 1), date(2026, 1, 1)), names, set(), back=2)) == []


def run(*words: str, lang: str = "en") -> tuple[int, str]:
    answer = CliRunner().invoke(build(catalogue(lang)), list(words), env={"CSMS_LANG": lang})
    return answer.exit_code, answer.output


@pytest.mark.parametrize("form", FORMS)
async def test_a_day_as_each_kind_of_file(home: Home, form: str) -> None:
    out = home.folder / f"day.{form}"
    code, said = run("daily", "grid", "--data-dir", str(home.folder), "--day", LAST.isoformat(), "--out", str(out))
    assert (code, out.is_file()) == (0, True), said
    assert out.stat().st_size > 500


async def test_all_audiences_go_into_a_folder_and_the_month_has_its_name(home: Home) -> None:
    out = home.folder / "out"
    code, said = run("monthly", "all", "--data-dir", str(home.folder), "--out", str(out), "--json")
    assert code == 0, said
    assert sorted(file.name for file in out.iterdir()) == [f"monthly-{name}-2026-03.html" for name in sorted(AUDIENCES)]
    assert len(json.loads(said.splitlines()[-1])["files"]) == 4


async def test_the_command_on_the_page_makes_the_page_again(home: Home) -> None:
    first, again = home.folder / "a.html", home.folder / "b.html"
    run("daily", "grid", "--data-dir", str(home.folder), "--region", "37", "--out", str(first))
    command = re.search(r"<code>csms report ([^<]*)</code>", first.read_text("utf-8"))
    assert command is not None
    code, said = run(*command.group(1).split(), "--out", str(again))
    assert code == 0, said
    digests = [re.findall(r'<code id="digest">(\w+)<', file.read_text("utf-8")) for file in (first, again)]
    assert digests[0] == digests[1] != []


@pytest.mark.parametrize(
    ("words", "exit_code", "code"),
    [
        (("monthly", "grid", "--month", "2026-13"), 2, "no_month"),
        (("daily", "grid", "--out", "x.pdf"), 2, "ending_unknown"),
        (("daily", "all", "--out", "x.html"), 2, "one_file"),
    ],
)
async def test_what_cannot_be_done_is_said(home: Home, words: tuple[str, ...], exit_code: int, code: str) -> None:
    found, said = run(*words, "--data-dir", str(home.folder), "--json")
    assert (found, json.loads(said.splitlines()[-1])["code"]) == (exit_code, code)


@pytest.mark.parametrize("lang", LANGUAGES)
def test_without_a_warehouse_it_says_what_to_do(tmp_path: Path, lang: str) -> None:
    code, said = run("daily", "grid", "--data-dir", str(tmp_path), lang=lang)
    assert code == 2
    assert "csms warehouse load" in said or "warehouse" in said
    assert newest_day(tmp_path / "warehouse") is None
