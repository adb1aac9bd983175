"""`csms subsidy check|build|dossier|verify|status`: a declaration explained, checked, packed, verified and followed."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal, InvalidOperation
from pathlib import Path

import typer

from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, json_option
from monitor.subsidy import packing
from monitor.subsidy.explain import construction
from monitor.subsidy.fraud import Finding


def build(text: Text) -> typer.Typer:
    """The command group."""
    return work.group(text, "subsidy", (_check, _construction, *packing.MOUNTS))


def _check(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms subsidy check claim.json --ledger ledger.csv --bills bills.csv")

    @app.command("check", help=text("subsidy.check.help"), epilog=shown)
    def check(
        claim_file: Path = packing.claim_argument(text),
        ledger: Path | None = packing.ledger_option(text),
        bills: Path | None = packing.bills_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.subsidy.dossier import examined, noted

        document, given, entries, billed = packing.read_claim(text, claim_file, ledger, bills, as_json)
        claim = packing.recomputed_claim(text, document, claim_file, as_json)
        faults = [*(Finding("refused", "", words) for words in claim.refused), *examined(given, claim, entries, billed)]
        packing.tell(text, given, claim.yuan, faults, list(noted(given, billed, entries)), as_json)
        if faults:
            raise typer.Exit(FAILED)


def _construction(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms subsidy build shanghai-2016-public --kw 60 --invoice 90000")

    @app.command("build", help=text("subsidy.build.help"), epilog=shown)
    def construct(
        rule_name: str = typer.Argument(help=text("subsidy.build.rule"), metavar="RULE"),
        kw: str = typer.Option(..., "--kw", help=text("subsidy.build.kw")),
        invoice: str = typer.Option("", "--invoice", help=text("subsidy.build.invoice")),
        as_json: bool = json_option(text),
    ) -> None:
        from csms.province.subsidy_rules import build_rule, rule_table, shipped_rule

        try:
            power, paid = Decimal(kw), Decimal(invoice) if invoice else None
        except InvalidOperation:
            raise typer.BadParameter(text("subsidy.build.number")) from None
        path = Path(rule_name)
        rule = work.read(
            text, path, as_json, lambda _: build_rule(rule_table(path)) if path.suffix else shipped_rule(rule_name)
        )
        made = construction(rule, power, paid)
        if as_json:
            work.document([asdict(step) for step in made])
        else:
            packing.show(text, made)
        if made[-1].key != "build_total":
            raise typer.Exit(FAILED)
