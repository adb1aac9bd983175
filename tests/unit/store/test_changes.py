"""Builders refuse what no table can take before anything reaches the database."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.store import changes
from csms.store.tables import Notice, Station

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def test_unknown_columns_are_refused() -> None:
    with pytest.raises(ValueError, match="no column colour"):
        changes.update_session(1, colour="red")


def test_an_update_without_values_has_nothing_to_do() -> None:
    assert changes.update_session(1).rows == []


def test_updates_of_one_shape_share_a_statement_whatever_the_order_of_the_values() -> None:
    first = changes.update_session(1, energy_wh=1.0, status="ended")
    second = changes.update_session(2, status="ended", energy_wh=2.0)
    assert first.statement is second.statement
    assert first.statement is not changes.update_session(3, status="ended").statement


def test_ids_given_by_the_database_are_left_out() -> None:
    notice = Notice(station_id="A", received_at=NOON, code="x")
    assert "id" not in changes.row_of(notice)
    assert changes.row_of(Station(id="A"))["id"] == "A"


def test_detail_is_copied() -> None:
    detail = {"a": 1}
    change = changes.add_notice("A", NOON, "x", detail)
    detail["a"] = 2
    assert change.rows[0]["detail"] == {"a": 1}
