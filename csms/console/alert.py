"""`csms alert list|acknowledge`: what a person should look at."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import ApiClient
from csms.console.layout import Cell, Column
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text, coded

PAGE = 1000


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "alert")
    for mount in (_list, _acknowledge):
        mount(app, text)
    return app


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("alert.list"), epilog=example(text, "csms alert list --follow"))
    def list_(
        every: bool = typer.Option(False, "--all", help=text("alert.all")),
        station: str | None = typer.Option(None, "--station", help=text("alert.station")),
        limit: int = typer.Option(100, "--limit", min=1, max=PAGE, help=text("alert.limit")),
        follow: bool = typer.Option(False, "--follow", help=text("alert.follow")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/alerts", limit=limit, station_id=station, open=None if every else True)
            if as_json and not follow:
                out.document(answer)
            elif not follow:
                out.table(_columns(text), [_row(text, row) for row in reversed(answer["alerts"])])
            else:
                _follow(text, out, api, list(reversed(answer["alerts"])), station)


def _follow(text: Text, out: Output, api: ApiClient, known: list[dict[str, Any]], station: str | None) -> None:
    for row in known:
        _tell(text, out, row)
    for name, row in api.events("/alerts/live"):
        if name == "alert" and station in (None, row["station_id"]):
            _tell(text, out, row)


def _tell(text: Text, out: Output, row: dict[str, Any]) -> None:
    if out.as_json:
        out.document(row)
        return
    head = f"{units.local_time(row['last_at'])}  {row['alert_id']}  {row['station_id'] or units.NOTHING}  "
    kind = Styled(coded(text, "alert.kind", row["kind"]), units.BAD)
    out.line(Styled(head) + kind + Styled(f"  {row['info']}  ({row['count']})"))


def _columns(text: Text) -> list[Column]:
    titles = ("number", "last", "station", "kind", "count", "info", "by")
    whole = ("number", "last", "station")
    return [Column(text(f"alert.column.{title}"), whole=title in whole) for title in titles]


def _row(text: Text, row: dict[str, Any]) -> list[Cell]:
    return [
        str(row["alert_id"]),
        units.local_time(row["last_at"]),
        row["station_id"] or units.NOTHING,
        Styled(coded(text, "alert.kind", row["kind"]), units.BAD if row["open"] else ""),
        str(row["count"]),
        row["info"],
        row["acknowledged_by"] or units.NOTHING,
    ]


def _acknowledge(app: typer.Typer, text: Text) -> None:
    shown = example(text, 'csms alert acknowledge 17 18 --note "door was open, locked again"')

    @app.command("acknowledge", help=text("alert.acknowledge"), epilog=shown)
    def acknowledge(
        numbers: list[str] = typer.Argument(help=text("alert.numbers"), metavar="NUMBER..."),
        note: str = typer.Option("", "--note", help=text("alert.note")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        wrong = [number for number in numbers if not number.isdecimal() and number != "all"]
        if wrong:
            raise typer.BadParameter(text("alert.bad_number", value=wrong[0]), param_hint="NUMBER")
        with work(text, url, as_json) as (api, out):
            if "all" in numbers:
                numbers = [str(row["alert_id"]) for row in api.get("/alerts", open=True, limit=PAGE)["alerts"]]
            closed = [api.post(f"/alerts/{number}/acknowledge", {"note": note}) for number in numbers]
            if as_json:
                out.document({"alerts": closed})
            else:
                out.line(text("alert.acknowledged", count=len(closed)))
