"""The chain of the audit log: what is changed, taken out or put in is found, and where it begins."""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from csms.model.audit import GENESIS, AuditEntry, AuditRecord, ChainCheck, canonical, hashed, link, moment

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def chain(length: int) -> list[AuditRecord]:
    records: list[AuditRecord] = []
    last = GENESIS
    for seq in range(1, length + 1):
        who = {"name": f"op-{seq % 3}", "role": "technician"}
        entry = AuditEntry("done", "command reset", f"r{seq}", who, {"station_id": "CP-1"}, {"hard": True})
        records.append(link(entry, seq, NOON + timedelta(seconds=seq), last))
        last = records[-1].hash
    return records


def checked(records: list[AuditRecord]) -> ChainCheck:
    check = ChainCheck()
    for record in records:
        if not check.take(record):
            break
    return check


def test_a_whole_chain_is_whole() -> None:
    records = chain(20)
    check = checked(records)
    assert (check.fault, check.checked, check.seq, check.hash) == ("", 20, 20, records[-1].hash)


def test_the_hash_can_be_computed_by_anybody() -> None:
    """With nothing but SHA-256 and the text as it is kept."""
    first, second = chain(2)
    assert first.hash == hashlib.sha256(bytes(32) + first.text.encode()).hexdigest()
    assert second.hash == hashlib.sha256(bytes.fromhex(first.hash) + second.text.encode()).hexdigest()
    facts = json.loads(first.text)
    assert list(facts) == sorted(facts)
    assert canonical(facts) == first.text


CHANGED = [
    ("text", lambda r: r.text.replace("technician", "viewer_____"), "hash"),
    ("hash", lambda r: "f" * 64, "hash"),
    ("prev_hash", lambda r: "f" * 64, "link"),
    ("actor", lambda r: "somebody else", "columns"),
    ("target", lambda r: "CP-2", "columns"),
    ("action", lambda r: "command trigger", "columns"),
    ("kind", lambda r: "asked", "columns"),
    ("at", lambda r: r.at + timedelta(microseconds=1), "columns"),
]


@pytest.mark.parametrize(("field", "other", "fault"), CHANGED, ids=[case[0] for case in CHANGED])
def test_a_changed_record_is_the_first_broken_one(field, other, fault) -> None:
    records = chain(9)
    records[4] = msgspec.structs.replace(records[4], **{field: other(records[4])})
    check = checked(records)
    assert (check.fault, check.broken_seq, check.checked) == (fault, 5, 4)


def test_a_record_written_anew_with_its_hash_breaks_the_next_one() -> None:
    records = chain(9)
    text = records[4].text.replace("technician", "viewer_____")
    records[4] = msgspec.structs.replace(records[4], text=text, hash=hashed(records[4].prev_hash, text))
    assert (checked(records).fault, checked(records).broken_seq) == ("link", 6)


def test_a_record_taken_out_put_in_or_moved_is_found() -> None:
    records = chain(9)
    assert (checked(records[:4] + records[5:]).fault, checked(records[:4] + records[5:]).broken_seq) == ("missing", 5)
    assert checked(records[:4] + records[3:]).fault == "missing"
    swapped = [*records[:4], records[5], records[4], *records[6:]]
    assert checked(swapped).fault == "missing"
    assert checked(records[1:]).broken_seq == 1
    renumbered = [*records[:4], *(msgspec.structs.replace(r, seq=r.seq - 1) for r in records[5:])]
    assert checked(renumbered).fault == "link"


def test_what_is_no_json_or_no_hash_is_unreadable() -> None:
    records = chain(3)
    text = "{"
    broken = msgspec.structs.replace(records[2], text=text, hash=hashed(records[2].prev_hash, text))
    assert checked([*records[:2], broken]).fault == "unreadable"


def test_a_missing_end_is_not_seen_by_the_chain_alone() -> None:
    """That is why its head is kept elsewhere."""
    assert checked(chain(9)[:5]).fault == ""


def test_odd_texts_are_hashed_as_they_are_kept() -> None:
    entry = AuditEntry("done", "PUT /x", "", {"name": "\ud800\x00名"}, {"id": "a\x00"}, {"x": [1.5, None, "é\u2028"]})
    record = link(entry, 1, NOON, GENESIS)
    record.text.encode("utf-8")
    assert "\x00" not in record.text


def test_times_have_one_form() -> None:
    assert moment(NOON) == "2026-01-01T12:00:00.000000Z"
    assert moment(NOON.astimezone()) == moment(NOON)
