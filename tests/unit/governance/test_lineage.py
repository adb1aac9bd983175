"""What the set of facts knows of prices, batteries and samples of own stations; days that are due; raw messages."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from csms.model.clock import system_clock
from csms.model.meter import Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.tables import ExternalId, OutboxRow
from csms.texts import catalogue
from csms.trace.notes import Kind as Noted
from monitor.governance.console import build
from monitor.governance.facts import Orders, facts, table
from monitor.governance.rules.catalogue import NOT_JUDGED, RULES
from monitor.governance.rules.judge import judge
from monitor.store.governance import open_governance
from monitor.store.governance_rows import Batch
from monitor.store.governance_tables import GovernedOrder, Kind
from tests.support.traces import frame, recorder
from tests.unit.governance.test_gathering import REGISTER, START, changed, fill, order, pushed, run, session

PART = {"DetailPower": 7.0, "ElecPrice": 0.8, "SevicePrice": 0.4}


def written(folder: Path, rows: Sequence[Any]) -> None:
    """More rows of the central system."""

    async def write() -> None:
        store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", system_clock())
        try:
            await store.writer.commit(list(rows))
        finally:
            await store.close()

    asyncio.run(write())


def sent(money: float, wrapped: bool) -> list[Any]:
    """The order of session 1 as a partner got it."""
    order: dict[str, Any] = {"TotalMoney": money, "TotalPower": 7.0, "ChargeDetails": [PART]}
    row = OutboxRow(
        partner="p", interface="charge_order", business_key="N1", created_at=START, next_at=START,
        payload={"Order": order} if wrapped else order,
    )  # fmt: skip
    return [changes.put_row(ExternalId(scope="123456789.order", local="1", external="N1")), changes.add_row(row)]


@pytest.mark.parametrize("wrapped", [False, True])
@pytest.mark.parametrize(("money", "cause"), [(8.4, ""), (9.4, "Q15")])
def test_own_orders_are_judged_by_the_money_that_partners_were_told(
    tmp_path: Path, money: float, cause: str, wrapped: bool
) -> None:
    fill(tmp_path, [(session(1, START), range(61)), (session(2, START + timedelta(hours=2)), range(61))])
    written(tmp_path, sent(money, wrapped))
    run(tmp_path, "gather")
    told, other = run(tmp_path, "orders")
    assert (told["fee_yuan"], told["price_yuan_per_kwh"], told["periods"]) == (money, pytest.approx(1.2), 1)
    assert (told["cause"], other["cause"]) == (cause, "")
    assert (other["fee_yuan"], other["price_yuan_per_kwh"]) == (None, None), "no order was sent: not judged"


@pytest.mark.parametrize(("capacity_wh", "cause"), [(35_000.0, ""), (60_000.0, "Q16"), (None, "")])
def test_a_car_that_told_its_capacity_is_judged_by_it(tmp_path: Path, capacity_wh: float | None, cause: str) -> None:
    needs = {"soc": 20.0} | ({} if capacity_wh is None else {"capacity_wh": capacity_wh})
    one = session(1, START, ev_needs=needs)
    fill(tmp_path, [(one, range(61))])
    told = [
        Sample(time=START + timedelta(minutes=m), measurand="SoC", value=20.0 + m / 3, unit="Percent")
        for m in range(0, 61, 3)
    ]
    written(tmp_path, [changes.add_samples(SampleBatch("cp-1", 1, START, told, session_id=1))])
    run(tmp_path, "gather")
    (row,) = run(tmp_path, "orders")
    assert (row["capacity_wh"], row["cause"]) == (capacity_wh, cause)


def test_what_is_released_is_paired_and_its_day_is_judged(tmp_path: Path) -> None:
    fill(tmp_path, [(session(1, START, transaction_id="S1"), range(61))])
    pushed(tmp_path, "123456789", order("S1", TotalPower=-1))
    assert run(tmp_path, "gather")["quarantined"] == 1
    (held,) = run(tmp_path, "quarantine", "list")
    run(tmp_path, "quarantine", "release", str(held["id"]), "--set", "TotalPower=7")
    rows = {row["operator"]: row for row in run(tmp_path, "orders")}
    assert rows["123456789"]["same_as"] == rows["own"]["id"], "it counts once"
    assert run(tmp_path, "scores", "--operator", "123456789") == []
    assert run(tmp_path, "gather")["days"] == 1
    (day,) = run(tmp_path, "scores", "--operator", "123456789")
    assert day["orders"] == 1


def test_a_day_that_its_orders_have_left_has_no_score(tmp_path: Path) -> None:
    begin = system_clock().now().replace(microsecond=0) - timedelta(days=2, hours=1)
    fill(tmp_path, [(session(1, begin), range(61))])
    run(tmp_path, "gather")
    (before,) = run(tmp_path, "scores")
    later = begin + timedelta(days=1)
    times = (
        f"started_at = '{later:%Y-%m-%d %H:%M:%S.%f}', ended_at = '{later + timedelta(hours=1):%Y-%m-%d %H:%M:%S.%f}'"
    )
    changed(tmp_path, f"UPDATE session SET {times}")
    assert run(tmp_path, "gather")["days"] == 2
    (after,) = run(tmp_path, "scores")
    assert after["day"] > before["day"]


def test_a_day_stays_due_until_it_is_judged(tmp_path: Path) -> None:
    """A round that breaks off between taking in and judging is made good by the next."""
    fill(tmp_path, [])
    store = open_governance(tmp_path)
    source = store.source(Kind.STATIONS, "", START)
    told = GovernedOrder(
        source_id=0, key="1", number="t1", operator="own", station="cp-1", connector="1", start=START,
        end=START + timedelta(hours=1), energy_wh=9000.0, meter_start_wh=0.0, meter_stop_wh=7000.0,
    )  # fmt: skip
    store.go_on(source, Batch([told]), START, START)
    assert [(due.station, due.day) for due in store.due(source)] == [("cp-1", "2026-03-02")]
    store.close()
    assert run(tmp_path, "gather")["days"] == 1
    (row,) = run(tmp_path, "orders")
    assert row["cause"] == "Q01"
    assert run(tmp_path, "gather")["days"] == 0


def test_an_order_knows_of_which_samples_it_is_made(tmp_path: Path) -> None:
    fill(tmp_path, [(session(1, START, received_at=START + timedelta(seconds=3)), range(0, 61, 15))])
    run(tmp_path, "gather")
    told = run(tmp_path, "lineage", "1")
    (series,) = told["series"]
    heard = (START + timedelta(seconds=3)).isoformat().replace("+00:00", "Z")
    assert (series["measurand"], series["samples"]) == (REGISTER, 5)
    assert (series["heard_from"], series["heard_to"]) == (heard, heard)
    assert datetime.fromisoformat(series["last_at"]) == START + timedelta(hours=1)
    for lang in ("en", "zh"):
        shown = CliRunner().invoke(build(catalogue(lang)), ["lineage", "1", "--data-dir", str(tmp_path)])
        span = "--since 2026-03-02T04:00:03+00:00 --until 2026-03-02T04:00:04+00:00"
        assert f"csms station log cp-1 {span}" in shown.stdout, "the end is outside of it"


def test_a_quarter_hour_is_followed_back_to_its_messages(tmp_path: Path) -> None:
    heard = START + timedelta(minutes=7)
    fill(tmp_path, [(session(1, START, received_at=heard, end_register_wh=None), range(61))])
    with recorder(tmp_path / "traces") as traces:
        for at, action, message_id in ((heard, "MeterValues", "m7"), (START, "MeterValues", "m0")):
            text = frame(2, message_id, action, {})
            traces.note("cp-1", Noted.IN, action, text, at.timestamp())
        traces.note("cp-1", Noted.IN, "Heartbeat", frame(2, "h", "Heartbeat", {}), heard.timestamp())
        traces.note("cp-2", Noted.IN, "MeterValues", frame(2, "x", "MeterValues", {}), heard.timestamp())
    asked = ("origin", "cp-1", "1", "2026-03-02T04:20")
    found = run(tmp_path, *asked)
    assert found["begins_at"] == "2026-03-02 04:15:00+00:00"
    assert [(one["measurand"], one["samples"]) for one in found["samples"]] == [(REGISTER, 15)]
    assert [one["message_id"] for one in found["messages"]] == ["m7"], "heard then, metering, of this station"
    assert found["orders"] == []
    run(tmp_path, "gather")
    (told,) = run(tmp_path, *asked)["orders"]
    assert [repair["rule"] for repair in told["repairs"]] == ["register_taken"]
    for lang in ("en", "zh"):
        shown = CliRunner().invoke(build(catalogue(lang)), [*asked, "--data-dir", str(tmp_path)])
        assert shown.exit_code == 0, shown.output
        assert "m7" in shown.stdout
    assert run(tmp_path, "origin", "cp-1", "1", "2026-03-05T04:20")["samples"] == []
    nothing = CliRunner().invoke(
        build(catalogue("en")), ["origin", "cp-1", "1", "2026-03-05T04:20", "--data-dir", str(tmp_path)]
    )
    assert nothing.exit_code == 1
    assert run(tmp_path / "nowhere", *asked, ok=False)["code"] == "no_database"


def test_rules_that_a_source_tells_too_little_for_judge_none_of_its_orders() -> None:
    """All that a partner's order can hold, and the rules that judged it."""
    known = {"operator": [0], "station": [0], "connector": [0], "start_s": [1.7e9], "end_s": [1.7e9 + 3600]}
    known |= {"energy_wh": [7000.0], "meter_start_wh": [0.0], "meter_stop_wh": [7000.0], "key": [0]}
    priced = {"fee_yuan": [8.4], "price_yuan_per_kwh": [1.2], "periods": [1]}
    for source, columns in (("partner", known | priced), ("file", known)):
        found = judge(facts(1.8e9, table(Orders, **columns)))
        judged = {name for name, verdict in found.verdicts.items() if verdict.judged.any()}
        single = {"Q14"}  # needs an order before
        assert judged | single == set(RULES) - set(NOT_JUDGED[source]), source


def test_the_catalogue_says_what_cannot_be_known() -> None:
    for lang in ("en", "zh"):
        told = CliRunner().invoke(build(catalogue(lang)), ["rules"])
        assert told.exit_code == 0, told.output
        assert all(name in told.stdout for name in RULES)
    document = json.loads(CliRunner().invoke(build(catalogue("en")), ["rules", "--json"]).stdout)
    rules = {row["id"]: row for row in document["rules"]}
    assert rules["Q01"]["stations"] == rules["Q01"]["partner"] == "judged"
    assert rules["Q17"]["stations"].startswith("no: ")
    assert "OCPP 2.0.1" in rules["Q16"]["stations"]


def test_a_mapping_that_there_is_not_is_said_with_those_there_are(tmp_path: Path) -> None:
    found = run(tmp_path, "import", "sessions.csv", "--mapping", "nowhere", ok=False)
    assert found["code"] == "no_mapping"
    assert "dundee, perth" in found["detail"]
