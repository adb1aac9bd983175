"""`csms report`: daily and monthly for each audience, of the quality watch, of the demo, and what is due."""

from __future__ import annotations

import os
import shlex
from datetime import date, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text, language_from
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    from monitor.reports.told import Period, Told
    from monitor.reports.writing import Form

Audience = Literal["grid", "government", "makers", "operators", "all"]
FormName = Literal["html", "xlsx", "csv", "json"]
FOLDER = "warehouse"
FILTERS = ("region", "operator", "station_type")


def build(text: Text) -> typer.Typer:
    """The command group."""
    from monitor.reports import demo_console, scheduled_console

    return work.group(text, "report", (_daily, _monthly, _quality, demo_console.mount, scheduled_console.mount))


def example(text: Text, command: str) -> str:
    """The last line of a command's help."""
    return work.example(text, f"csms report {command}")


def _audience(text: Text) -> Any:
    return typer.Argument(help=text("report.audience"), metavar="AUDIENCE")


def _filter(text: Text, name: str) -> Any:
    return typer.Option("", f"--{name.replace('_', '-')}", help=text(f"warehouse.report.{name}"))


def _daily(app: typer.Typer, text: Text) -> None:
    @app.command(
        "daily", help=text("report.daily.help"), epilog=example(text, "daily grid --data-dir data --out grid.html")
    )
    def daily(
        audience: Audience = _audience(text),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = typer.Option(None, "--folder", help=text("warehouse.folder")),
        day: datetime | None = work.day_option(text, "--day", "report.day", None),
        region: str = _filter(text, "region"),
        operator: str = _filter(text, "operator"),
        station_type: str = _filter(text, "station_type"),
        out: Path | None = typer.Option(None, "--out", help=text("report.out")),
        form: FormName = typer.Option("html", "--form", help=text("report.form")),
        as_json: bool = json_option(text),
    ) -> None:
        warehouse = folder or data_dir / FOLDER
        chosen = day.date() if day else _newest(text, warehouse, as_json)
        filters = {"region": region, "operator": operator, "station_type": station_type}
        _write(text, "daily", audience, warehouse, (chosen, chosen), filters, out, form, as_json)


def _monthly(app: typer.Typer, text: Text) -> None:
    @app.command(
        "monthly", help=text("report.monthly.help"), epilog=example(text, "monthly all --data-dir data --out reports")
    )
    def monthly(
        audience: Audience = _audience(text),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = typer.Option(None, "--folder", help=text("warehouse.folder")),
        month: str = typer.Option("", "--month", metavar="YYYY-MM", help=text("report.month")),
        region: str = _filter(text, "region"),
        operator: str = _filter(text, "operator"),
        station_type: str = _filter(text, "station_type"),
        out: Path | None = typer.Option(None, "--out", help=text("report.out")),
        form: FormName = typer.Option("html", "--form", help=text("report.form")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.reports.told import month_of

        warehouse = folder or data_dir / FOLDER
        span = month_of(_first_of(text, month, as_json) if month else _newest(text, warehouse, as_json))
        filters = {"region": region, "operator": operator, "station_type": station_type}
        _write(text, "monthly", audience, warehouse, span, filters, out, form, as_json)


def _first_of(text: Text, month: str, as_json: bool) -> date:
    try:
        return date.fromisoformat(f"{month}-01")
    except ValueError:
        work.fail(text("report.bad_month", month=month), USAGE, as_json, "no_month")


def _newest(text: Text, warehouse: Path, as_json: bool) -> date:
    from monitor.reports.reading import newest_day

    found = newest_day(warehouse)
    if found is None:
        work.fail(text("warehouse.empty", folder=warehouse), USAGE, as_json, "no_warehouse")
    return found


def _write(
    text: Text,
    period: Period,
    audience: Audience,
    warehouse: Path,
    span: tuple[date, date],
    filters: dict[str, str],
    out: Path | None,
    form: FormName,
    as_json: bool,
) -> None:
    """One file, or one for each audience in a folder."""
    _newest(text, warehouse, as_json)
    names = [name for name in get_args(Audience) if name != "all"] if audience == "all" else [audience]
    files: list[Path] = []
    with Console(stderr=True).status(text("report.title.span")) as shown:
        for name in names:
            shown.update(f"{text(f'report.title.{period}')} {text(f'report.for.{name}')}")
            told = made(warehouse, period, name, span, filters)
            file, its_form = _place(text, out, told, period, form, several=len(names) > 1, as_json=as_json)
            save(text, file, told, its_form, as_json)
            files.append(file)
    if as_json:
        work.document({"files": [str(file) for file in files]})
        return
    for file in files:
        typer.echo(text("report.written", file=file))


def made(warehouse: Path, period: Period, audience: str, span: tuple[date, date], filters: dict[str, str]) -> Told:
    """The report, with what makes it again."""
    from monitor.reports.reading import read_told
    from monitor.warehouse.report import Asked

    about = ["--day", span[0].isoformat()] if period == "daily" else ["--month", f"{span[0]:%Y-%m}"]
    more = [part for name, value in filters.items() if value for part in (f"--{name.replace('_', '-')}", value)]
    command = ["csms", "report", period, audience, "--data-dir", str(warehouse.parent), "--folder", str(warehouse)]
    return read_told(
        warehouse,
        audience,
        Asked(*span, *(filters.get(name, "") for name in FILTERS)),
        made_at=clock_from_environment().now().isoformat(timespec="seconds"),
        command=shlex.join([*command, *about, *more]),
        version=version("csms"),
    )


def save(text: Text, file: Path, told: Told, form: Form, as_json: bool) -> None:
    """Write it, whole or not at all."""
    from monitor.reports.writing import content, write_whole

    try:
        write_whole(file, content(told, form, language_from(os.environ)))
    except OSError as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")


def _place(
    text: Text, out: Path | None, told: Told, period: Period, form: FormName, *, several: bool, as_json: bool
) -> tuple[Path, Form]:
    """Where a report goes, and in which form: the ending of a file decides, in a folder what was asked for."""
    from monitor.reports.due import Due
    from monitor.reports.writing import FORMS

    asked = told.report.asked
    name = Due(period, told.report.audience, asked.first, asked.last).name
    if out is None or out.is_dir() or not out.suffix:
        return (out or Path()) / f"{name}.{form}", form
    if several:
        work.fail(text("report.one_file"), USAGE, as_json, "one_file")
    for one in FORMS:
        if out.suffix.lower() == f".{one}":
            return out, one
    return work.fail(text("report.unknown_ending", ending=out.suffix), USAGE, as_json, "ending_unknown")


def _quality(app: typer.Typer, text: Text) -> None:
    from monitor.quality.console import write_report

    shown = example(text, "quality --data-dir platform --partner-file p.toml --operator 123456789 --day 2026-03-01")

    @app.command("quality", help=text("report.quality.help"), epilog=shown)
    def quality(
        data_dir: Path = work.data_dir_option(text),
        partner_file: Path = work.partner_file_option(text),
        operator: str = work.operator_option(text),
        when: datetime = work.day_option(text, "--day", "quality.option.day"),
        out: Path = typer.Option(..., "--out", help=text("quality.option.out")),
        as_json: bool = json_option(text),
    ) -> None:
        write_report(text, data_dir, partner_file, operator, when, out, as_json)
