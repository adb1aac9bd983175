"""One set of facts: sessions of a real database and orders of a real intake, gathered, repaired, judged, told of."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, insert
from typer.testing import CliRunner

from csms.model.clock import system_clock
from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.tables import Evse, Session, Station
from csms.texts import catalogue
from monitor.governance.console import build
from monitor.store.governance import FILE_NAME, open_governance
from monitor.store.governance_tables import Kind
from monitor.store.governance_upgrade import TooNew
from monitor.store.intake import open_intake
from monitor.store.messages import table_of
from monitor.store.tables import IntakeOrder

START = datetime(2026, 3, 2, 4, tzinfo=UTC)
REGISTER = "Energy.Active.Import.Register"


def session(number: int, begin: datetime, **more: Any) -> Session:
    """An hour at 7 kW."""
    told: dict[str, Any] = {
        "id": number,
        "station_id": "cp-1",
        "evse_id": 1,
        "transaction_id": f"t{number}",
        "status": "ended",
        "started_at": begin,
        "received_at": begin,
        "ended_at": begin + timedelta(hours=1),
        "start_register_wh": 7000.0 * number,
        "end_register_wh": 7000.0 * number + 7000,
        "energy_wh": 7000.0,
    }
    return Session(**told | more)


def metered(one: Session, minutes: Iterable[int]) -> list[Sample]:
    return [
        Sample(
            time=one.started_at + timedelta(minutes=minute),
            measurand=REGISTER,
            value=7000.0 * one.id + 7000 * minute / 60,
            unit="Wh",
        )
        for minute in minutes
    ]


def fill(folder: Path, sessions: list[tuple[Session, Iterable[int]]]) -> None:
    """Write them with their samples into the central system's database."""

    async def written() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock(), upgrade=True)
        try:
            for station_id in sorted({one.station_id for one, _ in sessions}):
                await store.writer.commit([changes.put_station(Station(id=station_id))])
                await store.writer.commit([changes.put_evse(Evse(station_id=station_id, evse_id=1, power_max_w=7000))])
            for one, minutes in sessions:
                await store.writer.commit([changes.open_session(one)])
                batch = SampleBatch(one.station_id, 1, one.received_at, metered(one, minutes), session_id=one.id)
                await store.writer.commit([changes.add_samples(batch)])
        finally:
            await store.close()

    asyncio.run(written())


def changed(folder: Path, statement: str) -> None:
    with sqlite3.connect(folder / "csms.db") as database:
        database.execute(statement)
    database.close()


def pushed(folder: Path, operator: str, *orders: dict[str, Any]) -> None:
    """What a platform has accepted from a partner."""

    async def made() -> None:
        await (await open_intake(folder)).close()

    asyncio.run(made())
    engine = create_engine(f"sqlite:///{folder / 'intake.db'}")
    with engine.begin() as connection:
        for place, content in enumerate(orders):
            row = {"operator_id": operator, "business_id": content["StartChargeSeq"], "content_sha256": str(content)}
            came = {"received_at": START + timedelta(days=1, seconds=place), "energy_kwh": 0.0, "money_yuan": 0.0}
            connection.execute(insert(table_of(IntakeOrder)).values(**row, **came, content=content))
    engine.dispose()


def order(number: str, **more: Any) -> dict[str, Any]:
    told = {"StartTime": "2026-03-02 12:00:00", "EndTime": "2026-03-02 13:00:00", "TotalPower": 7.0, "TotalMoney": 9.5}
    return {"StartChargeSeq": number, "ConnectorID": "C1"} | told | more


def run(folder: Path, *words: str, ok: bool = True, lang: str = "en") -> Any:
    found = CliRunner().invoke(build(catalogue(lang)), [*words, "--data-dir", str(folder), "--json"])
    assert (found.exit_code == 0) is ok, found.output
    return json.loads(found.stdout if ok else found.stderr.strip().splitlines()[-1])


