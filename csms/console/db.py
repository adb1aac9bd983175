"""`csms db`: migrate. Works on the database itself, without a running server."""

from __future__ import annotations

from pathlib import Path

import typer

from csms.console.work import FAILED, USAGE, example, fail, group, json_option, output
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "db")

    @app.command("migrate", help=text("db.migrate.help"), epilog=example(text, "csms db migrate --dry-run"))
    def migrate(
        data_dir: Path | None = typer.Option(None, "--data-dir", help=text("db.option.data_dir")),
        dry_run: bool = typer.Option(False, "--dry-run", help=text("db.option.dry_run")),
        as_json: bool = json_option(text),
    ) -> None:
        _migrate(text, data_dir, dry_run, as_json)

    return app


def _migrate(text: Text, data_dir: Path | None, dry_run: bool, as_json: bool) -> None:
    from csms.app.settings import SettingsInvalid, load_settings
    from csms.model.errors import CsmsError
    from csms.store import migrate

    out = output(text, as_json)
    try:
        url = load_settings(data_dir=data_dir).store_url
        revisions = migrate.pending(url) if dry_run else migrate.upgrade(url)
    except SettingsInvalid as fault:
        fail(out, text("serve.bad_settings", reason=str(fault)), USAGE, {"code": fault.code, "detail": str(fault)})
    except CsmsError as fault:
        fail(out, text("db.failed", reason=str(fault)), FAILED, {"code": fault.code, "detail": str(fault)})
    if as_json:
        out.document({"revisions": revisions, "applied": not dry_run})
        return
    key = "db.none" if not revisions else "db.pending" if dry_run else "db.applied"
    out.line(text(key, revisions=", ".join(revisions)))
