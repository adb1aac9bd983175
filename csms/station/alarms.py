"""Security events that this server raises itself, kept beside those that stations tell (A00.FR.323, A00.FR.408).

A peer decides how often it knocks, and from how many addresses. So of one kind, station and address one event a minute
is kept, with how many there were since the last; beyond REMEMBERED_MAX of those in a minute, one of each kind.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Coroutine
from typing import Any

from csms.model.clock import Clock
from csms.model.errors import StoreUnavailable
from csms.station.alerts import Alerts
from csms.store import changes
from csms.store.engine import Store
from csms.store.security_tables import SecurityEvent

FAILED_AUTHENTICATION = "FailedToAuthenticateAtCsms"
INVALID_CERTIFICATE = "InvalidChargingStationCertificate"
INVALID_TLS_VERSION = "InvalidTLSVersion"
INVALID_CIPHER_SUITE = "InvalidTLSCipherSuite"
PROFILE_DOWNGRADE = "SecurityProfileDowngrade"
PROFILE_LOWERED = "SecurityProfileLowered"
REPLAY = "AttemptedReplayAttacks"
THROTTLED = "AuthenticationThrottled"
DUPLICATE = "DuplicateIdentity"
CROWDED = "HandshakesCrowded"
FLOOD = "MessageFlood"
AUTHORIZE_FLOOD = "AuthorizeFlood"
REQUEST_REFUSED = "SigningRequestRefused"
REQUESTS_THROTTLED = "SigningRequestsThrottled"
ROOT_REFUSED = "RootNotAllowed"
FIRMWARE_REFUSED = "FirmwareNotAllowed"
"""The first four and REPLAY are OCPP's names; for the others it has none."""

CRITICAL = frozenset(
    {
        INVALID_CERTIFICATE,
        INVALID_TLS_VERSION,
        INVALID_CIPHER_SUITE,
        PROFILE_DOWNGRADE,
        DUPLICATE,
        FLOOD,
        REQUEST_REFUSED,
        REQUESTS_THROTTLED,
        ROOT_REFUSED,
        FIRMWARE_REFUSED,
    }
)
"""These open an alert."""

EVERY_S = 60.0
REMEMBERED_MAX = 5_000
INFO_LENGTH_MAX = 255

log = logging.getLogger(__name__)


class Alarms:
    """Raises events from anywhere in the event loop; `station_id` empty: about no station that is known."""

    def __init__(
        self, clock: Clock, store: Store, spawn: Callable[[Coroutine[Any, Any, None]], None], alerts: Alerts
    ) -> None:
        self._clock, self._store, self._spawn, self._alerts = clock, store, spawn, alerts
        self._last: dict[tuple[str, str, str], tuple[float, int]] = {}

    def raise_(self, kind: str, station_id: str = "", info: str = "", address: str = "") -> None:
        """Keep it soon; `address` without its port is told in the event, too."""
        now_s = self._clock.monotonic_s()
        key = (kind, station_id, address)
        if key not in self._last and not self._has_room(now_s):
            key = (kind, "", "")
        last_s, unsaid = self._last.get(key, (now_s - EVERY_S, 0))
        if now_s - last_s < EVERY_S:
            self._last[key] = (last_s, unsaid + 1)
            return
        self._last.pop(key, None)
        self._last[key] = (now_s, 0)
        told = [info, f"from {address}" if address else "", f"{unsaid} more before" if unsaid else ""]
        self._spawn(self._keep(kind, station_id, ", ".join(part for part in told if part)))

    def _has_room(self, now_s: float) -> bool:
        """When it is full, what is longer ago is forgotten; it stands first."""
        while len(self._last) >= REMEMBERED_MAX:
            oldest = next(iter(self._last))
            if now_s - self._last[oldest][0] < EVERY_S:
                return False
            del self._last[oldest]
        return True

    async def _keep(self, kind: str, station_id: str, info: str) -> None:
        now = self._clock.now()
        critical = kind in CRITICAL
        log.warning("security_event", extra={"station": station_id, "kind": kind, "info": info, "origin": "csms"})
        row = SecurityEvent(
            station_id=station_id,
            received_at=now,
            time=now,
            kind=kind,
            info=info[:INFO_LENGTH_MAX],
            critical=critical,
            origin="csms",
        )
        try:
            if critical:
                await self._alerts.raise_(kind, station_id, info, [changes.add_row(row)])
            else:
                await self._store.writer.commit([changes.add_row(row)])
        except StoreUnavailable as fault:
            log.error("security_event_not_stored", extra={"station": station_id, "kind": kind, "fault": str(fault)})
