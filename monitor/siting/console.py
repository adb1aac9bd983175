"""`csms siting`: `evaluate` judges the site model on an area, `run` writes the report on where to build."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, json_option

if TYPE_CHECKING:
    from monitor.siting.area import Area
    from monitor.siting.datum import Fit
    from monitor.siting.holdout import Judged, Measure, Scores

Datum = Literal["auto", "wgs84", "gcj02", "bd09"]


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "siting", (_evaluate,))


def folder_argument(text: Text) -> Any:
    """The folder of an area."""
    return typer.Argument(..., metavar="DIR", help=text("siting.folder"))


def span_option(text: Text) -> Any:
    """`--span-hours`."""
    return typer.Option(None, "--span-hours", min=1.0, help=text("siting.span"))


def repeats_option(text: Text) -> Any:
    """`--repeats`."""
    return typer.Option(3, "--repeats", min=1, max=100, help=text("siting.evaluate.repeats"))


def datum_option(text: Text) -> Any:
    """`--datum`."""
    return typer.Option("auto", "--datum", help=text("siting.datum"))


def read_area(text: Text, folder: Path, span_h: float | None, name: Datum, as_json: bool) -> tuple[Area, Fit]:
    """The area of a folder in WGS-84 and how its datum was found, or a word on what is wrong with it."""
    from monitor.siting import datum
    from monitor.siting import folder as files

    area = work.read(text, folder, as_json, lambda path: files.read_area(path, span_h))
    fit = datum.likeliest(area)
    fit = fit if name == "auto" else replace(fit, chosen=name)
    if fit.chosen != "wgs84" and not as_json:
        metres = {key: round(1000.0 * km) for key, km in fit.median_km.items() if km == km}
        facts = {"there": metres.get(fit.chosen, "?"), "here": metres.get("wgs84", "?")}
        typer.echo(text("siting.shifted", datum=fit.chosen.upper(), **facts), err=True)
    return datum.moved(area, fit.chosen), fit


def judge(text: Text, area: Area, repeats: int, as_json: bool) -> Judged:
    """Judge an area; progress goes to the error stream."""
    from monitor.siting.holdout import evaluate

    with Console(stderr=True).status("") as status:

        def tell(split: str, repeat: int) -> None:
            status.update(text("siting.judging", split=text(f"siting.split.{split}"), repeat=repeat))

        try:
            return evaluate(area, repeats, tell)
        except ValueError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")


def _evaluate(app: typer.Typer, text: Text) -> None:
    @app.command(
        "evaluate", help=text("siting.evaluate.help"), epilog=work.example(text, "csms siting evaluate shenzhen")
    )
    def evaluate(
        folder: Path = folder_argument(text),
        repeats: int = repeats_option(text),
        span_h: float | None = span_option(text),
        name: Datum = datum_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        area, fit = read_area(text, folder, span_h, name, as_json)
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
