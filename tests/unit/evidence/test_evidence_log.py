"""The log from acceptance to a check far away: days, heads, exports, proofs, and what may be done to them."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy.exc import StatementError

from csms.model.clock import ManualClock
from csms.province.profile import Kind
from monitor.evidence.documents import EvidenceUnreadable, read_public, record_bytes
from monitor.evidence.files import private_key, read_export, write_export
from monitor.evidence.judge import judge_document, judge_export
from monitor.evidence.merkle import HashUnavailable
from monitor.evidence.service import Evidence, NoEvidence
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing

START = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
"""23:00 of the first of March in Shanghai: half of the first hours' records fall into the next day."""
OPERATOR, OTHER = "123456789", "987654321"


async def accept(store: IntakeStore, at: datetime, number: int, operator: str = OPERATOR, kwh: float = 1.5) -> Standing:
    body = {"StartChargeSeq": f"{operator}{number:018d}", "TotalPower": kwh, "车牌": "鲁L·12345"}
    call = Call(at, "notification_charge_order_info", 200, 0, operator, body["StartChargeSeq"])
    record = record_bytes(operator, Kind.CHARGE_ORDER, body["StartChargeSeq"], at, body)
    calls = {Standing.NEW: call, Standing.DUPLICATE: call, Standing.CONFLICT: call}
    return await store.accept(calls, Message(Kind.CHARGE_ORDER, body, f"{kwh}", record))


async def fill(store: IntakeStore, count: int, days: int = 3, operator: str = OPERATOR) -> None:
    step = timedelta(days=days) / count
    for number in range(count):
        await accept(store, START + step * number, number, operator)


@pytest.fixture
async def evidence(tmp_path: Path) -> AsyncIterator[Evidence]:
    store = await open_intake(tmp_path / "data")
    clock = ManualClock(START + timedelta(days=10))
    yield Evidence(store.evidence, private_key(tmp_path / "data"), clock)
    await store.close()


@pytest.fixture
async def store(evidence: Evidence, tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path / "data")
    yield found
    await found.close()


async def test_accepted_once_logged_once(evidence: Evidence, store: IntakeStore) -> None:
    assert await accept(store, START, 1) is Standing.NEW
    assert await accept(store, START, 1) is Standing.DUPLICATE
    assert await accept(store, START, 1, kwh=2.5) is Standing.CONFLICT
    rows = await evidence.store.since(OPERATOR, START, START + timedelta(days=1))
    assert [json.loads(row.record)["body"]["TotalPower"] for row in rows] == [1.5]


async def test_days_are_closed_one_after_the_other_and_only_when_over(evidence: Evidence, store: IntakeStore) -> None:
    await fill(store, 30)
    evidence.clock.time = START + timedelta(days=2)  # type: ignore[attr-defined]
    days = [signed.head.day for signed in await evidence.close_days()]
    assert days == ["2026-03-01", "2026-03-02"]
    assert await evidence.close_days() == []
    await accept(store, START, 99)
    evidence.clock.time = START + timedelta(days=6)  # type: ignore[attr-defined]
    heads = [signed.head for signed in await evidence.close_days()]
    assert [head.day for head in heads] == ["2026-03-03", "2026-03-04", "2026-03-05", "2026-03-06"]
    assert sum(head.size - head.first for head in heads) + heads[0].first == 31, "the late record came into a later day"
    assert heads[-1].day_root == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", "an empty day"


async def test_a_log_that_cannot_be_closed_keeps_no_other_open(evidence: Evidence, store: IntakeStore) -> None:
    await fill(store, 9, operator=OPERATOR)
    await fill(store, 9, operator=OTHER)
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql(
            "update evidence_log set hash = 'md5' where operator_id = ?", (min(OPERATOR, OTHER),)
        )
    with pytest.raises(HashUnavailable):
        await evidence.close_days()
    assert len(await evidence.store.heads(max(OPERATOR, OTHER))) > 3