def test_sessions_become_facts_once_and_a_later_word_is_another_version(tmp_path: Path) -> None:
    begin = system_clock().now().replace(microsecond=0) - timedelta(days=1)
    sound, running = session(1, begin), session(2, begin + timedelta(hours=2), status="open", ended_at=None)
    fill(tmp_path, [(sound, range(61)), (running, range(5))])
    first = run(tmp_path, "gather")
    assert (first["orders"], first["repairs"], first["days"], first["doubted"]) == (1, 0, 1, 0)
    again = run(tmp_path, "gather")
    assert (again["orders"], again["days"]) == (0, 0), "what is known is not read again"
    changed(tmp_path, "UPDATE session SET energy_wh = 9000 WHERE id = 1")
    later = run(tmp_path, "gather")
    assert (later["orders"], later["doubted"]) == (1, 1)
    (row,) = run(tmp_path, "orders", "--from", "stations")
    assert (row["key"], row["operator"], row["energy_wh"], row["cause"], row["version"]) == (
        "1",
        "own",
        9000.0,
        "Q01",
        2,
    )
    told = run(tmp_path, "lineage", str(row["id"]))
    assert [one["document"]["energy_wh"] for one in told["versions"]] == [7000.0]
    assert told["source"]["kind"] == "stations"
    (day,) = run(tmp_path, "scores", "--station", "cp-1")
    local = begin.astimezone(timezone(timedelta(hours=8)))
    assert (day["day"], day["orders"], day["doubted"]) == (f"{local:%Y-%m-%d}", 1, 1)
    assert day["score"] < 100
    assert day["dimensions"]["consistency"] < day["dimensions"]["validity"] == 100


def test_what_is_missing_is_taken_from_samples_and_can_be_taken_back(tmp_path: Path) -> None:
    lost = session(1, START, end_register_wh=None)
    fill(tmp_path, [(lost, [*range(20), *range(40, 61)])])
    assert run(tmp_path, "gather")["repairs"] == 2
    taken, gap = sorted(run(tmp_path, "repairs"), key=lambda row: row["rule"], reverse=True)
    assert (taken["rule"], taken["before"], taken["after"]) == ("register_taken", "", "14000")
    assert (gap["rule"], gap["after"]) == ("gap_filled", "2450 Wh"), "21 minutes at 7 kW"
    (row,) = run(tmp_path, "orders")
    assert row["meter_stop_wh"] == 14_000.0
    assert run(tmp_path, "undo", str(taken["id"]), "--note", "it was reset")["key"] == "1"
    assert run(tmp_path, "undo", str(taken["id"]), ok=False)["code"] == "not_undone"
    assert run(tmp_path, "gather")["orders"] == 1
    (row,) = run(tmp_path, "orders")
    assert (row["meter_stop_wh"], row["version"]) == (None, 2)
    told = run(tmp_path, "lineage", str(row["id"]))
    assert {one["rule"]: bool(one["undone_at"]) for one in told["repairs"]} == {
        "register_taken": True,
        "gap_filled": False,
    }


def test_a_clock_that_is_off_by_as_much_in_all_sessions_is_corrected(tmp_path: Path) -> None:
    behind = timedelta(hours=8)
    sessions = [
        session(n, START + timedelta(hours=2 * n), received_at=START + timedelta(hours=2 * n, seconds=n) + behind)
        for n in range(1, 5)
    ]
    sessions[3].flags = ["offline"]
    sessions[3].received_at = START + timedelta(days=2)
    fill(tmp_path, [(one, range(61)) for one in sessions])
    assert run(tmp_path, "gather")["doubted"] == 0, "the samples were moved with their sessions"
    rows = run(tmp_path, "orders")
    offset = behind + timedelta(seconds=2)
    assert [datetime.fromisoformat(row["start"]) for row in rows] == [one.started_at + offset for one in sessions]
    assert {row["rule"] for row in run(tmp_path, "repairs")} == {"clock_corrected"}


