"""`csms data gather|lineage|scores`, and taking a repair back."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.governance.rules_console import named
from monitor.governance.store_console import data_dir_option, limit_option, note_option, on_store


def gather(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data gather --data-dir data")

    @app.command("gather", help=text("data.gather.help"), epilog=shown)
    def gather_(
        data_dir: Path = data_dir_option(text),
        database_url: str = typer.Option(
            "", "--database-url", envvar="CSMS_DATABASE_URL", help=text("forecast.run.database_url")
        ),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.intake import FILE_NAME as INTAKE

        if not database_url and not any((data_dir / name).is_file() for name in ("csms.db", INTAKE)):
            work.fail(text("data.gather.nothing", folder=data_dir), USAGE, as_json, "no_database")
        try:
            with Console(stderr=True, quiet=as_json).status(text("data.gather.reading")):
                found = asyncio.run(_gathered(data_dir, database_url))
        except (CsmsError, OSError, ValueError) as fault:
            work.cannot(text, fault, as_json)
        if as_json:
            work.document(found)
            return
        typer.echo(text("data.gathered", **found))
        for name, count in found["by_source"].items():
            typer.echo(f"  {count:>7}  {name}")


async def _gathered(data_dir: Path, database_url: str) -> dict[str, Any]:
    from csms.security.folder import FolderLock
    from csms.store.engine import open_store
    from monitor.governance.gathering import Gathered, Partners, Stations
    from monitor.governance.hashing import hashing
    from monitor.store.governance import open_governance
    from monitor.store.intake_reading import open_intake_reader

    clock, found = clock_from_environment(), Gathered()
    lock = FolderLock(data_dir, "gather.lock", "csms data gather")
    lock.take()
    hashed, facts, intake = hashing(data_dir), open_governance(data_dir), open_intake_reader(data_dir)
    try:
        if database_url or (data_dir / "csms.db").is_file():
            store = await open_store(database_url or f"sqlite+aiosqlite:///{data_dir / 'csms.db'}", clock)
            try:
                await Stations(store.reader, facts, clock.now(), hashed).gather(found)
            finally:
                await store.close()
        if intake is not None:
            await Partners(intake, facts, clock.now(), hashed).gather(found)
    finally:
        facts.close()
        if intake is not None:
            await intake.close()
        lock.release()
    return asdict(found)


def lineage(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data lineage 4711 --data-dir data")

    @app.command("lineage", help=text("data.lineage.help"), epilog=shown)
    def lineage_(
        order: int = typer.Argument(..., metavar="ORDER", help=text("data.option.order")),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        found = on_store(text, data_dir, as_json, lambda store: store.lineage(order))
        if found is None:
            work.fail(text("data.no_order", order=order), FAILED, as_json, "no_order")
        if as_json:
            work.document(found)
            return
        said, source = found["order"], found["source"]
        typer.echo(_sentence(text, said, source))
        if said["cause"]:
            typer.echo(f"  {text('data.lineage.doubted', rule=named(text, said['cause']))}")
        if said["same_as"] is not None:
            typer.echo(f"  {text('data.lineage.same_as', order=said['same_as'])}")
        for row in found["repairs"]:
            mark = text("data.lineage.undone") if row["undone_at"] else ""
            change = f"{row['before']} -> {row['after']}" if row["after"] else row["before"]
            typer.echo(
                f"  {row['id']}  {text('data.repair.' + row['rule'])}  {row['detail']}  {change}  {mark}".rstrip()
            )
        for line in _series(text, said["station"], found["series"]):
            typer.echo(f"  {line}")
        for row in found["quarantine"]:
            typer.echo(f"  {text('data.state.' + row['state'])}  {row['note']}".rstrip())
        for row in found["versions"]:
            before = row["document"]
            typer.echo(f"  {text('data.lineage.before', version=row['version'], until=row['replaced_at'])}")
            typer.echo(f"    {before['start']} - {before['end']}  {before['energy_wh'] / 1000:.3f} kWh")


def _series(text: Text, station: str, rows: Sequence[dict[str, Any]]) -> list[str]:
    """Of which samples it is made, and how their messages are found."""
    names = ("measurand", "samples", "first_at", "last_at", "heard_from", "heard_to")
    told = [text("data.lineage.series", **{name: row[name] for name in names}) for row in rows]
    if rows:
        since = min(datetime.fromisoformat(row["heard_from"]) for row in rows).replace(microsecond=0)
        until = max(datetime.fromisoformat(row["heard_to"]) for row in rows).replace(microsecond=0) + timedelta(
            seconds=1
        )
        span = {"since": since.isoformat(), "until": until.isoformat()}
        told.append(text("data.lineage.frames", station=station, **span))
    return told


def _sentence(text: Text, said: dict[str, Any], source: dict[str, Any]) -> str:
    energy = f"{said['energy_wh'] / 1000:.3f} kWh"
    when = f"{said['start']} - {said['end']}"
    origin = f"{text('data.kind.' + source['kind'])} {source['name']}:{said['key']}"
    return f"{said['station']}/{said['connector']}  {said['number']}  {when}  {energy}  ({origin})"


def scores(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data scores --data-dir data --station AC01")

    @app.command("scores", help=text("data.scores.help"), epilog=shown)
    def scores_(
        data_dir: Path = data_dir_option(text),
        operator: str | None = typer.Option(None, "--operator", help=text("data.option.operator")),
        station: str | None = typer.Option(None, "--station", help=text("data.option.station")),
        trend: bool = typer.Option(False, "--trend", help=text("data.option.trend")),
        limit: int = limit_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.store.governance_rows import document

        if trend:
            _trends(text, data_dir, as_json, operator, station, limit)
            return
        found = on_store(text, data_dir, as_json, lambda store: store.days(limit, operator=operator, station=station))
        if as_json:
            work.document([document(row) for row in found])
            return
        for row in found:
            weakest = min(row.dimensions.items(), key=lambda pair: pair[1], default=("", 0.0))
            typer.echo(
                f"{row.day}  {row.operator}  {row.station}  {row.score:6.2f}  {row.doubted}/{row.orders}"
                f"  {weakest[0]} {weakest[1]:.2f}  {' '.join(f'{rule}:{count}' for rule, count in row.broken.items())}"
            )


def export(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data export facts.parquet --data-dir data")

    @app.command("export", help=text("data.export.help"), epilog=shown)
    def export_(
        file: Path = typer.Argument(..., metavar="FILE", help=text("data.option.export")),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.governance.export import ENDINGS, write_facts

        if file.suffix not in ENDINGS:
            work.fail(text("data.ending", file=file.name), USAGE, as_json, "ending")
        with Console(stderr=True, quiet=as_json).status(file.name):
            count = on_store(text, data_dir, as_json, lambda store: write_facts(file, store.pages()))
        if as_json:
            work.document({"file": str(file), "orders": count})
            return
        typer.echo(text("data.exported", file=file, orders=count))


def _trends(text: Text, data_dir: Path, as_json: bool, operator: str | None, station: str | None, limit: int) -> None:
    from monitor.governance.trend import BEFORE_DAYS, RECENT_DAYS, trends

    span = RECENT_DAYS + BEFORE_DAYS
    days = on_store(text, data_dir, as_json, lambda store: store.last_days(span, operator=operator, station=station))
    found = trends(days)[:limit]
    if as_json:
        work.document([asdict(one) for one in found])
        return
    for one in found:
        recent, before, change = (
            "-" if value is None else format(value, form)
            for value, form in ((one.recent, ".2f"), (one.before, ".2f"), (one.change, "+.2f"))
        )
        typer.echo(f"{one.operator}  {one.station}  {text('data.trend', recent=recent, before=before, change=change)}")


def undo(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(text, "csms data undo 12 --note 'the clock was right' --data-dir data")

    @app.command("undo", help=text("data.undo.help"), epilog=shown)
    def undo_(
        repair: int = typer.Argument(..., metavar="REPAIR", help=text("data.option.repair")),
        note: str = note_option(text),
        data_dir: Path = data_dir_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        now = clock_from_environment().now()
        found = on_store(text, data_dir, as_json, lambda store: store.undo(repair, now, note))
        if found is None:
            work.fail(text("data.not_undone", repair=repair), FAILED, as_json, "not_undone")
        if as_json:
            work.document({"repair": repair, "key": found[0].key, "source": found[1].name})
            return
        typer.echo(text("data.undone", repair=repair))
