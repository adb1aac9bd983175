"""`csms report scheduled`: makes what is due and not there, and sends it; the server runs it at its time of day."""

from __future__ import annotations

import os
import smtplib
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text, catalogue
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option

if TYPE_CHECKING:
    from monitor.reports.console import FormName
    from monitor.reports.mail import Post

AUDIENCES = ("grid", "government", "makers", "operators")
UNSENT = "unsent"
"""Folder of marks: a report that was written and could not be sent yet."""


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""
    shown = work.example(text, "csms report scheduled --data-dir data --out data/reports")

    @app.command("scheduled", help=text("report.scheduled.help"), epilog=shown)
    def scheduled(
        data_dir: Path = work.central_dir_option(text),
        folder: Path | None = typer.Option(None, "--folder", help=text("warehouse.folder")),
        out: Path | None = typer.Option(None, "--out", help=text("report.out_folder")),
        audiences: list[str] = typer.Option([], "--audience", help=text("report.audience")),
        back: int = typer.Option(7, "--back", min=1, max=60, help=text("report.back")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.reports.mail import VARIABLE, MailInvalid, post_from

        wrong = [name for name in audiences if name not in AUDIENCES]
        if wrong:
            raise typer.BadParameter(text("report.audience"), param_hint="--audience")
        try:
            post = post_from(os.environ.get(VARIABLE, ""))
        except MailInvalid as fault:
            work.fail(text("report.bad_mail", reason=str(fault)), USAGE, as_json, "mail_invalid")
        reports = out or data_dir / "reports"
        files = _make_due(text, folder or data_dir / "warehouse", reports, tuple(audiences) or AUDIENCES, back, as_json)
        sent = _send(text, post, reports, files, as_json) if post is not None else 0
        if as_json:
            work.document({"files": [str(file) for file in files], "sent": sent})
        elif not files and not sent:
            typer.echo(text("report.nothing_due"))


def _make_due(
    text: Text, warehouse: Path, out: Path, audiences: tuple[str, ...], back: int, as_json: bool
) -> list[Path]:
    from monitor.reports.console import made, save
    from monitor.reports.due import due
    from monitor.reports.reading import known_days
    from monitor.warehouse.calendar import ZONE

    form: FormName = "html"
    known = known_days(warehouse)
    if known is None:
        return []  # the server asks each day, also before its first session
    today = clock_from_environment().now().astimezone(ZONE).date()
    there = {file.stem for file in out.glob("*.html")} if out.is_dir() else set()
    files = []
    with Console(stderr=True).status(text("report.title.span")) as shown:
        for one in due(today, known, audiences, there, back):
            shown.update(one.name)
            told = made(warehouse, one.period, one.audience, (one.first, one.last), {})
            file = out / f"{one.name}.{form}"
            save(text, file, told, form, as_json)
            files.append(file)
            if not as_json:
                typer.echo(text("report.written", file=file))
    return files


def _send(text: Text, post: Post, out: Path, new: list[Path], as_json: bool) -> int:
    """What is new, and what could not be sent before; how many went. A mark stands for each that is still to go."""
    from monitor.reports.mail import letter

    marks = out / UNSENT
    try:
        marks.mkdir(parents=True, exist_ok=True)
        for file in new:
            (marks / file.name).touch()
        files = [out / mark.name for mark in sorted(marks.iterdir()) if (out / mark.name).is_file()]
        if not files:
            return 0
        post.send(letter(post, files, catalogue("zh"), catalogue("en")))
        for file in files:
            (marks / file.name).unlink()
    except (OSError, smtplib.SMTPException) as fault:
        work.fail(text("report.not_mailed", reason=str(fault)), FAILED, as_json, "not_mailed")
    if not as_json:
        typer.echo(text("report.mailed", to=post.to, count=len(files)))
    return len(files)
