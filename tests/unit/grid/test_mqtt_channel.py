"""Limits over MQTT through a real broker, a real store and the one state machine (GL-A5)."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from csms.access.audit import AuditLog
from csms.charging.feeder import Feeder, FeederTree
from csms.grid.liveness import Mode
from csms.grid.mqtt import MqttChannel, Pace
from csms.grid.mqtt_link import Broker
from csms.grid.mqtt_payloads import FeederPower, Quality
from csms.grid.peer import SourceRule
from csms.model.clock import system_clock
from csms.model.errors import StoreUnavailable
from csms.station.bus import EventBus
from csms.store.engine import Store, open_store
from tests.support.limits import limits_over
from tests.support.mosquitto import PASSWORD, Mosquitto, Operator, needs_mosquitto, operator

pytestmark = [needs_mosquitto, pytest.mark.req("GL-A5")]

TREE_FEEDERS = [
    Feeder("T1", 400_000, lowest_cap_w=50_000),
    Feeder("T1-north", 200_000, parent="T1"),
    Feeder("T2", 400_000),
]
NORTH = SourceRule("grid:north", frozenset({"T1"}))
SOUTH = SourceRule("grid:south", frozenset({"T2"}))
SET, ACK, STATE = "grid/v1/north/T1/limit/set", "grid/v1/north/T1/limit/ack", "grid/v1/north/T1/limit/state"


class Site:
    """A central system as far as limits over MQTT need one."""

    def __init__(self, store: Store, broker: Mosquitto, *rules: SourceRule) -> None:
        self.store, self.broker = store, broker
        self.clock, self.bus = system_clock(), EventBus()
        self.tree = FeederTree(TREE_FEEDERS)
        self.reported: list[tuple[str, float, datetime]] = []
        self.audit = AuditLog(self.clock, store)
        self.limits = limits_over(self.clock, store, self.tree, self.bus, rules or (NORTH, SOUTH), self.audit)
        self.channel = self.make_channel()
        self._task: asyncio.Task[None] | None = None

    def make_channel(self, pace: Pace | None = None) -> MqttChannel:
        return MqttChannel(
            Broker("127.0.0.1", self.broker.port, "csms-1", tls=False, username="csms", password=PASSWORD),
            "1",
            self.clock,
            self.limits,
            self.bus,
            state=lambda feeder_id: {"planned_w": 7},
            meter=lambda feeder_id: FeederPower(10_000, 5_000, Quality.ESTIMATED),
            report=lambda *reading: self.reported.append(reading),
            pace=pace or Pace(state_s=1.0, meter_s=0.5, heartbeat_s=0.5),
        )

    async def start(self) -> None:
        await self.limits.restore()
        self._task = asyncio.create_task(self.channel.run())
        await until(lambda: self.channel.connected)

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task
            self._task = None

    async def records(self) -> list[dict[str, Any]]:
        rows = await self.store.reader.audit_page(1000, kind="limit")
        return [json.loads(row.text) for row in rows]

    def cap_w(self, feeder: str = "T1") -> int | None:
        return self.limits.cap_w(feeder, self.clock.now())


async def until(test: Callable[[], object], within_s: float = 10.0) -> None:
    async with asyncio.timeout(within_s):
        while not test():  # noqa: ASYNC110
            await asyncio.sleep(0.01)


def ahead(**since: float) -> str:
    return (datetime.now(UTC) + timedelta(**since)).isoformat()


@pytest.fixture
def broker(tmp_path: Path) -> Any:
    made = Mosquitto(tmp_path / "broker")
    made.start()
    yield made
    made.stop()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    made = await open_store(f"sqlite+aiosqlite:///{tmp_path / 'csms.db'}", system_clock(), upgrade=True)
    yield made
    await made.close()


@pytest.fixture
async def site(store: Store, broker: Mosquitto) -> AsyncIterator[Site]:
    made = Site(store, broker)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
async def north(site: Site) -> AsyncIterator[Operator]:
    async with operator(site.broker.port) as made:
        yield made


async def test_a_limit_is_acknowledged_once_it_is_durable(site: Site, north: Operator) -> None:
    await north.state(value_w=120_000)
    ack = await north.ack()
    assert (ack["id"], ack["version"], ack["accepted"]) == ("L1", 1, True)
    rows = await site.store.reader.limits("T1")
    assert [(row.source, row.power_w) for row in rows] == [("grid:north", 120_000)]
    assert datetime.fromisoformat(ack["persisted_at"]) == rows[0].received_at
    assert site.cap_w() == 120_000


async def test_the_same_again_gets_the_same_answer_and_changes_nothing(site: Site, north: Operator) -> None:
    await north.state()
    await north.state()
    first, second = await north.ack(0), await north.ack(1)
    assert (first["repeated"], second["repeated"]) == (False, True)
    assert first["persisted_at"] == second["persisted_at"]
    assert len(await site.store.reader.limits("T1")) == 1


REFUSED = {
    "malformed": {"valid_until": "2027-01-01T00:00:00Z"},
    "bad_unit": {"unit": "kW"},
    "bad_sign": {"value_w": -1},
    "not_finite": {"value_w": 1e12},
    "window_order": {"valid_from": "2031-01-01T00:00:00Z", "valid_to": "2030-01-01T00:00:00Z"},
    "window_past": {"valid_from": "2020-01-01T00:00:00Z", "valid_to": "2020-01-02T00:00:00Z"},
    "beyond_horizon": {"valid_from": "2090-01-01T00:00:00Z", "valid_to": "2091-01-01T00:00:00Z"},
    "below_floor": {"value_w": 0},
    "unknown_limit": {"cancel": True},
}


@pytest.mark.req("GL-A2")
async def test_every_refusal_has_its_code_is_recorded_and_changes_nothing(site: Site, north: Operator) -> None:
    for said in REFUSED.values():
        await north.state(**said)
    blocks = [{"start": ahead(minutes=n), "value_w": 60_000} for n in range(1001)]
    body = {"id": "L1", "version": 1, "blocks": blocks}
    await north.put(SET, json.dumps(body).encode())
    await north.put(SET, b'{"id": "L1", "version": 1, "value_w": NaN}')
    await north.put(SET, b'{"id": "L1", "version": 1, "version": 2, "value_w": 5}')
    await north.put(SET, b"\xff\xfe")
    codes = [(await north.ack(number))["code"] for number in range(len(REFUSED) + 4)]
    assert codes == [*REFUSED, "too_many_blocks", "malformed", "malformed", "malformed"]
    assert site.cap_w() is None
    assert [one["result"]["code"] for one in reversed(await site.records())] == codes
    assert {one["who"]["channel"] for one in await site.records()} == {"mqtt"}


async def test_an_older_version_is_refused(site: Site, north: Operator) -> None:
    await north.state(version=2)
    await north.state(version=1, value_w=300_000)
    assert (await north.ack(1))["code"] == "stale_version"
    assert site.cap_w() == 100_000


async def test_a_newer_version_cancels(site: Site, north: Operator) -> None:
    await north.state()
    await north.state(version=2, cancel=True)
    assert (await north.ack(1))["accepted"]
    assert site.cap_w() is None


async def test_somebody_who_says_too_much_is_told_so(store: Store, broker: Mosquitto) -> None:
    site = Site(store, broker, SourceRule("grid:north", frozenset({"T1"}), statements_per_min=1.0))
    await site.start()
    async with operator(broker.port) as north:
        await north.state()
        await north.state(version=2)
        assert (await north.ack(1))["code"] == "rate_limited"
    await site.stop()


@pytest.mark.req("GL-A2")
async def test_a_feeder_of_others_is_refused_whether_it_exists_or_not(site: Site, north: Operator) -> None:
    await north.state("T2")
    await north.state("nowhere")
    assert (await north.ack(feeder="T2"))["code"] == "not_authorised"
    assert (await north.ack(feeder="nowhere"))["code"] == "not_authorised"
    assert (site.cap_w("T2"), len(await site.records())) == (None, 2)


async def test_below_its_own_feeder_it_may_limit_and_is_told_of_it(site: Site, north: Operator) -> None:
    await north.state("T1-north", value_w=60_000)
    assert (await north.ack(feeder="T1-north"))["accepted"]
    state = await north.told(north.topic("T1-north", "limit/state"))
    assert (state["cap_w"], state["limits"][0]["version"]) == (60_000, 1)


async def test_the_broker_keeps_operators_out_of_each_others_topics(site: Site, north: Operator) -> None:
    async with operator(site.broker.port, "south") as south:
        await south.put(SET, b'{"id": "L1", "version": 1, "value_w": 60000}')
        await south.state("T2")
        await south.ack(feeder="T2")
    assert (site.cap_w(), north.acks()) == (None, 0)


async def test_nobody_speaks_without_a_password(broker: Mosquitto) -> None:
    for wrong in ({"password": "guessed"}, {"username": None, "password": None}):
        with pytest.raises(aiomqtt.MqttError):
            async with operator(broker.port, **wrong):
                pass


@pytest.mark.req("GL-A2")
async def test_an_operator_that_nobody_configured_is_refused(store: Store, broker: Mosquitto) -> None:
    """Its broker lets it speak, we do not take its word; and floods of strangers do not fill the record."""
    site = Site(store, broker, SOUTH)
    await site.start()
    async with operator(broker.port) as north:
        for version in range(1, 81):
            await north.state(version=version)
        assert (await north.ack())["code"] == "not_authorised"
        await until(lambda: site.channel.counts["too_many_strangers"] + site.channel.counts["not_authorised"] >= 80)
    assert 60 <= len(await site.records()) < 70
    assert site.cap_w() is None
    await site.stop()


async def test_an_answer_goes_where_it_is_wanted_with_what_belongs_to_it(site: Site, north: Operator) -> None:
    wanted = "grid/v1/north/answers/7"
    body = b'{"id": "L1", "version": 1, "value_w": 90000}'
    await north.put(SET, body, ResponseTopic=wanted, CorrelationData=b"\x00\x07")
    answer = await north.message(wanted)
    assert json.loads(answer.payload)["accepted"] is True
    assert getattr(answer.properties, "CorrelationData", None) == b"\x00\x07"
    assert (await north.ack())["accepted"] is True


@pytest.mark.parametrize("wanted", ["grid/v1/south/T2/limit/state", "grid/v1/north/T1/limit/set", "elsewhere"])
async def test_no_answer_goes_where_it_would_be_somebody_elses_word(site: Site, north: Operator, wanted: str) -> None:
    async with operator(site.broker.port, "south") as south:
        await north.put(SET, b'{"id": "L1", "version": 1, "value_w": 90000}', ResponseTopic=wanted)
        assert (await north.ack())["accepted"] is True
        await until(lambda: site.channel.counts["bad_response_topic"] == 1)
        state = await south.told(south.topic("T2", "limit/state"))
    assert "cap_w" in state
    assert site.channel.counts["malformed"] == 0


async def test_what_was_retained_while_we_were_away_is_acknowledged(store: Store, broker: Mosquitto) -> None:
    async with operator(broker.port) as north:
        await north.state(retain=True)
        site = Site(store, broker)
        await site.start()
        assert (await north.ack())["accepted"] is True
    assert site.cap_w() == 100_000
    await site.stop()


async def test_a_retained_limit_that_is_known_is_answered_again_but_is_no_new_word(site: Site, north: Operator) -> None:
    await north.state(retain=True)
    await north.ack()
    before = len(await site.records())
    await site.stop()
    await site.start()
    assert (await north.ack(1))["repeated"] is True
    assert len(await site.records()) == before


async def test_a_retained_version_that_is_older_than_the_store_is_refused_once(site: Site, north: Operator) -> None:
    await north.state(retain=True)
    await north.state(version=2, value_w=80_000)
    await north.ack(1)
    before = len(await site.records())
    await site.stop()
    await site.start()
    assert (await north.ack(2))["code"] == "stale_version"
    assert (site.cap_w(), len(await site.records())) == (80_000, before + 1)
    site.channel._again.set()
    await until(lambda: site.channel.counts["retained_stale"])
    assert (site.cap_w(), north.acks(), len(await site.records())) == (80_000, 3, before + 1)
    assert await site.store.reader.open_alerts() == {}


async def test_clearing_what_is_retained_cancels_nothing(site: Site, north: Operator) -> None:
    await north.state(retain=True)
    await north.ack()
    await north.put(SET, b"", retain=True)
    await until(lambda: site.channel.counts["emptied"])
    assert site.cap_w() == 100_000


async def test_a_limit_whose_message_expired_comes_to_nobody(store: Store, broker: Mosquitto) -> None:
    async with operator(broker.port) as north:
        body = b'{"id": "L1", "version": 1, "value_w": 90000}'
        await north.put(SET, body, retain=True, MessageExpiryInterval=1)
        await north.put("grid/v1/north/T1-north/limit/set", body, retain=True, MessageExpiryInterval=600)
        await asyncio.sleep(2.5)
        site = Site(store, broker)
        await site.start()
        assert (await north.ack(feeder="T1-north"))["accepted"] is True
    assert (site.cap_w(), north.acks()) == (None, 0)
    await site.stop()


async def test_a_restart_of_the_broker_loses_no_limit(site: Site, north: Operator) -> None:
    await north.state(value_w=90_000, retain=True)
    await north.ack()
    site.broker.stop()
    await until(lambda: not site.channel.connected)
    assert site.cap_w() == 90_000
    site.broker.start()
    await until(lambda: site.channel.connected)
    async with operator(site.broker.port) as again:
        state = await again.told(STATE)
        assert (state["cap_w"], state["limits"][0]["id"]) == (90_000, "L1")
        await again.state(version=2, value_w=70_000, retain=True)
        await again.until(ACK, lambda ack: ack["version"] == 2)
    assert site.cap_w() == 70_000


async def test_what_is_said_while_we_are_away_waits_at_the_broker(site: Site, north: Operator) -> None:
    """The session outlives the connection, also for what is not retained; heartbeats do not wait."""
    await site.stop()
    await north.state(value_w=90_000)
    await north.beat()
    await site.start()
    assert (await north.ack())["accepted"] is True
    assert (site.cap_w(), site.channel.counts["heartbeats"]) == (90_000, 0)


async def test_a_limit_that_came_while_the_database_was_away_is_acknowledged_later(
    site: Site, north: Operator, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def away(*_: Any) -> None:
        raise StoreUnavailable("the disk is full")

    with monkeypatch.context() as broken:
        broken.setattr(site.audit, "write", away)
        broken.setattr(site.store.writer, "commit", away)
        await north.state(retain=True)
        await until(lambda: site.channel.counts["not_stored"] >= 2)
        assert (site.cap_w(), north.acks()) == (None, 0)
        assert site.channel.acknowledgements_owed == 1
    assert (await north.ack())["accepted"] is True
    assert site.cap_w() == 100_000
    await until(lambda: site.channel.acknowledgements_owed == 0)
    assert site.channel.connections == 1
    assert site.channel.traffic["in"] >= 2
    assert site.channel.traffic["out"] >= 1


@pytest.mark.req("GL-A4")
async def test_silence_leads_to_the_failsafe_value_and_a_heartbeat_with_a_new_word_out_of_it(
    store: Store, broker: Mosquitto
) -> None:
    rule = SourceRule("grid:north", frozenset({"T1"}), heartbeat_s=0.5, missed=2, failsafe_w={"T1": 60_000})
    site = Site(store, broker, rule)
    await site.start()
    watching = asyncio.create_task(site.limits.run())
    async with operator(broker.port) as north:
        await north.until(STATE, lambda state: state["failsafe"] and state["cap_w"] == 60_000)
        await north.state(retain=True)
        await north.beat()
        speaking = await north.until(STATE, lambda state: not state["failsafe"] and state["limits"])
        assert speaking["cap_w"] == 100_000
        north.heard.clear()
        await north.until(STATE, lambda state: state["failsafe"])
        await site.stop()
        await site.start()  # what is retained comes again: no new word
        for _ in range(4):
            await north.beat()
            await asyncio.sleep(0.2)
        assert site.limits.sources()[0].mode is Mode.FAILSAFE
        await north.beat(limits=[{"feeder": "T1", "id": "L1", "version": 1}])
        beat = await north.until(north.topic("T1", "heartbeat"), lambda beat: beat["agrees"])
        assert beat["node"] == "1"
        assert site.limits.sources()[0].mode is Mode.SPEAKS
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)
    await site.stop()


async def test_a_heartbeat_that_is_old_or_not_its_own_counts_for_nothing(site: Site, north: Operator) -> None:
    await north.put(north.topic("T2", "heartbeat"), b"")
    await north.put(north.topic("T1", "heartbeat"), b'{"sent": "now"}')
    await north.put(north.topic("T1", "heartbeat"), b'{"node": "2", "sent_at": "", "mode": "", "agrees": null}')
    await north.beat()
    await until(lambda: site.channel.counts["heartbeats"] == 1)
    assert (site.channel.counts["not_authorised"], site.channel.counts["malformed"]) == (1, 1)
    await site.stop()
    await north.put(north.topic("T1", "heartbeat"), b"{}", retain=True)
    await site.start()
    await until(lambda: site.channel.counts["retained_heartbeat"])
    assert site.channel.counts["heartbeats"] == 1


async def test_state_meter_heartbeat_and_status_are_told(site: Site, north: Operator) -> None:
    state = await north.message(STATE)
    assert json.loads(state.payload)["planned_w"] == 7
    meter = await north.told(north.topic("T1", "meter"))
    assert (meter["power_w"], meter["quality"]) == (15_000, "estimated")
    beat = await north.told(north.topic("T1", "heartbeat"))
    assert (beat["node"], beat["mode"]) == ("1", "speaks")
    assert (await north.message("grid/v1/csms/1/status")).payload == b"online"
    await north.message(STATE, 3)


async def test_a_change_is_told_before_the_next_round(store: Store, broker: Mosquitto) -> None:
    site = Site(store, broker)
    site.channel = site.make_channel(Pace())
    await site.start()
    async with operator(broker.port) as north:
        assert (await north.told(STATE))["limits"] == []
        await north.state(valid_to=ahead(seconds=3))
        in_force = await north.told(STATE, 1)
        assert (in_force["cap_w"], in_force["limits"][0]["state"]) == (100_000, "in_force")
        over = await north.told(STATE, 2)
        assert (over["cap_w"], over["limits"]) == (400_000, [])
    await site.stop()


async def test_we_say_goodbye_and_the_broker_says_it_for_us(site: Site, north: Operator) -> None:
    status = "grid/v1/csms/1/status"
    await north.message(status)
    await site.stop()
    assert (await north.message(status, 1)).payload == b"offline"
    await site.start()
    assert (await north.message(status, 2)).payload == b"online"
    async with aiomqtt.Client(
        "127.0.0.1",
        site.broker.port,
        identifier="csms-1",
        username="csms",
        password=PASSWORD,
        protocol=aiomqtt.ProtocolVersion.V5,
    ):
        assert (await north.message(status, 3)).payload == b"offline"
    assert (await north.message(status, 4)).payload == b"online"


async def test_a_metered_base_load_is_handed_on(site: Site, north: Operator) -> None:
    base, at = north.topic("T1", "base"), "2026-01-31T12:00:00+08:00"
    await north.put(base, json.dumps({"power_w": 12_500.5, "at": at}).encode())
    await north.put(base, b'{"power_w": -3}')
    for wrong in (
        b"{}",
        b'{"power_w": "5"}',
        b'{"power_w": true}',
        b'{"power_w": 1e999}',
        b'{"power_w": 1, "at": "x"}',
    ):
        await north.put(base, wrong)
    await north.put(north.topic("T2", "base"), b'{"power_w": 1}')
    await until(lambda: site.channel.counts["not_authorised"] == 1)
    assert [reading[:2] for reading in site.reported] == [("T1", 12_500.5), ("T1", -3.0)]
    assert site.reported[0][2] == datetime.fromisoformat(at)
    assert site.channel.counts["malformed"] == 5


async def test_topics_that_mean_nothing_are_counted(site: Site, broker: Mosquitto) -> None:
    long = "x" * 100
    async with operator(broker.port, "csms") as us:
        await us.put(f"grid/v1/{long}/T1/limit/set", b"{}")
        await us.put("grid/v1/north//limit/set", b"{}")
        await until(lambda: site.channel.counts["bad_topic"] == 2)
    assert await site.records() == []


@pytest.mark.req("GL-A10")
async def test_how_long_an_acknowledgement_takes(
    site: Site, north: Operator, capsys: pytest.CaptureFixture[str]
) -> None:
    """At most a second; told, not asserted, for machines differ."""
    loop, took_ms = asyncio.get_running_loop(), []
    for number in range(50):
        began = loop.time()
        await north.state(version=number + 1)
        await north.ack(number)
        took_ms.append((loop.time() - began) * 1000)
    took_ms.sort()
    with capsys.disabled():
        sys.stdout.write(f"\nMQTT, stated to acknowledged: median {took_ms[25]:.1f} ms, at most {took_ms[-1]:.1f} ms\n")


async def test_a_broker_that_stays_away_is_somebodys_business(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("csms.grid.mqtt.AWAY_S", 1.5)
    site.broker.stop()
    async with asyncio.timeout(20):
        while await site.store.reader.open_alerts() != {"LimitBrokerAway": 1}:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        site.broker.start()
        while await site.store.reader.open_alerts():  # noqa: ASYNC110
            await asyncio.sleep(0.1)
