"""`csms data rules`: what the rules of physics compare, and which of them judge the orders of each source."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table

from csms.texts import Text
from monitor.console import work
from monitor.console.work import json_option
from monitor.governance.rules.catalogue import NOT_JUDGED, PARTLY, RULE_SET, RULES, SOURCES, Rule


def mount(app: typer.Typer, text: Text) -> None:
    """The command."""

    @app.command("rules", help=text("data.rules.help"), epilog=work.example(text, "csms data rules"))
    def rules_(as_json: bool = json_option(text)) -> None:
        if as_json:
            work.document({"rule_set": RULE_SET, "rules": [_document(text, rule) for rule in RULES.values()]})
            return
        table = Table(title=RULE_SET)
        for name in ("rules.column_rule", "rules.column_means", "rules.column_severity"):
            table.add_column(text(f"data.{name}"))
        for source in SOURCES:
            table.add_column(text(f"data.rules.{source}"))
        for rule in RULES.values():
            judged = (said_of(text, source, rule.id) for source in SOURCES)
            table.add_row(rule.id, text(f"data.rule.{rule.id}"), str(int(rule.severity)), *judged)
        Console().print(table)


def said_of(text: Text, source: str, rule_id: str) -> str:
    """Whether a rule judges the orders of a source, and if not (or not all), why."""
    if why := NOT_JUDGED[source].get(rule_id):
        return text(f"data.rule_lacks.{why}")
    if (source, rule_id) in PARTLY:
        return text(f"data.rule_partly.{source}_{rule_id}")
    return text("data.rules.judged")


def named(text: Text, rule_id: str) -> str:
    """A rule by its id and what it compares."""
    return f"{rule_id} ({text(f'data.rule.{rule_id}')})"


def _document(text: Text, rule: Rule) -> dict[str, Any]:
    facts = {"id": rule.id, "means": text(f"data.rule.{rule.id}"), "subject": str(rule.subject), "unit": rule.unit}
    weight = {"weight": int(rule.severity), "dimension": str(rule.dimension)}
    return facts | weight | {source: said_of(text, source, rule.id) for source in SOURCES}
