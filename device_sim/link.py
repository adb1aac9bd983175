"""The websocket of one station: connect, talk OCPP-J, reconnect with a growing and jittered back-off (1.6J, 2.0.1
part 4 section 5.3). One CALL at a time is outstanding; CALLs of the central system are answered at once.

Time-outs follow the simulated clock but never fall below a wall time in which a busy machine can answer.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import logging
import random
import ssl
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import quote

import orjson
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from device_sim.clock import SimClock
from device_sim.outgoing import Message, Outgoing, Payload
from device_sim.pile import PileSpec
from device_sim.stats import FleetStats

CALL, CALL_RESULT, CALL_ERROR = 2, 3, 4
ANSWER_S = 30.0
ANSWER_WALL_MIN_S = 5.0
OPEN_WALL_S = 15.0
BACK_OFF_S, BACK_OFF_RANDOM_S, BACK_OFF_DOUBLINGS = 10.0, 10.0, 5
BACK_OFF_WALL_MIN_S = 0.05
FRAME_BYTES_MAX = 1 << 20

log = logging.getLogger(__name__)


class Refused(Exception):
    """A CALL that is answered by a CALLERROR; `args` are its code and its description."""


class Silent(Exception):
    """A CALL that is not answered at all."""


Frame = list[Any]


class Manners:
    """How a station behaves on the wire: well. `quirks.framing` has worse ones."""

    def path(self, station_id: str) -> str:
        """The last part of its address."""
        return quote(station_id, safe="")

    def subprotocols(self, protocol: str) -> list[Subprotocol] | None:
        """What it offers in the handshake."""
        return [Subprotocol(protocol)]

    def password(self, text: str) -> bytes:
        """The password of Basic authentication."""
        return text.encode()

    def unique_id(self, rng: random.Random, at_s: float) -> str:
        """The id of a new CALL."""
        return f"{rng.getrandbits(128):032x}"

    def connected(self, outgoing: Outgoing) -> None:
        """A connection begins."""

    def text(self, frame: Frame, action: str = "") -> str:
        """A frame as it is sent; `action`: of the CALL that it answers."""
        return orjson.dumps(frame).decode()

    def error(self, unique_id: str, code: str, description: str) -> Frame:
        """A CALLERROR."""
        return [CALL_ERROR, unique_id, code, description, {}]


GOOD_MANNERS = Manners()


class Peer(Protocol):
    """The station behind the link."""

    def connected(self) -> None:
        """A connection is open."""

    def disconnected(self) -> None:
        """It is gone."""

    def answer(self, action: str, payload: Payload) -> Payload:
        """The CALLRESULT for a CALL; raises Refused."""

    def answered(self) -> None:
        """The answer has been sent: what was put off until then may start."""

    def refused(self, message: Message) -> None:
        """A CALL of the station was answered by a CALLERROR."""


@dataclass(slots=True)
class Awaited:
    """The one CALL that is waiting for its answer."""

    message: Message
    reply: asyncio.Future[list[Any]]


def tls_context(spec: PileSpec) -> ssl.SSLContext:
    """The TLS of a station. Raises OSError for files that cannot be used."""
    changed_ns = Path(spec.certificate).stat().st_mtime_ns if spec.certificate else 0
    return _context(spec.ca, spec.certificate, spec.key, changed_ns)


@cache
def _context(ca: str, certificate: str, key: str, changed_ns: int) -> ssl.SSLContext:
    """`changed_ns`: when the certificate was renewed last."""
    context = ssl.create_default_context(cafile=ca or None)
    if certificate:
        context.load_cert_chain(certificate, key or None)
    return context


class Link:
    """One station's connection; `run` lasts until `stop`."""

    def __init__(
        self,
        spec: PileSpec,
        url: str,
        clock: SimClock,
        outgoing: Outgoing,
        peer: Peer,
        stats: FleetStats,
        rng: random.Random,
        manners: Manners = GOOD_MANNERS,
    ) -> None:
        self._spec, self._manners = spec, manners
        self._url = f"{url.rstrip('/')}/{manners.path(spec.station_id)}"
        self._clock, self._outgoing, self._peer, self._stats, self._rng = clock, outgoing, peer, stats, rng
        self._socket: ClientConnection | None = None
        self._awaited: Awaited | None = None
        self._work = asyncio.Event()
        self._may_connect = asyncio.Event()
        self._may_connect.set()
        self._stopped = False
        self.repeats_next = False
        self._password = None if spec.password is None else manners.password(spec.password)

    @property
    def online(self) -> bool:
        """Whether a connection is open."""
        return self._socket is not None

    def wake(self) -> None:
        """There may be something to send."""
        self._work.set()

    def abort(self) -> None:
        """Drop the TCP connection without a close frame."""
        if self._socket is not None:
            self._socket.transport.abort()

    def hold(self, held: bool) -> None:
        """While held (no mains, rebooting) no connection is made and an open one is dropped."""
        if held:
            self._may_connect.clear()
            self.abort()
        else:
            self._may_connect.set()

    async def stop(self) -> None:
        """Close and do not come back."""
        self._stopped = True
        self._may_connect.set()
        if self._socket is not None:
            await self._socket.close(1001)

    async def run(self) -> None:
        """Connect again and again until stopped."""
        failures = 0
        while not self._stopped:
            await self._may_connect.wait()
            failures = 0 if await self._one_connection() else failures + 1
            if not self._stopped and self._may_connect.is_set():
                delay_s = self._clock.wall_s(self._back_off_s(failures))
                await asyncio.sleep(max(BACK_OFF_WALL_MIN_S * self._rng.uniform(1.0, 2.0), delay_s))

    def _back_off_s(self, failures: int) -> float:
        doublings = min(max(0, failures - 1), BACK_OFF_DOUBLINGS)
        return BACK_OFF_S * 2.0**doublings + self._rng.uniform(0.0, BACK_OFF_RANDOM_S)

    async def _one_connection(self) -> bool:
        """Whether one was made; returns when it is over."""
        made = False
        try:
            async with connect(
                self._url,
                subprotocols=self._manners.subprotocols(self._spec.protocol),
                additional_headers=self._headers(),
                compression=None,
                ping_interval=None,
                open_timeout=OPEN_WALL_S,
                close_timeout=2.0,
                max_size=FRAME_BYTES_MAX,
                proxy=None,
                ssl=tls_context(self._spec) if self._url.startswith("wss:") else None,
                user_agent_header=None,
            ) as socket:
                made = True
                await self._talk(socket)
        except (OSError, WebSocketException, TimeoutError) as fault:
            log.debug("%s: %s", self._spec.station_id, fault)
        return made

    def change_password(self, password: bytes) -> None:
        """From now on it is this; a station that showed one comes back with it (A01)."""
        had, self._password = self._password is not None, password
        if had and self._socket is not None:
            self._socket.transport.close()

    def change_certificate(self) -> None:
        """There is a new one: a station that shows one comes back with it (A02.FR.08)."""
        if self._spec.certificate and self._socket is not None:
            self._socket.transport.close()

    def _headers(self) -> dict[str, str]:
        if self._password is None:
            return {}
        credential = base64.b64encode(self._spec.station_id.encode() + b":" + self._password).decode()
        return {"Authorization": f"Basic {credential}"}

    async def _talk(self, socket: ClientConnection) -> None:
        if self._stopped or not self._may_connect.is_set():
            return
        self._socket = socket
        self._stats.connects += 1
        self._manners.connected(self._outgoing)
        self._peer.connected()
        sender = asyncio.create_task(self._send_all(socket))
        try:
            async for text in socket:
                await self._receive(socket, text)
        except ConnectionClosed:
            pass
        finally:
            self._socket = None
            self._stats.disconnects += 1
            sender.cancel()
            await asyncio.wait([sender])
            self._peer.disconnected()

    async def _send_all(self, socket: ClientConnection) -> None:
        while True:
            self._work.clear()
            message = self._outgoing.next(self._clock.epoch_s())
            if message is None:
                await self._work.wait()
                continue
            try:
                await self._exchange(socket, message)
            except ConnectionClosed:
                return

    async def _exchange(self, socket: ClientConnection, message: Message) -> None:
        message.unique_id = message.unique_id or self._manners.unique_id(self._rng, self._clock.epoch_s())
        text = self._manners.text([CALL, message.unique_id, message.action, message.build()])
        self._awaited = Awaited(message, asyncio.get_running_loop().create_future())
        self._stats.messages_sent += 1
        try:
            await socket.send(text)
            await self._send_again(socket, text)
            async with asyncio.timeout(max(ANSWER_WALL_MIN_S, self._clock.wall_s(ANSWER_S))):
                frame = await self._awaited.reply
        except TimeoutError:
            self._stats.timeouts += 1
            self._outgoing.failed(message, self._clock.epoch_s())
        else:
            self._settle(message, frame)
        finally:
            self._awaited = None

    async def _send_again(self, socket: ClientConnection, text: str) -> None:
        if self.repeats_next:
            self.repeats_next = False
            self._stats.messages_repeated += 1
            await socket.send(text)

    def _settle(self, message: Message, frame: list[Any]) -> None:
        if frame[0] == CALL_ERROR:
            self._stats.call_errors[str(frame[2])] += 1
            log.info("%s: %s refused: %s", self._spec.station_id, message.action, frame[2:])
            message.unique_id = ""  # said anew, it is a new CALL; only what got no answer keeps its id
            self._outgoing.failed(message, self._clock.epoch_s())
            self._peer.refused(message)
            return
        self._stats.messages_answered += 1
        self._stats.samples_acknowledged += message.samples
        self._outgoing.done(message)
        if message.on_result is not None:
            with contextlib.suppress(KeyError, TypeError, ValueError):  # an answer that nobody can use is no answer
                message.on_result(frame[2])

    async def _receive(self, socket: ClientConnection, text: str | bytes) -> None:
        try:
            frame = orjson.loads(text)
            kind, unique_id = frame[0], frame[1]
        except (ValueError, LookupError, TypeError):
            return
        if kind == CALL and len(frame) >= 4:
            reply = self._reply(unique_id, frame[2], frame[3])
            if reply is not None:
                await socket.send(self._manners.text(reply, frame[2]))
            self._peer.answered()
        elif kind in (CALL_RESULT, CALL_ERROR) and len(frame) >= 3:
            awaited = self._awaited
            if awaited is not None and awaited.message.unique_id == unique_id and not awaited.reply.done():
                awaited.reply.set_result(frame)

    def _reply(self, unique_id: str, action: str, payload: Payload) -> Frame | None:
        try:
            return [CALL_RESULT, unique_id, self._peer.answer(action, payload)]
        except Silent:
            return None
        except Refused as refusal:
            return self._manners.error(unique_id, *refusal.args)
        except (KeyError, TypeError, ValueError, AttributeError) as fault:
            code = "FormationViolation" if self._spec.protocol == "ocpp1.6" else "FormatViolation"
            return self._manners.error(unique_id, code, f"{action}: {fault!r}"[:255])
