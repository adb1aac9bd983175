"""`csms station reset|unlock|availability|trigger|start|stop|call|data|config|charging`: what a technician asks for.

STATIONS is an id, several with commas, a pattern (`'CP-*'`) or `all`.
"""

from __future__ import annotations

import json
from enum import StrEnum
from typing import Any
from urllib.parse import quote

import typer

from csms.console import config_diff, units
from csms.console.client import ApiClient
from csms.console.layout import Column
from csms.console.many import Ask, ask_all, chosen, report, stations_argument
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text


class Wish(StrEnum):
    """For `availability`."""

    OPERATIVE = "operative"
    INOPERATIVE = "inoperative"


class Unit(StrEnum):
    """Unit of a limit."""

    KW = "kW"
    A = "A"


def add(app: typer.Typer, text: Text) -> None:
    """Put the commands into `csms station`."""
    for mount in (_reset, _unlock, _availability, _trigger, _start, _stop, _call, _data):
        mount(app, text)
    app.add_typer(_config(text), name="config")
    app.add_typer(_charging(text), name="charging")


def command(name: str, body: dict[str, Any]) -> Ask:
    """Ask for a command of the API; fields that are None are left out."""
    given = {key: value for key, value in body.items() if value is not None}
    return lambda api, station: dict(api.post(f"/stations/{quote(station, safe='')}/commands/{name}", given))


def run(text: Text, url: str, as_json: bool, stations: str, ask: Ask) -> None:
    """Ask the stations that are meant and report."""
    with work(text, url, as_json) as (api, out):
        report(out, ask_all(out, api, chosen(text, api, stations), ask))


