"""`csms optimize`: solve a problem file, or write an example of one. The only place of this package that knows a
terminal.

Exit codes: 0 solved, 1 the result cannot be written, 2 the file is not a valid problem.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import typer
from rich.console import Console
from rich.table import Table

from optimizer.chart import WIDTH_MAX, chart
from optimizer.json_format import plan_document, problem_document, read_problem
from optimizer.problem import EvSession, Plan, Problem
from optimizer.solver import solve

FAILED, USAGE = 1, 2
FILE_BYTES_MAX = 64 * 1024 * 1024  # a month of five-minute slots with a thousand sessions is far below
WIDTH_WITHOUT_TERMINAL = 110
CHART_MARGIN = 12

Text = Callable[..., str]


def build(text: Text) -> typer.Typer:
    """The command group, its words taken from the catalogue."""
    app = typer.Typer(
        help=text("optimize.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False
    )

    @app.command("solve", help=text("optimize.solve.help"), epilog=text("optimize.solve.example"))
    def solve_command(
        file: Path = typer.Argument(..., help=text("optimize.solve.file")),
        as_json: bool = typer.Option(False, "--json", help=text("optimize.solve.json")),
        out: Path | None = typer.Option(None, "--out", help=text("optimize.solve.out")),
    ) -> None:
        _solve(text, file, as_json, out)

    @app.command("example", help=text("optimize.example.help"), epilog=text("optimize.example.example"))
    def example_command(out: Path | None = typer.Option(None, "--out", help=text("optimize.example.out"))) -> None:
        _deliver(text, False, problem_document(example_problem()), out)

    return app


def _solve(text: Text, file: Path, as_json: bool, out: Path | None) -> None:
    problem = _load(text, file, as_json)
    plan = solve(problem)
    document = plan_document(problem, plan)
    if out is not None:
        _deliver(text, as_json, document, out)
    if as_json:
        typer.echo(json.dumps(document))
    else:
        _show(text, problem, plan)


def _load(text: Text, file: Path, as_json: bool) -> Problem:
    try:
        if file.stat().st_size > FILE_BYTES_MAX:
            raise ValueError(f"more than {FILE_BYTES_MAX} bytes")
        return read_problem(file.read_text(encoding="utf-8"))
    except OSError as fault:
        _fail(text("optimize.unreadable", file=str(file), reason=fault.strerror or str(fault)), "unreadable", as_json)
    except json.JSONDecodeError as fault:
        words = text("optimize.not_json", file=str(file), line=fault.lineno, column=fault.colno, reason=fault.msg)
        _fail(words, "not_json", as_json)
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


def _show(text: Text, problem: Problem, plan: Plan) -> None:
    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH_WITHOUT_TERMINAL)
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
    for short in plan.shortfalls:
        reason = text(f"optimize.reason.{short.reason.replace(' ', '_')}", feeder=short.feeder)
        lines.append(text("optimize.shortfall", id=short.session_id, energy=f"{short.energy_kwh:.3f}", reason=reason))
    lines += [text("optimize.cap_soft", slot=s.slot, excess=f"{s.excess_kw:.2f}") for s in plan.cap_soft]
    return lines


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
