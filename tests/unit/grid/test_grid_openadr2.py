"""OpenADR 2.0b with openleadr on both sides over the loopback; and its events as wishes, whatever stands in them."""

from __future__ import annotations

import asyncio
import json
import socket
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from csms.charging.feeder import Feeder, FeederTree
from csms.grid.openadr2 import Ven2, Ven2Rule
from csms.grid.openadr2_events import read_event
from csms.grid.openadr3 import Agreed, Reading
from csms.grid.peer import Peer, SourceRule
from csms.model.clock import ManualClock
from csms.model.errors import StoreUnavailable
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import limits_over

openleadr = pytest.importorskip("openleadr", reason="needs openleadr: pip install 'csms[openadr2]'")
pytestmark = pytest.mark.filterwarnings("ignore")

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
TREE = FeederTree([Feeder("T1", 400_000, lowest_cap_w=50_000), Feeder("T2", 300_000)])
PEER = Peer("grid:old", "openadr2", "old", feeders=frozenset({"T1", "T2"}))
AGREED = Agreed(
    "csms-1", feeders=("T1",), targets={"north": "T2"}, levels={1: 0.75}, rating_w={"T1": 400_000, "T2": 300_000}
)
WATCHED = SourceRule("grid:old", frozenset({"T1"}), heartbeat_s=30, failsafe_w={"T1": 80_000})
HOUR = timedelta(hours=1)


class Desk:
    """A VTN and our VEN, both of openleadr, and the limits between them."""

    def __init__(self, store: Store) -> None:
        self.clock, self.store = ManualClock(datetime.now(UTC)), store
        self.limits = limits_over(self.clock, store, TREE, EventBus(), [WATCHED])
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.server = openleadr.OpenADRServer("VTN", http_port=self.port, show_fingerprint=False)
        self.server.add_handler("on_create_party_registration", lambda info: ("VEN-1", "REG-1"))
        self.opts: list[tuple[str, str]] = []
        self.ven = Ven2(Ven2Rule(AGREED, f"http://127.0.0.1:{self.port}/OpenADR2/Simple/2.0b"), PEER, self.clock)
        self.client = self.ven.client(self.limits)

    def opted(self, ven_id: str, event_id: str, opt_type: str) -> None:
        self.opts.append((event_id, opt_type))

    def event(
        self, id_: str, value: float, name: str = "LOAD_CONTROL", kind: str = "x-loadControlCapacity", **more: Any
    ) -> None:
        begin = more.pop("begin", self.clock.now() - timedelta(minutes=1))
        intervals = [{"dtstart": begin, "duration": HOUR, "signal_payload": value}]
        self.server.add_event("VEN-1", name, kind, intervals, self.opted, event_id=id_, **more)

    async def turn(self) -> int | None:
        await self.ven.turn(self.client, self.limits)
        return self.cap()

    def cap(self, feeder_id: str = "T1") -> int | None:
        return self.limits.cap_w(feeder_id, self.clock.now())


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    store = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", ManualClock(), upgrade=True)
    found = Desk(store)
    await found.server.run_async()
    yield found
    await found.client.client_session.close()
    await found.server.stop()
    await store.close()


@pytest.mark.req("GL-A8")
async def test_an_event_is_a_limit_before_the_vtn_hears_opt_in(desk: Desk) -> None:
    assert desk.cap() == 80_000
    assert await desk.turn() is None, "registered, asked for all events, polled: there are none"
    desk.event("e1", 0.5)
    assert await desk.turn() == 200_000
    assert desk.opts == [("e1", "optIn")]
    (row,) = await desk.store.reader.limits("T1")
    assert (row.limit_id, row.version, row.power_w) == ("oadr2:e1:control", 1000, 200_000)
    desk.server.cancel_event("VEN-1", "e1")
    assert await desk.turn() is None


