"""`csms warehouse stats|export`: a statistic by day, or the figures of an audience, on the screen or in a file."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.shared import sharing
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    import pyarrow as pa

    from monitor.warehouse.report import Figure, Report

Audience = Literal["grid", "government", "makers", "operators"]
Name = Literal[
    "energy", "sessions", "utilisation", "metered", "profile", "busiest", "grid", "government", "makers", "operators"
]
By = Literal["all", "site_id", "feeder_id", "station_id", "kind", "vendor", "model"]
DAYS = timedelta(days=30)
FOLDER = "warehouse"
Answer = list[dict[str, Any]]
Told = TypeVar("Told")


@dataclass(frozen=True, slots=True)
class Wish:
    """What was asked for on the command line."""

    name: Name
    folder: Path
    by: By
    first: datetime | None
    last: datetime | None
    filters: dict[str, str]
    as_json: bool


def example(text: Text, command: str) -> str:
    """The last line of a command's help."""
    return work.example(text, f"csms warehouse {command} --data-dir data")


def folder_option(text: Text) -> Any:
    """`--folder`."""
    return typer.Option(None, "--folder", help=text("warehouse.folder"))


def stats(app: typer.Typer, text: Text) -> None:
    """Mount the command."""

    @app.command("stats", help=text("warehouse.stats.help"), epilog=example(text, "stats grid --region 3711"))
    @sharing(_wished(text))
    def command(wish: Wish) -> None:
        if wish.name in get_args(Audience):
            report = _answered(text, wish, _report)
            work.document(report.document()) if wish.as_json else _show_report(text, report)
            return
        rows: Answer = _answered(text, wish, _figures).to_pylist()
        work.document(plain(rows)) if wish.as_json else show(text, rows)


def export(app: typer.Typer, text: Text) -> None:
    """Mount the command."""

    @app.command("export", help=text("warehouse.export.help"), epilog=example(text, "export energy energy.csv"))
    @sharing(_wished(text))
    def command(wish: Wish, file: Path = typer.Argument(help=text("warehouse.export.file"), metavar="FILE")) -> None:
        import pyarrow as pa
        from pyarrow import csv, parquet

        if file.suffix not in (".csv", ".parquet"):
            work.fail(text("warehouse.export.file"), USAGE, wish.as_json, "ending_unknown")
        audience = wish.name in get_args(Audience)
        rows = _answered(text, wish, _report).rows() if audience else None
        table = _answered(text, wish, _figures) if rows is None else pa.Table.from_pylist(rows)
        try:
            (csv.write_csv if file.suffix == ".csv" else parquet.write_table)(table, file)
        except OSError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, wish.as_json, "not_written")
        if wish.as_json:
            work.document({"rows": table.num_rows, "file": str(file)})
        else:
            typer.echo(text("warehouse.written", rows=table.num_rows, file=file))


def show(text: Text, rows: Answer) -> None:
    """Rows as a table."""
    if not rows:
        typer.echo(text("warehouse.nothing"))
        return
    table = Table()
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def plain(rows: Answer) -> Answer:
    """Rows that JSON can hold."""
    return [{name: _json(value) for name, value in row.items()} for row in rows]


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else str(value)


def _filter(text: Text, name: str) -> Any:
    return typer.Option("", f"--{name.replace('_', '-')}", help=text(f"warehouse.report.{name}"))


def _wished(text: Text) -> Callable[..., Wish]:
    """The options of both commands."""

    def wished(
        name: Name = typer.Argument(help=text("warehouse.stats.name"), metavar="STATISTIC"),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = folder_option(text),
        by: By = typer.Option("all", "--by", help=text("warehouse.stats.by"), metavar="GROUP"),
        first: datetime | None = work.day_option(text, "--first", "warehouse.stats.first", None),
        last: datetime | None = work.day_option(text, "--last", "warehouse.stats.last", None),
        region: str = _filter(text, "region"),
        operator: str = _filter(text, "operator"),
        station_type: str = _filter(text, "station_type"),
        as_json: bool = json_option(text),
    ) -> Wish:
        named = {"region": region, "operator": operator, "station_type": station_type}
        filters = {key: value for key, value in named.items() if value}
        return Wish(name, folder or data_dir / FOLDER, by, first, last, filters, as_json)

    return wished


