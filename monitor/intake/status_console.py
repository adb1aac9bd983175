"""`csms monitor intake status`: how a running platform serves."""

from __future__ import annotations

from typing import Any

import httpx
import typer

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, UNREACHABLE, json_option

TIMEOUT_S = 10.0


def status_command(app: typer.Typer, text: Text) -> None:
    """Mount the command."""
    shown = work.example(text, "csms monitor intake status --url http://127.0.0.1:8443")

    @app.command("status", help=text("platform.status.help"), epilog=shown)
    def status(
        url: str = typer.Option("http://127.0.0.1:8443", "--url", help=text("platform.status.url")),
        as_json: bool = json_option(text),
    ) -> None:
        if not url.startswith(("http://", "https://")):
            raise typer.BadParameter(text("console.bad_url", url=url), param_hint="--url")
        try:
            answer = httpx.get(f"{url.rstrip('/')}/service", timeout=TIMEOUT_S, trust_env=False)
            told = answer.raise_for_status().json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as fault:
            words = text("platform.status.unreachable", url=url, reason=str(fault))
            work.fail(words, UNREACHABLE, as_json, "unreachable")
        if as_json:
            work.document(told)
        else:
            _tell(text, told)
        if told["stalled"]:
            raise typer.Exit(FAILED)


def _tell(text: Text, told: dict[str, Any]) -> None:
    times = {share: f"{told[f'{share}_ms']:.1f}" for share in ("p50", "p95", "p99")}
    counts = {name: told[name] for name in ("calls", "faults", "unlogged")}
    typer.echo(text("platform.status.service", since=told["started_at"], **counts, **times))
    for name, one in told["operators"].items():
        refused = ", ".join(f"{why} {count}" for why, count in one["refused"].items()) or "0"
        facts = {"taken": one["taken"], "refused": refused, "last": one["last_at"] or "-"}
        typer.echo(text("platform.status.operator_line", operator=name or text("platform.status.nobody"), **facts))
    for name, step in told["steps"].items():
        fault = f": {step['fault']}" if step["fault"] else ""
        facts = {"runs": step["runs"], "failures": step["failures"], "ok": step["ok_at"] or "-", "fault": fault}
        typer.echo(text("platform.status.step", step=name, **facts))
    typer.echo(text("platform.status.disk", mib=told["disk_free_bytes"] >> 20))
    if told["stalled"]:
        typer.echo(text("platform.status.stalled"), err=True)
