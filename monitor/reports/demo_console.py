"""`csms report demo`: a page of the demo's day from the files that it left."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import typer

from csms.texts import Text, catalogue, language_from
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""
    shown = work.example(text, "csms report demo out.json --picture day.svg --out demo.html")

    @app.command("demo", help=text("report.demo.help"), epilog=shown)
    def demo(
        file: Path = typer.Argument(help=text("report.demo_file"), metavar="FILE"),
        picture: Path | None = typer.Option(None, "--picture", help=text("report.picture_option")),
        out: Path = typer.Option(Path("demo.html"), "--out", help=text("report.out")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.reports.demo import NoDemo, demo_page
        from monitor.reports.writing import write_whole

        try:
            document = _read(file)
            drawing = picture.read_text("utf-8") if picture is not None else ""
            page = demo_page(document, drawing, catalogue("zh"), catalogue("en"), language_from(os.environ))
        except (OSError, ValueError, NoDemo) as fault:
            work.fail(text("report.bad_demo", file=file, reason=str(fault)), USAGE, as_json, "no_demo")
        try:
            write_whole(out, page.encode())
        except OSError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")
        if as_json:
            work.document({"file": str(out)})
        else:
            typer.echo(text("report.written", file=out))


def _read(file: Path) -> dict[str, Any]:
    found = json.loads(file.read_text("utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it holds no object")
    return found
