"""One websocket of one station: frames in order to the station room, commands one at a time to the station.

Frames come in by plain calls: an answer reaches whoever waits at once, also while a call is handled. Calls are handled
one after the other by a task that lives while there are any; an idle station has none. Nothing that the peer sends
ends more than this connection, and most faults do not end even that.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from functools import partial
from typing import Any

from csms.gateway.asking import Asking
from csms.gateway.shared import Shared
from csms.gateway.socket import Ending, Socket
from csms.model.command import Command, CommandResult
from csms.model.errors import (
    ChangeRefused,
    ConnectionLost,
    CsmsError,
    PeerError,
    RpcErrorCode,
    StoreUnavailable,
)
from csms.model.inbound import Inbound, Notice, Reply, refuses_card
from csms.model.station import Protocol
from csms.station import alarms
from csms.trace.notes import IN_CLEAN, OUT_CLEAN, Kind, event_text
from csms.wire.calls import AnsweredCalls
from csms.wire.codec import Codec, Decoded
from csms.wire.frames import (
    Call,
    Error,
    FrameError,
    Result,
    ResultError,
    Send,
    answer_to_bad_frame,
    decode,
    encode_refusal,
)
from csms.wire.typed import HotCall

log = logging.getLogger(__name__)

MESSAGES_WAITING_MAX = 64
"""Calls read but not handled yet; beyond it we stop reading, which slows the station down."""


REFUSALS_TOLD_MAX = 16
"""Actions whose refusal is told of once for each connection; a peer can invent more."""

INTERNAL_ERROR = 1011
POLICY_VIOLATION = 1008
BOOT = "BootNotification"
AUTHORIZE = "Authorize"
LOOK_S = 1.0
"""How often whoever waits for something looks whether the connection is still there."""


class Connection:
    """A `Link` to one station and the `Owner` of its socket; `start` it once."""

    __slots__ = (
        "_allowance",
        "_answered",
        "_asking",
        "_at_once",
        "_clock",
        "_codec",
        "_gone",
        "_greeted",
        "_held",
        "_inbox",
        "_lost",
        "_metrics",
        "_note",
        "_probe",
        "_refused",
        "_shared",
        "_socket",
        "_stations",
        "_task",
        "address",
        "last_frame_at",
        "since",
        "station_id",
    )

    def __init__(self, socket: Socket, station_id: str, codec: Codec, shared: Shared, address: str = "") -> None:
        self.station_id, self.address = station_id, address
        self.since = shared.clock.now()
        self.last_frame_at = self.since
        self._socket, self._codec, self._shared = socket, codec, shared
        self._stations, self._clock, self._metrics = shared.stations, shared.clock, shared.metrics
        self._note = shared.note
        self._asking: Asking | None = None
        self._answered: AnsweredCalls | None = None
        self._inbox: deque[Call | HotCall | Send] | None = None
        self._at_once = 0
        self._task: asyncio.Task[None] | None = None
        self._refused: set[str] | None = None
        self._probe: asyncio.Task[bool] | None = None
        self._allowance = shared.allowance(station_id)
        self._lost = self._gone = self._greeted = self._held = False

    @property
    def protocol(self) -> Protocol:
        """The negotiated version."""
        return self._codec.protocol

    @property
    def peer(self) -> str:
        """Address of the other end."""
        return self._socket.peer

    def start(self) -> None:
        """Make the connection known to the station room; then its calls are handled."""
        text = event_text(peer=self.peer, protocol=self.protocol.value)
        self._note(self.station_id, Kind.OPENED, "", text, self._clock.unix_s())
        self._work()

    def received(self, data: bytes) -> None:
        """One frame: an answer goes to whoever waits, a call into the inbox."""
        at_s = self._clock.unix_s()
        self.last_frame_at = datetime.fromtimestamp(at_s, UTC)
        self._metrics.add("frames_in")
        self._allowance.left -= 1
        if self._allowance.left < 0:
            self._slow_down()
        hot = self._codec.decode_hot(data, self.last_frame_at)
        if hot is not None:
            self._note(self.station_id, IN_CLEAN, hot.action, data, at_s)
            if not self._taken(hot):
                self._keep(hot)
            return
        try:
            frame = decode(data, self.protocol)
        except FrameError as fault:
            self._note(self.station_id, Kind.UNREADABLE, "", data, at_s)
            self._refuse_frame(fault)
            return
        if isinstance(frame, Call | Send):
            self._note(self.station_id, Kind.IN, frame.action, data, at_s)
            self._keep(frame)
        elif isinstance(frame, ResultError):
            self._note(self.station_id, Kind.IN, "", data, at_s)
            self._answer_refused(frame)
        else:
            action = self._answered_by(frame)
            self._note(self.station_id, Kind.IN, action, data, at_s)

    def closed(self, ending: Ending) -> None:
        """The socket is gone; what was read is still handled: its effects are never left half done."""
        if not ending.clean:
            self._metrics.add("connections_cut")
        by = "station" if ending.by_peer else "server"
        text = event_text(code=ending.code, reason=ending.reason, by=by)
        self._note(self.station_id, Kind.CLOSED, "", text, self._clock.unix_s())
        self.lose()
        self._gone = True
        self._work()

    async def send(self, command: Command) -> CommandResult:
        """See `Link.send`. Also raises CommandInvalid, and StationBusy when too many commands wait already."""
        if self._asking is None:
            self._asking = Asking(self.station_id, self._socket, self._codec, self._shared)
        if self._lost:
            self._asking.lose()
        return await self._asking.send(command)

    def written(self, command: Command) -> Sequence[tuple[str, Mapping[str, Any]]]:
        """See `Link.written`."""
        return self._codec.encode_command(command)

    @property
    def busy(self) -> bool:
        """Whether a call that was read has not been answered yet."""
        return self._task is not None or self._at_once > 0

    def hold(self) -> None:
        """Read nothing more until the connection is closed."""
        self._held = True
        self._socket.pause_reading()

    async def answers(self, within_s: float) -> bool:
        """Ping the station: whether it is there, as far as its socket can tell."""
        if self._lost:
            return False
        if self._probe is None or self._probe.done():
            self._probe = asyncio.create_task(self._socket.answers(within_s))
        return await asyncio.shield(self._probe) and not self._lost

    async def close(self, code: int, reason: str) -> None:
        """End the connection and wait for its end, some seconds at most if the peer does not answer."""
        self.shut(code, reason)
        await self._socket.wait_closed()

    def shut(self, code: int, reason: str) -> None:
        """Start to end the connection; who waits for an answer hears at once that none will come."""
        self.lose()
        self._socket.close(code, reason)

    def lose(self) -> None:
        """From now on no answer can come."""
        self._lost = True
        if self._asking is not None:
            self._asking.lose()

    def _slow_down(self) -> None:
        """It sends faster than it may: read slower; a station that does not stop for long is sent away."""
        shared, allowance = self._shared, self._allowance
        wait_s = allowance.hold_s(shared.time_s(), shared.limits)
        if wait_s <= 0 or self._held:
            return
        self._metrics.add("stations_slowed")
        if allowance.in_excess(shared.limits):
            self._metrics.add("stations_sent_away")
            log.warning("message_flood", extra={"station": self.station_id, "peer": self.peer})
            self._stations.alarm(alarms.FLOOD, self.station_id, "too many messages for too long", self.address)
            self.shut(POLICY_VIOLATION, "too many messages")
            return
        self._held = True
        self._socket.pause_reading()
        asyncio.get_running_loop().call_later(wait_s, self._go_on)

    def _go_on(self) -> None:
        self._held = False
        if self._inbox is None or len(self._inbox) < MESSAGES_WAITING_MAX:
            self._socket.resume_reading()

    def _refuse_frame(self, fault: FrameError) -> None:
        self._metrics.add("frames_bad")
        self._stations.misheard(self.station_id)
        if fault.is_reply:
            self._answered_by(fault)
        answer = answer_to_bad_frame(self.protocol, fault)
        if answer is not None:
            self._reply(answer)

    def _answer_refused(self, refusal: ResultError) -> None:
        """The station cannot use an answer of ours. What we did stays done: only people can find out why (2.1)."""
        self._metrics.add("answers_refused_by_stations")
        facts = {"station": self.station_id, "id": refusal.unique_id, "code": refusal.code}
        log.warning("answer_refused_by_station: %s", refusal.description, extra=facts)

    def _answered_by(self, answer: Result | Error | FrameError) -> str:
        """The action of the call that it answers; "" when nobody asked."""
        if self._asking is not None:
            return self._asking.resolve(answer)
        self._metrics.add("answers_unasked")
        return ""

    def _taken(self, call: HotCall) -> bool:
        """Whether a frequent call could be handled right away: when no other waits or is at work."""
        if self._task is not None or self._lost or self._at_once >= MESSAGES_WAITING_MAX:
            return False
        self._at_once += 1
        try:
            taken = self._stations.take(self.station_id, call.message, call.received_at, partial(self._finish, call))
        except Exception as fault:
            self._finish(call, fault)
            return True
        self._at_once -= not taken
        return taken

    def _finish(self, call: HotCall, outcome: Reply | Exception) -> None:
        """A call that was handled right away is durable, or it failed."""
        self._at_once -= 1
        if isinstance(outcome, Exception):
            self._reply(self._own_fault(call, outcome), call.action)
            return
        self._metrics.call(call.action, "answered")
        self._reply(self._codec.answer(call.unique_id, call.action, outcome), call.action, OUT_CLEAN)

    def _keep(self, call: Call | HotCall | Send) -> None:
        """Put a call into the inbox; when that is full the station has to wait."""
        if self._inbox is None:
            self._inbox = deque()
        self._inbox.append(call)
        if len(self._inbox) >= MESSAGES_WAITING_MAX:
            self._socket.pause_reading()
        self._work()

    def _work(self) -> None:
        if self._task is None:
            self._task = asyncio.create_task(self._handle_all())
            self._shared.tasks.add(self._task)

    async def _handle_all(self) -> None:
        """Greet once, handle the calls that are there, take leave once; whatever fails ends this connection alone."""
        try:
            if not self._greeted:
                self._greeted = True
                await self._stations.connected(self.station_id, self)
            await self._empty_inbox()
        except Exception:
            log.exception("connection_failed", extra={"station": self.station_id})
            self._inbox = None
            self.shut(INTERNAL_ERROR, "internal error; connect again")
        if self._gone:
            await self._leave()
        if self._task is not None:
            self._shared.tasks.discard(self._task)
            self._task = None

    async def _empty_inbox(self) -> None:
        while self._inbox:
            call = self._inbox.popleft()
            if isinstance(call, Send):
                await self._hear(call)
            else:
                self._reply(self._known(call) or await self._handle(call), call.action)
            await self._socket.drain()
            if len(self._inbox) == MESSAGES_WAITING_MAX // 2:
                if not self._held:
                    self._socket.resume_reading()
                await asyncio.sleep(0)  # a flood of calls that need no store must not keep the others waiting
        self._inbox = None

    async def _leave(self) -> None:
        self._shared.left(self)
        try:
            await self._stations.disconnected(self.station_id, self)
        except Exception:
            log.exception("disconnect_not_stored", extra={"station": self.station_id})

    async def _handle(self, call: Call | HotCall) -> bytes:
        """The frame that answers a call; only what was carried out or is the peer's fault is kept for repeats."""
        if call.action == AUTHORIZE:
            await self._authorize_in_turn()
        try:
            message, received_at = self._read(call)
            reply = await self._stations.receive(self.station_id, message, received_at)
            if refuses_card(reply):
                await self._authorize_in_turn()
            answer = self._codec.answer(call.unique_id, call.action, reply)
            self._metrics.call(call.action, "answered")
        except PeerError as fault:
            self._metrics.call(call.action, "refused")
            await self._note_refusal(call, fault)
            answer = encode_refusal(self.protocol, call.unique_id, fault)
            if fault.code is RpcErrorCode.SECURITY_ERROR:
                return answer  # not for good: the same call may come again when the station is accepted
        except Exception as fault:
            return self._own_fault(call, fault)
        if isinstance(call, Call):
            if self._answered is None:
                self._answered = AnsweredCalls(self._shared.limits.message_ids_kept)
            self._answered.remember(call, answer)
        return answer

    async def _authorize_in_turn(self) -> None:
        """Cards are tried out slowly, also by starting with them: of starts those count that are refused, for a
        station that was offline tells of many. Whoever tries is told nothing but what every card is told, only later.
        """
        shared = self._shared
        wait_s = shared.authorizations.take(self.station_id, shared.time_s())
        if wait_s <= 0:
            return
        self._metrics.add("authorizations_slowed")
        self._stations.alarm(alarms.AUTHORIZE_FLOOD, self.station_id, "too many cards", self.address)
        while wait_s > 0 and not self._lost:
            await asyncio.sleep(min(wait_s, LOOK_S))
            wait_s = shared.authorizations.take(self.station_id, shared.time_s())

    async def _hear(self, send: Send) -> None:
        """A message without an answer: whatever is wrong with it is counted, and nobody is told (N15.FR.02)."""
        try:
            received_at = self._clock.now()
            message = self._noted(send, self._codec.decode_send(send, received_at))
            await self._stations.receive(self.station_id, message, received_at)
            self._metrics.call(send.action, "taken")
        except PeerError:
            self._metrics.call(send.action, "refused")
        except Exception as fault:
            self._log_own_fault(send, fault)

    def _read(self, call: Call | HotCall) -> tuple[Inbound, datetime]:
        if isinstance(call, HotCall):
            return call.message, call.received_at
        received_at = self._clock.now()
        return self._noted(call, self._codec.decode_call(call, received_at)), received_at

    def _noted(self, call: Call | Send, decoded: Decoded) -> Inbound:
        for deviation in decoded.deviations:
            self._metrics.deviation(f"{call.action} {deviation.keyword} {deviation.path}")
        return decoded.message

    async def _note_refusal(self, call: Call | HotCall, fault: PeerError) -> None:
        """Tell of a refusal once for each action, and of a station that does not speak what it agreed on (RB-34)."""
        if self._refused is None:
            self._refused = set()
        if call.action in self._refused or len(self._refused) >= REFUSALS_TOLD_MAX:
            return
        self._refused.add(call.action)
        facts = {"station": self.station_id, "action": call.action, "code": fault.code.value}
        log.info("call_refused", extra={**facts, "detail": fault.description})
        spoken = self._shared.version_of(call) if isinstance(call, Call) and call.action == BOOT else None
        if spoken is not None:
            notice = Notice("other_version", {"agreed": self.protocol.value, "spoken": spoken.value})
            with suppress(CsmsError):  # the refusal is due all the same
                await self._stations.receive(self.station_id, notice, self._clock.now())

    def _known(self, call: Call | HotCall) -> bytes | None:
        """The answer to a repeat. A frequent call is carried out again: its effect is the same."""
        if self._answered is None or not isinstance(call, Call):
            return None
        known = self._answered.recall(call)
        if known is not None:
            self._metrics.add("messages_repeated")
        elif self._shared.limits.refuse_reused_ids and self._answered.is_reused(call):
            return self._refuse_reused(call)
        return known

    def _refuse_reused(self, call: Call) -> bytes:
        """Ids are unique (OCPP-J 4.1.4 of 1.6, 4.1.4 of 2.0.1): nothing is done, somebody may be replaying."""
        self._metrics.add("message_ids_reused")
        self._metrics.call(call.action, "refused")
        info = f"id {call.unique_id!r} of another message used for {call.action}"
        self._stations.alarm(alarms.REPLAY, self.station_id, info, self.address)
        fault = PeerError(RpcErrorCode.RPC_FRAMEWORK_ERROR, "the message id was used before")
        return encode_refusal(self.protocol, call.unique_id, fault)

    def _own_fault(self, call: Call | HotCall, fault: Exception) -> bytes:
        """Nothing was acknowledged: the station sends the message again, and it is then handled as new."""
        self._log_own_fault(call, fault)
        refusal = PeerError(RpcErrorCode.INTERNAL_ERROR, "the message could not be stored; send it again")
        return encode_refusal(self.protocol, call.unique_id, refusal)

    def _log_own_fault(self, call: Call | HotCall | Send, fault: Exception) -> None:
        self._metrics.call(call.action, "failed")
        code = fault.code if isinstance(fault, CsmsError) else "message_failed"
        trace = None if isinstance(fault, CsmsError) else fault
        facts = {"station": self.station_id, "action": call.action, "code": code, "detail": str(fault)}
        outage = isinstance(fault, StoreUnavailable) and not isinstance(fault, ChangeRefused)
        level = logging.DEBUG if outage else logging.ERROR  # the store tells of an outage once, not for every message
        log.log(level, "message_failed", extra=facts, exc_info=trace)

    def _reply(self, text: bytes, action: str = "", kind: int = Kind.OUT) -> None:
        try:
            self._socket.send(text)
        except ConnectionLost:
            self._metrics.add("answers_undelivered")
            return
        self._note(self.station_id, kind, action, text, self._clock.unix_s())
