"""`csms warehouse load|stats|query|export`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    from monitor.warehouse.loading import Loaded

Name = Literal["energy", "sessions", "utilisation", "metered", "profile", "busiest"]
By = Literal["all", "site_id", "feeder_id", "station_id", "kind", "vendor", "model"]
DAYS = timedelta(days=30)
FOLDER = "warehouse"
Answer = list[dict[str, Any]]


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "warehouse", (_load, _stats, _query, _export))


def _example(text: Text, command: str) -> str:
    return work.example(text, f"csms warehouse {command} --data-dir data")


def _folder(text: Text) -> Any:
    return typer.Option(None, "--folder", help=text("warehouse.folder"))


def _load(app: typer.Typer, text: Text) -> None:
    @app.command("load", help=text("warehouse.load.help"), epilog=_example(text, "load"))
    def load(
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = _folder(text),
        since: datetime | None = work.day_option(text, "--since", "warehouse.load.since", None),
        database_url: str = typer.Option(
            "", "--database-url", envvar="CSMS_DATABASE_URL", help=text("warehouse.load.database_url")
        ),
        settings: Path | None = typer.Option(
            None, "--settings", envvar="CSMS_CONFIG", help=text("warehouse.load.settings"), exists=True, dir_okay=False
        ),
        platform_dir: Path | None = typer.Option(None, "--platform-dir", help=text("warehouse.load.platform_dir")),
        as_json: bool = json_option(text),
    ) -> None:
        if not database_url and not (data_dir / "csms.db").is_file():
            work.fail(text("forecast.no_database", folder=data_dir), USAGE, as_json, "no_database")
        begin = since.replace(tzinfo=UTC) if since else None
        url = database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}"
        try:
            done = _loaded(text, Sources(url, settings, platform_dir or data_dir), folder or data_dir / FOLDER, begin)
        except (CsmsError, OSError, ValueError) as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
        facts = {"sessions": done.sessions, "quarters": done.quarters, "written": done.written}
        if as_json:
            work.document({"since": done.since.isoformat(), "until": done.until.isoformat()} | facts)
        else:
            typer.echo(text("warehouse.loaded", since=f"{done.since:%Y-%m-%d}", **facts))


@dataclass(frozen=True, slots=True)
class Sources:
    """Where from: database, settings file, data folder of a supervising platform."""

    url: str
    settings: Path | None
    platform_dir: Path


def _loaded(text: Text, sources: Sources, folder: Path, since: datetime | None) -> Loaded:
    from csms.store.engine import open_store
    from monitor.warehouse.loading import Loader
    from monitor.warehouse.partners import Platform
    from monitor.warehouse.places import read_places

    with Console(stderr=True).status("") as shown:

        def progress(done: int, of: int) -> None:
            shown.update(text("warehouse.loading", done=done, of=of))

        async def run() -> Loaded:
            clock = clock_from_environment()
            places, more = read_places(sources.settings or _usual()), Platform(sources.platform_dir, clock)
            store = await open_store(sources.url, clock)
            try:
                return await Loader(store.reader, folder, clock, places, more=more).load(since, progress)
            finally:
                await store.close()

        return asyncio.run(run())


def _usual() -> Path | None:
    """The file that the server reads when it is told of none."""
    path = Path("csms.toml")
    return path if path.is_file() else None


def _stats(app: typer.Typer, text: Text) -> None:
    @app.command("stats", help=text("warehouse.stats.help"), epilog=_example(text, "stats energy --by site_id"))
    def stats(
        name: Name = _name(text),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = _folder(text),
        by: By = _by(text),
        first: datetime | None = work.day_option(text, "--first", "warehouse.stats.first", None),
        last: datetime | None = work.day_option(text, "--last", "warehouse.stats.last", None),
        as_json: bool = json_option(text),
    ) -> None:
        rows = _figures(text, folder or data_dir / FOLDER, name, by, first, last, as_json)
        if as_json:
            work.document(_plain(rows))
        else:
            _show(text, rows)


def _name(text: Text) -> Any:
    return typer.Argument(help=text("warehouse.stats.name"), metavar="STATISTIC")


def _by(text: Text) -> Any:
    return typer.Option("all", "--by", help=text("warehouse.stats.by"), metavar="GROUP")


def _figures(
    text: Text, folder: Path, name: Name, by: By, first: datetime | None, last: datetime | None, as_json: bool
) -> Answer:
    from monitor.warehouse.engine import in_process, star
    from monitor.warehouse.files import Files
    from monitor.warehouse.statistics import STATISTICS

    days = Files(folder).days("day_evse")
    if not days:
        work.fail(text("warehouse.empty", folder=folder), USAGE, as_json, "no_warehouse")
    until: date = last.date() if last else days[-1]
    since: date = first.date() if first else until - DAYS
    if since > until:
        work.fail(text("warehouse.reversed", first=since, last=until), USAGE, as_json, "days_reversed")
    found = STATISTICS[name](star(in_process(folder)), since, until, by)
    return list(found.to_pyarrow().to_pylist())


def _query(app: typer.Typer, text: Text) -> None:
    shown = _example(text, 'query "SELECT date, sum(energy_wh) FROM day_evse GROUP BY date"')

    @app.command("query", help=text("warehouse.query.help"), epilog=shown)
    def query(
        sql: str = typer.Argument(help=text("warehouse.query.sql"), metavar="SQL"),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = _folder(text),
        as_json: bool = json_option(text),
    ) -> None:
        import duckdb

        from monitor.warehouse.engine import in_process

        place = folder or data_dir / FOLDER
        if not place.is_dir():
            work.fail(text("warehouse.empty", folder=place), USAGE, as_json, "no_warehouse")
        try:
            answer = in_process(place).con.sql(sql)
            rows = list(answer.to_arrow_table().to_pylist()) if answer is not None else []
        except duckdb.Error as fault:
            work.fail(text("warehouse.refused", reason=str(fault)), USAGE, as_json, "question_refused")
        if as_json:
            work.document(_plain(rows))
        else:
            _show(text, rows)


def _export(app: typer.Typer, text: Text) -> None:
    @app.command("export", help=text("warehouse.export.help"), epilog=_example(text, "export energy energy.csv"))
    def export(
        name: Name = _name(text),
        file: Path = typer.Argument(help=text("warehouse.export.file"), metavar="FILE"),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = _folder(text),
        by: By = _by(text),
        first: datetime | None = work.day_option(text, "--first", "warehouse.stats.first", None),
        last: datetime | None = work.day_option(text, "--last", "warehouse.stats.last", None),
        as_json: bool = json_option(text),
    ) -> None:
        import pyarrow as pa
        from pyarrow import csv, parquet

        if file.suffix not in (".csv", ".parquet"):
            work.fail(text("warehouse.export.file"), USAGE, as_json, "ending_unknown")
        table = pa.Table.from_pylist(_figures(text, folder or data_dir / FOLDER, name, by, first, last, as_json))
        try:
            (csv.write_csv if file.suffix == ".csv" else parquet.write_table)(table, file)
        except OSError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")
        if as_json:
            work.document({"rows": table.num_rows, "file": str(file)})
        else:
            typer.echo(text("warehouse.written", rows=table.num_rows, file=file))


def _show(text: Text, rows: Answer) -> None:
    if not rows:
        typer.echo(text("warehouse.nothing"))
        return
    table = Table()
    for name, value in rows[0].items():
        table.add_column(name, justify="right" if isinstance(value, int | float) else "left")
    for row in rows:
        table.add_row(*(f"{value:.3f}" if isinstance(value, float) else str(value) for value in row.values()))
    Console().print(table)


def _plain(rows: Answer) -> Answer:
    return [{name: _json(value) for name, value in row.items()} for row in rows]


def _json(value: Any) -> Any:
    return value if value is None or isinstance(value, str | int | float) else str(value)
