"""`csms station firmware|diagnostics`: firmware to stations, logs from them, through one-time addresses of the server.

The option of the firmware's own address is `--location`: `--url` is the server's, as everywhere.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from csms.console import units
from csms.console.client import ApiClient, Refused
from csms.console.following import follow, timeout_option, wait_option
from csms.console.layout import Cell, Column
from csms.console.many import Outcome, ask_all, chosen, point_in_time, report, stations_argument
from csms.console.station_commands import command
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.model.files import NAME_PATTERN
from csms.model.logs import LogKind
from csms.texts import Text


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    firmware = group(text, "station.firmware")
    for mount in (_update, _upload, _list, _delete, _publish, _unpublish):
        mount(firmware, text)
    app.add_typer(firmware, name="firmware")
    _diagnostics(app, text)


def _file_option(text: Text) -> Any:
    return typer.Option(None, "--file", help=text("station.firmware.file"))


def _location_option(text: Text) -> Any:
    return typer.Option(None, "--location", help=text("station.firmware.location"))


def _retries_option(text: Text) -> Any:
    return typer.Option(None, "--retries", min=0, max=100, help=text("station.firmware.retries"))


def _source(text: Text, file: str | None, location: str | None) -> dict[str, str | None]:
    if bool(file) == bool(location):
        raise typer.BadParameter(text("station.firmware.one_source"), param_hint="--file, --location")
    return {"firmware": file, "location": location}


def _update(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station firmware update 'CP-*' --file pile-2.1.bin --wait")

    @app.command("update", help=text("station.firmware.update"), epilog=shown)
    def update(
        stations: str = stations_argument(text),
        file: str | None = _file_option(text),
        location: str | None = _location_option(text),
        retrieve_at: str | None = typer.Option(None, "--retrieve-at", help=text("station.firmware.retrieve_at")),
        install_at: str | None = typer.Option(None, "--install-at", help=text("station.firmware.install_at")),
        retries: int | None = _retries_option(text),
        wait: bool = wait_option(text),
        timeout_s: float = timeout_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body: dict[str, Any] = {**_source(text, file, location), "retries": retries}
        with work(text, url, as_json) as (api, out):
            body["retrieve_at"] = point_in_time(text, api, retrieve_at, "--retrieve-at")
            body["install_at"] = point_in_time(text, api, install_at, "--install-at")
            outcomes = ask_all(out, api, chosen(text, api, stations), command("update_firmware", body))
            report(out, follow(out, api, "update_firmware", outcomes, timeout_s) if wait else outcomes)


def _upload(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station firmware upload pile-2.1.bin --name pile-2.1.bin")

    @app.command("upload", help=text("station.firmware.upload"), epilog=shown)
    def upload(
        file: Path = typer.Argument(exists=True, dir_okay=False, help=text("station.firmware.own"), metavar="FILE"),
        name: str | None = typer.Option(None, "--name", help=text("station.firmware.name")),
        certificate: Path | None = typer.Option(
            None, "--certificate", exists=True, dir_okay=False, help=text("station.firmware.certificate")
        ),
        signature: Path | None = typer.Option(
            None, "--signature", exists=True, dir_okay=False, help=text("station.firmware.signature")
        ),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        called = name or file.name
        if not re.match(NAME_PATTERN, called):
            raise typer.BadParameter(text("station.firmware.bad_name", name=called), param_hint="--name")
        if (certificate is None) != (signature is None):
            raise typer.BadParameter(text("station.firmware.both"), param_hint="--certificate, --signature")
        with work(text, url, as_json) as (api, out):
            told = _send_file(out, api, file, called)
            if certificate and signature:
                signed = {"signing_certificate": certificate.read_text(), "signature": signature.read_text().strip()}
                told = api.put(f"/firmware/{quote(called)}/signature", signed)
            if as_json:
                out.document(told)
            else:
                out.line(text("station.firmware.uploaded", name=told["name"], sha256=told["sha256"]))


def _send_file(out: Output, api: ApiClient, file: Path, name: str) -> Any:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    bar = Progress(*columns, console=Console(stderr=True), transient=True, disable=out.as_json)
    with bar, bar.open(file, "rb", description=name) as content:
        return api.send_file(f"/firmware/{quote(name)}", content, file.stat().st_size)


def _list(app: typer.Typer, text: Text) -> None:
    @app.command("list", help=text("station.firmware.list"), epilog=example(text, "csms station firmware list"))
    def list_(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/firmware")
            if as_json:
                out.document(answer)
            else:
                out.table(_columns(text), [_row(text, row) for row in answer["firmware"]])


def _columns(text: Text) -> list[Column]:
    return [
        Column(text("station.firmware.column.name"), whole=True),
        Column(text("station.firmware.column.size"), right=True, whole=True),
        Column(text("station.firmware.column.uploaded"), whole=True),
        Column(text("station.firmware.column.signed"), whole=True),
        Column("SHA-256"),
    ]


def _row(text: Text, row: dict[str, Any]) -> list[Cell]:
    signed = text("console.yes") if row["signed"] else units.NOTHING
    return [row["name"], f"{row['size_bytes']:,}", units.local_time(row["uploaded_at"]), signed, row["sha256"]]


def _delete(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station firmware delete pile-2.1.bin")

    @app.command("delete", help=text("station.firmware.delete"), epilog=shown)
    def delete(
        name: str = typer.Argument(help=text("station.firmware.file"), metavar="NAME"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            api.delete(f"/firmware/{quote(name, safe='')}")
            if as_json:
                out.document({"name": name, "deleted": True})
            else:
                out.line(text("station.firmware.deleted", name=name))


def _publish(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station firmware publish LC-1 --file pile-2.1.bin --wait")

    @app.command("publish", help=text("station.firmware.publish"), epilog=shown)
    def publish(
        stations: str = stations_argument(text),
        file: str | None = _file_option(text),
        location: str | None = _location_option(text),
        checksum: str | None = typer.Option(None, "--checksum", help=text("station.firmware.checksum")),
        retries: int | None = _retries_option(text),
        wait: bool = wait_option(text),
        timeout_s: float = timeout_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {**_source(text, file, location), "checksum": checksum, "retries": retries}
        if location and not checksum:
            raise typer.BadParameter(text("station.firmware.checksum"), param_hint="--checksum")
        with work(text, url, as_json) as (api, out):
            outcomes = ask_all(out, api, chosen(text, api, stations), command("publish_firmware", body))
            report(out, follow(out, api, "publish_firmware", outcomes, timeout_s) if wait else outcomes)


def _unpublish(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station firmware unpublish LC-1 --file pile-2.1.bin")

    @app.command("unpublish", help=text("station.firmware.unpublish"), epilog=shown)
    def unpublish(
        stations: str = stations_argument(text),
        file: str | None = _file_option(text),
        checksum: str | None = typer.Option(None, "--checksum", help=text("station.firmware.checksum")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if bool(file) == bool(checksum):
            raise typer.BadParameter(text("station.firmware.file_or_checksum"), param_hint="--file, --checksum")
        with work(text, url, as_json) as (api, out):
            ask = command("unpublish_firmware", {"checksum": checksum or _checksum(text, api, str(file))})
            report(out, ask_all(out, api, chosen(text, api, stations), ask))


def _checksum(text: Text, api: ApiClient, name: str) -> str:
    for row in api.get("/firmware")["firmware"]:
        if row["name"] == name:
            return str(row["md5"])
    raise typer.BadParameter(text("station.firmware.unknown", name=name), param_hint="--file")


def _diagnostics(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station diagnostics 'CP-*' --kind security --save logs")

    @app.command("diagnostics", help=text("station.diagnostics.help"), epilog=shown)
    def diagnostics(
        stations: str = stations_argument(text),
        kind: LogKind = typer.Option(LogKind.DIAGNOSTICS, "--kind", help=text("station.diagnostics.kind")),
        oldest: str | None = typer.Option(None, "--from", help=text("station.diagnostics.from")),
        latest: str | None = typer.Option(None, "--to", help=text("station.diagnostics.to")),
        location: str | None = typer.Option(None, "--location", help=text("station.diagnostics.location")),
        retries: int | None = _retries_option(text),
        wait: bool = wait_option(text),
        save: Path | None = typer.Option(None, "--save", file_okay=False, help=text("station.diagnostics.save")),
        timeout_s: float = timeout_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if save and location:
            raise typer.BadParameter(text("station.diagnostics.elsewhere"), param_hint="--save, --location")
        body: dict[str, Any] = {"kind": kind.value, "location": location, "retries": retries}
        with work(text, url, as_json) as (api, out):
            body["oldest"] = point_in_time(text, api, oldest, "--from")
            body["latest"] = point_in_time(text, api, latest, "--to")
            outcomes = ask_all(out, api, chosen(text, api, stations), command("request_log", body))
            if wait or save:
                outcomes = follow(out, api, "request_log", outcomes, timeout_s)
            report(out, _saved(api, outcomes, save) if save else outcomes)


def _saved(api: ApiClient, outcomes: Sequence[Outcome], folder: Path) -> list[Outcome]:
    """Bring the files that came; each outcome says where its file lies."""
    folder.mkdir(parents=True, exist_ok=True)
    return [_save(api, outcome, folder) if outcome.ok else outcome for outcome in outcomes]


def _save(api: ApiClient, outcome: Outcome, folder: Path) -> Outcome:
    operation = outcome.answer.get("operation") or {}
    file = operation.get("file")
    if file is None:
        return replace(outcome, ok=False, status="no_file")
    place = folder / saved_name(outcome.station_id, operation["operation_id"], file["name"])
    try:
        api.receive_file(f"/operations/{operation['operation_id']}/file", place)
    except Refused as fault:
        return replace(outcome, ok=False, status=fault.code, detail=str(fault))
    return replace(outcome, detail=str(place), answer={**outcome.answer, "saved": str(place)})


def saved_name(station_id: str, operation_id: int, name: str) -> str:
    """A name for a file of a station; what a station says never leads out of the folder or hides a file."""
    plain = re.sub(r"[^A-Za-z0-9._+-]", "_", f"{station_id}-{operation_id}-{name}").lstrip(".")
    return plain[-200:]
