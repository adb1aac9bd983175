"""What the gateway needs of a websocket, whatever library is underneath (docs/decisions/0005).

Calls of a `Socket` never wait, except `drain` and `wait_closed`; what happens on it is told to its `Owner` by plain
calls from the event loop, so that an idle connection needs no task and no queue.
"""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from http import HTTPStatus
from typing import NamedTuple, Protocol

from websockets.http11 import Request

from csms.model.bounds import FRAME_BYTES_MAX
from csms.security.tls import TlsFault


class Phase(Enum):
    """A link goes through these in this order and may leave out any but the last."""

    ASKING = auto()
    WAITING = auto()
    JUDGED = auto()
    OPEN = auto()
    CLOSING = auto()
    ENDING = auto()
    GONE = auto()


class Ending(NamedTuple):
    """How a connection ended: the close code (1006 without a close frame) and the reason that was given, by the peer
    or by us; `clean`: both sides said so, with 1000 or 1001.
    """

    clean: bool
    code: int = 1006
    reason: str = ""
    by_peer: bool = True


class Owner(Protocol):
    """Who is told what happens on an open socket. Neither call may wait."""

    def received(self, data: bytes) -> None:
        """A complete message; the bytes of a text are valid UTF-8, those of a binary message are as they came."""
        ...

    def closed(self, ending: Ending) -> None:
        """The connection is gone, once."""
        ...


class Socket(Protocol):
    """One open websocket."""

    @property
    def peer(self) -> str:
        """Address and port of the other end."""
        ...

    @property
    def subprotocol(self) -> str | None:
        """The subprotocol of the handshake."""
        ...

    @property
    def ssl_object(self) -> ssl.SSLObject | None:
        """The TLS session, for the certificate of the peer; None without TLS."""
        ...

    def send(self, text: bytes) -> None:
        """Put a text message into the buffer. Raises ConnectionLost when the socket is not open any more."""
        ...

    async def drain(self) -> None:
        """Wait while the peer reads too slowly; returns when it reads again or is gone."""
        ...

    def pause_reading(self) -> None:
        """Deliver nothing more until `resume_reading`; the peer is slowed down by its own full buffers."""
        ...

    def resume_reading(self) -> None:
        """Deliver again, what waits first; calls `received` before it returns."""
        ...

    async def answers(self, within_s: float) -> bool:
        """Ping the peer: whether anything comes from it within so many seconds of the wall."""
        ...

    def close(self, code: int, reason: str) -> None:
        """Start the closing handshake; the link is cut some seconds later if the peer does not answer."""
        ...

    def abort(self) -> None:
        """Cut the link."""
        ...

    async def wait_closed(self) -> None:
        """Wait until the link is gone."""
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """The answer to a handshake that is refused."""

    status: HTTPStatus
    text: str
    headers: Mapping[str, str] = field(default_factory=dict)


Judged = Callable[[Refusal | None], None]
"""Hears once what becomes of a handshake; None admits it."""


class Doorman(Protocol):
    """Who decides about handshakes. No call may wait."""

    def judge(self, request: Request, socket: Socket, judged: Judged) -> None:
        """Call `judged` at once, or later where something has to be found out first."""
        ...

    def broken(self, peer: str, path: str, fault: str) -> None:
        """A handshake was none; `path` as far as it could be read."""
        ...

    def insecure(self, peer: str, fault: TlsFault, words: str) -> None:
        """A TLS handshake failed: why, and in OpenSSL's words."""
        ...

    def select(self, offered: Sequence[str], path: str) -> str | None:
        """The subprotocol of those offered; None completes the handshake without one."""
        ...

    def opened(self, socket: Socket, request: Request) -> Owner | None:
        """The handshake is complete; None when the socket was closed again at once."""
        ...


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds are those of the wall. A silent peer is given up `ping_interval_s + ping_timeout_s` after its last byte.

    `judge_s`: how long finding out may take whether a handshake is admitted. `stall_s`: how long a peer may not read
    what we send; `buffered_bytes_max`: how much may wait for it meanwhile.
    """

    ping_interval_s: float = 60.0
    ping_timeout_s: float = 60.0
    handshake_s: float = 10.0
    judge_s: float = 30.0
    close_s: float = 5.0
    stall_s: float = 60.0
    message_bytes_max: int = FRAME_BYTES_MAX
    buffered_bytes_max: int = 1024 * 1024
