"""Messages that come at the same time share a transaction, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import event
from sqlalchemy.exc import StatementError

from csms.province.profile import Kind
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing

NOW = datetime(2026, 3, 1, 15, 0, tzinfo=UTC)
OPERATOR, OTHER = "123456789", "987654321"


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path)
    yield found
    await found.close()


def calls(number: int, operator: str) -> Mapping[Standing, Call]:
    call = Call(NOW, "notification_charge_order_info", 200, 0, operator, f"order {number}")
    return dict.fromkeys(Standing, call)


async def accept(store: IntakeStore, number: int, operator: str = OPERATOR, kwh: float | str = 1.5) -> Standing:
    message = Message(Kind.CHARGE_ORDER, {"TotalPower": kwh}, f"{kwh}", f"{operator} {number}".encode())
    return await store.accept(calls(number, operator), message)


def commits(store: IntakeStore) -> list[None]:
    seen: list[None] = []
    event.listen(store._writer._engine, "commit", lambda _: seen.append(None))
    return seen


async def test_many_at_once_take_few_transactions(store: IntakeStore) -> None:
    seen = commits(store)
    found = await asyncio.gather(*(accept(store, n, (OPERATOR, OTHER)[n % 2]) for n in range(60)))
    assert found == [Standing.NEW] * 60
    assert 1 <= len(seen) <= 3
    assert [len(await store.orders(o, [f"order {n}" for n in range(60)])) for o in (OPERATOR, OTHER)] == [30, 30]


async def test_equal_orders_in_one_transaction_count_once(store: IntakeStore) -> None:
    wanted = [accept(store, 1), accept(store, 1), accept(store, 1, kwh=9), accept(store, 1, OTHER)]
    assert sorted(await asyncio.gather(*wanted)) == [
        Standing.CONFLICT, Standing.DUPLICATE, Standing.NEW, Standing.NEW,
    ]  # fmt: skip
    counts = await store.summary()
    assert (counts["orders"], counts["order_energy_kwh"]) == (2, 3.0)


async def test_one_that_cannot_be_written_fails_alone(store: IntakeStore) -> None:
    bad = Message(Kind.CHARGE_ORDER, {"TotalPower": 1.0, "x": object()}, "d", b"bad")
    wanted = [accept(store, 1), store.accept(calls(2, OPERATOR), bad), accept(store, 3)]
    found = await asyncio.gather(*wanted, return_exceptions=True)
    assert found[0] is found[2] is Standing.NEW
    assert isinstance(found[1], StatementError | TypeError)
    assert await accept(store, 4) is Standing.NEW
    assert sorted(await store.orders(OPERATOR, [f"order {n}" for n in range(5)])) == ["order 1", "order 3", "order 4"]


async def test_one_that_stops_waiting_holds_up_nobody(store: IntakeStore) -> None:
    tasks = [asyncio.create_task(accept(store, n)) for n in range(20)]
    await asyncio.sleep(0.002)
    tasks[0].cancel()
    tasks[7].cancel()
    found = await asyncio.wait_for(asyncio.gather(*tasks, return_exceptions=True), 10)
    assert sum(standing is Standing.NEW for standing in found) >= 18
    assert await accept(store, 30) is Standing.NEW
