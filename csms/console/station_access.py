"""`csms station approve|commission|hold|reject|report|local-list|cache-clear`: let in, set up, told who may charge."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any
from urllib.parse import quote

import typer

from csms.console import units
from csms.console.client import ApiClient
from csms.console.following import follow, timeout_option
from csms.console.layout import Cell, Column
from csms.console.many import Ask, ask_all, chosen, exit_code, report, stations_argument
from csms.console.station_commands import command, run
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    for mount in (_approve, _commission, _hold, _reject, _report, _cache_clear):
        mount(app, text)
    local_list = group(text, "station.local_list")
    for mount in (_send, _version):
        mount(local_list, text)
    app.add_typer(local_list, name="local-list")


def _settle(stage: str, boot: str | None = None) -> Ask:
    """Put a station at a stage; `boot` is what its next boot is answered, when not what the stage says."""
    body = {"stage": stage} | ({"boot": boot} if boot else {})

    def ask(api: ApiClient, station: str) -> dict[str, Any]:
        told = api.put(f"/stations/{quote(station, safe='')}/registration", body)
        return {**told, "status": told["stage"], "values": {"boot": told["boot"], "now": told["registration"]}}

    return ask


def _approve(app: typer.Typer, text: Text) -> None:
    @app.command("approve", help=text("station.approve.help"), epilog=example(text, "csms station approve 'NEW-*'"))
    def approve(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, _settle("approved"))


def _commission(app: typer.Typer, text: Text) -> None:
    @app.command(
        "commission", help=text("station.commission.help"), epilog=example(text, "csms station commission CP-7")
    )
    def commission(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, _settle("commissioned"))


def _hold(app: typer.Typer, text: Text) -> None:
    @app.command("hold", help=text("station.hold.help"), epilog=example(text, "csms station hold CP-7"))
    def hold(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, _settle("approved", "Pending"))


def _reject(app: typer.Typer, text: Text) -> None:
    @app.command("reject", help=text("station.reject.help"), epilog=example(text, "csms station reject NEW-3"))
    def reject(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, _settle("rejected"))


def _report(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station report CP-7 --search interval --ask")

    @app.command("report", help=text("station.report.help"), epilog=shown)
    def report_(
        stations: str = stations_argument(text),
        search: str = typer.Option("", "--search", help=text("station.report.search")),
        ask: bool = typer.Option(False, "--ask", help=text("station.report.ask")),
        timeout_s: float = timeout_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            wanted = chosen(text, api, stations)
            outcomes = ask_all(out, api, wanted, command("get_base_report", {})) if ask else []
            outcomes = follow(out, api, "get_base_report", outcomes, timeout_s)
            told = [api.get(f"/stations/{quote(name, safe='')}/configuration", search=search) for name in wanted]
            if as_json:
                out.document({"stations": told, "results": [asdict(outcome) for outcome in outcomes]})
                code = exit_code(outcomes)
                if code:
                    raise typer.Exit(code)
                return
            for configuration in told:
                _show(out, configuration)
            if outcomes:
                report(out, outcomes)


def _show(out: Output, configuration: dict[str, Any]) -> None:
    columns = [
        Column(configuration["station_id"]),
        Column(out.text("station.config.value")),
        Column(out.text("station.report.access"), whole=True),
        Column(out.text("station.report.told"), whole=True),
    ]
    out.table(columns, [_row(row) for row in configuration["variables"]])


def _row(row: dict[str, Any]) -> list[Cell]:
    value = units.NOTHING if row["value"] is None else f"{row['value']} {row['unit']}".strip()
    return [row["name"], value, row["mutability"], units.local_time(row["reported_at"])]


def _cache_clear(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station cache-clear 'CP-*'")

    @app.command("cache-clear", help=text("station.cache_clear.help"), epilog=shown)
    def cache_clear(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, command("clear_cache", {}))


def _send(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station local-list send 'CP-*' --full")

    @app.command("send", help=text("station.local_list.send"), epilog=shown)
    def send(
        stations: str = stations_argument(text),
        full: bool = typer.Option(False, "--full", help=text("station.local_list.full")),
        tokens: list[str] = typer.Option(None, "--token", help=text("station.local_list.token")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("send_local_list", {"full": full, "tokens": tokens or None}))


def _version(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station local-list version 'CP-*'")

    @app.command("version", help=text("station.local_list.version"), epilog=shown)
    def version(
        stations: str = stations_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        run(text, url, as_json, stations, command("get_local_list_version", {}))
