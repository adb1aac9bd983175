"""`csms siting run`: the report on where to build, as HTML, JSON and CSV."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text, catalogue, language_from
from monitor.console import work
from monitor.console.work import FAILED, json_option
from monitor.siting.inputs import (
    Datum,
    Source,
    boundary_option,
    box_option,
    datum_option,
    folder_argument,
    judge,
    layers_option,
    partners_option,
    platform_option,
    read_area,
    repeats_option,
    span_option,
)

if TYPE_CHECKING:
    from monitor.siting.area import Area
    from monitor.siting.plan import Plan
    from monitor.siting.wishes import Wishes

PAGE, NUMBERS = "report.html", "report.json"


def mount(app: typer.Typer, text: Text) -> None:
    """Adds the command to the group."""

    @app.command(
        "run",
        help=text("siting.run.help"),
        epilog=work.example(text, "csms siting run shenzhen --out report --sites 10 --break-even 800"),
    )
    def run(
        folder: Path = folder_argument(text),
        out: Path = typer.Option(..., "--out", "--report", help=text("siting.run.out")),
        sites: int = typer.Option(10, "--sites", min=1, max=200, help=text("siting.run.sites")),
        radius: float = typer.Option(1.0, "--radius", min=0.1, max=20.0, help=text("siting.run.radius")),
        decay: float = typer.Option(2.0, "--decay", min=0.1, max=5.0, help=text("siting.run.decay")),
        break_even: float | None = typer.Option(None, "--break-even", min=0.1, help=text("siting.run.break_even")),
        session: float | None = typer.Option(None, "--session-kwh", min=1.0, help=text("siting.run.session")),
        busiest: float | None = typer.Option(
            None, "--busiest-share", min=0.042, max=1.0, help=text("siting.run.busiest")
        ),
        wait: float = typer.Option(5.0, "--wait-min", min=0.1, help=text("siting.run.wait")),
        piles: int = typer.Option(0, "--piles", min=0, max=200, help=text("siting.run.piles")),
        repeats: int = repeats_option(text),
        span_h: float | None = span_option(text),
        name: Datum = datum_option(text),
        boundary: Path | None = boundary_option(text),
        box: str = box_option(text),
        layers: Path | None = layers_option(text),
        platform_dir: Path | None = platform_option(text),
        partner_file: Path | None = partners_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.siting.document import document_of
        from monitor.siting.wishes import Wishes

        wishes = Wishes(
            sites=sites, piles=piles, cover_km=radius, decay=decay, break_even_kwh=break_even, session_kwh=session,
            busiest_share=busiest, wait_min=wait,
        )  # fmt: skip
        source = Source(folder, span_h, name, boundary, box, layers, (platform_dir, partner_file))
        area, fit = read_area(text, source, as_json)
        if area.plannable is not area and not as_json:
            typer.echo(text("siting.counts_unused"), err=True)
        area = area.plannable
        judged = judge(text, area, repeats, as_json)
        plan = _planned(text, area, wishes, as_json)
        made_at = clock_from_environment().now().isoformat(timespec="seconds")
        document = document_of(area, fit, judged, plan, made_at)
        try:
            written = _write(out, document, area, language_from(os.environ))
        except OSError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")
        if as_json:
            work.document({"files": [str(path) for path in written], **document["choice"], "verdict": judged.verdict})
            return
        facts = {"chosen": len(plan.proposals), "candidates": plan.candidates, "file": out / PAGE}
        typer.echo(text("siting.run.written", reached=f"{100 * plan.reached:.0f} %", **facts))
        typer.echo(text(f"siting.verdict.{judged.verdict}"))


def _planned(text: Text, area: Area, wishes: Wishes, as_json: bool) -> Plan:
    from monitor.siting.plan import plan_of

    with Console(stderr=True).status(text("siting.run.planning")):
        try:
            return plan_of(area, wishes)
        except ValueError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")


def _write(out: Path, document: dict[str, Any], area: Area, first: str) -> list[Path]:
    """All files of a report."""
    from monitor.siting.document import tables
    from monitor.siting.report import render

    out.mkdir(parents=True, exist_ok=True)
    page, numbers = out / PAGE, out / NUMBERS
    page.write_text(render(document, area, catalogue("zh"), catalogue("en"), first), encoding="utf-8")
    numbers.write_text(json.dumps(document, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    written = [page, numbers]
    for name, rows in tables(document).items():
        path = out / f"{name}.csv"
        with path.open("w", newline="", encoding="utf-8-sig") as file:
            writer = csv.DictWriter(file, list(rows[0]) if rows else ["nothing"], extrasaction="ignore")
            writer.writeheader()
            writer.writerows(rows)
        written.append(path)
    return written
