"""`csms limit`: set, show, cancel a cap on a feeder (grid-limits A5, A6); the other commands stand beside it."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from csms.console import limit_sign, limit_simulate, limit_verify, limit_watch, units
from csms.console.client import ApiClient
from csms.console.layout import Cell, Column
from csms.console.limit_sign import key_option, signed
from csms.console.limit_values import cancellation, power_w_option, server_time, statement, window
from csms.console.work import Output, example, group, json_option, url_option, work
from csms.texts import Text

SHOWN = ("cap_w", "rating_w", "lowest_cap_w", "base_w", "upper_bound_w", "planned_w", "metered_w")


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "limit")
    _add_set(app, text)
    _add_show(app, text)
    _add_cancel(app, text)
    for more in (limit_watch, limit_simulate, limit_verify, limit_sign):
        more.mount(app, text)
    return app


def _add_set(app: typer.Typer, text: Text) -> None:
    @app.command(
        "set",
        help=text("limit.set.help"),
        epilog=example(text, "csms limit set north --kw 150 --from now --to +2h"),
        context_settings={"ignore_unknown_options": True},
    )
    def set_(
        feeder: str = typer.Argument(help=text("limit.option.feeder"), metavar="FEEDER"),
        watts: int | None = typer.Argument(None, help=text("limit.option.watts"), metavar="WATTS"),
        kw: float | None = typer.Option(None, "--kw", help=text("limit.option.kw")),
        start: str = typer.Option("now", "--from", help=text("limit.option.from")),
        end: str = typer.Option("+1d", "--to", help=text("limit.option.to")),
        limit_id: str | None = typer.Option(None, "--id", help=text("limit.option.id")),
        version: int | None = typer.Option(None, "--version", min=1, help=text("limit.option.version")),
        reason: str = typer.Option("", "--reason", help=text("limit.option.reason")),
        key: Path | None = key_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        power_w = power_w_option(text, watts, kw)
        with work(text, url, as_json) as (api, out):
            now = server_time(api)
            document = statement(limit_id or str(uuid.uuid4()), version, now, power_w, reason)
            document |= window(text, now, start, end)
            _send(text, api, out, feeder, signed(text, document, feeder, key))


def _send(text: Text, api: ApiClient, out: Output, feeder: str, document: dict[str, Any]) -> None:
    answer = api.put(_limit_path(feeder, document["id"]), document)
    if out.as_json:
        out.document(answer)
        return
    until = units.local_time(document["valid_to"], document["issued_at"])
    words = text("limit.done", feeder=feeder, power=units.kilo(document["value_w"]), until=until, id=document["id"])
    out.line(words)


def _limit_path(feeder: str, limit_id: str) -> str:
    return f"/feeders/{quote(feeder, safe='')}/limits/{quote(limit_id, safe='')}"


def _add_show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("limit.show.help"), epilog=example(text, "csms limit show north"))
    def show(
        feeder: str | None = typer.Argument(None, help=text("limit.option.feeder"), metavar="FEEDER"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(f"/feeders/{quote(feeder, safe='')}/state") if feeder else api.get("/feeders")
            if as_json:
                out.document(answer)
            elif feeder:
                _show_one(text, out, answer)
            else:
                out.table(*_feeders(text, answer))


def _show_one(text: Text, out: Output, state: dict[str, Any]) -> None:
    names = [name for name in state if name.endswith("_w")]
    out.record(
        {text("limit.column.feeder"): state["feeder_id"]}
        | {text(f"limit.column.{name}"): units.kilo(state[name]) for name in names if name in SHOWN}
    )
    out.line("")
    out.table(*_limits(text, state["limits"], state["clock_time"]))


def _limits(text: Text, limits: list[dict[str, Any]], now: str) -> tuple[list[Column], list[list[Cell]]]:
    titles = ("source", "id", "version", "power", "from", "to", "state")
    columns = [Column(text(f"limit.column.{title}"), whole=title not in ("source", "id")) for title in titles]
    rows: list[list[Cell]] = [
        [
            limit["source"],
            limit["id"],
            str(limit["version"]),
            f"{units.kilo(limit['value_w'])} kW",
            units.local_time(limit["valid_from"], now),
            units.local_time(limit["valid_to"], now),
            text(f"limit.state.{limit['state']}"),
        ]
        for limit in limits
    ]
    return columns, rows


def _feeders(text: Text, answer: dict[str, Any]) -> tuple[list[Column], list[list[Cell]]]:
    names = ("cap_w", "upper_bound_w", "planned_w", "metered_w", "base_w")
    columns = [Column(text("limit.column.feeder"))]
    columns += [Column(text(f"limit.column.{name}"), right=True, whole=True) for name in names]
    rows: list[list[Cell]] = [
        [indent + feeder["feeder_id"], *(units.kilo(feeder[name]) for name in names)]
        for indent, feeder in _as_tree(answer["feeders"])
    ]
    return columns, rows


def _as_tree(feeders: list[dict[str, Any]], parent: str | None = None, depth: int = 0) -> Iterator[tuple[str, Any]]:
    """Each feeder below its parent, further to the right."""
    for feeder in feeders:
        if feeder["parent_id"] == parent:
            yield "  " * depth, feeder
            yield from _as_tree(feeders, feeder["feeder_id"], depth + 1)


def _add_cancel(app: typer.Typer, text: Text) -> None:
    @app.command("cancel", help=text("limit.cancel.help"), epilog=example(text, "csms limit cancel north 0b9c7a3e"))
    def cancel(
        feeder: str = typer.Argument(help=text("limit.option.feeder"), metavar="FEEDER"),
        limit_id: str = typer.Argument(help=text("limit.option.id"), metavar="ID"),
        version: int | None = typer.Option(None, "--version", min=1, help=text("limit.option.version_meant")),
        source: str = typer.Option("", "--source", help=text("limit.option.source_meant")),
        key: Path | None = key_option(text),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            if key is not None and (version is not None or source):
                raise typer.BadParameter(text("limit.cancel.signed"), param_hint="--key")
            if key is None:
                answer = api.delete(_limit_path(feeder, limit_id), version=version, source=source or None)
            else:
                document = cancellation(limit_id, server_time(api))
                answer = api.put(_limit_path(feeder, limit_id), signed(text, document, feeder, key))
            if as_json:
                out.document(answer)
            else:
                out.line(text("limit.cancelled", id=limit_id, feeder=feeder))
