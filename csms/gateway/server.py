"""The OCPP gateway: who may connect, in which version; a `Connection` for each station.

Never compresses (three times the memory for nothing gained). Faults of a handshake get a status and a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo
from http import HTTPStatus

from websockets.http11 import Request

from csms import ocpp16, ocpp21, ocpp201
from csms.gateway.connection import Connection, Shared
from csms.gateway.listener import Listener
from csms.gateway.metrics import Metrics
from csms.gateway.ports import Note, StationPort, forget
from csms.gateway.registry import Registry
from csms.gateway.socket import Limits, Refusal, Socket
from csms.model.clock import Clock
from csms.model.errors import PeerError
from csms.model.ids import is_station_id
from csms.model.station import Protocol
from csms.trace.notes import Kind, event_text
from csms.wire.codec import Codec
from csms.wire.frames import Call
from csms.wire.handshake import choose_subprotocol, station_id_from_path

log = logging.getLogger(__name__)

NO_COMMON_VERSION = 1002
DRAIN_S = 5.0
GOING_AWAY = 1001
TRANSLATORS = (ocpp16.translator, ocpp201.translator, ocpp21.translator)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`versions` are spoken. `assume_ocpp16`: a station that offers no subprotocol speaks 1.6. `zone`: the local time
    of stations that write times without one (SR-05). `limits`: of each link, keep-alives among them; None for the usual
    ones with `ping_interval_s` (seconds of the wall) before a ping and as long after it.
    """

    host: str = "0.0.0.0"
    port: int = 9000
    prefix: str = "/ocpp"
    versions: Collection[Protocol] = tuple(Protocol)
    assume_ocpp16: bool = False
    call_timeout_s: float = 60.0
    ping_interval_s: float = 60.0
    zone: tzinfo = UTC
    limits: Limits | None = None

    def link_limits(self) -> Limits:
        """The limits of each link."""
        return self.limits or Limits(ping_interval_s=self.ping_interval_s, ping_timeout_s=self.ping_interval_s)


