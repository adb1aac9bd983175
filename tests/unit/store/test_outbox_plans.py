"""No query of the outbox or of identifiers reads a whole table: SQLite says so of each statement that is sent."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event

from csms.model.clock import ManualClock
from csms.province.ports import NewEntry, OutboxEntry
from csms.province.profile import PUSHED
from csms.store import outbox as statements
from csms.store.change import Statement
from csms.store.compiled import compiled
from csms.store.engine import Store, open_store
from csms.store.outbox import SqlOutbox
from csms.store.province import ProvinceRecords

NOW = datetime(2026, 1, 1, tzinfo=UTC)
KINDS = [str(kind) for kind in PUSHED]

Outbox = SqlOutbox[OutboxEntry]
Asked = Callable[[Outbox, ProvinceRecords], Awaitable[object]]

QUERIES: dict[str, tuple[Asked, str]] = {
    "what is due": (lambda o, r: o.due("p", KINDS, NOW, 50), ""),
    "when a retry ripens": (lambda o, r: o.next_due_after("p", NOW), ""),
    "when to look again": (lambda o, r: o.next_due_at("p"), ""),
    "the newest of keys": (lambda o, r: o.newest("p", "charge_order", ["a", "b"]), "TEMP B-TREE"),
    "whether it is known": (lambda o, r: o.knows("p", "charge_order", "a"), ""),
    "what waits, for a person": (lambda o, r: o.listed("p", ["queued", "retry"], 100), "TEMP B-TREE"),
    "counts of a partner": (lambda o, r: o.counts("p"), ""),
    "for a probe, once a minute": (lambda o, r: o.longest_due("p", NOW), "TEMP B-TREE"),
    "numbers of sessions": (lambda o, r: r.ids_of("123456789.order", ["1", "2"], ["x", "y"]), ""),
    "sessions without an order": (lambda o, r: r.unreported(0, 100), ""),
    "envelopes that were taken": (lambda o, r: r.seen(NOW), ""),
}
"""What is asked, and what is allowed besides looking up in an index."""


@pytest.fixture
async def store(tmp_path: Path) -> Store:
    return await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(NOW), upgrade=True)


def plan_of(folder: Path, sql: str, values: int) -> list[str]:
    with closing(sqlite3.connect(folder / "csms.db")) as connection:
        return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", [None] * values)]


def reads_all(step: str) -> bool:
    """A step that reads rows of a table one after the other; reading nothing but a partial index is no such thing."""
    return step.startswith("SCAN") and "CONSTANT ROW" not in step


@pytest.mark.parametrize("name", QUERIES)
async def test_queries(store: Store, tmp_path: Path, name: str) -> None:
    asked, allowed = QUERIES[name]
    seen: list[tuple[str, int]] = []

    def note(_connection: object, _cursor: object, sql: str, values: tuple[object, ...], *_more: object) -> None:
        seen.append((sql, len(values)))

    outbox = SqlOutbox(store, OutboxEntry)
    await outbox.add([NewEntry("p", "charge_order", "a", {}, NOW - timedelta(seconds=1))])
    event.listen(store.reader._engine.sync_engine, "before_cursor_execute", note)
    await asked(outbox, ProvinceRecords(store))
    await store.close()
    assert seen
    for sql, values in seen:
        plan = plan_of(tmp_path, sql, values)
        assert not [step for step in plan if reads_all(step)], plan
        assert allowed or not [step for step in plan if "TEMP B-TREE" in step], plan


CHANGES: dict[str, tuple[Statement, dict[str, object]]] = {
    "replace": (statements._DROP_OPEN, {"key_partner": "p", "key_interface": "i", "key_business_key": "k"}),
    "recover": (statements._TURN, {"key_partner": "p", "key_state": "sent", "state": "retry", "next_at": NOW}),
    "sent": (statements._SENT, {"key_id": 1, "due_at": NOW}),
    "acked": (statements._ACKED, {"key_id": 1, "state": "acked"}),
}


@pytest.mark.parametrize("name", CHANGES)
async def test_changes(store: Store, tmp_path: Path, name: str) -> None:
    await store.close()
    statement, row = CHANGES[name]
    text = compiled(statement, "sqlite", [row])
    plan = plan_of(tmp_path, text.sql, len(text.takes))
    assert plan
    assert not [step for step in plan if reads_all(step)], plan
