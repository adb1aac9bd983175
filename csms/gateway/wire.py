"""One websocket on one TCP or TLS link: the Sans-I/O layer of `websockets` for whatever is rare, short cuts for texts.

Handshakes, fragments, control frames, closing and every fault go through `ServerProtocol`, which gets whole frames
only and lives only while such a thing is in progress. Whole text messages, nearly all the traffic, are cut out of the
bytes directly. All of the class runs inside callbacks of the event loop; there is no task and no queue.
"""

from __future__ import annotations

import asyncio
import logging
import math
import ssl
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, cast

from websockets.exceptions import ConnectionClosedOK
from websockets.frames import Frame, Opcode
from websockets.http11 import Request
from websockets.protocol import State
from websockets.server import ServerProtocol
from websockets.typing import Subprotocol

from csms.gateway.framing import (
    HEADER_BYTES_MIN,
    PING,
    PONG_HEAD,
    TEXT_HEAD,
    alone,
    apply_mask,
    bounds,
    is_utf8,
    text_frame,
)
from csms.gateway.socket import Ending, Owner, Phase, Refusal
from csms.model.errors import ConnectionLost

if TYPE_CHECKING:
    from csms.gateway.admission import Arrival
    from csms.gateway.listener import Listener

log = logging.getLogger(__name__)
library_log = logging.getLogger(f"{__name__}.library")
library_log.setLevel(logging.ERROR)

HEAD_BYTES_MAX = 16 * 1024
"""Request line and headers of a handshake together."""
HEAD_END = b"\r\n\r\n"
HIGH_WATER_BYTES = 64 * 1024
REASON_BYTES_MAX = 123
PINGS_MIN = 2
LOOK_S = 0.02
INVALID_DATA = 1007
INTERNAL_ERROR = 1011


OPEN, CLOSING = Phase.OPEN, Phase.CLOSING
SHAKING = (Phase.ASKING, Phase.WAITING, Phase.JUDGED)


