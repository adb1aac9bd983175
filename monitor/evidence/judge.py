"""Checks of evidence by whoever received it: nothing is asked but the documents and, better, a key known before. Pure.

An export holds the records of whole days, the hash of each, and the signed heads. The hashes are proved by the heads;
a record that does not have its hash is then named, and told whether it was changed, removed, added or moved.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from itertools import pairwise
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from monitor.evidence.documents import (
    CONSISTENCY,
    HEAD,
    INCLUSION,
    EvidenceUnreadable,
    SignedHead,
    hashes,
    is_signed,
    key_id,
    read_head,
    read_public,
)
from monitor.evidence.merkle import (
    CHAIN_START,
    Frontier,
    chain_hash,
    hash_named,
    is_consistent,
    leaf_hash,
    root_from_inclusion,
    root_of,
)
from monitor.store.days import following


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong, by a name of ours, and where: the number of a record (None: a whole day or document)."""

    name: str
    place: int | None = None
    day: str = ""


class Finding(StrEnum):
    """What a check comes to. A signature by a key that came along with the document proves no signer: who writes one
    can write the other."""

    VERIFIED = "verified"
    SIGNER_UNKNOWN = "consistent_signer_unknown"
    INCOMPLETE = "incomplete"
    WRONG = "wrong"


@dataclass(slots=True)
class Verdict:
    """The result of a check: what was found, and how many records of which days it is about; `missing`: first days of
    gaps."""

    key_id: str
    key_known: bool
    records: int = 0
    days: list[str] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)

    @property
    def right(self) -> bool:
        """Whether nothing is wrong, whoever signed it."""
        return not self.faults

    @property
    def finding(self) -> Finding:
        """The result in a word."""
        if self.faults:
            return Finding.WRONG
        if self.missing:
            return Finding.INCOMPLETE
        return Finding.VERIFIED if self.key_known else Finding.SIGNER_UNKNOWN

    def expect(self, right: bool, name: str, day: str) -> None:
        """Note a fault of a day unless something is right."""
        if not right:
            self.faults.append(Fault(name, day=day))

    def as_document(self) -> dict[str, Any]:
        """As JSON."""
        return {"verdict": self.finding, "consistent": self.right} | asdict(self)


@dataclass(frozen=True, slots=True)
class Export:
    """What an operator was given. `start`: number of the first record, with the chain and the peaks before it."""

    records: Sequence[bytes]
    leaves: Sequence[bytes]
    heads: Sequence[SignedHead]
    start: int
    chain: bytes
    peaks: Sequence[bytes]
    public_key: str


def judge_document(document: Mapping[str, Any], known: Ed25519PublicKey | None = None) -> Verdict:
    """Check the head of a day, an inclusion or a consistency proof; raises EvidenceUnreadable for something else."""
    judge = _JUDGES.get(str(document.get("document")))
    if judge is None:
        raise EvidenceUnreadable("this is no proof of the evidence log")
    key, verdict = _key(document.get("public_key"), known)
    judge(document, key, verdict)
    return verdict


def _key(pem: Any, known: Ed25519PublicKey | None) -> tuple[Ed25519PublicKey, Verdict]:
    """The key to check with: the one that was known beforehand, else the one that came along."""
    if known is None and not isinstance(pem, str):
        raise EvidenceUnreadable("there is no public key")
    key = known or read_public(str(pem))
    return key, Verdict(key_id(key), known is not None)


def _judge_inclusion(document: Mapping[str, Any], key: Ed25519PublicKey, verdict: Verdict) -> None:
    signed = read_head(document)
    record, number = document.get("record"), document.get("number")
    if not isinstance(record, str) or type(number) is not int:
        raise EvidenceUnreadable("the proof holds no record")
    head = signed.head
    verdict.records, verdict.days = 1, [head.day]
    verdict.expect(is_signed(signed, key), "signature", head.day)
    digest = hash_named(head.hash)
    leaf = leaf_hash(record.encode("utf-8"), digest)
    try:
        path = hashes(document.get("path"))
        root = root_from_inclusion(number - head.first, head.size - head.first, leaf, path, digest)
    except EvidenceUnreadable:
        raise
    except ValueError:
        root = b""
    if root.hex() != head.day_root:
        verdict.faults.append(Fault("not_included", number, head.day))


def _judge_consistency(document: Mapping[str, Any], key: Ed25519PublicKey, verdict: Verdict) -> None:
    _judge_growth(read_head(document.get("old")), read_head(document.get("new")), document.get("path"), key, verdict)


def _judge_head(document: Mapping[str, Any], key: Ed25519PublicKey, verdict: Verdict) -> None:
    """A head and the one before it, of which it must be the next."""
    new, before = read_head(document), document.get("before")
    if before is not None:
        old = read_head(before)
        _judge_growth(old, new, document.get("path"), key, verdict)
        verdict.expect(_follows(old, new), "heads_broken", new.head.day)
    else:
        verdict.expect(is_signed(new, key), "signature", new.head.day)
        verdict.expect(not new.head.previous and new.head.first == 0, "heads_broken", new.head.day)
    verdict.records, verdict.days = new.head.size, [new.head.day]


def _follows(old: SignedHead, new: SignedHead) -> bool:
    """Whether a head names another as the one before it."""
    then, now = old.head, new.head
    same_log = now.log == then.log and now.hash == then.hash
    return same_log and now.previous == then.digest() and now.first == then.size and now.day > then.day


