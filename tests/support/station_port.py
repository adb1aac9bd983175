"""A station room for gateway tests: admits whom it is told to, answers what it is told to, notes everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from datetime import datetime

from csms.gateway.ports import StationPort
from csms.model.authentication import Attempt, Decided, Refused, SecurityProfile
from csms.model.errors import CsmsError
from csms.model.inbound import (
    Acknowledged,
    Authorize,
    AuthorizeReply,
    Boot,
    BootReply,
    Heartbeat,
    HeartbeatReply,
    Inbound,
    Reply,
    SessionStarted,
    SessionStartedReply,
)
from csms.model.session import AuthorizationStatus
from csms.model.station import Protocol, RegistrationStatus
from csms.station.ports import Link

OPEN_PORT = {SecurityProfile.OPEN: 0}
"""Any, for stations that prove nothing."""

ACCEPTED = AuthorizeReply(AuthorizationStatus.ACCEPTED)


def let_in(stations: StationPort, station_id: str) -> bool:
    """Whether a station may come that proves nothing."""
    told: list[Refused | None] = []
    stations.admit(Attempt(station_id, SecurityProfile.OPEN, "127.0.0.1:1"), told.append)
    return told == [None]


class NotedStations:
    """Fits `csms.gateway.ports.StationPort`. `before_answer` may wait, raise, or talk to the link."""

    def __init__(self, known: set[str]) -> None:
        self.known = known
        self.links: dict[str, Link] = {}
        self.came: list[str] = []
        self.left: list[str] = []
        self.bad_frames: list[str] = []
        self.alarms: list[tuple[str, str, str]] = []
        self.heard: list[tuple[str, Inbound]] = []
        self.changed = asyncio.Event()
        self.before_answer: Callable[[str, Inbound], object] | None = None
        self.on_connect: Exception | None = None
        self.take_soon: Callable[[Inbound], Reply | CsmsError] | None = None

    def admit(self, attempt: Attempt, decided: Decided) -> None:
        decided(None if attempt.station_id in self.known else Refused.UNKNOWN_STATION)

    def remembers(self, attempt: Attempt) -> bool:
        return False

    def alarm(self, kind: str, station_id: str = "", info: str = "", address: str = "") -> None:
        self.alarms.append((kind, station_id, address))

    def version(self, station_id: str) -> Protocol | None:
        return None

    async def connected(self, station_id: str, link: Link) -> None:
        if self.on_connect is not None:
            raise self.on_connect
        self.links[station_id] = link
        self.came.append(station_id)
        self.changed.set()

    async def disconnected(self, station_id: str, link: Link) -> None:
        self.left.append(station_id)
        self.changed.set()

    async def receive(self, station_id: str, message: Inbound, received_at: datetime) -> Reply:
        if self.before_answer is not None:
            waiting = self.before_answer(station_id, message)
            if asyncio.iscoroutine(waiting):
                await waiting
        self.heard.append((station_id, message))
        match message:
            case Boot():
                return BootReply(RegistrationStatus.ACCEPTED, received_at, 300)
            case Heartbeat():
                return HeartbeatReply(received_at)
            case Authorize():
                return ACCEPTED
            case SessionStarted():
                return SessionStartedReply(len(self.heard), ACCEPTED)
            case _:
                return Acknowledged()

    def take(
        self, station_id: str, message: Inbound, received_at: datetime, done: Callable[[Reply | CsmsError], None]
    ) -> bool:
        """As `receive`, when `take_soon` says how: told in a later turn of the loop."""
        if self.take_soon is None:
            return False
        self.heard.append((station_id, message))
        asyncio.get_running_loop().call_soon(done, self.take_soon(message))
        return True

    def misheard(self, station_id: str) -> None:
        self.bad_frames.append(station_id)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until something noted makes it true."""
        async with asyncio.timeout(10):
            while not condition():
                self.changed.clear()
                await self.changed.wait()
