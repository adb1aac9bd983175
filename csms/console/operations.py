"""`csms station operations`: what stations were asked for and goes on after their answer."""

from __future__ import annotations

from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient
from csms.console.following import status
from csms.console.layout import Cell, Column
from csms.console.many import chosen, stations_option
from csms.console.work import example, json_option, url_option, work
from csms.texts import Text


def add(app: typer.Typer, text: Text) -> None:
    """Put the command into `csms station`."""
    shown = example(text, "csms station operations 'CP-*' --open")

    @app.command("operations", help=text("operations.help"), epilog=shown)
    def operations(
        stations: str | None = stations_option(text),
        going_on: bool | None = typer.Option(None, "--open/--ended", help=text("operations.open")),
        kind: str | None = typer.Option(None, "--kind", help=text("operations.kind")),
        limit: int = typer.Option(50, "--limit", min=1, max=1000, help=text("operations.limit")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            wanted: list[str | None] = [*chosen(text, api, stations)] if stations else [None]
            found = [row for station in wanted for row in _read(api, station, going_on, kind, limit)]
            newest = sorted(found, key=lambda row: row["operation_id"], reverse=True)[:limit]
            if as_json:
                out.document({"operations": newest})
            else:
                out.table(_columns(text), [_row(row) for row in newest])


def _read(
    api: ApiClient, station_id: str | None, going_on: bool | None, kind: str | None, limit: int
) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = api.get("/operations", station_id=station_id, open=going_on, kind=kind, limit=limit)[
        "operations"
    ]
    return rows


def _columns(text: Text) -> list[Column]:
    return [
        Column("#", right=True, whole=True),
        Column(text("many.column.station")),
        Column(text("operations.column.kind"), whole=True),
        Column(text("operations.column.status"), whole=True),
        Column(text("operations.column.begun"), whole=True),
        Column(text("operations.column.changed"), whole=True),
        Column(text("operations.column.file")),
    ]


def _row(row: dict[str, Any]) -> list[Cell]:
    file = row["file"]
    return [
        str(row["operation_id"]),
        row["station_id"],
        row["kind"],
        status(row),
        units.local_time(row["begun_at"]),
        units.local_time(row["changed_at"]),
        f"{file['name']} {file['size_bytes']}" if file else "",
    ]