def _judge_growth(old: SignedHead, new: SignedHead, path: Any, key: Ed25519PublicKey, verdict: Verdict) -> None:
    verdict.days = [old.head.day, new.head.day]
    for signed in (old, new):
        verdict.expect(is_signed(signed, key), "signature", signed.head.day)
    old_root, new_root = hashes((old.head.root, new.head.root))
    digest = hash_named(new.head.hash)
    steps = hashes(path)
    same_log = old.head.log == new.head.log and old.head.hash == new.head.hash
    grown = same_log and is_consistent(old.head.size, new.head.size, old_root, new_root, steps, digest)
    verdict.expect(grown, "not_consistent", new.head.day)


def judge_heads(documents: Sequence[Mapping[str, Any]], known: Ed25519PublicKey | None = None) -> Verdict:
    """Check the heads that an operator was given: each, and each against those that it kept before. Raises
    EvidenceUnreadable where one is no head, or where there is none."""
    if not documents or any(document.get("document") != HEAD for document in documents):
        raise EvidenceUnreadable("there are no signed heads, or something else among them")
    heads = sorted((read_head(document) for document in documents), key=lambda signed: signed.head.day)
    key, verdict = _key(documents[0].get("public_key"), known)
    if len({signed.head.log for signed in heads}) > 1:
        raise EvidenceUnreadable("these are heads of more than one log")
    for document in documents:
        _judge_head(document, key, verdict)
    verdict.records, verdict.days = heads[-1].head.size, [signed.head.day for signed in heads]
    for old, new in pairwise(heads):
        _judge_pair(old, new, verdict)
    return verdict


def _judge_pair(old: SignedHead, new: SignedHead, verdict: Verdict) -> None:
    """Two heads that were kept, the later one being that of the next day unless some are missing between."""
    if new.head.day == old.head.day:
        verdict.expect(new.head == old.head, "two_heads", new.head.day)
    elif new.head.day == following(old.head.day):
        verdict.expect(_follows(old, new), "heads_broken", new.head.day)
    else:
        verdict.missing.append(following(old.head.day))
        verdict.expect(new.head.first >= old.head.size, "log_shrank", new.head.day)


_JUDGES = {INCLUSION: _judge_inclusion, CONSISTENCY: _judge_consistency, HEAD: _judge_head}


def judge_export(export: Export, known: Ed25519PublicKey | None = None) -> Verdict:
    """Check whole days."""
    key, verdict = _key(export.public_key, known)
    verdict.days = [signed.head.day for signed in export.heads]
    verdict.records = len(export.records)
    verdict.faults += _head_faults(export, key)
    if verdict.right:
        verdict.faults += _record_faults(export)
    if verdict.right:
        verdict.faults += _chain_faults(export)
    return verdict


def _head_faults(export: Export, key: Ed25519PublicKey) -> Iterator[Fault]:
    """Signatures, the row of heads, and whether the hashes of the records are those that were signed."""
    if not export.heads:
        yield Fault("no_head")
        return
    for signed in export.heads:
        if not is_signed(signed, key):
            yield Fault("signature", day=signed.head.day)
    for old, new in pairwise(signed.head for signed in export.heads):
        if new.previous != old.digest() or new.first != old.size or new.log != old.log or new.hash != old.hash:
            yield Fault("heads_broken", day=new.day)
    digest = hash_named(export.heads[0].head.hash)
    tree = Frontier(export.start, list(export.peaks), digest)
    if export.start.bit_count() != len(export.peaks) or export.heads[0].head.first != export.start:
        yield Fault("start")
        return
    for signed in export.heads:
        head = signed.head
        leaves = export.leaves[head.first - export.start : head.size - export.start]
        for leaf in leaves:
            tree.add(leaf)
        if len(leaves) != head.size - head.first or root_of(leaves, digest).hex() != head.day_root:
            yield Fault("day_root", day=head.day)
        elif tree.root().hex() != head.root:
            yield Fault("root", day=head.day)
    if len(export.leaves) != export.heads[-1].head.size - export.start:
        yield Fault("day_root", day=export.heads[-1].head.day)


def _record_faults(export: Export) -> Iterator[Fault]:
    """The first record that is not the one that was signed at its place, and what happened there."""
    digest = hash_named(export.heads[0].head.hash)
    found = [leaf_hash(record, digest) for record in export.records]
    places = {leaf: place for place, leaf in enumerate(export.leaves)}
    for place, leaf in enumerate(export.leaves):
        if place >= len(found) or found[place] != leaf:
            yield Fault(_what(found, export.leaves, places, place), export.start + place, _day(export, place))
            return
    if len(found) > len(export.leaves):
        yield Fault("added", export.start + len(export.leaves))


def _what(found: Sequence[bytes], leaves: Sequence[bytes], places: Mapping[bytes, int], place: int) -> str:
    following = leaves[place + 1] if place + 1 < len(leaves) else None
    if len(found) < len(leaves) and (place >= len(found) or found[place] == following):
        return "removed"
    if len(found) > len(leaves) and place + 1 < len(found) and found[place + 1] == leaves[place]:
        return "added"
    return "moved" if found[place] in places else "changed"


def _day(export: Export, place: int) -> str:
    number = export.start + place
    return next((signed.head.day for signed in export.heads if number < signed.head.size), "")


def _chain_faults(export: Export) -> Iterator[Fault]:
    digest = hash_named(export.heads[0].head.hash)
    chain = export.chain if export.start else CHAIN_START
    ends = {signed.head.size: signed.head for signed in export.heads}
    for place, record in enumerate(export.records):
        chain = chain_hash(chain, record, digest)
        head = ends.get(export.start + place + 1)
        if head is not None and chain.hex() != head.chain:
            yield Fault("chain", day=head.day)
            return
