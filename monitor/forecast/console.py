"""`csms forecast`: `evaluate` judges a folder of series by the protocol; the others work on a running system's data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, json_option
from monitor.forecast import growth_console, live_console, run_console
from monitor.forecast.opening import calendar_option, inputs_of, known_option

if TYPE_CHECKING:
    from monitor.forecast.panel import Panel
    from monitor.forecast.protocol import Judged

HORIZONS = "1,3,6,12,24"
MEASURES = ("MAE", "RMSE", "R2", "RAE")


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "forecast", (_evaluate, run_console.mount, live_console.mount, growth_console.mount))


def _evaluate(app: typer.Typer, text: Text) -> None:
    @app.command(
        "evaluate",
        help=text("forecast.evaluate.help"),
        epilog=work.example(text, "csms forecast evaluate melbourne --horizons 1,24"),
    )
    def evaluate(
        folder: Path = typer.Argument(..., metavar="DIR", help=text("forecast.evaluate.folder")),
        horizons: str = typer.Option(HORIZONS, "--horizons", help=text("forecast.evaluate.horizons")),
        folds: str = typer.Option("", "--folds", help=text("forecast.evaluate.folds")),
        inputs: list[str] = typer.Option([], "--input", help=text("forecast.evaluate.input")),
        known: list[Path] = known_option(text),
        calendar: str = calendar_option(text, "weekdays"),
        total: bool = typer.Option(False, "--total", help=text("forecast.evaluate.total")),
        quick: bool = typer.Option(False, "--quick", help=text("forecast.evaluate.quick")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.forecast.folder import read_folder
        from monitor.forecast.protocol import month_ends

        added = inputs_of(text, calendar, known, as_json).added
        panel = work.read(text, folder, as_json, lambda path: added(read_folder(path, inputs)))
        asked = _numbers(text, folds, as_json, may_be_none=True) or [len(month_ends(panel))]
        ahead = _numbers(text, horizons, as_json)
        found = _judged(text, panel.of_total() if total else panel, asked, ahead, quick, as_json)
        if as_json:
            work.document([asdict(one) for one in found])
            return
        for one in found:
            _show(text, one)


def _numbers(text: Text, words: str, as_json: bool, *, may_be_none: bool = False) -> list[int]:
    """Numbers from 1 on between commas."""
    try:
        found = [int(word) for word in words.split(",") if word.strip()]
    except ValueError:
        found = [0]
    if any(number < 1 for number in found) or not (found or may_be_none):
        work.fail(text("forecast.numbers", words=words), USAGE, as_json, "not_numbers")
    return found


def _judged(
    text: Text, panel: Panel, folds: Sequence[int], horizons: Sequence[int], quick: bool, as_json: bool
) -> list[Judged]:
    """Progress goes to the error stream, so that the answer can be piped."""
    from monitor.forecast.panel import PanelBroken
    from monitor.forecast.protocol import candidates, evaluate

    with Console(stderr=True).status("") as status:

        def tell(fold: int, horizon: int) -> None:
            status.update(text("forecast.working", fold=fold, horizon=horizon))

        try:
            return list(evaluate(panel, folds, horizons, candidates(learners=not quick), tell))
        except PanelBroken as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "unusable")


def _show(text: Text, one: Judged) -> None:
    table = Table(title=text("forecast.judged", fold=one.fold, horizon=one.horizon, series=len(one.series)))
    table.add_column(text("forecast.column.model"))
    for measure in MEASURES:
        table.add_column(measure, justify="right")
    for name, scores in one.scores.items():
        table.add_row(name, *(_figure(scores.get(measure)) for measure in MEASURES))
    console = Console()
    console.print(table)
    for metric, chosen in one.chosen.items():
        by_metric = {"coverage": one.coverage, "promised": one.promised, "width": one.width}
        facts = {name: _figure(values.get(metric)) for name, values in by_metric.items()}
        console.print(text("forecast.covered", metric=metric, **facts))
        counts = [(name, sum(c.champion == name for c in chosen)) for name in dict.fromkeys(c.champion for c in chosen)]
        console.print(text("forecast.champions", metric=metric, champions=", ".join(f"{n} {c}" for n, c in counts)))
        if new := sum(c.reason == "new" for c in chosen):
            console.print(text("forecast.new", count=new))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"
