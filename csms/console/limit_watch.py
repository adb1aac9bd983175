"""`csms limit status|sources|history|drill`: what became of limits, who states them, what one would do at once."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any
from urllib.parse import quote

import typer

from csms.console import limit_export, units
from csms.console.layout import Cell, Column
from csms.console.limit_values import power_w_option, server_time, statement, window
from csms.console.work import Output, example, json_option, url_option, work
from csms.texts import Text

PAGE_MAX = 1000


def mount(app: typer.Typer, text: Text) -> None:
    """Add the commands."""
    for add in (_status, _sources, _history, _drill):
        add(app, text)


def _feeder(text: Text) -> Any:
    return typer.Argument(help=text("limit.option.feeder"), metavar="FEEDER")


def _status(app: typer.Typer, text: Text) -> None:
    @app.command("status", help=text("limit.status.help"), epilog=example(text, "csms limit status evening"))
    def status(
        limit_id: str = typer.Argument(help=text("limit.option.id"), metavar="ID"),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(f"/limits/{quote(limit_id, safe='')}")
            if as_json:
                out.document(answer)
                return
            for limit in answer["limits"]:
                _show_status(text, out, limit, answer["clock_time"])


def _show_status(text: Text, out: Output, limit: dict[str, Any], now: str) -> None:
    way = limit["progress"]
    facts = {
        text("limit.column.feeder"): limit["feeder_id"],
        text("limit.column.source"): limit["source"],
        text("limit.column.power"): f"{units.kilo(limit['value_w'])} kW",
        text("limit.column.state"): text(f"limit.state.{limit['state']}"),
    }
    if way is None:
        out.record(facts)
        return
    facts[text("limit.status.outcome")] = text(f"limit.outcome.{way['outcome'].replace(' ', '_')}")
    for stage, at in way["reached"].items():
        facts[text(f"limit.stage.{stage}")] = units.local_time(at, now)
    feeder = way.get("feeder") or {}
    for kind in ("waiting", "unreachable", "uncontrollable"):
        if feeder.get(kind):
            facts[text(f"limit.status.{kind}")] = ", ".join(feeder[kind])
    out.record(facts)


def _sources(app: typer.Typer, text: Text) -> None:
    @app.command("sources", help=text("limit.sources.help"), epilog=example(text, "csms limit sources"))
    def sources(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/limit-sources")
            if as_json:
                out.document(answer)
                return
            titles = ("source", "mode", "silent", "heartbeat", "failsafe")
            out.table(
                [Column(text(f"limit.sources.{title}")) for title in titles], _source_rows(text, answer["sources"])
            )


def _source_rows(text: Text, sources: list[dict[str, Any]]) -> list[list[Cell]]:
    return [
        [
            source["source"],
            text(f"limit.mode.{source['mode']}"),
            "" if source["silent_s"] is None else f"{source['silent_s']:g} s",
            f"{source['heartbeat_s']:g} s" if source["heartbeat_s"] else text("limit.sources.unwatched"),
            ", ".join(f"{feeder} {units.kilo(watts)} kW" for feeder, watts in source["failsafe_w"].items()),
        ]
        for source in sources
    ]


def _history(app: typer.Typer, text: Text) -> None:
    @app.command("history", help=text("limit.history.help"), epilog=example(text, "csms limit history T1 --last 20"))
    def history(
        feeder: str = _feeder(text),
        last: int = typer.Option(50, "--last", min=1, max=PAGE_MAX, help=text("limit.history.last")),
        before: int | None = typer.Option(None, "--before", min=1, help=text("audit.list.before")),
        export: Path | None = typer.Option(None, "--export", help=text("limit.history.export")),
        force: bool = typer.Option(False, "--force", help=text("db.option.force")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            path = f"/feeders/{quote(feeder, safe='')}/limits/history"
            if export is not None:
                limit_export.export(text, api, out, path, export, force)
                return
            answer = api.get(path, limit=last, before_seq=before)
            if as_json:
                out.document(answer)
                return
            titles = ("seq", "at", "who", "what", "limit", "power", "result")
            columns = [Column(text(f"limit.history.{title}"), whole=title in ("seq", "at")) for title in titles]
            out.table(columns, [_record(text, row) for row in answer["records"]])
            if answer["next_before_seq"]:
                out.line(text("audit.list.more", before=answer["next_before_seq"]))


def _record(text: Text, row: dict[str, Any]) -> list[Cell]:
    result = row["result"]
    told = result.get("code") or result.get("outcome") or text("limit.history.accepted")
    stage = result.get("stage")
    power = units.kilo(result["power_w"]) if "power_w" in result else ""
    who = row["who"].get("name") or row["detail"].get("source", "")
    said = f"{stage}: {told}" if stage else told
    return [str(row["seq"]), units.local_time(row["at"]), who, row["action"], row["on"].get("limit", ""), power, said]


def _drill(app: typer.Typer, text: Text) -> None:
    @app.command(
        "drill",
        help=text("limit.drill.help"),
        epilog=example(text, "csms limit drill T1 --kw 60 --to +2h"),
        context_settings={"ignore_unknown_options": True},
    )
    def drill(
        feeder: str = _feeder(text),
        watts: int | None = typer.Argument(None, help=text("limit.option.watts"), metavar="WATTS"),
        kw: float | None = typer.Option(None, "--kw", help=text("limit.option.kw")),
        start: str = typer.Option("now", "--from", help=text("limit.option.from")),
        end: str = typer.Option("+2h", "--to", help=text("limit.option.to")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        power_w = power_w_option(text, watts, kw)
        with work(text, url, as_json) as (api, out):
            now = server_time(api)
            document = statement(str(uuid.uuid4()), None, now, power_w, "") | window(text, now, start, end)
            path = f"/feeders/{quote(feeder, safe='')}/limits/{document['id']}/drill"
            answer = api.post(path, document)
            if as_json:
                out.document(answer)
            else:
                _show_drill(text, out, feeder, answer)


def _show_drill(text: Text, out: Output, feeder: str, answer: dict[str, Any]) -> None:
    found = answer["rehearsal"]
    holds = found["holds_s"]
    out.record(
        {
            text("limit.column.feeder"): feeder,
            text("limit.drill.now"): f"{units.kilo(found['upper_bound_w'])} kW",
            text("limit.drill.room"): f"{units.kilo(found['room_w'])} kW",
            text("limit.drill.least"): f"{units.kilo(found['least_w'])} kW",
            text("limit.drill.commanded"): f"{found['commanded_s']:.0f} s",
            text("limit.drill.holds"): text("limit.drill.never") if holds is None else f"{holds:.0f} s",
        }
    )
    if found["unreachable"]:
        out.line(text("limit.drill.unreachable", stations=", ".join(found["unreachable"])))
    if found["told"]:
        out.line("")
        columns = [Column(text(f"limit.drill.{title}"), right=title != "evse") for title in ("evse", "before", "after")]
        rows: list[list[Cell]] = [
            [one["evse"], units.kilo(one["before_w"]), units.kilo(one["after_w"])] for one in found["told"]
        ]
        out.table(columns, rows)
    if answer["losses"]:
        out.line("")
        names = ("evse", "wanted", "without", "with")
        columns = [Column(text(f"limit.drill.{title}"), right=title != "evse") for title in names]
        out.table(columns, [_loss(row) for row in answer["losses"]])
    else:
        out.line(text("limit.drill.no_losses"))


def _loss(row: dict[str, Any]) -> list[Cell]:
    return [row["evse"], *(f"{row[name]:.1f}" for name in ("wanted_kwh", "without_kwh", "with_kwh"))]
