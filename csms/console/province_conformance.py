"""`csms province conformance URL`: drive a platform's endpoint through the list of checks; needs no server."""

from __future__ import annotations

import asyncio
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from rich.text import Text as Styled

from csms.console import units
from csms.console.layout import Column
from csms.console.work import FAILED, PARTLY, USAGE, Output, example, fail, json_option, output
from csms.model.clock import system_clock
from csms.model.errors import CsmsError
from csms.texts import Text

if TYPE_CHECKING:
    from csms.province.client import Partner
    from csms.province.conformance import Finding
    from csms.province.crypto import Secrets


def mount(app: typer.Typer, text: Text) -> None:
    """Add the command."""
    shown = "csms province conformance https://platform.example.cn --operator-id 123456789 --keys secrets.toml"

    @app.command("conformance", help=text("province.conformance.help"), epilog=example(text, shown))
    def conformance(
        address: str = typer.Argument(help=text("province.conformance.address"), metavar="URL"),
        operator_id: str = typer.Option(..., "--operator-id", help=text("province.conformance.operator")),
        keys: Path = typer.Option(..., "--keys", help=text("province.conformance.keys")),
        profile: str = typer.Option("tcec102-2016", "--profile", help=text("province.conformance.profile")),
        orders: bool = typer.Option(True, "--orders/--no-orders", help=text("province.conformance.orders")),
        report: Path | None = typer.Option(None, "--report", help=text("province.conformance.report")),
        as_json: bool = json_option(text),
    ) -> None:
        out = output(text, as_json)
        try:
            partner, secrets = _partner(address, operator_id, profile, keys)
        except (CsmsError, OSError, ValueError) as fault:
            fail(out, text("province.conformance.cannot", reason=str(fault)), USAGE)
        _examine(text, out, partner, secrets, orders, report)


def _partner(address: str, operator_id: str, profile: str, keys: Path) -> tuple[Partner, Secrets]:
    from csms.province.client import Partner
    from csms.province.keys import secrets_of
    from csms.province.profile import load_profile

    secrets = secrets_of(tomllib.loads(keys.read_text("utf-8")))
    return Partner("conformance", load_profile(profile), address, operator_id, secrets), secrets


def _examine(text: Text, out: Output, partner: Partner, secrets: Secrets, orders: bool, report: Path | None) -> None:
    from csms.province import conformance

    clock = system_clock()
    findings = asyncio.run(conformance.examine(partner, secrets, clock, orders=orders))
    _show(text, out, findings)
    try:
        if report is not None:
            report.write_text(conformance.report(partner, findings, clock.now()), "utf-8")
    except OSError as fault:
        fail(out, text("province.conformance.not_written", reason=str(fault)), FAILED)
    if not all(finding.passed for finding in findings):
        raise typer.Exit(PARTLY if any(finding.passed for finding in findings) else FAILED)


def _show(text: Text, out: Output, findings: list[Finding]) -> None:
    if out.as_json:
        names = ("name", "section", "passed", "wanted", "seen")
        out.document({"findings": [{name: getattr(one, name) for name in names} for one in findings]})
        return
    titles = ("check", "section", "wanted", "seen", "passed")
    columns = [Column(text(f"province.column.{title}"), whole=title in ("check", "passed")) for title in titles]
    good, bad = Styled(text("province.conformance.yes"), units.GOOD), Styled(text("province.conformance.no"), units.BAD)
    out.table(columns, [[f.name, f.section, f.wanted, f.seen, good if f.passed else bad] for f in findings])
