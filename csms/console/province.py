"""`csms province`: is everything delivered, what waits, replay, secrets, a try of the link, names, subsidies,
conformance."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import province_conformance, province_keys, province_subsidy, units
from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.province_keys import partner_argument
from csms.console.work import FAILED, PARTLY, example, group, json_option, url_option, work
from csms.texts import Text


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "province")

    @app.command("status", help=text("province.status.help"), epilog=example(text, "csms province status --json"))
    def status(url: str = url_option(text), as_json: bool = json_option(text)) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get("/province")
            if as_json:
                out.document(answer)
            else:
                out.table(*_table(text, answer["partners"]))
            if any(partner["dead"] for partner in answer["partners"]):
                raise typer.Exit(PARTLY)

    for mount in (_pending, _replay, _test, _mapping):
        mount(app, text)
    app.add_typer(province_keys.build(text), name="keys")
    app.add_typer(province_subsidy.build(text), name="subsidy")
    province_conformance.mount(app, text)
    return app


def _path(partner: str, what: str) -> str:
    return f"/province/{path_segment(partner)}/{what}"


def _pending(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms province pending shandong --dead")

    @app.command("pending", help=text("province.pending.help"), epilog=shown)
    def pending(
        partner: str = partner_argument(text),
        dead: bool = typer.Option(False, "--dead", help=text("province.pending.dead")),
        first: int = typer.Option(100, "--first", min=1, max=1000, help=text("province.pending.first")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(partner, "messages"), dead=dead, limit=first)
            if as_json:
                out.document(answer)
                return
            titles = ("id", "interface", "key", "state", "attempts", "next", "error")
            columns = [
                Column(text(f"province.column.{title}"), whole=title not in ("key", "error")) for title in titles
            ]
            out.table(columns, [_message(one, answer["clock_time"]) for one in answer["messages"]])


def _message(one: dict[str, Any], now: str) -> list[Cell]:
    code = "" if one["last_code"] is None else f"{one['last_code']} "
    return [
        str(one["id"]),
        one["interface"],
        one["business_key"],
        one["state"],
        str(one["attempts"]),
        units.local_time(one["next_at"], now),
        f"{code}{one['last_error']}",
    ]


def _replay(app: typer.Typer, text: Text) -> None:
    @app.command("replay", help=text("province.replay.help"), epilog=example(text, "csms province replay shandong"))
    def replay(
        partner: str = partner_argument(text),
        ids: list[int] = typer.Argument(None, help=text("province.replay.ids"), metavar="[ID]..."),
        as_sent: bool = typer.Option(False, "--as-sent", help=text("province.replay.as_sent")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.post(_path(partner, "replay"), {"ids": ids or [], "as_sent": as_sent})
            if as_json:
                out.document(answer)
            else:
                parts = {name: answer[name] for name in ("renewed", "as_sent")}
                out.line(text("province.replay.done", count=answer["replayed"], **parts))
                if answer["defective"]:
                    out.line(text("province.replay.defective", count=answer["defective"], partner=partner))
            if answer["defective"]:
                raise typer.Exit(PARTLY)


def _test(app: typer.Typer, text: Text) -> None:
    @app.command("test", help=text("province.test.help"), epilog=example(text, "csms province test shandong"))
    def test(
        partner: str = partner_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.post(_path(partner, "test"), {})
            if as_json:
                out.document(answer)
            else:
                out.record(_link(text, answer))
            if not answer["ok"]:
                raise typer.Exit(FAILED)


def _link(text: Text, answer: dict[str, Any]) -> dict[str, Cell]:
    held = "up" if answer["ok"] else "down"
    off_s, life_s = answer["clock_off_s"], answer["token_life_s"]
    return {
        text("province.column.link"): Styled(text(f"province.{held}"), units.GOOD if answer["ok"] else units.BAD),
        text("province.test.address"): answer["url"],
        text("province.test.latency"): f"{answer['latency_s']:.3f} s",
        text("province.test.clock"): units.NOTHING if off_s is None else f"{off_s:+.0f} s",
        text("province.test.life"): units.NOTHING if life_s is None else f"{life_s:.0f} s",
        text("province.column.error"): answer["text"] or units.NOTHING,
    }


def _mapping(app: typer.Typer, text: Text) -> None:
    mapping = group(text, "province.mapping")
    app.add_typer(mapping, name="mapping")
    shown = example(text, "csms province mapping check shandong")

    @mapping.command("check", help=text("province.mapping.check"), epilog=shown)
    def check(
        partner: str = partner_argument(text), url: str = url_option(text), as_json: bool = json_option(text)
    ) -> None:
        with work(text, url, as_json) as (api, out):
            answer = api.get(_path(partner, "names"))
            if as_json:
                out.document(answer)
            else:
                titles = ("kind", "ours", "theirs", "defects")
                columns = [Column(text(f"province.column.{title}"), whole=title == "theirs") for title in titles]
                rows = [[o["kind"], o["local"], o["external"], ", ".join(o["defects"])] for o in answer["names"]]
                out.table(columns, rows)
            if any(one["defects"] for one in answer["names"]):
                raise typer.Exit(PARTLY)


def _table(text: Text, partners: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    titles = ("partner", "profile", "link", "waiting", "acked", "dead", "token", "calls", "error")
    numbers = ("waiting", "acked", "dead", "calls")
    flexible = ("partner", "profile", "error")
    columns = [
        Column(text(f"province.column.{title}"), right=title in numbers, whole=title not in flexible)
        for title in titles
    ]
    return columns, [_row(text, partner) for partner in partners]


def _row(text: Text, partner: dict[str, Any]) -> list[Cell]:
    standings = (("paused", partner["paused"]), ("refused", partner["barred"]), ("down", partner["unreachable"]))
    held = next((name for name, so in standings if so), "up")
    return [
        partner["partner"],
        f"{partner['profile']} ({partner['profile_state']})",
        Styled(text(f"province.{held}"), units.GOOD if held == "up" else units.BAD),
        str(partner["queued"] + partner["sent"] + partner["retry"]),
        str(partner["acked"]),
        str(partner["dead"]),
        partner["token"],
        _calls(text, partner),
        partner["paused"] or partner["barred"] or partner["last_error"] or partner["last_refusal"],
    ]


def _calls(text: Text, partner: dict[str, Any]) -> str:
    refused = partner["calls_refused"]
    return text("province.calls_refused", calls=partner["calls"], refused=refused) if refused else str(partner["calls"])
