"""`csms province`: status."""

from __future__ import annotations

from typing import Any

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import Cell, Column
from csms.console.work import PARTLY, example, group, json_option, url_option, work
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

    return app


def _table(text: Text, partners: list[dict[str, Any]]) -> tuple[list[Column], list[list[Cell]]]:
    titles = ("partner", "profile", "link", "waiting", "acked", "dead", "token", "error")
    numbers = ("waiting", "acked", "dead")
    flexible = ("partner", "profile", "error")
    columns = [
        Column(text(f"province.column.{title}"), right=title in numbers, whole=title not in flexible)
        for title in titles
    ]
    return columns, [_row(text, partner) for partner in partners]


def _row(text: Text, partner: dict[str, Any]) -> list[Cell]:
    held = "paused" if partner["paused"] else "down" if partner["unreachable"] else "up"
    return [
        partner["partner"],
        f"{partner['profile']} ({partner['profile_state']})",
        Styled(text(f"province.{held}"), units.GOOD if held == "up" else units.BAD),
        str(partner["queued"] + partner["sent"] + partner["retry"]),
        str(partner["acked"]),
        str(partner["dead"]),
        partner["token"],
        partner["paused"] or partner["last_error"],
    ]
