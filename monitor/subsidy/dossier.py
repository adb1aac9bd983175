"""A declaration with its evidence as named files, and its judgement with nothing else at hand. Pure: bytes in and out.

manifest.json    form, what is claimed, SHA-256 and size of every other file     manifest.sig    Ed25519 over it
public-key.pem   of who signed       claim.json   the claim with its inputs       ledger.csv, bills.csv
quality.json     published scores    proofs/…     inclusion proofs of orders      papers/…        what the rule requires
report.html      the same for people
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from hashlib import sha256
from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from csms.model.errors import CsmsError
from csms.province import strict_json
from csms.province.profile import Kind, load_profile
from csms.province.subsidy import USED, Claim, Inputs
from csms.province.subsidy_document import read_inputs, recomputed, scores_of
from csms.province.subsidy_rules import Rule, shipped_rule, shipped_rules
from monitor.evidence.documents import EvidenceUnreadable, key_id, public_pem, read_public
from monitor.evidence.judge import judge_document
from monitor.evidence.merkle import HashUnavailable
from monitor.quality.observed import Observation, Order, read_all
from monitor.subsidy.fraud import Finding, findings, unbilled_days
from monitor.subsidy.papers import Bill, Entry, read_bills, read_ledger, write_bills, write_ledger

FORM = "csms subsidy dossier 1"
SIGNED = b"csms subsidy dossier 1\n"
MANIFEST, SIGNATURE, KEY = "manifest.json", "manifest.sig", "public-key.pem"
CLAIM, LEDGER, BILLS, QUALITY, REPORT = "claim.json", "ledger.csv", "bills.csv", "quality.json", "report.html"
PROOFS, PAPERS = "proofs/", "papers/"
Files = Mapping[str, bytes]


class DossierUnreadable(CsmsError):
    """A file is no dossier of a declaration."""

    code = "subsidy_dossier_unreadable"


@dataclass(frozen=True, slots=True)
class Material:
    """What a dossier is made of. `papers`: files by the name of what the rule requires."""

    claim: Mapping[str, Any]
    entries: Sequence[Entry]
    bills: Sequence[Bill] = ()
    quality: Sequence[Any] = ()
    proofs: Sequence[Mapping[str, Any]] = ()
    papers: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)
    profile: str = "tcec102-2016"


@dataclass(frozen=True, slots=True)
class Judgement:
    """`faults`: it must not be paid on; `notes`: what a person should know; `proved` of `used` orders have a proof."""

    claim: Claim
    given: Inputs
    signer: str
    signer_known: bool
    faults: tuple[Finding, ...]
    notes: tuple[Finding, ...]
    used: int
    proved: int

    @property
    def right(self) -> bool:
        """Whether nothing speaks against it."""
        return not self.faults


def content(material: Material) -> dict[str, bytes]:
    """The files of a dossier but for report, manifest and signature."""
    files = {CLAIM: _json(material.claim), LEDGER: write_ledger(material.entries).encode()}
    if material.bills:
        files[BILLS] = write_bills(material.bills).encode()
    if material.quality:
        files[QUALITY] = _json(list(material.quality))
    for number, proof in enumerate(material.proofs, 1):
        files[f"{PROOFS}{number:06}.json"] = strict_json.write(dict(proof))
    for name, paper in material.papers.values():
        files[PAPERS + name] = paper
    return files


def sealed(files: Files, material: Material, key: Ed25519PrivateKey, made_at: datetime) -> dict[str, bytes]:
    """The files with their signed manifest."""
    table = {
        "form": FORM,
        "made_at": made_at.isoformat(),
        "profile": material.profile,
        "claim_sha256": material.claim.get("sha256", ""),
        "papers": {required: PAPERS + name for required, (name, _) in material.papers.items()},
        "files": {name: {"sha256": sha256(raw).hexdigest(), "bytes": len(raw)} for name, raw in sorted(files.items())},
        "key_id": key_id(key.public_key()),
    }
    manifest = strict_json.canonical(table)
    signature = b64encode(key.sign(SIGNED + manifest))
    return {**files, MANIFEST: manifest, SIGNATURE: signature, KEY: public_pem(key.public_key()).encode()}


def judged(files: Files, signer: Ed25519PublicKey | None = None, platform: Ed25519PublicKey | None = None) -> Judgement:
    """Judge a dossier by its files alone; keys that are known from elsewhere count instead of those that came along.

    Raises DossierUnreadable.
    """
    manifest = _manifest(files)
    faults = list(_seal_faults(files, manifest, signer))
    claim_document = _object(files, CLAIM)
    try:
        again = recomputed(claim_document)
        given = read_inputs(claim_document["inputs"])
        entries, bills = read_ledger(_text(files, LEDGER)), read_bills(_text(files, BILLS)) if BILLS in files else ()
        proofs = _proofs(files, manifest, platform)
    except (CsmsError, EvidenceUnreadable, HashUnavailable) as fault:
        raise DossierUnreadable(str(fault)) from None
    if not again.same:
        faults.append(Finding("claim_differs", CLAIM, f"{claim_document['result'].get('yuan')}, {again.claim.yuan}"))
    faults += [Finding("refused", "", words) for words in again.claim.refused]
    faults += examined(given, again.claim, entries, bills)
    faults += _proof_faults(given, again.claim, proofs)
    faults += _paper_faults(given, files, manifest)
    faults += _quality_faults(given, files)
    used = {number for number, fate in again.claim.orders.items() if fate == USED}
    proved = len(used & {proof.order.id for proof in proofs if proof.right and proof.order is not None})
    faults += _rule_faults(given)
    notes = [*_rule_notes(given), *noted(given, bills, entries), *_proof_notes(len(used), proved)]
    name = key_id(signer) if signer else str(manifest.get("key_id"))
    return Judgement(again.claim, given, name, signer is not None, tuple(faults), tuple(notes), len(used), proved)


def examined(given: Inputs, claim: Claim, entries: Sequence[Entry], bills: Sequence[Bill]) -> list[Finding]:
    """Fraud checks of the ledger, and whether the claim says the same as it."""
    return [*findings(entries, given.piles, bills), *_ledger_faults(given, claim, entries)]


def claimed_before(given: Inputs, claim: Claim, earlier: Mapping[str, Files]) -> Iterator[Finding]:
    """Orders that count here and counted in an earlier dossier by the same rule; `earlier`: dossiers by name. Raises
    DossierUnreadable.
    """
    used = {number for number, fate in claim.orders.items() if fate == USED}
    for name, files in earlier.items():
        document = _object(files, CLAIM)
        try:
            again, before = recomputed(document), read_inputs(document["inputs"])
        except CsmsError as fault:
            raise DossierUnreadable(f"{name}: {fault}") from None
        if before.rule.id == given.rule.id:
            counted = {number for number, fate in again.claim.orders.items() if fate == USED}
            yield from (Finding("claimed_before", number, name) for number in sorted(used & counted))


def noted(given: Inputs, bills: Sequence[Bill], entries: Sequence[Entry]) -> Iterator[Finding]:
    """What no check could look at."""
    for station in dict.fromkeys(pile.station for pile in given.piles):
        missing = unbilled_days(station, given.first_day, given.last_day, bills)
        if missing:
            yield Finding("no_bill", station, str(missing))
    nameless = sum(not entry.vehicle for entry in entries)
    if nameless:
        yield Finding("no_vehicles", "", f"{nameless}/{len(entries)}")
    unread = sum(entry.meter_start_kwh is None or entry.meter_stop_kwh is None for entry in entries)
    if unread:
        yield Finding("no_meters", "", f"{unread}/{len(entries)}")


def _ledger_faults(given: Inputs, claim: Claim, entries: Sequence[Entry]) -> Iterator[Finding]:
    known = {entry.order: entry for entry in entries}
    for order in given.orders:
        if claim.orders[order.number] != USED:
            continue
        entry = known.get(order.number)
        if entry is None:
            yield Finding("not_in_ledger", order.number, "")
        elif (entry.connector, entry.start, entry.end, entry.energy_kwh) != (
            order.connector,
            order.start,
            order.end,
            order.energy_kwh,
        ):
            yield Finding("ledger_differs", order.number, f"{order.energy_kwh} kWh, {entry.energy_kwh} kWh")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof of an order: whether it is right, by whose key, and the order in it (None: it proves something else)."""

    name: str
    right: bool
    order: Order | None


