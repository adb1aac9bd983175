"""`csms station password|security`: how stations prove who they are."""

from __future__ import annotations

import sys
from typing import Any

import typer

from csms.console import units
from csms.console.client import ApiClient, path_segment
from csms.console.many import Ask, stations_argument
from csms.console.station_commands import command, run
from csms.console.work import example, json_option, url_option, work
from csms.texts import Text

PROFILES = ("open", "password", "tls_password", "certificate")


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    for mount in (_password, _security):
        mount(app, text)


def _password(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station password 'CP-*' --rotate")

    @app.command("password", help=text("station.password.help"), epilog=shown)
    def password(
        stations: str = stations_argument(text),
        given: bool = typer.Option(False, "--set", help=text("station.password.set")),
        rotate: bool = typer.Option(False, "--rotate", help=text("station.password.rotate")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if given and rotate:
            raise typer.BadParameter(text("station.password.one"), param_hint="--set")
        if rotate:
            run(text, url, as_json, stations, command("set_password", {}))
        else:
            run(text, url, as_json, stations, _first({"password": _asked(text)} if given else {}))


def _asked(text: Text) -> str:
    """From the keyboard, unseen, or from standard input; never from the command line, which others can list."""
    if sys.stdin.isatty():
        return str(typer.prompt(text("station.password.prompt"), hide_input=True, confirmation_prompt=True))
    return sys.stdin.readline().rstrip("\r\n")


def _first(body: dict[str, str]) -> Ask:
    def ask(api: ApiClient, station: str) -> dict[str, Any]:
        told = api.put(f"/stations/{path_segment(station)}/password", body)
        made = {"password": told["password"]} if told["password"] is not None else {}
        return {"accepted": True, "status": "Noted", "values": made}

    return ask


def _security(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station security CP-7 --serial SN-1234 --profile 3")

    @app.command("security", help=text("station.security.help"), epilog=shown)
    def security(
        station: str = typer.Argument(help=text("station.option.id"), metavar="STATION"),
        profile: int | None = typer.Option(None, "--profile", min=0, max=3, help=text("station.security.profile")),
        serial: str | None = typer.Option(None, "--serial", help=text("station.security.serial")),
        lower: bool = typer.Option(False, "--lower", help=text("station.security.lower")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        path = f"/stations/{path_segment(station)}/security"
        changed = {"security_profile": profile, "serial": serial}
        body = {name: value for name, value in changed.items() if value is not None}
        with work(text, url, as_json) as (api, out):
            told = api.put(path, {**body, "lower": lower}) if body else api.get(path)
            if as_json:
                out.document(told)
            else:
                out.record(_record(text, told))


def _record(text: Text, told: dict[str, Any]) -> dict[str, str]:
    number = told["security_profile"]
    return {
        text("station.column.station"): told["station_id"],
        text("station.security.is.profile"): f"{number} ({text(f'station.security.of.{PROFILES[number]}')})",
        text("station.security.is.serial"): told["serial"] or units.NOTHING,
        text("station.security.is.claimed"): told["claimed_serial"] or units.NOTHING,
        text("station.security.is.password"): text(
            "console.yes" if told["has_password"] else "station.security.is.no_password"
        ),
    }
