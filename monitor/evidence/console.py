"""`csms evidence`: close days, export, prove; what operators do stands in `monitor.evidence.operator_console`."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from csms.model.clock import clock_from_environment
from csms.province import strict_json
from csms.texts import Text
from monitor.console import work
from monitor.console.work import data_dir_option, json_option, operator_option
from monitor.evidence import operator_console as at_operators
from monitor.evidence.files import private_key, write_export
from monitor.evidence.service import Evidence

KINDS = {"order": "charge_order", "session": "charge_status", "connector": "station_status", "station": "station_info"}


def build(text: Text) -> typer.Typer:
    """The command group."""
    of_operators = (at_operators.verify, at_operators.keep, at_operators.fetch)
    return work.group(text, "evidence", (_close, _export, _prove, *of_operators, _key))


def _with_log(
    text: Text, data_dir: Path, as_json: bool, act: Callable[[Evidence], Awaitable[work.Found]]
) -> work.Found:
    """Act on the log with the platform's key."""
    return work.on_store(
        text,
        data_dir,
        as_json,
        lambda store: act(Evidence(store.evidence, private_key(data_dir), clock_from_environment())),
    )


def _close(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms evidence close --data-dir /var/lib/platform")

    @app.command("close", help=text("evidence.close.help"), epilog=shown)
    def close(data_dir: Path = data_dir_option(text), as_json: bool = json_option(text)) -> None:
        made = _with_log(text, data_dir, as_json, lambda evidence: evidence.close_days())
        if as_json:
            work.document([signed.as_document() for signed in made])
            return
        for signed in made:
            head = signed.head
            typer.echo(
                text("evidence.closed", log=head.log, day=head.day, count=head.size - head.first, root=head.day_root)
            )
        if not made:
            typer.echo(text("evidence.nothing_to_close"))


def _export(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms evidence export --data-dir d --operator 123456789 --from 2026-03-01 --out march")

    @app.command("export", help=text("evidence.export.help"), epilog=shown)
    def export(
        data_dir: Path = data_dir_option(text),
        operator: str = operator_option(text),
        first: datetime | None = work.day_option(text, "--from", "evidence.option.from", None),
        last: datetime | None = work.day_option(text, "--to", "evidence.option.to", None),
        out: Path = typer.Option(..., "--out", help=text("evidence.option.folder")),
        as_json: bool = json_option(text),
    ) -> None:
        async def act(evidence: Evidence) -> tuple[int, list[str]]:
            made = await evidence.export(operator, work.day_of(first, "0000"), work.day_of(last, "9999"))
            write_export(out, made)
            return len(made.records), [signed.head.day for signed in made.heads]

        count, days = _with_log(text, data_dir, as_json, act)
        if as_json:
            work.document({"records": count, "days": days, "folder": str(out)})
        else:
            typer.echo(text("evidence.exported", count=count, days=len(days), folder=out))


def _prove(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms evidence prove --data-dir d --operator 123456789 --order 1234… --out proof.json")

    @app.command("prove", help=text("evidence.prove.help"), epilog=shown)
    def prove(
        data_dir: Path = data_dir_option(text),
        operator: str = operator_option(text),
        order: str = typer.Option("", "--order", help=text("evidence.option.order")),
        number: int = typer.Option(-1, "--record", help=text("evidence.option.record")),
        kind: str = typer.Option("order", "--kind", help=text("evidence.option.kind")),
        old_day: datetime | None = work.day_option(text, "--since", "evidence.option.since", None),
        new_day: datetime | None = work.day_option(text, "--day", "evidence.option.day", None),
        out: Path | None = typer.Option(None, "--out", help=text("evidence.option.out")),
        as_json: bool = json_option(text),
    ) -> None:
        chosen = [bool(order), number >= 0, bool(old_day and new_day)]
        if sum(chosen) != 1 or kind not in KINDS:
            raise typer.BadParameter(text("evidence.choose_one", kinds=", ".join(KINDS)))

        def act(evidence: Evidence) -> Awaitable[dict[str, Any]]:
            if order:
                return evidence.prove_thing(operator, KINDS[kind], order)
            if number >= 0:
                return evidence.prove_record(operator, number)
            return evidence.prove_growth(operator, work.day_of(old_day), work.day_of(new_day))

        document = strict_json.write(_with_log(text, data_dir, as_json, act)).decode("utf-8")
        if out is not None:
            work.save(text, out, document + "\n", as_json)
        if out is None or as_json:
            typer.echo(document)
        else:
            typer.echo(text("evidence.proved", file=out))


def _key(app: typer.Typer, text: Text) -> None:
    @app.command(
        "key",
        help=text("evidence.key.help"),
        epilog=work.example(text, "csms evidence key --data-dir d > platform.pem"),
    )
    def key(data_dir: Path = data_dir_option(text), as_json: bool = json_option(text)) -> None:
        async def act(evidence: Evidence) -> str:
            return evidence.public_key

        pem = _with_log(text, data_dir, as_json, act)
        typer.echo(json.dumps({"public_key": pem}) if as_json else pem, nl=as_json)
