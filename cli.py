"""The `csms` command: mounts each package's commands. Every group is imported only when it is used, so that help and
start-up stay quick; the language of all words is chosen before anything is built.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from csms.texts import Text, catalogue, language_from

Commands = Mapping[str, "str | Commands"]

COMMANDS: Commands = {
    "serve": "csms.console.serve",
    "dashboard": "monitor.console.dashboard",
    "demo": "device_sim.demo.console",
    "station": "csms.console.station",
    "id-token": "csms.console.id_token",
    "token": "csms.console.token",
    "audit": "csms.console.audit",
    "pki": "csms.console.pki",
    "alert": "csms.console.alert",
    "doctor": "csms.console.server_doctor",
    "session": "csms.console.session",
    "limit": "csms.console.limit",
    "response": "csms.console.response",
    "feeder": "csms.console.feeder",
    "plan": "csms.console.plan",
    "province": "csms.console.province",
    "db": "csms.console.db",
    "firmware-profile": "csms.console.firmware_profile",
    "monitor": {
        "live": "monitor.console.live",
        "intake": "monitor.intake.console",
        "quality": "monitor.quality.console",
    },
    "evidence": "monitor.evidence.console",
    "data": "monitor.governance.console",
    "forecast": "monitor.forecast.console",
    "report": "monitor.reports.console",
    "scoring": "monitor.scoring.console",
    "subsidy": "monitor.subsidy.console",
    "warehouse": "monitor.warehouse.console",
    "siting": "monitor.siting.console",
    "portraits": "monitor.portraits.console",
    "sim": "device_sim.console",
    "optimize": "csms.console.optimize",
}
"""Command -> module with `build(text) -> typer.Typer`, or a group of such; its line is the text `cli.group.<path>`."""

GUESTS: Mapping[str, Mapping[str, str]] = {
    "station": {"replay": "device_sim.playback.console"},
    "feeder": {"care": "monitor.care.console"},
}
"""Group -> command -> module: what a group takes in from another package; packages that share no code meet here."""


def lazy_group(text: Text, commands: Commands, path: str = "") -> type[TyperGroup]:
    """A group that shows all of `commands` and imports the one that is called; `path` is its own place."""

    class LazyGroup(TyperGroup):
        def __init__(self, *args: Any, **attributes: Any) -> None:
            super().__init__(*args, **attributes)
            for name in commands:
                self.commands.setdefault(name, TyperCommand(name, help=text(f"cli.group.{path}{name}")))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args[0] in commands:
                self.commands[args[0]] = _load(text, path + args[0], commands[args[0]])
            return super().resolve_command(ctx, args)

    return LazyGroup


def _load(text: Text, path: str, target: str | Commands) -> Any:
    if not isinstance(target, str):
        return get_command(_group(text, target, path + "_", help=text(f"cli.group.{path}")))
    try:
        found = get_command(importlib.import_module(target).build(text))
        for name, module in GUESTS.get(path, {}).items():
            found.add_command(get_command(importlib.import_module(module).build(text)), name)  # type: ignore[attr-defined]
        return found
    except ImportError as fault:
        typer.echo(text("cli.broken", command=path.replace("_", " "), reason=fault), err=True)
        raise typer.Exit(1) from fault


def _group(text: Text, commands: Commands, path: str = "", **options: Any) -> typer.Typer:
    app = typer.Typer(
        cls=lazy_group(text, commands, path),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        **options,
    )
    app.callback()(lambda: None)
    return app


def build(text: Text) -> typer.Typer:
    """The whole command."""
    epilog = text("console.example", command="csms serve")
    app = _group(text, COMMANDS, help=text("cli.help"), epilog=epilog)

    @app.callback()
    def root(
        show_version: bool = typer.Option(
            False, "--version", help=text("cli.version"), is_eager=True, callback=_version
        ),
    ) -> None:
        """Options before the command."""

    return app


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"csms {installed_version()}")
        raise typer.Exit


def installed_version() -> str:
    """The version of the installed package; `0` from a source tree that nobody installed."""
    try:
        return version("csms")
    except PackageNotFoundError:
        return "0"


def main() -> None:
    """Entry point.

    The optimiser's matrices are too small for several threads of BLAS: on a busy machine they wait for each other.
    """
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    build(catalogue(language_from(os.environ)))(prog_name="csms")


if __name__ == "__main__":
    main()
