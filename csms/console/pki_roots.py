"""`csms pki export-root|install-root|roots|propose-root|approve-root|withdraw-root`: what stations may trust."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient, Refused
from csms.console.layout import Cell, Column
from csms.console.local import data_dir_option, local_option, local_settings
from csms.console.many import ask_all, chosen, report, stations_argument
from csms.console.pki_stations import tell_pem
from csms.console.station_commands import command
from csms.console.work import FAILED, Output, example, fail, json_option, output, url_option, work
from csms.model.certificates import RootUse
from csms.texts import Text


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms pki`."""
    for mount in (_export, _install, _roots, _propose, _approve, _withdraw):
        mount(app, text)


def _export(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms pki export-root server --out csms-root.pem")

    @app.command("export-root", help=text("pki.export_root"), epilog=shown)
    def export(
        name: str = typer.Argument("server", help=text("pki.export_name"), metavar="[NAME]"),
        file: Path | None = typer.Option(None, "--out", dir_okay=False, help=text("pki.out")),
        local: bool = local_option(text, "pki.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if local:
            out = output(text, as_json)
            with local_settings(text, out, data_dir, "pki.failed") as settings:
                tell_pem(text, out, (settings.data_dir / "pki" / f"{name}-ca.pem").read_text("ascii"), file)
            return
        with work(text, url, as_json) as (api, out):
            tell_pem(text, out, api.text(f"/pki/authorities/{name}"), file)


def _file_option(text: Text) -> Any:
    return typer.Option(..., "--file", exists=True, dir_okay=False, help=text("pki.install_file"))


def _read(file: Path) -> str:
    return file.read_text("utf-8", errors="replace")


def _install(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms pki install-root 'CP-*' --file root.pem --use CSMSRootCertificate")

    @app.command("install-root", help=text("pki.install_root"), epilog=shown)
    def install(
        stations: str = stations_argument(text),
        file: Path = _file_option(text),
        use: RootUse = typer.Option(RootUse.CENTRAL_SYSTEM, "--use", help=text("station.certificate.use")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"use": use.value, "certificate": _read(file)}
        with work(text, url, as_json) as (api, out):
            _be_allowed(text, out, api, body["certificate"])
            report(out, ask_all(out, api, chosen(text, api, stations), command("install_certificate", body)))


def _be_allowed(text: Text, out: Output, api: ApiClient, pem: str) -> None:
    """A root that needs a second person is proposed, and the way is told; nothing is sent to a station."""
    from csms.security.facts import CertificateUnreadable, facts

    try:
        fingerprint = facts(pem).fingerprint
    except CertificateUnreadable as fault:
        raise Refused(422, {"code": fault.code, "detail": str(fault)}) from None
    listed = api.get("/pki/roots")
    approved = {row["fingerprint"] for row in listed["proposed"] if row["approved_at"]}
    if fingerprint in {*listed["known"], *approved}:
        return
    told = api.post("/pki/roots", {"certificate": pem})
    document = {**told, "code": "needs_second_person"}
    fail(out, text("pki.needs_second", subject=told["subject"], fingerprint=fingerprint), FAILED, document)


def _roots(app: typer.Typer, text: Text) -> None:
    @app.command("roots", help=text("pki.roots"), epilog=example(text, "csms pki roots"))
    def roots(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/pki/roots")
            if as_json:
                out.document(answer)
                return
            titles = ("fingerprint", "subject", "proposed", "approved")
            columns = [Column(text(f"pki.column.{title}"), whole=title == "fingerprint") for title in titles]
            house: list[list[Cell]] = [[one, text("pki.of_house"), "", ""] for one in answer["known"]]
            out.table(columns, house + [_row(row) for row in answer["proposed"]])


def _row(row: dict[str, Any]) -> list[Cell]:
    return [row["fingerprint"], row["subject"], row["proposed_by"], row["approved_by"] or units.NOTHING]


def _propose(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms pki propose-root --file root.pem")

    @app.command("propose-root", help=text("pki.propose_root"), epilog=shown)
    def propose(
        file: Path = _file_option(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            told = api.post("/pki/roots", {"certificate": _read(file)})
            if as_json:
                out.document(told)
            else:
                out.line(text("pki.proposed", subject=told["subject"], fingerprint=told["fingerprint"]))


def _approve(app: typer.Typer, text: Text) -> None:
    def agree(api: ApiClient, fingerprint: str) -> dict[str, Any]:
        answer: dict[str, Any] = api.post(f"/pki/roots/{fingerprint}/approve", {})
        return answer

    def words(told: dict[str, Any]) -> str:
        by = {"proposed": told["proposed_by"], "approved": told["approved_by"]}
        return text("pki.approved", subject=told["subject"], **by)

    _about_one(app, text, "approve", agree, words)


def _withdraw(app: typer.Typer, text: Text) -> None:
    def take_back(api: ApiClient, fingerprint: str) -> dict[str, Any]:
        api.delete(f"/pki/roots/{fingerprint}")
        return {"fingerprint": fingerprint, "withdrawn": True}

    _about_one(app, text, "withdraw", take_back, lambda told: text("pki.withdrawn", fingerprint=told["fingerprint"]))


def _about_one(
    app: typer.Typer,
    text: Text,
    verb: str,
    do: Callable[[ApiClient, str], dict[str, Any]],
    words: Callable[[dict[str, Any]], str],
) -> None:
    """A command about a root that was proposed, named by its fingerprint."""
    shown = example(text, f"csms pki {verb}-root 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08")

    @app.command(f"{verb}-root", help=text(f"pki.{verb}_root"), epilog=shown)
    def settle(
        fingerprint: str = typer.Argument(help=text("pki.fingerprint"), metavar="SHA256"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            told = do(api, _normal(fingerprint))
            if as_json:
                out.document(told)
            else:
                out.line(words(told))


def _normal(fingerprint: str) -> str:
    """As programs show it: `AB:CD:…` or plain."""
    return "".join(sign for sign in fingerprint.lower() if sign in "0123456789abcdef")