def test_orders_of_partners_are_facts_or_wait_with_reasons(tmp_path: Path) -> None:
    good, bad = order("P1"), order("P2", EndTime="2026-03-02 11:00:00", TotalPower=-1)
    beside = order("P3", StartTime="2026-03-02 12:30:00", EndTime="2026-03-02 13:30:00")
    pushed(tmp_path, "123456789", good, bad, beside)
    found = run(tmp_path, "gather")
    assert (found["orders"], found["quarantined"], found["doubted"]) == (2, 1, 2), "two cars at one connector"
    rows = {row["number"]: row for row in run(tmp_path, "orders", "--from", "partner")}
    assert rows["P1"]["start"] == "2026-03-02T04:00:00Z"
    assert (rows["P1"]["energy_wh"], rows["P1"]["fee_yuan"], rows["P1"]["cause"]) == (7000.0, 9.5, "Q08")
    held = CliRunner().invoke(build(catalogue("en")), ["quarantine", "list", "--data-dir", str(tmp_path), "--json"])
    (row,) = json.loads(held.stdout)
    assert [(fault["column"], fault["reason"]) for fault in row["faults"]] == [
        ("TotalPower", "negative"),
        ("EndTime", "end_before_start"),
    ]
    released = [
        *("quarantine", "release", str(row["id"]), "--set", "EndTime=2026-03-02 15:00:00", "--set", "TotalPower=3"),
        *("--set", "StartTime=2026-03-02 14:00:00", "--note", "by letter", "--data-dir", str(tmp_path)),
    ]
    assert CliRunner().invoke(build(catalogue("en")), released).exit_code == 0
    assert run(tmp_path, "gather")["orders"] == 0
    rows = {row["number"]: row for row in run(tmp_path, "orders")}
    assert (rows["P2"]["energy_wh"], rows["P2"]["released"]) == (3000.0, True)
    assert run(tmp_path, "lineage", str(rows["P2"]["id"]))["quarantine"][0]["note"].startswith("by letter")


def test_the_same_charge_told_twice_counts_once(tmp_path: Path) -> None:
    fill(tmp_path, [(session(1, START, transaction_id="S1"), range(61))])
    pushed(tmp_path, "123456789", order("S1"), order("S2", ConnectorID="C2"))
    run(tmp_path, "gather")
    rows = {(row["operator"], row["number"]): row for row in run(tmp_path, "orders")}
    own = rows["own", "S1"]
    assert own["same_as"] is None
    assert rows["123456789", "S1"]["same_as"] == own["id"]
    assert rows["123456789", "S2"]["same_as"] is None


def test_commands_speak_to_people_too(tmp_path: Path) -> None:
    fill(tmp_path, [(session(1, START, end_register_wh=None), range(61))])
    for lang in ("en", "zh"):
        for words in (["gather"], ["orders"], ["lineage", "1"], ["repairs"], ["scores"]):
            found = CliRunner().invoke(build(catalogue(lang)), [*words, "--data-dir", str(tmp_path)])
            assert found.exit_code == 0, found.output
            assert found.stdout.strip()


def test_what_cannot_be_is_said(tmp_path: Path) -> None:
    assert run(tmp_path, "gather", ok=False)["code"] == "no_database"
    assert run(tmp_path, "scores", ok=False)["code"] == "no_database"
    open_governance(tmp_path).close()
    assert run(tmp_path, "lineage", "1", ok=False)["code"] == "no_order"
    assert run(tmp_path, "orders", "--from", "air", ok=False)["code"] == "no_kind"


