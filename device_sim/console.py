"""`csms sim`: a fleet with made-up sessions, or the replay of a recorded day. The only place that knows a terminal.

Exit codes: 0 the run ended, 1 a file cannot be written, 2 the input cannot be used.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from pathlib import Path
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import typer
from rich.console import Console
from rich.status import Status
from rich.table import Table

from device_sim.assign import assign
from device_sim.clock import SimClock, clock_from_environment
from device_sim.credentials import FILE_VARIABLE, token_headers
from device_sim.driver import Declared
from device_sim.faults import parse_fault, plan_faults
from device_sim.fleet import Fleet, FleetSettings
from device_sim.generate import generate_piles, generate_sessions
from device_sim.link import tls_context
from device_sim.load.console import add_command as add_load
from device_sim.misbehaving.console import add_command as add_misbehave
from device_sim.pile import PileSpec, read_piles
from device_sim.quirks.hardware import check_profiles, piles_like
from device_sim.sessions import Session, busiest_day, read_sessions, shift_to
from device_sim.shared_password import shared_password
from firmware_profiles import book, shipped_book

FAILED, USAGE = 1, 2
URL = "ws://127.0.0.1:9000/ocpp"
PILES, PILES_MAX = 10, 2_000
DAY_FORMAT = "%Y-%m-%d"
SHOW_WALL_S = 0.5

Text = Callable[..., str]


class Version(StrEnum):
    """What made-up stations may speak."""

    OCPP16 = "1.6"
    OCPP201 = "2.0.1"
    OCPP21 = "2.1"


@dataclass(frozen=True, slots=True)
class Proof:
    """What all stations prove themselves with and whom they trust, where a file of piles says nothing else."""

    password: str | None = None
    ca: Path | None = None
    certificates: Path | None = None

    def given_to(self, pile: PileSpec) -> PileSpec:
        """The pile with it; its certificate is that of the folder which has its name."""
        pair = [self.certificates / f"{pile.station_id}.{end}" for end in ("pem", "key")] if self.certificates else []
        return replace(
            pile,
            password=pile.password if pile.password is not None else self.password,
            ca=pile.ca or str(self.ca or ""),
            certificate=pile.certificate or (str(pair[0]) if pair else ""),
            key=pile.key or (str(pair[1]) if pair else ""),
        )


@dataclass(frozen=True, slots=True)
class Common:
    """What both commands take."""

    url: str
    api_url: str | None
    piles: int
    piles_file: Path | None
    seed: int
    day: datetime | None
    zone: str
    hours: float | None
    fault: list[str]
    trace: Path | None
    trace_piles: bool
    summary: Path | None
    as_json: bool
    declared: Declared
    quiet: bool
    profile: str = ""
    profiles_folder: Path | None = None
    version: Version | None = None
    proof: Proof = Proof()


def build(text: Text) -> typer.Typer:
    """The command group, its words taken from the catalogue."""
    app = typer.Typer(help=text("sim.help"), no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
    option = _options(text)
    for mount in (_fleet, _replay):
        mount(app, text, option)
    add_load(app, text)
    add_misbehave(app, text)
    return app


def _fleet(app: typer.Typer, text: Text, option: dict[str, Any]) -> None:
    @app.command("fleet", help=text("sim.fleet.help"), epilog=text("sim.fleet.example"))
    def fleet(
        url: str = option["url"],
        api_url: str | None = option["api_url"],
        piles: int = option["piles"],
        piles_file: Path | None = option["piles_file"],
        seed: int = option["seed"],
        day: datetime | None = option["day"],
        zone: str = option["zone"],
        hours: float | None = option["hours"],
        fault: list[str] = option["fault"],
        trace: Path | None = option["trace"],
        trace_piles: bool = option["trace_piles"],
        summary: Path | None = option["summary"],
        as_json: bool = option["as_json"],
        declared: Declared = option["declared"],
        quiet: bool = option["quiet"],
        profile: str = typer.Option("", "--profile", help=text("sim.fleet.profile")),
        profiles_folder: Path | None = typer.Option(None, "--profiles-folder", help=text("sim.fleet.profiles_folder")),
        version: Version | None = option["version"],
        password_file: Path | None = option["password_file"],
        ca: Path | None = option["ca"],
        certificates: Path | None = option["certificates"],
    ) -> None:
        common = Common(
            url, api_url, piles, piles_file, seed, day, zone, hours, fault, trace, trace_piles, summary, as_json,
            declared, quiet, profile, profiles_folder, version, Proof(shared_password(password_file), ca, certificates),
        )  # fmt: skip
        _Run(text, common).fleet()


def _replay(app: typer.Typer, text: Text, option: dict[str, Any]) -> None:
    @app.command("replay", help=text("sim.replay.help"), epilog=text("sim.replay.example"))
    def replay(
        file: Path = typer.Argument(..., help=text("sim.replay.file")),
        source_day: datetime | None = typer.Option(
            None, "--source-day", formats=[DAY_FORMAT], help=text("sim.replay.source_day")
        ),
        skip_bad_rows: bool = typer.Option(False, "--skip-bad-rows", help=text("sim.replay.skip_bad_rows")),
        url: str = option["url"],
        api_url: str | None = option["api_url"],
        piles: int = option["piles"],
        piles_file: Path | None = option["piles_file"],
        seed: int = option["seed"],
        day: datetime | None = option["day"],
        zone: str = option["zone"],
        hours: float | None = option["hours"],
        fault: list[str] = option["fault"],
        trace: Path | None = option["trace"],
        trace_piles: bool = option["trace_piles"],
        summary: Path | None = option["summary"],
        as_json: bool = option["as_json"],
        declared: Declared = option["declared"],
        quiet: bool = option["quiet"],
        version: Version | None = option["version"],
        password_file: Path | None = option["password_file"],
        ca: Path | None = option["ca"],
        certificates: Path | None = option["certificates"],
    ) -> None:
        common = Common(
            url, api_url, piles, piles_file, seed, day, zone, hours, fault, trace, trace_piles, summary, as_json,
            declared, quiet, version=version, proof=Proof(shared_password(password_file), ca, certificates),
        )  # fmt: skip
        _Run(text, common).replay(file, source_day, skip_bad_rows)


def _options(text: Text) -> dict[str, Any]:
    def words(name: str) -> str:
        return text(f"sim.option.{name}")

    return {
        "url": typer.Option(URL, "--url", help=words("url")),
        "api_url": typer.Option(None, "--api-url", help=words("api_url")),
        "piles": typer.Option(PILES, "--piles", min=1, max=PILES_MAX, help=words("piles")),
        "piles_file": typer.Option(None, "--piles-file", help=words("piles_file")),
        "seed": typer.Option(1, "--seed", help=words("seed")),
        "day": typer.Option(None, "--day", formats=[DAY_FORMAT], help=words("day")),
        "zone": typer.Option("Asia/Shanghai", "--zone", help=words("zone")),
        "hours": typer.Option(None, "--hours", min=0.01, help=words("hours")),
        "fault": typer.Option([], "--fault", help=words("fault")),
        "trace": typer.Option(None, "--trace", help=words("trace")),
        "trace_piles": typer.Option(False, "--trace-piles", help=words("trace_piles")),
        "summary": typer.Option(None, "--summary", help=words("summary")),
        "as_json": typer.Option(False, "--json", help=words("json")),
        "declared": typer.Option(Declared.TRUE, "--declared", help=words("declared")),
        "quiet": typer.Option(False, "--quiet", help=words("quiet")),
        "version": typer.Option(None, "--version", help=words("version")),
        "password_file": typer.Option(
            None, "--password-file", exists=True, dir_okay=False, help=words("password_file")
        ),
        "ca": typer.Option(None, "--ca", exists=True, dir_okay=False, help=words("ca")),
        "certificates": typer.Option(None, "--certificates", exists=True, file_okay=False, help=words("certificates")),
    }


class _Run:
    """One call of a command."""

    def __init__(self, text: Text, common: Common) -> None:
        self._text, self._common = text, common
        self._err = Console(stderr=True)
        self._book = shipped_book()

    def fleet(self) -> None:
        clock, zone, piles = self._ground()
        day = self._day(clock, zone)
        sessions = generate_sessions(self._common.seed, day.date(), zone, len(piles))
        self._go(clock, piles, sessions)

    def _piles(self, spoken: str | None) -> list[PileSpec]:
        common = self._common
        names = [name.strip() for name in common.profile.split(",") if name.strip()]
        if common.piles_file is None:
            return piles_like(self._book, names, common.piles) if names else generate_piles(common.piles, spoken)
        piles = read_piles(common.piles_file)
        check_profiles(self._book, piles)
        return piles

    def replay(self, file: Path, source_day: datetime | None, skip_bad_rows: bool) -> None:
        clock, zone, piles = self._ground()
        try:
            found = read_sessions(file, skip_bad_rows)
        except OSError as fault:
            self._fail("unreadable", file=str(file), reason=fault.strerror or str(fault))
        except ValueError as fault:
            self._fail("bad_file", reason=str(fault))
        if found.skipped:
            self._err.print(self._text("sim.skipped", count=len(found.skipped), first=str(found.skipped[0])))
        source_zone = found.zone or zone
        chosen: Sequence[Session] = busiest_day(found.sessions, source_zone)
        if source_day is not None:
            chosen = [s for s in found.sessions if s.arrival.astimezone(source_zone).date() == source_day.date()]
        if not chosen:
            self._fail("no_session", file=str(file))
        self._go(clock, piles, shift_to(chosen, self._day(clock, zone).date(), zone, source_zone))

    def _ground(self) -> tuple[SimClock, ZoneInfo, list[PileSpec]]:
        common = self._common
        try:
            clock, zone = clock_from_environment(), ZoneInfo(common.zone)
            self._book = book(common.profiles_folder)
            spoken = f"ocpp{common.version.value}" if common.version else None
            piles = [common.proof.given_to(pile) for pile in self._piles(spoken)]
            if common.url.startswith("wss:"):
                tls_context(piles[0])
        except OSError as fault:
            self._fail(
                "unreadable",
                file=str(fault.filename or common.piles_file or common.proof.ca),
                reason=fault.strerror or str(fault),
            )
        except (ValueError, KeyError) as fault:
            self._fail("bad_input", reason=str(fault))
        return clock, zone, piles

    def _day(self, clock: SimClock, zone: ZoneInfo) -> datetime:
        return self._common.day or clock.now().astimezone(zone)

    def _go(self, clock: SimClock, piles: Sequence[PileSpec], sessions: Sequence[Session]) -> None:
        common = self._common
        try:
            faults = [parse_fault(words) for words in common.fault]
            plan_faults(faults, [pile.station_id for pile in piles], 0.0, 0.0, common.seed)
        except ValueError as fault:
            self._fail("bad_input", reason=str(fault))
        try:
            headers = token_headers(os.environ) if common.api_url else {}
        except (OSError, ValueError) as fault:
            self._fail("unreadable", file=os.environ.get(FILE_VARIABLE, ""), reason=str(fault))
        settings = FleetSettings(
            common.url,
            common.api_url,
            common.seed,
            common.hours,
            faults,
            common.declared,
            common.trace,
            common.trace_piles,
            common.summary,
            self._book,
            headers,
        )
        fleet = Fleet(settings, piles, assign(sessions, piles, common.seed), clock)
        logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
        try:
            run_loop(self._run(fleet))
        except OSError as fault:
            self._fail("unwritable", FAILED, reason=str(fault))
        self._report(fleet.summary())

    async def _run(self, fleet: Fleet) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, fleet.request_stop)
        if self._common.quiet or self._common.as_json or not self._err.is_terminal:
            await fleet.run()
            return
        with self._err.status(self._text("sim.starting")) as status:
            await fleet.run(_Shown(self._text, status))

    def _report(self, summary: dict[str, Any]) -> None:
        if self._common.as_json:
            typer.echo(json.dumps(summary))
        elif not self._common.quiet:
            Console().print(_table(self._text, summary))

    def _fail(self, key: str, exit_code: int = USAGE, **values: object) -> NoReturn:
        words = self._text(f"sim.fault.{key}", **values)
        if self._common.as_json:
            typer.echo(json.dumps({"code": key, "detail": words}, ensure_ascii=False), err=True)
        else:
            self._err.print(words, style="red", soft_wrap=True, highlight=False, markup=False)
        raise typer.Exit(exit_code)


class _Shown:
    """The status line, renewed a few times a second."""

    def __init__(self, text: Text, status: Status) -> None:
        self._text, self._status, self._next_s = text, status, 0.0

    def __call__(self, fleet: Fleet) -> None:
        wall_s = asyncio.get_running_loop().time()
        if wall_s < self._next_s:
            return
        self._next_s = wall_s + SHOW_WALL_S
        values = {
            "time": fleet.clock.now().astimezone().strftime("%Y-%m-%d %H:%M"),
            "online": fleet.online,
            "stations": len(fleet.stations),
            "power": f"{fleet.power_w / 1000:.1f}",
            "energy": f"{fleet.energy_wh / 1000:.1f}",
            "started": fleet.stats.sessions_started,
            "ended": fleet.stats.sessions_ended,
        }
        self._status.update(self._text("sim.status", **values))


ROWS = (
    "stations_by_version",
    "sessions_started",
    "sessions_ended",
    "turned_away",
    "energy_delivered_wh",
    "peak_w",
    "samples_acknowledged",
    "unacknowledged",
    "messages_sent",
    "messages_answered",
    "call_errors",
    "profiles_received",
    "profiles_accepted",
    "faults",
)


def _table(text: Text, summary: dict[str, Any]) -> Table:
    view = Table(show_header=False, box=None, pad_edge=False)
    view.add_column(style="bold")
    view.add_column()
    for name in ROWS:
        value = summary[name]
        shown = ", ".join(f"{key} {count}" for key, count in value.items()) or "0" if isinstance(value, dict) else value
        view.add_row(text(f"sim.row.{name}"), str(shown))
    return view


def run_loop(work: Any) -> None:
    """Run a coroutine on uvloop where it exists."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)
