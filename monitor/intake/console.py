"""The command that runs the supervising platform on this machine."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import socket
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import typer
import uvicorn
from fastapi import FastAPI

from csms.model.clock import Clock, clock_from_environment
from csms.model.errors import CsmsError
from csms.security.files import is_private
from csms.texts import Text
from monitor.console import work
from monitor.console.work import USAGE
from monitor.evidence.files import private_key
from monitor.evidence.service import Evidence
from monitor.intake.figures import Figures
from monitor.intake.heads import HeadPost
from monitor.intake.health import free_bytes, own_signs
from monitor.intake.keeper import Keeper
from monitor.intake.keys import OperatorKeys
from monitor.intake.keys_console import build as keys_group
from monitor.intake.platform import create_platform
from monitor.intake.pull import pullers_of
from monitor.intake.retention import Retainer
from monitor.intake.retention_console import retention_command
from monitor.intake.settings import PlatformSettings, flagged_profiles, read_partner_file
from monitor.intake.status_console import status_command
from monitor.quality.alarms import Sign
from monitor.quality.channels import MailChannel
from monitor.quality.service import QualityWatch, Teller, Watched
from monitor.quality.settings import read_watch
from monitor.store.intake import open_intake

LOOPBACK = "127.0.0.1"


class QuietServer(uvicorn.Server):
    """A uvicorn server whose signals are its owner's business, so that the owner can close what it opened."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the handlers alone."""
        yield


def build(text: Text) -> typer.Typer:
    """The command group `intake`; `text` gives its words."""
    app = work.group(text, "intake", (_serve_command, status_command, retention_command))
    app.add_typer(keys_group(text), name="keys")
    return app


def _serve_command(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms monitor intake serve --data-dir platform --partner-file partners.toml --port 8443")

    @app.command("serve", help=text("intake.serve"), epilog=shown)
    def serve(
        data_dir: Path = work.data_dir_option(text),
        partner_file: Path = work.partner_file_option(text),
        port: int = typer.Option(0, min=0, max=65535, help=text("intake.port")),
        port_file: Path | None = typer.Option(None, help=text("intake.port_file")),
        as_json: bool = work.json_option(text),
    ) -> None:
        try:
            settings = read_partner_file(partner_file)
            for words in _warnings(text, settings, partner_file):
                typer.echo(words, err=True)
            watch = read_watch(partner_file, settings)
            asyncio.run(_serve(settings, clock_from_environment(), data_dir, port, port_file, watch))
        except (CsmsError, OSError, ValueError) as fault:
            words = text("intake.cannot", reason=str(fault))
            work.fail(words, USAGE, as_json, getattr(fault, "code", "cannot_start"))


def _warnings(text: Text, settings: PlatformSettings, partner_file: Path) -> Iterator[str]:
    for profile in flagged_profiles(settings):
        yield text("intake.flagged", profile=profile.id, state=profile.state, note=profile.note)
    secret = any(operator.inbound or operator.outbound for operator in settings.operators.values())
    if secret and not is_private(partner_file):
        yield text("intake.readable", file=partner_file)


async def _serve(
    settings: PlatformSettings,
    clock: Clock,
    data_dir: Path,
    port: int,
    port_file: Path | None,
    watch: tuple[Mapping[str, Watched], Sequence[Teller]],
) -> None:
    store = await open_intake(data_dir, settings.evidence_hash)
    figures, keys = Figures(clock), OperatorKeys(settings, clock, store.keys, data_dir)
    try:
        evidence = Evidence(store.evidence, private_key(data_dir), clock)
        app = await create_platform(settings, clock, store, keys, figures, evidence)
    except BaseException:
        await store.close()
        raise

    def own() -> Iterator[Sign]:
        return own_signs(figures, free_bytes(data_dir))

    quality = QualityWatch(store.quality, store.evidence, clock, *watch, own)
    pullers = pullers_of(settings, clock, store, keys)
    mail = next((teller for teller in quality.tellers if isinstance(teller, MailChannel)), None)
    heads = HeadPost(evidence, clock, settings.operators, data_dir, mail)
    retainer = Retainer(store.retention, store.evidence, clock, settings.retention, data_dir)
    keeper = Keeper(clock, quality, evidence, data_dir, figures, pullers, keys, mail, store.flush, heads, retainer)
    keeping = asyncio.create_task(keeper.run())
    try:
        with listening(port) as listener:
            announce(listener, port_file)
            await serve_until_signal(app, listener)
    finally:
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await store.close()


def listening(port: int) -> socket.socket:
    """A listening socket on loopback; port 0 takes a free one.

    The protocol is named because asyncio sets TCP_NODELAY only then; without it every answer waits 40 ms for an ACK.
    """
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((LOOPBACK, port))
        listener.listen(128)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener


def announce(listener: socket.socket, port_file: Path | None) -> None:
    """Write the port that was taken, whole or not at all."""
    if port_file is not None:
        draft = port_file.with_name(port_file.name + ".part")
        draft.write_text(f"{listener.getsockname()[1]}\n", encoding="ascii")
        draft.replace(port_file)


async def serve_until_signal(app: FastAPI, listener: socket.socket) -> None:
    """Serve until SIGTERM or SIGINT, then finish the calls in progress."""
    config = uvicorn.Config(app, lifespan="off", ws="none", log_level="warning", access_log=False)
    config.timeout_graceful_shutdown = 5
    server = QuietServer(config)

    def stop() -> None:
        server.should_exit = True

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    try:
        await server.serve(sockets=[listener])
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