FIRST = """
CREATE TABLE governed_file (id INTEGER PRIMARY KEY, sha256 VARCHAR UNIQUE, name VARCHAR, mapping VARCHAR,
 imported_at BIGINT);
CREATE TABLE governed_order (id INTEGER PRIMARY KEY, file_id INTEGER REFERENCES governed_file (id), line INTEGER,
 number VARCHAR, operator VARCHAR, station VARCHAR, connector VARCHAR, start BIGINT, "end" BIGINT, energy_wh FLOAT,
 meter_start_wh FLOAT, meter_stop_wh FLOAT, fee_yuan FLOAT, cause VARCHAR, released BOOLEAN);
CREATE INDEX ix_governed_order_file_id ON governed_order (file_id);
CREATE TABLE governed_repair (id INTEGER PRIMARY KEY, file_id INTEGER, line INTEGER, rule VARCHAR, detail VARCHAR);
CREATE TABLE quarantined_row (id INTEGER PRIMARY KEY, file_id INTEGER, line INTEGER, faults JSON, raw JSON,
 state VARCHAR, note VARCHAR, decided_at BIGINT);
"""


def test_a_file_of_the_first_version_is_read_on(tmp_path: Path) -> None:
    now = open_governance(tmp_path / "new")
    stored = now.source(Kind.FILE, "x", START)
    now.close()
    with sqlite3.connect(tmp_path / "new" / FILE_NAME) as database:
        (moment,) = database.execute("SELECT taken_at FROM governed_source").fetchone()
    database.close()
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.executescript(FIRST)
        database.execute("INSERT INTO governed_file VALUES (1, 'abc', 'old.csv', '', ?)", (moment,))
        values = (moment, moment, 5.0, None, None, None, "", False)
        database.execute(
            "INSERT INTO governed_order VALUES (1, 1, 7, 'n', 'o', 's', 'c', ?, ?, ?, ?, ?, ?, ?, ?)", values
        )
        database.execute("INSERT INTO governed_repair VALUES (1, 1, 8, 'duplicate_dropped', 'line 7')")
        database.execute("INSERT INTO quarantined_row VALUES (1, 1, 9, '[]', '{}', 'held', '', NULL)")
    database.close()
    for _ in range(2):
        facts = open_governance(tmp_path)
        ((row, name),) = facts.orders(10)
        assert (row.key, row.energy_wh, row.start, name) == ("7", 5.0, stored.taken_at, "old.csv")
        assert [(one.key, one.rule) for one, _ in facts.repairs(10)] == [("8", "duplicate_dropped")]
        assert [one.key for one, _ in facts.quarantine(None, 10)] == ["9"]
        assert facts.known("abc") is not None
        facts.close()


THIRD = (
    "ALTER TABLE governed_order DROP COLUMN capacity_wh",
    "DROP TABLE governed_series",
    "DROP TABLE governed_due",
    "PRAGMA user_version = 3",
)
SECOND = (
    *(f"ALTER TABLE governed_order DROP COLUMN {name}" for name in ("price_yuan_per_kwh", "periods")),
    *(f"ALTER TABLE governed_order DROP COLUMN {name}" for name in ("user_hash", "vehicle_hash")),
    *THIRD,
    "ALTER TABLE governed_day DROP COLUMN broken",
    "PRAGMA user_version = 2",
)


def test_a_file_of_the_second_version_is_read_on(tmp_path: Path) -> None:
    pushed(tmp_path, "123456789", order("P1"))
    run(tmp_path, "gather")
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        for statement in SECOND:
            database.execute(statement)
    database.close()
    (row,) = run(tmp_path, "orders")
    assert (row["number"], row["price_yuan_per_kwh"], row["periods"], row["user_hash"]) == ("P1", None, 0, "")
    (day,) = run(tmp_path, "scores")
    assert (day["orders"], day["broken"]) == (1, {})
    assert run(tmp_path, "gather")["orders"] == 0


def test_a_file_of_the_third_version_is_read_on(tmp_path: Path) -> None:
    pushed(tmp_path, "123456789", order("P1"))
    run(tmp_path, "gather")
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        for statement in THIRD:
            database.execute(statement)
    database.close()
    (row,) = run(tmp_path, "orders")
    assert (row["number"], row["capacity_wh"]) == ("P1", None)
    assert run(tmp_path, "lineage", str(row["id"]))["series"] == []


def test_a_file_of_a_later_version_is_left_alone(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / FILE_NAME) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    with pytest.raises(TooNew, match="99"):
        open_governance(tmp_path)
