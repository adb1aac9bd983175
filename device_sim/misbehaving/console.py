"""`csms sim misbehave`: a station with bad habits against any central system.

Exit codes: 0 it was up to all of them, 1 it was not, 2 wrong use, 4 nobody can connect there.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Sequence
from typing import NoReturn

import typer
from rich.console import Console
from rich.table import Table
from websockets.exceptions import WebSocketException

from device_sim.clock import clock_from_environment
from device_sim.misbehaving.book import KINDS, Kind
from device_sim.misbehaving.trial import Outcome, attempt

FAILED, USAGE, UNREACHABLE = 1, 2, 4
PROTOCOLS = {"1.6": "ocpp1.6", "2.0.1": "ocpp2.0.1"}
ALL = "all"

Text = Callable[..., str]


def add_command(app: typer.Typer, text: Text) -> None:
    """Add `misbehave` to the group."""

    def words(name: str) -> str:
        return text(f"sim.misbehave.option.{name}")

    @app.command("misbehave", help=text("sim.misbehave.help"), epilog=text("sim.misbehave.example"))
    def misbehave(
        url: str = typer.Argument("", help=words("url")),
        kind: list[str] = typer.Option([], "--kind", help=words("kind")),
        listed: bool = typer.Option(False, "--list", help=words("list")),
        ocpp: str = typer.Option("", "--ocpp", help=words("ocpp")),
        station: str = typer.Option("MISBEHAVING-1", "--station", help=words("station")),
        as_json: bool = typer.Option(False, "--json", help=text("sim.option.json")),
    ) -> None:
        if listed:
            _list(text, as_json)
            return
        trials = _trials(text, kind, ocpp)
        if not url or not trials:
            _stop(text("sim.misbehave.what" if url else "sim.misbehave.where"), USAGE)
        _Run(text, url, station, as_json).all(trials)


def _trials(text: Text, names: Sequence[str], ocpp: str) -> list[tuple[Kind, str]]:
    wanted = [name.strip() for group in names for name in group.split(",") if name.strip()]
    unknown = [name for name in wanted if name != ALL and name not in KINDS]
    if unknown:
        _stop(text("sim.misbehave.unknown", names=", ".join(unknown)), USAGE)
    if ocpp and ocpp not in PROTOCOLS:
        _stop(text("sim.misbehave.version", version=ocpp), USAGE)
    kinds = list(KINDS.values()) if ALL in wanted else [KINDS[name] for name in wanted]
    pairs = [(kind, protocol) for kind in kinds for protocol in kind.protocols]
    if ocpp:
        return [(kind, protocol) for kind, protocol in pairs if protocol == PROTOCOLS[ocpp]]
    return pairs


def _stop(words: str, code: int) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(code)


def _list(text: Text, as_json: bool) -> None:
    rows = [(kind.name, list(kind.protocols), list(kind.shows)) for kind in KINDS.values()]
    if as_json:
        listed = [
            {"kind": name, "protocols": protocols, "shows": shows, "what": text(f"sim.misbehave.kind.{name}")}
            for name, protocols, shows in rows
        ]
        typer.echo(json.dumps(listed, ensure_ascii=False))
        return
    table = Table(box=None, pad_edge=False)
    for column in ("kind", "ocpp", "what", "shows"):
        table.add_column(text(f"sim.misbehave.column.{column}"))
    for name, protocols, shows in rows:
        versions = " ".join(protocol.removeprefix("ocpp") for protocol in protocols)
        table.add_row(name, versions, text(f"sim.misbehave.kind.{name}"), " ".join(shows))
    Console().print(table)


class _Run:
    """One call of the command."""

    def __init__(self, text: Text, url: str, station: str, as_json: bool) -> None:
        self._text, self._url, self._station, self._as_json = text, url, station, as_json
        self._screen, self._clock = Console(), clock_from_environment()

    def all(self, trials: Sequence[tuple[Kind, str]]) -> None:
        """Try one after the other, on one station id; leaves with the exit code."""
        try:
            outcomes = asyncio.run(self._try(trials))
        except (OSError, WebSocketException) as fault:
            _stop(self._text("sim.misbehave.unreachable", url=self._url, reason=fault), UNREACHABLE)
        if self._as_json:
            typer.echo(json.dumps([outcome.as_json() for outcome in outcomes], default=str))
        if any(outcome.wrong for outcome in outcomes):
            raise typer.Exit(FAILED)

    async def _try(self, trials: Sequence[tuple[Kind, str]]) -> list[Outcome]:
        outcomes = []
        for kind, protocol in trials:
            outcomes.append(await attempt(kind, self._url, self._station, protocol, self._clock))
            self._show(outcomes[-1])
        return outcomes

    def _show(self, outcome: Outcome) -> None:
        if self._as_json:
            return
        words = self._text("sim.misbehave.well", answered=outcome.answered, refused=outcome.refused)
        if outcome.wrong:
            words = self._text(f"sim.misbehave.wrong.{outcome.wrong}", **outcome.detail)
        mark, style = ("✗", "red") if outcome.wrong else ("✓", "green")
        version = outcome.protocol.removeprefix("ocpp")
        line = f"[{style}]{mark}[/] {outcome.kind} ({version})  "
        self._screen.print(line, end="", highlight=False)
        self._screen.print(words, highlight=False, markup=False, soft_wrap=True)
