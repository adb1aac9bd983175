"""`csms demo`."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import typer
from rich.console import Console

from device_sim.demo.options import Options, Text

FAILED, USAGE = 1, 2
DAY_S = 86_400.0
DEFAULT_DURATION_S = 300.0


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    example = text("console.example", command="csms demo --headless --duration 300 --report out.json")

    @app.command("demo", help=text("demo.help"), epilog=example)
    def demo(
        sessions: Path | None = typer.Option(None, "--sessions", help=text("demo.sessions")),
        day: datetime | None = typer.Option(None, "--day", formats=["%Y-%m-%d"], help=text("demo.day")),
        speed: float = typer.Option(DAY_S / DEFAULT_DURATION_S, "--speed", min=1, max=1000, help=text("demo.speed")),
        duration: float | None = typer.Option(None, "--duration", min=10, max=DAY_S, help=text("demo.duration")),
        headless: bool = typer.Option(False, "--headless", help=text("demo.headless")),
        report: Path | None = typer.Option(None, "--report", help=text("demo.report_file")),
        picture: Path | None = typer.Option(None, "--picture", help=text("demo.picture.option")),
        seed: int = typer.Option(1, "--seed", help=text("demo.seed")),
        cap_kw: float | None = typer.Option(None, "--cap-kw", min=1, help=text("demo.cap")),
        keep: Path | None = typer.Option(None, "--keep", help=text("demo.keep")),
        as_json: bool = typer.Option(False, "--json", help=text("console.json")),
    ) -> None:
        chosen_day = day.date() if day else None
        duration_s = duration or DAY_S / speed
        options = Options(sessions, chosen_day, speed, duration_s, headless or as_json, seed, cap_kw, keep)
        console = Console(stderr=as_json)
        document, drawing = _run(text, options, console)
        _write(console, text, ((report, json.dumps(document, indent=2, ensure_ascii=False)), (picture, drawing)))
        _show(console, text, document, as_json)

    return app


def _run(text: Text, options: Options, console: Console) -> tuple[dict[str, Any], str]:
    """Imports late: the simulator and the optimiser take a moment."""
    from device_sim.demo.processes import ChildDied
    from device_sim.demo.run import StoppedEarly, run

    try:
        return run(text, options, console)
    except (StoppedEarly, KeyboardInterrupt):
        console.print(text("demo.stopped_early"))
        raise typer.Exit(0) from None
    except ValueError as fault:
        console.print(text("demo.bad_input", reason=fault), style="red", markup=False)
        raise typer.Exit(USAGE) from fault
    except (ChildDied, OSError) as fault:
        console.print(text("demo.failed", reason=fault), style="red", markup=False)
        raise typer.Exit(FAILED) from fault


def _write(console: Console, text: Text, wanted: tuple[tuple[Path | None, str], ...]) -> None:
    for path, content in wanted:
        if path is None:
            continue
        try:
            path.write_text(content.rstrip() + "\n", encoding="utf-8")
        except OSError as fault:
            console.print(text("demo.failed", reason=fault), style="red", markup=False)
            raise typer.Exit(FAILED) from fault


def _show(console: Console, text: Text, document: dict[str, Any], as_json: bool) -> None:
    from device_sim.demo.report import table

    if as_json:
        typer.echo(json.dumps(document, ensure_ascii=False))
    else:
        console.print(table(document, text))
    if document["interrupted"]:
        console.print(text("demo.interrupted"))
