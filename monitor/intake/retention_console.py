"""`csms monitor intake retention`: how long the platform keeps what, and what is gone already."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from csms.texts import Text
from monitor.console import work
from monitor.console.work import data_dir_option, json_option, partner_file_option
from monitor.intake.settings import read_partner_file

if TYPE_CHECKING:
    from monitor.store.intake import IntakeStore
    from monitor.store.retention import Mark


def retention_command(app: typer.Typer, text: Text) -> None:
    """Mount the command."""
    shown = work.example(text, "csms monitor intake retention --data-dir platform --partner-file partners.toml")

    @app.command("retention", help=text("platform.retention.help"), epilog=shown)
    def retention(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        kept = work.read(text, partner_file, as_json, read_partner_file).retention

        async def act(store: IntakeStore) -> list[Mark]:
            return await store.retention.marks()

        marks = work.on_store(text, data_dir, as_json, act)
        if as_json:
            gone = [asdict(mark) | {"gone_before": mark.gone_before.isoformat()} for mark in marks]
            work.document({"kept": asdict(kept), "gone": gone})
            return
        for name, days in asdict(kept).items():
            shown_days = text("platform.retention.days", days=days) if days else text("platform.retention.for_ever")
            typer.echo(f"{name:14} {shown_days}  {text(f'platform.retention.{name}')}")
        for mark in marks:
            who = mark.operator_id or text("platform.retention.every")
            what = text(f"platform.retention.kind.{mark.kind}")
            typer.echo(text("platform.retention.gone", operator=who, what=what, before=f"{mark.gone_before:%Y-%m-%d}"))
