"""A real store on a file, and rows to put in."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import system_clock
from csms.store import changes
from csms.store.engine import Store, open_store
from csms.store.tables import Station

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}"


@pytest.fixture
async def store(url: str) -> AsyncIterator[Store]:
    opened = await open_store(url, system_clock(), upgrade=True, busy_timeout_s=0.1)
    await opened.writer.commit([changes.put_station(Station(id="A"))])
    yield opened
    await opened.close()


@pytest.fixture
def sample() -> Callable[..., dict[str, Any]]:
    """`sample(n, **values)`: the n-th sample of station A."""

    def make(number: int, **values: Any) -> dict[str, Any]:
        time = NOON + timedelta(seconds=number)
        row = {"station_id": "A", "evse_id": 1, "time": time, "received_at": NOON, "measurand": "Power", "unit": "W"}
        return {**row, "value": float(number), **values}

    return make
