"""A database that agrees with itself passes; each way of not doing so is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.store import changes
from csms.store.engine import open_store
from csms.store.rollup import Rollups
from csms.store.tables import Session, Station
from csms.store.verify import verify
from tests.support.samples import add_samples

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


async def fill(url: str) -> None:
    clock = ManualClock(NOON + timedelta(hours=2))
    store = await open_store(url, clock, upgrade=True)
    row = {"station_id": "A", "evse_id": 1, "received_at": NOON, "measurand": "Power", "unit": "W"}
    rows = [{**row, "time": NOON + timedelta(minutes=n), "value": float(n)} for n in range(60)]
    session = Session(
        id=1, station_id="A", evse_id=1, transaction_id="1", started_at=NOON, received_at=NOON, energy_wh=5.0
    )
    await store.writer.commit([changes.put_station(Station(id="A")), changes.open_session(session), add_samples(rows)])
    await Rollups(store.writer, store.reader).run(clock.now())
    await store.close()


async def test_a_sound_database_passes_on_both_engines(database_url: str) -> None:
    import asyncio

    await fill(database_url)
    for full in (False, True):
        checks = await asyncio.to_thread(lambda full=full: verify(database_url, full=full))
        assert [check.name for check in checks if check.ok is False] == []
        assert "4 in all" in checks[-1].detail


DAMAGE = {
    "samples": "DELETE FROM sample WHERE value = 7",
    "rollups": "UPDATE rollup SET maximum = 1000 WHERE grain_s = 900",
    "numbers": "UPDATE sample SET bank = 77 WHERE value = 7",
    "sessions": "UPDATE session SET energy_wh = -1",
    "schema": "UPDATE alembic_version SET version_num = '0001'",
    "references": "UPDATE session SET station_id = 'nobody'",
}


@pytest.mark.parametrize("name", list(DAMAGE))
async def test_each_kind_of_damage_is_found(tmp_path: Path, name: str) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    await fill(url)
    with closing(sqlite3.connect(tmp_path / "csms.db")) as connection:
        connection.execute(DAMAGE[name])
        connection.commit()
    wrong = {check.name for check in verify(url, full=True) if check.ok is False}
    assert name in wrong
    assert wrong <= {name, "rollups", "samples"}


async def test_a_damaged_file(tmp_path: Path) -> None:
    url = f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"
    await fill(url)
    data = bytearray((tmp_path / "csms.db").read_bytes())
    data[-4096 * 3 :] = b"\x5a" * 4096 * 3
    (tmp_path / "csms.db").write_bytes(data)
    with suppress(StoreUnavailable):  # or too far gone to be read at all
        assert any(check.ok is False for check in verify(url))


def test_no_database(tmp_path: Path) -> None:
    with pytest.raises(StoreUnavailable):
        verify(f"sqlite+aiosqlite:///{tmp_path / 'nothing.db'}")
