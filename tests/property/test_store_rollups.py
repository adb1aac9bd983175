"""After any arrivals, restarts and roll-up runs, side by side or in turn, a last run leaves every roll-up equal to the
one that all samples together give."""

from __future__ import annotations

import asyncio
import math
import shutil
import tempfile
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.model.clock import system_clock
from csms.store import migrate
from csms.store.engine import Store, open_store
from csms.store.rollup import Rollups
from csms.store.samples import StoredSample
from csms.store.times import floored
from tests.support.samples import add_samples

BEGIN = datetime(2026, 3, 1, 22, 30, tzinfo=UTC)
END = BEGIN + timedelta(days=4)
DAY_S, QUARTER_S = 86_400, 900


@dataclass(frozen=True)
class Arrival:
    """One message; its samples may be older than others that came before."""

    station: str
    evse_id: int
    transaction_id: str
    at_s: tuple[int, ...]
    value: float


@dataclass(frozen=True)
class Run:
    """A roll-up run at some moment of the clock, which may also have been set back."""

    at_s: int


@dataclass(frozen=True)
class Restart:
    """The process ends and a new one opens the database."""


Act = Arrival | Run | Restart

SECONDS = st.one_of(st.integers(0, 4 * QUARTER_S), st.integers(0, 3 * DAY_S), st.sampled_from([0, 899, 900, 901, 5400]))
ARRIVALS = st.builds(
    Arrival,
    station=st.sampled_from("AAB"),
    evse_id=st.just(1),
    transaction_id=st.sampled_from(["", "", "", "lost"]),
    at_s=st.lists(SECONDS, min_size=1, max_size=4).map(tuple),
    value=st.floats(-1e6, 1e6, allow_nan=False),
)
ACTS = st.one_of(ARRIVALS, ARRIVALS, ARRIVALS, st.builds(Run, SECONDS), st.just(Restart()))
GROUPS = st.lists(st.lists(ACTS, min_size=1, max_size=4), max_size=10)
"""Acts of one group go on side by side."""


@pytest.fixture(scope="module")
def empty() -> Any:
    folder = Path(tempfile.mkdtemp())
    migrate.upgrade(f"sqlite+aiosqlite:///{folder / 'empty.db'}")
    yield folder / "empty.db"
    shutil.rmtree(folder)


@given(groups=GROUPS)
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_roll_ups_are_those_of_all_samples(empty: Path, groups: list[list[Act]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "csms.db"
        shutil.copy(empty, path)
        asyncio.run(_play(path, groups))


async def _play(path: Path, groups: list[list[Act]]) -> None:
    store, rollups = await _open(path)
    for group in groups:
        await asyncio.gather(*(_act(store, rollups, act) for act in group))
        if any(isinstance(act, Restart) for act in group):
            await store.close()
            store, rollups = await _open(path)
    await rollups.run(END)
    try:
        samples = await store.reader.samples(limit=100_000)
        for grain_s in (QUARTER_S, DAY_S):
            found = {
                (r.station_id, r.evse_id, r.transaction_id, r.measurand, r.begins_at): (
                    (r.samples, r.minimum, r.maximum, r.first, r.last, r.first_at, r.last_at),
                    r.mean,
                )
                for r in await store.reader.rollups(grain_s=grain_s, limit=100_000)
            }
            wanted = _computed(samples, grain_s)
            assert {key: facts for key, (facts, _) in found.items()} == {k: facts for k, (facts, _) in wanted.items()}
            assert all(
                math.isclose(mean, wanted[key][1], rel_tol=1e-9, abs_tol=1e-6) for key, (_, mean) in found.items()
            )
    finally:
        await store.close()


async def _open(path: Path) -> tuple[Store, Rollups]:
    store = await open_store(f"sqlite+aiosqlite:///{path}", system_clock())
    return store, Rollups(store.writer, store.reader, chunk=3)


async def _act(store: Store, rollups: Rollups, act: Act) -> None:
    if isinstance(act, Run):
        await rollups.run(BEGIN + timedelta(seconds=act.at_s))
    elif isinstance(act, Arrival):
        await store.writer.commit([add_samples(_rows(act))])


def _rows(act: Arrival) -> Iterable[dict[str, Any]]:
    for number, at_s in enumerate(act.at_s):
        yield {
            "station_id": act.station,
            "evse_id": act.evse_id,
            "transaction_id": act.transaction_id,
            "time": BEGIN + timedelta(seconds=at_s),
            "received_at": END,
            "measurand": "Power" if number % 2 else "Energy",
            "unit": "W",
            "value": act.value + number,
        }


def _computed(samples: Iterable[StoredSample], grain_s: int) -> dict[tuple[Any, ...], tuple[tuple[Any, ...], float]]:
    buckets: dict[tuple[Any, ...], list[StoredSample]] = defaultdict(list)
    for s in samples:
        buckets[s.station_id, s.evse_id, s.transaction_id, s.measurand, floored(s.time, grain_s)].append(s)
    made = {}
    for key, held in buckets.items():
        held.sort(key=lambda s: s.time)
        values = [s.value for s in held]
        facts = (len(held), min(values), max(values), values[0], values[-1], held[0].time, held[-1].time)
        made[key] = facts, math.fsum(values) / len(values)
    return made