async def test_what_is_not_stored_is_not_taken_and_told_when_it_is(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    await desk.turn()
    desk.event("e1", 0.5)

    async def down(changes: object) -> None:
        raise StoreUnavailable("disk full")

    told: list[Any] = []
    with monkeypatch.context() as patch:
        patch.setattr(desk.store.writer, "commit", down)
        assert await desk.turn() is None
    assert desk.opts == [("e1", "optOut")]
    real = desk.client.created_event

    async def created(*arguments: Any) -> None:
        told.append(arguments[1:])
        await real(*arguments)

    desk.client.created_event = created
    assert await desk.turn() == 200_000
    assert told == [("e1", "optIn", 0)]


async def test_what_is_refused_or_concerns_nobody_is_opted_out(desk: Desk) -> None:
    await desk.turn()
    desk.event("low", 0.05)
    desk.event("price", 0.2, "ELECTRICITY_PRICE", "price")
    desk.event("north", 0.5, target={"group_id": "north"})
    desk.event("south", 0.5, target={"group_id": "south"})
    desk.event("level", 1, "SIMPLE", "level")
    desk.event("power", 150.0, "LOAD_DISPATCH", "setpoint")
    assert await desk.turn() == 150_000
    assert desk.cap("T2") == 150_000
    took = {"north", "level", "power"}
    assert dict(desk.opts) == {id_: "optIn" if id_ in took else "optOut" for id_, _ in desk.opts}
    assert len(desk.opts) == 6
    rows = [json.loads(row.text) for row in await desk.store.reader.audit_page(100, kind="limit")]
    assert sorted(row["result"]["code"] for row in rows if row["action"] == "set limit") == ["", "", "", "below_floor"]


@pytest.mark.req("GL-A4")
async def test_a_vtn_that_is_gone_is_silence_and_its_return_asks_for_all_events(desk: Desk) -> None:
    await desk.turn()
    desk.event("e1", 0.5)
    assert await desk.turn() == 200_000
    await desk.server.stop()
    desk.clock.advance(121)
    assert await desk.turn() == 200_000
    await desk.limits.look()
    assert desk.cap() == 80_000
    events = desk.server.events
    again = openleadr.OpenADRServer("VTN", http_port=desk.port, show_fingerprint=False)
    again.add_handler("on_create_party_registration", lambda info: ("VEN-1", "REG-1"))
    again.services["event_service"].events = events
    desk.server = again
    await again.run_async()
    assert await desk.turn() == 200_000


async def test_it_runs_by_itself_and_ends(desk: Desk) -> None:
    task = asyncio.create_task(desk.ven.run(desk.limits))
    for _ in range(500):
        if desk.limits.sources()[0].mode.value == "speaks":
            break
        await asyncio.sleep(0.01)
    assert desk.limits.sources()[0].mode.value == "speaks"
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_redirect_is_refused(desk: Desk) -> None:
    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(65_536)
        target = f"http://127.0.0.1:{desk.port}/OpenADR2/Simple/2.0b/EiRegisterParty"
        writer.write(f"HTTP/1.1 307 X\r\nLocation: {target}\r\nContent-Length: 0\r\n\r\n".encode())
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(moved, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    ven = Ven2(Ven2Rule(AGREED, url), PEER, desk.clock)
    client = ven.client(desk.limits)
    await ven.turn(client, desk.limits)
    assert client.registration_id is None
    assert desk.limits.sources()[0].silent_s is None
    await client.client_session.close()
    server.close()


def event(
    *payloads: Any, name: str = "LOAD_CONTROL", kind: str = "x-loadControlCapacity", **rest: Any
) -> dict[str, Any]:
    signal: dict[str, Any] = {"signal_name": name, "signal_type": kind}
    signal |= {name: rest.pop(name) for name in ("measurement",) if name in rest}
    signal["intervals"] = [{"duration": HOUR, "signal_payload": one} for one in payloads]
    descriptor = {"event_id": "e1", "modification_number": 2, "event_status": "far"} | rest.pop("descriptor", {})
    return {
        "event_descriptor": descriptor,
        "active_period": {"dtstart": NOW, "duration": 3 * HOUR},
        "event_signals": [signal],
        "targets": [{"ven_id": "VEN-1"}],
    } | rest


def read(said: Any) -> Reading:
    return read_event(said, AGREED, "VEN-1", NOW)


def body(said: Any) -> dict[str, Any]:
    (wish,) = read(said).wishes
    assert wish.stamp == 3
    return {name: value for name, value in wish.body.items() if name != "reason"}


def at(hours: float) -> str:
    return (NOW + timedelta(hours=hours)).isoformat()


def test_intervals_of_an_event() -> None:
    assert body(event(0.5)) == {"valid_from": at(0), "valid_to": at(1), "value_w": 200_000}
    assert len(body(event(0.5, 0.25, 0.5, 0.1))["blocks"]) == 3, "cut off at the end of the active period"
    endless = event(0.5, active_period={"dtstart": NOW, "duration": timedelta()})
    endless["event_signals"][0]["intervals"][0]["duration"] = timedelta()
    assert body(endless) == {"valid_from": at(0), "value_w": 200_000}
    late = {"dtstart": NOW, "duration": HOUR, "tolerance": {"tolerate": {"startafter": timedelta(minutes=10)}}}
    moved = datetime.fromisoformat(body(event(0.5, active_period=late))["valid_from"]) - NOW
    assert timedelta() <= moved <= timedelta(minutes=10)
    assert body(event(0.5, descriptor={"priority": 1}))["priority"] == 0


def test_power_has_a_unit() -> None:
    def dispatch(unit: str, scale: str) -> dict[str, Any]:
        return body(event(50.0, name="LOAD_DISPATCH", kind="setpoint", measurement={"unit": unit, "scale": scale}))

    assert dispatch("W", "k")["value_w"] == 50_000
    assert dispatch("W", "none")["value_w"] == 50
    assert dispatch("VA", "k")["unit"] == "kVA"
    assert body(event(50.0, name="LOAD_DISPATCH", kind="setpoint"))["value_w"] == 50_000


def test_tests_cancellations_and_what_makes_no_sense() -> None:
    assert read(event(0.5, descriptor={"event_status": "cancelled"})).remarks == ("cancelled",)
    assert read(event(0.5, descriptor={"test_event": True})).remarks == ("test_event",)
    assert read(event(0.5, kind="x-loadControlPercentOffset")).remarks == ("not_mapped",)
    assert body(event("x"))["value_w"] == "x"
    for bad in ({"active_period": None}, {"event_signals": 5}, {"descriptor": {"modification_number": -1}}):
        assert read(event(0.5, **bad)).unreadable
    assert read(None).unreadable


Value = st.one_of(
    st.none(),
    st.floats(),
    st.text(max_size=4),
    st.timedeltas(),
    st.datetimes(),
    st.just(NOW),
    st.just(datetime.max.replace(tzinfo=UTC)),
)


@given(
    said=st.fixed_dictionaries({"payload": Value, "length": Value, "start": Value, "whole": Value, "priority": Value})
)
def test_nothing_that_a_vtn_says_raises(said: dict[str, Any]) -> None:
    built = event(said["payload"], descriptor={"priority": said["priority"]})
    built["active_period"] = {"dtstart": NOW, "duration": said["whole"]}
    built["event_signals"][0]["intervals"][0] |= {"duration": said["length"], "dtstart": said["start"]}
    for wish in read(built).wishes:
        json.dumps(dict(wish.body))
