"""The writer: shared commits, order, isolation of a guilty caller, cancelled callers, back-pressure, a clean end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import changes
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.tables import Station
from csms.store.writer import Writer
from tests.support.samples import add_samples


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Store]:
    """As in the package's other tests, on each engine."""
    opened = await open_store(database_url, system_clock(), upgrade=True)
    await opened.writer.commit([changes.put_station(Station(id="A"))])
    yield opened
    await opened.close()


Maker = Callable[..., dict[str, Any]]
LONE_SURROGATE = "\ud800"


POISONS: dict[str, Callable[[Maker], Change]] = {
    "a rule of the table": lambda sample: add_samples([sample(0, value=None)]),
    "a stranger": lambda sample: changes.put_connector("nobody", 1, 1, status="x", received_at=sample(0)["time"]),
    "a number too large": lambda sample: add_samples([sample(0, evse_id=2**70)]),
    "a type": lambda sample: add_samples([sample(0, measurand=object())]),
    "a text that is none": lambda sample: add_samples([sample(0, measurand=LONE_SURROGATE)]),
    "a time without a zone": lambda sample: add_samples([sample(0, time=sample(0)["time"].replace(tzinfo=None))]),
    "a detail that is no JSON": lambda sample: changes.add_notice("A", sample(0)["time"], "x", {"x": object()}),
}
"""Changes that no database takes, each failing in its own way."""


async def numbers(store: Store) -> list[int]:
    return [int(row.value) for row in await store.reader.samples(limit=10_000)]


async def test_what_is_committed_can_be_read_at_once(store: Store, sample: Maker) -> None:
    await store.writer.commit([add_samples([sample(1), sample(2)])])
    assert await numbers(store) == [1, 2]


@pytest.mark.req("LOAD-05")
async def test_calls_made_together_share_few_commits(store: Store, sample: Maker) -> None:
    before = store.writer.statistics.batches
    await asyncio.gather(*(store.writer.commit([add_samples([sample(n)])]) for n in range(500)))
    statistics = store.writer.statistics
    assert statistics.batches - before <= 2
    assert (statistics.commits, statistics.rows, statistics.refused) == (501, 501, 0)
    assert statistics.last_commit_s > 0
    assert await numbers(store) == list(range(500))


async def test_one_call_is_all_or_nothing(store: Store, sample: Maker) -> None:
    good, bad = add_samples([sample(1)]), changes.add_notice("A", sample(1)["time"], None)  # type: ignore[arg-type]
    with pytest.raises(StoreUnavailable):
        await store.writer.commit([good, bad])
    assert await numbers(store) == []


@pytest.mark.parametrize("kind", list(POISONS))
async def test_only_the_guilty_caller_is_told(store: Store, sample: Maker, kind: str) -> None:
    poison = POISONS[kind](sample)
    calls = [store.writer.commit([add_samples([sample(n)])]) for n in range(1, 40)]
    calls.insert(17, store.writer.commit([add_samples([sample(1000)]), poison]))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not None] == [17]
    failure = results[17]
    assert isinstance(failure, StoreUnavailable)
    assert failure.code == "store_unavailable"
    assert await numbers(store) == list(range(1, 40))
    assert store.writer.statistics.refused == 1
    await store.writer.commit([add_samples([sample(50)])])


async def test_many_guilty_callers_among_honest_ones(store: Store, sample: Maker) -> None:
    poison = POISONS["a rule of the table"](sample)
    wanted = [poison if n % 3 == 0 else add_samples([sample(n)]) for n in range(60)]
    results = await asyncio.gather(*(store.writer.commit([change]) for change in wanted), return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not None] == list(range(0, 60, 3))
    assert await numbers(store) == [n for n in range(60) if n % 3]


async def test_the_error_tells_no_driver_data(store: Store, sample: Maker) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        await store.writer.commit([add_samples([sample(1, transaction_id="secret card", value=None)])])
    assert "secret" not in str(caught.value)
    assert all(word in str(caught.value) for word in ("sample", "value"))


async def test_later_changes_win_within_and_across_callers(store: Store) -> None:
    names = [f"v{n}" for n in range(100)]
    await asyncio.gather(
        *(store.writer.commit([changes.put_station(Station(id="A", vendor="x")), _vendor(name)]) for name in names)
    )
    station = await store.reader.station("A")
    assert station is not None
    assert station.vendor == "v99"


def _vendor(name: str) -> Change:
    return changes.put_station(Station(id="A", vendor=name))


async def test_nothing_to_do_is_done_at_once(store: Store) -> None:
    before = store.writer.statistics.batches
    await store.writer.commit([])
    await store.writer.commit([add_samples([])])
    assert store.writer.statistics.batches == before


async def test_a_cancelled_caller_harms_nobody_and_its_work_is_kept(store: Store, sample: Maker) -> None:
    tasks = [asyncio.create_task(store.writer.commit([add_samples([sample(n)])])) for n in range(100)]
    await asyncio.sleep(0)
    for task in tasks[::2]:
        task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert all(isinstance(result, asyncio.CancelledError) for result in results[::2])
    assert results[1::2] == [None] * 50
    await store.writer.commit([add_samples([sample(100)])])
    assert await numbers(store) == list(range(101))


async def test_a_cancelled_guilty_caller_harms_nobody(store: Store, sample: Maker) -> None:
    bad = asyncio.create_task(store.writer.commit([POISONS["a stranger"](sample)]))
    good = asyncio.create_task(store.writer.commit([add_samples([sample(1)])]))
    await asyncio.sleep(0)
    bad.cancel()
    await good
    assert await numbers(store) == [1]


async def test_more_callers_than_room_wait_and_lose_nothing(store: Store, sample: Maker) -> None:
    writer = Writer(store.database, system_clock(), calls_max=3)
    await asyncio.gather(*(writer.commit([add_samples([sample(n)])]) for n in range(20)))
    assert writer.statistics.batches >= 7
    await writer.close()
    assert await numbers(store) == list(range(20))


async def test_waiting_for_room_can_be_cancelled(store: Store, sample: Maker) -> None:
    writer = Writer(store.database, system_clock(), calls_max=1)
    tasks = [asyncio.create_task(writer.commit([add_samples([sample(n)])])) for n in range(3)]
    await asyncio.sleep(0)
    tasks[1].cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [type(None), asyncio.CancelledError, type(None)]
    await writer.close()
    assert await numbers(store) == [0, 2]


async def test_closing_writes_what_was_handed_over_even_behind_a_full_queue(store: Store, sample: Maker) -> None:
    writer = Writer(store.database, system_clock(), calls_max=4)
    tasks = [asyncio.create_task(writer.commit([add_samples([sample(n)])])) for n in range(20)]
    await asyncio.sleep(0)
    await writer.close()
    assert await asyncio.gather(*tasks) == [None] * 20
    assert await numbers(store) == list(range(20))


async def test_after_closing_calls_are_refused(store: Store, sample: Maker) -> None:
    await store.writer.close()
    await store.writer.close()
    with pytest.raises(StoreUnavailable, match="closed"):
        await store.writer.commit([add_samples([sample(1)])])


async def test_a_stopped_writer_tells_everyone(store: Store, sample: Maker) -> None:
    writer = Writer(store.database, system_clock(), calls_max=2)
    tasks = [asyncio.create_task(writer.commit([add_samples([sample(n)])])) for n in range(5)]
    await asyncio.sleep(0)
    writer._task.cancel()
    results = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * 5
    await writer.close()
