"""`csms session`: list, show."""

from __future__ import annotations

from enum import StrEnum
from typing import Any

import typer

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text


class Status(StrEnum):
    """Of a session."""

    OPEN = "open"
    ENDED = "ended"


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "session")
    _add_list(app, text)
    _add_show(app, text)
    return app


def _add_list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("session.list.help"), epilog=example(text, "csms session list --status open"))
    def list_(
        limit: int = typer.Option(20, "--limit", min=1, max=1000, help=text("session.option.limit")),
        station: str | None = typer.Option(None, "--station", help=text("session.option.station")),
        status: Status | None = typer.Option(None, "--status", help=text("session.option.status")),
        before: int | None = typer.Option(None, "--before", min=1, help=text("session.option.before")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        wanted = status.value if status else None
        with work(text, url, as_json) as (api, out):
            answer = api.get("/sessions", limit=limit, station_id=station, status=wanted, before_id=before)
            if as_json:
                out.document(answer)
            else:
                out.table(_columns(text), [_row(row, answer["clock_time"]) for row in answer["sessions"]])
                _more(text, out, answer)


def _columns(text: Text) -> list[Column]:
    return [
        Column(text("session.column.session"), right=True, whole=True),
        Column(text("session.column.station")),
        Column(text("session.column.status"), whole=True),
        Column(text("session.column.started"), whole=True),
        Column(text("session.column.ended"), whole=True),
        Column("kWh", right=True, whole=True),
        Column(text("session.column.wanted"), right=True, whole=True),
        Column("kW", right=True, whole=True),
        Column("SOC", right=True, whole=True),
        Column(text("session.column.token")),
    ]


def _row(session: dict[str, Any], now: str) -> list[Cell]:
    running = session["status"] == "open"
    return [
        str(session["session_id"]),
        f"{session['station_id']}/{session['evse_id']}",
        units.state(session["charging_state"] or "Occupied")
        if running
        else session["stop_reason"] or session["status"],
        units.local_time(session["started_at"], now),
        units.local_time(session["ended_at"], now),
        units.kilo(session["energy_wh"]),
        units.kilo(session["wanted_wh"]),
        units.kilo(session["power_w"]),
        units.percent(session["soc_percent"]),
        session["id_token"],
    ]


def _more(text: Text, out: Output, answer: dict[str, Any]) -> None:
    if answer["next_before_id"]:
        out.line(text("session.more", before=answer["next_before_id"]))


def _add_show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("session.show.help"), epilog=example(text, "csms session show 17"))
    def show(
        session_id: int = typer.Argument(help=text("session.option.id"), metavar="SESSION"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            session = api.get(f"/sessions/{session_id}")
            if as_json:
                out.document(session)
            else:
                out.record(_fields(text, session))


def _fields(text: Text, session: dict[str, Any]) -> dict[str, Cell]:
    return {
        text("session.column.session"): str(session["session_id"]),
        text("session.column.station"): f"{session['station_id']}/{session['evse_id']}",
        text("session.transaction"): session["transaction_id"],
        text(
            "session.column.status"
        ): f"{session['status']} {session['charging_state']} {session['stop_reason']}".strip(),
        text("session.column.token"): session["id_token"] or units.NOTHING,
        text("session.column.started"): units.local_time(session["started_at"]),
        text("session.column.ended"): units.local_time(session["ended_at"]),
        text("session.departure"): units.local_time(session["departure_at"]),
        text("session.energy"): f"{units.kilo(session['energy_wh'])} kWh",
        text("session.column.wanted"): f"{units.kilo(session['wanted_wh'])} kWh",
        text("session.power"): f"{units.kilo(session['power_w'])} kW",
        "SOC": units.percent(session["soc_percent"]),
        text("session.flags"): ", ".join(session["flags"]) or units.NOTHING,
    }
