"""`csms feeder care`: transformer areas at risk of overload and what helps, from their loads."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    from monitor.care.areas import Area, Loads
    from monitor.care.judge import Finding


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    shown = work.example(text, "csms feeder care areas.toml --loads loads.csv")

    @app.command("care", help=text("care.help"), epilog=shown)
    def care(
        areas: Path | None = typer.Argument(None, help=text("care.areas"), metavar="AREAS"),
        loads: Path | None = typer.Option(None, "--loads", help=text("care.loads")),
        warehouse: Path | None = typer.Option(None, "--warehouse", help=text("care.warehouse")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=text("care.data_dir")),
        level: float = typer.Option(0.9, "--level", min=0.5, max=0.999, help=text("care.level")),
        alarm_at: float = typer.Option(0.1, "--alarm-at", min=0.0, max=1.0, help=text("care.alarm_at")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.care.judge import document_of, judged

        known, told = _given(text, areas, loads, warehouse, data_dir, as_json)
        with Console(stderr=True).status(text("care.judging", count=len(known))):
            found = judged(known, told, level, alarm_at)
        if as_json:
            work.document(document_of(found))
        else:
            _show(text, found)
        if any(one.raises for one in found):
            raise typer.Exit(FAILED)

    return app


def _given(
    text: Text, areas: Path | None, loads: Path | None, warehouse: Path | None, data_dir: Path | None, as_json: bool
) -> tuple[tuple[Area, ...], dict[str, Loads]]:
    """Areas and loads from the files, or from the warehouse; areas of a file count there, too."""
    from monitor.care.areas import read_areas, read_loads

    if (loads is None) == (warehouse is None) or (warehouse is None and areas is None):
        raise typer.BadParameter(text("care.choose"), param_hint="--loads / --warehouse")
    known = work.read(text, areas, as_json, read_areas) if areas else ()
    if loads is not None:
        return known, work.read(text, loads, as_json, lambda path: read_loads(path.read_text("utf-8")))
    assert warehouse is not None
    if not warehouse.is_dir():
        work.fail(text("warehouse.empty", folder=warehouse), USAGE, as_json, "no_warehouse")
    from monitor.care.stored import below_of, from_warehouse, with_forecasts

    rated, told = from_warehouse(warehouse)
    told = with_forecasts(told, below_of(warehouse), data_dir or warehouse.parent)
    return known or rated, told


def _show(text: Text, found: list[Finding]) -> None:
    table = Table(box=None)
    for name in ("area", "days", "worst", "over", "peak", "hot_spot", "advice"):
        left = name in ("area", "advice")
        table.add_column(text(f"care.column.{name}"), justify="left" if left else "right", overflow="fold")
    for one in found:
        if one.risk is None:
            table.add_row(one.area.id, *["–"] * 5, text(f"care.why.{one.why}"))
            continue
        figures = (
            f"{one.risk.days_over:.1f}",
            f"{100 * one.risk.day_worst:.0f} %",
            f"{one.risk.over_kwh:.1f}",
            f"{100 * one.risk.peak_share:.0f} %",
            f"{one.risk.hot_spot_c:.0f}",
        )
        advice = "" if not one.raises else text(f"care.remedy.{one.advice.name}" if one.advice else "care.remedy.none")
        table.add_row(one.area.id, *figures, advice)
    Console().print(table)
    for one in found:
        _ways(text, one)
    if any(one.naive for one in found):
        typer.echo(text("care.naive"))
    for one in found:
        if one.forecast_days:
            how = "band" if "band" in one.sources else "forecasts"
            typer.echo(f"{one.area.id}  {text(f'care.source.{how}', days=one.forecast_days)}")
    for words in sorted({words for one in found if one.risk for words in one.risk.assumed}):
        typer.echo(text("care.assumed", words=words))


def _ways(text: Text, one: Finding) -> None:
    for way in one.remedies:
        facts = {
            "unserved": f"{way.unserved_kwh:.1f}",
            "moved": f"{way.moved_kwh:.1f}",
            "left": f"{way.left_over_kwh:.1f}",
        }
        sizes = {"kw": way.power_kw or 0.0, "kwh": way.capacity_kwh or 0.0, "kva": way.rated_kva or 0.0}
        shown = {name: f"{value:.0f}" for name, value in sizes.items()}
        typer.echo(f"{one.area.id}  {text(f'care.way.{way.name}', **facts, **shown)}")
