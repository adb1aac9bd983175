"""`csms scoring run|weights`: operators scored by a table of their figures; `collect` makes it of a platform's data."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text, catalogue
from monitor.console import work
from monitor.console.work import FAILED, json_option
from monitor.scoring.scheme import Scheme, read_scheme, shipped_scheme

if TYPE_CHECKING:
    from monitor.scoring.judge import Verdict

OVERVIEW, DOCUMENT = "overview.html", "scores.json"


def build(text: Text) -> typer.Typer:
    """The command group."""
    from monitor.scoring import collect_console

    return work.group(text, "scoring", (_run, collect_console.mount, _weights))


def _scheme(text: Text, path: Path | None, as_json: bool) -> Scheme:
    return shipped_scheme() if path is None else work.read(text, path, as_json, read_scheme)


def _run(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms scoring run figures.csv --report scores")

    @app.command("run", help=text("scoring.run.help"), epilog=shown)
    def run(
        table: Path = typer.Argument(help=text("scoring.run.table"), metavar="TABLE"),
        scheme_file: Path | None = typer.Option(None, "--scheme", help=text("scoring.option.scheme")),
        report: Path | None = typer.Option(None, "--report", help=text("scoring.run.report")),
        seed: int = typer.Option(0, "--seed", help=text("scoring.run.seed")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.scoring.judge import document_of, judged
        from monitor.scoring.table import by_period, read_table

        scheme = _scheme(text, scheme_file, as_json)
        figures = work.read(text, table, as_json, lambda path: read_table(path, scheme))
        with Console(stderr=True).status(text("scoring.judging")):
            verdict = judged(by_period(figures, scheme), scheme, seed)
        document = document_of(verdict)
        files = (
            _write(text, report, verdict, json.dumps(document, ensure_ascii=False, indent=1), as_json) if report else 0
        )
        if as_json:
            work.document(document)
        else:
            _show(text, verdict)
            if report:
                typer.echo(text("scoring.written", count=files, folder=report))


def _write(text: Text, folder: Path, verdict: Verdict, document: str, as_json: bool) -> int:
    """The pages and the document; how many files."""
    from monitor.scoring.report import overview, own_report

    languages = (catalogue("zh"), catalogue("en"))
    names = _file_names([one.operator for one in verdict.standings])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / OVERVIEW).write_text(overview(verdict, *languages), encoding="utf-8")
        (folder / DOCUMENT).write_text(document + "\n", encoding="utf-8")
        for operator, name in names.items():
            (folder / name).write_text(own_report(verdict, operator, *languages), encoding="utf-8")
    except OSError as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")
    return len(names) + 2


def _file_names(operators: Sequence[str]) -> dict[str, str]:
    """A file for each operator; one whose name is no good name for a file gets its number."""
    names = {}
    for number, operator in enumerate(operators, 1):
        plain = operator.replace("-", "").replace("_", "").isalnum() and operator.isascii() and len(operator) <= 64
        names[operator] = f"operator-{operator}.html" if plain else f"operator-no{number}.html"
    return names


def _show(text: Text, verdict: Verdict) -> None:
    table = Table(box=None)
    for title in ("rank", "operator", "score", "interval", "group", "first_lift"):
        table.add_column(text(f"scoring.column.{title}"), justify="right" if title in ("rank", "score") else "left")
    for one in verdict.standings:
        if one.score is None:
            table.add_row(
                "–", one.operator, "–", text("scoring.too_little", coverage=f"{100 * one.coverage:.0f}"), "", ""
            )
            continue
        group = str(verdict.groups[one.operator] + 1) if verdict.group_means else "–"
        lift = f"{one.lifts[0].indicator} +{one.lifts[0].points:.1f}" if one.lifts else ""
        table.add_row(str(one.rank), one.operator, f"{one.score:.1f}", f"{one.rank_low}–{one.rank_high}", group, lift)
    Console().print(table)
    if verdict.unknown:
        typer.echo(text("scoring.nobody", names=", ".join(verdict.unknown)))
    grouping = verdict.grouping
    if grouping.count > 1:
        figures = {"silhouette": f"{grouping.silhouette:.2f}", "stability": f"{grouping.stability:.2f}"}
        typer.echo(text("scoring.groups_found", count=grouping.count, **figures))
    else:
        typer.echo(text(f"scoring.structure.{grouping.why}"))


def _weights(app: typer.Typer, text: Text) -> None:
    @app.command("weights", help=text("scoring.weights.help"), epilog=work.example(text, "csms scoring weights"))
    def weights(
        scheme_file: Path | None = typer.Option(None, "--scheme", help=text("scoring.option.scheme")),
        as_json: bool = json_option(text),
    ) -> None:
        scheme = _scheme(text, scheme_file, as_json)
        if as_json:
            work.document(scheme.model_dump(mode="json"))
            return
        typer.echo(text("scoring.weights.version", version=scheme.version))
        for name, one in scheme.indicators.items():
            better = text(f"scoring.better.{one.better}")
            typer.echo(f"{100 * one.weight:5.1f} %  {name:22} {one.unit:10} {better}")
