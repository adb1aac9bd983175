"""One websocket of one station: frames in order to the station room, commands one at a time to the station.

Reading and handling are two tasks, so that a command sent while a message is handled gets its answer. Nothing that the
peer sends ends more than this connection, and most faults do not end even that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from csms.gateway.metrics import Metrics
from csms.gateway.ports import StationPort
from csms.model.bounds import CALLS_QUEUED_MAX
from csms.model.clock import Clock
from csms.model.command import Command, CommandResult
from csms.model.errors import (
    CallRefused,
    CallTimeout,
    ConnectionLost,
    CsmsError,
    PeerError,
    RpcErrorCode,
    StationBusy,
)
from csms.model.station import Protocol
from csms.wire.calls import AnsweredCalls, Match, PendingCalls
from csms.wire.codec import Codec
from csms.wire.frames import (
    Call,
    Error,
    FrameError,
    Result,
    answer_to_bad_frame,
    decode,
    encode_call,
    encode_refusal,
    encode_result,
)

log = logging.getLogger(__name__)

MESSAGES_WAITING_MAX = 64
"""Calls read but not handled yet; beyond it we stop reading, which slows the station down."""


class Connection:
    """A `Link` to one station; `run` until the socket closes."""

    def __init__(
        self,
        socket: ServerConnection,
        station_id: str,
        codec: Codec,
        stations: StationPort,
        clock: Clock,
        metrics: Metrics,
        new_id: Callable[[], str],
        call_timeout_s: float,
    ) -> None:
        self.station_id = station_id
        self.since = clock.now()
        self.last_frame_at = self.since
        self._socket, self._codec, self._stations, self._clock = socket, codec, stations, clock
        self._metrics, self._new_id, self._call_timeout_s = metrics, new_id, call_timeout_s
        self._pending = PendingCalls(call_timeout_s)
        self._answered = AnsweredCalls()
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._lost = False
        self._inbox: asyncio.Queue[Call | None] = asyncio.Queue(MESSAGES_WAITING_MAX)

    @property
    def protocol(self) -> Protocol:
        """The negotiated version."""
        return self._codec.protocol

    @property
    def peer(self) -> str:
        """Address of the other end."""
        address = self._socket.remote_address
        return f"{address[0]}:{address[1]}" if address else ""

    async def run(self) -> None:
        """Read until the socket closes, then handle what was read: its effects are never left half done."""
        handling = asyncio.create_task(self._handle_all())
        try:
            async for text in self._socket:
                self.last_frame_at = self._clock.now()
                await self._take(text)
        except ConnectionClosed:
            self._metrics.add("connections_cut")
        finally:
            self.lose()
            await self._inbox.put(None)
            await handling

    async def send(self, command: Command) -> CommandResult:
        """See `Link.send`. Also raises CommandInvalid, and StationBusy when too many commands wait already."""
        calls = self._codec.encode_command(command)
        if self._waiting >= CALLS_QUEUED_MAX:
            raise StationBusy(f"{self._waiting} commands wait for station {self.station_id}")
        self._waiting += 1
        try:
            async with self._turn:
                answers = [await self._call(action, payload) for action, payload in calls]
        finally:
            self._waiting -= 1
        return self._codec.decode_results(command, calls, answers)

    async def close(self, code: int, reason: str) -> None:
        """End the connection; who waits for an answer hears at once that none will come."""
        self.lose()
        await self._socket.close(code, reason)

    def lose(self) -> None:
        """From now on no answer can come."""
        self._lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionLost("the connection closed before the station answered"))
        self._pending.close()

    async def _call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if self._lost:
            raise ConnectionLost("the connection is closed")
        call = Call(self._new_id(), action, payload)
        self._pending.start(call.unique_id, action, self._clock.monotonic_s())
        self._answer = asyncio.get_running_loop().create_future()
        self._metrics.add("commands_sent")
        try:
            async with asyncio.timeout(self._clock.wall_s(self._call_timeout_s)):
                await self._socket.send(encode_call(call))
                return await self._answer
        except TimeoutError:
            self._metrics.add("command_timeouts")
            raise CallTimeout(f"no answer to {action} within {self._call_timeout_s:g} s") from None
        except ConnectionClosed:
            raise ConnectionLost("the connection closed before the station answered") from None
        finally:
            self._answer = None
            self._pending.abandon()

    async def _take(self, text: str | bytes) -> None:
        """Sort one frame: answers to whoever waits, calls into the inbox."""
        self._metrics.add("frames_in")
        try:
            frame = decode(text)
        except FrameError as fault:
            await self._refuse_frame(fault)
            return
        if isinstance(frame, Call):
            await self._inbox.put(frame)
        else:
            self._resolve(frame)

    async def _refuse_frame(self, fault: FrameError) -> None:
        self._metrics.add("frames_bad")
        if fault.is_reply:
            self._resolve(fault)
        answer = answer_to_bad_frame(self.protocol, fault)
        if answer is not None:
            await self._reply(answer)

    def _resolve(self, answer: Result | Error | FrameError) -> None:
        match = self._pending.resolve(answer).match
        if match is not Match.ANSWERED:
            self._metrics.add("answers_late" if match is Match.LATE else "answers_unasked")
            return
        waiting = self._answer
        if waiting is None or waiting.done():
            return
        if isinstance(answer, Result):
            waiting.set_result(answer.payload)
        elif isinstance(answer, Error):
            waiting.set_exception(CallRefused(answer.code, answer.description))
        else:
            waiting.set_exception(PeerError(answer.code, answer.description))

    async def _handle_all(self) -> None:
        while (call := await self._inbox.get()) is not None:
            await self._reply(self._answered.recall(call) or await self._handle(call))

    async def _handle(self, call: Call) -> str:
        """The frame that answers a call; only what was carried out or is the peer's fault is kept for repeats."""
        received_at = self._clock.now()
        try:
            decoded = self._codec.decode_call(call, received_at)
            for deviation in decoded.deviations:
                self._metrics.deviation(f"{call.action} {deviation.keyword} {deviation.path}")
            reply = await self._stations.receive(self.station_id, decoded.message, received_at)
            answer = encode_result(Result(call.unique_id, self._codec.encode_reply(call.action, reply)))
            self._metrics.call(call.action, "answered")
        except PeerError as fault:
            self._metrics.call(call.action, "refused")
            answer = encode_refusal(self.protocol, call.unique_id, fault)
        except Exception as fault:
            return self._own_fault(call, fault)
        self._answered.remember(call, answer)
        return answer

    def _own_fault(self, call: Call, fault: Exception) -> str:
        """Nothing was acknowledged: the station sends the message again, and it is then handled as new."""
        self._metrics.call(call.action, "failed")
        code = fault.code if isinstance(fault, CsmsError) else "message_failed"
        trace = None if isinstance(fault, CsmsError) else fault
        facts = {"station": self.station_id, "action": call.action, "code": code, "detail": str(fault)}
        log.error("message_failed", extra=facts, exc_info=trace)
        refusal = PeerError(RpcErrorCode.INTERNAL_ERROR, "the message could not be stored; send it again")
        return encode_refusal(self.protocol, call.unique_id, refusal)

    async def _reply(self, text: str) -> None:
        try:
            await self._socket.send(text)
        except ConnectionClosed:
            self._metrics.add("answers_undelivered")
