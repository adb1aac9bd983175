"""`csms data origin`: where a quarter-hour of an outlet comes from."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.governance.rules_console import named
from monitor.governance.store_console import data_dir_option

if TYPE_CHECKING:
    from monitor.governance.origins import Origin

SHOWN = 20
"""So many messages are shown; `--json` has all of them."""


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data origin AC01 1 2026-03-02T04:15 --data-dir data")

    @app.command("origin", help=text("data.origin.help"), epilog=shown)
    def origin(
        station: str = typer.Argument(..., help=text("data.option.station")),
        evse: int = typer.Argument(..., min=0, help=text("data.origin.evse")),
        at: datetime = typer.Argument(
            ..., formats=["%Y-%m-%dT%H:%M", "%Y-%m-%dT%H:%M:%S"], metavar="TIME", help=text("data.origin.at")
        ),
        data_dir: Path = data_dir_option(text),
        database_url: str = typer.Option(
            "", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url")
        ),
        traces: Path | None = typer.Option(None, "--traces", help=text("data.origin.traces")),
        as_json: bool = json_option(text),
    ) -> None:
        if not database_url and not (data_dir / "csms.db").is_file():
            work.fail(text("forecast.no_database", folder=data_dir), USAGE, as_json, "no_database")
        url = database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}"
        try:
            found = asyncio.run(_read(url, data_dir, traces or data_dir / "traces", station, evse, at))
        except (CsmsError, OSError, ValueError) as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
        if as_json:
            work.document(json.loads(json.dumps(asdict(found), default=str)))
            return
        if not found.samples:
            work.fail(text("data.origin.nothing", station=station, evse=evse, at=at), FAILED, as_json, "no_samples")
        for line in lines(text, found):
            typer.echo(line)


async def _read(url: str, data_dir: Path, traces: Path, station: str, evse: int, at: datetime) -> Origin:
    from csms.store.engine import open_store
    from monitor.governance.origins import origin_of
    from monitor.store.governance import FILE_NAME, open_governance

    store = await open_store(url, clock_from_environment())
    facts = open_governance(data_dir) if (data_dir / FILE_NAME).is_file() else None
    try:
        return await origin_of(store.reader, facts, traces, station, evse, at.replace(tzinfo=UTC))
    finally:
        if facts is not None:
            facts.close()
        await store.close()


def lines(text: Text, found: Origin) -> list[str]:
    """The origin for people."""
    told = [text("data.origin.title", station=found.station, evse=found.evse, at=f"{found.begins_at:%Y-%m-%d %H:%M}")]
    told += [f"  {text('data.lineage.series', **asdict(group))}" for group in found.samples]
    told.append(text("data.origin.messages", count=len(found.messages)))
    told += [f"  {one.at:%H:%M:%S.%f}  {one.action}  {one.message_id}" for one in found.messages[:SHOWN]]
    for lineage in found.orders:
        order = lineage["order"]
        told.append(text("data.origin.order", order=order["id"], number=order["number"], version=order["version"]))
        if order["cause"]:
            told.append(f"  {text('data.lineage.doubted', rule=named(text, order['cause']))}")
        for repair in lineage["repairs"]:
            mark = f"  {text('data.lineage.undone')}" if repair["undone_at"] else ""
            told.append(f"  {repair['id']}  {text('data.repair.' + repair['rule'])}  {repair['detail']}{mark}")
    return told
