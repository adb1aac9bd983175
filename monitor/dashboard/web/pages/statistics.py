"""Statistics by audience, from the warehouse: five sentences, pictures, every figure, and all as files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup
from nicegui import run, ui

from csms.texts import Text
from monitor.dashboard.web.desk import PATIENCE_S, Desk, View, view_of
from monitor.dashboard.web.exports import attachment
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.gate import visitor_of
from monitor.dashboard.web.parts import card, markup, table, tag
from monitor.reports.gallery import gallery
from monitor.reports.page import note_of, of_whom
from monitor.reports.reading import newest_day, read_told
from monitor.reports.sentences import sentences
from monitor.reports.told import Told, month_of, spanned, written
from monitor.reports.writing import BYTE_ORDER, FORMS, Form, content, csv_text
from monitor.warehouse.engine import in_process, star
from monitor.warehouse.files import Files
from monitor.warehouse.report import Asked, Figure
from monitor.warehouse.statistics import STATISTICS

SPANS = ("day", "7", "30", "month", "90", "365")
AUDIENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "grid": (("energy", "feeder_id"), ("profile", "all"), ("busiest", "all")),
    "government": (("energy", "all"), ("sessions", "all"), ("utilisation", "site_id")),
    "makers": (("energy", "model"), ("utilisation", "vendor")),
    "operators": (("sessions", "site_id"), ("utilisation", "station_id"), ("busiest", "all")),
}
"""Beside its figures each audience is shown statistics of the warehouse, and by what they are told apart."""
ROWS_SHOWN = 40
MEDIA_TYPES = {
    "html": "text/html; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "csv": "text/csv; charset=utf-8",
    "json": "application/json",
}
Rows = list[dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wish:
    """What the page is asked for; words that make no sense count as the first choice."""

    audience: str
    span: str

    @staticmethod
    def of(audience: str, span: str) -> Wish:
        """From an address."""
        return Wish(audience if audience in AUDIENCES else "grid", span if span in SPANS else "30")

    def href(self, **changed: str) -> str:
        """The page with something else chosen."""
        facts = {"audience": self.audience, "span": self.span} | changed
        return f"/statistics?audience={facts['audience']}&span={facts['span']}"

    def days(self, newest: date) -> tuple[date, date]:
        """First and last day, up to the newest that is known."""
        if self.span == "day":
            return newest, newest
        if self.span == "month":
            return month_of(newest)[0], newest
        return newest - timedelta(days=int(self.span) - 1), newest


def mount(desk: Desk) -> None:
    """The page at `/statistics`."""

    @ui.page("/statistics", response_timeout=PATIENCE_S)
    async def statistics(request: Request, audience: str = "grid", span: str = "30") -> None:
        view = view_of(desk, request)
        with frame(view, "statistics"):
            if view.visitor.sees_all:
                await _build(view, Wish.of(audience, span))


async def _build(view: View, wish: Wish) -> None:
    text = view.text
    with tag("div", "row-line"):
        with tag("div", "chips"):
            for name in AUDIENCES:
                _chip(text(f"web.audience.{name}"), wish.href(audience=name), name == wish.audience)
        tag("div", "gap")
        with tag("div", "chips"):
            for span in SPANS:
                words = text("web.statistics.days", count=span) if span.isdecimal() else text(f"web.statistics.{span}")
                _chip(words, wish.href(span=span), span == wish.span)
    told = await run.io_bound(told_of, view.desk.warehouse, wish)
    if told is None:
        tag("p", "empty", text("web.statistics.empty"))
        return
    _answer(view, told, wish)
    for name, by in AUDIENCES[wish.audience]:
        rows = await run.io_bound(read_statistic, view.desk.warehouse, name, by, wish)
        with card(text(f"web.statistic.{name}")):
            tag("p", "quiet", text(f"web.statistic.{name}_means"))
            _show(text, rows or [])
            if rows:
                more = f"audience={wish.audience}&span={wish.span}&name={name}&by={by}"
                tag("a", "", text("web.statistics.csv"), href=f"/export/statistics.csv?{more}")


def _chip(words: str, href: str, here: bool) -> None:
    tag("a", "chip", words, href=href, **({"aria_current": "true"} if here else {}))


def _answer(view: View, told: Told, wish: Wish) -> None:
    """Five sentences, three pictures, the figures, and the files of all this."""
    text = view.text
    with card(f"{text(f'web.audience.{wish.audience}')} · {told.days}"):
        said = Markup("").join(Markup("<li>{}</li>").format(words) for words in sentences(told.report, text))
        markup(Markup('<ol class="answer">{}</ol>').format(said))
        with tag("div", "row-line"):
            tag("span", "quiet", text("web.statistics.files"))
            for form in FORMS:
                tag("a", "", form.upper(), href=f"/export/report.{form}?audience={wish.audience}&span={wish.span}")
            tag("span", "quiet", text("web.statistics.pdf"))
    with tag("div", "thirds"):
        for picture in gallery(told, text):
            with card(text(f"report.picture.{picture.name}")):
                nothing = Markup('<p class="empty">{}</p>').format(text("report.picture.none"))
                markup(picture.drawn or nothing)
    with card(text("report.figures")):
        markup(figures_markup(text, told.report.figures))
        tag("p", "quiet", text("report.dash"))


def figures_markup(text: Text, figures: Sequence[Figure]) -> Markup:
    """A row for each figure with its range and what has to be known to read it."""
    rows = [
        {
            "figure": text(f"warehouse.figure.{one.name}"),
            "of": of_whom(text, one),
            "value": written(one.value, one.unit, text("report.unit.yuan")),
            "range": spanned(one),
            "note": Markup('<span class="quiet">{}</span>').format(note_of(text, one)),
        }
        for one in figures
    ]
    names = ("figure", "of", "#value", "#range", "note")
    return table([(name, text(f"report.column.{name.lstrip('#')}")) for name in names], rows, text("web.none"))


def _show(text: Text, rows: Rows) -> None:
    markup(rows_markup(text, rows[-ROWS_SHOWN:]))
    if len(rows) > ROWS_SHOWN:
        tag("p", "quiet", text("web.statistics.cut", count=ROWS_SHOWN, total=len(rows)))


def rows_markup(text: Text, rows: Sequence[dict[str, Any]]) -> Markup:
    """Rows of the warehouse with their headings in words."""
    names = list(rows[0]) if rows else []
    numeric = {name for name in names if isinstance(rows[0][name], int | float)}
    columns = [(f"#{name}" if name in numeric else name, text(f"web.column.{name}")) for name in names]
    shown = [{name: _figure(value) for name, value in row.items()} for row in rows]
    return table(columns, shown, text("web.statistics.empty"))


def _figure(value: Any) -> str:
    return f"{value:,.2f}" if isinstance(value, float) else "" if value is None else str(value)


def told_of(folder: Path | None, wish: Wish) -> Told | None:
    """The report of an audience; None where no warehouse was loaded. Takes a while: not for the loop."""
    newest = newest_day(folder) if folder is not None else None
    if folder is None or newest is None:
        return None
    first, last = wish.days(newest)
    command = f"csms warehouse stats {wish.audience} --first {first} --last {last}"
    return read_told(folder, wish.audience, Asked(first, last), command=command)


def read_statistic(folder: Path | None, name: str, by: str, wish: Wish) -> Rows:
    """The last days that the warehouse knows; nothing where none was loaded. Takes a while: not for the loop."""
    known: Sequence[date] = Files(folder).days("day_evse") if folder is not None and folder.is_dir() else ()
    if folder is None or not known:
        return []
    first, last = wish.days(known[-1])
    found = STATISTICS[name](star(in_process(folder)), first, last, by)
    return list(found.to_pyarrow().to_pylist())


def router(desk: Desk) -> APIRouter:
    """The routes of the files."""
    routes = APIRouter(prefix="/export", include_in_schema=False)
    wanted = {pair for pairs in AUDIENCES.values() for pair in pairs}

    def sees(request: Request) -> bool:
        visitor = visitor_of(request.scope)
        return visitor is not None and visitor.sees_all

    @routes.get("/statistics.csv")
    async def rows_file(request: Request, name: str, by: str, audience: str = "grid", span: str = "30") -> Response:
        if not sees(request) or (name, by) not in wanted:
            return Response("no such statistic\n", 404)
        rows = await run.io_bound(read_statistic, desk.warehouse, name, by, Wish.of(audience, span))
        made = BYTE_ORDER + csv_text(rows or [])
        return Response(made, media_type=MEDIA_TYPES["csv"], headers=attachment(f"{name}-{by}.csv"))

    @routes.get("/report.{form}")
    async def report_file(request: Request, form: Form, audience: str = "grid", span: str = "30") -> Response:
        visitor = visitor_of(request.scope)
        if visitor is None or not visitor.sees_all:
            return Response("no such report\n", 404)
        wish = Wish.of(audience, span)
        told = await run.io_bound(told_of, desk.warehouse, wish)
        if told is None:
            return Response("the warehouse holds nothing yet\n", 404)
        made = await run.io_bound(content, told, form, visitor.lang)
        named = {} if form == "html" else attachment(f"{wish.audience}-{told.report.asked.last}.{form}")
        return Response(made, media_type=MEDIA_TYPES[form], headers=named)

    return routes
