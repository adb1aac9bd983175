"""Identifiers: their form, one for each thing, for ever."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import pytest

from csms.model.ids import ConnectorRef
from csms.province import ids
from csms.province.ids import IdPair, IdsExhausted, IdTable, Names, NumberNotLooked

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


class Shelf:
    """Pairs as a database has them; counts how often it is asked."""

    def __init__(self) -> None:
        self.pairs: dict[tuple[str, str], str] = {}
        self.asked = 0

    def put(self, pairs: Sequence[IdPair]) -> None:
        for pair in pairs:
            assert pair.external not in self.pairs.values(), "given twice"
            self.pairs[pair.scope, pair.local] = pair.external

    async def stored(self, scope: str, locals_: Sequence[str], externals: Sequence[str]) -> list[IdPair]:
        self.asked += 1
        mine = [IdPair(*key, external) for key, external in self.pairs.items() if key[0] == scope]
        return [pair for pair in mine if pair.local in locals_ or pair.external in externals]


async def test_numbers_of_orders_are_found_again_although_memory_forgets_them() -> None:
    shelf = Shelf()
    table = IdTable((), shelf.stored, orders_kept=10)
    names, given = Names(OPERATOR, table), {}
    for number in range(1, 101):
        await names.know([(number, NOW)])
        given[number] = names.order(number, NOW)
        shelf.put(table.unsaved())
        table.saved(table.unsaved())
    assert table.orders_held <= 11
    assert len(set(given.values())) == 100
    await names.know([(number, NOW) for number in (1, 50)])
    assert [names.order(number, NOW) for number in (1, 50)] == [given[1], given[50]]
    assert await names.session_of(given[7]) == 7
    assert await names.session_of(OPERATOR + "20990101000000" + "0001") is None
    assert table.unsaved() == ()


async def test_what_is_not_saved_yet_is_not_forgotten() -> None:
    shelf = Shelf()
    table = IdTable((), shelf.stored, orders_kept=2)
    names = Names(OPERATOR, table)
    for number in range(5):
        await names.know([(number, NOW)])
        names.order(number, NOW)
    assert len(table.unsaved()) == table.orders_held == 5


async def test_a_number_that_a_forgotten_session_has_is_not_given_to_another() -> None:
    """A pile whose clock stands still begins all its sessions in one second."""
    shelf = Shelf()
    for taken in range(300):
        shelf.put([IdPair(f"{OPERATOR}.order", str(taken), f"{OPERATOR}20260102000001{taken:04d}")])
    names = Names(OPERATOR, IdTable((), shelf.stored, orders_kept=1))
    await names.know([(10_000, NOW)])
    assert names.order(10_000, NOW).endswith("0300")
    assert shelf.asked < 8


async def test_without_a_look_no_number_is_given() -> None:
    names = Names(OPERATOR, IdTable((), Shelf().stored))
    with pytest.raises(NumberNotLooked):
        names.order(1, NOW)


async def test_ten_thousand_sessions_of_one_second_are_the_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ids, "SERIALS_PER_SECOND", 2)
    names = Names(OPERATOR, IdTable((), Shelf().stored))
    await names.know([(number, NOW) for number in range(3)])
    assert len({names.order(number, NOW) for number in range(2)}) == 2
    with pytest.raises(IdsExhausted):
        names.order(2, NOW)


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
