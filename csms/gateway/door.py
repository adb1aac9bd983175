"""One port and who comes in by it: versions, ids, and the security profiles that this port is for (A00.FR.006).

What is told to a peer that is refused: on the open port what to do about it; on all others the same for every reason.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from typing import Protocol as Interface

from msgspec import structs
from websockets.http11 import Request

from csms.gateway.connection import Connection
from csms.gateway.registry import Registry
from csms.gateway.shared import Shared
from csms.gateway.socket import Judged, Refusal, Socket
from csms.model.authentication import Attempt, Refused, SecurityProfile
from csms.model.ids import is_station_id
from csms.model.station import Protocol
from csms.security.addresses import address_behind, address_of
from csms.security.basic import read_basic
from csms.security.tls import TlsFault, peer_certificate, shown_certificate
from csms.station import alarms
from csms.trace.notes import Kind, event_text
from csms.wire.codec import Codec
from csms.wire.handshake import choose_subprotocol, station_id_from_path

log = logging.getLogger(__name__)

NO_COMMON_VERSION = 1002

CHALLENGE = {"WWW-Authenticate": 'Basic realm="OCPP", charset="UTF-8"'}
RETRY = {"Retry-After": "10"}

_BY_PROFILE: Mapping[SecurityProfile, Refusal] = {
    SecurityProfile.PASSWORD: Refusal(HTTPStatus.UNAUTHORIZED, "station id and password do not fit\n", CHALLENGE),
    SecurityProfile.TLS_PASSWORD: Refusal(HTTPStatus.UNAUTHORIZED, "station id and password do not fit\n", CHALLENGE),
    SecurityProfile.CERTIFICATE: Refusal(HTTPStatus.FORBIDDEN, "station id and certificate do not fit\n"),
}
_TOO_OFTEN = "station id and proof did not fit too often; try again later\n"
_PRESENT = Refusal(HTTPStatus.CONFLICT, "the station is connected from another address\n", RETRY)
_UNDECIDED = Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "this cannot be decided now; connect again\n", RETRY)


class Rules(Interface):
    """What a door needs of `GatewaySettings`."""

    @property
    def prefix(self) -> str:
        """Where stations' paths begin."""
        ...

    @property
    def assume_ocpp16(self) -> bool:
        """Whether a station that offers no version speaks 1.6."""
        ...