class Gateway:
    """All connections of this process."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Clock,
        stations: StationPort,
        *,
        tls: ssl.SSLContext | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        note: Note = forget,
    ) -> None:
        self._settings, self._stations, self._tls = settings, stations, tls
        spoken = (translator(settings.zone) for translator in TRANSLATORS)
        self._codecs = {t.protocol: Codec(t) for t in spoken if t.protocol in settings.versions}
        self._registry = Registry()
        self._listener: Listener | None = None
        self.metrics = Metrics()
        self._clock, self._note = clock, note
        left, version_of = self._registry.drop, self._version_of
        self._shared = Shared(stations, clock, self.metrics, new_id, settings.call_timeout_s, left, version_of, note)

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        self._listener = Listener(self, self._settings.link_limits(), self.metrics.add)
        return await self._listener.start(self._settings.host, self._settings.port, self._tls)

    async def stop(self, reason: str) -> None:
        """Accept nobody any more, answer what was read, then close all connections with 1001.

        Waits some seconds for a slow store and for stations that linger.
        """
        if self._listener is None:
            return
        self._listener.refuse()
        await self._drain()
        for connection in self._registry.all():
            connection.shut(GOING_AWAY, reason)
        await self._listener.stop(GOING_AWAY, reason)
        while self._shared.tasks:
            await asyncio.wait(self._shared.tasks)
        self._listener = None

    async def _drain(self) -> None:
        """Nothing more is read, so what is in hand comes to an end."""
        for connection in self._registry.all():
            connection.hold()
        until_s = asyncio.get_running_loop().time() + DRAIN_S
        while any(c.busy for c in self._registry.all()):
            if asyncio.get_running_loop().time() > until_s:
                return
            await asyncio.sleep(0.01)

    def counters(self) -> Mapping[str, int]:
        """Totals by stable name, and the connections there are now."""
        return {**self.metrics.totals, "connections": len(self._registry)}

    def connections(self) -> list[dict[str, object]]:
        """A line for each connection: station, version, since when, address, last frame."""
        return [
            {
                "station_id": connection.station_id,
                "protocol": connection.protocol.value,
                "peer": connection.peer,
                "since": connection.since,
                "last_frame_at": connection.last_frame_at,
            }
            for connection in self._registry.all()
        ]

    def judge(self, request: Request, peer: str) -> Refusal | None:
        """Refuse what cannot become a station's connection, and say what to do about it."""
        station_id = station_id_from_path(request.path, self._settings.prefix)
        if station_id is None:
            text = f"the path must be {self._settings.prefix}/<station id>\n"
            return self._refuse(peer, HTTPStatus.NOT_FOUND, "no_station_id", request.path[:100], text)
        if not self._stations.admit(station_id):
            text = f"station {station_id} is not registered: add it, or start the server with --accept-unknown\n"
            return self._refuse(peer, HTTPStatus.NOT_FOUND, "unknown_station", station_id, text)
        return None

    def _refuse(self, peer: str, status: HTTPStatus, code: str, who: str, text: str) -> Refusal:
        self.metrics.add(f"handshakes_{code}")
        log.info("handshake_refused", extra={"code": code, "who": who, "peer": peer})
        self._note_refusal(who, code, peer, status=status.value)
        return Refusal(status, text)

    def _note_refusal(self, who: str, code: str, peer: str, **facts: object) -> None:
        """`who`: a station id; of a path that names none, the path is a fact beside it."""
        known = is_station_id(who)
        facts |= {} if known else {"path": who}
        text = event_text(code=code, peer=peer, **facts)
        self._note(who if known else "", Kind.REFUSED, "", text, self._clock.unix_s())

    def broken(self, peer: str, path: str, fault: str) -> None:
        """See `Doorman.broken`; what never asked for anything is no station's and not noted."""
        if path:
            station_id = station_id_from_path(path, self._settings.prefix)
            self._note_refusal(station_id or path[:100], "handshake_broken", peer, fault=fault[:200])

    def select(self, offered: Sequence[str], path: str) -> str | None:
        """None leads to a handshake without the header and a close at once (OCPP-J 1.6 3.1.2, 2.0.1 part 4 3.1.2)."""
        needed = self._version(station_id_from_path(path, self._settings.prefix))
        if needed is not None and needed.value in offered:
            return needed.value
        protocol = choose_subprotocol(offered, self._codecs)
        return protocol.value if protocol else None

    def opened(self, socket: Socket, request: Request) -> Connection | None:
        """The handshake is complete: a connection of its station, or a goodbye that says which versions there are."""
        protocol = self._protocol(socket, request)
        station_id = station_id_from_path(request.path, self._settings.prefix)
        if protocol is None or station_id is None:
            self.metrics.add("handshakes_no_common_version")
            log.info("no_common_version", extra={"station": station_id, "peer": socket.peer})
            spoken = ", ".join(version.value for version in self._codecs)
            offered = request.headers.get_all("Sec-WebSocket-Protocol")
            self._note_refusal(station_id or request.path[:100], "no_common_version", socket.peer, offered=offered)
            socket.close(NO_COMMON_VERSION, f"no common subprotocol; spoken here: {spoken}")
            return None
        connection = Connection(socket, station_id, self._codecs[protocol], self._shared)
        self._registry.put(connection)
        self.metrics.add("connections_accepted")
        connection.start()
        return connection

    def _version_of(self, call: Call) -> Protocol | None:
        """The version in which a call can be read; None when there is none."""
        for protocol, codec in self._codecs.items():
            try:
                codec.decode_call(call, self._shared.clock.now())
            except PeerError:
                continue
            return protocol
        return None

    def _protocol(self, socket: Socket, request: Request) -> Protocol | None:
        if socket.subprotocol is not None:
            return Protocol(socket.subprotocol)
        if request.headers.get_all("Sec-WebSocket-Protocol"):
            return None
        if self._settings.assume_ocpp16 and Protocol.OCPP16 in self._codecs:
            return Protocol.OCPP16
        return self._version(station_id_from_path(request.path, self._settings.prefix))

    def _version(self, station_id: str | None) -> Protocol | None:
        """What has to be spoken with a station, if it is spoken here."""
        needed = self._stations.version(station_id) if station_id is not None else None
        return needed if needed in self._codecs else None
