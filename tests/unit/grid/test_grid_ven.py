"""Our end node at a VTN over real TLS: events become limits, durable; what the VTN cannot say properly changes none."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from csms.charging.feeder import Feeder, FeederTree
from csms.grid import openadr3_notifier as notifier
from csms.grid import vtn as vtn_module
from csms.grid.openadr3 import Agreed
from csms.grid.openadr3_notifier import Broker, broker_of
from csms.grid.openadr3_periods import Release
from csms.grid.peer import Peer, SourceRule
from csms.grid.ven import Ven, VenRule
from csms.grid.vtn import Vtn, VtnAddress, VtnUnavailable
from csms.model.clock import ManualClock, ScaledClock
from csms.model.errors import StoreUnavailable
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import limits_over
from tests.support.mqtt_twin import MqttTwin
from tests.support.vtn_twin import CLIENT, SECRET, Bad, VtnTwin

TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000), Feeder("T2", 300_000), Feeder("T9", 100_000)])
PEER = Peer("grid:utility", "openadr3", "utility", feeders=frozenset({"T1", "T2"}))
AGREED = Agreed("csms-1", feeders=("T1",), targets={"group-2": "T2", "GROUP:two": "T2", "astray": "T9"})
WATCHED = SourceRule("grid:utility", frozenset({"T1"}), heartbeat_s=30, failsafe_w={"T1": 80_000})
LATER, EARLIER = "2026-01-01T00:00:01Z", "2025-12-31T23:59:59Z"


class Desk:
    """A VEN, its VTN, and the limits between them."""

    def __init__(self, clock: ManualClock, store: Store, twin: VtnTwin, rule: VenRule, watch: bool) -> None:
        self.clock, self.store, self.twin, self.rule = clock, store, twin, rule
        self.limits = limits_over(clock, store, TREE, EventBus(), [WATCHED] if watch else [])
        self.vtn = Vtn(VtnAddress(twin.url, CLIENT, SECRET, ca=twin.ca))
        self.ven = Ven(rule, self.vtn, PEER, clock, lambda feeder_id: 12_345)

    def cap(self, feeder_id: str = "T1") -> int | None:
        return self.limits.cap_w(feeder_id, self.clock.now())

    async def poll(self, times: int = 1) -> float:
        wait_s = 0.0
        for _ in range(times):
            wait_s = await self.ven.poll(self.limits)
        return wait_s

    async def records(self) -> list[tuple[str, str]]:
        """Action and code of every statement in the audit log, oldest first."""
        rows = [json.loads(row.text) for row in await self.store.reader.audit_page(1000, kind="limit")]
        return [(row["action"], row["result"].get("code", "")) for row in rows if row["action"] != "watch source"][::-1]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    yield store
    await store.close()


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[VtnTwin]:
    async with VtnTwin(tmp_path) as twin:
        yield twin


@pytest.fixture
async def desk(store: Store, twin: VtnTwin) -> AsyncIterator[Desk]:
    found = Desk(ManualClock(), store, twin, VenRule(AGREED), False)
    yield found
    await found.vtn.close()


@pytest.fixture
async def watched(store: Store, twin: VtnTwin) -> AsyncIterator[Desk]:
    found = Desk(ManualClock(), store, twin, VenRule(AGREED), True)
    yield found
    await found.vtn.close()


@pytest.mark.req("GL-A7")
async def test_an_event_becomes_a_durable_limit_and_is_reported(desk: Desk) -> None:
    desk.twin.limit("e1", 120)
    await desk.poll(2)
    assert desk.cap() == 120_000
    (row,) = await desk.store.reader.limits("T1")
    assert (row.source, row.limit_id, row.version) == ("grid:utility", "oadr3:e1:import", 176722560000000)
    assert await desk.records() == [("set limit", "")], "what is unchanged is not stated again"
    assert desk.twin.states() == [{"event": "e1", "T1": "accepted"}]
    (metered,) = [report for report in desk.twin.reports.values() if report["reportName"] == "metered"]
    assert metered["resources"][0]["intervals"][0]["payloads"] == [{"type": "DEMAND", "values": [12.345]}]
    assert [ven["venName"] for ven in desk.twin.vens.values()] == ["csms-1"]


async def test_a_changed_event_a_vanished_one_and_one_that_comes_back(desk: Desk) -> None:
    desk.twin.limit("e1", 120)
    await desk.poll()
    desk.twin.limit("e1", 90, LATER)
    await desk.poll()
    assert desk.cap() == 90_000
    kept = desk.twin.events.pop("e1")
    await desk.poll()
    assert desk.cap() == 90_000, "missing once may be a page that turned"
    await desk.poll()
    assert desk.cap() is None
    desk.twin.events["e1"] = kept
    await desk.poll()
    assert desk.cap() == 90_000
    versions = [row.version for row in await desk.store.reader.limits("T1")]
    assert versions == [176722560100001]


async def test_an_event_taken_back_as_the_guide_has_it(desk: Desk) -> None:
    desk.twin.limit("e1", 120)
    await desk.poll()
    desk.twin.limit("e1", 120, LATER, intervalPeriod={"start": "0001-01-01", "duration": "PT0S"})
    await desk.poll()
    assert desk.cap() is None
    assert desk.twin.states()[-1] == {"event": "e1", "T1": "cancelled"}


async def test_a_replayed_older_event_is_refused_and_changes_nothing(desk: Desk) -> None:
    desk.twin.limit("e1", 90, LATER)
    await desk.poll()
    desk.twin.limit("e1", 200, EARLIER)
    await desk.poll(3)
    assert desk.cap() == 90_000
    assert await desk.records() == [("set limit", ""), ("set limit", "stale_version")]


async def test_another_value_in_the_same_second_counts(desk: Desk) -> None:
    desk.twin.limit("e1", 120)
    await desk.poll()
    desk.twin.limit("e1", 70)
    await desk.poll(2)
    assert desk.cap() == 70_000


@pytest.mark.req("GL-A2")
@pytest.mark.parametrize(
    ("kw", "rest", "code"),
    [
        (-5, {}, "bad_sign"),
        (1e17, {}, "not_finite"),
        ("12", {}, "bad_unit"),
        (5, {"payloadDescriptors": [{"payloadType": "IMPORT_CAPACITY_LIMIT", "units": "AMPS"}]}, "bad_unit"),
        (True, {}, "malformed"),
        (None, {}, "malformed"),
        (10, {}, "below_floor"),
        (90, {"priority": "high"}, "malformed"),
        (90, {"intervalPeriod": {"start": "2028-01-01T00:00:00Z"}}, "beyond_horizon"),
        (90, {"intervalPeriod": {"start": "2026-02-01T00:00:00Z", "duration": "-PT1H"}}, "window_order"),
        (90, {"intervalPeriod": {"start": "tomorrow"}}, "malformed"),
        (90, {"modificationDateTime": 5}, "malformed"),
        (90, {"intervalPeriod": {"duration": "1 hour"}}, "malformed"),
        (90, {"targets": ["astray"]}, "not_authorised"),
    ],
)
async def test_what_is_wrong_is_refused_with_its_code_once(desk: Desk, kw: Any, rest: Any, code: str) -> None:
    desk.twin.limit("e1", 120)
    await desk.poll()
    desk.twin.limit("e1", kw, LATER, **rest)
    await desk.poll(3)
    moved = [("cancel limit", "")] if code == "not_authorised" else []
    assert await desk.records() == [("set limit", ""), ("set limit", code), *moved]
    assert desk.cap() == (None if moved else 120_000), "what was agreed before stays"
    assert code in {value for state in desk.twin.states() for value in state.values()}


async def test_too_many_blocks_too_many_statements_and_no_room_to_store(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    payload = {"type": "IMPORT_CAPACITY_LIMIT"}
    many = [{"id": n, "payloads": [{**payload, "values": [60 + n % 7]}]} for n in range(1001)]
    desk.twin.event("e1", intervals=many, intervalPeriod={"start": LATER, "duration": "PT1H"})
    await desk.poll()
    assert await desk.records() == [("set limit", "too_many_blocks")]
    desk.twin.events.clear()
    desk.twin.limit("e2", 90)

    async def down(changes: object) -> None:
        raise StoreUnavailable("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(desk.store.writer, "commit", down)
        await desk.poll()
    assert desk.cap() is None
    assert {"event": "e2", "T1": "accepted"} not in desk.twin.states()
    await desk.poll()
    assert desk.cap() == 90_000
    desk.limits = limits_over(
        desk.clock, desk.store, TREE, EventBus(), [SourceRule("grid:utility", statements_per_min=1)]
    )
    desk.twin.limit("e3", 80)
    desk.twin.limit("e4", 70)
    desk.twin.events.pop("e2")
    await desk.poll()
    assert (await desk.records())[-1] == ("set limit", "rate_limited")
    desk.clock.advance(60)
    await desk.poll()
    assert desk.cap() == 70_000


async def test_what_another_server_accepts_meanwhile_stays(desk: Desk) -> None:
    desk.twin.limit("e1", 90)
    await desk.poll()
    desk.limits = limits_over(desk.clock, desk.store, TREE, EventBus(), [SourceRule("grid:utility")])
    desk.twin.events.clear()
    desk.twin.limit("e2", 120)
    await desk.poll()
    assert await desk.records() == [("set limit", ""), ("set limit", "")], "its own list was read before"
    assert desk.cap() == 90_000


async def test_targets_programs_and_strangers(desk: Desk) -> None:
    desk.twin.programs["p2"] = {"programName": "prices"}
    desk.ven = Ven(VenRule(AGREED, programs=("caps",)), desk.vtn, PEER, desk.clock, lambda feeder_id: 0)
    desk.twin.limit("both", 100, targets=["csms-1", "group-2"])
    desk.twin.limit("old", 95, targets=[{"type": "GROUP", "values": ["two"]}])
    desk.twin.limit("foreign", 60, targets=["nobody"])
    desk.twin.limit("other-program", 60, program="p2")
    desk.twin.event("price", intervals=[{"id": 0, "payloads": [{"type": "PRICE", "values": [0.2]}]}])
    await desk.poll()
    assert (desk.cap("T1"), desk.cap("T2")) == (100_000, 95_000)
    assert {"event": "foreign", "csms-1": "unknown_target"} in desk.twin.states()
    assert {"event": "price", "csms-1": "not_mapped"} in desk.twin.states()
    assert "other-program" not in {state["event"] for state in desk.twin.states()}
    assert len(await desk.records()) == 3
    told = len(desk.twin.states())
    await desk.poll()
    assert len(desk.twin.states()) == told


async def test_every_page_is_turned(desk: Desk) -> None:
    for n in range(120):
        desk.twin.limit(f"e{n}", 200 - n)
    await desk.poll()
    assert desk.cap() == 81_000
    assert desk.twin.asked["GET /events"] == 3
    desk.twin.always["/events"] = Bad(raw=json.dumps([{"id": f"x{n}"} for n in range(50)]).encode())
    await desk.poll()
    assert desk.cap() == 81_000


async def test_tokens_end_and_are_taken_back(desk: Desk) -> None:
    await desk.poll(2)
    assert desk.twin.asked["POST /auth/token"] == 1
    desk.twin.tokens.clear()
    desk.twin.limit("e1", 120)
    await desk.poll()
    assert (desk.cap(), desk.twin.asked["POST /auth/token"]) == (120_000, 2)
    desk.twin.tokens.clear()
    desk.twin.token_lasts_s = 60
    await desk.poll()
    before = desk.twin.asked["POST /auth/token"]
    await desk.poll()
    assert desk.twin.asked["POST /auth/token"] > before, "spared 60 s before its end"
    desk.twin.always["/events"] = Bad(401)
    with pytest.raises(VtnUnavailable, match="401"):
        await desk.vtn.get("/events")


@pytest.mark.parametrize(
    ("path", "bad", "wait_s"),
    [
        ("/events", Bad(429, headers=(("Retry-After", "40"),)), 40),
        ("/programs", Bad(503, headers=(("Retry-After", "100000"),)), 300),
        ("/events", Bad(503, headers=(("Retry-After", "Fri, 31 Dec 1999 23:59:59 GMT"),)), 0),
        ("/events", Bad(302, headers=(("Location", "https://127.0.0.1:1/events"),)), 0),
        ("/events", Bad(500), 0),
        ("/events", Bad(raw=b"{"), 0),
        ("/events", Bad(raw=b'{"a": 1}'), 0),
        ("/events", Bad(raw=b'[{"id": "e1", "id": "e2"}]'), 0),
        ("/events", Bad(raw=b"[" * 5000), 0),
        ("/events", Bad(raw=b'[{"id": "e1", "priority": NaN}]'), 0),
        ("/events", Bad(raw=b" " * (2 * 1024 * 1024 + 1)), 0),
        ("/events", Bad(raw=b"", headers=(("Content-Length", "x"),)), 0),
        ("/auth/token", Bad(raw=b'{"access_token": "a\\nb"}'), 0),
        ("/auth/token", Bad(raw=b'{"access_token": 5}'), 0),
        ("/auth/token", Bad(401), 0),
        ("/auth/server", Bad(raw=b'{"tokenURL": "http://127.0.0.1/t"}'), 0),
        ("/events", Bad(wait_s=1.0), 0),
    ],
)
@pytest.mark.req("GL-A4")
async def test_a_vtn_that_misbehaves_changes_no_limit_and_is_no_heartbeat(
    watched: Desk, monkeypatch: pytest.MonkeyPatch, path: str, bad: Bad, wait_s: float
) -> None:
    watched.twin.limit("e1", 120)
    await watched.poll()
    (source,) = watched.limits.sources()
    assert source.mode.value == "speaks"
    watched.clock.advance(60)
    if path.startswith("/auth"):
        await watched.vtn.close()
        watched.vtn = Vtn(VtnAddress(watched.twin.url, CLIENT, SECRET, ca=watched.twin.ca))
        watched.ven = Ven(watched.rule, watched.vtn, PEER, watched.clock, lambda feeder_id: 0)
    watched.twin.bad[path] = deque([bad])
    with monkeypatch.context() as patch:
        if bad.wait_s:
            patch.setattr(vtn_module, "WHOLE_S", 0.5)
        assert await watched.poll() == wait_s
    (source,) = watched.limits.sources()
    assert (source.silent_s, watched.cap()) == (60, 120_000)
    await watched.poll()
    assert watched.limits.sources()[0].silent_s == 0


@pytest.mark.req("GL-A4")
async def test_a_silent_vtn_is_held_at_the_failsafe_value_until_it_answers_and_agrees(watched: Desk) -> None:
    assert watched.cap() == 80_000
    await watched.poll()
    assert watched.cap() is None, "an empty list is a statement"
    watched.twin.limit("e1", 120)
    await watched.poll()
    assert watched.cap() == 120_000
    watched.twin.always["/programs"] = Bad(503)
    for _ in range(12):
        watched.clock.advance(10)
        await watched.poll()
        await watched.limits.look()
    assert watched.cap() == 80_000
    watched.twin.always.clear()
    watched.twin.limit("e1", 110, EARLIER)
    await watched.poll()
    assert watched.cap() == 80_000, "it answers, but what it says is older than what is known"
    watched.twin.limit("e1", 120)
    await watched.poll()
    assert watched.cap() == 120_000


async def test_limits_of_the_same_source_by_other_channels_are_left_alone(watched: Desk) -> None:
    await watched.limits.submit(b'{"version": 1, "value_w": 60000}', PEER, "T1", "by-hand")
    await watched.poll(3)
    assert watched.cap() == 60_000
    assert watched.limits.sources()[0].mode.value == "speaks"


async def test_an_older_release_and_its_own_words(desk: Desk) -> None:
    rule = VenRule(replace(AGREED, release=Release.V3_0))
    desk.ven = Ven(rule, desk.vtn, PEER, desk.clock, lambda feeder_id: 0)
    desk.twin.vens["v1"] = {"venName": "csms-1", "targets": [{"type": "GROUP", "values": ["g"]}]}
    desk.twin.limit("e1", 120, intervalPeriod={"start": "2026-01-01T00:00:00Z", "duration": "PT0S"})
    await desk.poll()
    assert desk.cap() == 120_000, "zero means without an end in 3.0"
    assert desk.twin.vens["v1"]["targets"] == [{"type": "GROUP", "values": ["g"]}]
    assert {report["programID"] for report in desk.twin.reports.values()} == {"p1"}


async def test_a_vtn_that_takes_no_vens_and_no_reports(desk: Desk) -> None:
    desk.twin.always |= {"/vens": Bad(403), "/reports": Bad(403)}
    desk.twin.limit("e1", 120)
    await desk.poll(2)
    assert desk.cap() == 120_000
    assert desk.twin.asked["GET /vens"] == 1
    desk.twin.always.clear()
    desk.clock.advance(3600)
    await desk.poll()
    assert list(desk.twin.vens) == ["vens-0"]


async def test_an_unknown_certificate_and_a_name_that_is_not_there(desk: Desk, tmp_path: Path) -> None:
    for address in (VtnAddress(desk.twin.url, CLIENT, SECRET), VtnAddress("https://127.0.0.1:1", CLIENT, SECRET)):
        vtn = Vtn(address)
        with pytest.raises(VtnUnavailable):
            await vtn.get("/programs")
        await vtn.close()
    assert desk.twin.asked.total() == 0


async def until(done: Callable[[], bool]) -> None:
    """Wait for it, some seconds at most."""
    for _ in range(3000):
        if done():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it never came")


async def test_it_runs_by_itself_and_can_be_woken(desk: Desk) -> None:
    clock = ScaledClock(speed=20.0)
    limits = limits_over(clock, desk.store, TREE, EventBus())
    ven = Ven(VenRule(AGREED, poll_s=6000), desk.vtn, PEER, clock, lambda feeder_id: 0)
    task = asyncio.create_task(ven.run(limits))
    await until(lambda: desk.twin.asked["GET /events"] == 1)
    desk.twin.limit("e1", 120)
    ven.wake()
    await until(lambda: limits.cap_w("T1", clock.now()) == 120_000)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_message_at_the_broker_is_a_wake_up_and_no_more(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notifier, "AGAIN_S", 0.05)
    clock = ScaledClock(speed=20.0)
    limits = limits_over(clock, desk.store, TREE, EventBus())
    ven = Ven(VenRule(AGREED, poll_s=6000, notifier=True), desk.vtn, PEER, clock, lambda feeder_id: 0)
    async with MqttTwin() as broker:
        desk.twin.notifiers["MQTT"] = {
            "URIS": [f"mqtt://127.0.0.1:{broker.port}"],
            "serialization": "JSON",
            "authentication": {"method": "ANONYMOUS"},
        }
        task = asyncio.create_task(ven.run(limits))
        await until(lambda: set(broker.topics) == {"events/create", "events/update", "events/delete"})
        desk.twin.limit("e1", 120)
        broker.publish("events/create", b'{"values": [999]}')
        await until(lambda: limits.cap_w("T1", clock.now()) == 120_000)
        await broker.drop()
        await until(lambda: len(broker.connects) > 1)
        desk.twin.limit("e1", 110, LATER)
        await broker.drop()
        await until(lambda: limits.cap_w("T1", clock.now()) == 110_000)
        assert len(broker.connects) > 1, "it comes again, and asks at once"
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("uris", "proof", "found"),
    [
        (["mqtts://b"], {"method": "ANONYMOUS"}, Broker("b", 8883, True)),
        (["mqtt://b:5"], {"method": "ANONYMOUS"}, Broker("b", 5, False)),
        (
            ["mqtts://b"],
            {"method": "OAUTH2_BEARER_TOKEN", "username": "{clientID}"},
            Broker("b", 8883, True, "me", "t"),
        ),
        (["mqtt://b"], {"method": "OAUTH2_BEARER_TOKEN"}, None),
        (["mqtt://b"], {"method": "SOMETHING"}, None),
        (["http://b", "mqtts://[", 5, "mqtts://b:x"], {}, None),
        (5, 5, None),
    ],
)
def test_brokers_that_we_come_to(uris: Any, proof: Any, found: Broker | None) -> None:
    assert broker_of({"MQTT": {"URIS": uris, "authentication": proof}}, "me", "t") == found
    assert broker_of({"WEBHOOK": True}, "me", "t") is None
    assert broker_of(None, "me", "t") is None
