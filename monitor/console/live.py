"""`csms monitor live`. Its neighbours `intake` and `quality` stand in rooms of their own; `cli.py` mounts all."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Callable

import typer
from rich.console import Console

from csms.security.credentials import TokenFileUnusable, api_token
from monitor.dashboard.history import History, Snapshot
from monitor.dashboard.live import LiveView
from monitor.dashboard.screen import Screen
from monitor.dashboard.source import Source, SourceLost, SourceRefused

Text = Callable[..., str]

UNREACHABLE = 4


def build(text: Text) -> typer.Typer:
    """The command."""
    app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
    _add_live(app, text)
    return app


def _add_live(app: typer.Typer, text: Text) -> None:
    example = text("console.example", command="csms monitor live --url http://127.0.0.1:8080")

    @app.command("live", help=text("live.help"), epilog=example)
    def live(
        url: str = typer.Option("http://127.0.0.1:8080", "--url", envvar="CSMS_URL", help=text("console.url")),
        every_s: float = typer.Option(1.0, "--every", min=0.2, help=text("live.option.every")),
        once: bool = typer.Option(False, "--once", help=text("live.option.once")),
        as_json: bool = typer.Option(False, "--json", help=text("live.option.json")),
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise typer.BadParameter(text("console.bad_url", url=url), param_hint="--url")
        try:
            token = api_token(os.environ)
            asyncio.run(_once(text, url, token, as_json) if once or as_json else _live(text, url, token, every_s))
        except TokenFileUnusable as fault:
            typer.echo(text("access.token_file", reason=str(fault)), err=True)
            raise typer.Exit(1) from fault
        except SourceRefused as fault:
            words = text("access.unauthenticated", reason=str(fault))
            typer.echo(json.dumps({"code": "unauthenticated", "detail": str(fault)}) if as_json else words, err=True)
            raise typer.Exit(1) from fault
        except SourceLost as fault:
            words = text("console.unreachable", url=url, reason=str(fault))
            typer.echo(json.dumps({"code": "unreachable", "detail": str(fault)}) if as_json else words, err=True)
            raise typer.Exit(UNREACHABLE) from fault
        except KeyboardInterrupt:
            raise typer.Exit from None


async def _once(text: Text, url: str, token: str | None, as_json: bool) -> None:
    source = Source(url, token)
    try:
        snapshot = await source.read()
    finally:
        await source.close()
    if as_json:
        typer.echo(json.dumps(_document(snapshot)))
        return
    history = History()
    history.add(snapshot)
    console = Console()
    height = console.height if console.is_terminal else 24
    console.print(LiveView(text).render(snapshot, history), height=height, highlight=False)


def _document(snapshot: Snapshot) -> dict[str, object]:
    return {"overview": snapshot.overview, "stations": snapshot.stations, "sessions": snapshot.sessions}


async def _live(text: Text, url: str, token: str | None, every_s: float) -> None:
    """A server that is not there at the start is a mistake in the address; one that goes later is waited for."""
    source = Source(url, token)
    try:
        await source.read()
        await Screen(LiveView(text), source.read, every_s).run(Console())
    finally:
        await source.close()
