"""`csms limit simulate`: what the plan of the hours to come would be with a limit, by quarter-hour."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import quote

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.limit_values import power_w_option, server_time, statement, window
from csms.console.plan import bars
from csms.console.work import Output, example, json_option, url_option, work
from csms.texts import Text

LABEL = 18


def mount(app: typer.Typer, text: Text) -> None:
    """Add the command."""

    @app.command(
        "simulate",
        help=text("limit.simulate.help"),
        epilog=example(text, "csms limit simulate T1 --kw 60 --from +1h --to +3h --hours 6"),
        context_settings={"ignore_unknown_options": True},
    )
    def simulate(
        feeder: str = typer.Argument(help=text("limit.option.feeder"), metavar="FEEDER"),
        watts: int | None = typer.Argument(None, help=text("limit.option.watts"), metavar="WATTS"),
        kw: float | None = typer.Option(None, "--kw", help=text("limit.option.kw")),
        start: str = typer.Option("now", "--from", help=text("limit.option.from")),
        end: str = typer.Option("+2h", "--to", help=text("limit.option.to")),
        hours: float = typer.Option(4.0, "--hours", min=0.25, max=24.0, help=text("limit.simulate.hours")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        power_w = power_w_option(text, watts, kw)
        with work(text, url, as_json) as (api, out):
            now = server_time(api)
            document = statement(str(uuid.uuid4()), None, now, power_w, "") | window(text, now, start, end)
            path = f"/feeders/{quote(feeder, safe='')}/limits/{document['id']}/simulation?slots={round(hours * 4)}"
            answer = api.post(path, document)
            if as_json:
                out.document(answer)
            else:
                _show(text, out, answer)


def _show(text: Text, out: Output, answer: dict[str, Any]) -> None:
    rows = answer["rows"]
    _picture(text, out, rows)
    out.line("")
    names = ("cap", "base", "without", "with")
    columns = [Column(text("response.rows.at"), whole=True)]
    columns += [Column(text(f"limit.simulate.{name}"), right=True) for name in (*names, "energy")]
    lines: list[list[Cell]] = [
        [
            units.local_time(row["begins_at"], answer["clock_time"]),
            *(f"{row[f'{name}_kw']:,.1f}" for name in names),
            f"{row['with_kwh']:,.2f}",
        ]
        for row in rows
    ]
    out.table(columns, lines)
    total = sum(row["with_kwh"] for row in rows)
    fewer = sum(row["without_kw"] for row in rows) / 4 - total
    out.line(text("limit.simulate.total", with_kwh=f"{total:,.1f}", fewer_kwh=f"{fewer:,.1f}"))
    _losses(text, out, answer)


def _picture(text: Text, out: Output, rows: list[dict[str, Any]]) -> None:
    """The cap, and base load with charging under it, on one scale."""
    series = {
        "cap": [row["cap_kw"] for row in rows],
        "without": [row["base_kw"] + row["without_kw"] for row in rows],
        "with": [row["base_kw"] + row["with_kw"] for row in rows],
    }
    colours = {"cap": "Reserved", "without": "Unknown", "with": "Charging"}
    top = max([*(kw for values in series.values() for kw in values), 0.1])
    room = out.console.width - LABEL
    cells = max(1, min(2, room // len(rows)))
    out.line(text("response.rows.scale", top=f"{top:,.1f}"))
    for name, values in series.items():
        label = Styled(text(f"limit.simulate.load_{name}"), "bold")
        label.truncate(LABEL - 1, pad=True)
        drawn = bars([value for value in values for _ in range(cells)], top, room)
        out.line(label + Styled(" ") + Styled(drawn, units.STATE_COLOURS[colours[name]]))


def _losses(text: Text, out: Output, answer: dict[str, Any]) -> None:
    if not answer["planned"]:
        out.line(text("limit.simulate.no_plan"))
    elif not answer["losses"]:
        out.line(text("limit.drill.no_losses"))
    else:
        out.line("")
        names = ("evse", "wanted", "without", "with")
        columns = [Column(text(f"limit.drill.{title}"), right=title != "evse") for title in names]
        lines: list[list[Cell]] = [
            [row["evse"], *(f"{row[name]:.1f}" for name in ("wanted_kwh", "without_kwh", "with_kwh"))]
            for row in answer["losses"]
        ]
        out.table(columns, lines)
