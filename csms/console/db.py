"""`csms db`: migrate, backup, restore, verify. Works on the database itself, without a running server."""

from __future__ import annotations

from pathlib import Path

import typer

from csms.console.layout import Column
from csms.console.local import local_settings
from csms.console.work import FAILED, example, group, json_option, output
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "db")
    data_dir_help = text("db.option.data_dir")

    @app.command("migrate", help=text("db.migrate.help"), epilog=example(text, "csms db migrate --dry-run"))
    def migrate(
        data_dir: Path | None = typer.Option(None, "--data-dir", help=data_dir_help),
        dry_run: bool = typer.Option(False, "--dry-run", help=text("db.option.dry_run")),
        as_json: bool = json_option(text),
    ) -> None:
        _migrate(text, data_dir, dry_run, as_json)

    @app.command("backup", help=text("db.backup.help"), epilog=example(text, "csms db backup /backups/monday.db"))
    def backup(
        file: Path = typer.Argument(..., help=text("db.option.backup_file")),
        force: bool = typer.Option(False, "--force", help=text("db.option.force")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=data_dir_help),
        as_json: bool = json_option(text),
    ) -> None:
        _backup(text, file, force, data_dir, as_json)

    @app.command("restore", help=text("db.restore.help"), epilog=example(text, "csms db restore /backups/monday.db"))
    def restore(
        file: Path = typer.Argument(..., help=text("db.option.restore_file")),
        upgrade: bool = typer.Option(False, "--migrate", help=text("db.option.migrate")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=data_dir_help),
        as_json: bool = json_option(text),
    ) -> None:
        _restore(text, file, upgrade, data_dir, as_json)

    @app.command("verify", help=text("db.verify.help"), epilog=example(text, "csms db verify --full"))
    def verify(
        file: Path | None = typer.Argument(None, help=text("db.option.verify_file")),
        full: bool = typer.Option(False, "--full", help=text("db.option.full")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=data_dir_help),
        as_json: bool = json_option(text),
    ) -> None:
        _verify(text, file, full, data_dir, as_json)

    return app


def _migrate(text: Text, data_dir: Path | None, dry_run: bool, as_json: bool) -> None:
    from csms.store import migrate

    out = output(text, as_json)
    with local_settings(text, out, data_dir, "db.failed") as settings:
        url = settings.store_url
        revisions = migrate.pending(url) if dry_run else migrate.upgrade(url)
    if as_json:
        out.document({"revisions": revisions, "applied": not dry_run})
        return
    key = "db.none" if not revisions else "db.pending" if dry_run else "db.applied"
    out.line(text(key, revisions=", ".join(revisions)))


def _backup(text: Text, file: Path, force: bool, data_dir: Path | None, as_json: bool) -> None:
    from csms.store.backup import backup

    out = output(text, as_json)
    with (
        local_settings(text, out, data_dir, "db.backup.failed") as settings,
        out.console.status(text("db.backup.running")),
    ):
        size = backup(settings.store_url, file, force=force)
    if as_json:
        out.document({"file": str(file), "bytes": size})
    else:
        out.line(text("db.backup.done", file=str(file), mb=f"{size / 1e6:,.1f}"))


def _restore(text: Text, file: Path, upgrade: bool, data_dir: Path | None, as_json: bool) -> None:
    from csms.model.clock import system_clock
    from csms.security.folder import FolderLock
    from csms.store.backup import restore

    out = output(text, as_json)
    with local_settings(text, out, data_dir, "db.restore.failed") as settings:
        lock = FolderLock(settings.data_dir)
        lock.take()
        try:
            done = restore(file, settings.store_url, system_clock().now(), upgrade=upgrade)
        finally:
            lock.release()
    kept = str(done.kept) if done.kept else None
    if as_json:
        out.document({"revision": done.revision, "applied": done.applied, "kept": kept})
        return
    out.line(text("db.restore.done", revision=done.revision))
    if kept:
        out.line(text("db.restore.kept", file=kept))


def _verify(text: Text, file: Path | None, full: bool, data_dir: Path | None, as_json: bool) -> None:
    from csms.store.verify import verify

    out = output(text, as_json)
    with local_settings(text, out, data_dir, "db.verify.failed") as settings:
        url = f"sqlite+aiosqlite:///{file.absolute()}" if file else settings.store_url
        checks = verify(url, full=full)
    good = all(check.ok is not False for check in checks)
    if as_json:
        out.document({"ok": good, "checks": [{"name": c.name, "ok": c.ok, "detail": c.detail} for c in checks]})
    else:
        words = {True: text("db.verify.good"), False: text("db.verify.bad"), None: text("db.verify.none")}
        heads = [Column(text(f"db.verify.{name}")) for name in ("check", "result", "detail")]
        out.table(heads, [[text(f"db.verify.name.{c.name}"), words[c.ok], c.detail] for c in checks])
    if not good:
        raise typer.Exit(FAILED)
