"""The audit log as a chain: what one record says, how it is written, hashed, and checked. Pure.

The hash of a record is SHA-256 over the hash before it (32 bytes) and the record's text (UTF-8). The text is JSON with
sorted keys and without blanks, and is kept as it was hashed: nobody has to write it the same way again to check it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from msgspec import Struct, field

GENESIS = "0" * 64
"""The hash before the first record."""

FORM = 1
"""Of the text; a later one tells readers that it means something else."""


class AuditEntry(Struct, frozen=True):
    """Something that an operator did.

    `kind`: asked (before it is begun), done (`result` says how it ended), refused, note (of the log itself).
    `request` joins what was asked with what became of it. `on`: what it was done to; `detail`: what was asked for,
    without secrets.
    """

    kind: str
    action: str
    request: str = ""
    who: Mapping[str, str] = field(default_factory=dict)
    on: Mapping[str, str] = field(default_factory=dict)
    detail: Any = None
    result: Mapping[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """What it was done to, in one word: the first thing that `on` names."""
        return next(iter(self.on.values()), "")


class AuditRecord(Struct, frozen=True):
    """One link: `text` is what was hashed; the other facts stand in it too and make it findable."""

    seq: int
    at: datetime
    kind: str
    action: str
    actor: str
    target: str
    text: str
    prev_hash: str
    hash: str


def link(entry: AuditEntry, seq: int, at: datetime, prev_hash: str) -> AuditRecord:
    """The record of `entry` after the one with `prev_hash`."""
    actor = entry.who.get("name", "")
    facts = {
        "v": FORM,
        "seq": seq,
        "at": moment(at),
        "kind": entry.kind,
        "request": entry.request,
        "who": dict(entry.who),
        "action": entry.action,
        "on": dict(entry.on),
        "target": entry.target,
        "detail": entry.detail,
        "result": dict(entry.result),
    }
    text = canonical(facts)
    return AuditRecord(seq, at, entry.kind, entry.action, actor, entry.target, text, prev_hash, hashed(prev_hash, text))


def canonical(facts: Mapping[str, Any]) -> str:
    """Sorted keys, no blanks, no NUL and no half surrogate: one way to write it, and one that every database takes."""
    text = json.dumps(facts, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def moment(at: datetime) -> str:
    """A time in UTC, always with six digits behind the second."""
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def hashed(prev_hash: str, text: str) -> str:
    """The hash of a record, in hexadecimal."""
    return hashlib.sha256(bytes.fromhex(prev_hash) + text.encode("utf-8")).hexdigest()


class ChainCheck:
    """Checks records one after the other, from the first on or from a known place.

    `fault` says of the first broken record `seq` what is wrong with it: missing (a record is), link (it follows another
    one), hash (its text was changed), columns (what stands beside the text was changed), unreadable.
    """

    def __init__(self, seq: int = 0, last_hash: str = GENESIS) -> None:
        self.seq, self.hash = seq, last_hash
        self.checked = 0
        self.broken_seq = 0
        self.fault = ""

    def take(self, record: AuditRecord) -> bool:
        """Whether all is well up to this record."""
        if self.fault:
            return False
        self.fault = self._fault(record)
        if self.fault:
            self.broken_seq = self.seq + 1 if self.fault == "missing" else record.seq
            return False
        self.seq, self.hash = record.seq, record.hash
        self.checked += 1
        return True

    def _fault(self, record: AuditRecord) -> str:
        if record.seq != self.seq + 1:
            return "missing"
        if record.prev_hash != self.hash:
            return "link"
        try:
            if hashed(record.prev_hash, record.text) != record.hash:
                return "hash"
            return "" if _agrees(record, json.loads(record.text)) else "columns"
        except (ValueError, UnicodeError, AttributeError):
            return "unreadable"


def _agrees(record: AuditRecord, said: Mapping[str, Any]) -> bool:
    beside = (record.seq, moment(record.at), record.kind, record.action, record.actor, record.target)
    names = ("seq", "at", "kind", "action")
    inside = (*(said.get(name) for name in names), said.get("who", {}).get("name", ""), said.get("target"))
    return beside == inside
