"""Statements per engine, and which changes are carried out together."""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import Column, Integer, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

from csms.store.change import (
    RowChange,
    SampleBatch,
    SampleChange,
    Statement,
    insert_ignoring,
    merged,
    plain_insert,
    update_where,
    upsert,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
THING = Table(
    "thing", MetaData(), Column("id", Integer, primary_key=True), Column("name", Text), Column("size", Integer)
)


def spelled(statement: Statement, dialect: str) -> str:
    engine = postgresql.dialect() if dialect == "postgresql" else sqlite.dialect()  # type: ignore[no-untyped-call]
    return " ".join(str(statement.sql(dialect).compile(dialect=engine)).split())  # type: ignore[attr-defined]


def test_every_engine_ignores_what_is_there() -> None:
    for dialect in ("sqlite", "postgresql"):
        assert spelled(insert_ignoring(THING, ["id"]), dialect).endswith("ON CONFLICT (id) DO NOTHING")


def test_every_engine_replaces_all_but_the_key() -> None:
    for dialect in ("sqlite", "postgresql"):
        end = "ON CONFLICT (id) DO UPDATE SET name = excluded.name, size = excluded.size"
        assert spelled(upsert(THING, ["id"]), dialect).endswith(end)


def test_upsert_of_some_columns_leaves_the_others() -> None:
    assert spelled(upsert(THING, ["id"], ["size"]), "sqlite").endswith("DO UPDATE SET size = excluded.size")


def test_update_is_found_by_its_key() -> None:
    assert spelled(update_where(THING, ["id"]), "sqlite").endswith("WHERE thing.id = ?")


def test_a_statement_is_built_once_per_engine() -> None:
    statement = plain_insert(THING)
    assert statement.sql("sqlite") is statement.sql("sqlite")


def test_neighbours_with_one_statement_become_one_step_in_order() -> None:
    put = upsert(THING, ["id"])
    steps, samples = merged([RowChange(put, [{"id": 1}]), RowChange(put, [{"id": 2}]), RowChange(put, [{"id": 1}])])
    assert steps == [(put, [{"id": 1}, {"id": 2}, {"id": 1}])]
    assert samples == []


def test_ordered_statements_are_never_moved_across_each_other() -> None:
    put, change = upsert(THING, ["id"]), update_where(THING, ["id"])
    wanted = [RowChange(put, [{"id": 1}]), RowChange(change, [{"key_id": 1}]), RowChange(put, [{"id": 1}])]
    assert [statement for statement, _ in merged(wanted)[0]] == [put, change, put]


def test_samples_gather_so_that_the_others_become_neighbours() -> None:
    change = update_where(THING, ["id"])
    first, second = (SampleBatch("A", number, NOON, []) for number in (1, 2))
    wanted = [
        SampleChange([first]),
        RowChange(change, [{"key_id": 8}]),
        SampleChange([second]),
        RowChange(change, [{"key_id": 9}]),
    ]
    assert merged(wanted) == ([(change, [{"key_id": 8}, {"key_id": 9}])], [first, second])


def test_changes_without_rows_leave_no_step() -> None:
    assert merged([RowChange(plain_insert(THING), []), SampleChange([])]) == ([], [])


def test_merging_leaves_the_callers_rows_alone() -> None:
    put = plain_insert(THING)
    first = RowChange(put, [{"id": 1}])
    merged([first, RowChange(put, [{"id": 2}])])
    assert first.rows == [{"id": 1}]