async def test_records_that_come_together_are_all_in_the_chain(evidence: Evidence, store: IntakeStore) -> None:
    await asyncio.gather(*(accept(store, START, number) for number in range(20)))
    await evidence.close_days()
    export = await evidence.export(OPERATOR, "0000", "9999")
    assert (len(export.records), judge_export(export).faults) == (20, [])


async def test_a_transaction_that_failed_leaves_no_gap(evidence: Evidence, store: IntakeStore) -> None:
    await accept(store, START, 1)
    call = Call(START, "x", 200, 0, OPERATOR, "broken")
    bad = Message(Kind.CHARGE_ORDER, {"TotalPower": 1, "x": object()}, "", b"never")
    with pytest.raises(StatementError):
        await store.accept(dict.fromkeys(Standing, call), bad)
    await accept(store, START, 2)
    await evidence.close_days()
    export = await evidence.export(OPERATOR, "0000", "9999")
    assert (len(export.records), judge_export(export).faults) == (2, [])


async def test_two_processes_write_one_log(evidence: Evidence, store: IntakeStore, tmp_path: Path) -> None:
    other = await open_intake(tmp_path / "data")
    for number in range(6):
        await accept(other if number % 2 else store, START, number)
    await other.close()
    await evidence.close_days()
    export = await evidence.export(OPERATOR, "0000", "9999")
    assert (len(export.records), judge_export(export).faults) == (6, [])


async def test_each_operator_has_a_log_of_its_own(evidence: Evidence, store: IntakeStore) -> None:
    await fill(store, 5)
    await fill(store, 7, operator=OTHER)
    await evidence.close_days()
    exports = [await evidence.export(operator, "0000", "9999") for operator in (OPERATOR, OTHER)]
    assert [len(export.records) for export in exports] == [5, 7]
    assert all(judge_export(export).right for export in exports)


async def test_every_record_can_be_proved(evidence: Evidence, store: IntakeStore) -> None:
    await fill(store, 23)
    await evidence.close_days()
    known = read_public(evidence.public_key)
    for number in range(23):
        document = json.loads(json.dumps(await evidence.prove_record(OPERATOR, number)))
        verdict = judge_document(document, known)
        assert (verdict.faults, verdict.key_known) == ([], True)
        changed = {**document, "record": document["record"].replace("1.5", "9.5")}
        assert [fault.name for fault in judge_document(changed).faults] == ["not_included"]
        moved = {**document, "number": number + 1}
        assert [fault.name for fault in judge_document(moved).faults] == ["not_included"]
    for what in (evidence.prove_record(OPERATOR, 23), evidence.prove_thing(OPERATOR, Kind.CHARGE_ORDER, "x")):
        with pytest.raises(NoEvidence):
            await what


async def test_a_log_that_only_grew_can_be_proved_between_any_two_days(evidence: Evidence, store: IntakeStore) -> None:
    await fill(store, 40, days=5)
    days = [signed.head.day for signed in await evidence.close_days()]
    for place, old in enumerate(days):
        for new in days[place:]:
            document = await evidence.prove_growth(OPERATOR, old, new)
            assert judge_document(document).right
    spoilt = await evidence.prove_growth(OPERATOR, days[0], days[3])
    spoilt["path"] = spoilt["path"][:-1]
    assert [fault.name for fault in judge_document(spoilt).faults] == ["not_consistent"]
    with pytest.raises(NoEvidence):
        await evidence.prove_growth(OPERATOR, days[3], days[0])


async def test_days_in_the_middle_can_be_exported_alone(evidence: Evidence, store: IntakeStore, tmp_path: Path) -> None:
    await fill(store, 40, days=5)
    await evidence.close_days()
    write_export(tmp_path / "out", await evidence.export(OPERATOR, "2026-03-03", "2026-03-04"))
    verdict = judge_export(read_export(tmp_path / "out"))
    assert (verdict.days, verdict.faults) == (["2026-03-03", "2026-03-04"], [])
    with pytest.raises(FileExistsError):
        write_export(tmp_path / "out", await evidence.export(OPERATOR, "2026-03-03", "2026-03-04"))
    with pytest.raises(NoEvidence):
        await evidence.export(OPERATOR, "2030-01-01", "2030-01-02")


