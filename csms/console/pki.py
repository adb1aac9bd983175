"""`csms pki init|show|list|renew|issue|revoke|crl|export-root|install-root|…`: certificates of server and stations.

Most ask the running server. `init`, and the others with `--local`, work on the data folder with the settings of serve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import pki_roots, pki_stations, units
from csms.console.layout import Cell, Column
from csms.console.local import data_dir_option, local_option, local_settings
from csms.console.work import FAILED, Output, example, fail, group, json_option, output, url_option, work
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "pki")
    for mount in (_init, _show):
        mount(app, text)
    pki_stations.add(app, text)
    pki_roots.add(app, text)
    return app


def _init(app: typer.Typer, text: Text) -> None:
    @app.command("init", help=text("pki.init"), epilog=example(text, "csms pki init --data-dir data"))
    def init(data_dir: Path | None = data_dir_option(text), as_json: bool = json_option(text)) -> None:
        out = output(text, as_json)
        with local_settings(text, out, data_dir, "pki.failed") as settings:
            from csms.app.tls import ServerTls
            from csms.model.clock import system_clock
            from csms.security.authority import NAMES, LocalAuthority
            from csms.security.server_certificate import own_pairs

            folder = settings.data_dir / "pki"
            authority = LocalAuthority(folder, system_clock(), settings.certificates.organization)
            try:
                for name in NAMES:
                    authority.root_file(name)
                if not settings.tls_certificate:
                    names = settings.tls_names or ServerTls.own_names()
                    own_pairs(folder, authority, system_clock(), names)
            except ValueError as fault:
                fail(out, text("pki.failed", reason=str(fault)), FAILED, {"code": "pki", "detail": str(fault)})
            _tell(text, out, local_document(settings))


def local_document(settings: Any) -> dict[str, Any]:
    """What the data folder holds, as `GET /pki` tells it."""
    from dataclasses import asdict

    from csms.app.pki import sources
    from csms.security.inventory import read
    from csms.security.revocation import RevocationList

    def written(value: Any) -> Any:
        return value.isoformat() if hasattr(value, "isoformat") else value

    kept = [{name: written(value) for name, value in asdict(one).items()} for one in read(sources(settings))]
    listed = RevocationList(settings.data_dir / "pki" / "station-ca.crl.pem").entries()
    command = settings.certificates.authority_command
    return {
        "authority": Path(command[0]).name if command else "built-in",
        "renew_days": settings.certificates.renew_days,
        "certificates": kept,
        "revoked": [{"serial_number": f"{r.number:x}", "at": r.at.isoformat(), "reason": r.reason} for r in listed],
    }


def _show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("pki.show"), epilog=example(text, "csms pki show"))
    def show(
        local: bool = local_option(text, "pki.local"),
        data_dir: Path | None = data_dir_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if local:
            out = output(text, as_json)
            with local_settings(text, out, data_dir, "pki.failed") as settings:
                _tell(text, out, local_document(settings))
            return
        with work(text, url, as_json) as (api, out):
            _tell(text, out, api.get("/pki"))


def _tell(text: Text, out: Output, document: dict[str, Any]) -> None:
    if out.as_json:
        out.document(document)
        return
    titles = ("role", "name", "subject", "until", "key")
    columns = [Column(text(f"pki.column.{title}"), whole=title != "subject") for title in titles]
    out.table(columns, [_row(text, row) for row in document["certificates"]])
    for row in document["certificates"]:
        role = text(f"pki.role.{row['role']}")
        if row["fingerprint"]:
            out.line(Styled(f"SHA-256 {row['fingerprint']}  {role} {row['name']}", "dim"))
    facts = {"authority": document["authority"], "days": document["renew_days"], "revoked": len(document["revoked"])}
    out.line(text("pki.show_authority", **facts))


def _row(text: Text, row: dict[str, Any]) -> list[Cell]:
    private = row["key_private"]
    key: Cell = text("pki.key.none") if private is None else text("pki.key.private")
    if private is False:
        key = Styled(text("pki.key.readable"), units.BAD)
    subject: Cell = Styled(row["fault"], units.BAD) if row["fault"] else row["subject"]
    return [
        text(f"pki.role.{row['role']}"),
        row["name"],
        subject,
        units.local_time(row["expires_at"]),
        key,
    ]
