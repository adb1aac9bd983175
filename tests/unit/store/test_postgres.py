"""What only PostgreSQL has: days as partitions, COPY with a way round duplicates, several gateways, what it tells."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from sqlalchemy.exc import DBAPIError

from csms.model.clock import ManualClock, system_clock
from csms.model.errors import StoreUnavailable
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.faults import is_outage
from csms.store.postgres import PostgresDatabase
from csms.store.tables import IdToken, Station
from csms.store.urls import postgres_url
from tests.support.databases import new_database
from tests.support.postgres import PostgresServer, name_of
from tests.support.samples import add_samples

Maker = Callable[..., dict[str, Any]]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
NUL = "a\0b"


@pytest.fixture
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return new_database(request, "postgresql", tmp_path)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
async def store(url: str, clock: ManualClock) -> AsyncIterator[Store]:
    opened = await open_store(url, clock)
    await opened.writer.commit([changes.put_station(Station(id="A"))])
    yield opened
    await opened.close()


Ask = Callable[[str], Any]


@pytest.fixture
def ask(postgres: PostgresServer, url: str) -> Ask:
    """`await ask(sql)`: the rows."""
    return lambda sql: postgres.fetch(name_of(url), sql)


async def days(ask: Ask) -> list[str]:
    found = await ask("SELECT inhrelid::regclass::text FROM pg_inherits WHERE inhparent = 'sample'::regclass")
    return sorted(name.removeprefix("sample_") for (name,) in found)


async def where(ask: Ask) -> list[tuple[float, str]]:
    """Each sample with the partition that it is in."""
    found = await ask("SELECT value, tableoid::regclass::text FROM sample ORDER BY value")
    return [(value, name.removeprefix("sample_")) for value, name in found]


async def test_days_are_made_ahead_at_opening_and_as_they_pass(store: Store, clock: ManualClock, ask: Ask) -> None:
    assert await days(ask) == ["20260101", "20260102", "20260103", "default"]
    clock.advance(DAY.total_seconds())
    await store.writer.commit([changes.put_token(IdToken(id_token="t"))])
    assert await days(ask) == ["20260101", "20260102", "20260103", "20260104", "default"]
    clock.advance(7 * DAY.total_seconds())
    await store.writer.commit([changes.put_token(IdToken(id_token="t"))])
    assert (await days(ask))[4:] == ["20260109", "20260110", "20260111", "default"]


async def test_samples_are_in_their_day_and_strangers_in_the_default(store: Store, sample: Maker, ask: Ask) -> None:
    midnight = NOON.replace(hour=0)
    times = [midnight - timedelta(microseconds=1), midnight, midnight + DAY - timedelta(microseconds=1), midnight + DAY]
    rows = [sample(n, time=time) for n, time in enumerate([*times, NOON + 400 * DAY])]
    await store.writer.commit([add_samples(rows)])
    assert [day for _, day in await where(ask)] == ["default", "20260101", "20260101", "20260102", "default"]
    assert [row.value for row in await store.reader.samples()] == [0, 1, 2, 3, 4]


async def test_a_day_takes_over_what_came_before_it_was_made(
    store: Store, clock: ManualClock, sample: Maker, ask: Ask
) -> None:
    early = [sample(1, time=NOON + 5 * DAY), sample(2, time=NOON + 6 * DAY), sample(3, time=NOON + 90 * DAY)]
    await store.writer.commit([add_samples(early)])
    clock.advance(5 * DAY.total_seconds())
    await store.writer.commit([add_samples([sample(4, time=NOON + 5 * DAY), *early])])
    assert await where(ask) == [(1, "20260106"), (2, "20260107"), (3, "default")]
    assert (await store.reader.counts())["samples"] == 3


async def test_two_gateways_make_the_same_days(url: str, ask: Ask) -> None:
    opened = await asyncio.gather(*(open_store(url, ManualClock(NOON)) for _ in range(4)))
    assert await days(ask) == ["20260101", "20260102", "20260103", "default"]
    for one in opened:
        await one.close()


async def test_a_backup_that_holds_the_tables_stops_nobody(
    store: Store, clock: ManualClock, url: str, sample: Maker, ask: Ask
) -> None:
    """The day's partition is made later; it was made ahead anyway."""
    backup = await asyncpg.connect(url.replace("+asyncpg", ""))
    await backup.execute("BEGIN; LOCK TABLE sample, sample_default IN ACCESS SHARE MODE")
    clock.advance(DAY.total_seconds())
    await store.writer.commit([add_samples([sample(1, time=NOON + DAY), sample(2, time=NOON + 3 * DAY)])])
    assert await where(ask) == [(1, "20260102"), (2, "default")]
    await backup.close()
    clock.advance(3600)
    await store.writer.commit([changes.put_token(IdToken(id_token="t"))])
    assert await where(ask) == [(1, "20260102"), (2, "20260104")]


