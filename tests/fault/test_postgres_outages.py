"""Real outages of a PostgreSQL server: stopped, killed in mid-flush, hanging, full, and a client cut off.

Every waiting caller is told, nobody waits for ever, nothing acknowledged is lost, and the writer goes on by itself.
"""

from __future__ import annotations

import asyncio
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store.change import Change
from csms.store.engine import Store, open_store
from csms.store.postgres import PostgresDatabase
from csms.store.urls import postgres_url
from csms.store.writer import Writer
from tests.support.postgres import PostgresServer, name_of, start_server
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ROOT = Path(__file__).resolve().parents[2]
VICTIM = Path(__file__).with_name("store_victim.py")
FILE_MAX = 17 << 20
"""A little more than a file of the server's log takes."""

FILL = (
    "INSERT INTO sample SELECT 0, '2026-01-01 13:00+00', 0, n, 0, 0, '2026-01-01 13:00+00' "
    "FROM generate_series({first}, {last}) n"
)
KILLS = 3
KILLS_MAX = 10
PATIENCE_S = 60.0


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    """Its own, with the settings that a server comes with."""
    made = start_server()
    yield made
    made.remove()


@pytest.fixture
def url(server: PostgresServer) -> str:
    return server.new()


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, system_clock(), busy_timeout_s=0.1)
    yield opened
    await opened.close()


def sample(number: int) -> Change:
    time_of = NOON + timedelta(seconds=number)
    row = {"station_id": "A", "evse_id": 1, "time": time_of, "received_at": NOON, "measurand": "x", "unit": "W"}
    return add_samples([{**row, "value": number}])


async def refused(writer: Writer, calls: int = 20) -> None:
    """Every one of several waiting callers is told, with the stable code."""
    wanted = (writer.commit([sample(1000 + number)]) for number in range(calls))
    results = await asyncio.gather(*wanted, return_exceptions=True)
    assert [type(result) for result in results] == [StoreUnavailable] * calls
    assert {result.code for result in results if isinstance(result, StoreUnavailable)} == {"store_unavailable"}


async def numbers(store: Store) -> list[int]:
    return [int(row.value) for row in await store.reader.samples()]


async def test_a_server_that_is_stopped_and_comes_back(store: Store, server: PostgresServer) -> None:
    await store.writer.commit([sample(1)])
    assert await numbers(store) == [1]
    server.stop()
    try:
        await refused(store.writer)
        await refused(store.writer)
        with pytest.raises(StoreUnavailable, match="cannot be read"):
            await store.reader.stations()
    finally:
        server.start()
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]


async def test_a_server_that_is_restarted_while_nobody_writes(store: Store, server: PostgresServer) -> None:
    await store.writer.commit([sample(1)])
    assert await numbers(store) == [1]
    server.stop()
    server.start()
    await asyncio.sleep(0.1)
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]
    assert store.writer.statistics.refused == 0


async def test_opening_without_a_server(server: PostgresServer, url: str) -> None:
    server.stop()
    try:
        with pytest.raises(StoreUnavailable, match="cannot be opened"):
            await open_store(url, system_clock())
    finally:
        server.start()


async def test_a_server_that_hangs(server: PostgresServer, url: str, store: Store) -> None:
    """It keeps the connection and says nothing: a time-out, for a transaction and for a connection."""
    writer = Writer(PostgresDatabase(postgres_url(url), system_clock(), write_timeout_s=0.3), system_clock())
    await store.writer.commit([sample(2)])
    server.pause()
    try:
        await refused(writer)
    finally:
        server.resume()
    await _until_taken(writer, sample(3))
    server.pause()
    try:
        await refused(writer)
        await refused(writer, calls=300)
    finally:
        server.resume()
    await _until_taken(writer, sample(4))
    await writer.close()
    assert {2, 3, 4} <= set(await numbers(store))


async def _until_taken(writer: Writer, change: Change) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    while True:
        try:
            return await writer.commit([change])
        except StoreUnavailable:
            assert time.monotonic() < deadline_s
            await asyncio.sleep(0.05)


async def test_a_table_that_another_holds(store: Store, url: str, server: PostgresServer) -> None:
    await store.writer.commit([sample(1)])
    holder = await asyncpg.connect(url.replace("+asyncpg", ""))
    await holder.execute("BEGIN; LOCK TABLE sample IN ACCESS EXCLUSIVE MODE")
    await refused(store.writer, calls=100)
    await holder.close()
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]


