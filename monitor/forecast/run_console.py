"""`csms forecast run`: says the coming hours, and leaves the planner of the central system what it wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.shared import sharing
from monitor.console.work import USAGE, json_option
from monitor.forecast.opening import Where, example, where_asked, with_desk

if TYPE_CHECKING:
    from csms.model.outlook import Outlook
    from monitor.forecast.desk import ForecastDesk, Said

QUARTERS_A_DAY, DAYS_MAX = 96, 7
SHOWN = 20
"""So many names are told to who asks for one that there is not."""
PLANNED_BY = "feeder"
"""Limits are those of feeders, so plans want to know of these."""


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""

    @app.command("run", help=text("forecast.run.help"), epilog=example(text, "run --days 2"))
    @sharing(where_asked(text))
    def run(
        where: Where,
        days: float = typer.Option(1.0, "--days", min=1 / QUARTERS_A_DAY, max=DAYS_MAX, help=text("forecast.run.days")),
        series: str = typer.Option("", "--series", help=text("forecast.run.series")),
        for_plans: bool = typer.Option(False, "--for-plans", help=text("forecast.run.for_plans")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.forecast import leave_outlook

        if for_plans and where.by != PLANNED_BY:
            work.fail(text("forecast.run.plans_by_feeder"), USAGE, as_json, "not_by_feeder")
        steps = max(round(days * QUARTERS_A_DAY), 1)

        async def act(desk: ForecastDesk) -> tuple[Outlook | None, Said | None]:
            outlook = await desk.look_ahead() if where.by == PLANNED_BY else None
            if outlook is not None:
                leave_outlook(where.data_dir, outlook)
                _tell_years(text, where.calendar, desk.missing_years(outlook))
            return outlook, None if for_plans else await desk.run(steps)

        outlook, said = with_desk(text, where, as_json, act)
        if said is not None:
            if series and series not in said.names:
                told = text("forecast.no_series", series=series, there=", ".join(said.names[:SHOWN]))
                work.fail(told, USAGE, as_json, "no_series")
            rows = [row for row in said.rows() if not series or row["series"] == series]
            _show(text, said, rows, series, as_json)
        elif as_json:
            work.document(_summary(outlook))
        if outlook is not None and not as_json:
            typer.echo(text("forecast.run.left", **_summary(outlook)))


def _tell_years(text: Text, calendar: str, years: Sequence[int]) -> None:
    for year in years:
        typer.echo(text("forecast.run.unknown_year", year=year, calendar=calendar), err=True)


def _summary(outlook: Outlook | None) -> dict[str, Any]:
    """What the planner was left."""
    if outlook is None:
        return {}
    cars = sum(one.count for one in outlook.cars)
    energy_kwh = sum(one.count * one.energy_wh for one in outlook.cars) / 1000
    at = outlook.made_at.isoformat(timespec="seconds")
    return {"at": at, "feeders": len(outlook.loads_w), "cars": round(cars, 1), "energy_kwh": round(energy_kwh, 1)}


def _show(text: Text, said: Said, rows: Sequence[dict[str, Any]], series: str, as_json: bool) -> None:
    if as_json:
        work.document([{k: v.isoformat() if hasattr(v, "isoformat") else v for k, v in row.items()} for row in rows])
        return
    table = Table(title=text("forecast.run.title", count=len(said.names), at=said.made_at.isoformat()))
    for column in ("series", "from", "expected", "low", "high"):
        table.add_column(text(f"forecast.column.{column}"), justify="left" if column == "series" else "right")
    for row in rows if series else [row for row in rows if row["series"] == "total"]:
        figures = (row["expected_kwh"], row["low_kwh"], row["high_kwh"])
        shown = ("" if figure is None else f"{figure:.2f}" for figure in figures)
        table.add_row(row["series"], f"{row['target_at']:%m-%d %H:%M}", *shown)
    Console().print(table)
