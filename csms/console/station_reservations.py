"""`csms station reserve|cancel-reservation|reservations`: outlets held free for a driver."""

from __future__ import annotations

from typing import Any

import typer

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.many import ask_all, chosen, point_in_time, report, stations_argument, stations_option
from csms.console.station_commands import command, run
from csms.console.work import example, json_option, url_option, work
from csms.model.reservation import ReservationState
from csms.texts import Text


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    for mount in (_reserve, _cancel, _list):
        mount(app, text)


def _reserve(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station reserve CP-7 --token CARD-1 --evse 1 --until +30min")

    @app.command("reserve", help=text("station.reserve.help"), epilog=shown)
    def reserve(
        stations: str = stations_argument(text),
        token: str = typer.Option(..., "--token", help=text("station.reserve.token")),
        until: str = typer.Option(..., "--until", help=text("station.reserve.until")),
        evse: int = typer.Option(0, "--evse", min=0, help=text("station.reserve.evse")),
        token_group: str | None = typer.Option(None, "--group", help=text("station.reserve.group")),
        replaced: int = typer.Option(0, "--id", min=0, help=text("station.reserve.id")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body: dict[str, Any] = {"id_token": token, "evse_id": evse, "group_id": token_group}
        with work(text, url, as_json) as (api, out):
            body["expires_at"] = point_in_time(text, api, until, "--until")
            body["reservation_id"] = replaced
            report(out, ask_all(out, api, chosen(text, api, stations), command("reserve_now", body)))


def _cancel(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station cancel-reservation CP-7 12")

    @app.command("cancel-reservation", help=text("station.cancel_reservation.help"), epilog=shown)
    def cancel(
        station: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        reservation: int = typer.Argument(min=1, help=text("station.cancel_reservation.id"), metavar="ID"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, station, command("cancel_reservation", {"reservation_id": reservation}))


def _list(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station reservations 'CP-*' --state Accepted")

    @app.command("reservations", help=text("station.reservations.help"), epilog=shown)
    def reservations(
        stations: str | None = stations_option(text),
        state: ReservationState | None = typer.Option(None, "--state", help=text("station.reservations.state")),
        limit: int = typer.Option(100, "--limit", min=1, max=1000, help=text("operations.limit")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        given = {"state": state.value if state else None, "limit": limit}
        with work(text, url, as_json) as (api, out):
            wanted: list[str | None] = [*chosen(text, api, stations)] if stations else [None]
            found = [row for station in wanted for row in api.get("/reservations", station_id=station, **given)]
            newest = sorted(found, key=lambda row: row["reservation_id"], reverse=True)[:limit]
            if as_json:
                out.document({"reservations": newest})
            else:
                out.table(_columns(text), [_row(row) for row in newest])


def _columns(text: Text) -> list[Column]:
    return [
        Column("#", right=True, whole=True),
        Column(text("many.column.station")),
        Column(text("station.column.evse"), right=True, whole=True),
        Column(text("station.reservations.token")),
        Column(text("station.column.state"), whole=True),
        Column(text("station.reservations.answer")),
        Column(text("station.reservations.until"), whole=True),
    ]


def _row(row: dict[str, Any]) -> list[Cell]:
    return [
        str(row["reservation_id"]),
        row["station_id"],
        str(row["evse_id"] or units.NOTHING),
        row["id_token"],
        row["state"],
        row["answer"],
        units.local_time(row["expires_at"]),
    ]
