"""`csms serve`: the central system in the foreground."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.console.work import FAILED, USAGE, Output, example, fail, json_option, output
from csms.texts import Text

if TYPE_CHECKING:
    from csms.app.server import CentralSystem


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    command = "csms serve --data-dir data --ocpp-port 9000 --http-port 8080"

    @app.command("serve", help=text("serve.help"), epilog=example(text, command))
    def serve(
        config: Path | None = typer.Option(None, "--config", help=text("serve.option.config")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=text("serve.option.data_dir")),
        ocpp_port: int | None = typer.Option(None, "--ocpp-port", min=0, max=65535, help=text("serve.option.ocpp")),
        http_port: int | None = typer.Option(None, "--http-port", min=0, max=65535, help=text("serve.option.http")),
        profiles: list[int] = typer.Option(
            [], "--security-profile", min=0, max=3, help=text("serve.option.security_profile")
        ),
        accept_unknown: bool | None = typer.Option(
            None, "--accept-unknown/--refuse-unknown", help=text("serve.option.accept_unknown")
        ),
        dashboard: bool | None = typer.Option(None, "--dashboard/--no-dashboard", help=text("serve.option.dashboard")),
        as_json: bool = json_option(text),
    ) -> None:
        given: dict[str, Any] = {
            "data_dir": data_dir,
            "ocpp_port": ocpp_port,
            "http_port": http_port,
            "security_profiles": profiles or None,
            "accept_unknown": accept_unknown,
        }
        if dashboard is not None:
            given["dashboard"] = {"enabled": dashboard}
        _serve(text, config, given, as_json)

    return app


def _serve(text: Text, config: Path | None, given: dict[str, Any], as_json: bool) -> None:
    """Imports late: the server's rooms take most of a second that other commands need not wait for."""
    from csms.app.section import SettingsInvalid
    from csms.app.settings import load_settings
    from csms.model.clock import clock_from_environment
    from csms.model.errors import CsmsError

    out = output(text, as_json)
    try:
        settings, clock = load_settings(config, **given), clock_from_environment()
    except (SettingsInvalid, ValueError) as fault:
        document = {"code": "settings_invalid", "detail": str(fault)}
        fail(out, text("serve.bad_settings", reason=str(fault)), USAGE, document)
    from csms.app.server import serve
    from csms.security.files import private_files

    try:
        told = None if as_json or not sys.stdout.isatty() else lambda token: _tell_token(text, out, token)
        with private_files():
            _run(serve(settings, clock, started=lambda system: _tell(text, out, system), tell_token=told))
    except (CsmsError, OSError) as fault:
        code = getattr(fault, "code", "os_error")
        fail(out, text("serve.failed", reason=str(fault)), FAILED, {"code": code, "detail": str(fault)})


def _run(work: Coroutine[Any, Any, None]) -> None:
    """On uvloop where it exists (hot-path: a third less CPU per frame), else on asyncio's own loop."""
    try:
        import uvloop
    except ImportError:
        asyncio.run(work)
    else:
        uvloop.run(work)


def _tell_token(text: Text, out: Output, token: str) -> None:
    """To the person at the terminal alone: where output goes to a file the server keeps the token in one of its own."""
    out.line(text("serve.first_token"))
    out.line(f"  export CSMS_TOKEN={token}")


def _tell(text: Text, out: Output, system: CentralSystem) -> None:
    """Where it listens, for people or for the script that chose port 0."""
    if out.as_json:
        ports = {"ocpp_port": system.ocpp_port, "ocpp_ports": system.ocpp_ports, "http_port": system.http_port}
        typer.echo(json.dumps({**ports, "pid": os.getpid()}))
        return
    for profile, port in system.ocpp_ports.items():
        out.line(text(f"serve.profile_{profile}", port=port))
    if system.own_root is not None:
        out.line(text("serve.own_root", file=system.own_root))
    if 0 not in system.ocpp_ports:
        out.line(text("serve.nobody_unproven"))
    if system.dashboard_address:
        out.line(text("serve.dashboard", url=system.dashboard_address))
    out.line(text("serve.started", http=system.http_port))
