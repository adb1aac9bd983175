"""`csms optimize`: solve a problem or a whole site, explain a plan, compare it, write an example. With
`optimizer.reports` the only place of this package that knows a terminal.

Exit codes: 0 solved, 1 the result cannot be written, 2 the file is not a valid problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from optimizer import reports
from optimizer.chart import WIDTH_MAX, chart
from optimizer.comparison import compare
from optimizer.cooptimise import solve_site
from optimizer.explain import account
from optimizer.json_format import plan_document, problem_document, read_problem
from optimizer.models.tariff import shipped_tariff
from optimizer.picture import Curves, save
from optimizer.problem import EvSession, Plan, Problem
from optimizer.site import Site, SitePlan
from optimizer.site_format import is_site, read_site, site_plan_document
from optimizer.solver import solve
from optimizer.yardsticks import by_rule

FAILED, USAGE = 1, 2
FILE_BYTES_MAX = 64 * 1024 * 1024  # a month of five-minute slots with a thousand sessions is far below
WIDTH_WITHOUT_TERMINAL = 110
CHART_MARGIN = 12

Text = Callable[..., str]


Server = Callable[[str, bool], dict[str, Any]]
"""The problem document of a site on a running server, by its id; says itself what is wrong and ends."""


def build(text: Text, server: Server | None = None) -> typer.Typer:
    """The command group, its words taken from the catalogue; `server` is asked for sites, if there is one."""
    app = typer.Typer(
        help=text("optimize.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )
    file_argument = typer.Argument(None, help=text("optimize.solve.file"))
    site_option = typer.Option(None, "--site", help=text("optimize.solve.site"))
    json_option = typer.Option(False, "--json", help=text("optimize.solve.json"))
    plot_option = typer.Option(None, "--plot", help=text("optimize.solve.plot"))

    @app.command("solve", help=text("optimize.solve.help"), epilog=text("optimize.solve.example"))
    def solve_command(
        file: Path | None = file_argument,
        site: str | None = site_option,
        as_json: bool = json_option,
        out: Path | None = typer.Option(None, "--out", help=text("optimize.solve.out")),
        plot: Path | None = plot_option,
    ) -> None:
        _solve(text, _given(text, server, file, site, as_json), as_json, out, plot)

    @app.command("explain", help=text("optimize.explain.help"), epilog=text("optimize.explain.example"))
    def explain_command(
        file: Path | None = file_argument,
        site: str | None = site_option,
        session: str | None = typer.Option(None, "--session", help=text("optimize.explain.session")),
        as_json: bool = json_option,
    ) -> None:
        _explain(text, _problem(text, _given(text, server, file, site, as_json), as_json), session, as_json)

    @app.command("compare", help=text("optimize.compare.help"), epilog=text("optimize.compare.example"))
    def compare_command(
        file: Path | None = file_argument,
        site: str | None = site_option,
        as_json: bool = json_option,
        plot: Path | None = plot_option,
    ) -> None:
        _compare(text, _problem(text, _given(text, server, file, site, as_json), as_json), as_json, plot)

    @app.command("example", help=text("optimize.example.help"), epilog=text("optimize.example.example"))
    def example_command(
        out: Path | None = typer.Option(None, "--out", help=text("optimize.example.out")),
        whole_site: bool = typer.Option(False, "--whole-site", help=text("optimize.example.whole_site")),
        as_json: bool = typer.Option(False, "--json", help=text("optimize.example.json")),
    ) -> None:
        document = problem_document(example_problem())
        _deliver(text, as_json, example_site(document) if whole_site else document, out)

    return app


def _solve(text: Text, given: Problem | Site, as_json: bool, out: Path | None, plot: Path | None) -> None:
    if isinstance(given, Site):
        site_plan = solve_site(given)
        document = site_plan_document(given, site_plan)
    else:
        plan = solve(given)
        document = plan_document(given, plan)
    if out is not None:
        _deliver(text, as_json, document, out)
    if plot is not None:
        _draw(text, as_json, _site_curves(given, site_plan) if isinstance(given, Site) else _curves(given, plan), plot)
    if as_json:
        typer.echo(json.dumps(document))
    elif isinstance(given, Site):
        _show_site(text, given, site_plan)
    else:
        _show(text, given, plan)


def _explain(text: Text, problem: Problem, session: str | None, as_json: bool) -> None:
    plan, ids = solve(problem), [s.id for s in problem.sessions]
    if session is not None and session not in ids:
        _fail(text("optimize.explain.unknown", session=session), "unknown_session", as_json)
    accounts = [account(problem, plan, n) for n, name in enumerate(ids) if session in (None, name)]
    if as_json:
        typer.echo(json.dumps([reports.account_document(a) for a in accounts], ensure_ascii=False))
        return
    console = _console()
    for one in accounts:
        console.print(one.session.id, style="bold", highlight=False, markup=False)
        for line in reports.sentences(text, one, problem.slot_h):
            console.print(f"  {line}", highlight=False, markup=False, soft_wrap=True)


def _compare(text: Text, problem: Problem, as_json: bool, plot: Path | None) -> None:
    plan = solve(problem)
    lines = compare(problem, plan)
    if plot is not None:
        _draw(text, as_json, _curves(problem, plan), plot)
    if as_json:
        typer.echo(json.dumps(reports.comparison_document(lines)))
        return
    console = _console()
    console.print(reports.comparison_table(text, lines))
    console.print(reports.saving(text, lines), highlight=False, markup=False, soft_wrap=True)


def _curves(problem: Problem, plan: Plan) -> Curves:
    unmanaged = problem.load_kw(by_rule(problem, "unmanaged"))
    load = problem.load_kw(plan.power_kw)
    return Curves(problem.slot_h, problem.base_load_kw, load, problem.cap_kw, unmanaged=unmanaged)


def _site_curves(site: Site, plan: SitePlan) -> Curves:
    net = plan.charge_kw.sum(axis=0) - plan.discharge_kw.sum(axis=0)
    cars = site.base_load_kw + plan.power_kw.sum(axis=0)
    storage = net if len(plan.charge_kw) else None
    return Curves(site.slot_h, site.base_load_kw, cars, np.asarray(site.import_max_kw), storage)


def _draw(text: Text, as_json: bool, curves: Curves, file: Path) -> None:
    names = tuple(text(f"optimize.curve.{name}") for name in ("base", "charging", "cap", "storage", "unmanaged"))
    try:
        save(replace(curves, names=names), file)  # type: ignore[arg-type]  # five of them
    except OSError as fault:
        words = text("optimize.unwritable", file=str(file), reason=fault.strerror or str(fault))
        _fail(words, "unwritable", as_json, FAILED)
    except ValueError as fault:
        _fail(text("optimize.no_picture", reason=str(fault)), "no_picture", as_json)


def _given(text: Text, server: Server | None, file: Path | None, site: str | None, as_json: bool) -> Problem | Site:
    """From the file, or from the running server."""
    if (file is None) == (site is None) or (site is not None and server is None):
        _fail(text("optimize.file_or_site"), "usage", as_json)
    if file is not None:
        return _load(text, file, as_json)
    assert site is not None and server is not None  # noqa: PT018  # the first line said so
    return read_problem(json.dumps(server(site, as_json)))


def _problem(text: Text, given: Problem | Site, as_json: bool) -> Problem:
    if isinstance(given, Site):
        _fail(text("optimize.only_problems"), "only_problems", as_json)
    return given


def _load(text: Text, file: Path, as_json: bool) -> Problem | Site:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ValueError(f"more than {FILE_BYTES_MAX} bytes")
        content = file.read_text(encoding="utf-8")
        return read_site(content) if is_site(json.loads(content)) else read_problem(content)
    except OSError as fault:
        _fail(text("optimize.unreadable", file=str(file), reason=fault.strerror or str(fault)), "unreadable", as_json)
    except json.JSONDecodeError as fault:
        words = text("optimize.not_json", file=str(file), line=fault.lineno, column=fault.colno, reason=fault.msg)
        _fail(words, "not_json", as_json)
    except RecursionError:
        _fail(text("optimize.invalid", file=str(file), reason="nested too deeply"), "invalid_problem", as_json)
    except ValueError as fault:
        _fail(text("optimize.invalid", file=str(file), reason=str(fault)), "invalid_problem", as_json)


def _fail(words: str, code: str, as_json: bool, exit_code: int = USAGE) -> NoReturn:
    """The reason on the error stream, as JSON with `--json`, and out."""
    if as_json:
        typer.echo(json.dumps({"code": code, "detail": words}, ensure_ascii=False), err=True)
    else:
        Console(stderr=True).print(words, style="red", soft_wrap=True, highlight=False, markup=False)
    raise typer.Exit(exit_code)


def _deliver(text: Text, as_json: bool, document: dict[str, Any], out: Path | None) -> None:
    if out is None:
        typer.echo(json.dumps(document, indent=1))
        return
    try:
        out.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
    except OSError as fault:
        words = text("optimize.unwritable", file=str(out), reason=fault.strerror or str(fault))
        _fail(words, "unwritable", as_json, FAILED)


def _console() -> Console:
    console = Console()
    return console if console.is_terminal else Console(width=WIDTH_WITHOUT_TERMINAL)


def _show_site(text: Text, site: Site, plan: SitePlan) -> None:
    console = _console()
    width = max(1, min(WIDTH_MAX, console.width - CHART_MARGIN))
    curves = _site_curves(site, plan)
    for line in [text("optimize.chart"), *chart(curves.base, curves.load, curves.cap, width)]:
        console.print(line, highlight=False, markup=False, no_wrap=True, overflow="crop")
    for line in reports.site_summary(text, site, plan):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _show(text: Text, problem: Problem, plan: Plan) -> None:
    console = _console()
    if problem.sessions:
        console.print(_session_table(text, problem, plan))
    load = problem.load_kw(plan.power_kw)
    width = max(1, min(WIDTH_MAX, console.width - CHART_MARGIN))
    for line in [text("optimize.chart"), *chart(problem.base_load_kw, load, problem.cap_kw, width)]:
        console.print(line, highlight=False, markup=False, no_wrap=True, overflow="crop")
    for line in _summary(text, problem, plan):
        console.print(line, highlight=False, markup=False, soft_wrap=True)


def _session_table(text: Text, problem: Problem, plan: Plan) -> Table:
    table = Table(box=None, pad_edge=False)
    table.add_column(text("optimize.column.session"))
    for name in ("window", "wanted", "served", "peak"):
        table.add_column(text(f"optimize.column.{name}"), justify="right")
    for session, served, power in zip(problem.sessions, plan.served_kwh, plan.power_kw, strict=True):
        window = f"{session.arrival_slot}–{session.departure_slot}"
        table.add_row(session.id, window, f"{session.energy_kwh:.2f}", f"{served:.2f}", f"{power.max():.2f}")
    return table


def _summary(text: Text, problem: Problem, plan: Plan) -> list[str]:
    load = problem.load_kw(plan.power_kw)
    wanted = sum(session.energy_kwh for session in problem.sessions)
    lines = [
        text(
            "optimize.proof", objective=f"{plan.objective:.6g}", bound=f"{plan.lower_bound:.6g}", gap=f"{plan.gap:.1e}"
        ),
        text("optimize.method", method=plan.method, iterations=plan.iterations),
        text(
            "optimize.energy", served=f"{plan.served_kwh.sum():.2f}", wanted=f"{wanted:.2f}", peak=f"{load.max():.2f}"
        ),
    ]
    return [*lines, *reports.missing_lines(text, plan.shortfalls, plan.cap_soft)]


def example_site(problem: dict[str, Any]) -> dict[str, Any]:
    """The example with winter prices, sale, sun, a battery, a generator and a car that feeds back."""
    hour = np.arange(96) / 4.0
    tariff = shipped_tariff("shandong-2026")
    price = [tariff.price_of(letter) for letter in tariff.hours[1] for _ in range(4)]
    return {
        "slot_h": problem["slot_h"],
        "base_load_kw": problem["base_load_kw"],
        "import_max_kw": problem["cap_kw"],
        "sessions": problem["sessions"],
        "price": price,
        "sell_price": 0.1,
        "pv_kw": np.round(30.0 * np.maximum(0.0, np.sin((hour - 7.0) / 10.0 * np.pi)) * (hour < 17), 2).tolist(),
        "storages": [
            {"id": "battery", "energy_max_kwh": 60, "energy_start_kwh": 20, "charge_max_kw": 20, "discharge_max_kw": 20}
        ],
        "generators": [{"id": "unit", "a": 0.02, "b": 0.9, "energy_min_kwh": 0, "energy_max_kwh": 2.5}],
        "cars": [
            {
                "id": "v2g",
                "arrival_slot": 66,
                "departure_slot": 96,
                "energy_start_kwh": 40,
                "energy_wanted_kwh": 50,
                "energy_max_kwh": 60,
                "charge_max_kw": 11,
                "discharge_max_kw": 11,
                "energy_floor_kwh": 20,
            }
        ],
    }


def example_problem() -> Problem:
    """A day of quarter-hours: an evening peak, a lower cap from 18:00 to 21:00, six cars."""
    hour = np.arange(96) / 4.0
    base = 20.0 + 16.0 * np.exp(-(((hour - 19.0) / 2.5) ** 2)) + 5.0 * np.exp(-(((hour - 9.0) / 2.0) ** 2))
    stays = [(32, 68, 7.0, 20.0), (34, 70, 11.0, 30.0), (40, 44, 22.0, 12.0)]
    nights = [(68, 96, 7.0, 25.0), (72, 96, 11.0, 40.0), (74, 92, 3.7, 10.0)]
    return Problem(
        slot_h=0.25,
        base_load_kw=np.round(base, 2),
        cap_kw=np.where((hour >= 18) & (hour < 21), 38.0, 50.0),
        sessions=tuple(EvSession(f"car-{i}", *stay) for i, stay in enumerate(stays + nights, 1)),
    )
