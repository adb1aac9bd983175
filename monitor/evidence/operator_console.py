"""What an operator does with evidence: `csms evidence verify|keep|fetch`. `verify` and `keep` need the files only."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import typer
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.texts import Text
from monitor.console import work
from monitor.console.work import FAILED, UNREACHABLE, UNSURE, USAGE, json_option
from monitor.evidence.documents import EvidenceUnreadable, read_head, read_public
from monitor.evidence.files import HEADS, keep_head, read_document, read_export, read_heads
from monitor.evidence.judge import Finding, Verdict, judge_document, judge_export, judge_heads
from monitor.evidence.merkle import HashUnavailable

EXIT_CODES = {Finding.VERIFIED: 0, Finding.WRONG: FAILED, Finding.SIGNER_UNKNOWN: UNSURE, Finding.INCOMPLETE: UNSURE}
UNREADABLE = (EvidenceUnreadable, HashUnavailable, OSError, UnicodeError)
FETCHES_MAX = 1000


def _key_option(text: Text) -> Any:
    return typer.Option(None, "--key-file", help=text("evidence.option.key"))


def _into_option(text: Text) -> Any:
    return typer.Option(..., "--into", help=text("evidence.option.into"), file_okay=False)


def verify(app: typer.Typer, text: Text) -> None:
    """Mount the command."""
    shown = work.example(text, "csms evidence verify proof.json --key-file platform.pem")

    @app.command("verify", help=text("evidence.verify.help"), epilog=shown)
    def verify_(
        path: Path = typer.Argument(..., help=text("evidence.option.path")),
        key: Path | None = _key_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        try:
            verdict = _judged(path, _known(key))
        except UNREADABLE as fault:
            work.fail(text("evidence.unreadable", reason=str(fault)), FAILED, as_json, "unreadable")
        _tell(text, verdict, as_json)


def _known(key: Path | None) -> Ed25519PublicKey | None:
    return read_public(key.read_text(encoding="utf-8")) if key else None


def _judged(path: Path, known: Ed25519PublicKey | None) -> Verdict:
    if not path.is_dir():
        return judge_document(read_document(path), known)
    return judge_export(read_export(path), known) if (path / HEADS).exists() else judge_heads(read_heads(path), known)


def _tell(text: Text, verdict: Verdict, as_json: bool) -> None:
    if as_json:
        work.document(verdict.as_document())
    else:
        _tell_faults(text, verdict)
        facts = {"records": verdict.records, "days": ", ".join(verdict.days[:1] + verdict.days[1:][-1:])}
        missing = ", ".join(verdict.missing)
        typer.echo(text(f"evidence.finding.{verdict.finding}", name=verdict.key_id, missing=missing, **facts))
    if exit_code := EXIT_CODES[verdict.finding]:
        raise typer.Exit(exit_code)


def _tell_faults(text: Text, verdict: Verdict) -> None:
    for fault in verdict.faults:
        place = "-" if fault.place is None else fault.place
        typer.echo(text(f"evidence.fault.{fault.name}", place=place, day=fault.day or "-"), err=True)


def keep(app: typer.Typer, text: Text) -> None:
    """Mount the command."""
    shown = work.example(text, "csms evidence keep 2026-03-01.json --into heads --key-file platform.pem")

    @app.command("keep", help=text("evidence.keep.help"), epilog=shown)
    def keep_(
        file: Path = typer.Argument(..., help=text("evidence.option.head")),
        into: Path = _into_option(text),
        key: Path | None = _key_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        try:
            verdict = take_in(into, [read_document(file)], _known(key))
        except UNREADABLE as fault:
            work.fail(text("evidence.unreadable", reason=str(fault)), FAILED, as_json, "unreadable")
        _tell(text, verdict, as_json)


def take_in(into: Path, documents: Sequence[Mapping[str, Any]], known: Ed25519PublicKey | None) -> Verdict:
    """Keep new heads in a folder if they fit each other and those that are there, which are never changed. Raises
    EvidenceUnreadable, OSError."""
    verdict = judge_heads([*read_heads(into), *documents], known)
    if verdict.right:
        for document in documents:
            keep_head(into / f"{read_head(document).head.day}.json", document)
    return verdict


def fetch(app: typer.Typer, text: Text) -> None:
    """Mount the command."""
    command = "csms evidence fetch --url https://platform.example.cn --partner-file partners.toml --operator 123456789"

    @app.command("fetch", help=text("evidence.fetch.help"), epilog=work.example(text, f"{command} --into heads"))
    def fetch_(
        url: str = typer.Option(..., "--url", help=text("evidence.fetch.url")),
        partner_file: Path = typer.Option(..., "--partner-file", help=text("evidence.fetch.partner_file")),
        operator: str = work.operator_option(text),
        into: Path = _into_option(text),
        key: Path | None = _key_option(text),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.evidence.fetching import HeadsUnreachable

        client = _client(text, url, partner_file, operator, as_json)
        try:
            verdict = asyncio.run(_fetched(client, operator, into, _known(key)))
        except HeadsUnreachable as fault:
            work.fail(text("evidence.fetch.unreachable", reason=str(fault)), UNREACHABLE, as_json, fault.code)
        except UNREADABLE as fault:
            work.fail(text("evidence.unreadable", reason=str(fault)), FAILED, as_json, "unreadable")
        _tell(text, verdict, as_json)


def _client(text: Text, url: str, partner_file: Path, operator_id: str, as_json: bool) -> Any:
    from csms.province.client import Partner
    from monitor.evidence.fetching import HeadClient
    from monitor.intake.settings import read_partner_file

    found = work.read(text, partner_file, as_json, read_partner_file).operators.get(operator_id)
    if found is None or found.inbound is None:
        words = text("evidence.fetch.no_secrets", operator=operator_id, file=partner_file)
        work.fail(words, USAGE, as_json, "secrets_missing")
    try:
        partner = Partner("platform", found.profile, url, operator_id, found.inbound)
    except CsmsError as fault:
        work.fail(text("platform.cannot", reason=str(fault)), USAGE, as_json, fault.code)
    return HeadClient(partner, clock_from_environment())


async def _fetched(client: Any, operator_id: str, into: Path, known: Ed25519PublicKey | None) -> Verdict:
    """All heads after the newest one that is kept; each page is kept before the next is asked for."""
    try:
        for _ in range(FETCHES_MAX):
            kept = [read_head(document).head.day for document in read_heads(into)]
            found = await client.heads(max(kept, default=""))
            if not found:
                break
            if any(read_head(document).head.log != operator_id for document in found):
                raise EvidenceUnreadable(f"these are not the heads of {operator_id}")
            verdict = take_in(into, found, known)
            if not verdict.right:
                return verdict
    finally:
        await client.close()
    return judge_heads(read_heads(into), known)
