"""The OCPP listener: who may connect, in which version; runs a `Connection` for each station.

Never compresses (three times the memory for nothing gained). Faults of a handshake get a status and a sentence.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.http11 import Request, Response
from websockets.typing import Subprotocol

from csms import ocpp16, ocpp201
from csms.gateway.connection import Connection
from csms.gateway.metrics import Metrics
from csms.gateway.ports import StationPort
from csms.gateway.registry import Registry
from csms.model.bounds import FRAME_BYTES_MAX
from csms.model.clock import Clock
from csms.model.station import Protocol
from csms.wire.codec import Codec
from csms.wire.handshake import choose_subprotocol, station_id_from_path

log = logging.getLogger(__name__)

BACKLOG = 4096
"""A boot storm after a power cut: a short queue costs a second of SYN retransmits (field measurement)."""
HANDSHAKE_S = 10.0
STOP_S = 5.0
NO_COMMON_VERSION = 1002
GOING_AWAY = 1001
INTERNAL_ERROR = 1011


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`assume_ocpp16`: a station that offers no subprotocol speaks 1.6. Keep-alives are in seconds of the wall."""

    host: str = "0.0.0.0"
    port: int = 9000
    prefix: str = "/ocpp"
    assume_ocpp16: bool = False
    call_timeout_s: float = 60.0
    ping_interval_s: float = 60.0


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
    ) -> None:
        self._settings, self._clock, self._stations, self._tls = settings, clock, stations, tls
        self._new_id = new_id
        self._codecs = {t.protocol: Codec(t) for t in (ocpp16.TRANSLATOR, ocpp201.TRANSLATOR)}
        self._registry = Registry()
        self._server: Server | None = None
        self.metrics = Metrics()

    async def start(self) -> int:
        """Listen; returns the port. Raises OSError when it is taken."""
        ping_s = self._settings.ping_interval_s
        self._server = await serve(
            self._run,
            self._settings.host,
            self._settings.port,
            process_request=self._judge,
            select_subprotocol=self._select,
            compression=None,
            max_size=FRAME_BYTES_MAX,
            open_timeout=HANDSHAKE_S,
            ping_interval=ping_s,
            ping_timeout=ping_s,
            close_timeout=STOP_S,
            backlog=BACKLOG,
            ssl=self._tls,
            server_header=None,
            logger=_quiet_logger(self.metrics),
        )
        return int(next(iter(self._server.sockets)).getsockname()[1])

    async def stop(self, reason: str) -> None:
        """Accept nobody any more and close all connections with 1001; waits some seconds for stations that linger."""
        if self._server is None:
            return
        self._server.close(close_connections=False)
        closing = [connection.close(GOING_AWAY, reason) for connection in self._registry.all()]
        await asyncio.gather(*closing, return_exceptions=True)
        await self._server.wait_closed()
        self._server = None

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

    def _judge(self, socket: ServerConnection, request: Request) -> Response | None:
        """Refuse what cannot become a station's connection, and say what to do about it."""
        station_id = station_id_from_path(request.path, self._settings.prefix)
        if station_id is None:
            text = f"the path must be {self._settings.prefix}/<station id>\n"
            return self._refuse(socket, HTTPStatus.NOT_FOUND, "no_station_id", request.path[:100], text)
        if not self._stations.admit(station_id):
            text = f"station {station_id} is not registered: add it, or start the server with --accept-unknown\n"
            return self._refuse(socket, HTTPStatus.NOT_FOUND, "unknown_station", station_id, text)
        return None

    def _refuse(self, socket: ServerConnection, status: HTTPStatus, code: str, who: str, text: str) -> Response:
        self.metrics.add(f"handshakes_{code}")
        log.info("handshake_refused", extra={"code": code, "who": who, "peer": str(socket.remote_address)})
        return socket.respond(status, text)

    def _select(self, socket: ServerConnection, offered: Sequence[Subprotocol]) -> Subprotocol | None:
        """None leads to a handshake without the header and a close at once (OCPP-J 1.6 3.1.2, 2.0.1 part 4 3.1.2)."""
        protocol = choose_subprotocol(offered, self._codecs)
        return Subprotocol(protocol.value) if protocol else None

    async def _run(self, socket: ServerConnection) -> None:
        protocol = self._protocol(socket)
        request = socket.request
        station_id = station_id_from_path(request.path, self._settings.prefix) if request else None
        if protocol is None or station_id is None:
            self.metrics.add("handshakes_no_common_version")
            log.info("no_common_version", extra={"station": station_id, "peer": str(socket.remote_address)})
            spoken = ", ".join(version.value for version in self._codecs)
            await socket.close(NO_COMMON_VERSION, f"no common subprotocol; spoken here: {spoken}")
            return
        connection = Connection(
            socket,
            station_id,
            self._codecs[protocol],
            self._stations,
            self._clock,
            self.metrics,
            self._new_id,
            self._settings.call_timeout_s,
        )
        await self._serve(connection)

    def _protocol(self, socket: ServerConnection) -> Protocol | None:
        if socket.subprotocol is not None:
            return Protocol(socket.subprotocol)
        offered = socket.request.headers.get_all("Sec-WebSocket-Protocol") if socket.request else []
        return Protocol.OCPP16 if self._settings.assume_ocpp16 and not offered else None

    async def _serve(self, connection: Connection) -> None:
        """One connection from its registration to its end; whatever fails here ends this connection alone."""
        self._registry.put(connection)
        self.metrics.add("connections_accepted")
        try:
            await self._stations.connected(connection.station_id, connection)
            await connection.run()
        except Exception:
            log.exception("connection_failed", extra={"station": connection.station_id})
            await connection.close(INTERNAL_ERROR, "internal error; connect again")
        finally:
            self._registry.drop(connection)
            await self._left(connection)

    async def _left(self, connection: Connection) -> None:
        try:
            await self._stations.disconnected(connection.station_id, connection)
        except Exception:
            log.exception("disconnect_not_stored", extra={"station": connection.station_id})


class _OneLine(logging.Filter):
    """Broken handshakes (port scans, wrong headers) as one line each, not as a trace; counted."""

    def __init__(self, metrics: Metrics) -> None:
        super().__init__()
        self._metrics = metrics

    def filter(self, record: logging.LogRecord) -> bool:
        fault = record.exc_info[1] if record.exc_info else None
        self._metrics.add("handshakes_broken")
        record.exc_info, record.args = None, ()
        record.msg = f"handshake_broken: {record.getMessage()}: {fault}"[:300]
        return True


def _quiet_logger(metrics: Metrics) -> logging.Logger:
    """What the websocket library reports, tamed."""
    logger = logging.getLogger(f"{__name__}.library")
    logger.setLevel(logging.ERROR)
    logger.filters.clear()
    logger.addFilter(_OneLine(metrics))
    return logger
