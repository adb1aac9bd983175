"""`csms response settlement`: what a month comes to, on the screen or as a file for the accounts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import path_segment
from csms.console.csv_file import write_csv
from csms.console.layout import Cell, Column
from csms.console.response_figures import kw
from csms.console.work import FAILED, Output, example, fail, json_option, url_option, work
from csms.texts import Text

COLUMNS = (
    "month",
    "operator",
    "feeder",
    "kind",
    "event",
    "start",
    "end",
    "power_kw",
    "price",
    "price_unit",
    "ratio",
    "credited_kwh",
    "days",
    "pay_yuan",
    "state",
)


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = example(text, "csms response settlement 2026-07 --export july.csv")

    @app.command("settlement", help=text("response.settlement.help"), epilog=shown)
    def settlement(
        month: str = typer.Argument(help=text("response.settlement.month"), metavar="MONTH"),
        file: Path | None = typer.Option(None, "--export", help=text("response.settlement.export"), dir_okay=False),
        force: bool = typer.Option(False, "--force", help=text("response.settlement.force")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(f"/response-settlements/{path_segment(month)}")
            if file is not None:
                _export(text, out, answer, file, force)
            elif as_json:
                out.document(answer)
            else:
                _show(text, out, answer)


def _show(text: Text, out: Output, answer: dict[str, Any]) -> None:
    for one in answer["settlements"]:
        out.record(
            {
                text("response.column.source"): one["source"],
                text("response.column.feeder"): one["feeder_id"],
                text("response.settlement.called"): one["called_pay"],
                text("response.settlement.standby"): one["standby_pay"],
                text("response.settlement.total"): Styled(one["total"], "bold"),
                text("response.column.state"): _final(text, one["final"]),
            }
        )
        for standby in one["standby"]:
            out.line(_standby(text, standby))
        if one["events"]:
            out.line("")
            titles = ("event", "start", "cleared", "ratio", "credited", "price", "pay", "state")
            columns = [Column(text(f"response.settlement.{title}"), right=title in _RIGHT) for title in titles]
            out.table(columns, [_row(text, event, answer["clock_time"]) for event in one["events"]])
        out.line("")
    words = text("response.settlement.sum", month=answer["month"], total=answer["total"])
    out.line(Styled(f"{words}  ", "bold") + _final(text, answer["final"]))
    if float(answer.get("drivers", 0)) > 0:
        out.line(text("response.settlement.drivers", pay=answer["drivers"]))


_RIGHT = ("cleared", "ratio", "credited", "price", "pay")


def _final(text: Text, final: bool) -> Styled:
    return Styled(text(f"response.settlement.{'final' if final else 'open'}"), units.GOOD if final else units.BAD)


def _standby(text: Text, one: dict[str, Any]) -> str | Styled:
    facts = {name: one[name] for name in ("standby_kw", "price", "days", "of_days", "pay")}
    words = text("response.settlement.stood_by", **facts)
    if one["forfeited_by"] is None:
        return words
    short = text("response.settlement.forfeited", event=one["forfeited_by"], ratio=one["ratio_min"])
    return Styled(f"{words}; {short}", units.BAD)


def _row(text: Text, event: dict[str, Any], now: str) -> list[Cell]:
    ratio = units.NOTHING if event["ratio"] is None else f"{event['ratio']:.3f}"
    return [
        event["id"],
        units.local_time(event["start"], now),
        kw(event["cleared_kw"]),
        ratio,
        kw(event["credited_kwh"]),
        text(f"response.unit.{event['price_unit']}", price=f"{event['price']:g}"),
        event["pay"],
        text(f"response.settlement_state.{event['state']}"),
    ]


def _export(text: Text, out: Output, answer: dict[str, Any], file: Path, force: bool) -> None:
    """The file is there only when it is whole."""
    if file.exists() and not force:
        fail(out, text("audit.export.exists", file=str(file)), FAILED)
    rows = [line for one in answer["settlements"] for line in _lines(answer["month"], one)]
    draft = file.with_name(file.name + ".partial")
    try:
        write_csv(draft, COLUMNS, rows)
        draft.replace(file)
    except OSError as fault:
        fail(out, text("audit.export.failed", reason=str(fault)), FAILED)
    if out.as_json:
        out.document({"file": str(file), "lines": len(rows), "total": answer["total"], "final": answer["final"]})
    else:
        out.line(text("response.settlement.exported", file=str(file), count=len(rows)))


def _lines(month: str, one: dict[str, Any]) -> list[list[Any]]:
    """Events, standing by, and their sum."""
    head = [month, one["source"], one["feeder_id"]]
    lines: list[list[Any]] = []
    for event in one["events"]:
        names = ("id", "start", "end", "cleared_kw", "price", "price_unit", "ratio", "credited_kwh")
        facts = ["" if event[name] is None else event[name] for name in names]
        lines.append([*head, "event", *facts, "", event["pay"], event["state"]])
    for standby in one["standby"]:
        power, price = standby["standby_kw"], standby["price"]
        state = f"forfeited by {standby['forfeited_by']}" if standby["forfeited_by"] else "settled"
        lines.append(
            [*head, "standby", "", "", "", power, price, "per_kw_month", "", "", standby["days"], standby["pay"], state]
        )
    state = "final" if one["final"] else "open"
    return [*lines, [*head, "total", *[""] * (len(COLUMNS) - len(head) - 3), one["total"], state]]