async def test_a_user_who_may_not_make_tables_still_writes(
    postgres: PostgresServer, url: str, sample: Maker, ask: Ask, caplog: pytest.LogCaptureFixture
) -> None:
    role = name_of(url) + "_user"
    await ask(f"CREATE ROLE {role} LOGIN")
    await ask(f"GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}")
    await ask(f"GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO {role}")
    store = await open_store(url.replace("postgres@", f"{role}@"), ManualClock(NOON))
    await store.writer.commit([add_samples([sample(1)])])
    await store.close()
    assert await where(ask) == [(1, "default")]
    assert "partitions_not_made" in caplog.text


async def test_samples_sent_again_are_counted_once(store: Store, sample: Maker, ask: Ask) -> None:
    first = [sample(n) for n in range(5)]
    await store.writer.commit([add_samples(first)])
    await store.writer.commit([add_samples([*first, *[sample(n) for n in range(5, 8)], sample(7, value=70.0)])])
    await store.writer.commit([add_samples(first), changes.put_token(IdToken(id_token="t"))])
    assert [row.value for row in await store.reader.samples()] == list(range(8))
    assert (await store.reader.counts())["samples"] == 8
    assert await store.reader.token("t") is not None
    [(holder, value)] = await ask("SELECT holder, value FROM tally WHERE value > 0")
    assert value == 8
    assert holder


async def test_gateways_that_meet_the_same_strangers_share_their_numbers(url: str, sample: Maker, ask: Ask) -> None:
    opened = [await open_store(url, ManualClock(NOON)) for _ in range(3)]
    for turn in range(5):
        rows = [sample(n, station_id=f"S{turn}-{n}", unit=f"u{turn}", value=1.0) for n in range(40)]
        wanted = [rows, rows[::-1], rows[20:] + rows[:20]]
        calls = [one.writer.commit([add_samples(part)]) for one, part in zip(opened, wanted, strict=True)]
        await asyncio.gather(*calls)
    assert await ask("SELECT count(*) FROM metering_point") == [(200,)]
    assert await ask("SELECT count(*) FROM quantity") == [(5,)]
    assert (await opened[0].reader.counts())["samples"] == 200
    assert await ask("SELECT count(*) FROM sample") == [(200,)]
    for one in opened:
        await one.close()


async def test_what_the_server_would_lose_is_not_acknowledged(postgres: PostgresServer, url: str, ask: Ask) -> None:
    """A role set to commit before it writes: this writer does not take part."""
    role = name_of(url) + "_hasty"
    await ask(f"CREATE ROLE {role} LOGIN SUPERUSER")
    await ask(f"ALTER ROLE {role} SET synchronous_commit = off")
    store = await open_store(url.replace("postgres@", f"{role}@"), system_clock())
    assert isinstance(store.database, PostgresDatabase)
    assert await store.database._connection.fetchval("SHOW synchronous_commit") == "on"
    await store.close()


