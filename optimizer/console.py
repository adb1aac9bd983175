"""`csms optimize`: solve problems and whole sites, explain a plan, compare it, measure, write an example.

With `reports`, `terminal` and `many_files` the only place of this package that knows a terminal.
"""

from __future__ import annotations

import json
from pathlib import Path

import typer

from optimizer import bench, reports
from optimizer.comparison import compare
from optimizer.comparison_site import compare_site
from optimizer.cooptimise import solve_site
from optimizer.examples import example_problem, example_site
from optimizer.explain import accounts
from optimizer.explain_site import account_site
from optimizer.json_format import plan_document, problem_document
from optimizer.many_files import solve_files
from optimizer.picture import plan_curves, site_curves
from optimizer.problem import Problem
from optimizer.site import Site
from optimizer.site_format import site_plan_document
from optimizer.solver import solve
from optimizer.terminal import Server, Text, deliver, draw, fail, given, note, screen

PROCESSES_MAX = 256


def build(text: Text, server: Server | None = None) -> typer.Typer:
    """The command group, its words taken from the catalogue; `server` is asked for sites, if there is one."""
    app = typer.Typer(
        help=text("optimize.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    file_argument = typer.Argument(None, help=text("optimize.solve.file"))
    site_option = typer.Option(None, "--site", help=text("optimize.solve.site"))
    json_option = typer.Option(False, "--json", help=text("optimize.solve.json"))
    plot_option = typer.Option(None, "--plot", help=text("optimize.solve.plot"))
    processes_option = typer.Option(0, "--processes", min=0, max=PROCESSES_MAX, help=text("optimize.solve.processes"))

    @app.command("solve", help=text("optimize.solve.help"), epilog=text("optimize.solve.example"))
    def solve_command(
        files: list[Path] | None = typer.Argument(None, metavar="[FILE]...", help=text("optimize.solve.files")),
        site: str | None = site_option,
        as_json: bool = json_option,
        out: Path | None = typer.Option(None, "--out", help=text("optimize.solve.out")),
        plot: Path | None = plot_option,
        processes: int = processes_option,
    ) -> None:
        if files is not None and len(files) > 1 and site is None and plot is None:
            solve_files(text, files, as_json, out, processes)
        else:
            _solve(text, given(text, server, files, site, as_json), as_json, out, plot)

    @app.command("explain", help=text("optimize.explain.help"), epilog=text("optimize.explain.example"))
    def explain_command(
        file: Path | None = file_argument,
        site: str | None = site_option,
        session: str | None = typer.Option(None, "--session", help=text("optimize.explain.session")),
        as_json: bool = json_option,
    ) -> None:
        _explain(text, given(text, server, _one(file), site, as_json), session, as_json)

    @app.command("compare", help=text("optimize.compare.help"), epilog=text("optimize.compare.example"))
    def compare_command(
        file: Path | None = file_argument,
        site: str | None = site_option,
        as_json: bool = json_option,
        plot: Path | None = plot_option,
    ) -> None:
        _compare(text, given(text, server, _one(file), site, as_json), as_json, plot)

    @app.command("bench", help=text("optimize.bench.help"), epilog=text("optimize.bench.example"))
    def bench_command(
        cars: list[int] = typer.Option(
            list(bench.CARS), "--cars", min=1, max=bench.CARS_MAX, help=text("optimize.bench.cars")
        ),
        processes: int = processes_option,
        as_json: bool = json_option,
    ) -> None:
        _bench(text, cars, processes, as_json)

    @app.command("example", help=text("optimize.example.help"), epilog=text("optimize.example.example"))
    def example_command(
        out: Path | None = typer.Option(None, "--out", help=text("optimize.example.out")),
        whole_site: bool = typer.Option(False, "--whole-site", help=text("optimize.example.whole_site")),
        as_json: bool = typer.Option(False, "--json", help=text("optimize.example.json")),
    ) -> None:
        document = problem_document(example_problem())
        deliver(text, as_json, example_site(document) if whole_site else document, out)

    return app


def _solve(text: Text, asked: Problem | Site, as_json: bool, out: Path | None, plot: Path | None) -> None:
    if isinstance(asked, Site):
        site_plan = solve_site(asked)
        document, curves = site_plan_document(asked, site_plan), site_curves(asked, site_plan)
        lines = reports.site_summary(text, asked, site_plan)
    else:
        plan = solve(asked)
        document, curves = plan_document(asked, plan), plan_curves(asked, plan)
        lines = reports.summary(text, asked, plan)
    if out is not None:
        deliver(text, as_json, document, out)
    if plot is not None:
        draw(text, as_json, curves, plot)
    if as_json:
        typer.echo(json.dumps(document))
        return
    console = screen()
    if isinstance(asked, Problem) and asked.sessions:
        console.print(reports.session_table(text, asked, plan))
    for line in reports.drawing(text, curves, console.width):
        console.print(line, highlight=False, markup=False, no_wrap=True, overflow="crop")
    _say(lines)


def _explain(text: Text, asked: Problem | Site, only: str | None, as_json: bool) -> None:
    if isinstance(asked, Site):
        told = account_site(asked, solve_site(asked))
        documents = reports.site_account_documents(told)
        parts = list(reports.site_sentences(text, told, asked.slot_h))
    else:
        plan = solve(asked)
        cars = accounts(asked, plan)
        documents = [reports.account_document(one) for one in cars]
        parts = [(one.session.id, reports.sentences(text, one, asked.slot_h)) for one in cars]
    if only is not None:
        if only not in (name for name, _ in parts):
            fail(text("optimize.explain.unknown", session=only), "unknown_session", as_json)
        documents = [document for document in documents if only in document.values()]
    if as_json:
        typer.echo(json.dumps(documents, ensure_ascii=False))
        return
    for name, lines in parts:
        if only in (None, name):
            screen().print(name, style="bold", highlight=False, markup=False)
            _say([f"  {line}" for line in lines])


def _compare(text: Text, asked: Problem | Site, as_json: bool, plot: Path | None) -> None:
    if isinstance(asked, Site):
        site_plan = solve_site(asked)
        lines, curves = compare_site(asked, site_plan), site_curves(asked, site_plan)
    else:
        plan = solve(asked)
        lines, curves = compare(asked, plan), plan_curves(asked, plan)
    if plot is not None:
        draw(text, as_json, curves, plot)
    if as_json:
        typer.echo(json.dumps(reports.comparison_document(lines)))
        return
    screen().print(reports.comparison_table(text, lines))
    _say([reports.saving(text, lines)])


def _bench(text: Text, cars: list[int], processes: int, as_json: bool) -> None:
    timings = [bench.timing(count) for count in cars]
    pooled = bench.many_sites(processes) if processes else None
    if as_json:
        typer.echo(json.dumps(reports.bench_document(timings, pooled)))
        return
    screen().print(reports.bench_table(text, timings))
    if pooled is not None:
        _say([reports.bench_pool(text, pooled)])
        for lost in pooled.lost:
            note(text("optimize.lost", what=lost))
    _say([text("optimize.bench.rivals")])


def _one(file: Path | None) -> list[Path]:
    return [] if file is None else [file]


def _say(lines: list[str]) -> None:
    console = screen()
    for line in lines:
        console.print(line, highlight=False, markup=False, soft_wrap=True)
