"""`csms station`: list, show, add; what else there is stands in `PARTS`."""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from functools import partial
from threading import Event
from typing import Any

import typer
from rich.console import Group
from rich.live import Live
from rich.text import Text as Styled

from csms.console import (
    doctor,
    frames,
    layout,
    operations,
    station_access,
    station_commands,
    station_display,
    station_files,
    station_proof,
    station_reservations,
    station_security,
    units,
)
from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.model.station import Stage
from csms.texts import Text
from csms.texts.visible import escaped

PARTS = (
    doctor,
    station_commands,
    station_access,
    station_files,
    operations,
    station_reservations,
    station_display,
    station_security,
    station_proof,
)
"""What is asked of stations, and what is known of that, by concern."""


class Kind(StrEnum):
    """AC or DC outlet."""

    AC = "ac"
    DC = "dc"


NO_EVSE: dict[str, Any] = {"evse_id": 0, "status": "Unknown", "power_w": None, "session": None}
"""Stands for the EVSEs of a station that has none yet."""


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "station")
    _add_list(app, text)
    _add_show(app, text)
    frames.add_commands(app, text)
    _add_add(app, text)
    for part in PARTS:
        part.add(app, text)
    return app


def _add_list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("station.list.help"), epilog=example(text, "csms station list --status Faulted"))
    def list_(
        feeder: str | None = typer.Option(None, "--feeder", help=text("station.option.feeder")),
        site: str | None = typer.Option(None, "--site", help=text("station.option.site")),
        status: str | None = typer.Option(None, "--status", help=text("station.option.status")),
        vendor: str | None = typer.Option(None, "--vendor", help=text("station.option.vendor")),
        model: str | None = typer.Option(None, "--model", help=text("station.option.model")),
        firmware: str | None = typer.Option(None, "--firmware", help=text("station.option.firmware")),
        version: str | None = typer.Option(None, "--version", help=text("station.option.version")),
        stage: Stage | None = typer.Option(None, "--stage", help=text("station.option.stage")),
        online: bool | None = typer.Option(None, "--online/--offline", help=text("station.option.online")),
        watch: bool = typer.Option(False, "--watch", help=text("station.option.watch")),
        every_s: float = typer.Option(1.0, "--every", min=0.2, help=text("station.option.every")),
        count: int = typer.Option(0, "--count", min=0, help=text("station.option.count")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            kind = {"vendor": vendor, "model": model, "firmware": firmware, "version": version, "stage": stage}
            read = partial(api.get, "/stations", feeder_id=feeder, site_id=site, status=status, online=online, **kind)
            if watch:
                _watch(text, out, read, every_s, count)
            elif as_json:
                out.document(read())
            else:
                out.table(*_stations(text, read()))


def _stations(text: Text, answer: dict[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    columns = [
        Column(text("station.column.station")),
        Column(text("station.column.evse"), right=True, whole=True),
        Column(text("station.column.state"), whole=True),
        Column("kW", right=True, whole=True),
        Column("kWh", right=True, whole=True),
        Column("SOC", right=True, whole=True),
        Column(text("station.column.protocol"), whole=True),
        Column(text("station.column.feeder")),
        Column(text("station.column.model")),
        Column(text("station.column.seen"), whole=True),
    ]
    rows = [
        _evse_row(text, station, evse, answer["clock_time"])
        for station in answer["stations"]
        for evse in station["evses"] or (NO_EVSE,)
    ]
    return columns, rows


def _evse_row(text: Text, station: dict[str, Any], evse: dict[str, Any], now: str) -> list[Cell]:
    session = evse["session"] or {}
    state = units.state(evse["status"] if station["online"] else "Offline")
    if station["stage"] != Stage.COMMISSIONED:
        state.append(f" ({_stage(text, station)})", "#d98c00")
    return [
        station["station_id"],
        str(evse["evse_id"] or units.NOTHING),
        state,
        units.kilo(evse["power_w"]),
        units.kilo(session.get("energy_wh")),
        units.percent(session.get("soc_percent")),
        station["protocol"].removeprefix("ocpp") or units.NOTHING,
        station["feeder_id"],
        station["model"],
        units.local_time(station["last_seen_at"], now),
    ]


def _stage(text: Text, station: dict[str, Any]) -> str:
    return text(f"station.stage.{station['stage']}")


def _add_show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("station.show.help"), epilog=example(text, "csms station show CP-7"))
    def show(
        station_id: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            path = f"/stations/{path_segment(station_id)}"
            station, diagnosis = api.get(path), api.get(f"{path}/diagnosis")
            if as_json:
                out.document(station | {"findings": diagnosis["findings"]})
            else:
                _show(text, out, station)
                doctor.show_findings(text, out, diagnosis["findings"])


def _show(text: Text, out: Output, station: dict[str, Any]) -> None:
    known = text("console.yes") if station["registered"] else text("station.stranger")
    meter = f"{station['meter_type']} {station['meter_serial']}".strip()
    out.record(
        {
            text("station.column.station"): Styled(station["station_id"], "bold"),
            text("station.column.state"): units.state("Online" if station["online"] else "Offline"),
            text("station.registered"): f"{known}, {_stage(text, station)}",
            text("station.column.model"): f"{station['vendor']} {station['model']}".strip() or units.NOTHING,
            text("station.serial"): station["serial"] or units.NOTHING,
            text("station.firmware_version"): station["firmware"] or units.NOTHING,
            text("station.firmware_profile"): station["firmware_profile"] or units.NOTHING,
            text("station.meter"): meter or units.NOTHING,
            text("station.sim_card"): station["iccid"] or units.NOTHING,
            text("station.column.protocol"): station["protocol"] or units.NOTHING,
            text("station.column.feeder"): station["feeder_id"] or units.NOTHING,
            text("station.site"): station["site_id"] or units.NOTHING,
            text("station.booted"): units.local_time(station["booted_at"]),
            text("station.column.seen"): units.local_time(station["last_seen_at"]),
        }
    )
    out.line("")
    out.table(*_evses(text, station))
    if station["limits"]:
        out.line("")
        out.table(*_limits(text, station["limits"]))
    if station["profiles"]:
        out.line("")
        out.table(*_profiles(text, station))


def _evses(text: Text, station: dict[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    titles = ("evse", "state", "nameplate", "power", "energy", "soc", "session", "departure")
    columns = [Column(text(f"station.evse.{title}"), whole=title != "session") for title in titles]
    return columns, [_evse_detail(evse) for evse in station["evses"]]


def _evse_detail(evse: dict[str, Any]) -> list[Cell]:
    session = evse["session"] or {}
    return [
        str(evse["evse_id"]),
        units.state(evse["status"]),
        f"{evse['kind'].upper()} {evse['phases']}~ {evse['current_max_a']:.1f} A {units.kilo(evse['power_max_w'])} kW",
        f"{units.kilo(evse['power_w'])} kW",
        f"{units.kilo(session.get('energy_wh'))} kWh",
        units.percent(session.get("soc_percent")),
        str(session.get("session_id", units.NOTHING)),
        units.local_time(session.get("departure_at")),
    ]


def _limits(text: Text, limits: dict[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    """How its limits and its floor are told, and whether they are known to act."""
    titles = ("role", "state", "since", "proof", "form", "tried")
    columns = [Column(text(f"station.limits.{title}"), whole=title not in ("form", "proof")) for title in titles]
    return columns, [_track(text, role, limits[role]) for role in ("limit", "floor")]


def _track(text: Text, role: str, track: dict[str, Any]) -> list[Cell]:
    return [
        text(f"station.limits.of.{role}"),
        text(f"station.limits.is.{track['state']}"),
        units.local_time(track["since"]),
        track["proof"] or units.NOTHING,
        track["text"] or units.NOTHING,
        str(track["tried"]),
    ]


def _profiles(text: Text, station: dict[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    titles = ("profile", "evse", "purpose", "limit", "status", "sent", "seen")
    columns = [Column(text(f"station.profile.{title}"), whole=title != "purpose") for title in titles]
    rows: list[list[Cell]] = [
        [
            str(profile["profile_id"]),
            str(profile["evse_id"]),
            profile["purpose"],
            f"{units.kilo(profile['limit_w'])} kW",
            profile["status"],
            units.local_time(profile["sent_at"]),
            units.local_time(profile["seen_at"]),
        ]
        for profile in station["profiles"]
    ]
    return columns, rows


def _watch(text: Text, out: Output, read: Callable[[], dict[str, Any]], every_s: float, count: int) -> None:
    """Look again and again: a table that is drawn anew, or a document per line."""
    if out.as_json:
        import json

        for _ in _looks(every_s, count):
            typer.echo(escaped(json.dumps(read(), ensure_ascii=False)))
        return
    with Live(console=out.console, auto_refresh=False, transient=False) as live:
        for _ in _looks(every_s, count):
            columns, rows = _stations(text, read())
            lines = layout.table(columns, rows[: max(1, out.console.height - 3)], out.console.width)
            live.update(Group(*lines), refresh=True)


def _looks(every_s: float, count: int) -> Any:
    """Numbers of the looks, `every_s` seconds of the wall apart, until `count` (0: for ever) or Ctrl-C."""
    number, pause = 0, Event()
    try:
        while not count or number < count:
            if number:
                pause.wait(every_s)
            number += 1
            yield number
    except KeyboardInterrupt:
        return


def _add_add(app: typer.Typer, text: Text) -> None:
    command = "csms station add CP-7 --kind ac --phases 3 --current-a 32 --feeder north"

    @app.command("add", help=text("station.add.help"), epilog=example(text, command))
    def add(
        station_id: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        kind: Kind = typer.Option(Kind.AC, "--kind", help=text("station.option.kind")),
        phases: int = typer.Option(3, "--phases", min=1, max=3, help=text("station.option.phases")),
        current_a: float = typer.Option(32.0, "--current-a", min=0.1, help=text("station.option.current")),
        power_kw: float | None = typer.Option(None, "--power-kw", min=0.1, help=text("station.option.power")),
        evses: int = typer.Option(1, "--evses", min=1, max=64, help=text("station.option.evses")),
        feeder: str = typer.Option("", "--feeder", help=text("station.option.feeder")),
        site: str = typer.Option("", "--site", help=text("station.option.site")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        nameplate = {"kind": kind.value, "phases": phases, "current_max_a": current_a}
        nameplate |= {"power_max_w": round(power_kw * 1000)} if power_kw else {}
        body = {
            "site_id": site,
            "feeder_id": feeder,
            "evses": [{"evse_id": number, **nameplate} for number in range(1, evses + 1)],
        }
        with work(text, url, as_json) as (api, out):
            station = api.put(f"/stations/{path_segment(station_id)}", body)
            if as_json:
                out.document(station)
            else:
                out.line(text("station.added", station=station["station_id"]))