async def test_a_connection_that_the_server_ends(store: Store, url: str, server: PostgresServer) -> None:
    """At most the batch on its way is refused."""
    await store.writer.commit([sample(1)])
    ended = await server.fetch(
        name_of(url), "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'csms%'"
    )
    assert ended
    await asyncio.gather(store.writer.commit([sample(2)]), return_exceptions=True)
    await store.writer.commit([sample(3)])
    assert set(await numbers(store)) >= {1, 3}


@pytest.fixture
def small_disk(server: PostgresServer) -> Iterator[PostgresServer]:
    """A server whose files stop growing, as on a full disk."""
    server.stop()
    server.start(file_max=FILE_MAX)
    yield server
    server.stop()
    server.start()


async def test_a_full_disk(small_disk: PostgresServer) -> None:
    """Refused loudly while there is no room; what was acknowledged stays, and room that is made is used at once."""
    url = small_disk.new()
    store = await open_store(url, system_clock())
    await store.writer.commit([sample(1)])
    with pytest.raises(asyncpg.PostgresError, match="could not extend"):
        await _fill(small_disk, name_of(url))
    with pytest.raises(StoreUnavailable, match="could not extend"):
        await store.writer.commit([sample(number) for number in range(2, 500)])
    await small_disk.fetch(name_of(url), "DELETE FROM sample_default WHERE point_id = 0")
    await small_disk.fetch(name_of(url), "VACUUM sample_default")
    await store.writer.commit([sample(2)])
    assert await numbers(store) == [1, 2]
    await store.close()


async def _fill(server: PostgresServer, name: str) -> None:
    for start in range(0, 1_000_000, 50_000):
        await server.fetch(name, FILL.format(first=start + 1, last=start + 50_000))


def test_a_server_killed_in_mid_flush(server: PostgresServer, url: str, tmp_path: Path) -> None:
    """Killed again and again under one victim, which goes on by itself each time."""
    chance = random.Random(20260103)
    told = tmp_path / "acknowledged"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    victim = subprocess.Popen([sys.executable, str(VICTIM), url, str(told), "after"], cwd=ROOT, env=environment)
    hits: list[bool] = []
    try:
        while len(hits) < KILLS or (len(hits) < KILLS_MAX and not any(hits)):
            _wait_for_more(victim, told)
            time.sleep(chance.uniform(0.02, 0.3))
            hits.append(_was_mid_flush(told, server.kill()))
            server.start()
        _wait_for_more(victim, told)
    finally:
        victim.kill()
        victim.wait()
    lines = told.read_text().split("\n")[:-1]
    acknowledged = [int(line) for line in lines if line[0] not in "<>!"]
    joined = "SELECT p.evse_id FROM sample s JOIN metering_point p ON p.id = s.point_id"
    rows = Counter(number for (number,) in server.run(name_of(url), joined))
    [(tally,)] = server.run(name_of(url), "SELECT sum(value) FROM tally WHERE name = 'samples'")
    assert [number for number in acknowledged if number not in rows] == []
    assert {number: found for number, found in rows.items() if found != 3} == {}
    assert tally == rows.total()
    assert any(hits), "no kill hit a transaction: the test proves nothing"
    assert "!" in lines, "nobody was refused: the kills hit nothing"


def _wait_for_more(victim: subprocess.Popen[bytes], told: Path) -> None:
    """Until the victim has acknowledged something new."""
    before = told.stat().st_size if told.exists() else 0
    deadline_s = time.monotonic() + PATIENCE_S
    while not any(line.isdigit() for line in _text(told)[before:].split("\n")[1:-1]):
        assert victim.poll() is None, "the victim ended by itself"
        assert time.monotonic() < deadline_s, "the victim does not go on"
        time.sleep(0.02)


def _was_mid_flush(told: Path, killed_at_s: float) -> bool:
    """Whether a transaction that had begun before the kill has no end."""
    marks = [line for line in _text(told).split("\n")[:-1] if line[:1] in ("<", ">")]
    begun = [n for n, mark in enumerate(marks) if mark[0] == "<" and float(mark[1:]) < killed_at_s]
    return bool(begun) and marks[begun[-1] + 1 : begun[-1] + 2] != [">"]


def _text(told: Path) -> str:
    return told.read_text() if told.exists() else ""
