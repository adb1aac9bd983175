"""`csms portraits groups|show`: who there is, in groups of at least five users, and what is known of one subject."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.portraits.reading import Of

if TYPE_CHECKING:
    from monitor.portraits.portrait import Portraits

BARS = " ▁▂▃▄▅▆▇█"


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "portraits", (_groups, _show))


def _source(text: Text) -> Any:
    return typer.Argument(..., metavar="SOURCE", help=text("portraits.source"))


def _of(text: Text) -> Any:
    return typer.Option("user", "--of", help=text("portraits.of"))


def _columns(text: Text) -> Any:
    return typer.Option([], "--column", help=text("portraits.column"), metavar="NAME=COLUMN")


def _zone(text: Text) -> Any:
    return typer.Option("Asia/Shanghai", "--zone", help=text("portraits.zone"))


def _cheap(text: Text) -> Any:
    return typer.Option("", "--cheap-hours", help=text("portraits.cheap"), metavar="FROM-TO")


def _groups(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms portraits groups data/warehouse --cheap-hours 23-7")

    @app.command("groups", help=text("portraits.groups.help"), epilog=shown)
    def groups(
        source: Path = _source(text),
        of: Of = _of(text),
        columns: list[str] = _columns(text),
        zone: str = _zone(text),
        cheap: str = _cheap(text),
        as_json: bool = json_option(text),
    ) -> None:
        found = _made(text, source, of, columns, zone, cheap, as_json).summary()
        if as_json:
            work.document(found)
            return
        console = Console()
        console.print(_table(text, found))
        console.print(text("portraits.few", count=found["not_enough_data"], subjects=found["subjects"]))
        if not found["users_known"]:
            console.print(text("portraits.users_unknown"))
        if found["withheld_groups"]:
            console.print(text("portraits.withheld", count=found["withheld_groups"]))


def _show(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms portraits show sessions.csv CP-7 --of pile")

    @app.command("show", help=text("portraits.show.help"), epilog=shown)
    def show(
        source: Path = _source(text),
        subject: str = typer.Argument(..., metavar="ID", help=text("portraits.id")),
        of: Of = _of(text),
        columns: list[str] = _columns(text),
        zone: str = _zone(text),
        cheap: str = _cheap(text),
        as_json: bool = json_option(text),
    ) -> None:
        made = _made(text, source, of, columns, zone, cheap, as_json)
        if subject not in made.sessions.names:
            work.fail(text("portraits.unknown", id=subject), FAILED, as_json, "unknown_subject")
        row = list(made.sessions.names).index(subject)
        if not made.may_be_shown(row):
            work.fail(text("portraits.too_few_users", id=subject), FAILED, as_json, "too_few_users")
        told = made.of(row)
        if as_json:
            work.document({"id": subject, **told})
            return
        typer.echo(text("portraits.sessions", id=subject, count=told["sessions"]))
        if not told["enough"]:
            typer.echo(text("portraits.not_enough"))
        for name in ("per_month", "energy_kwh", "dc_share", "cheap_share"):
            if told[name] is not None:
                typer.echo(text(f"portraits.figure.{name}", **{key: f"{one:.2f}" for key, one in told[name].items()}))
        typer.echo(text("portraits.figure.hours", bars=bars(told["hours"])))
        for number, chance in enumerate(told["groups"] or (), 1):
            typer.echo(text("portraits.figure.group", number=number, chance=f"{100 * chance:.0f} %"))


def _made(text: Text, source: Path, of: Of, columns: list[str], zone: str, cheap: str, as_json: bool) -> Portraits:
    """The portraits of a source; progress goes to the error stream."""
    from monitor.portraits.portrait import portraits
    from monitor.portraits.reading import read_file, read_warehouse

    try:
        place = ZoneInfo(zone)
    except (ZoneInfoNotFoundError, ValueError):
        work.fail(text("portraits.bad_zone", zone=zone), USAGE, as_json, "zone_unknown")
    called = dict(word.split("=", 1) for word in columns if "=" in word)
    hours = _hours(text, cheap, as_json)
    with Console(stderr=True).status(text("portraits.working")):
        sessions = work.read(
            text,
            source,
            as_json,
            lambda path: read_warehouse(path, of, place) if path.is_dir() else read_file(path, of, called),
        )
        return portraits(sessions, hours)


def _hours(text: Text, words: str, as_json: bool) -> list[int]:
    """`23-7` as 23, 0, ..., 6."""
    if not words:
        return []
    begin, _, end = words.partition("-")
    if not (begin.isdigit() and end.isdigit() and int(begin) < 24 and int(end) <= 24):
        work.fail(text("portraits.bad_hours", words=words), USAGE, as_json, "hours_unreadable")
    first, last = int(begin), int(end) % 24
    return [(first + step) % 24 for step in range((last - first) % 24 or 24)]


def bars(hours: list[float]) -> str:
    """A day as 24 bars."""
    most = max(hours)
    return "".join(BARS[round(8 * value / most)] for value in hours)


def _table(text: Text, found: dict[str, Any]) -> Table:
    table = Table(title=text("portraits.title", sessions=found["sessions"], days=f"{found['span_days']:.0f}"))
    groups = found["groups"]
    known = [name for name in ("dc_share", "cheap_share") if groups and groups[0][name] is not None]
    for name in ("group", "members", "users", "sure", "per_month", "energy_kwh", *known):
        table.add_column(text(f"portraits.head.{name}"), justify="right")
    table.add_column(text("portraits.head.hours"), no_wrap=True, min_width=24)
    for number, one in enumerate(groups, 1):
        figures = (f"{one['members']:.0f}", str(one["users"]), f"{100 * one['sure']:.0f} %")
        levels = (f"{one['per_month']:.1f}", f"{one['energy_kwh']:.1f}")
        table.add_row(
            str(number), *figures, *levels, *(f"{100 * one[name]:.0f} %" for name in known), bars(one["hours"])
        )
    return table
