"""`csms forecast run`: says the coming hours, and leaves the planner of the central system what it wants to know."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import USAGE, json_option
from monitor.forecast.opening import (
    Where,
    by_option,
    calendar_option,
    example,
    known_option,
    regions_option,
    url_option,
    with_desk,
    zone_option,
)

if TYPE_CHECKING:
    from csms.model.outlook import Outlook
    from monitor.forecast.desk import ForecastDesk, Said

QUARTERS_A_DAY, DAYS_MAX = 96, 7
PLANNED_BY = "feeder"
"""Limits are those of feeders, so plans want to know of these."""


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""

    @app.command("run", help=text("forecast.run.help"), epilog=example(text, "run --days 2"))
    def run(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = url_option(text),
        by: str = by_option(text),
        days: float = typer.Option(1.0, "--days", min=1 / QUARTERS_A_DAY, max=DAYS_MAX, help=text("forecast.run.days")),
        series: str = typer.Option("", "--series", help=text("forecast.run.series")),
        for_plans: bool = typer.Option(False, "--for-plans", help=text("forecast.run.for_plans")),
        time_zone: str = zone_option(text),
        calendar: str = calendar_option(text),
        known: list[Path] = known_option(text),
        regions: Path | None = regions_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.forecast import leave_outlook

        if for_plans and by != PLANNED_BY:
            work.fail(text("forecast.run.plans_by_feeder"), USAGE, as_json, "not_by_feeder")
        steps = max(round(days * QUARTERS_A_DAY), 1)

        async def act(desk: ForecastDesk) -> tuple[Outlook | None, Said | None]:
            outlook = await desk.look_ahead() if by == PLANNED_BY else None
            if outlook is not None:
                leave_outlook(data_dir, outlook)
                _tell_years(text, calendar, desk.missing_years(outlook))
            return outlook, None if for_plans else await desk.run(steps)

        where = Where(data_dir, database_url, by, time_zone, calendar, tuple(known), regions)
        outlook, said = with_desk(text, where, as_json, act)
        if said is not None:
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
