"""`csms warehouse load|stats|query|export`."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import USAGE, json_option
from monitor.warehouse import stats_console
from monitor.warehouse.stats_console import FOLDER

if TYPE_CHECKING:
    from monitor.store.governance import GovernanceStore
    from monitor.warehouse.loading import Loaded


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "warehouse", (_load, stats_console.stats, _query, stats_console.export))


def _load(app: typer.Typer, text: Text) -> None:
    @app.command("load", help=text("warehouse.load.help"), epilog=stats_console.example(text, "load"))
    def load(
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = stats_console.folder_option(text),
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
        if platform_dir is not None and not _is_platform(platform_dir):
            work.fail(text("platform.no_database", folder=platform_dir), USAGE, as_json, "no_database")
        begin = since.replace(tzinfo=UTC) if since else None
        url = database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}"
        sources = Sources(url, data_dir, settings, platform_dir or data_dir)
        try:
            done = _loaded(text, sources, folder or data_dir / FOLDER, begin)
        except (CsmsError, OSError, ValueError) as fault:
            work.cannot(text, fault, as_json)
        facts = {"sessions": done.sessions, "quarters": done.quarters, "written": done.written}
        if as_json:
            work.document({"since": done.since.isoformat(), "until": done.until.isoformat()} | facts)
        else:
            typer.echo(text("warehouse.loaded", since=f"{done.since:%Y-%m-%d}", **facts))


def _is_platform(folder: Path) -> bool:
    from monitor.store import governance, intake

    return any((folder / name).is_file() for name in (intake.FILE_NAME, governance.FILE_NAME))


@dataclass(frozen=True, slots=True)
class Sources:
    """Where from: database, data folder of the central system, settings file, data folder of a supervising platform."""

    url: str
    data_dir: Path
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
            places = read_places(sources.settings or _usual())
            own, theirs = (_facts(place) for place in (sources.data_dir, sources.platform_dir))
            store = await open_store(sources.url, clock)
            more = Platform(sources.platform_dir, clock, theirs)
            try:
                return await Loader(store.reader, folder, clock, places, more=more, facts=own).load(since, progress)
            finally:
                await store.close()
                for facts in filter(None, (own, theirs)):
                    facts.close()

        return asyncio.run(run())


def _facts(folder: Path) -> GovernanceStore | None:
    """The one set of facts of a data folder."""
    from monitor.store.governance import FILE_NAME, open_governance

    return open_governance(folder) if (folder / FILE_NAME).is_file() else None


def _usual() -> Path | None:
    """The file that the server reads when it is told of none."""
    path = Path("csms.toml")
    return path if path.is_file() else None


def _query(app: typer.Typer, text: Text) -> None:
    shown = stats_console.example(text, 'query "SELECT date, sum(energy_wh) FROM day_evse GROUP BY date"')

    @app.command("query", help=text("warehouse.query.help"), epilog=shown)
    def query(
        sql: str = typer.Argument(help=text("warehouse.query.sql"), metavar="SQL"),
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = stats_console.folder_option(text),
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
            work.document(stats_console.plain(rows))
        else:
            stats_console.show(text, rows)
