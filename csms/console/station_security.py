"""`csms station certificate list|install|delete`, `csms station security-events`."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.client import ApiClient, Refused
from csms.console.layout import Cell, Column
from csms.console.many import ask_all, chosen, good_too, report_faults, stations_argument, stations_option
from csms.console.station_commands import command, run
from csms.console.work import example, group, json_option, url_option, work
from csms.model.certificates import RootUse
from csms.texts import Text

HASHES = ("algorithm", "issuer_name_hash", "issuer_key_hash", "serial_number")


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    certificate = group(text, "station.certificate")
    for mount in (_list, _install, _delete):
        mount(certificate, text)
    app.add_typer(certificate, name="certificate")
    _events(app, text)


def _list(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station certificate list 'CP-*' --expiring 30")

    @app.command("list", help=text("station.certificate.list"), epilog=shown)
    def list_(
        stations: str | None = stations_option(text),
        ask: bool = typer.Option(False, "--ask", help=text("station.certificate.ask")),
        expiring: int | None = typer.Option(None, "--expiring", min=0, max=3650, help=text("station.certificate.days")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        show_installed(text, url, as_json, stations or "all", ask=ask, expiring=expiring)


def show_installed(
    text: Text, url: str, as_json: bool, stations: str, *, ask: bool, expiring: int | None = None
) -> None:
    """What is known of certificates in stations; `ask` the stations first."""
    with work(text, url, as_json) as (api, out):
        wanted = chosen(text, api, stations)
        asked = ask_all(out, api, wanted, command("get_installed_certificates", {})) if ask else []
        asked = good_too(asked, "NotFound")
        known = api.get("/certificates", expiring_within_days=expiring)["certificates"]
        found = [row for row in known if row["station_id"] in wanted]
        if as_json:
            out.document({"certificates": found, "not_asked": [o.station_id for o in asked if not o.ok]})
        else:
            out.table(_columns(text), [_row(row) for row in found])
        report_faults(out, asked)


def _columns(text: Text) -> list[Column]:
    titles = ("use", "serial", "subject", "expires", "told")
    whole = ("use", "expires", "told")
    named = [Column(text(f"station.certificate.column.{title}"), whole=title in whole) for title in titles]
    return [Column(text("many.column.station")), *named]


def _row(row: dict[str, Any]) -> list[Cell]:
    times = (units.local_time(row["expires_at"]), units.local_time(row["told_at"]))
    return [row["station_id"], row["use"], row["serial_number"], row["subject"] or units.NOTHING, *times]


def _install(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station certificate install 'CP-*' root.pem --use CSMSRootCertificate")

    @app.command("install", help=text("station.certificate.install"), epilog=shown)
    def install(
        stations: str = stations_argument(text),
        file: Path = typer.Argument(exists=True, dir_okay=False, help=text("station.certificate.file"), metavar="PEM"),
        use: RootUse = typer.Option(RootUse.CENTRAL_SYSTEM, "--use", help=text("station.certificate.use")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"use": use.value, "certificate": file.read_text("utf-8", errors="replace")}
        run(text, url, as_json, stations, command("install_certificate", body))


def _delete(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station certificate delete CP-7 --serial 4A1F")

    @app.command("delete", help=text("station.certificate.delete"), epilog=shown)
    def delete(
        stations: str = stations_argument(text),
        serial: str = typer.Option(..., "--serial", help=text("station.certificate.serial")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        delete_by_serial(text, url, as_json, stations, serial)


def delete_by_serial(text: Text, url: str, as_json: bool, stations: str, serial: str) -> None:
    """Delete a certificate in stations."""
    run(text, url, as_json, stations, lambda api, station: _delete_at(text, api, station, serial))


def _delete_at(text: Text, api: ApiClient, station: str, serial: str) -> dict[str, Any]:
    """Delete it by the station's own name for it, which is known when it was installed or listed."""
    known = api.get("/certificates", station_id=station)["certificates"]
    wanted = [row for row in known if row["serial_number"].casefold() == serial.casefold()]
    if not wanted:
        detail = text("station.certificate.unknown")
        raise Refused(404, {"code": "unknown_certificate", "detail": detail})
    return command("delete_certificate", {name: wanted[0][name] for name in HASHES})(api, station)


def _events(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station security-events CP-7 --critical")

    @app.command("security-events", help=text("station.security_events.help"), epilog=shown)
    def security_events(
        station: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        critical: bool = typer.Option(False, "--critical", help=text("station.security_events.critical")),
        limit: int = typer.Option(50, "--limit", min=1, max=1000, help=text("operations.limit")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            path = f"/stations/{quote(station, safe='')}/security-events"
            answer = api.get(path, critical=critical or None, limit=limit)
            if as_json:
                out.document(answer)
            else:
                out.table(_event_columns(text), [_event_row(row) for row in answer["events"]])


def _event_columns(text: Text) -> list[Column]:
    return [
        Column(text("station.security_events.received"), whole=True),
        Column(text("station.security_events.kind"), whole=True),
        Column(text("station.security_events.info")),
    ]


def _event_row(row: dict[str, Any]) -> list[Cell]:
    kind = Styled(row["kind"], units.BAD if row["critical"] else "")
    return [units.local_time(row["received_at"]), kind, row["info"]]