async def test_a_server_without_fsync_is_told(url: str, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        store = await open_store(url, system_clock())
    await store.close()
    assert "fsync_off" in caplog.text


async def test_readers_cannot_write_and_see_one_moment(store: Store) -> None:
    async with store.reader.connection() as connection:
        level = (await connection.exec_driver_sql("SHOW transaction_isolation")).scalar()
        assert level == "repeatable read"
        with pytest.raises(DBAPIError, match="read-only"):
            await connection.exec_driver_sql("DELETE FROM station")


POISONS = {
    "a station": lambda sample: add_samples([sample(0, station_id=NUL)]),
    "a measurand": lambda sample: add_samples([sample(0, measurand=NUL)]),
    "a card": lambda sample: changes.put_token(IdToken(id_token=NUL)),
    "a detail": lambda sample: changes.add_notice("A", NOON, NUL),
}


@pytest.mark.parametrize("kind", list(POISONS))
async def test_a_zero_byte_fails_its_own_call_only(store: Store, sample: Maker, kind: str) -> None:
    calls = [store.writer.commit([add_samples([sample(n)])]) for n in range(1, 20)]
    calls.insert(7, store.writer.commit([POISONS[kind](sample)]))
    results = await asyncio.gather(*calls, return_exceptions=True)
    assert [n for n, result in enumerate(results) if result is not None] == [7]
    assert [row.value for row in await store.reader.samples()] == list(range(1, 20))


async def test_errors_tell_no_values(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """Neither the server's details nor the driver's words about a value that it cannot send."""
    await store.writer.commit([changes.put_external_id("order", "1", "secret card")])
    wrong: list[Any] = [
        changes.put_external_id("order", "2", "secret card"),
        changes.put_token(IdToken(id_token="secret card", status=None)),  # type: ignore[arg-type]
        changes.put_token(IdToken(id_token=("secret card",))),  # type: ignore[arg-type]
        changes.put_token(IdToken(id_token="secret card" * 20)),
    ]
    for change in wrong:
        with pytest.raises(StoreUnavailable) as caught:
            await store.writer.commit([change])
        assert "secret" not in str(caught.value)
    assert "secret" not in caplog.text


async def test_opening_tells_no_password(postgres: PostgresServer, url: str) -> None:
    nowhere = url.replace("postgres@", "postgres:hush@")
    for wrong in (nowhere + "x", nowhere.replace("postgres:", "nobody:"), nowhere.replace(str(postgres.port), "1")):
        with pytest.raises(StoreUnavailable) as caught:
            await open_store(wrong, system_clock())
        assert "hush" not in str(caught.value)


async def test_errors_of_the_driver_are_told_apart(postgres: PostgresServer, url: str, ask: Ask) -> None:
    connection = await asyncpg.connect(url.replace("+asyncpg", ""))
    assert not is_outage(await _fault(connection.execute("INSERT INTO id_token VALUES ('t', NULL, '', NULL)")))
    assert not is_outage(await _fault(connection.execute("INSERT INTO id_token VALUES ($1, 'x', '', NULL)", 5)))
    assert not is_outage(await _fault(connection.execute("SELECT 1::int / 0")))
    pid = connection.get_server_pid()
    await ask(f"SELECT pg_terminate_backend({pid})")
    assert is_outage(await _fault(connection.fetch("SELECT 1")))
    assert is_outage(await _fault(connection.fetch("SELECT 1")))
    gone = url.replace("+asyncpg", "") + "x"
    assert is_outage(await _fault(asyncpg.connect(gone)))
    assert is_outage(await _fault(asyncpg.connect(url.replace("+asyncpg", ""), user="stranger")))
    for kind in (asyncpg.AdminShutdownError, asyncpg.DiskFullError, asyncpg.CannotConnectNowError):
        assert is_outage(kind("x"))
    assert is_outage(TimeoutError())


async def _fault(work: Any) -> BaseException:
    with pytest.raises(Exception) as caught:  # noqa: PT011 (which one is what the caller looks at)
        await work
    return caught.value


async def test_a_writer_that_was_stopped_leaves_no_connection(store: Store, url: str, ask: Ask) -> None:
    database = PostgresDatabase(postgres_url(url), ManualClock(NOON))
    await database.open()
    task = asyncio.create_task(database.write([changes.put_token(IdToken(id_token="t"))]))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert database._connection is None
    await database.close()
