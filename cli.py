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

COMMANDS: Mapping[str, str] = {
    "serve": "csms.console.serve",
    "station": "csms.console.station",
    "session": "csms.console.session",
    "limit": "csms.console.limit",
    "plan": "csms.console.plan",
    "province": "csms.console.province",
    "db": "csms.console.db",
    "monitor": "monitor.console",
    "sim": "device_sim.console",
    "optimize": "optimizer.console",
}
"""Command -> module with `build(text) -> typer.Typer`; its line in the overview is the text `cli.group.<command>`."""


def lazy_group(text: Text, commands: Mapping[str, str] = COMMANDS) -> type[TyperGroup]:
    """A group that shows all of `commands` and imports the one that is called."""

    class LazyGroup(TyperGroup):
        def __init__(self, *args: Any, **attributes: Any) -> None:
            super().__init__(*args, **attributes)
            for name in commands:
                self.commands.setdefault(name, TyperCommand(name, help=text(f"cli.group.{name}")))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args[0] in commands:
                self.commands[args[0]] = _load(text, args[0], commands[args[0]])
            return super().resolve_command(ctx, args)

    return LazyGroup


def _load(text: Text, name: str, module: str) -> Any:
    try:
        built = importlib.import_module(module).build(text)
    except ImportError as fault:
        typer.echo(text("cli.broken", command=name, reason=fault), err=True)
        raise typer.Exit(1) from fault
    return get_command(built)


def build(text: Text) -> typer.Typer:
    """The whole command."""
    app = typer.Typer(
        cls=lazy_group(text),
        help=text("cli.help"),
        epilog=text("console.example", command="csms serve --accept-unknown"),
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
    )

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
    """Entry point."""
    build(catalogue(language_from(os.environ)))(prog_name="csms")


if __name__ == "__main__":
    main()
