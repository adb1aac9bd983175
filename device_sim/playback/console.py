"""`csms station replay`: what a station said once, said again to a test server.

Exit codes: 0 answered as then, 2 no export, 3 other answers than then, 4 the server does not let the station in.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any, NoReturn

import typer
from rich.console import Console

from device_sim.playback.script import Script, ScriptInvalid, read_scripts

USAGE, PARTLY, UNREACHABLE = 2, 3, 4

Text = Callable[..., str]


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)

    @app.command("replay", help=text("playback.help"), epilog=text("playback.example"))
    def replay(
        file: Path = typer.Argument(..., help=text("playback.option.file"), metavar="FILE"),
        url: str = typer.Argument(..., help=text("playback.option.url"), metavar="URL"),
        speed: float = typer.Option(1.0, "--speed", min=0.01, max=100_000, help=text("playback.option.speed")),
        name: str = typer.Option("", "--as", help=text("playback.option.as")),
        as_json: bool = typer.Option(False, "--json", help=text("playback.option.json")),
    ) -> None:
        scripts = _scripts(text, file, as_json)
        if name and len({script.station_id for script in scripts}) > 1:
            raise typer.BadParameter(text("playback.several"), param_hint="--as")
        _play(text, scripts, url, speed, name, as_json)

    return app


def _scripts(text: Text, file: Path, as_json: bool) -> list[Script]:
    try:
        with file.open(encoding="utf-8") as lines:
            scripts = read_scripts(lines)
    except (OSError, UnicodeDecodeError, ScriptInvalid) as fault:
        _fail(text("playback.bad_file", file=file, reason=fault), USAGE, as_json)
    if not scripts:
        _fail(text("playback.nothing", file=file), USAGE, as_json)
    return scripts


def _play(text: Text, scripts: list[Script], url: str, speed: float, name: str, as_json: bool) -> None:
    """Imports late: the websocket library takes time that `--help` need not wait for."""
    from device_sim.playback.player import play

    try:
        report = asyncio.run(play(scripts, url, speed, name))
    except ValueError as fault:
        _fail(str(fault), USAGE, as_json)
    if as_json:
        typer.echo(json.dumps(asdict(report), ensure_ascii=False, indent=2))
    else:
        _tell(text, report)
    if report.refused:
        raise typer.Exit(UNREACHABLE)
    if report.differences:
        raise typer.Exit(PARTLY)


def _tell(text: Text, report: Any) -> None:
    console = Console(soft_wrap=True, highlight=False, markup=False)
    for station, reason in report.refused.items():
        console.print(text("playback.refused", station=station, reason=reason), style="#d33f3f")
    for found in report.differences:
        console.print(text("playback.difference", **asdict(found)), style="#d33f3f")
    for action, count in sorted(report.unknown_calls.items()):
        console.print(text("playback.unknown_call", action=action, count=count))
    if report.left_out:
        console.print(text("playback.left_out", count=report.left_out))
    same = report.answered - len([d for d in report.differences if d.now != "nothing"])
    console.print(text("playback.done", sent=report.sent, answered=report.answered, same=same))


def _fail(words: str, code: int, as_json: bool) -> NoReturn:
    if as_json:
        typer.echo(json.dumps({"code": "usage", "detail": words}, ensure_ascii=False), err=True)
    else:
        Console(stderr=True, soft_wrap=True, highlight=False, markup=False).print(words, style="#d33f3f")
    raise typer.Exit(code)
