"""Limits over MQTT 5 (grid-limits A5): a shell over the one state machine; it decides nothing itself.

What the broker knows of delivery is not our acknowledgement. That is a message of its own, sent after the statement is
durable; while nothing can be stored there is none, and what is retained is read again until it can.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from aiomqtt import Message, MqttError

from csms.grid.decide import Decision
from csms.grid.mqtt_link import GOODBYE_S, WAITING_MAX, Broker, Connection, Link, properties_for, response_wanted
from csms.grid.mqtt_payloads import (
    OFFLINE,
    ONLINE,
    BadPayload,
    FeederPower,
    acknowledgement,
    feeder_power,
    is_ours,
    our_heartbeat,
    packed,
    read_base,
    read_said,
)
from csms.grid.mqtt_responses import read_word
from csms.grid.mqtt_topics import Address, BadTopic, Kind, everybodys, read_response_topic, read_topic, status_topic
from csms.grid.peer import Peer, operator_of, source_of
from csms.grid.progress import LimitProgress
from csms.grid.responses import ResponseDesk
from csms.grid.service import LimitService
from csms.grid.statement import BadStatement
from csms.grid.unbroken import finished
from csms.grid.views import state_view
from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.model.event import Event, LimitChanged
from csms.security.buckets import Buckets
from csms.station.bus import EventBus

log = logging.getLogger(__name__)

LOOK_S = 1.0
"""How soon a state that changed by itself is told, at the latest."""
AGAIN_S, AGAIN_S_MAX = 1.0, 30.0
"""After this what is retained is read again when something of it could not be stored."""
STRANGERS_PER_S, STRANGERS_BURST = 1.0, 60
"""How many statements of operators that nobody configured are judged and recorded, all of them together."""

TOLD_CHARACTERS = 200
AWAY, AWAY_S = "LimitBrokerAway", 60.0
"""The alert when there is no connection to the broker for so long."""

FeederState = Callable[[str], Mapping[str, Any]]
"""What charging knows of a feeder, as plain values."""
FeederMeter = Callable[[str], FeederPower]
"""What flows through a feeder."""
BaseReport = Callable[[str, float, datetime], object]
"""Takes a metered base load of a feeder, in W, and when it was so."""


class NotTaken(Exception):
    """A message that nothing comes of; it is counted by its code."""

    def __init__(self, code: str, why: str) -> None:
        super().__init__(why)
        self.code = code


@dataclass(frozen=True, slots=True)
class Pace:
    """How often we say something of our own accord, in seconds."""

    state_s: float = 30.0
    meter_s: float = 30.0
    heartbeat_s: float = 30.0


class MqttChannel:
    """Background work over `limits`. Operators are those whose source is configured with feeders."""

    def __init__(
        self,
        broker: Broker,
        node: str,
        clock: Clock,
        limits: LimitService,
        bus: EventBus,
        *,
        progress: LimitProgress | None = None,
        state: FeederState | None = None,
        meter: FeederMeter | None = None,
        report: BaseReport | None = None,
        pace: Pace | None = None,
        responses: ResponseDesk | None = None,
    ) -> None:
        self._node, self._clock, self._limits, self._progress = node, clock, limits, progress
        self._state, self._meter, self._report, self._pace = state, meter, report, pace or Pace()
        self._responses = responses
        self._connection: Connection | None = None
        self._status = status_topic(node)
        self._link = Link(broker, (self._status, OFFLINE))
        self._again, self._again_s = self._link.inbox.lost, AGAIN_S
        self._changed, self._wake = set[str](), asyncio.Event()
        self._agrees: dict[str, bool | None] = {}
        self._strangers = Buckets(STRANGERS_PER_S, STRANGERS_BURST)
        self._owed: set[tuple[str, str]] = set()
        self._stale: dict[bytes, None] = {}
        bus.subscribe(self._heard)

    @property
    def counts(self) -> Counter[str]:
        """How many messages were taken, and how many were not and why."""
        return self._link.counts

    @property
    def connected(self) -> bool:
        """Whether there is a connection to the broker now."""
        return self._link.connected

    @property
    def connections(self) -> int:
        """How often there was one."""
        return self._link.counts["connections"]

    @property
    def traffic(self) -> Counter[str]:
        """Messages that came (`in`) and that the broker took (`out`)."""
        return self._link.traffic

    @property
    def acknowledgements_owed(self) -> int:
        """Statements that came and are not answered yet: they wait, could not be stored, or nobody could be told."""
        waiting = sum(topic.endswith(f"/{Kind.SET.value}") for topic in self._link.inbox.topics())
        return waiting + len(self._owed)

    async def run(self) -> None:
        """Until cancelled."""
        async with asyncio.TaskGroup() as work:
            work.create_task(self._link.run(self._serve))
            work.create_task(self._watch_broker())

    async def _watch_broker(self) -> None:
        """Somebody should look when operators cannot reach us for longer than a restart takes."""
        there_s, told = self._clock.monotonic_s(), False
        await self._limits.alert_over(AWAY, "this server began anew")
        while True:
            now_s = self._clock.monotonic_s()
            if self.connected:
                there_s = now_s
                if told:
                    await self._limits.alert_over(AWAY, "connected again")
                told = False
            elif now_s - there_s >= AWAY_S and not told:
                told = True
                await self._limits.alert(AWAY, f"the broker at {self._link.host} cannot be reached")
            await asyncio.sleep(self._clock.wall_s(LOOK_S))

    async def _serve(self, connection: Connection) -> None:
        """Hear first: what is retained may be a limit that nobody has acknowledged."""
        self._again.clear()
        await self._read_retained(connection)
        if self._responses is not None:
            await connection.hear(everybodys(Kind.RESPONSE_SET), qos=1)
        # At most once, so that the broker keeps none while we are away: an old heartbeat says nothing of now.
        await connection.hear(everybodys(Kind.HEARTBEAT), everybodys(Kind.BASE), qos=0)
        self._connection = connection
        try:
            await connection.say(self._status, ONLINE, retain=True)
            async with asyncio.TaskGroup() as work:
                work.create_task(self._receive(connection))
                work.create_task(self._read_again(connection))
                work.create_task(self._tell_states(connection))
                work.create_task(self._tell_meters(connection))
                work.create_task(self._beat(connection))
        except asyncio.CancelledError:
            with suppress(MqttError, TimeoutError):
                async with asyncio.timeout(GOODBYE_S):
                    await connection.say(self._status, OFFLINE, retain=True)
            raise
        finally:
            self._connection = None

    async def _read_retained(self, connection: Connection) -> None:
        await connection.hear(everybodys(Kind.SET), qos=1)

    async def _read_again(self, connection: Connection) -> None:
        while True:
            await self._again.wait()
            await asyncio.sleep(self._again_s)
            self._again.clear()
            self._again_s = min(self._again_s * 2, AGAIN_S_MAX)
            self.counts["read_again"] += 1
            await self._read_retained(connection)

    async def _receive(self, connection: Connection) -> None:
        async for message in connection.messages:
            try:
                await self._take(connection, message)
            except NotTaken as refusal:
                self._refuse(refusal.code, message.topic.value, str(refusal))
            except MqttError:
                raise
            except Exception:
                self.counts["failed"] += 1
                log.exception("mqtt_message_failed", extra={"topic": message.topic.value[:TOLD_CHARACTERS]})

    async def _take(self, connection: Connection, message: Message) -> None:
        try:
            address = read_topic(message.topic.value)
        except BadTopic as fault:
            raise NotTaken("bad_topic", str(fault)) from None
        if address.kind is Kind.SET:
            await self._take_statement(connection, message, address)
        elif address.kind is Kind.HEARTBEAT:
            await self._take_heartbeat(connection, message, address)
        elif address.kind is Kind.RESPONSE_SET:
            await self._take_response(connection, message, address)
        else:
            self._take_base(message, address)

    async def _take_statement(self, connection: Connection, message: Message, address: Address) -> None:
        if not message.payload:
            raise NotTaken("emptied", "clearing what was retained cancels nothing")
        said = read_said(message.payload)
        owed = address.topic, said.limit_id[:TOLD_CHARACTERS]
        try:
            decision = await self._judge(message, address, said.limit_id)
        except StoreUnavailable as fault:
            self._owe(owed)
            self._again.set()
            raise NotTaken("not_stored", str(fault)) from None
        self._owe(owed)
        self.counts["accepted" if decision.accepted else decision.code] += 1
        answer = acknowledgement(said, decision, address.feeder_id, self._clock.now())
        await connection.say(address._replace(kind=Kind.ACK).topic, answer, properties_for())
        self._owed.discard(owed)
        await self._respond(connection, message, address.operator, answer)

    def _owe(self, statement: tuple[str, str]) -> None:
        """For the figures alone; whoever floods makes no list without an end."""
        if len(self._owed) < WAITING_MAX:
            self._owed.add(statement)

    async def _judge(self, message: Message, address: Address, limit_id: str) -> Decision:
        """What the broker kept is no new word of its source: the same once more is answered but not recorded, and does
        not end a silence. An older version is refused and recorded once, then passed over, for the store has the last
        word. Raises NotTaken.
        """
        peer = self._peer(address.operator)
        stated = message.payload, peer, address.feeder_id, limit_id
        if message.retain:
            would = self._limits.would(*stated)
            if would.code == "stale_version" and self._told_stale(address, message.payload):
                raise NotTaken("retained_stale", would.text)
            if would.repeated:
                return would
        if not peer.feeders and self._strangers.take("", self._clock.monotonic_s()):
            raise NotTaken("too_many_strangers", "nothing is agreed with this operator")
        decision = await self._limits.submit(*stated)
        self._again_s = AGAIN_S
        return decision

    def _told_stale(self, address: Address, payload: bytes) -> bool:
        """Whether its source was told before that this is old; from now on it was."""
        key = hashlib.sha256(address.topic.encode() + b"\n" + payload).digest()
        told = key in self._stale
        self._stale[key] = None
        if len(self._stale) > WAITING_MAX:
            del self._stale[next(iter(self._stale))]
        return told

    async def _take_heartbeat(self, connection: Connection, message: Message, address: Address) -> None:
        if is_ours(message.payload):
            return
        if message.retain:
            raise NotTaken("retained_heartbeat", "nobody knows how old it is")
        peer = self._bound_peer(address)
        try:
            self._agrees[peer.source] = await finished(self._limits.heartbeat(message.payload, peer))
        except BadStatement as fault:
            raise NotTaken(fault.code, str(fault)) from None
        self.counts["heartbeats"] += 1
        await self._respond(connection, message, address.operator, self._our_beat(peer.source))

    async def _take_response(self, connection: Connection, message: Message, address: Address) -> None:
        """Without an answer nothing was stored: then it is to be said again."""
        if self._responses is None or message.retain:
            raise NotTaken("retained_response", "what is kept says nothing new")
        peer = self._bound_peer(address)
        try:
            word = read_word(message.payload)
            answer = packed(await finished(self._responses.said(word, peer, address.feeder_id)))
        except BadPayload as fault:
            answer = packed({"accepted": False, "code": "malformed", "text": str(fault)})
        except StoreUnavailable as fault:
            raise NotTaken("not_stored", str(fault)) from None
        self.counts["responses"] += 1
        await connection.say(address._replace(kind=Kind.RESPONSE_ACK).topic, answer, properties_for())
        await self._respond(connection, message, address.operator, answer)

    async def say_report(self, operator: str, feeder_id: str, report: Mapping[str, Any]) -> None:
        """Tell an operator how an event of its stands. Raises OSError while there is no connection."""
        connection = self._connection
        if connection is None:
            raise ConnectionError("not connected to the broker")
        try:
            topic = Address(operator, feeder_id, Kind.RESPONSE_REPORT).topic
            await connection.say(topic, packed(report), properties_for())
        except MqttError as fault:
            raise ConnectionError(str(fault)) from None

    def _take_base(self, message: Message, address: Address) -> None:
        self._bound_peer(address)
        try:
            reading = read_base(message.payload)
        except BadPayload as fault:
            raise NotTaken("malformed", str(fault)) from None
        if reading.at is None and message.retain:
            raise NotTaken("retained_base", "nobody knows how old it is")
        self.counts["base_loads"] += 1
        if self._report is not None:
            self._report(address.feeder_id, reading.power_w, reading.at or self._clock.now())

    async def _respond(self, connection: Connection, message: Message, operator: str, answer: bytes) -> None:
        wanted, correlation = response_wanted(message)
        if not wanted:
            return
        try:
            topic = read_response_topic(wanted, operator)
        except BadTopic as fault:
            raise NotTaken("bad_response_topic", str(fault)) from None
        await connection.say(topic, answer, properties_for(correlation=correlation))

    def _refuse(self, code: str, topic: str, why: str) -> None:
        self.counts[code] += 1
        quiet = code in ("emptied", "retained_stale")
        told = {"code": code, "topic": topic[:TOLD_CHARACTERS], "why": why}
        log.log(logging.DEBUG if quiet else logging.WARNING, "mqtt_refused", extra=told)

    def _bound_peer(self, address: Address) -> Peer:
        """Raises NotTaken for a feeder that is not the operator's."""
        peer, feeders = self._peer(address.operator), self._limits.feeders
        if address.feeder_id not in feeders or not peer.may_limit(address.feeder_id, feeders):
            raise NotTaken("not_authorised", "a feeder of others")
        return peer

    def _peer(self, operator: str) -> Peer:
        """Whoever is named in a topic, bound to what is configured: nothing for a stranger."""
        source = source_of(operator)
        return Peer(source, "mqtt", operator, feeders=self._limits.rule(source).feeders)

    async def _tell_states(self, connection: Connection) -> None:
        """At once when limits change, soon when one gets further, and in any case again and again."""
        marks: dict[Address, object] = {}
        all_due_s = self._clock.monotonic_s()
        while True:
            changed, now_s = set(self._changed), self._clock.monotonic_s()
            self._changed.clear()
            self._wake.clear()
            everything = now_s >= all_due_s
            all_due_s = now_s + self._pace.state_s if everything else all_due_s
            for address in self._told(Kind.STATE):
                mark = self._mark(address.feeder_id)
                if everything or address.feeder_id in changed or marks.get(address) != mark:
                    marks[address] = mark
                    await connection.say(address.topic, self._state_of(address), properties_for(), retain=True)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._clock.wall_s(min(LOOK_S, self._pace.state_s))):
                    await self._wake.wait()

    async def _tell_meters(self, connection: Connection) -> None:
        expiring = properties_for(expires_s=_whole_s(2 * self._pace.meter_s))
        while self._meter is not None:
            for address in self._told(Kind.METER):
                reading = feeder_power(self._meter(address.feeder_id), address.feeder_id, self._clock.now())
                await connection.say(address.topic, reading, expiring, qos=0)
            await asyncio.sleep(self._clock.wall_s(self._pace.meter_s))

    async def _beat(self, connection: Connection) -> None:
        expiring = properties_for(expires_s=_whole_s(2 * self._pace.heartbeat_s))
        while True:
            for address in self._told(Kind.HEARTBEAT):
                beat = self._our_beat(source_of(address.operator))
                await connection.say(address.topic, beat, expiring)
            await asyncio.sleep(self._clock.wall_s(self._pace.heartbeat_s))

    def _told(self, kind: Kind) -> Iterator[Address]:
        """The feeders agreed with each operator, and those below on which it has a limit."""
        feeders = self._limits.feeders
        for rule in self._limits.rules():
            operator = operator_of(rule.source)
            below = (id_ for id_ in feeders.ids if not rule.feeders.isdisjoint(feeders.path(id_)[1:]))
            limited = {id_ for id_ in below if any(one.source == rule.source for one in self._limits.known(id_))}
            yield from (Address(operator, id_, kind) for id_ in sorted(rule.feeders | limited) if operator)

    def _mark(self, feeder_id: str) -> object:
        """What may not wait for the next time that everything is told."""
        limits = self._limits
        view = state_view(limits, feeder_id, self._progress)
        steady = ("version", "state", "stage", "outcome", "id", "source")
        come = tuple(tuple(limit.get(name) for name in steady) for limit in view["limits"])
        return view["cap_w"], view["export_cap_w"], view["failsafe_w"], come

    def _state_of(self, address: Address) -> bytes:
        view = state_view(self._limits, address.feeder_id, self._progress)
        return packed(view | dict(self._state(address.feeder_id) if self._state is not None else {}))

    def _our_beat(self, source: str) -> bytes:
        modes = [status.mode.value for status in self._limits.sources() if status.source == source]
        return our_heartbeat(self._node, self._clock.now(), modes[0] if modes else "", self._agrees.get(source))

    def _heard(self, event: Event) -> None:
        if isinstance(event, LimitChanged):
            self._changed.add(event.feeder_id)
            self._wake.set()


def _whole_s(seconds: float) -> int:
    return max(round(seconds), 1)
