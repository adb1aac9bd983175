"""What goes when its time is over, what stays for ever, and that what is proved stays proved."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event

from csms.model.clock import ManualClock
from csms.province.profile import Kind
from monitor.evidence.documents import record_bytes
from monitor.evidence.files import private_key
from monitor.evidence.judge import judge_document
from monitor.evidence.service import Evidence, NoEvidence
from monitor.intake import retention
from monitor.intake.retention import Retainer, Retention, read_retention
from monitor.store.intake import IntakeStore, open_intake
from monitor.store.messages import Call, Message, Standing
from monitor.store.quality import AlarmRow, DayRow
from tests.unit.evidence.test_evidence_log import OPERATOR, START, accept

DAYS = Retention(calls_days=40, statuses_days=50, orders_days=60, hours_days=70)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[IntakeStore]:
    found = await open_intake(tmp_path / "data")
    yield found
    await found.close()


def day(number: float) -> datetime:
    return START + timedelta(days=number)


async def tell(store: IntakeStore, at: datetime, kind: Kind, thing: str, **more: Any) -> Standing:
    body = {"Status": 1, "id": thing, **more}
    record = record_bytes(OPERATOR, kind, thing, at, body)
    call = Call(at, kind.value, 200, 0, OPERATOR, thing)
    result = {"listed": 1, "disputes": [], "unlisted": []}
    return await store.accept(dict.fromkeys(Standing, call), Message(kind, body, str(at), record, result))


def retainer(store: IntakeStore, now: datetime, tmp_path: Path, kept: Retention = DAYS) -> Retainer:
    return Retainer(store.retention, store.evidence, ManualClock(now), kept, tmp_path / "data")


async def told(store: IntakeStore, query: str) -> list[Any]:
    async with store._engine.connect() as connection:
        return [tuple(row) for row in await connection.exec_driver_sql(query)]


BODIES = "select number from evidence_record where record != x'' order by number"


async def test_each_kind_goes_at_its_time(store: IntakeStore, tmp_path: Path) -> None:
    await accept(store, day(0), 1)
    await tell(store, day(0), Kind.CHARGE_STATUS, "session")
    await tell(store, day(0), Kind.CHECK_ORDERS, "list")
    await store.quality.keep_hours([(OPERATOR, "x", day(0), {"calls": 3})])
    await store.quality.keep_day(DayRow(OPERATOR, "2026-03-01", day(0), "A", "d", "{}"))
    over = AlarmRow(OPERATOR, "late", "", "", day(0), day(0), over_at=day(0))
    await store.quality.keep_alarms([over, AlarmRow(OPERATOR, "silent", "", "", day(0), day(0))])
    page = tmp_path / "data" / "reports" / OPERATOR / "2026-03-01.html"
    page.parent.mkdir(parents=True)
    page.write_text("x")

    async def left(after: int) -> dict[str, int]:
        await retainer(store, day(after) + timedelta(minutes=1), tmp_path).round()
        names = (
            "intake_message",
            "intake_session",
            "intake_check_result",
            "quality_hour",
            "quality_day",
            "quality_alarm",
        )
        found = {name: (await told(store, f"select count(*) from {name}"))[0][0] for name in names}
        emptied = (await told(store, "select count(*) from intake_order where content = '{}'"))[0][0]
        return {**found, "emptied": emptied, "bodies": len(await told(store, BODIES)), "pages": int(page.exists())}

    whole = {"intake_message": 3, "intake_session": 1, "intake_check_result": 1, "quality_hour": 1, "quality_day": 1,
             "quality_alarm": 2, "emptied": 0, "bodies": 3, "pages": 1}  # fmt: skip
    assert await left(39) == whole
    assert await left(40) == whole | {"intake_message": 0}
    no_statuses = whole | {"intake_message": 0, "intake_session": 0, "bodies": 2}
    assert await left(50) == no_statuses
    no_orders = no_statuses | {"intake_check_result": 0, "emptied": 1, "bodies": 0}
    assert await left(60) == no_orders
    assert await left(71) == no_orders | {"quality_hour": 0, "quality_day": 0, "quality_alarm": 1, "pages": 0}


async def test_the_log_is_proved_by_hashes_when_its_content_is_gone(store: IntakeStore, tmp_path: Path) -> None:
    for number in range(30):
        await accept(store, day(number), number)
    evidence = Evidence(store.evidence, private_key(tmp_path / "data"), ManualClock(day(75)))
    await evidence.close_days()
    whole = await evidence.prove_record(OPERATOR, 5)
    await retainer(store, day(75), tmp_path).round()
    assert [row[0] for row in await told(store, BODIES)] == list(range(15, 30))
    first, middle, last = "2026-03-01", "2026-03-20", "2026-05-01"
    assert judge_document(await evidence.prove_growth(OPERATOR, first, last)).right
    assert judge_document(await evidence.prove_head(OPERATOR, middle)).right
    assert judge_document(await evidence.prove_record(OPERATOR, 20)).right
    assert judge_document(whole).right, "who kept a proof keeps it"
    with pytest.raises(NoEvidence, match="deleted when its time was over"):
        await evidence.prove_record(OPERATOR, 5)
    with pytest.raises(NoEvidence, match=r"15 records of .* \(0 to 14\)"):
        await evidence.export(OPERATOR, first, last)
    assert len((await evidence.export(OPERATOR, middle, last)).records) == 11


async def test_an_order_is_known_again_after_its_content_is_gone(store: IntakeStore, tmp_path: Path) -> None:
    await accept(store, day(0), 1)
    await retainer(store, day(100), tmp_path).round()
    assert await accept(store, day(100), 1) is Standing.DUPLICATE
    assert await accept(store, day(100), 1, kwh=9) is Standing.CONFLICT
    assert [float(energy) for energy, _ in (await store.orders(OPERATOR, [f"{OPERATOR}{1:018d}"])).values()] == [1.5]
    assert await store.orders_since(day(-1)) == [], "but it is no fact for anybody any more"


async def test_the_last_state_of_before_stays_however_old_it_is(store: IntakeStore, tmp_path: Path) -> None:
    for number, (at, thing) in enumerate([(0, "a"), (1, "b"), (2, "a"), (3, "a"), (60, "b"), (61, "a")]):
        await tell(store, day(at), Kind.STATION_STATUS, thing, number=number)
    await retainer(store, day(100), tmp_path).round()
    assert [row[0] for row in await told(store, BODIES)] == [1, 3, 4, 5]
    known = await store.evidence.last_before(OPERATOR, Kind.STATION_STATUS, day(50))
    assert [(row.number, bool(row.record)) for row in known] == [(1, True), (3, True)]
    await retainer(store, day(111), tmp_path).round()
    assert [row[0] for row in await told(store, BODIES)] == [3, 4, 5]


async def test_it_goes_in_small_transactions_and_goes_on_in_the_next_round(
    store: IntakeStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retention, "SLICE", 4)
    monkeypatch.setattr(retention, "SLICES_MAX", 3)
    for number in range(30):
        await accept(store, day(0), number)
    changed: list[int] = []

    @event.listens_for(store._writer._engine, "after_cursor_execute")
    def count(_c: Any, cursor: Any, statement: str, *_: Any) -> None:
        if statement.startswith(("DELETE", "UPDATE evidence_record", "UPDATE intake_order")):
            changed.append(cursor.rowcount)

    made = retainer(store, day(100), tmp_path)
    assert await made.round() == 12
    rounds = 0
    while await made.round():
        rounds += 1
    assert max(changed) <= 4
    assert 5 < rounds < 12
    assert (await told(store, "select count(*) from intake_message"), await told(store, BODIES)) == ([(0,)], [])
    assert await told(store, "select count(*) from intake_order where content != '{}'") == [(0,)]


async def test_nothing_goes_where_everything_is_kept(store: IntakeStore, tmp_path: Path) -> None:
    await accept(store, day(0), 1)
    for_ever = Retention(calls_days=0, statuses_days=0, orders_days=0, hours_days=0)
    assert await retainer(store, day(100_000), tmp_path, for_ever).round() == 0
    assert (await told(store, "select count(*) from intake_message"), await told(store, BODIES)) == ([(1,)], [(0,)])


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"calls_days": 34}, "calls_days: days, at least 35"),
        ({"orders_days": "800"}, "orders_days"),
        ({"calls_days": True}, "calls_days"),
        ({"order_days": 800}, "has calls_days"),
        ({"hours_days": 1000}, "kept longest"),
        ({"orders_days": 0}, "kept longest"),
        ([], "has calls_days"),
    ],
)
def test_settings_that_cannot_be_are_named(table: Any, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        read_retention(table)


def test_what_is_left_out_has_a_default() -> None:
    assert asdict(read_retention({"calls_days": 100})) == asdict(Retention()) | {"calls_days": 100}
    assert min(Retention().orders_days, Retention().statuses_days) >= 731, "two years of charging and operating data"
