"""Sessions and samples of a real database, judged: what stations told over OCPP becomes facts."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.model.clock import system_clock
from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.tables import Evse, Session, Station
from csms.texts import catalogue
from monitor.governance.console import build

START = datetime(2026, 3, 2, 4, tzinfo=UTC)


def metered(number: int, begin: datetime, fall_at: int | None) -> list[Sample]:
    """An hour at 7 kW, each minute; with a register that falls by 0.5 kWh at one minute; and voltages."""
    found = []
    for minute in range(61):
        at = begin + timedelta(minutes=minute)
        register_wh = 7000.0 * number + 7000 * minute / 60 - (500 if minute == fall_at else 0)
        found += [
            Sample(time=at, measurand="Energy.Active.Import.Register", value=register_wh, unit="Wh"),
            Sample(time=at, measurand="Power.Active.Import", value=7000.0, unit="W"),
            Sample(time=at, measurand="Power.Active.Import", value=2333.0, unit="W", phase="L1"),
            Sample(time=at, measurand="Voltage", value=230.0, unit="V"),
        ]
    return found


async def fill(folder: Path) -> None:
    """Three sessions in a row: a sound one, one whose register falls, one whose order tells twice its energy."""
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock(), upgrade=True)
    try:
        await store.writer.commit([changes.put_station(Station(id="cp-1"))])
        await store.writer.commit([changes.put_evse(Evse(station_id="cp-1", evse_id=1, power_max_w=7000))])
        for number in range(3):
            begin = START + timedelta(hours=2 * number)
            end = begin + timedelta(hours=1)
            session = Session(
                id=number + 1,
                station_id="cp-1",
                evse_id=1,
                transaction_id=str(number),
                status="ended",
                started_at=begin,
                received_at=begin,
                ended_at=end,
                start_register_wh=7000.0 * number,
                end_register_wh=7000.0 * number + 7000,
                energy_wh=14_000.0 if number == 2 else 7000.0,
            )
            await store.writer.commit([changes.open_session(session)])
            samples = metered(number, begin, 30 if number == 1 else None)
            batch = SampleBatch("cp-1", 1, end, samples, session_id=number + 1)
            await store.writer.commit([changes.add_samples(batch)])
    finally:
        await store.close()


def run(folder: Path, *more: str, lang: str = "en") -> Any:
    return CliRunner().invoke(build(catalogue(lang)), ["judge", "--data-dir", str(folder), *more])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    asyncio.run(fill(tmp_path))
    return tmp_path


def test_the_faulty_sessions_of_a_database_are_named_with_their_causes(folder: Path) -> None:
    found = run(folder, "--json")
    assert found.exit_code == 0, found.output
    told = json.loads(found.stdout)
    assert told["sessions"] == 3
    assert {one["session_id"]: one["cause"] for one in told["doubted"]} == {2: "Q04", 3: "Q01"}
    assert {one["session_id"]: one["broken"] for one in told["doubted"]}[3]["Q01"] == 7000.0
    (day,) = told["days"]
    assert (day["day"], day["station"], day["sessions"], day["doubted"]) == ("2026-03-02", "cp-1", 3, 2)
    assert 50 < day["score"] < 100


def test_the_newest_sessions_only_and_in_words(folder: Path) -> None:
    told = run(folder, "--sessions", "1")
    assert "1 sessions judged, 1 doubted" in told.output
    assert "3  cp-1  Q01" in told.output
    assert "已检查 3 个订单" in run(folder, lang="zh").output


def test_without_a_database_it_says_so(tmp_path: Path) -> None:
    assert run(tmp_path).exit_code == 2
