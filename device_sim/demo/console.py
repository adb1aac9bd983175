"""`csms demo`."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

Text = Callable[..., str]

FAILED, USAGE = 1, 2
DAY_S = 86_400.0
DEFAULT_DURATION_S = 300.0


@dataclass(frozen=True, slots=True)
class Options:
    """What the demo was asked for."""

    sessions: Path | None
    day: date | None
    speed: float
    duration_s: float
    headless: bool
    report: Path | None
    seed: int
    cap_kw: float | None
    keep: Path | None
    as_json: bool


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    example = text("console.example", command="csms demo --headless --duration 300 --report out.json")

    @app.command("demo", help=text("demo.help"), epilog=example)
    def demo(
        sessions: Path | None = typer.Option(None, "--sessions", help=text("demo.sessions")),
        day: datetime | None = typer.Option(None, "--day", formats=["%Y-%m-%d"], help=text("demo.day")),
        speed: float = typer.Option(DAY_S / DEFAULT_DURATION_S, "--speed", min=1.0, max=1000.0, help=text("demo.speed")),
        duration: float | None = typer.Option(None, "--duration", min=10.0, help=text("demo.duration")),
        headless: bool = typer.Option(False, "--headless", help=text("demo.headless")),
        report: Path | None = typer.Option(None, "--report", help=text("demo.report_file")),
        seed: int = typer.Option(1, "--seed", help=text("demo.seed")),
        cap_kw: float | None = typer.Option(None, "--cap-kw", min=1.0, help=text("demo.cap")),
        keep: Path | None = typer.Option(None, "--keep", help=text("demo.keep")),
        as_json: bool = typer.Option(False, "--json", help=text("console.option.json")),
    ) -> None:
        duration_s = duration or DAY_S / speed
        chosen = Options(
            sessions, day.date() if day else None, speed, duration_s, headless, report, seed, cap_kw, keep, as_json
        )
        _demo(text, chosen)

    return app


def _demo(text: Text, options: Options) -> None:
    """Imports late: the simulator and the optimiser take a moment."""
    from device_sim.demo.processes import ChildDied
    from device_sim.demo.run import run

    console = Console(stderr=options.as_json)
    try:
        report = run(text, options, console)
    except ValueError as fault:
        console.print(text("demo.bad_input", reason=fault), style="red", markup=False)
        raise typer.Exit(USAGE) from fault
    except (ChildDied, OSError) as fault:
        console.print(text("demo.failed", reason=fault), style="red", markup=False)
        raise typer.Exit(FAILED) from fault
    if options.report is not None:
        options.report.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    _show(console, text, report, options)


def _show(console: Console, text: Text, report: dict[str, Any], options: Options) -> None:
    from device_sim.demo.report import table

    if options.as_json:
        typer.echo(json.dumps(report, ensure_ascii=False))
    else:
        console.print(table(report, text))
    if report["interrupted"]:
        console.print(text("demo.interrupted"))
