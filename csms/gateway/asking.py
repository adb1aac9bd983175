"""Our calls to one station: one at a time, each with its answer or the reason why none came.

Made with the first command, so that an idle connection carries nothing of it.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from csms.gateway.shared import Shared
from csms.gateway.socket import Socket
from csms.model.command import Command, CommandResult
from csms.model.errors import CallRefused, CallTimeout, ConnectionLost, PeerError, StationBusy
from csms.trace.notes import Kind, event_text
from csms.wire.calls import Match, PendingCalls
from csms.wire.codec import Codec
from csms.wire.frames import Call, Error, FrameError, Result, encode_call


class Asking:
    """The asking side of a connection."""

    __slots__ = ("_answer", "_codec", "_lost", "_pending", "_shared", "_socket", "_station_id", "_turn", "_waiting")

    def __init__(self, station_id: str, socket: Socket, codec: Codec, shared: Shared) -> None:
        self._station_id, self._socket, self._codec, self._shared = station_id, socket, codec, shared
        self._pending = PendingCalls(shared.call_timeout_s)
        self._answer: asyncio.Future[dict[str, Any]] | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0
        self._lost = False

    async def send(self, command: Command) -> CommandResult:
        """See `Link.send`. Also raises CommandInvalid, and StationBusy when too many commands wait already."""
        calls = self._codec.encode_command(command)
        if self._waiting >= self._shared.limits.commands_waiting_max:
            self._shared.metrics.add("commands_refused_busy")
            raise StationBusy(f"{self._waiting} commands wait for station {self._station_id}")
        self._waiting += 1
        try:
            async with self._turn:
                answers = [await self._call(action, payload) for action, payload in calls]
        finally:
            self._waiting -= 1
        return self._codec.decode_results(command, calls, answers)

    def resolve(self, answer: Result | Error | FrameError) -> str:
        """Hand an answer to whoever waits for it; the action of the call that it answers, "" when nobody asked."""
        outcome = self._pending.resolve(answer)
        if outcome.match is not Match.ANSWERED:
            self._shared.metrics.add("answers_late" if outcome.match is Match.LATE else "answers_unasked")
        elif self._answer is not None and not self._answer.done():
            _settle(self._answer, answer)
        return outcome.call.action if outcome.call is not None else ""

    def lose(self) -> None:
        """From now on no answer can come."""
        self._lost = True
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(ConnectionLost("the connection closed before the station answered"))
        self._pending.close()

    async def _call(self, action: str, payload: dict[str, Any]) -> dict[str, Any]:
        if self._lost:
            raise ConnectionLost("the connection is closed")
        clock, metrics, timeout_s = self._shared.clock, self._shared.metrics, self._shared.call_timeout_s
        call = Call(self._shared.new_id(), action, payload)
        self._pending.start(call.unique_id, action, clock.monotonic_s())
        self._answer = asyncio.get_running_loop().create_future()
        metrics.add("commands_sent")
        try:
            async with asyncio.timeout(clock.wall_s(timeout_s)):
                self._say(action, encode_call(call))
                await self._socket.drain()
                answer = await self._answer
        except TimeoutError:
            metrics.add("command_timeouts")
            self._shared.note(self._station_id, Kind.SILENT, action, event_text(waited_s=timeout_s), clock.unix_s())
            raise CallTimeout(f"no answer to {action} within {timeout_s:g} s") from None
        finally:
            self._answer = None
            self._pending.abandon()
        refusal = self._codec.refusal_of(call, answer)
        if refusal is not None:
            metrics.add("answers_refused")
            with suppress(ConnectionLost):
                self._say("", refusal)
        return answer

    def _say(self, action: str, text: bytes) -> None:
        """Raises ConnectionLost."""
        self._socket.send(text)
        self._shared.note(self._station_id, Kind.OUT, action, text, self._shared.clock.unix_s())


def _settle(waiting: asyncio.Future[dict[str, Any]], answer: Result | Error | FrameError) -> None:
    if isinstance(answer, Result):
        waiting.set_result(answer.payload)
    elif isinstance(answer, Error):
        waiting.set_exception(CallRefused(answer.code, answer.description))
    else:
        waiting.set_exception(PeerError(answer.code, answer.description))