def _proofs(files: Files, manifest: Mapping[str, Any], known: Ed25519PublicKey | None) -> list[Proof]:
    try:
        profile = load_profile(str(manifest.get("profile", "")))
    except CsmsError as fault:
        raise DossierUnreadable(str(fault)) from None
    found = []
    for name in sorted(name for name in files if name.startswith(PROOFS)):
        document = _object(files, name)
        verdict = judge_document(document, known)
        orders: Sequence[Order] = ()
        record = strict_json.parse_object(str(document.get("record", "{}")))
        if record.get("kind") == Kind.CHARGE_ORDER and isinstance(record.get("body"), dict):
            at = datetime.fromisoformat(str(record["at"]))
            orders = read_all(profile, [Observation(at, Kind.CHARGE_ORDER, record["body"])]).orders
        found.append(Proof(name, verdict.right, orders[0] if orders else None))
    return found


def _proof_faults(given: Inputs, claim: Claim, proofs: Sequence[Proof]) -> Iterator[Finding]:
    claimed = {order.number: order for order in given.orders}
    for proof in proofs:
        if not proof.right:
            yield Finding("proof_wrong", proof.name, "")
        elif proof.order is None or proof.order.id not in claimed:
            yield Finding("proof_of_nothing", proof.name, "")
        elif proof.order.energy_kwh is None or proof.order.energy_kwh < claimed[proof.order.id].energy_kwh:
            detail = f"{proof.order.energy_kwh} kWh, {claimed[proof.order.id].energy_kwh} kWh"
            yield Finding("proof_differs", proof.order.id, detail)


