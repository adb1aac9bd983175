"""`csms sim load`: drive a central system with lean stations and show how it answers.

Exit codes: 0 every call was answered, 1 some were not or stations were refused, 2 wrong use.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import typer
from rich.console import Console
from rich.table import Table

from device_sim.load.plan import LoadPlan, LoadResult, Message, Mode
from device_sim.load.run import WorkerFailed, run
from device_sim.shared_password import shared_password

FAILED, USAGE = 1, 2
PROCESSES_MAX = 64

Text = Callable[..., str]


def add_command(app: typer.Typer, text: Text) -> None:
    """Add `load` to the group."""

    def words(name: str) -> str:
        return text(f"sim.load.option.{name}")

    @app.command("load", help=text("sim.load.help"), epilog=text("sim.load.example"))
    def load(
        url: str = typer.Argument(..., help=words("url")),
        ocpp: str = typer.Option("1.6", "--ocpp", help=words("ocpp")),
        mode: Mode = typer.Option(Mode.CLOSED, "--mode", help=words("mode")),
        message: Message = typer.Option(Message.METER, "--message", help=words("message")),
        stations: int = typer.Option(100, "--stations", min=1, help=words("stations")),
        seconds: float = typer.Option(10.0, "--seconds", min=0.1, help=words("seconds")),
        interval_s: float = typer.Option(10.0, "--interval", min=0.01, help=words("interval")),
        warm_up_s: float = typer.Option(1.0, "--warm-up", min=0.0, help=words("warm_up")),
        at_once: int = typer.Option(200, "--at-once", min=1, help=words("at_once")),
        in_flight: int = typer.Option(0, "--in-flight", min=0, help=words("in_flight")),
        outside: bool = typer.Option(False, "--outside", help=words("outside")),
        processes: int = typer.Option(1, "--processes", min=1, max=PROCESSES_MAX, help=words("processes")),
        pid: list[int] = typer.Option([], "--pid", help=words("pid")),
        prefix: str = typer.Option("LOAD", "--prefix", help=words("prefix")),
        ca: Path | None = typer.Option(None, "--ca", exists=True, dir_okay=False, help=words("ca")),
        insecure: bool = typer.Option(False, "--insecure", help=words("insecure")),
        password_file: Path | None = typer.Option(
            None, "--password-file", exists=True, dir_okay=False, help=text("sim.option.password_file")
        ),
        as_json: bool = typer.Option(False, "--json", help=text("sim.option.json")),
    ) -> None:
        try:
            plan = LoadPlan(
                url=url,
                ocpp=ocpp,
                mode=mode,
                message=message,
                stations=stations,
                seconds=seconds,
                interval_s=interval_s,
                warm_up_s=warm_up_s,
                at_once=at_once,
                in_flight=in_flight,
                inside=not outside,
                prefix=prefix,
                ca=str(ca or ""),
                insecure=insecure,
                password=shared_password(password_file) or "",
            )
        except ValueError as fault:
            typer.echo(text("sim.load.refused", reason=str(fault)), err=True)
            raise typer.Exit(USAGE) from None
        _load(text, plan, pid, processes, as_json)


def _load(text: Text, plan: LoadPlan, pids: list[int], processes: int, as_json: bool) -> None:
    screen = Console(stderr=True)
    try:
        with screen.status(text("sim.load.step.connect")) as shown:
            steps = {"connect", "prepare", "run", "count", "stop", "starts", "leave"}

            def told(step: str) -> None:
                if step in steps:
                    shown.update(text(f"sim.load.step.{step}"))

            result = asyncio.run(run(plan, pids, processes, told))
    except WorkerFailed as fault:
        typer.echo(text("sim.load.failed", reason=str(fault)), err=True)
        raise typer.Exit(FAILED) from None
    if as_json:
        typer.echo(json.dumps(result.as_json()))
    else:
        Console().print(table(result, text))
    if result.refused or result.unanswered or result.errors or result.lost:
        raise typer.Exit(FAILED)


def table(result: LoadResult, text: Text) -> Table:
    """For people."""
    shown = Table(title=text("sim.load.title", mode=result.mode, ocpp=result.ocpp), title_justify="left")
    shown.add_column(text("sim.load.figure"))
    shown.add_column(text("sim.load.value"), justify="right")
    for name, value in result.as_json().items():
        if value is not None and name not in ("mode", "ocpp"):
            written = f"{value:,.2f}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else value
            shown.add_row(text(f"sim.load.result.{name}"), str(written))
    return shown
