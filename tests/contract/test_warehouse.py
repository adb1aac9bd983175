"""The warehouse loads the same from either engine."""

from __future__ import annotations

from pathlib import Path

import pytest

from monitor.warehouse.statistics import GROUPS, STATISTICS
from tests.support.warehouse import FIRST, LAST, Home


@pytest.fixture
async def home(database_url: str, tmp_path: Path) -> Home:
    made = Home(tmp_path, database_url)
    await made.begin()
    return made


async def test_what_is_loaded(home: Home) -> None:
    done = await home.load()
    assert (done.sessions, done.quarters) == (3, 13)
    energy = {row["date"]: row["energy_kwh"] for row in home.ask("energy")}
    assert energy == {FIRST: pytest.approx(7.0), LAST: pytest.approx(5.0)}
    flat, sharp = (row for row in home.rows("fact_session") if row["session_id"] in (1, 2))
    assert flat["station_id"] == "DC-1"
    assert flat["valley_wh"] + flat["flat_wh"] + flat["peak_wh"] + flat["sharp_wh"] + flat["deep_wh"] == 10_000.0
    assert sharp["energy_wh"] == 2_000.0
    assert (await home.load()).written == 0
    for name in STATISTICS:
        for by in GROUPS:
            assert home.ask(name, by), (name, by)
