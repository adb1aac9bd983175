"""`csms siting`: `evaluate` judges the site model on an area, `run` writes the report on where to build."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import json_option
from monitor.siting import report_console
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
    from monitor.siting.holdout import Judged, Measure, Scores


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "siting", (_evaluate, report_console.mount))


def _evaluate(app: typer.Typer, text: Text) -> None:
    @app.command(
        "evaluate", help=text("siting.evaluate.help"), epilog=work.example(text, "csms siting evaluate shenzhen")
    )
    def evaluate(
        folder: Path = folder_argument(text),
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
        source = Source(folder, span_h, name, boundary, box, layers, (platform_dir, partner_file))
        area, fit = read_area(text, source, as_json)
        found = judge(text, area, repeats, as_json)
        if as_json:
            work.document({"area": area.name, "datum": fit.chosen, "verdict": found.verdict, **asdict(found)})
        else:
            _show(text, area.name, found)


def _show(text: Text, area: str, found: Judged) -> None:
    console = Console()
    for split, methods in found.scores.items():
        facts = {"sites": found.sites, "folds": found.folds, "repeats": found.repeats}
        words = text(f"siting.split.{split}")
        deviation = f"{found.deviation:.2f}"
        table = Table(title=text("siting.evaluate.title", area=area, split=words, deviation=deviation, **facts))
        table.add_column(text("siting.column.method"))
        for name in ("r2", "spearman", "lift", "coverage"):
            table.add_column(text(f"siting.column.{name}"), justify="right")
        for name, scores in methods.items():
            table.add_row(text(f"siting.method.{name}"), *_cells(scores))
        console.print(table)
    console.print(text("siting.evaluate.note", share=f"{100 * found.top_share:.0f} %"))
    console.print(text(f"siting.verdict.{found.verdict}"))


def _cells(scores: Scores) -> tuple[str, ...]:
    coverage = "" if scores.coverage is None else f"{scores.coverage:.3f}"
    lift = f"{scores.lift.value:.1f} ({scores.lift.low:.1f}–{scores.lift.high:.1f})"
    return _between(scores.r2), _between(scores.spearman), lift, coverage


def _between(one: Measure) -> str:
    return f"{one.value:.3f} ({one.low:.2f}–{one.high:.2f})"
