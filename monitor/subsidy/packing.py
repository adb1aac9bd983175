"""The commands of `csms subsidy` that pack a dossier, verify it and follow it; and what they share with the others."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import typer

from csms.model.clock import clock_from_environment
from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.subsidy import Claim, Inputs
from csms.province.subsidy_document import ClaimUnreadable, read_inputs, recomputed
from csms.texts import Text, catalogue
from monitor.console import work
from monitor.console.work import FAILED, UNSURE, json_option
from monitor.evidence.judge import Finding as Result
from monitor.subsidy.explain import Step, steps
from monitor.subsidy.fraud import Finding
from monitor.subsidy.papers import Bill, Entry, entries_of, nameless, read_bills, read_ledger
from monitor.subsidy.report import render, words_of
from monitor.subsidy.states import Mark, State, check_move, read_journal

JOURNAL = ".journal"
FILE_BYTES_MAX = 1 << 30


def claim_argument(text: Text) -> Any:
    """The claim."""
    return typer.Argument(help=text("subsidy.option.claim"), metavar="CLAIM")


def ledger_option(text: Text) -> Any:
    """`--ledger`."""
    return typer.Option(None, "--ledger", help=text("subsidy.option.ledger"))


def bills_option(text: Text) -> Any:
    """`--bills`."""
    return typer.Option(None, "--bills", help=text("subsidy.option.bills"))


def read_claim(
    text: Text, claim: Path, ledger: Path | None, bills: Path | None, as_json: bool
) -> tuple[dict[str, Any], Inputs, tuple[Entry, ...], tuple[Bill, ...]]:
    """A claim with its papers; what cannot be read is wrong usage."""
    document = work.read(text, claim, as_json, _object)
    given = work.read(text, claim, as_json, lambda _: _inputs(document))
    entries = work.read(text, ledger, as_json, lambda p: read_ledger(p.read_text("utf-8"))) if ledger else None
    billed = work.read(text, bills, as_json, lambda p: read_bills(p.read_text("utf-8"))) if bills else ()
    if entries is None:
        entries = work.read(text, claim, as_json, lambda _: entries_of(given, document.get("ledger")))
    return document, given, entries, billed


def _object(path: Path) -> dict[str, Any]:
    try:
        return strict_json.parse_object(path.read_bytes(), FILE_BYTES_MAX)
    except strict_json.JsonRefused as fault:
        raise ClaimUnreadable(f"{path}: {fault}") from None


def _inputs(document: Mapping[str, Any]) -> Inputs:
    recomputed(document)  # raises for what is no claim
    return read_inputs(document["inputs"])


def recomputed_claim(text: Text, document: Mapping[str, Any], path: Path, as_json: bool) -> Claim:
    """The claim computed again; one whose document says something else is no basis for anything."""
    again = recomputed(document)
    if not again.same:
        words = text("subsidy.finding.claim_differs", subject=path, detail=str(again.claim.yuan))
        work.fail(words, FAILED, as_json, "claim_differs")
    return again.claim


def show(text: Text, made: Iterable[Step]) -> None:
    """Steps, a line each."""
    for step in made:
        subject = f"{step.subject}  " if step.subject else ""
        typer.echo(subject + text(f"subsidy.step.{step.key}", **step.values))


def tell(
    text: Text, given: Inputs, yuan: Decimal, faults: Sequence[Finding], notes: Sequence[Finding], as_json: bool
) -> None:
    """Steps and findings."""
    made = steps(given)
    if as_json:
        told = {"faults": [asdict(one) for one in faults], "notes": [asdict(one) for one in notes]}
        work.document({"yuan": str(yuan), **told, "steps": [asdict(step) for step in made]})
        return
    show(text, made)
    for one in notes:
        typer.echo(text("subsidy.note", words=words_of(one, text)))
    for one in faults:
        typer.echo(text("subsidy.fault", words=words_of(one, text)), err=True)
    if not faults:
        typer.echo(text("subsidy.clean"))


def _dossier(app: typer.Typer, text: Text) -> None:
    shown = work.example(
        text,
        "csms subsidy dossier claim.json --ledger ledger.csv --bills bills.csv --key-dir d --out q1.zip",
    )

    @app.command("dossier", help=text("subsidy.dossier.help"), epilog=shown)
    def dossier(
        claim_file: Path = claim_argument(text),
        ledger: Path | None = ledger_option(text),
        bills: Path | None = bills_option(text),
        quality: Path | None = typer.Option(None, "--quality", help=text("subsidy.option.quality")),
        proofs: Path | None = typer.Option(None, "--proofs", help=text("subsidy.option.proofs")),
        papers: list[str] = typer.Option([], "--paper", help=text("subsidy.option.paper"), metavar="NAME=FILE"),
        profile: str = typer.Option("tcec102-2016", "--profile", help=text("subsidy.option.profile")),
        key_dir: Path = typer.Option(..., "--key-dir", help=text("subsidy.option.key_dir")),
        out: Path = typer.Option(..., "--out", help=text("subsidy.option.out")),
        as_json: bool = json_option(text),
    ) -> None:
        from monitor.subsidy.dossier import Material

        document, given, entries, billed = read_claim(text, claim_file, ledger, bills, as_json)
        published = work.read(text, quality, as_json, lambda p: json.loads(p.read_text("utf-8"))) if quality else []
        proved = work.read(text, proofs, as_json, _proofs) if proofs else []
        material = Material(
            document, nameless(entries), billed, published, proved, _papers(text, papers, as_json), profile
        )
        _pack(text, material, given, key_dir, out, as_json)


def _proofs(folder: Path) -> list[dict[str, Any]]:
    return [_object(path) for path in sorted(folder.glob("*.json"))]


def _papers(text: Text, given: Sequence[str], as_json: bool) -> dict[str, tuple[str, bytes]]:
    found = {}
    for number, one in enumerate(given, 1):
        name, equals, file = one.partition("=")
        if not equals:
            raise typer.BadParameter(text("subsidy.option.paper"), param_hint="--paper")
        path = Path(file)
        found[name] = (f"{number:02}-{path.name}", work.read(text, path, as_json, Path.read_bytes))
    return found


def _pack(text: Text, material: Any, given: Inputs, key_dir: Path, out: Path, as_json: bool) -> None:
    from monitor.evidence.files import private_key
    from monitor.subsidy.archive import write_archive
    from monitor.subsidy.dossier import REPORT, content, judged, sealed

    try:
        key, now = private_key(key_dir), clock_from_environment().now()
        files = content(material)
        first = judged(sealed(files, material, key, now))
        page = render(given, first.claim, first.faults, first.notes, catalogue("zh"), catalogue("en"))
        whole = sealed(files | {REPORT: page.encode()}, material, key, now)
        write_archive(out, whole)
        mark = Mark(State.PREPARED, now, sha256(out.read_bytes()).hexdigest())
        journal = out.with_name(out.name + JOURNAL)
        if not journal.exists():
            journal.write_text(mark.line() + "\n", encoding="utf-8")
    except (CsmsError, OSError, ValueError) as fault:
        work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
    if as_json:
        work.document({"file": str(out), "yuan": str(first.claim.yuan), "right": first.right, "files": len(whole)})
    else:
        typer.echo(text("subsidy.packed", file=out, count=len(whole), yuan=first.claim.yuan))
        _findings(text, first.faults, first.notes)
    if not first.right:
        raise typer.Exit(FAILED)


def _findings(text: Text, faults: Iterable[Finding], notes: Iterable[Finding]) -> None:
    for one in notes:
        typer.echo(text("subsidy.note", words=words_of(one, text)))
    for one in faults:
        typer.echo(text("subsidy.fault", words=words_of(one, text)), err=True)


def _verify(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms subsidy verify q1.zip --key-file operator.pem --platform-key platform.pem")

    @app.command("verify", help=text("subsidy.verify.help"), epilog=shown)
    def verify(
        file: Path = typer.Argument(help=text("subsidy.option.dossier"), metavar="DOSSIER"),
        key_file: Path | None = typer.Option(None, "--key-file", help=text("subsidy.option.key_file")),
        platform_key: Path | None = typer.Option(None, "--platform-key", help=text("subsidy.option.platform_key")),
        earlier: list[Path] = typer.Option([], "--earlier", help=text("subsidy.option.earlier")),
        as_json: bool = json_option(text),
    ) -> None:
        found = _judged(text, file, key_file, platform_key, as_json)
        found = _beside(text, found, earlier, as_json)
        known = found.signer_known and (platform_key is not None or not found.proved)
        finding = (Result.VERIFIED if known else Result.SIGNER_UNKNOWN) if found.right else Result.WRONG
        if as_json:
            told = {"faults": [asdict(one) for one in found.faults], "notes": [asdict(one) for one in found.notes]}
            facts = {"verdict": finding, "yuan": str(found.claim.yuan), "right": found.right, "signer": found.signer}
            work.document(
                facts | {"signer_known": found.signer_known, "proved": found.proved, "used": found.used} | told
            )
        else:
            _findings(text, found.faults, found.notes)
            typer.echo(
                text("subsidy.signer_known" if found.signer_known else "subsidy.signer_along", name=found.signer)
            )
            if found.right:
                words = "subsidy.right" if known else "subsidy.consistent"
                typer.echo(text(words, yuan=found.claim.yuan, proved=found.proved, used=found.used))
        if finding is not Result.VERIFIED:
            raise typer.Exit(FAILED if finding is Result.WRONG else UNSURE)


def _judged(text: Text, file: Path, key_file: Path | None, platform_key: Path | None, as_json: bool) -> Any:
    from monitor.evidence.documents import read_public
    from monitor.subsidy.archive import read_archive
    from monitor.subsidy.dossier import judged

    keys = [
        work.read(text, path, as_json, lambda p: read_public(p.read_text("utf-8"))) if path else None
        for path in (key_file, platform_key)
    ]
    return work.read(text, file, as_json, lambda path: judged(read_archive(path), *keys))


def _beside(text: Text, found: Any, earlier: Sequence[Path], as_json: bool) -> Any:
    """The judgement with what earlier dossiers claimed already."""
    from monitor.subsidy.archive import read_archive
    from monitor.subsidy.dossier import claimed_before

    others = {path.name: work.read(text, path, as_json, read_archive) for path in earlier}
    twice = work.read(text, Path(), as_json, lambda _: tuple(claimed_before(found.given, found.claim, others)))
    return replace(found, faults=(*found.faults, *twice))


def _status(app: typer.Typer, text: Text) -> None:
    shown = work.example(text, "csms subsidy status q1.zip --to submitted --note 'by the portal, no. 4711'")

    @app.command("status", help=text("subsidy.status.help"), epilog=shown)
    def status(
        file: Path = typer.Argument(help=text("subsidy.option.dossier"), metavar="DOSSIER"),
        to: State | None = typer.Option(None, "--to", help=text("subsidy.status.to")),
        note: str = typer.Option("", "--note", help=text("subsidy.status.note")),
        as_json: bool = json_option(text),
    ) -> None:
        journal = file.with_name(file.name + JOURNAL)
        marks = work.read(text, journal, as_json, lambda path: read_journal(path.read_text("utf-8")))
        if to is not None:
            mark = Mark(to, clock_from_environment().now(), "", note)
            try:
                check_move(marks, to)
                if to is State.SUBMITTED and not _judged(text, file, None, None, as_json).right:
                    work.fail(text("subsidy.status.not_right"), FAILED, as_json, "not_right")
                mark = Mark(to, mark.at, sha256(file.read_bytes()).hexdigest(), note)
                with journal.open("a", encoding="utf-8") as out:
                    out.write(mark.line() + "\n")
            except (CsmsError, OSError) as fault:
                work.fail(text("platform.cannot", reason=str(fault)), FAILED, as_json, getattr(fault, "code", "failed"))
            marks.append(mark)
        if as_json:
            work.document([asdict(one) | {"at": one.at.isoformat()} for one in marks])
            return
        for one in marks:
            state = text(f"subsidy.state.{one.state}")
            typer.echo(f"{one.at:%Y-%m-%d %H:%M}  {state}  {one.sha256[:12]}  {one.note}")


MOUNTS = (_dossier, _verify, _status)
