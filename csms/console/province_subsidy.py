"""`csms province subsidy rules|compute|check`: what a platform pays for charging, from its rules, scores and orders."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

import typer

from csms.console.client import path_segment
from csms.console.layout import Cell, Column
from csms.console.province_keys import partner_argument
from csms.console.work import FAILED, PARTLY, USAGE, Output, example, fail, group, json_option, output, url_option, work
from csms.security.files import write_whole
from csms.texts import Text

DAYS = ["%Y-%m-%d"]


def build(text: Text) -> typer.Typer:
    """The command group."""
    app = group(text, "province.subsidy")
    for mount in (_rules, _compute, _check):
        mount(app, text)
    return app


def _rules(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms province subsidy rules")

    @app.command("rules", help=text("province.subsidy.rules.help"), epilog=shown)
    def rules(as_json: bool = json_option(text)) -> None:
        from csms.province.subsidy_rules import shipped_rule, shipped_rules

        out, found = output(text, as_json), [shipped_rule(name) for name in shipped_rules()]
        if as_json:
            out.document({"rules": [rule.model_dump(mode="json") for rule in found]})
            return
        columns = [Column(text(f"province.subsidy.column.{name}"), whole=True) for name in ("rule", "state", "span")]
        columns += [Column(text("province.subsidy.column.authority")), Column(text("province.subsidy.column.note"))]
        rows: list[list[Cell]] = [
            [
                rule.id,
                text(f"province.subsidy.{rule.state}"),
                f"{rule.valid_from or ''} … {rule.valid_to or ''}",
                rule.authority,
                rule.note,
            ]
            for rule in found
        ]
        out.table(columns, rows)


def _compute(app: typer.Typer, text: Text) -> None:
    shown = example(
        text, "csms province subsidy compute city --rule beijing-2018 --from 2018-10-01 --to 2018-12-31 --grade A"
    )

    @app.command("compute", help=text("province.subsidy.compute.help"), epilog=shown)
    def compute(
        partner: str = partner_argument(text),
        rule: str = typer.Option(..., "--rule", help=text("province.subsidy.option.rule")),
        first: datetime = typer.Option(..., "--from", formats=DAYS, help=text("province.subsidy.option.first")),
        last: datetime = typer.Option(..., "--to", formats=DAYS, help=text("province.subsidy.option.last")),
        grade: str = typer.Option("", "--grade", help=text("province.subsidy.option.grade")),
        scores: Path | None = typer.Option(None, "--scores", help=text("province.subsidy.option.scores")),
        out_file: Path | None = typer.Option(None, "--out", help=text("province.subsidy.option.out")),
        send: bool = typer.Option(False, "--send", help=text("province.subsidy.option.send")),
        url: str = url_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        with work(text, url, as_json) as (api, out):
            body = {
                "rule": _rule(out, rule),
                "first_day": f"{first:%Y-%m-%d}",
                "last_day": f"{last:%Y-%m-%d}",
                "grade": grade,
                "scores": _read(out, scores) if scores else [],
                "send": send,
            }
            answer = api.post(f"/province/{path_segment(partner)}/subsidy", body)
            if out_file is not None:
                _save(out, out_file, answer["claim"])
            if as_json:
                out.document(answer)
            else:
                _show(out, answer["claim"])
                if send:
                    out.line(text("province.subsidy.sent", count=answer["sent"]))
            if answer["claim"]["result"]["refused"]:
                raise typer.Exit(PARTLY)


def _check(app: typer.Typer, text: Text) -> None:
    shown = example(text, "csms province subsidy check claim.json")

    @app.command("check", help=text("province.subsidy.check.help"), epilog=shown)
    def check(
        file: Path = typer.Argument(..., help=text("province.subsidy.option.file"), metavar="FILE"),
        as_json: bool = json_option(text),
    ) -> None:
        from csms.model.errors import CsmsError
        from csms.province.subsidy_document import recomputed

        out = output(text, as_json)
        document = _read(out, file)
        try:
            again = recomputed(document)
        except CsmsError as fault:
            fail(out, text("province.subsidy.unreadable", file=file, reason=str(fault)), USAGE)
        told, yuan = document["result"].get("yuan"), str(again.claim.yuan)
        if as_json:
            out.document({"same": again.same, "yuan": told, "recomputed_yuan": yuan, "sha256": document["sha256"]})
        else:
            out.line(text("province.subsidy.same" if again.same else "province.subsidy.differs", told=told, yuan=yuan))
        if not again.same:
            raise typer.Exit(FAILED)


def _rule(out: Output, rule: str) -> Any:
    """An id, or what stands in a file of one's own."""
    if not rule.endswith(".toml"):
        return rule
    from csms.province.subsidy_rules import RuleInvalid, rule_table

    try:
        return json.loads(json.dumps(rule_table(Path(rule)), default=str))
    except RuleInvalid as fault:
        fail(out, out.text("province.subsidy.unreadable", file=rule, reason=str(fault)), USAGE)


def _read(out: Output, path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as fault:
        fail(out, out.text("province.subsidy.unreadable", file=path, reason=str(fault)), USAGE)


def _save(out: Output, path: Path, claim: Any) -> None:
    try:
        write_whole(path, f"{json.dumps(claim, ensure_ascii=False, indent=2)}\n".encode(), 0o644)
    except OSError as fault:
        fail(out, out.text("province.subsidy.unreadable", file=path, reason=str(fault)), FAILED)


def _show(out: Output, claim: dict[str, Any]) -> None:
    text, inputs, result = out.text, claim["inputs"], claim["result"]
    names = ("connector", "power", "days", "energy", "cap", "operating", "annual", "why")
    columns = [
        Column(text(f"province.subsidy.column.{name}"), right=name not in ("connector", "why"), whole=name != "why")
        for name in names
    ]
    powers = {pile["connector"]: pile["power_kw"] for pile in inputs["piles"]}
    rows: list[list[Cell]] = [
        [
            share["pile"],
            powers[share["pile"]],
            str(share["days"]),
            share["energy_kwh"],
            share["cap_kwh"] or "",
            share["operating_yuan"],
            share["annual_yuan"],
            share["why"],
        ]
        for share in result["shares"]
    ]
    out.table(columns, rows)
    for fate, count in sorted(Counter(result["orders"].values()).items()):
        out.line(text(f"province.subsidy.fate.{fate}", count=count))
    for words in (*result["refused"], *result["warnings"]):
        out.line(text("province.subsidy.note", words=words))
    grade, score = result["grade"] or "-", result["score"] or "-"
    out.line(text("province.subsidy.total", yuan=result["yuan"], rule=inputs["rule"]["id"], grade=grade, score=score))