class Wire(asyncio.Protocol):
    """Fits `csms.gateway.socket.Socket`."""

    __slots__ = (
        "_arrival",
        "_asked",
        "_asked_at_s",
        "_flowing",
        "_gone",
        "_heard_at_s",
        "_held",
        "_house",
        "_need",
        "_owner",
        "_parts",
        "_phase",
        "_rare",
        "_rest",
        "_stall",
        "_timer",
        "_transport",
        "peer",
        "subprotocol",
    )

    _transport: asyncio.Transport

    def __init__(self, house: Listener, arrival: Arrival | None = None) -> None:
        """`arrival`: of a link that has come through TLS."""
        self._house, self._arrival = house, arrival
        self._phase = Phase.ASKING
        self._owner: Owner | None = None
        self._rest: bytearray | None = None
        self._need = 0
        self._parts: tuple[bool, bytearray] | None = None
        self._rare: ServerProtocol | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        self._flowing: asyncio.Event | None = None
        self._gone: asyncio.Event | None = None
        self._held = False
        self._asked = 0
        self._heard_at_s = self._asked_at_s = 0.0
        self.peer = ""
        self.subprotocol: str | None = None

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """See `Socket`, as for what follows."""
        return cast("ssl.SSLObject | None", self._transport.get_extra_info("ssl_object"))

    def send(self, text: bytes) -> None:
        """See `Socket.send`."""
        if self._phase is not OPEN:
            raise ConnectionLost("the connection is closed")
        self._transport.write(text_frame(text))
        if self._flowing is not None:
            self._look_at_backlog()

    async def drain(self) -> None:
        """See `Socket.drain`."""
        if self._flowing is not None:
            await self._flowing.wait()

    def pause_reading(self) -> None:
        """See `Socket.pause_reading`."""
        if not self._held and self._phase is OPEN:
            self._held = True
            self._transport.pause_reading()

    def resume_reading(self) -> None:
        """See `Socket.resume_reading`."""
        if not self._held:
            return
        self._held = False
        self._heard_at_s = self._house.time_s()
        self._guarded_feed(b"")
        if not self._held and not self._transport.is_closing():
            self._transport.resume_reading()

    async def answers(self, within_s: float) -> bool:
        """See `Socket.answers`. One whose messages wait to be read is there; ask once at a time."""
        self._heard_at_s = mark = math.nextafter(self._heard_at_s, -math.inf)
        until_s = self._house.time_s() + within_s
        if self._phase is OPEN:
            self._write(PING)
        while self._phase is OPEN and not self._held and self._heard_at_s == mark:
            if self._house.time_s() >= until_s:
                return False
            await asyncio.sleep(LOOK_S)
        return self._phase is OPEN

    def close(self, code: int, reason: str) -> None:
        """See `Socket.close`; a link without a finished handshake is cut."""
        if self._phase in SHAKING:
            self.abort()
        if self._phase is not OPEN:
            return
        rare = self._protocol()
        rare.send_close(code, reason.encode()[:REASON_BYTES_MAX].decode(errors="ignore"))
        self._phase = CLOSING
        self._arm(self._house.limits.close_s, self.abort)
        self._flush(rare)
        self.resume_reading()

    def abort(self) -> None:
        """See `Socket.abort`."""
        if self._phase is not Phase.GONE:
            self._transport.abort()

    async def wait_closed(self) -> None:
        """See `Socket.wait_closed`."""
        if self._phase is not Phase.GONE:
            self._gone = self._gone or asyncio.Event()
            await self._gone.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """A peer is there; it has some seconds to say what it wants."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.set_write_buffer_limits(high=HIGH_WATER_BYTES)
        address = transport.get_extra_info("peername")
        self.peer = f"{address[0]}:{address[1]}" if address else ""
        self._house.came(self)
        self._arrival = self._arrival or self._house.arrivals.begin(self.peer, self._make_room)
        if self._arrival is None:
            self._phase = Phase.ENDING
            self.abort()
            return
        self._arrival.drop = self._make_room
        self._arm(self._house.limits.handshake_s, self._too_late)

    def data_received(self, data: bytes) -> None:
        """Bytes of the peer."""
        self._heard_at_s = self._house.time_s()
        if self._phase is OPEN or self._phase is CLOSING:
            self._guarded_feed(data)
        elif self._phase in SHAKING:
            self._collect(data)

    def eof_received(self) -> bool:
        """The peer will send no more; returning False closes our side too."""
        if self._phase in (OPEN, CLOSING):
            self._phase = Phase.ENDING
        return False

    def pause_writing(self) -> None:
        """The peer reads too slowly."""
        self._flowing = asyncio.Event()
        self._stall = self._house.loop.call_later(self._house.limits.stall_s, self._cut_slow)

    def resume_writing(self) -> None:
        """The peer reads again."""
        if self._flowing is not None:
            self._flowing.set()
            self._flowing = None
        if self._stall is not None:
            self._stall.cancel()
            self._stall = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The link is gone."""
        before, self._phase = self._phase, Phase.GONE
        self._disarm()
        self.resume_writing()
        if before in SHAKING:
            self._house.broken(self, "the peer left in the handshake")
        owner, self._owner = self._owner, None
        ending = self._ending()
        self._rest = self._parts = self._rare = None
        self._settled()
        self._house.went(self)
        if self._gone is not None:
            self._gone.set()
        if owner is not None:
            owner.closed(ending)

    def _ending(self) -> Ending:
        if self._rare is None:
            return Ending(clean=False)
        self._rare.receive_eof()
        closed = self._rare.close_exc
        first = closed.rcvd if closed.rcvd_then_sent or closed.sent is None else closed.sent
        clean = isinstance(closed, ConnectionClosedOK)
        return Ending(clean, first.code, first.reason, first is closed.rcvd) if first is not None else Ending(clean)

    def _collect(self, data: bytes) -> None:
        """Wait for the whole head of the request; then the house decides when it is looked at."""
        self._rest = bytearray(data) if self._rest is None else self._rest + data
        no_request = self._phase is not Phase.JUDGED and not self._rest[:1].isupper()
        if len(self._rest) > HEAD_BYTES_MAX or no_request:
            self._break("no HTTP request")
        elif self._phase is Phase.ASKING and HEAD_END in self._rest:
            self._phase = Phase.WAITING
            if self._arrival is not None:
                self._arrival.asked = True
            self._house.asks(self)

    def _make_room(self) -> None:
        self._phase = Phase.ENDING
        self.abort()

    def _settled(self) -> None:
        """The handshake is done, one way or the other."""
        if self._arrival is not None:
            self._house.arrivals.end(self._arrival)
            self._arrival = None

    def _too_late(self) -> None:
        self._break("no complete request in time")

    def _break(self, fault: str) -> None:
        self._phase = Phase.ENDING
        self._arm(self._house.limits.close_s, self.abort)
        self._house.broken(self, fault)
        self._transport.close()

    def shake(self) -> None:
        """Answer the handshake."""
        if self._phase is not Phase.WAITING or self._rest is None:
            return
        head, end, rest = bytes(self._rest).partition(HEAD_END)
        self._rest = bytearray(rest) if rest else None
        protocol = ServerProtocol(logger=library_log)
        protocol.receive_data(head + end)
        events = protocol.events_received()
        if events and isinstance(events[0], Request):
            self._ask_doorman(protocol, events[0])
        else:
            self._house.broken(self, str(protocol.handshake_exc))
            self._flush(protocol)

    def _ask_doorman(self, protocol: ServerProtocol, request: Request) -> None:
        self._phase = Phase.JUDGED
        doorman = self._house.doorman
        protocol.select_subprotocol = lambda subprotocols: _chosen(  # type: ignore[method-assign]
            doorman.select(subprotocols, request.path)
        )
        doorman.judge(request, self, partial(self._judged, protocol, request))
        if self._phase is Phase.JUDGED:
            self._arm(self._house.limits.judge_s, self._too_late)

    def _judged(self, protocol: ServerProtocol, request: Request, refusal: Refusal | None) -> None:
        """Nobody hears it if the peer is gone, or too much time has passed."""
        if self._phase is not Phase.JUDGED:
            return
        try:
            self._answer(protocol, request, refusal)
        except Exception:
            log.exception("handshake_failed", extra={"peer": self.peer})
            self.abort()

    def _answer(self, protocol: ServerProtocol, request: Request, refusal: Refusal | None) -> None:
        response = protocol.reject(refusal.status, refusal.text) if refusal else protocol.accept(request)
        if refusal is not None:
            response.headers.update(refusal.headers)
            if self._arrival is not None:
                self._arrival.asked = False  # it waits for nothing of ours any more, so it may have to make room
        protocol.send_response(response)
        if protocol.handshake_exc is not None:
            self._house.broken(self, str(protocol.handshake_exc), request.path)
        opened = protocol.state is State.OPEN
        if opened:
            self._phase = OPEN
            self.subprotocol = protocol.subprotocol
        self._flush(protocol)
        if opened:
            self._open(request)

    def _open(self, request: Request) -> None:
        """What came behind the request is the beginning of what the station says."""
        rest, self._rest = self._rest, None
        self._arm(self._house.limits.ping_interval_s, self._watch)
        self._settled()
        self._owner = self._house.doorman.opened(self, request)
        if rest:
            self._guarded_feed(bytes(rest))

    def _guarded_feed(self, data: bytes) -> None:
        """A fault of ours ends this connection alone. Nearly always the data are one whole text."""
        try:
            if self._rest is not None:
                self._rest += data
                if len(self._rest) < self._need:
                    return
                data, self._rest = bytes(self._rest), None
            payload = alone(data, self._house.limits.message_bytes_max)
            if payload and data[0] == TEXT_HEAD and self._parts is None and not self._held:
                self._text(apply_mask(data[payload:], data[payload - 4 : payload]))
            else:
                self._cut(data)
        except Exception:
            log.exception("connection_failed", extra={"peer": self.peer})
            self.close(INTERNAL_ERROR, "internal error; connect again")

    def _cut(self, data: bytes) -> None:
        """Deliver every whole frame and keep the rest."""
        start, size = 0, len(data)
        payload_max = self._house.limits.message_bytes_max
        self._need = 0
        while start + HEADER_BYTES_MIN <= size and not self._held:
            payload, end = bounds(data, start, payload_max)
            if end > size or not end:
                self._need = end - start
                break
            first = data[start]
            if payload and first == TEXT_HEAD and self._parts is None:
                self._text(apply_mask(data[payload:end], data[payload - 4 : payload]))
            elif not payload or first != PONG_HEAD:
                self._rarely(data[start:end])
            start = end
        if start < size and self._phase in (OPEN, CLOSING):
            self._rest = bytearray(data[start:])

    def _text(self, data: bytes) -> None:
        """A whole text message; what comes after we said goodbye could not be answered any more."""
        if self._phase is not OPEN:
            return
        if not data.isascii() and not is_utf8(data):
            rare = self._protocol()
            rare.fail(INVALID_DATA, "a text message must be UTF-8")
            self._flush(rare)
        elif self._owner is not None:
            self._owner.received(data)

    def _rarely(self, frame: bytes) -> None:
        """Let the library look at one whole frame, or at a header that it must refuse."""
        if self._phase not in (OPEN, CLOSING):
            return
        rare = self._protocol()
        rare.receive_data(frame)
        self._flush(rare)
        for event in rare.events_received():
            if isinstance(event, Frame):
                self._assemble(event)
        if self._parts is None and rare.state is State.OPEN:
            self._rare = None

    def _assemble(self, frame: Frame) -> None:
        """Put fragments together; the library has checked their order and their size together."""
        if frame.opcode not in (Opcode.TEXT, Opcode.BINARY, Opcode.CONT):
            return
        is_text, data = self._parts or (frame.opcode is Opcode.TEXT, bytearray())
        data += frame.data
        self._parts = None if frame.fin else (is_text, data)
        if not frame.fin:
            return
        if is_text:
            self._text(bytes(data))
        elif self._owner is not None and self._phase is OPEN:
            self._owner.received(bytes(data))

    def _protocol(self) -> ServerProtocol:
        if self._rare is None:
            size = self._house.limits.message_bytes_max
            self._rare = ServerProtocol(state=State.OPEN, max_size=size, logger=library_log)
        return self._rare

    def _write(self, data: bytes) -> None:
        self._transport.write(data)
        if self._flowing is not None:
            self._look_at_backlog()

    def _look_at_backlog(self) -> None:
        if self._transport.get_write_buffer_size() > self._house.limits.buffered_bytes_max:
            self._cut_slow()

    def _flush(self, protocol: ServerProtocol) -> None:
        """Send what the library wants sent; its empty bytes end our side of the link."""
        for data in protocol.data_to_send():
            if data:
                self._write(data)
            else:
                self._end()

    def _end(self) -> None:
        """No more from us; what still comes is thrown away, so that the peer can read our last words."""
        self._phase = Phase.ENDING
        self._arm(self._house.limits.close_s, self.abort)
        if self._transport.can_write_eof():
            self._transport.write_eof()
        else:
            self._transport.close()

    def _cut_slow(self) -> None:
        self._house.count("slow_readers_cut")
        log.info("slow_reader_cut", extra={"peer": self.peer})
        self.abort()

    def _watch(self) -> None:
        """Ask after a peer that has been silent for an interval; one that sends anything is alive.

        It is asked at least twice, and has time to answer both, even if this process was stalled meanwhile.
        """
        limits, now_s = self._house.limits, self._house.time_s()
        if self._held:
            self._heard_at_s = now_s
        if self._heard_at_s >= self._asked_at_s:
            self._asked = 0
        silent_s = now_s - self._heard_at_s
        left_s = limits.ping_interval_s + limits.ping_timeout_s - silent_s
        if silent_s < limits.ping_interval_s:
            self._arm(limits.ping_interval_s - silent_s, self._watch)
        elif left_s > 0 or self._asked < PINGS_MIN:
            self._ask(now_s, left_s)
        else:
            self._house.count("silent_links_cut")
            log.info("silent_link_cut", extra={"peer": self.peer})
            self.abort()

    def _ask(self, now_s: float, left_s: float) -> None:
        self._asked += 1
        self._asked_at_s = now_s
        self._write(PING)
        wait_s = min(self._house.limits.ping_timeout_s / PINGS_MIN, self._house.limits.ping_interval_s)
        self._arm(min(wait_s, left_s) if left_s > 0 else wait_s, self._watch)

    def _arm(self, delay_s: float, then: Callable[[], object]) -> None:
        """The one timer of this link."""
        self._disarm()
        self._timer = self._house.loop.call_later(delay_s, then)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _chosen(name: str | None) -> Subprotocol | None:
    return Subprotocol(name) if name is not None else None