def _reset(app: typer.Typer, text: Text) -> None:
    @app.command("reset", help=text("station.reset.help"), epilog=example(text, "csms station reset 'CP-*' --hard"))
    def reset(
        stations: str = stations_argument(text),
        hard: bool = typer.Option(False, "--hard", help=text("station.reset.hard")),
        evse: int | None = typer.Option(None, "--evse", min=1, help=text("station.reset.evse")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("reset", {"hard": hard, "evse_id": evse}))


def _unlock(app: typer.Typer, text: Text) -> None:
    @app.command("unlock", help=text("station.unlock.help"), epilog=example(text, "csms station unlock CP-7 --evse 2"))
    def unlock(
        stations: str = stations_argument(text),
        evse: int = typer.Option(1, "--evse", min=1, help=text("station.option.evse")),
        connector: int = typer.Option(1, "--connector", min=1, help=text("station.option.connector")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("unlock_connector", {"evse_id": evse, "connector_id": connector}))


def _availability(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station availability CP-7 inoperative --evse 1")

    @app.command("availability", help=text("station.availability.help"), epilog=shown)
    def availability(
        stations: str = stations_argument(text),
        wish: Wish = typer.Argument(help=text("station.availability.wish")),
        evse: int = typer.Option(0, "--evse", min=0, help=text("station.option.evse_or_station")),
        connector: int | None = typer.Option(None, "--connector", min=1, help=text("station.option.connector")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"operative": wish is Wish.OPERATIVE, "evse_id": evse, "connector_id": connector}
        run(text, url, as_json, stations, command("change_availability", body))


def _trigger(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station trigger CP-7 MeterValues --evse 1")

    @app.command("trigger", help=text("station.trigger.help"), epilog=shown)
    def trigger(
        stations: str = stations_argument(text),
        message: str = typer.Argument(help=text("station.trigger.message"), metavar="MESSAGE"),
        evse: int | None = typer.Option(None, "--evse", min=0, help=text("station.option.evse_or_station")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("trigger", {"message": message, "evse_id": evse}))


def _start(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station start CP-7 --token CARD-1 --evse 1")

    @app.command("start", help=text("station.start.help"), epilog=shown)
    def start(
        stations: str = stations_argument(text),
        token: str = typer.Option("", "--token", help=text("station.start.token")),
        evse: int | None = typer.Option(None, "--evse", min=1, help=text("station.option.evse")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        run(text, url, as_json, stations, command("remote_start", {"id_token": token, "evse_id": evse}))


def _stop(app: typer.Typer, text: Text) -> None:
    @app.command("stop", help=text("station.stop.help"), epilog=example(text, "csms station stop CP-7 --evse 1"))
    def stop(
        stations: str = stations_argument(text),
        evse: int | None = typer.Option(None, "--evse", min=1, help=text("station.option.evse")),
        transaction: str | None = typer.Option(None, "--transaction", help=text("station.stop.transaction")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        if transaction is not None:
            run(text, url, as_json, stations, command("remote_stop", {"transaction_id": transaction}))
        else:
            run(text, url, as_json, stations, lambda api, station: _stop_running(text, api, station, evse))


def _stop_running(text: Text, api: ApiClient, station: str, evse_id: int | None) -> dict[str, Any]:
    """Stop what runs at the station, or at one of its EVSEs; nothing to do is done."""
    answer: dict[str, Any] = {"accepted": True, "status": text("station.stop.nothing")}
    for evse in api.get(f"/stations/{quote(station, safe='')}", profiles=0)["evses"]:
        if evse["session"] is not None and evse_id in (None, evse["evse_id"]):
            body = {"transaction_id": evse["session"]["transaction_id"]}
            answer = command("remote_stop", body)(api, station)
            if not answer["accepted"]:
                return answer
    return answer


def _call(app: typer.Typer, text: Text) -> None:
    shown = example(text, """csms station call CP-7 ClearCache '{}'""")

    @app.command("call", help=text("station.call.help"), epilog=shown)
    def call(
        stations: str = stations_argument(text),
        action: str = typer.Argument(help=text("station.call.action"), metavar="ACTION"),
        payload: str = typer.Argument("{}", help=text("station.call.payload"), metavar="JSON"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"action": action, "payload": _object(text, payload)}
        with work(text, url, as_json) as (api, out):
            outcomes = ask_all(out, api, chosen(text, api, stations), command("call", body))
            if not as_json:
                for outcome in outcomes:
                    _show_payload(out, outcome.station_id, outcome.answer.get("payload"))
            report(out, outcomes)


def _object(text: Text, payload: str) -> dict[str, Any]:
    try:
        value = json.loads(payload)
    except ValueError as fault:
        raise typer.BadParameter(text("station.call.bad_json", reason=fault), param_hint="JSON") from None
    if not isinstance(value, dict):
        raise typer.BadParameter(text("station.call.no_object"), param_hint="JSON")
    return value


def _show_payload(out: Output, station_id: str, payload: Any) -> None:
    if payload is not None:
        out.line(f"{station_id} {json.dumps(payload, ensure_ascii=False, indent=2)}")


def _data(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station data CP-7 --vendor acme --message hello --data 1")

    @app.command("data", help=text("station.data.help"), epilog=shown)
    def data(
        stations: str = stations_argument(text),
        vendor: str = typer.Option(..., "--vendor", help=text("station.data.vendor")),
        message: str = typer.Option("", "--message", help=text("station.data.message")),
        content: str = typer.Option("", "--data", help=text("station.data.data")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"vendor_id": vendor, "message_id": message, "data": content}
        run(text, url, as_json, stations, command("data_transfer", body))


def _config(text: Text) -> typer.Typer:
    app = group(text, "station.config")

    @app.command("get", help=text("station.config.get"), epilog=example(text, "csms station config get CP-7"))
    def get(
        stations: str = stations_argument(text),
        names: list[str] = typer.Argument(None, help=text("station.config.names"), metavar="[NAME]..."),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            ask = command("get_variables", {"names": names or []})
            outcomes = ask_all(out, api, chosen(text, api, stations), ask)
            if not as_json:
                for outcome in outcomes:
                    _show_values(out, outcome.station_id, outcome.answer.pop("values", {}))
            report(out, outcomes)

    shown = example(text, "csms station config set CP-7 HeartbeatInterval=60")

    @app.command("set", help=text("station.config.set"), epilog=shown)
    def set_(
        stations: str = stations_argument(text),
        settings: list[str] = typer.Argument(help=text("station.config.settings"), metavar="NAME=VALUE..."),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        values = dict(_setting(text, setting) for setting in settings)
        run(text, url, as_json, stations, command("set_variables", {"values": values}))

    config_diff.add(app, text)
    return app


def _setting(text: Text, setting: str) -> tuple[str, str]:
    name, sign, value = setting.partition("=")
    if not name or not sign:
        raise typer.BadParameter(text("station.config.bad", setting=setting), param_hint="NAME=VALUE")
    return name, value


def _show_values(out: Output, station_id: str, values: dict[str, str | None]) -> None:
    columns = [Column(station_id), Column(out.text("station.config.value"), over=True)]
    rows = [[name, units.NOTHING if value is None else value] for name, value in sorted(values.items())]
    if rows:
        out.table(columns, rows)


def _charging(text: Text) -> typer.Typer:
    app = group(text, "station.charging")
    for mount in (_charging_limit, _charging_clear, _charging_show):
        mount(app, text)
    return app


def _charging_limit(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station charging limit CP-7 11 --unit kW --evse 1")

    @app.command("limit", help=text("station.charging.limit"), epilog=shown)
    def limit(
        stations: str = stations_argument(text),
        value: float = typer.Argument(min=0, help=text("station.charging.value"), metavar="VALUE"),
        unit: Unit = typer.Option(Unit.KW, "--unit", help=text("station.charging.unit")),
        evse: int = typer.Option(0, "--evse", min=0, help=text("station.option.evse_or_station")),
        stack: int = typer.Option(0, "--stack", min=0, help=text("station.charging.stack")),
        profile_id: int = typer.Option(1, "--id", min=1, help=text("station.charging.id")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        written = (value * 1000, "W") if unit is Unit.KW else (value, "A")
        profile = {
            "profile_id": profile_id,
            "stack_level": stack,
            "purpose": "TxDefaultProfile" if evse else "ChargingStationMaxProfile",
            "unit": written[1],
            "periods": [{"start_s": 0, "limit": written[0]}],
        }
        run(text, url, as_json, stations, command("set_charging_profile", {"evse_id": evse, "profile": profile}))


def _charging_clear(app: typer.Typer, text: Text) -> None:
    @app.command(
        "clear", help=text("station.charging.clear"), epilog=example(text, "csms station charging clear CP-7 --id 1")
    )
    def clear(
        stations: str = stations_argument(text),
        profile_id: int | None = typer.Option(None, "--id", min=1, help=text("station.charging.id")),
        evse: int | None = typer.Option(None, "--evse", min=0, help=text("station.option.evse_or_station")),
        stack: int | None = typer.Option(None, "--stack", min=0, help=text("station.charging.stack")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        body = {"profile_id": profile_id, "evse_id": evse, "stack_level": stack}
        run(text, url, as_json, stations, command("clear_charging_profile", body))


def _charging_show(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms station charging show CP-7 --evse 1 --for 3600")

    @app.command("show", help=text("station.charging.show"), epilog=shown)
    def show(
        stations: str = stations_argument(text),
        evse: int = typer.Option(0, "--evse", min=0, help=text("station.option.evse_or_station")),
        duration_s: int = typer.Option(900, "--for", min=1, help=text("station.charging.duration")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            ask = command("get_composite_schedule", {"evse_id": evse, "duration_s": duration_s})
            outcomes = ask_all(out, api, chosen(text, api, stations), ask)
            if not as_json:
                for outcome in outcomes:
                    _show_schedule(out, outcome.station_id, outcome.answer.get("composite"))
            report(out, outcomes)


def _show_schedule(out: Output, station_id: str, composite: dict[str, Any] | None) -> None:
    if not composite:
        return
    columns = [Column(f"{station_id} +s", right=True), Column(composite["unit"] or "", right=True)]
    none = out.text("station.charging.unlimited")
    rows = [
        [str(period["start_s"]), none if period["limit"] is None else f"{period['limit']:.1f}"]
        for period in composite["periods"]
    ]
    out.table(columns, rows)