@dataclass(frozen=True, slots=True)
class Door:
    """Fits `csms.gateway.socket.Doorman`."""

    profiles: Collection[SecurityProfile]
    rules: Rules
    codecs: Mapping[Protocol, Codec]
    registry: Registry
    shared: Shared

    def judge(self, request: Request, socket: Socket, judged: Judged) -> None:
        """See `Doorman.judge`."""
        station_id = self._station_id(request)
        if station_id is None:
            text = f"the path must be {self.rules.prefix}/<station id>\n"
            judged(self._refuse(socket.peer, Refusal(HTTPStatus.NOT_FOUND, text), "no_station_id", request.path[:100]))
            return
        attempt = self._attempt(station_id, request, socket)
        if attempt.profile is SecurityProfile.CERTIFICATE:
            self._try(attempt, _who(station_id, socket), socket, judged)
        elif attempt.password is not None:
            self._try(attempt, station_id, socket, judged)
        else:  # nothing is shown, so nothing is computed and nothing can be guessed
            self.shared.stations.admit(attempt, partial(self._decided, attempt, judged))

    def _attempt(self, station_id: str, request: Request, socket: Socket) -> Attempt:
        """A port for two profiles takes whoever shows a password for one of the higher."""
        headers = request.headers.get_all("Authorization")
        profile = max(self.profiles) if headers else min(self.profiles)
        peer = self._peer(request, socket)
        if profile in (SecurityProfile.OPEN, SecurityProfile.CERTIFICATE):
            return Attempt(station_id, profile, peer)
        told = read_basic(headers)
        password = told.password if told is not None and told.user == station_id.encode() else None
        return Attempt(station_id, profile, peer, password)

    def _peer(self, request: Request, socket: Socket) -> str:
        """Whom a trusted proxy speaks for, else who is there."""
        trusted = self.shared.limits.trusted_proxies
        if not trusted:
            return socket.peer
        address = address_behind(socket.peer, request.headers.get_all("X-Forwarded-For"), trusted)
        return socket.peer if address == address_of(socket.peer) else f"{address}:0"

    def _try(self, attempt: Attempt, who: str, socket: Socket, judged: Judged) -> None:
        """Nothing is computed for a pair of address and id that has to wait."""
        attempts, address, now_s = self.shared.attempts, address_of(attempt.peer), self.shared.time_s()
        wait_s = attempts.wait_s(address, who, now_s)
        if wait_s > 0 and not self.shared.stations.remembers(attempt):
            judged(self._throttle(attempt, address, wait_s))
            return
        attempts.began(address, who, now_s)
        if attempt.profile is SecurityProfile.CERTIFICATE:
            attempt = structs.replace(attempt, certificate=peer_certificate(socket.ssl_object))
        self.shared.stations.admit(attempt, partial(self._proved, attempt, who, judged))

    def _throttle(self, attempt: Attempt, address: str, wait_s: float) -> Refusal:
        self.shared.stations.alarm(alarms.THROTTLED, attempt.station_id, "too many failures", address)
        refusal = Refusal(HTTPStatus.TOO_MANY_REQUESTS, _TOO_OFTEN, {"Retry-After": str(math.ceil(wait_s))})
        return self._refuse(attempt.peer, refusal, "throttled", attempt.station_id)

    def _proved(self, attempt: Attempt, who: str, judged: Judged, why: Refused | None) -> None:
        """Count what came of a proof."""
        attempts, address = self.shared.attempts, address_of(attempt.peer)
        if why is None:
            attempts.succeeded(address, who)
        elif why is Refused.UNDECIDED:
            attempts.undecided(address, who)
        else:
            attempts.failed(address, self.shared.time_s())
        self._decided(attempt, judged, why)

    def _decided(self, attempt: Attempt, judged: Judged, why: Refused | None) -> None:
        if why is not None:
            judged(self._refuse(attempt.peer, _refusal(attempt, why), why, attempt.station_id))
            return
        present = self.registry.get(attempt.station_id)
        if present is None or self._gives_way(present, attempt):
            judged(None)
        else:
            self.shared.spawn(self._contest(present, attempt, judged))

    def _gives_way(self, present: Connection, attempt: Attempt) -> bool:
        """A station that comes back from where it was has lost its connection, whatever TCP knows of that; and a
        certificate proves more than an address does.
        """
        same = present.address == address_of(attempt.peer)
        return same or attempt.profile is SecurityProfile.CERTIFICATE

    async def _contest(self, present: Connection | None, attempt: Attempt, judged: Judged) -> None:
        """Somebody else has this id, and proved it: a newcomer is let in only if that one is dead."""
        while present is not None:
            if await present.answers(self.shared.limits.duplicate_ping_s):
                judged(self._present(present, attempt))
                return
            found = self.registry.get(attempt.station_id)
            if found is present or (found is not None and self._gives_way(found, attempt)):
                break
            present = found
        self.shared.metrics.add("duplicates_replaced")
        judged(None)

    def _present(self, present: Connection, attempt: Attempt) -> Refusal:
        info = f"refused while it is connected from {present.address}"
        self.shared.stations.alarm(alarms.DUPLICATE, attempt.station_id, info, address_of(attempt.peer))
        return self._refuse(attempt.peer, _PRESENT, "duplicate", attempt.station_id)

    def insecure(self, peer: str, fault: TlsFault, words: str) -> None:
        """See `Doorman.insecure`."""
        self.shared.metrics.add(f"handshakes_tls_{fault}")
        log.info("tls_handshake_failed", extra={"code": fault.value, "peer": peer, "words": words})
        if fault in _TLS_EVENTS:
            info = words.lower().replace("_", " ")
            self.shared.stations.alarm(_TLS_EVENTS[fault], info=info, address=address_of(peer))

    def _refuse(self, peer: str, refusal: Refusal, code: str, who: str) -> Refusal:
        self.shared.metrics.add(f"handshakes_{code}")
        log.info("handshake_refused", extra={"code": code, "who": who, "peer": peer})
        self._note_refusal(who, code, peer, status=refusal.status.value)
        return refusal

    def _note_refusal(self, who: str, code: str, peer: str, **facts: object) -> None:
        """`who`: a station id; of a path that names none, the path is a fact beside it."""
        known = is_station_id(who)
        facts |= {} if known else {"path": who}
        text = event_text(code=code, peer=peer, **facts)
        self.shared.note(who if known else "", Kind.REFUSED, "", text, self.shared.clock.unix_s())

    def broken(self, peer: str, path: str, fault: str) -> None:
        """See `Doorman.broken`; what never asked for anything is no station's and not noted."""
        if path:
            station_id = station_id_from_path(path, self.rules.prefix)
            self._note_refusal(station_id or path[:100], "handshake_broken", peer, fault=fault[:200])

    def select(self, offered: Sequence[str], path: str) -> str | None:
        """None leads to a handshake without the header and a close at once (OCPP-J 1.6 3.1.2, 2.0.1 part 4 3.1.2)."""
        needed = self._version(station_id_from_path(path, self.rules.prefix))
        if needed is not None and needed.value in offered:
            return needed.value
        protocol = choose_subprotocol(offered, self.codecs)
        return protocol.value if protocol else None

    def opened(self, socket: Socket, request: Request) -> Connection | None:
        """The handshake is complete: a connection of its station, or a goodbye that says which versions there are."""
        protocol, station_id = self._protocol(socket, request), self._station_id(request)
        if protocol is None or station_id is None:
            self._send_away(socket, request, station_id)
            return None
        address = address_of(self._peer(request, socket))
        connection = Connection(socket, station_id, self.codecs[protocol], self.shared, address)
        self.registry.put(connection)
        self.shared.metrics.add("connections_accepted")
        connection.start()
        return connection

    def _send_away(self, socket: Socket, request: Request, station_id: str | None) -> None:
        self.shared.metrics.add("handshakes_no_common_version")
        log.info("no_common_version", extra={"station": station_id, "peer": socket.peer})
        spoken = ", ".join(version.value for version in self.codecs)
        offered = request.headers.get_all("Sec-WebSocket-Protocol")
        self._note_refusal(station_id or request.path[:100], "no_common_version", socket.peer, offered=offered)
        socket.close(NO_COMMON_VERSION, f"no common subprotocol; spoken here: {spoken}")

    def _station_id(self, request: Request) -> str | None:
        return station_id_from_path(request.path, self.rules.prefix)

    def _protocol(self, socket: Socket, request: Request) -> Protocol | None:
        if socket.subprotocol is not None:
            return Protocol(socket.subprotocol)
        if request.headers.get_all("Sec-WebSocket-Protocol"):
            return None
        if self.rules.assume_ocpp16 and Protocol.OCPP16 in self.codecs:
            return Protocol.OCPP16
        return self._version(self._station_id(request))

    def _version(self, station_id: str | None) -> Protocol | None:
        """What has to be spoken with a station, if it is spoken here."""
        needed = self.shared.stations.version(station_id) if station_id is not None else None
        return needed if needed in self.codecs else None


def _who(station_id: str, socket: Socket) -> str:
    """Whose failures count together: those of this certificate, so that no other one locks a station's own out."""
    return f"{station_id}\n{hashlib.sha256(shown_certificate(socket.ssl_object)).hexdigest()}"


_TLS_EVENTS: Mapping[TlsFault, str] = {
    TlsFault.VERSION: alarms.INVALID_TLS_VERSION,
    TlsFault.CIPHER_SUITE: alarms.INVALID_CIPHER_SUITE,
    TlsFault.CLIENT_CERTIFICATE: alarms.INVALID_CERTIFICATE,
}


def _refusal(attempt: Attempt, why: Refused) -> Refusal:
    if why is Refused.UNDECIDED:
        return _UNDECIDED
    if attempt.profile is not SecurityProfile.OPEN:
        return _BY_PROFILE[attempt.profile]
    text = (
        f"station {attempt.station_id} is not let in without a password: register it, or start the server with "
        "--accept-unknown; one that has used a higher security profile connects to the port of that profile\n"
    )
    return Refusal(HTTPStatus.NOT_FOUND, text)
