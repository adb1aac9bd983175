"""`csms dashboard`: the web dashboard in a process of its own."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.security.credentials import TokenFileUnusable, read_token

if TYPE_CHECKING:
    from fastapi import FastAPI
    from uvicorn import Server

Text = Callable[..., str]
FAILED, USAGE = 1, 2
PORT = 8081
Places = tuple[Path | None, Path | None, Path | None, Path | None, str, str, Path | None, Path | None]
"""The fields of `monitor.dashboard.web.beside.Folders`, which is imported late."""


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    example = text("console.example", command="csms dashboard --url http://127.0.0.1:8080 --port 8081")

    @app.command("dashboard", help=text("web.help"), epilog=example)
    def dashboard(
        url: str = typer.Option("http://127.0.0.1:8080", "--url", envvar="CSMS_URL", help=text("console.url")),
        host: str = typer.Option("127.0.0.1", "--host", help=text("web.option.host")),
        port: int = typer.Option(PORT, "--port", min=0, max=65535, help=text("web.option.port")),
        certificate: Path | None = typer.Option(None, "--tls-certificate", help=text("web.option.certificate")),
        key: Path | None = typer.Option(None, "--tls-key", help=text("web.option.key")),
        guest: Path | None = typer.Option(None, "--guest-token-file", help=text("web.option.guest")),
        warehouse: Path | None = typer.Option(None, "--warehouse", help=text("web.option.warehouse")),
        data_dir: Path | None = typer.Option(None, "--data-dir", help=text("web.option.data_dir")),
        database_url: str = typer.Option(
            "", "--database-url", envvar="CSMS_DATABASE_URL", help=text("web.option.database")
        ),
        time_zone: str = typer.Option(
            "Asia/Shanghai", "--time-zone", envvar="CSMS_TIME_ZONE", help=text("web.option.zone")
        ),
        platform: Path | None = typer.Option(None, "--platform-dir", help=text("web.option.platform")),
        partners: Path | None = typer.Option(None, "--partner-file", help=text("web.option.partners")),
        siting: Path | None = typer.Option(None, "--siting-dir", help=text("web.option.siting")),
        areas: Path | None = typer.Option(None, "--areas-dir", help=text("web.option.areas")),
        outline: Path | None = typer.Option(None, "--outline", help=text("web.option.outline")),
        drivers: bool = typer.Option(False, "--drivers", help=text("web.option.drivers")),
        everybody: bool = typer.Option(False, "--partners", help=text("web.option.of_partners")),
        until_stdin_ends: bool = typer.Option(False, "--until-stdin-ends", help=text("web.option.until_stdin_ends")),
        as_json: bool = typer.Option(False, "--json", help=text("web.option.json")),
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise typer.BadParameter(text("console.bad_url", url=url), param_hint="--url")
        if (certificate is None) != (key is None):
            raise typer.BadParameter(text("web.both_files"), param_hint="--tls-key")
        try:
            guest_token = read_token(guest) if guest is not None else ""
            drawn = _outline(outline) if outline is not None else b""
            listening = _listen(host, port)
            _tell(text, listening, certificate is not None, as_json)
            places = (warehouse, platform, partners, data_dir, database_url, time_zone, siting, areas)
            app = _app(url, guest_token, places, outline=drawn, drivers=drivers, partners=everybody)
            asyncio.run(_serve(app, listening, certificate, key, until_stdin_ends))
        except TokenFileUnusable as fault:
            _fail(text("access.token_file", reason=str(fault)), "token_file", str(fault), as_json)
        except OSError as fault:
            _fail(text("web.failed", reason=str(fault)), "os_error", str(fault), as_json)
        except KeyboardInterrupt:
            raise typer.Exit from None

    return app


def _listen(host: str, port: int) -> socket.socket:
    """A bound socket; port 0 takes a free one. Raises OSError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    return socket.create_server((host, port), family=family, backlog=256)


def _tell(text: Text, listening: socket.socket, tls: bool, as_json: bool) -> None:
    host, port = listening.getsockname()[:2]
    address = f"http{'s' if tls else ''}://{f'[{host}]' if ':' in host else host}:{port}"
    typer.echo(json.dumps({"url": address, "port": port}) if as_json else text("web.started", url=address))


def _fail(words: str, code: str, detail: str, as_json: bool) -> None:
    typer.echo(json.dumps({"code": code, "detail": detail}) if as_json else words, err=True)
    raise typer.Exit(FAILED)


def _outline(path: Path) -> bytes:
    """Raises typer.BadParameter."""
    from monitor.dashboard.web.outline import OutlineUnusable, read_outline

    try:
        return read_outline(path)
    except OutlineUnusable as fault:
        raise typer.BadParameter(str(fault), param_hint="--outline") from None


def _app(url: str, guest_token: str, places: Places, **more: Any) -> FastAPI:
    """Imports late: NiceGUI takes seconds that the help need not wait for."""
    from monitor.dashboard.web.app import create_app
    from monitor.dashboard.web.beside import Folders

    logging.getLogger("nicegui").setLevel(logging.WARNING)
    return create_app(url, guest_token, Folders(*places), **more)


async def _serve(
    app: FastAPI,
    listening: socket.socket,
    certificate: Path | None,
    key: Path | None,
    until_stdin_ends: bool,
) -> None:
    """Until SIGINT or SIGTERM."""
    from uvicorn import Config, Server

    config = Config(
        app,
        ws="websockets-sansio",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        ssl_certfile=certificate,
        ssl_keyfile=key,
        timeout_graceful_shutdown=2,
    )
    server = Server(config)
    if until_stdin_ends:
        threading.Thread(target=_wait_for_end, args=(server,), daemon=True).start()
    await server.serve([listening])


def _wait_for_end(server: Server) -> None:
    """Whoever started this holds the other end of its input; when that is gone, so is the reason to run."""
    while os.read(0, 4096):
        pass
    server.should_exit = True