async def test_a_change_in_the_database_after_signing_is_found(evidence: Evidence, store: IntakeStore) -> None:
    from sqlalchemy import text

    await fill(store, 12)
    await evidence.close_days()
    async with store._engine.begin() as connection:
        query = "update evidence_record set record = cast(replace(record, '1.5', '1.6') as blob) where number = 7"
        await connection.execute(text(query))
    verdict = judge_export(await evidence.export(OPERATOR, "0000", "9999"))
    assert [(fault.name, fault.place) for fault in verdict.faults] == [("changed", 7)]


@pytest.fixture
async def exported(evidence: Evidence, store: IntakeStore, tmp_path: Path) -> Path:
    await fill(store, 17)
    await evidence.close_days()
    write_export(tmp_path / "out", await evidence.export(OPERATOR, "0000", "9999"))
    return tmp_path / "out"


def lines(folder: Path, change: Callable[[list[bytes]], None]) -> None:
    path = folder / "records.ndjson"
    rows = path.read_bytes().splitlines(keepends=True)
    change(rows)
    path.write_bytes(b"".join(rows))


def flip(rows: list[bytes]) -> None:
    rows[4] = rows[4][:50] + bytes((rows[4][50] ^ 1,)) + rows[4][51:]


def swap(rows: list[bytes]) -> None:
    rows[4], rows[9] = rows[9], rows[4]


TAMPERED: list[tuple[str, Callable[[list[bytes]], Any], int]] = [
    ("changed", flip, 4),
    ("removed", lambda rows: rows.pop(4), 4),
    ("removed", lambda rows: rows.pop(), 16),
    ("removed", lambda rows: rows.pop(0), 0),
    ("moved", swap, 4),
    ("added", lambda rows: rows.insert(4, rows[3].replace(b"1.5", b"7.5")), 4),
    ("added", lambda rows: rows.append(rows[3]), 17),
]


@pytest.mark.parametrize(("name", "change", "place"), TAMPERED, ids=[f"{case[0]}-{case[2]}" for case in TAMPERED])
def test_what_was_done_to_a_record_is_named(exported: Path, name: str, change: Any, place: int) -> None:
    lines(exported, change)
    assert [(fault.name, fault.place) for fault in judge_export(read_export(exported)).faults] == [(name, place)]


def test_no_byte_of_the_records_can_change_unseen(exported: Path) -> None:
    path = exported / "records.ndjson"
    whole = path.read_bytes()
    for place in range(0, len(whole), 37):
        path.write_bytes(whole[:place] + bytes((whole[place] ^ 4,)) + whole[place + 1 :])
        assert not judge_export(read_export(exported)).right, place


def test_no_head_can_change_unseen(exported: Path) -> None:
    path = exported / "heads.json"
    whole = json.loads(path.read_text())
    for place, signed in enumerate(whole["heads"]):
        for name, value in signed["head"].items():
            changed = json.loads(path.read_text())
            other = value + 1 if isinstance(value, int) else ("0" if value[:1] != "0" else "1") + value[1:]
            changed["heads"][place]["head"][name] = other
            (exported / "heads.json").write_text(json.dumps(changed))
            with contextlib.suppress(EvidenceUnreadable, HashUnavailable):
                assert not judge_export(read_export(exported)).right, name
            path.write_text(json.dumps(whole))
    for change in (
        {"heads": whole["heads"][1:]},
        {"heads": whole["heads"][:2] + whole["heads"][3:]},
        {"heads": []},
        {"start": 1},
    ):
        path.write_text(json.dumps({**whole, **change}))
        assert not judge_export(read_export(exported)).right, change


def test_another_key_does_not_do(exported: Path, tmp_path: Path) -> None:
    other = private_key(tmp_path / "elsewhere").public_key()
    assert {fault.name for fault in judge_export(read_export(exported), other).faults} == {"signature"}
    assert oct((tmp_path / "elsewhere" / "evidence-key.pem").stat().st_mode)[-3:] == "600"
