"""What the commands on a running system share: which system, whose days, and its desk around their work."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
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

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from monitor.forecast.desk import ForecastDesk

Found = TypeVar("Found")
GROUPS = ("feeder", "site")


@dataclass(frozen=True)
class Where:
    """A central system's data, what its stations are summed to, and whose days count."""

    data_dir: Path
    database_url: str = ""
    by: str = "feeder"
    time_zone: str = "UTC"


def example(text: Text, command: str) -> str:
    """The last line of help."""
    return work.example(text, f"csms forecast {command} --data-dir data")


def url_option(text: Text) -> Any:
    """`--database-url`."""
    return typer.Option("", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url"))


def by_option(text: Text) -> Any:
    """`--by`."""
    return typer.Option("feeder", "--by", metavar="feeder|site", help=text("forecast.run.by"))


def zone_option(text: Text) -> Any:
    """`--time-zone`, as the central system's setting."""
    return typer.Option("Asia/Shanghai", "--time-zone", envvar="CSMS_TIME_ZONE", help=text("forecast.run.time_zone"))


def with_desk(text: Text, where: Where, as_json: bool, act: Callable[[ForecastDesk], Awaitable[Found]]) -> Found:
    """Act on the forecasts of a central system; its database must be there."""

    async def run() -> Found:
        async with _desk(where, zone) as desk:
            return await act(desk)

    if where.by not in GROUPS:
        work.fail(text("forecast.run.by"), USAGE, as_json, "not_a_group")
    try:
        zone = ZoneInfo(where.time_zone)
    except (ZoneInfoNotFoundError, ValueError):
        work.fail(text("forecast.no_zone", zone=where.time_zone), USAGE, as_json, "no_time_zone")
    if not where.database_url and not (where.data_dir / "csms.db").is_file():
        work.fail(text("forecast.no_database", folder=where.data_dir), USAGE, as_json, "no_database")
    try:
        with Console(stderr=True).status(text("forecast.learning")):
            return asyncio.run(run())
    except (CsmsError, OSError, ValueError) as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))


@asynccontextmanager
async def _desk(where: Where, zone: ZoneInfo) -> AsyncIterator[ForecastDesk]:
    from csms.store.engine import open_store
    from monitor.forecast.desk import ForecastDesk
    from monitor.forecast.reading import PanelReader
    from monitor.store.forecast import open_forecasts

    clock = clock_from_environment()
    store = await open_store(where.database_url or f"sqlite+aiosqlite:///{where.data_dir / 'csms.db'}", clock)
    try:
        forecasts = await open_forecasts(where.data_dir)
        try:
            yield ForecastDesk(PanelReader(store.reader, where.by, zone), forecasts, clock)
        finally:
            await forecasts.close()
    finally:
        await store.close()