def _answered(text: Text, wish: Wish, ask: Callable[[Text, Wish], Told]) -> Told:
    """What was asked for; a file of the warehouse that cannot be read is said."""
    import duckdb
    import pyarrow as pa

    try:
        return ask(text, wish)
    except (duckdb.Error, pa.ArrowException, OSError, ValueError) as fault:
        words = text("warehouse.damaged", folder=wish.folder, reason=str(fault).split("\n", 1)[0])
        work.fail(words, FAILED, wish.as_json, "warehouse_damaged")


def _figures(text: Text, wish: Wish) -> pa.Table:
    from monitor.warehouse.engine import in_process, star
    from monitor.warehouse.files import Files
    from monitor.warehouse.statistics import STATISTICS

    if wish.filters:
        _mixed(text, wish, [f"--{name.replace('_', '-')}" for name in wish.filters])
    days = Files(wish.folder).days("day_evse")
    since, until = _days(text, wish, (days[-1] - DAYS, days[-1]) if days else None)
    found = STATISTICS[wish.name](star(in_process(wish.folder)), since, until, wish.by)
    return found.to_pyarrow()


def _report(text: Text, wish: Wish) -> Report:
    from monitor.warehouse.audiences import newest_month, report_of
    from monitor.warehouse.report import Asked

    if wish.by != "all":
        _mixed(text, wish, ["--by"])
    since, until = _days(text, wish, newest_month(wish.folder))
    return report_of(wish.folder, wish.name, Asked(since, until, **wish.filters))


def _mixed(text: Text, wish: Wish, options: list[str]) -> None:
    words = text("warehouse.report.mixed", options=", ".join(options), name=wish.name)
    work.fail(words, USAGE, wish.as_json, "options_mixed")


def _days(text: Text, wish: Wish, newest: tuple[date, date] | None) -> tuple[date, date]:
    """As asked for; else those up to the newest day of which something is known."""
    if newest is None:
        work.fail(text("warehouse.empty", folder=wish.folder), USAGE, wish.as_json, "no_warehouse")
    until: date = wish.last.date() if wish.last else newest[1]
    since: date = wish.first.date() if wish.first else until - (newest[1] - newest[0])
    if since > until:
        work.fail(text("warehouse.reversed", first=since, last=until), USAGE, wish.as_json, "days_reversed")
    return since, until


def _show_report(text: Text, report: Report) -> None:
    filters = "".join(f", {name} {value}" for name, value in report.asked.filters().items())
    facts = {"audience": report.audience, "first": report.asked.first, "last": report.asked.last, "filters": filters}
    table = Table(title=text("warehouse.report.title", **facts), title_justify="left")
    for name in ("figure", "of", "value", "range", "note"):
        table.add_column(text(f"warehouse.report.{name}"), justify="right" if name in ("value", "range") else "left")
    for figure in report.figures:
        title = text(f"warehouse.figure.{figure.name}")
        table.add_row(title, figure.of, _written(figure), _range(figure), figure.note)
    Console().print(table)
    for operator, score in report.quality.items():
        typer.echo(text("warehouse.report.quality", operator=operator, score=score))
    for words in report.assumptions:
        typer.echo(text("warehouse.report.assumed", words=words))


def _written(figure: Figure) -> str:
    if figure.value is None:
        return "-"
    unit = "" if figure.unit in ("", "1") else f" {figure.unit}"
    return f"{figure.value:,.4g}{unit}" if isinstance(figure.value, float) else f"{figure.value:,}{unit}"


def _range(figure: Figure) -> str:
    ends = [figure.low, figure.high]
    return "" if ends == [None, None] else " .. ".join("" if end is None else f"{end:,.4g}" for end in ends)
