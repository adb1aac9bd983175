"""`csms response` against a real server on a day with cars: invited, bid by the rule, cleared, carried out on simulated
piles, evaluated by what they metered, appealed.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from csms.model.clock import ManualClock
from csms.model.meter import ENERGY_REGISTER, Sample
from csms.store import changes
from csms.store.change import SampleBatch
from csms.store.engine import open_store
from csms.store.rollup import Rollups
from device_sim.assign import Assignment
from device_sim.battery import Battery
from device_sim.car import Car
from device_sim.clock import SimClock
from device_sim.fleet import Fleet, FleetSettings
from device_sim.pile import PileSpec
from device_sim.sessions import Session, Visit
from tests.support.access import bearer
from tests.support.databases import empty_database
from tests.support.running import SETTINGS, Server, csms

SPEED = 80.0
BEGIN = datetime(2026, 7, 14, 10, 15, tzinfo=UTC)
"""Tuesday, 18:15 in Shanghai."""
START, END = BEGIN + timedelta(minutes=45), BEGIN + timedelta(minutes=75)
PILES = [PileSpec(f"CP-{n}", "ac", 3, 32.0, 22_080.0, "ocpp1.6") for n in range(1, 5)]
CHARGER_W = 11_040.0
CONTRACT = """
[[response.contracts]]
operator = "north"
feeder = "T1"
standby_kw = 60
price = 0.3
"""


async def fill(folder: Path) -> None:
    """Three weeks in which four cars charged each evening from six to nine."""
    clock = ManualClock(BEGIN)
    store = await open_store(f"sqlite+aiosqlite:///{folder / 'csms.db'}", clock)
    for days in range(21, 0, -1):
        evening = BEGIN - timedelta(days=days, minutes=15)
        for pile in PILES:
            samples = [
                Sample(
                    evening + timedelta(minutes=5 * n),
                    ENERGY_REGISTER,
                    (21 - days) * 33_120 + CHARGER_W * n / 12,
                    "Wh",
                )
                for n in range(37)
            ]
            await store.writer.commit([changes.add_samples(SampleBatch(pile.station_id, 1, evening, samples))])
    await Rollups(store.writer, store.reader).run(BEGIN)
    await store.close()


@dataclass
class Evening:
    """What the commands said."""

    said: dict[str, Any] = field(default_factory=dict)
    shown: dict[str, str] = field(default_factory=dict)


@pytest.fixture(scope="module")
def evening(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Evening]:
    folder = tmp_path_factory.mktemp("response")
    (folder / "csms.db").write_bytes(empty_database())
    asyncio.run(fill(folder))
    server = Server(folder, stations=[pile.station_id for pile in PILES], settings=SETTINGS + CONTRACT)
    clock = SimClock(SPEED, time.time(), BEGIN)
    server.start(CSMS_CLOCK=str(clock))
    try:
        yield asyncio.run(_evening(server, clock))
    finally:
        server.stop()


def _visit(pile: PileSpec, clock: SimClock) -> Visit:
    arrival = datetime.fromtimestamp(clock.epoch_s() + 60, UTC)
    session = Session(pile.station_id, arrival, arrival + timedelta(hours=4), 40_000.0)
    return Visit(session, Car(Battery(80_000.0, 50_000.0), 40_000.0, soc_start=0.2), "TAG1")


async def _evening(server: Server, clock: SimClock) -> Evening:
    found = Evening()
    settings = FleetSettings(server.ocpp_url, server.api_url, api_headers=bearer(server.token))
    visits = {pile.station_id: (_visit(pile, clock),) for pile in PILES}
    fleet = Fleet(settings, PILES, Assignment(visits, ()), clock)
    run = asyncio.create_task(fleet.run())
    made = await _command(server, {}, "token", "create", "north", "--role", "grid_operator", "--feeder", "T1")
    operator = {"CSMS_TOKEN": json.loads(made)["token"]}

    async def say(name: str, *arguments: str, by: dict[str, str] | None = None) -> None:
        found.said[name] = json.loads(await _command(server, by or {}, "response", *arguments))

    times = ("--from", START.isoformat(), "--to", END.isoformat(), "--notice", "intraday", "--price", "1.5")
    await say("invited", "invite", "DR-1", "T1", "--kw", "20", *times, by=operator)
    await say("offer", "offer", "DR-1")
    await say("bid", "bid", "DR-1", "--auto")
    await say("cleared", "clear", "DR-1", by=operator)
    made = await _command(server, {}, "token", "create", "app", "--role", "driver", "--card", "TAG1")
    app = bearer(json.loads(made)["token"])
    found.said["offers"] = await _offers(server, app)
    answer = {"json": {"accepted": True}, "headers": app}
    accepted = await asyncio.to_thread(server.api.put, "/api/v1/driver-offers/TAG1/DR-1", **answer)
    found.said["accepted"] = accepted.raise_for_status().json()["offers"]
    await say("baseline", "baseline", "DR-1")
    simulate = ("limit", "simulate", "T1", "--kw", "12", "--to", "+8h", "--hours", "8")
    deadline = time.monotonic() + 60
    while not found.said.get("simulated", {}).get("planned") and time.monotonic() < deadline:
        found.said["simulated"] = json.loads(await _command(server, operator, *simulate))
    await asyncio.sleep(max(END.timestamp() - clock.epoch_s(), 0) / SPEED)
    deadline = time.monotonic() + 60
    while not found.said.get("shown", {}).get("evaluations") and time.monotonic() < deadline:
        await say("shown", "show", "DR-1")
    await say("drivers", "drivers", "DR-1")
    found.said["paid"] = await _offers(server, app)
    await say("appeal", "appeal", "DR-1", "--reason", "2", "--note", "one day was wet")
    await say("answer", "answer", "DR-1", "1", "--upheld", "--method", "mean10trim", by=operator)
    await say("list", "list")
    await say("after", "show", "DR-1")
    for command in ("list", "show DR-1", "drivers DR-1", "baseline DR-1", "report DR-1", "settlement 2026-07"):
        words = ("response", *command.split(), "--url", server.api_url)
        done = await asyncio.to_thread(csms, *words)
        assert done.returncode == 0, done.stderr
        found.shown[command] = done.stdout
    file = server.folder / "july.csv"
    export = ("settlement", "2026-07", "--export", str(file))
    await say("export", *export)
    found.shown["csv"] = file.read_text("utf-8-sig")
    again = await asyncio.to_thread(csms, "response", *export, "--url", server.api_url)
    found.said["again"] = {"code": again.returncode}
    verified = await asyncio.to_thread(csms, "audit", "verify", "--url", server.api_url)
    found.shown["audit"] = verified.stdout
    held = await asyncio.to_thread(csms, "limit", "verify", "--json", "--url", server.api_url)
    found.said["limits"] = json.loads(held.stdout)
    fleet.request_stop()
    await run
    return found


async def _offers(server: Server, headers: dict[str, str]) -> list[dict[str, Any]]:
    """Offers to the sessions of the card, as soon as all cars have one."""
    deadline = time.monotonic() + 60
    while True:
        answer = await asyncio.to_thread(server.api.get, "/api/v1/driver-offers/TAG1", headers=headers)
        offers: list[dict[str, Any]] = answer.raise_for_status().json()["offers"]
        if len(offers) == len(PILES) or time.monotonic() > deadline:
            return offers
        await asyncio.sleep(0.05)


async def _command(server: Server, by: dict[str, str], *arguments: str) -> str:
    done = await asyncio.to_thread(csms, *arguments, "--json", "--url", server.api_url, **by)
    assert done.returncode == 0, done.stderr + done.stdout
    return done.stdout


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_rule_bids_half_of_what_can_fall(evening: Evening) -> None:
    assert evening.said["invited"]["source"] == "grid:north"
    offer = evening.said["offer"]
    assert evening.said["baseline"]["rows"][0]["baseline_kw"] == pytest.approx(54.16, abs=0.1)
    assert offer["power_kw"] == pytest.approx(evening.said["bid"]["bid"]["power_kw"])
    assert 10 < offer["power_kw"] <= 20
    assert evening.said["cleared"]["dispatch"]["code"] == ""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_load_falls_and_it_is_paid(evening: Evening) -> None:
    (record,) = evening.said["shown"]["evaluations"]
    assert record["ratio"] >= 1.0, record
    assert record["load_kw"]["max"] <= record["baseline_kw"]["avg"] - record["cleared_kw"] + 1
    price = evening.said["cleared"]["clearing"]["price"]
    assert price == 1.5, "the price that was invited"
    assert record["pay"] == pytest.approx(record["credited_kwh"] * price, abs=0.01)
    assert record["credited_kwh"] <= 1.2 * record["cleared_kw"] * 0.5 + 0.01


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_drivers_are_asked_answer_by_their_app_and_are_paid(evening: Evening) -> None:
    """The designed incentive is half of the price; who accepted is paid what its pile did not draw."""
    assert len(evening.said["offers"]) == len(PILES)
    assert {one["incentive"] for one in evening.said["offers"]} == {0.75}
    assert all(one["usual_kwh"] > 1 and one["answer"] is None for one in evening.said["offers"])
    assert {one["answer"] for one in evening.said["accepted"]} == {"accepted"}
    tally = evening.said["drivers"]
    assert (tally["offered"], tally["accepted"], tally["declined"]) == (4, 4, 0)
    assert tally["moved_kwh"] > 2
    paid = [float(one["pay"]) for one in evening.said["paid"]]
    assert float(tally["pay"]) == pytest.approx(sum(paid))
    for one in evening.said["paid"]:
        assert 0 <= one["moved_kwh"] <= one["usual_kwh"]
        assert float(one["pay"]) == pytest.approx(0.75 * one["moved_kwh"], abs=0.006)
    assert "accepted: 4" in evening.shown["drivers DR-1"]
    assert f"drivers get {tally['pay']} yuan" in evening.shown["settlement 2026-07"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_appeal_leaves_the_old_figures_beside_the_new(evening: Evening) -> None:
    methods = [row["method"] for row in evening.said["after"]["evaluations"]]
    assert methods == ["mean5", "mean10trim"]
    assert evening.said["answer"]["upheld"] is True
    assert [row["status"] for row in evening.said["list"]["events"]] == ["25"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_people_read_tables_and_the_chain_is_whole(evening: Evening) -> None:
    assert "25 over" in evening.shown["list"]
    assert "Effective ratio" in evening.shown["show DR-1"]
    assert "█" in evening.shown["report DR-1"]
    assert "Days" in evening.shown["baseline DR-1"]
    assert "all whole" in evening.shown["audit"]
    assert evening.said["limits"]["ok"], evening.said["limits"]


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_simulation_with_cars_tells_who_would_lose(evening: Evening) -> None:
    found = evening.said["simulated"]
    assert found["planned"]
    assert {row["cap_kw"] for row in found["rows"]} == {12.0}
    assert all(row["base_kw"] + row["with_kw"] <= 12.0 + 0.01 for row in found["rows"])
    assert len(found["losses"]) == len(PILES)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_month_for_the_accounts(evening: Evening) -> None:
    shown, lines = evening.shown["settlement 2026-07"], evening.shown["csv"].splitlines()
    assert "DR-1" in shown
    assert "may still change" in shown
    assert lines[0].startswith("month,operator,feeder,kind,event")
    assert [line.split(",")[3] for line in lines[1:]] == ["event", "standby", "total"]
    pay = evening.said["after"]["evaluations"][-1]["pay"]
    assert f"{pay + 18:.2f}" in lines[-1]
    assert evening.said["again"]["code"] == 1, "nothing is written over"
