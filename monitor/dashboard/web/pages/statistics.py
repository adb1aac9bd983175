"""Statistics by audience, from the warehouse: what each asks for, as a table, a picture and a file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response
from markupsafe import Markup
from nicegui import run, ui

from csms.texts import Text
from monitor.dashboard.web.charts import lines
from monitor.dashboard.web.desk import Desk, View, view_of
from monitor.dashboard.web.frame import frame
from monitor.dashboard.web.gate import visitor_of
from monitor.dashboard.web.parts import Chart, card, markup, table, tag

DAYS = (7, 30, 90, 365)
AUDIENCES: dict[str, tuple[tuple[str, str], ...]] = {
    "grid": (("energy", "feeder_id"), ("profile", "all"), ("busiest", "all")),
    "government": (("energy", "all"), ("sessions", "all"), ("utilisation", "site_id")),
    "makers": (("energy", "model"), ("utilisation", "vendor")),
    "operators": (("sessions", "site_id"), ("utilisation", "station_id"), ("busiest", "all")),
}
"""What each audience is shown: a statistic of the warehouse, and by what it is told apart."""
ROWS_SHOWN = 40
Rows = list[dict[str, Any]]


def mount(desk: Desk) -> None:
    """The page at `/statistics`."""

    @ui.page("/statistics")
    async def statistics(request: Request, audience: str = "grid", days: int = 30) -> None:
        view = view_of(desk, request)
        with frame(view, "statistics"):
            if view.visitor.sees_all:
                await _build(view, audience if audience in AUDIENCES else "grid", days if days in DAYS else 30)


async def _build(view: View, audience: str, days: int) -> None:
    text = view.text
    with tag("div", "row-line"):
        with tag("div", "chips"):
            for name in AUDIENCES:
                _chip(text(f"web.audience.{name}"), f"/statistics?audience={name}&days={days}", name == audience)
        tag("div", "gap")
        with tag("div", "chips"):
            for count in DAYS:
                _chip(
                    text("web.statistics.days", count=count),
                    f"/statistics?audience={audience}&days={count}",
                    count == days,
                )
    for name, by in AUDIENCES[audience]:
        rows = await run.io_bound(read_statistic, view.desk.warehouse, name, by, days)
        with card(text(f"web.statistic.{name}")):
            tag("p", "quiet", text(f"web.statistic.{name}_means"))
            _show(view, rows or [], by)
            if rows:
                tag("a", "", text("web.statistics.csv"), href=f"/export/statistics.csv?name={name}&by={by}&days={days}")


def _chip(words: str, href: str, here: bool) -> None:
    tag("a", "chip", words, href=href, **({"aria_current": "true"} if here else {}))


def _show(view: View, rows: Rows, by: str) -> None:
    """A picture where there is one figure over days, and the table."""
    text = view.text
    if rows and "date" in rows[0] and by == "all":
        figure = next(name for name in rows[0] if name != "date")
        line = [(str(row["date"]), row[figure]) for row in rows]
        options = lines({text(f"web.column.{figure}"): line}, view.theme)
        options["yAxis"] |= {"name": ""}
        Chart(options, text(f"web.column.{figure}"), "chart low")
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


def read_statistic(folder: Path | None, name: str, by: str, days: int) -> Rows:
    """The last days that the warehouse knows; nothing where none was loaded. Takes a while: not for the loop."""
    from monitor.warehouse.engine import in_process, star
    from monitor.warehouse.files import Files
    from monitor.warehouse.statistics import STATISTICS

    known: Sequence[date] = Files(folder).days("day_evse") if folder is not None and folder.is_dir() else ()
    if folder is None or not known:
        return []
    last = known[-1]
    found = STATISTICS[name](star(in_process(folder)), last - timedelta(days=days - 1), last, by)
    return list(found.to_pyarrow().to_pylist())


def router(desk: Desk) -> APIRouter:
    """The route of the files."""
    routes = APIRouter(include_in_schema=False)
    wanted = {pair for pairs in AUDIENCES.values() for pair in pairs}

    @routes.get("/export/statistics.csv")
    async def export(request: Request, name: str, by: str, days: int = 30) -> Response:
        visitor = visitor_of(request.scope)
        if visitor is None or not visitor.sees_all or (name, by) not in wanted or days not in DAYS:
            return Response("no such statistic\n", 404)
        rows = await run.io_bound(read_statistic, desk.warehouse, name, by, days)
        headers = {"content-disposition": f'attachment; filename="{name}-{by}.csv"'}
        return Response(csv_text(rows or []), media_type="text/csv; charset=utf-8", headers=headers)

    return routes


def csv_text(rows: Rows) -> str:
    """As CSV (RFC 4180) with a mark for spreadsheets; words that a spreadsheet would compute are quoted away."""
    out = io.StringIO()
    names = list(rows[0]) if rows else []
    writer = csv.DictWriter(out, names, lineterminator="\r\n")
    writer.writeheader()
    writer.writerows({name: _harmless(value) for name, value in row.items()} for row in rows)
    return "\ufeff" + out.getvalue()


def _harmless(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and value[:1] in ("=", "+", "-", "@", "\t", "\r") else value
