"""Any interleaving of callers: what was acknowledged is there, in each caller's order; what was refused is not; no call
is there in part, cancelled ones neither."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.store import changes, migrate
from csms.store.change import Change
from csms.store.engine import open_store
from csms.store.writer import Writer
from tests.support.postgres import PostgresServer
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass(frozen=True)
class Act:
    """One call: `pauses` turns of the loop before it, some samples and notices, perhaps poison, perhaps cancelled."""

    pauses: int
    samples: int
    notices: int
    poison: bool
    cancelled_after: int | None


ACTS = st.builds(
    Act,
    pauses=st.integers(0, 3),
    samples=st.integers(0, 3),
    notices=st.integers(0, 2),
    poison=st.sampled_from([False] * 5 + [True]),
    cancelled_after=st.sampled_from([None] * 5 + [0, 1, 2]),
)


@dataclass
class Outcome:
    """What the callers were told, by (caller, call)."""

    acknowledged: list[tuple[int, int]] = field(default_factory=list)
    refused: list[tuple[int, int]] = field(default_factory=list)


def sample_row(caller: int, call: int, number: int) -> dict[str, Any]:
    return {
        "station_id": f"{caller}",
        "evse_id": call,
        "time": NOON + timedelta(seconds=number),
        "received_at": NOON,
        "measurand": "x",
        "value": float(number),
        "unit": "W",
    }


def changes_of(caller: int, call: int, act: Act) -> list[Change]:
    rows = [sample_row(caller, call, number) for number in range(act.samples)]
    wanted = [add_samples(rows)]
    wanted += [changes.add_notice(f"{caller}", NOON, f"{call}", {"n": n}) for n in range(act.notices)]
    if act.poison:
        poison = rows[0] if rows else {**sample_row(caller, call, 0), "evse_id": 2**70}
        wanted.append(add_samples([{**poison, "value": None}]))
    return wanted


async def one_caller(writer: Writer, caller: int, acts: list[Act], outcome: Outcome) -> None:
    for call, act in enumerate(acts):
        for _ in range(act.pauses):
            await asyncio.sleep(0)
        task = asyncio.create_task(writer.commit(changes_of(caller, call, act)))
        if act.cancelled_after is not None:
            for _ in range(act.cancelled_after):
                await asyncio.sleep(0)
            task.cancel()
        try:
            await task
            outcome.acknowledged.append((caller, call))
        except StoreUnavailable:
            outcome.refused.append((caller, call))
        except asyncio.CancelledError:
            continue


async def run(url: str, callers: list[list[Act]], calls_max: int) -> None:
    store = await open_store(url, system_clock())
    writer = Writer(store.database, system_clock(), calls_max)
    outcome = Outcome()
    await asyncio.gather(*(one_caller(writer, n, acts, outcome) for n, acts in enumerate(callers)))
    await writer.close()
    samples = await store.reader.samples(limit=10_000)
    notices = list(await store.reader.notices(limit=10_000))[::-1]
    await store.close()
    stored_samples, stored_notices = defaultdict(list), defaultdict(list)
    for sample in samples:
        stored_samples[int(sample.station_id), sample.evse_id].append(int(sample.value))
    for notice in notices:
        stored_notices[int(notice.station_id), int(notice.code)].append(notice.detail["n"])
    for caller, acts in enumerate(callers):
        for call, act in enumerate(acts):
            found = stored_samples[caller, call], stored_notices[caller, call]
            whole = list(range(act.samples)), list(range(act.notices))
            if (caller, call) in outcome.acknowledged:
                assert found == whole
            elif act.poison or (caller, call) in outcome.refused:
                assert found == ([], [])
            else:
                assert found in (whole, ([], []))
        calls_in_order = [int(row.code) for row in notices if row.station_id == str(caller)]
        assert calls_in_order == sorted(calls_in_order)
    refused = {(caller, call) for caller, call in outcome.refused if not callers[caller][call].poison}
    assert not refused, "an honest call was refused"


@pytest.fixture(scope="module")
def migrated(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "csms.db"
    migrate.upgrade(f"sqlite+aiosqlite:///{path}")
    return path


many = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
fewer = settings(many, max_examples=15)
cases = given(
    callers=st.lists(st.lists(ACTS, min_size=1, max_size=6), min_size=1, max_size=12),
    calls_max=st.sampled_from([1, 2, 5, 4096]),
)


@many
@cases
def test_every_interleaving_keeps_what_was_acknowledged(
    migrated: Path, callers: list[list[Act]], calls_max: int
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(migrated, Path(folder) / "csms.db")
        asyncio.run(run(f"sqlite+aiosqlite:///{folder}/csms.db", callers, calls_max))


@fewer
@cases
def test_every_interleaving_on_postgresql(postgres: PostgresServer, callers: list[list[Act]], calls_max: int) -> None:
    url = postgres.new()
    asyncio.run(run(url, callers, calls_max))
    postgres.give_back(url)
