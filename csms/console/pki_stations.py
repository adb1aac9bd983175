"""`csms pki list|renew|issue|revoke|crl|installed|delete`: certificates of stations."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.text import Text as Styled

from csms.console import station_security, units
from csms.console.client import ApiClient, path_segment
from csms.console.layout import Cell, Column
from csms.console.local import data_dir_option, local_option, local_settings
from csms.console.many import stations_argument
from csms.console.station_commands import command, run
from csms.console.work import FAILED, USAGE, Output, example, fail, json_option, output, url_option, work
from csms.texts import Text

if TYPE_CHECKING:
    from csms.app.settings import Settings

COLOURS = {"good": units.GOOD, "due": "#d98c00", "expired": units.BAD, "none": ""}


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms pki`."""
    for mount in (_list, _renew, _issue, _revoke, _crl, _installed, _delete):
        mount(app, text)


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("pki.list"), epilog=example(text, "csms pki list --within 60"))
    def list_(
        within: int | None = typer.Option(None, "--within", min=0, max=3650, help=text("pki.within")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/pki/stations", within_days=within)
            if as_json:
                out.document(answer)
                return
            titles = ("station", "serial", "state", "until", "renewed", "asked")
            columns = [Column(text(f"pki.column.{title}"), whole=title not in ("state", "asked")) for title in titles]
            out.table(columns, [_row(text, row) for row in answer["stations"]])


def _row(text: Text, row: dict[str, Any]) -> list[Cell]:
    more = [text("pki.pending")] if row["pending"] else []
    more += [text("pki.waiting")] if row["waiting_serial_number"] else []
    state = Styled(", ".join([text(f"pki.state.{row['state']}"), *more]), COLOURS[row["state"]])
    asked = f"{units.local_time(row['asked_at'])} {row['answer']}" if row["asked_at"] else units.NOTHING
    until, given = units.local_time(row["expires_at"]), units.local_time(row["given_at"])
    return [row["station_id"], row["serial"] or units.NOTHING, state, until, given, asked]


def _renew(app: typer.Typer, text: Text) -> None:
    @app.command("renew", help=text("pki.renew"), epilog=example(text, "csms pki renew 'CP-*'"))
    def renew(
        stations: str = stations_argument(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("trigger", {"message": "SignChargingStationCertificate"}))


def _issue(app: typer.Typer, text: Text) -> None:
    @app.command("issue", help=text("pki.issue"), epilog=example(text, "csms pki issue CP-7 --out certificates"))
    def issue(
        station: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        folder: Path = typer.Option(Path(), "--out", file_okay=False, help=text("pki.issue_out")),
        request: Path | None = typer.Option(
            None, "--request", exists=True, dir_okay=False, help=text("pki.issue_request")
        ),
        serial: str | None = typer.Option(None, "--serial", help=text("pki.issue_serial")),
        force: bool = typer.Option(False, "--force", help=text("pki.issue_force")),
        local: bool = local_option(text, "pki.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if local and not serial:
            raise typer.BadParameter(text("pki.issue_needs_serial"), param_hint="--serial")
        out = output(text, as_json)
        files = folder / f"{_plain(station)}.pem", folder / f"{_plain(station)}.key"
        for file in files if request is None else files[:1]:
            if file.exists() and not force:
                fail(out, text("pki.issue_exists", file=str(file)), FAILED, {"code": "file_exists", "file": str(file)})
        if local:
            with local_settings(text, out, data_dir, "pki.failed") as settings:
                made = _Made.of(request, serial or "", settings.certificates.organization)
                _written(text, out, station, made, files, _signed_here(text, out, settings, made.request))
            return
        with work(text, url, as_json) as (api, out):
            made = _asked(text, out, api, station, request)
            told = api.post(f"/stations/{path_segment(station)}/certificate", {"request": made.request})
            _written(text, out, station, made, files, told["chain"])


class _Made:
    """A signing request, and the key that was made for it here, if any."""

    def __init__(self, request: str, key: bytes | None) -> None:
        self.request, self.key = request, key

    @classmethod
    def of(cls, given: Path | None, serial: str, organization: str) -> _Made:
        if given is not None:
            return cls(given.read_text("ascii", errors="replace"), None)
        from csms.security.requests import new_request

        return cls(*new_request(serial, organization))


def _asked(text: Text, out: Output, api: ApiClient, station: str, request: Path | None) -> _Made:
    """A request in the name that is registered for the station."""
    serial = api.get(f"/stations/{path_segment(station)}/security")["serial"]
    if not serial:
        fail(out, text("pki.issue_no_serial", station=station), FAILED, {"code": "no_serial", "station_id": station})
    return _Made.of(request, serial, api.get("/pki")["organization"])


def _signed_here(text: Text, out: Output, settings: Settings, request: str) -> str:
    from csms.model.clock import system_clock
    from csms.security.authority import LocalAuthority
    from csms.security.requests import read_request

    section = settings.certificates
    if section.authority_command:
        fail(out, text("pki.issue_elsewhere"), USAGE, {"code": "authority_elsewhere"})
    return LocalAuthority(settings.data_dir / "pki", system_clock(), section.organization).sign_now(
        read_request(request)
    )


def _written(text: Text, out: Output, station: str, made: _Made, files: tuple[Path, Path], chain: str) -> None:
    """The key first: a certificate without it is of no use, and the other way round does no harm."""
    from csms.security.facts import facts
    from csms.security.files import write_whole

    files[0].parent.mkdir(parents=True, exist_ok=True)
    if made.key is not None:
        write_whole(files[1], made.key, 0o600)
    write_whole(files[0], chain.encode(), 0o600)
    told = facts(chain)
    written = [str(file) for file in (files if made.key is not None else files[:1])]
    document = {
        "station_id": station,
        "subject": told.subject,
        "serial_number": told.hash.serial_number,
        "expires_at": told.expires_at.isoformat(),
        "files": written,
    }
    if out.as_json:
        out.document(document)
        return
    until = units.local_time(told.expires_at.isoformat())
    out.line(text("pki.issued", station=station, serial=told.subject, until=until))
    for file in written:
        out.line(f"  {file}")


def _plain(station: str) -> str:
    """A name for files: what the id has in it never leads out of the folder."""
    return "".join(sign if sign.isalnum() or sign in "-_." else "_" for sign in station).lstrip(".") or "station"


def _revoke(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms pki revoke --station CP-7 --reason key_compromise")

    @app.command("revoke", help=text("pki.revoke"), epilog=shown)
    def revoke(
        number: str | None = typer.Argument(None, help=text("pki.revoke_number"), metavar="[NUMBER]"),
        station: str | None = typer.Option(None, "--station", help=text("pki.revoke_station")),
        reason: str = typer.Option("unspecified", "--reason", help=text("pki.revoke_reason")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if bool(number) == bool(station):
            raise typer.BadParameter(text("pki.revoke_one"), param_hint="NUMBER / --station")
        with work(text, url, as_json) as (api, out):
            if station:
                rows = api.get("/pki/stations", station_id=station)["stations"]
                number = rows[0]["serial_number"] if rows else ""
                if not number:
                    document = {"code": "unknown_certificate", "station_id": station}
                    fail(out, text("pki.revoke_none", station=station), FAILED, document)
            told = api.post("/pki/revocations", {"serial_number": number, "reason": reason})
            if as_json:
                out.document(told)
            else:
                closed = ", ".join(told["closed"]) or units.NOTHING
                out.line(text("pki.revoked", number=told["serial_number"], stations=closed))


def _crl(app: typer.Typer, text: Text) -> None:
    @app.command("crl", help=text("pki.crl"), epilog=example(text, "csms pki crl --out stations.crl.pem"))
    def crl(
        file: Path | None = typer.Option(None, "--out", dir_okay=False, help=text("pki.out")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            tell_pem(text, out, api.text("/pki/crl"), file)


def tell_pem(text: Text, out: Output, pem: str, file: Path | None) -> None:
    """To a file or to the screen."""
    if file is not None:
        from csms.security.files import write_whole

        write_whole(file, pem.encode(), 0o644)
    if out.as_json:
        out.document({"file": str(file)} if file is not None else {"pem": pem})
    else:
        out.line(text("pki.written", file=str(file)) if file is not None else pem.rstrip())


def _installed(app: typer.Typer, text: Text) -> None:
    @app.command("installed", help=text("pki.installed"), epilog=example(text, "csms pki installed CP-7"))
    def installed(
        stations: str = stations_argument(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        station_security.show_installed(text, url, as_json, stations, ask=True)


def _delete(app: typer.Typer, text: Text) -> None:
    @app.command("delete", help=text("pki.delete"), epilog=example(text, "csms pki delete CP-7 --serial 4a1f"))
    def delete(
        stations: str = stations_argument(text),
        serial: str = typer.Option(..., "--serial", help=text("station.certificate.serial")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        station_security.delete_by_serial(text, url, as_json, stations, serial)
