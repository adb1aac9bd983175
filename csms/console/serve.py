"""`csms serve`: the central system in the foreground."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from csms.console.work import FAILED, USAGE, example, fail, json_option, output
from csms.texts import Text


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
        accept_unknown: bool | None = typer.Option(
            None, "--accept-unknown/--refuse-unknown", help=text("serve.option.accept_unknown")
        ),
        as_json: bool = json_option(text),
    ) -> None:
        given = {
            "data_dir": data_dir,
            "ocpp_port": ocpp_port,
            "http_port": http_port,
            "accept_unknown": accept_unknown,
        }
        _serve(text, config, given, as_json)

    return app


def _serve(text: Text, config: Path | None, given: dict[str, Any], as_json: bool) -> None:
    """Imports late: the server's rooms take most of a second that other commands need not wait for."""
    from csms.app import main
    from csms.app.settings import SettingsInvalid, load_settings
    from csms.model.errors import CsmsError

    out = output(text, as_json)
    try:
        settings = load_settings(config, **given)
    except SettingsInvalid as fault:
        fail(out, text("serve.bad_settings", reason=str(fault)), USAGE, {"code": fault.code, "detail": str(fault)})
    try:
        main.serve(settings, as_json=as_json)
    except (CsmsError, OSError) as fault:
        code = getattr(fault, "code", "os_error")
        fail(out, text("serve.failed", reason=str(fault)), FAILED, {"code": code, "detail": str(fault)})
