"""Identifiers: their form, one for each thing, for ever."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from csms.model.ids import ConnectorRef
from csms.province import ids
from csms.province.ids import IdPair, IdsExhausted, IdTable, Names

NOW = datetime(2026, 1, 1, 16, 0, 1, tzinfo=UTC)
OPERATOR = "MA3KABCD1"


def test_forms_and_lengths() -> None:
    names = Names(OPERATOR, IdTable())
    assert names.station("42") == "0" * 18 + "42"
    assert names.equipment("CP-1") == OPERATOR + "0000000001"
    assert names.connector(ConnectorRef("CP-1", 2, 1)) == OPERATOR + "0000000001" + "0002" + "001"
    assert names.order(12345, NOW) == OPERATOR + "20260102000001" + "2345"
    assert len(names.connector(ConnectorRef("CP-1", 9999, 999))) == 26
    assert len(names.order(1, NOW)) == 27


def test_the_same_thing_keeps_its_identifier_over_a_restart() -> None:
    table = IdTable()
    first = Names(OPERATOR, table)
    found = (first.station("a"), first.equipment("x"), first.connector(ConnectorRef("x", 1, 1)), first.order(7, NOW))
    again = Names(OPERATOR, IdTable(table.unsaved()))
    assert found == (
        again.station("a"),
        again.equipment("x"),
        again.connector(ConnectorRef("x", 1, 1)),
        again.order(7, NOW),
    )
    assert again.equipment("y") != found[1]


def test_a_number_that_is_taken_is_not_given_twice() -> None:
    names = Names(OPERATOR, IdTable())
    assert names.station("some site") == "0" * 19 + "1"
    assert names.station("1") == "0" * 19 + "2"
    assert names.order(1, NOW) != names.order(10001, NOW)


def test_too_many_orders_in_one_second_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "SERIALS_PER_SECOND", 2)
    names = Names(OPERATOR, IdTable())
    assert len({names.order(number, NOW) for number in range(2)}) == 2
    with pytest.raises(IdsExhausted):
        names.order(2, NOW)


def test_an_evse_number_that_does_not_fit() -> None:
    with pytest.raises(ValueError, match="ConnectorID"):
        Names(OPERATOR, IdTable()).connector(ConnectorRef("x", 10_000, 1))


def test_what_is_not_saved_is_handed_out_until_it_is() -> None:
    table = IdTable([IdPair("s", "a", "1")])
    table.add("s", "b", "2")
    assert table.unsaved() == (IdPair("s", "b", "2"),)
    table.saved(table.unsaved())
    assert table.unsaved() == ()
    assert table.size("s") == 2
    for local, external in (("a", "9"), ("z", "1")):
        with pytest.raises(ValueError, match="already paired"):
            table.add("s", local, external)
