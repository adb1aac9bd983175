"""What the commands on a running system share: which system, whose days, and its desk around their work."""

from __future__ import annotations

import asyncio
import csv
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE
from monitor.forecast.scores import Metric

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.forecast.desk import ForecastDesk
    from monitor.forecast.inputs import Inputs

Found = TypeVar("Found")
GROUPS = ("feeder", "site")


@dataclass(frozen=True)
class Where:
    """A central system's data, what its stations are summed to, whose days count, and what is known in advance.

    `calendar`: a name or a file; `known`: tables; `regions`: a file of sites; `metric`: what champions are chosen by.
    """

    data_dir: Path
    database_url: str = ""
    by: str = "feeder"
    time_zone: str = "UTC"
    calendar: str = "weekdays"
    known: tuple[Path, ...] = ()
    regions: Path | None = None
    metric: Metric = "MAE"


def example(text: Text, command: str) -> str:
    """The last line of help."""
    return work.example(text, f"csms forecast {command} --data-dir data")


def url_option(text: Text) -> Any:
    """`--database-url`."""
    return typer.Option("", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url"))


def calendar_option(text: Text, default: str = "cn") -> Any:
    """`--calendar`."""
    return typer.Option(default, "--calendar", help=text("forecast.run.calendar"))


def known_option(text: Text) -> Any:
    """`--known`, as often as there are tables."""
    return typer.Option([], "--known", metavar="FILE", help=text("forecast.run.known"))


def where_asked(text: Text) -> Callable[..., Where]:
    """The options of the commands that read a central system."""

    def where(
        data_dir: Path = work.central_dir_option(text),
        database_url: str = url_option(text),
        by: str = typer.Option("feeder", "--by", metavar="feeder|site", help=text("forecast.run.by")),
        time_zone: str = typer.Option(
            "Asia/Shanghai", "--time-zone", envvar="CSMS_TIME_ZONE", help=text("forecast.run.time_zone")
        ),
        calendar: str = calendar_option(text),
        known: list[Path] = known_option(text),
        regions: Path | None = typer.Option(None, "--regions", metavar="FILE", help=text("forecast.run.regions")),
        metric: Metric = typer.Option(
            "MAE", "--metric", envvar="CSMS_FORECAST_METRIC", help=text("forecast.run.metric")
        ),
    ) -> Where:
        return Where(data_dir, database_url, by, time_zone, calendar, tuple(known), regions, metric)

    return where


def inputs_of(text: Text, calendar: str, tables: Sequence[Path], as_json: bool) -> Inputs:
    """What the options name; what cannot be used is wrong usage."""
    from monitor.forecast.calendar import read_calendar
    from monitor.forecast.inputs import Inputs, read_table

    days = work.read(text, Path(calendar), as_json, lambda _: read_calendar(calendar))
    found = tuple(work.read(text, path, as_json, read_table) for path in tables)
    return work.read(text, Path(), as_json, lambda _: Inputs(days, found))


def _regions(text: Text, path: Path | None, as_json: bool) -> dict[str, str]:
    from monitor.forecast.groups import regions_of

    def read(file: Path) -> dict[str, str]:
        with file.open(encoding="utf-8-sig", newline="") as lines:
            return regions_of(csv.reader(lines), file.name)

    return {} if path is None else work.read(text, path, as_json, read)


def with_desk(text: Text, where: Where, as_json: bool, act: Callable[[ForecastDesk], Awaitable[Found]]) -> Found:
    """Act on the forecasts of a central system; its database must be there."""

    async def run() -> Found:
        async with _desk(where, zone, known, regions) as desk:
            return await act(desk)

    if where.by not in GROUPS:
        work.fail(text("forecast.run.by"), USAGE, as_json, "not_a_group")
    try:
        zone = ZoneInfo(where.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        work.fail(text("forecast.no_zone", zone=where.time_zone), USAGE, as_json, "no_time_zone")
    known = inputs_of(text, where.calendar, where.known, as_json)
    regions = _regions(text, where.regions, as_json)
    if not where.database_url and not (where.data_dir / "csms.db").is_file():
        work.fail(text("forecast.no_database", folder=where.data_dir), USAGE, as_json, "no_database")
    try:
        with Console(stderr=True).status(text("forecast.learning")):
            return asyncio.run(run())
    except (CsmsError, OSError, ValueError) as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))


@asynccontextmanager
async def _desk(where: Where, zone: ZoneInfo, known: Inputs, regions: Mapping[str, str]) -> AsyncIterator[ForecastDesk]:
    from csms.store.engine import open_store
    from monitor.forecast.desk import ForecastDesk
    from monitor.forecast.reading import PanelReader
    from monitor.store.forecast import open_forecasts

    clock = clock_from_environment()
    store = await open_store(where.database_url or f"sqlite+aiosqlite:///{where.data_dir / 'csms.db'}", clock)
    try:
        forecasts = await open_forecasts(where.data_dir)
        try:
            panels = PanelReader(store.reader, where.by, zone, known, regions)
            yield ForecastDesk(panels, forecasts, clock, where.metric)
        finally:
            await forecasts.close()
    finally:
        await store.close()
