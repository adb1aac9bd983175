"""`csms station display set|list|clear`: messages on the displays of stations (OCPP 2.0.1)."""

from __future__ import annotations

from enum import StrEnum
from typing import Any
from urllib.parse import quote

import typer

from csms.console import units
from csms.console.following import follow
from csms.console.layout import Cell, Column
from csms.console.many import ask_all, chosen, good_too, point_in_time, report, report_faults, stations_argument
from csms.console.station_commands import command, run
from csms.console.work import example, group, json_option, url_option, work
from csms.texts import Text

ASKED_S = 60.0
"""A station tells its messages within seconds, or has none to tell."""


class Priority(StrEnum):
    """How much a message is in the way of others."""

    ALWAYS = "AlwaysFront"
    FRONT = "InFront"
    NORMAL = "NormalCycle"


class ShownWhile(StrEnum):
    """The state of the station."""

    CHARGING = "Charging"
    FAULTED = "Faulted"
    IDLE = "Idle"
    UNAVAILABLE = "Unavailable"


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    display = group(text, "station.display")
    for mount in (_set, _list, _clear):
        mount(display, text)
    app.add_typer(display, name="display")


def _set(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station display set 'CP-*' 'Closed from 22:00' --until +8h")

    @app.command("set", help=text("station.display.set"), epilog=shown)
    def set_(
        stations: str = stations_argument(text),
        content: str = typer.Argument(help=text("station.display.content"), metavar="TEXT"),
        message: int | None = typer.Option(None, "--id", min=1, help=text("station.display.replaced")),
        priority: Priority = typer.Option(Priority.NORMAL, "--priority", help=text("station.display.priority")),
        state: ShownWhile | None = typer.Option(None, "--state", help=text("station.display.state")),
        language: str | None = typer.Option(None, "--language", help=text("station.display.language")),
        start: str | None = typer.Option(None, "--from", help=text("station.display.from")),
        end: str | None = typer.Option(None, "--until", help=text("station.display.until")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body: dict[str, Any] = {"content": content, "message_id": message, "language": language}
        body |= {"priority": priority.value, "state": state.value if state else None}
        with work(text, url, as_json) as (api, out):
            body["starts_at"] = point_in_time(text, api, start, "--from")
            body["ends_at"] = point_in_time(text, api, end, "--until")
            report(out, ask_all(out, api, chosen(text, api, stations), command("set_display_message", body)))


def _list(app: typer.Typer, text: Text) -> None:
    @app.command(
        "list", help=text("station.display.list"), epilog=example(text, "csms station display list CP-7 --ask")
    )
    def list_(
        stations: str = stations_argument(text),
        ask: bool = typer.Option(False, "--ask", help=text("station.display.ask")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            wanted = chosen(text, api, stations)
            asked = ask_all(out, api, wanted, command("get_display_messages", {})) if ask else []
            asked = follow(out, api, "get_display_messages", asked, ASKED_S)
            found = [
                {"station_id": station, **row}
                for station in wanted
                for row in api.get(f"/stations/{quote(station, safe='')}/display-messages")
            ]
            if as_json:
                out.document({"messages": found})
            else:
                out.table(_columns(text), [_row(row) for row in found])
            report_faults(out, good_too(asked, "Unknown"))


def _clear(app: typer.Typer, text: Text) -> None:
    @app.command("clear", help=text("station.display.clear"), epilog=example(text, "csms station display clear CP-7 3"))
    def clear(
        stations: str = stations_argument(text),
        message: int = typer.Argument(min=0, help=text("station.display.id"), metavar="ID"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("clear_display_message", {"message_id": message}))


def _columns(text: Text) -> list[Column]:
    return [
        Column(text("many.column.station")),
        Column("#", right=True, whole=True),
        Column(text("operations.column.status"), whole=True),
        Column(text("station.display.column.priority"), whole=True),
        Column(text("station.display.column.until"), whole=True),
        Column(text("station.display.column.content")),
    ]


def _row(row: dict[str, Any]) -> list[Cell]:
    return [
        row["station_id"],
        str(row["message_id"]),
        row["status"],
        row["priority"],
        units.local_time(row["ends_at"]),
        " ".join(str(row["content"]).split()),
    ]
