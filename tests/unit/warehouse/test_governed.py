"""The warehouse tells of sessions and orders what the one set of facts says of them."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from monitor.store.governance import GovernanceStore, open_governance
from monitor.store.governance_rows import Batch
from monitor.store.governance_tables import GovernedOrder, Kind
from monitor.warehouse.audiences import report_of
from monitor.warehouse.files import Files
from monitor.warehouse.report import Asked
from tests.support.warehouse import FIRST, LAST, PLACES, Home, at


@pytest.fixture
async def home(tmp_path: Path) -> Home:
    made = Home(tmp_path)
    await made.begin()
    return made


@pytest.fixture
def facts(tmp_path: Path) -> Any:
    store = open_governance(tmp_path)
    yield store
    store.close()


def tell(facts: GovernanceStore, begin: datetime, end: datetime, **more: Any) -> None:
    """What is known of the first session now."""
    told: dict[str, Any] = {
        "number": "1", "operator": "own", "station": "DC-1", "connector": "1", "start": begin, "end": end,
        "energy_wh": 10_000.0, "meter_start_wh": 50_000.0, "meter_stop_wh": 60_000.0, "cause": "",
    }  # fmt: skip
    source = facts.source(Kind.STATIONS, "", at(30))
    facts.go_on(source, Batch([GovernedOrder(source_id=0, key="1", **told | more)]), at(30), at(30))


async def test_a_session_lies_in_the_day_of_its_corrected_clock_and_in_no_other(
    home: Home, facts: GovernanceStore
) -> None:
    await home.load(places=PLACES, facts=facts)
    (told,) = [row for row in home.rows("fact_session") if row["session_id"] == 1]
    assert (told["date"], told["started_at"], told["doubted"]) == (FIRST, at(23), "")
    tell(facts, at(34), at(36), cause="Q07")
    await home.load(places=PLACES, facts=facts)
    (moved,) = [row for row in home.rows("fact_session") if row["session_id"] == 1]
    assert (moved["date"], moved["started_at"], moved["ended_at"], moved["doubted"]) == (LAST, at(34), at(36), "Q07")
    levels = [name for name in moved if name.endswith("_wh") and "register" not in name and name != "energy_wh"]
    assert sum(moved[name] or 0.0 for name in levels) == pytest.approx(10_000.0)
    assert [moved[name] for name in levels] != [told[name] for name in levels], "other hours, other levels"
    assert [row["sessions"] for row in home.rows("day_evse") if row["station_id"] == "DC-1"] == [0, 1]
    tell(facts, at(23), at(25))
    await home.load(places=PLACES, facts=facts)
    (back,) = [row for row in home.rows("fact_session") if row["session_id"] == 1]
    assert (back["date"], back["started_at"]) == (FIRST, at(23))


async def test_what_is_no_fact_yet_is_told_as_it_came(home: Home, facts: GovernanceStore) -> None:
    await home.load(facts=facts)
    with_facts = home.rows("fact_session")
    await home.load()
    assert home.rows("fact_session") == with_facts


def test_rows_are_taken_out_of_all_days_but_their_own(tmp_path: Path) -> None:
    files = Files(tmp_path)
    for day in (FIRST, LAST):
        files.put_rows("fact_session", day, [{"session_id": n} for n in (1, 2, 3)])
    assert files.forget("fact_session", "session_id", {}) == []
    assert files.forget("fact_session", "session_id", {1: FIRST, 3: LAST}) == [FIRST, LAST]
    assert [[row["session_id"] for row in files.read("fact_session", day)] for day in (FIRST, LAST)] == [[1, 2], [2, 3]]


async def test_doubted_sessions_of_own_stations_are_counted(home: Home, facts: GovernanceStore) -> None:
    tell(facts, at(23), at(25), cause="Q04")
    await home.load(places=PLACES, facts=facts)
    told = report_of(home.warehouse, "government", Asked(FIRST, LAST))
    assert told.value("doubted_orders", "own") == 1
