"""The OCPP gateway: who may connect, in which version; a `Connection` for each station.

Never compresses (three times the memory for nothing gained). Faults of a handshake get a status and a sentence.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, tzinfo

from csms import ocpp16, ocpp21, ocpp201
from csms.gateway.admission import AdmissionLimits, Arrivals
from csms.gateway.door import Door
from csms.gateway.listener import Listener
from csms.gateway.metrics import Metrics
from csms.gateway.ports import Note, StationPort, forget
from csms.gateway.registry import Registry
from csms.gateway.shared import Shared
from csms.gateway.socket import Limits
from csms.model.authentication import SecurityProfile
from csms.model.clock import Clock
from csms.model.errors import PeerError
from csms.model.station import Protocol
from csms.security.addresses import address_of
from csms.station import alarms
from csms.wire.codec import Codec
from csms.wire.frames import Call

DRAIN_S = 5.0
GOING_AWAY = 1001
TRANSLATORS = (ocpp16.translator, ocpp201.translator, ocpp21.translator)


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """`ports` by security profile; profiles that share one come by the same door. `versions` are spoken.
    `assume_ocpp16`: a station that offers no subprotocol speaks 1.6. `zone`: the local time of stations that write
    times without one (SR-05). `limits`: of each link, keep-alives among them; None for the usual ones with
    `ping_interval_s` (seconds of the wall) before a ping and as long after it. `admission`: how often and how many.
    """

    host: str = "0.0.0.0"
    ports: Mapping[SecurityProfile, int] = field(default_factory=lambda: {SecurityProfile.OPEN: 9000})
    prefix: str = "/ocpp"
    versions: Collection[Protocol] = tuple(Protocol)
    assume_ocpp16: bool = False
    call_timeout_s: float = 60.0
    ping_interval_s: float = 60.0
    zone: tzinfo = UTC
    limits: Limits | None = None
    admission: AdmissionLimits = field(default_factory=AdmissionLimits)

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
        tls: Mapping[SecurityProfile, ssl.SSLContext] | None = None,
        new_id: Callable[[], str] = lambda: uuid.uuid4().hex,
        note: Note = forget,
        metrics: Metrics | None = None,
    ) -> None:
        self._settings, self._tls = settings, dict(tls or {})
        spoken = (translator(settings.zone) for translator in TRANSLATORS)
        self._codecs = {t.protocol: Codec(t) for t in spoken if t.protocol in settings.versions}
        self._registry = Registry()
        self._listeners: dict[SecurityProfile, Listener] = {}
        self.metrics = metrics or Metrics()
        left, version_of = self._registry.drop, self._version_of
        limits = settings.admission
        self._shared = Shared(
            stations, clock, self.metrics, new_id, settings.call_timeout_s, left, version_of, note, limits
        )
        self._arrivals = Arrivals(limits, self._shared.time_s, self._crowded)

    async def start(self) -> int:
        """Listen; returns the port of the lowest profile. Raises OSError when one is taken; then nobody listens."""
        try:
            for profiles, port in self._doors():
                listener = Listener(
                    self._door(profiles), self._settings.link_limits(), self.metrics.add, self._arrivals
                )
                await listener.start(self._settings.host, port, self._tls.get(profiles[0]))
                self._listeners |= dict.fromkeys(profiles, listener)
        except BaseException:
            await self.stop("not started")
            raise
        return self._listeners[min(self._listeners)].port

    @property
    def ports(self) -> dict[SecurityProfile, int]:
        """Where each profile is listened for, while it is."""
        return {profile: listener.port for profile, listener in sorted(self._listeners.items())}

    def _doors(self) -> list[tuple[list[SecurityProfile], int]]:
        """Profiles that have the same port come together; 0 is always a port of its own."""
        doors: defaultdict[object, list[SecurityProfile]] = defaultdict(list)
        for profile, port in sorted(self._settings.ports.items()):
            doors[port or profile.name].append(profile)
        return [(profiles, self._settings.ports[profiles[0]]) for profiles in doors.values()]

    def _door(self, profiles: Collection[SecurityProfile]) -> Door:
        return Door(profiles, self._settings, self._codecs, self._registry, self._shared)

    async def change_tls(self, tls: Mapping[SecurityProfile, ssl.SSLContext]) -> None:
        """Certificates have changed: they count for those who come from now on."""
        self._tls = dict(tls)
        for profile, context in tls.items():
            self._listeners[profile].change_tls(context)

    async def stop(self, reason: str) -> None:
        """Accept nobody any more, answer what was read, then close all connections with 1001.

        Waits some seconds for a slow store and for stations that linger.
        """
        listeners = set(self._listeners.values())
        if not listeners:
            return
        for listener in listeners:
            listener.refuse()
        await self._drain()
        for connection in self._registry.all():
            connection.shut(GOING_AWAY, reason)
        await asyncio.gather(*(listener.stop(GOING_AWAY, reason) for listener in listeners))
        while self._shared.tasks:
            await asyncio.wait(self._shared.tasks)
        self._listeners = {}

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
        now = {"connections": len(self._registry), "handshakes_in_progress": len(self._arrivals)}
        return {**self.metrics.totals, **now}

    def forgive(self, station_id: str) -> None:
        """What a station failed to prove so far counts no more: it was given something new to prove itself with."""
        self._shared.attempts.forgive(station_id)

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

    def _crowded(self, peer: str) -> None:
        self.metrics.add("handshakes_crowded")
        self._shared.stations.alarm(alarms.CROWDED, info="too many handshakes", address=address_of(peer))

    def _version_of(self, call: Call) -> Protocol | None:
        """The version in which a call can be read; None when there is none."""
        for protocol, codec in self._codecs.items():
            try:
                codec.decode_call(call, self._shared.clock.now())
            except PeerError:
                continue
            return protocol
        return None
