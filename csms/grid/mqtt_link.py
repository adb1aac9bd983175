"""One connection to an MQTT 5 broker after another, until cancelled. Knows MQTT and nothing of limits.

Made of what was measured: TCP_NODELAY on both sides (88 ms become 1 ms), an incoming queue with an end, the first retry
after 0.2 s. The session outlives the connection by a day, so the broker keeps what is written meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import random
import socket
import ssl
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiomqtt
from aiomqtt.message import Message
from paho.mqtt.client import MQTTMessage
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.subscribeoptions import SubscribeOptions

from csms.grid.mqtt_topics import sender

log = logging.getLogger(__name__)

SESSION_EXPIRY_S = 86_400
RECEIVE_MAX = 20
PACKET_BYTES_MAX = 256 * 1024
WAITING_MAX = 1000
WAITING_PER_SENDER_MAX = 200
KEEPALIVE_S = 20
ANSWER_S = 10.0
"""How long the broker may take for an answer."""
FIRST_PAUSE_S, PAUSE_S_MAX = 0.2, 30.0
STEADY_S = 10.0
"""A connection that lasted longer makes the next pause the first one again."""
GOODBYE_S = 2.0
REFUSED_CODE = 0x80


@dataclass(frozen=True, slots=True)
class Broker:
    """Where the broker is and how it is proven who we are; without `certificate` by name and password alone."""

    host: str
    port: int
    client_id: str
    tls: bool = True
    username: str = ""
    password: str = ""
    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext | None:
        """As the files are now; None without TLS. Raises OSError."""
        if not self.tls:
            return None
        context = ssl.create_default_context(cafile=self.ca)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.certificate is not None:
            context.load_cert_chain(self.certificate, self.key)
        return context


class Inbox(asyncio.Queue[Message]):
    """Messages that wait, bounded in all and for each sender, so that one that floods takes no place of others.

    What does not fit is gone here though the broker has been told that it came; `lost` is set then.
    """

    def __init__(self, maxsize: int = WAITING_MAX, per_sender: int = WAITING_PER_SENDER_MAX) -> None:
        super().__init__(maxsize)
        self._per_sender = per_sender
        self._of: Counter[str] = Counter()
        self.lost = asyncio.Event()

    def topics(self) -> list[str]:
        """Of all that waits."""
        return [message.topic.value for message in self._queue]  # type: ignore[attr-defined]

    def put_nowait(self, item: Message) -> None:
        """Raises asyncio.QueueFull."""
        name = sender(item.topic.value)
        if self.full() or self._of[name] >= self._per_sender:
            self.lost.set()
            raise asyncio.QueueFull
        self._of[name] += 1
        super().put_nowait(item)

    def get_nowait(self) -> Message:
        """Raises asyncio.QueueEmpty."""
        message = super().get_nowait()
        name = sender(message.topic.value)
        self._of[name] -= 1
        self._of += Counter()  # drops names with nothing left
        return message


class Connection(aiomqtt.Client):
    """One connection. `counts`: messages on what is no topic, with what else is counted; `traffic`: in and out."""

    counts: Counter[str]
    traffic: Counter[str]

    def _on_message(self, client: Any, userdata: Any, message: MQTTMessage) -> None:
        """A topic that is none would end the connection before it is answered, and come again with the next one."""
        self.traffic["in"] += 1
        try:
            super()._on_message(client, userdata, message)
        except ValueError:
            self.counts["bad_topic"] += 1
            log.warning("mqtt_bad_topic")

    async def hear(self, *filters: str, qos: int) -> None:
        """Subscribe, once more too: then what is retained comes again. What we write ourselves does not come back.

        Raises MqttError, also when the broker refuses.
        """
        options = SubscribeOptions(qos=qos, noLocal=True, retainAsPublished=False, retainHandling=0)
        codes = await self.subscribe([(name, options) for name in filters])
        end_if_cancelled()
        refused = [name for name, code in zip(filters, codes, strict=True) if _number(code) >= REFUSED_CODE]
        if refused:
            raise aiomqtt.MqttError(f"the broker refuses to let us hear {', '.join(refused)}")

    async def say(
        self, topic: str, payload: bytes, properties: Properties | None = None, *, qos: int = 1, retain: bool = False
    ) -> None:
        """Publish, and wait until the broker has it. Raises MqttError."""
        await self.publish(topic, payload, qos=qos, retain=retain, properties=properties)
        self.traffic["out"] += 1
        end_if_cancelled()

    def cut(self) -> None:
        """Leave nothing open of a connection that did not come about."""
        with suppress(Exception):
            self._client._sock_close()


def _number(code: Any) -> int:
    return code if isinstance(code, int) else int(code.value)


Serve = Callable[[Connection], Awaitable[None]]


class Link:
    """Keeps a connection. `last_will`: topic and text that the broker retains when we are gone without a word."""

    def __init__(self, broker: Broker, last_will: tuple[str, bytes]) -> None:
        self._broker = broker
        self._will = aiomqtt.Will(*last_will, qos=1, retain=True)
        self._chance = random.SystemRandom()
        self.inbox = Inbox()
        self.connected = False
        self.counts: Counter[str] = Counter()
        self.traffic: Counter[str] = Counter()

    @property
    def host(self) -> str:
        """Where the broker is."""
        return self._broker.host

    async def run(self, serve: Serve) -> None:
        """Connect and let `serve` do what is to be done with the connection, again and again until cancelled."""
        pause_s = FIRST_PAUSE_S
        while True:
            began_s = asyncio.get_running_loop().time()
            try:
                # In a task of its own: a task group that failed leaves its task marked as cancelled (Python 3.11).
                await asyncio.create_task(self._once(serve))
            except* (aiomqtt.MqttError, OSError) as faults:
                log.warning("mqtt_connection", extra={"broker": self._broker.host, "fault": _first(faults)})
            finally:
                self.connected = False
            end_if_cancelled()
            lasted_s = asyncio.get_running_loop().time() - began_s
            pause_s = FIRST_PAUSE_S if lasted_s > STEADY_S else pause_s
            await asyncio.sleep(pause_s * self._chance.uniform(0.75, 1.25))
            pause_s = min(pause_s * 2, PAUSE_S_MAX)

    async def _once(self, serve: Serve) -> None:
        connection = self._connection(await asyncio.to_thread(self._broker.context))
        connection.counts, connection.traffic = self.counts, self.traffic
        try:
            async with connection:
                self.connected = True
                self.counts["connections"] += 1
                log.info("mqtt_connected", extra={"broker": self._broker.host})
                await serve(connection)
        finally:
            connection.cut()

    def _connection(self, tls: ssl.SSLContext | None) -> Connection:
        broker = self._broker
        return Connection(
            broker.host,
            broker.port,
            identifier=broker.client_id,
            username=broker.username or None,
            password=broker.password or None,
            protocol=aiomqtt.ProtocolVersion.V5,
            tls_context=tls,
            will=self._will,
            clean_start=False,
            properties=_connect_properties(),
            keepalive=KEEPALIVE_S,
            timeout=ANSWER_S,
            queue_type=self._same_inbox,  # type: ignore[arg-type]
            socket_options=[(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)],
        )

    def _same_inbox(self, maxsize: int) -> Inbox:
        """What waits outlives the connection: the broker will not say it again."""
        return self.inbox


def properties_for(*, expires_s: int | None = None, correlation: bytes | None = None, json: bool = True) -> Properties:
    """Of a message that we write."""
    found = Properties(PacketTypes.PUBLISH)  # type: ignore[no-untyped-call]
    if json:
        found.ContentType = "application/json"
    if expires_s is not None:
        found.MessageExpiryInterval = expires_s
    if correlation is not None:
        found.CorrelationData = correlation
    return found


def response_wanted(message: Message) -> tuple[str, bytes | None]:
    """Response Topic (empty: none) and Correlation Data of a message."""
    found = message.properties
    return getattr(found, "ResponseTopic", ""), getattr(found, "CorrelationData", None)


def _connect_properties() -> Properties:
    found = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
    found.SessionExpiryInterval = SESSION_EXPIRY_S
    found.ReceiveMaximum = RECEIVE_MAX
    found.MaximumPacketSize = PACKET_BYTES_MAX
    return found


def end_if_cancelled() -> None:
    """A cancellation gets lost where an answer comes in the same moment (`wait_for` of Python 3.11) or where a goodbye
    fails; whoever goes on and on has to look.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _first(faults: BaseExceptionGroup[Any]) -> str:
    found: BaseException = faults
    while isinstance(found, BaseExceptionGroup):
        found = found.exceptions[0]
    return f"{type(found).__name__}: {found}"[:200]
