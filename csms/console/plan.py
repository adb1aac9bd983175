"""`csms plan`: show."""

from __future__ import annotations

from typing import Any

import typer

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "plan")

    @app.command("show", help=text("plan.show.help"), epilog=example(text, "csms plan show north"))
    def show(
        feeder: str = typer.Argument(help=text("plan.option.feeder"), metavar="FEEDER"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            plan = api.get(f"/plans/{feeder}")
            if as_json:
                out.document(plan)
            else:
                _show(text, out, plan)

    return app


def _show(text: Text, out: Output, plan: dict[str, Any]) -> None:
    out.record(
        {
            text("plan.feeder"): plan["feeder_id"],
            text("plan.made"): units.local_time(plan["made_at"]),
            text("plan.cause"): plan["cause"],
            text("plan.method"): plan["method"],
            text("plan.gap"): f"{plan['gap']:.1e}",
            text("plan.solve"): f"{plan['solve_s'] * 1000:.0f} ms",
        }
    )
    rows = plan["content"].get("sessions")
    if isinstance(rows, list) and rows and all(isinstance(row, dict) for row in rows):
        out.line("")
        out.table(*_table(rows))


def _table(rows: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    """What the plan says of its sessions, under its own names; lists (power by slot) are left to `--json`."""
    names = [name for name, value in rows[0].items() if not isinstance(value, (list, dict))]
    return [Column(name) for name in names], [[_plain(row.get(name)) for name in names] for row in rows]


def _plain(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.1f}"
    return units.NOTHING if value is None else str(value)
