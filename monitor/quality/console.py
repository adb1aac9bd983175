"""`csms monitor quality`: judge, recompute (for an appeal), show, report, alarms. Works on the platform's database."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from csms.model.clock import clock_from_environment
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, data_dir_option, json_option, operator_option, partner_file_option

if TYPE_CHECKING:
    from monitor.quality.judge import Judgement
    from monitor.quality.service import QualityWatch


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "quality", (_judge, _recompute, _show, _report, _alarms, _acknowledge))


def _example(text: Text, command: str) -> str:
    return work.example(text, f"csms monitor quality {command} --data-dir d --partner-file partners.toml")


def _any_operator(text: Text) -> Any:
    return typer.Option("", "--operator", help=text("quality.option.operator"))


def _day(text: Text) -> Any:
    return work.day_option(text, "--day", "quality.option.day")


def _with_watch(
    text: Text, data_dir: Path, partner_file: Path, as_json: bool, act: Callable[[QualityWatch], Awaitable[work.Found]]
) -> work.Found:
    """Act on the watch over the operators of a file."""
    from monitor.intake.settings import read_partner_file
    from monitor.quality.service import QualityWatch
    from monitor.quality.settings import read_watch

    settings = work.read(text, partner_file, as_json, read_partner_file)
    watched, _ = work.read(text, partner_file, as_json, lambda path: read_watch(path, settings))
    return work.on_store(
        text,
        data_dir,
        as_json,
        lambda store: act(QualityWatch(store.quality, store.evidence, clock_from_environment(), watched)),
    )


def _judge(app: typer.Typer, text: Text) -> None:
    @app.command("judge", help=text("quality.command.judge"), epilog=_example(text, "judge --day 2026-03-01"))
    def judge(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        operator: str = _any_operator(text),
        when: datetime = _day(text),
        as_json: bool = json_option(text),
    ) -> None:
        day = work.day_of(when)

        async def act(watch: QualityWatch) -> list[Judgement]:
            names = [operator] if operator else sorted(watch.operators)
            return [await watch.judge(name, day) for name in names]

        made = _with_watch(text, data_dir, partner_file, as_json, act)
        if as_json:
            work.document([judged.as_document() for judged in made])
            return
        for judged in made:
            score = judged.score
            facts = {"total": score.total, "grade": score.grade, "findings": len(judged.findings)}
            typer.echo(text("quality.judged", operator=judged.operator_id, day=day, **facts))


def _recompute(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "recompute --operator 123456789 --day 2026-03-01")

    @app.command("recompute", help=text("quality.command.recompute"), epilog=shown)
    def recompute(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        operator: str = operator_option(text),
        when: datetime = _day(text),
        as_json: bool = json_option(text),
    ) -> None:
        day = work.day_of(when)
        same, kept, again = _with_watch(
            text, data_dir, partner_file, as_json, lambda watch: watch.recompute(operator, day)
        )
        digests = {"kept": sha256(kept).hexdigest(), "again": sha256(again).hexdigest()}
        if as_json:
            work.document({"same": same, **digests})
        elif same:
            typer.echo(text("quality.same", operator=operator, day=day, digest=digests["kept"]))
        else:
            typer.echo(text("quality.differs", operator=operator, day=day, **digests))
        if not same:
            raise typer.Exit(FAILED)


def _show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("quality.command.show"), epilog=_example(text, "show"))
    def show(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        operator: str = _any_operator(text),
        as_json: bool = json_option(text),
    ) -> None:
        rows = _with_watch(text, data_dir, partner_file, as_json, lambda watch: watch.store.days(operator or None))
        documents = [(row.day, json.loads(row.document)) for row in rows]
        if as_json:
            work.document([document for _, document in documents])
            return
        for day, document in documents:
            score = document["score"]
            facts = {"total": score["total"], "grade": score["grade"], "findings": document["finding_count"]}
            typer.echo(text("quality.judged", operator=document["operator_id"], day=day, **facts))


def _report(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "report --operator 123456789 --day 2026-03-01 --out day.html")

    @app.command("report", help=text("quality.command.report"), epilog=shown)
    def report(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        operator: str = operator_option(text),
        when: datetime = _day(text),
        out: Path = typer.Option(..., "--out", help=text("quality.option.out")),
        as_json: bool = json_option(text),
    ) -> None:
        write_report(text, data_dir, partner_file, operator, when, out, as_json)


def write_report(
    text: Text, data_dir: Path, partner_file: Path, operator: str, when: datetime, out: Path, as_json: bool
) -> None:
    """Write the page of an operator's judged day; `csms report quality` does the same."""
    day = work.day_of(when)

    async def act(watch: QualityWatch) -> str:
        from monitor.intake import keeper
        from monitor.quality.appeal import NotJudged

        row = await watch.store.day(operator, day)
        if row is None:
            raise NotJudged(f"{day} of {operator} was not judged")
        return await keeper.report(watch, row)

    work.save(text, out, _with_watch(text, data_dir, partner_file, as_json, act), as_json)
    typer.echo(json.dumps({"file": str(out)}) if as_json else text("quality.written", file=out))


def _alarms(app: typer.Typer, text: Text) -> None:
    @app.command("alarms", help=text("quality.command.alarms"), epilog=_example(text, "alarms"))
    def alarms(
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        every: bool = typer.Option(False, "--all", help=text("quality.option.all")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.quality.channels import document_of

        rows = _with_watch(text, data_dir, partner_file, as_json, lambda watch: watch.store.alarms(open_only=not every))
        documents = [document_of(row) for row in rows]
        if as_json:
            work.document(documents)
            return
        for row in documents:
            words = " ".join(filter(None, (text(f"quality.alarm.{row['name']}"), row["subject"], row["detail"])))
            state = text(f"quality.state.{row['state']}")
            typer.echo(
                f"{row['id']:>5}  {row['operator_id']}  {'!' * row['level']:3}  {state}  {row['raised_at']}  {words}"
            )
        if not documents:
            typer.echo(text("quality.no_alarms"))


def _acknowledge(app: typer.Typer, text: Text) -> None:
    @app.command(
        "acknowledge", help=text("quality.command.acknowledge"), epilog=_example(text, "acknowledge 3 --by Li")
    )
    def acknowledge(
        alarm: int = typer.Argument(..., help=text("quality.option.alarm")),
        data_dir: Path = data_dir_option(text),
        partner_file: Path = partner_file_option(text),
        by: str = typer.Option(..., "--by", help=text("quality.option.by")),
        as_json: bool = json_option(text),
    ) -> None:
        def act(watch: QualityWatch) -> Awaitable[bool]:
            return watch.store.acknowledge(alarm, by, watch.clock.now())

        if not _with_watch(text, data_dir, partner_file, as_json, act):
            work.fail(text("quality.no_alarm", alarm=alarm), FAILED, as_json, "no_alarm")
        typer.echo(json.dumps({"id": alarm}) if as_json else text("quality.acknowledged", alarm=alarm))
