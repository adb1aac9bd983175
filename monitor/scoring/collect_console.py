"""`csms scoring collect`: the table of figures from a platform's database."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.console import Console

from csms.model.clock import clock_from_environment
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, USAGE, data_dir_option, json_option, partner_file_option
from monitor.scoring.scheme import shipped_scheme

if TYPE_CHECKING:
    from monitor.scoring.table import Figure


FROM_ELSEWHERE = ("complaint_rate", "promotion_response")
"""Indicators that no platform hears of."""


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""
    shown = work.example(
        text, "csms scoring collect --data-dir d --partner-file partners.toml --month 2026-03 --out figures.csv"
    )

    @app.command("collect", help=text("scoring.collect.help"), epilog=shown)
    def collect(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        month: str = typer.Option(..., "--month", help=text("scoring.collect.month"), metavar="YYYY-MM"),
        out: Path = typer.Option(..., "--out", help=text("scoring.collect.out")),
        more: Path | None = typer.Option(None, "--more", help=text("scoring.collect.more")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.scoring.collecting import days_of
        from monitor.scoring.more import figures_of_more, read_more
        from monitor.scoring.table import read_table, write_table

        try:
            days_of(month)
        except ValueError:
            work.fail(text("scoring.collect.not_month", month=month), USAGE, as_json, "not_month")
        scheme = shipped_scheme()
        kept = work.read(text, out, as_json, lambda path: read_table(path, scheme)) if out.exists() else []
        told_more = work.read(text, more, as_json, lambda path: read_more(path.read_text("utf-8"))) if more else []
        found = _collected(text, data_dir, partner_file, month, as_json)
        if not found:
            work.fail(text("scoring.collect.nothing", month=month), FAILED, as_json, "nothing")
        orders = {one.operator: one.samples for one in found if one.indicator == "order_success"}
        found += figures_of_more(told_more, month, orders)
        told = {(one.operator, one.period, one.indicator) for one in found}
        rest = [one for one in kept if (one.operator, one.period, one.indicator) not in told]
        try:
            write_table(out, [*rest, *found])
        except OSError as fault:
            work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, "not_written")
        without = [name for name in FROM_ELSEWHERE if not any(one.indicator == name for one in found)]
        facts = {"figures": len(found), "operators": len({one.operator for one in found}), "month": month}
        if as_json:
            work.document(facts | {"file": str(out), "not_counted": without})
        else:
            typer.echo(text("scoring.collect.done", file=out, **facts))
            if without:
                typer.echo(text("scoring.collect.without", names=", ".join(without)))


def _collected(text: Text, data_dir: Path, partner_file: Path, month: str, as_json: bool) -> list[Figure]:
    from monitor.intake.settings import read_partner_file
    from monitor.quality.service import QualityWatch
    from monitor.quality.settings import read_watch
    from monitor.scoring.collecting import collect

    settings = work.read(text, partner_file, as_json, read_partner_file)
    watched, _ = work.read(text, partner_file, as_json, lambda path: read_watch(path, settings))
    with Console(stderr=True).status("") as shown:

        def progress(done: int, of: int) -> None:
            shown.update(f"{done}/{of}")

        return work.on_store(
            text,
            data_dir,
            as_json,
            lambda store: collect(
                QualityWatch(store.quality, store.evidence, clock_from_environment(), watched), month, progress
            ),
        )