def _known_rule(given: Inputs) -> Rule | None:
    """The rule of this name that comes with the program; an empty form is none."""
    known = shipped_rule(given.rule.id) if given.rule.id in shipped_rules() else None
    return known if known is not None and known.state == "public" else None


def _rule_faults(given: Inputs) -> Iterator[Finding]:
    """The rule came along with the claim: one of a name that everybody knows has to be that one."""
    known = _known_rule(given)
    if known is not None and known != given.rule:
        yield Finding("rule_differs", given.rule.id, "")


def _rule_notes(given: Inputs) -> Iterator[Finding]:
    if _known_rule(given) is None:
        yield Finding("rule_along", given.rule.id, given.rule.source)


def _proof_notes(used: int, proved: int) -> Iterator[Finding]:
    if proved < used:
        yield Finding("unproved", "", f"{used - proved}/{used}")


def _paper_faults(given: Inputs, files: Files, manifest: Mapping[str, Any]) -> Iterator[Finding]:
    papers = manifest.get("papers", {})
    for required in given.rule.requires:
        if not isinstance(papers, dict) or papers.get(required) not in files:
            yield Finding("paper_missing", required, "")


def _quality_faults(given: Inputs, files: Files) -> Iterator[Finding]:
    if QUALITY not in files:
        if given.scores:
            yield Finding("scores_unshown", "", str(len(given.scores)))
        return
    published = {score.day: score for score in scores_of(json.loads(files[QUALITY], parse_float=Decimal))}
    for score in given.scores:
        if published.get(score.day) is None or published[score.day].total != score.total:
            yield Finding("scores_differ", score.day.isoformat(), str(score.total))


def _manifest(files: Files) -> dict[str, Any]:
    manifest = _object(files, MANIFEST)
    if manifest.get("form") != FORM or not isinstance(manifest.get("files"), dict):
        raise DossierUnreadable(f"the form is {manifest.get('form')!r}, not {FORM!r}")
    return manifest


def _seal_faults(files: Files, manifest: Mapping[str, Any], signer: Ed25519PublicKey | None) -> Iterator[Finding]:
    try:
        key = signer or read_public(_text(files, KEY))
        key.verify(b64decode(files.get(SIGNATURE, b""), validate=True), SIGNED + files[MANIFEST])
    except (InvalidSignature, EvidenceUnreadable, ValueError):
        yield Finding("signature", MANIFEST, "")
    listed = manifest["files"]
    for name in sorted(files.keys() - {MANIFEST, SIGNATURE, KEY} | listed.keys()):
        if name not in listed:
            yield Finding("file_added", name, "")
        elif name not in files:
            yield Finding("file_missing", name, "")
        elif sha256(files[name]).hexdigest() != listed[name].get("sha256"):
            yield Finding("file_changed", name, "")


def _object(files: Files, name: str) -> dict[str, Any]:
    try:
        return strict_json.parse_object(files[name], len(files[name]) + 1)
    except KeyError:
        raise DossierUnreadable(f"{name} is missing") from None
    except strict_json.JsonRefused as fault:
        raise DossierUnreadable(f"{name}: {fault}") from None


def _text(files: Files, name: str) -> str:
    try:
        return files[name].decode("utf-8")
    except KeyError:
        raise DossierUnreadable(f"{name} is missing") from None
    except UnicodeDecodeError as fault:
        raise DossierUnreadable(f"{name}: {fault}") from None


def _json(value: Any) -> bytes:
    return strict_json.write(value) + b"\n"
