"""`csms monitor quality`: judge, recompute (for an appeal), show, report, alarms. Works on the platform's database."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import typer

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError

Text = Callable[..., str]
FAILED = 1
USAGE = 2


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = typer.Typer(help=text("quality.help"), no_args_is_help=True, add_completion=False)
    for mount in (_judge, _recompute, _show, _report, _alarms, _acknowledge):
        mount(app, text)
    return app


def _example(text: Text, command: str) -> str:
    return text("console.example", command=f"csms monitor quality {command} --data-dir d --partner-file partners.toml")


def _data_dir(text: Text) -> Any:
    return typer.Option(..., "--data-dir", help=text("intake.data_dir"))


def _partner_file(text: Text) -> Any:
    return typer.Option(..., "--partner-file", help=text("intake.partner_file"))


def _operator(text: Text) -> Any:
    return typer.Option("", "--operator", help=text("quality.option.operator"))


def _day(text: Text) -> Any:
    return typer.Option(..., "--day", help=text("quality.option.day"), metavar="YYYY-MM-DD")


def _json(text: Text) -> Any:
    return typer.Option(False, "--json", help=text("quality.option.json"))


def _with_watch(text: Text, data_dir: Path, partner_file: Path, act: Callable[[Any], Awaitable[Any]]) -> Any:
    """Open the platform's database, act, close; a fault is one sentence."""
    from monitor.intake.settings import read_partner_file
    from monitor.quality.service import QualityWatch
    from monitor.quality.settings import read_watch
    from monitor.store.intake import FILE_NAME, open_intake

    async def run() -> Any:
        settings = read_partner_file(partner_file)
        watched, _ = read_watch(partner_file, settings)
        store = await open_intake(data_dir)
        try:
            return await act(QualityWatch(store.quality, store.evidence, clock_from_environment(), watched))
        finally:
            await store.close()

    if not (data_dir / FILE_NAME).is_file():
        _fail(text("evidence.no_database", folder=data_dir), USAGE)
    try:
        return asyncio.run(run())
    except (CsmsError, OSError, ValueError) as fault:
        _fail(text("quality.cannot", reason=str(fault)), FAILED)


def _fail(words: str, code: int) -> None:
    typer.echo(words, err=True)
    raise typer.Exit(code)


def _judge(app: typer.Typer, text: Text) -> None:
    @app.command("judge", help=text("quality.command.judge"), epilog=_example(text, "judge --day 2026-03-01"))
    def judge(
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        operator: str = _operator(text),
        day: str = _day(text),
        as_json: bool = _json(text),
    ) -> None:
        async def act(watch: Any) -> list[Any]:
            names = [operator] if operator else sorted(watch.operators)
            return [await watch.judge(name, day) for name in names]

        for judged in _with_watch(text, data_dir, partner_file, act):
            if as_json:
                typer.echo(json.dumps(judged.as_document()))
            else:
                score = judged.score
                facts = {"total": score.total, "grade": score.grade, "findings": len(judged.findings)}
                typer.echo(text("quality.judged", operator=judged.operator_id, day=day, **facts))


def _recompute(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "recompute --operator 123456789 --day 2026-03-01")

    @app.command("recompute", help=text("quality.command.recompute"), epilog=shown)
    def recompute(
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        operator: str = typer.Option(..., "--operator", help=text("quality.option.operator")),
        day: str = _day(text),
        as_json: bool = _json(text),
    ) -> None:
        same, kept, again = _with_watch(text, data_dir, partner_file, lambda watch: watch.recompute(operator, day))
        digests = {"kept": sha256(kept).hexdigest(), "again": sha256(again).hexdigest()}
        if as_json:
            typer.echo(json.dumps({"same": same, **digests}))
        elif same:
            typer.echo(text("quality.same", operator=operator, day=day, digest=digests["kept"]))
        else:
            typer.echo(text("quality.differs", operator=operator, day=day, **digests))
        if not same:
            raise typer.Exit(FAILED)


def _show(app: typer.Typer, text: Text) -> None:
    @app.command("show", help=text("quality.command.show"), epilog=_example(text, "show"))
    def show(
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        operator: str = _operator(text),
        as_json: bool = _json(text),
    ) -> None:
        rows = _with_watch(text, data_dir, partner_file, lambda watch: watch.store.days(operator or None))
        documents = [(row.day, json.loads(row.document)) for row in rows]
        if as_json:
            typer.echo(json.dumps([document for _, document in documents]))
            return
        for day, document in documents:
            score = document["score"]
            facts = {"total": score["total"], "grade": score["grade"], "findings": document["finding_count"]}
            typer.echo(text("quality.judged", operator=document["operator_id"], day=day, **facts))


def _report(app: typer.Typer, text: Text) -> None:
    shown = _example(text, "report --operator 123456789 --day 2026-03-01 --out day.html")

    @app.command("report", help=text("quality.command.report"), epilog=shown)
    def report(
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        operator: str = typer.Option(..., "--operator", help=text("quality.option.operator")),
        day: str = _day(text),
        out: Path = typer.Option(..., "--out", help=text("quality.option.out")),
        as_json: bool = _json(text),
    ) -> None:
        async def act(watch: Any) -> str:
            from monitor.intake import keeper
            from monitor.quality.service import NotJudged

            row = await watch.store.day(operator, day)
            if row is None:
                raise NotJudged(f"{day} of {operator} was not judged")
            return await keeper.report(watch, row)

        out.write_text(_with_watch(text, data_dir, partner_file, act), encoding="utf-8")
        typer.echo(json.dumps({"file": str(out)}) if as_json else text("quality.written", file=out))


def _alarms(app: typer.Typer, text: Text) -> None:
    @app.command("alarms", help=text("quality.command.alarms"), epilog=_example(text, "alarms"))
    def alarms(
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        every: bool = typer.Option(False, "--all", help=text("quality.option.all")),
        as_json: bool = _json(text),
    ) -> None:
        from monitor.quality.channels import document_of

        rows = _with_watch(text, data_dir, partner_file, lambda watch: watch.store.alarms(open_only=not every))
        documents = [document_of(row) for row in rows]
        if as_json:
            typer.echo(json.dumps(documents))
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
        data_dir: Path = _data_dir(text),
        partner_file: Path = _partner_file(text),
        by: str = typer.Option(..., "--by", help=text("quality.option.by")),
        as_json: bool = _json(text),
    ) -> None:
        def act(watch: Any) -> Awaitable[bool]:
            return watch.store.acknowledge(alarm, by, watch.clock.now())  # type: ignore[no-any-return]

        if not _with_watch(text, data_dir, partner_file, act):
            _fail(text("quality.no_alarm", alarm=alarm), FAILED)
        typer.echo(json.dumps({"id": alarm}) if as_json else text("quality.acknowledged", alarm=alarm))
