"""Kept subtrees: the same proofs as from all leaves, from few rows; logs from before them; logs made with SM3."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from csms.model.clock import ManualClock
from monitor.evidence.files import private_key
from monitor.evidence.judge import judge_document, judge_export
from monitor.evidence.merkle import (
    HASHES,
    HashUnavailable,
    consistency_proof,
    consistency_ranges,
    nodes_of,
    root_of,
    sha256,
)
from monitor.evidence.service import Evidence
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.nodes import TreeBroken
from tests.unit.evidence.test_evidence_log import OPERATOR, START, accept, fill


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path / "data")
    yield found
    await found.close()


def evidence_of(store: IntakeStore) -> Evidence:
    return Evidence(store.evidence, private_key(store.folder), ManualClock(START + timedelta(days=60)))


async def execute(store: IntakeStore, sql: str) -> None:
    async with store._engine.begin() as connection:
        await connection.exec_driver_sql(sql)


async def all_leaves(store: IntakeStore) -> list[bytes]:
    async with store._engine.connect() as connection:
        return list((await connection.exec_driver_sql("select leaf from evidence_record order by number")).scalars())


def test_a_range_is_made_of_complete_subtrees() -> None:
    assert nodes_of(0, 7) == [(2, 0), (1, 2), (0, 6)]
    assert nodes_of(4, 7) == [(1, 2), (0, 6)]
    assert nodes_of(8, 16) == [(3, 1)]
    assert nodes_of(0, 0) == []


async def test_every_proof_is_that_of_all_leaves(store: IntakeStore) -> None:
    size = 21
    await fill(store, size)
    leaves = await all_leaves(store)
    for new in range(1, size + 1):
        for old in range(new + 1):
            made = await store.evidence.roots(OPERATOR, consistency_ranges(old, new), sha256)
            assert made == consistency_proof(old, leaves[:new])
    assert await store.evidence.roots(OPERATOR, [(0, size)], sha256) == [root_of(leaves)]


async def test_a_proof_of_a_long_log_reads_few_rows(store: IntakeStore) -> None:
    await execute(store, "PRAGMA synchronous=OFF")
    await fill(store, 300, days=10)
    evidence = evidence_of(store)
    days = [signed.head.day for signed in await evidence.close_days()]
    read: list[int] = []

    def count(_c: object, _cursor: object, statement: str, parameters: tuple[object, ...], *_: object) -> None:
        if "leaf" in statement or "evidence_node" in statement:
            read.append(len(parameters))

    event.listen(store._engine.sync_engine, "before_cursor_execute", count)
    for old in days:
        assert judge_document(await evidence.prove_growth(OPERATOR, old, days[-1])).right
    assert len(read) <= 2 * len(days)
    assert max(read) <= 1 + 2 * 2 * 9, "two values a node, two nodes a level, nine levels"


async def test_a_log_from_before_gets_its_subtrees_when_it_is_opened(store: IntakeStore, tmp_path: Path) -> None:
    await fill(store, 300)
    await execute(store, "drop table evidence_node")
    await execute(store, "alter table evidence_log drop column hash")
    await execute(store, "drop index intake_message_operator_time")
    await execute(store, "pragma user_version = 0")
    await store.close()
    again = await open_intake(tmp_path / "data")
    try:
        await execute(again, "drop index intake_message_operator_time")  # it is there again
        leaves = await all_leaves(again)
        assert await again.evidence.roots(OPERATOR, consistency_ranges(77, 300), sha256) == consistency_proof(
            77, leaves
        )
        await accept(again, START + timedelta(days=3), 300)
        assert await again.evidence.roots(OPERATOR, [(0, 301)], sha256) == [root_of(await all_leaves(again))]
    finally:
        await again.close()


async def test_a_subtree_that_was_lost_is_named_and_one_that_was_changed_proves_nothing(store: IntakeStore) -> None:
    await fill(store, 40, days=5)
    evidence = evidence_of(store)
    days = [signed.head.day for signed in await evidence.close_days()]
    await execute(store, "update evidence_node set hash = zeroblob(32)")
    spoilt = judge_document(await evidence.prove_growth(OPERATOR, days[0], days[3]))
    assert [fault.name for fault in spoilt.faults] == ["not_consistent"]
    await execute(store, "delete from evidence_node")
    with pytest.raises(TreeBroken):
        await evidence.prove_growth(OPERATOR, days[0], days[3])


async def test_a_log_made_with_sm3_proves_the_same(tmp_path: Path) -> None:
    store = await open_intake(tmp_path / "sm3", "sm3")
    try:
        await fill(store, 40, days=5)
        evidence = evidence_of(store)
        heads = [signed.head for signed in await evidence.close_days()]
        assert {head.hash for head in heads} == {"sm3"}
        export = await evidence.export(OPERATOR, "0000", "9999")
        assert judge_export(export).faults == []
        assert heads[-1].root == root_of(export.leaves, HASHES["sm3"]).hex()
        assert judge_document(await evidence.prove_record(OPERATOR, 17)).right
        assert judge_document(await evidence.prove_growth(OPERATOR, heads[0].day, heads[3].day)).right
    finally:
        await store.close()
    other = await open_intake(tmp_path / "sm3", "sha256")
    try:
        await accept(other, START + timedelta(days=5), 40)
        assert await other.evidence.hash_of(OPERATOR) == "sm3", "a log goes on as it began"
    finally:
        await other.close()
    with pytest.raises(HashUnavailable):
        await open_intake(tmp_path / "none", "md5")
