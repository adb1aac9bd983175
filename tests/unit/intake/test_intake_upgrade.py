"""Files of an earlier version are brought up to this one, whole; and what is asked often is found by an index."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from monitor.store.faults import TooNew
from monitor.store.intake import IntakeStore, open_intake, orders_between
from monitor.store.intake_upgrade import VERSION
from monitor.store.messages import Standing
from tests.unit.evidence.test_evidence_log import OPERATOR
from tests.unit.intake.test_intake_together import accept

AT = "2026-03-01 15:00:00.000000"
BEFORE = (
    "DROP TABLE intake_check_result",
    "CREATE TABLE intake_check (operator_id VARCHAR NOT NULL, business_id VARCHAR NOT NULL, content_sha256 VARCHAR NOT"
    " NULL, received_at DATETIME NOT NULL, listed INTEGER NOT NULL, disputes JSON NOT NULL, unlisted JSON NOT NULL,"
    " PRIMARY KEY (operator_id, business_id))",
    f"INSERT INTO intake_check VALUES ('{OPERATOR}', 'L1', 'd1', '{AT}', 4, '[[\"A\", 1]]', '[\"B\"]')",
    f"INSERT INTO intake_check VALUES ('{OPERATOR}', 'L2', 'd2', '{AT}', 2, '[]', '[]')",
    "DROP INDEX intake_order_ended",
    "ALTER TABLE intake_order DROP COLUMN ended_local",
    "DROP INDEX evidence_record_newest",
    "CREATE INDEX evidence_record_thing ON evidence_record (operator_id, kind, business_id)",
    "PRAGMA user_version = 0",
)


def changed(folder: Path, *statements: str) -> None:
    with closing(sqlite3.connect(folder / "intake.db")) as connection, connection:
        for statement in statements:
            connection.execute(statement)


def asked(folder: Path, query: str) -> list[Any]:
    with closing(sqlite3.connect(folder / "intake.db")) as connection:
        return connection.execute(query).fetchall()


async def old_file(folder: Path) -> None:
    """Three orders and two reconciliations as version 0 kept them."""
    store = await open_intake(folder)
    for number in range(3):
        assert await accept(store, number) is Standing.NEW
    await store.close()
    for number in range(3):
        content = json.dumps({"EndTime": f"2026-03-0{number + 1} 12:00:00", "TotalPower": 1.5})
        changed(folder, f"UPDATE intake_order SET content = '{content}' WHERE business_id = 'order {number}'")
    changed(folder, *BEFORE)


async def test_a_file_of_version_0_has_everything_afterwards(tmp_path: Path) -> None:
    await old_file(tmp_path)
    for _ in range(2):
        store = await open_intake(tmp_path)
        assert await store.orders_ended(OPERATOR, "2026-03-02 00:00:00", "2026-03-03 12:00:00", 9) == [
            "order 1",
            "order 2",
        ]
        at = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
        found = await store.quality.disputes(OPERATOR, at, at + timedelta(seconds=1))
        assert (found.listed, [(order, reason) for order, _, reason in found.disputed]) == (6, [("A", 1)])
        assert await accept(store, 1) is Standing.DUPLICATE
        await store.close()
    assert asked(tmp_path, "PRAGMA user_version") == [(VERSION,)]
    names = {row[0] for row in asked(tmp_path, "SELECT name FROM sqlite_master")}
    assert {"evidence_record_newest", "intake_order_ended"} <= names
    assert not names & {"evidence_record_thing", "intake_check"}


async def test_two_who_open_an_old_file_together_find_it_whole(tmp_path: Path) -> None:
    await old_file(tmp_path)
    stores = await asyncio.gather(*(open_intake(tmp_path) for _ in range(3)))
    for store in stores:
        await store.close()
    assert asked(tmp_path, "SELECT business_id FROM intake_check_result ORDER BY id") == [("L1",), ("L2",)]


async def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    await (await open_intake(tmp_path)).close()
    changed(tmp_path, "PRAGMA user_version = 99")
    with pytest.raises(TooNew, match="99"):
        await open_intake(tmp_path)
    assert asked(tmp_path, "PRAGMA user_version") == [(99,)]


@pytest.fixture
async def store(tmp_path: Path) -> Any:
    found = await open_intake(tmp_path)
    yield found
    await found.close()


async def plan_of(store: IntakeStore, query: str, *values: object) -> str:
    async with store._engine.connect() as connection:
        rows = await connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {query}", values)
        return " | ".join(str(row[3]) for row in rows)


async def test_orders_of_a_span_are_found_by_their_index(store: IntakeStore) -> None:
    query = orders_between(OPERATOR, "a", "b").compile(
        store._engine.sync_engine, compile_kwargs={"literal_binds": True}
    )
    plan = await plan_of(store, str(query))
    assert plan == (
        "SEARCH intake_order USING INDEX intake_order_ended (operator_id=? AND ended_local>? AND ended_local<?)"
    )


async def test_what_a_judgement_reads_is_found_by_its_index(
    store: IntakeStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sqlalchemy import event

    from csms.province.profile import Kind

    seen: list[tuple[str, Any]] = []
    engine = store._engine.sync_engine
    event.listen(engine, "before_cursor_execute", lambda _c, _k, sql, values, *_: seen.append((sql, values)))
    at = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
    span = (OPERATOR, at, at + timedelta(days=1))
    await store.evidence.since(*span, 10)
    await store.quality.refused(*span, 10)
    await store.quality.calls(*span[1:], OPERATOR, 10)
    await store.quality.disputes(*span, 10)
    await store.evidence.last_before(OPERATOR, Kind.STATION_STATUS, at, 10)
    queries = [(sql, values) for sql, values in seen if sql.startswith("SELECT")]
    plans = [await plan_of(store, sql, *values) for sql, values in queries]
    assert [plan.split(" USING ")[1].split(" (")[0] for plan in plans[:4]] == [
        "INDEX evidence_record_time",
        "INDEX intake_message_operator_time",
        "INDEX intake_message_operator_time",
        "INDEX intake_check_result_time",
    ]
    assert "INDEX evidence_record_newest (operator_id=? AND kind=? AND business_id=? AND number<?)" in plans[4]
    assert "SCAN evidence_record" not in plans[4]
