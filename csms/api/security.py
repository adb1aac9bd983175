"""Routes about the security of stations: security events, certificates."""

from __future__ import annotations

from datetime import timedelta

from fastapi import Query
from pydantic import AwareDatetime

from csms.access.needs import viewers
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.schemas import Out
from csms.api.stations import known_station

DAYS_MAX = 3650


class SecurityEventOut(Out):
    """One event; `time` is the station's own word, None when it could not be read.

    `origin`: station, or csms for what this server noticed itself (then `station_id` may be empty). `raw`: the message
    as it came, JSON.
    """

    event_id: int
    station_id: str
    received_at: AwareDatetime
    time: AwareDatetime | None
    kind: str
    info: str
    critical: bool
    origin: str
    raw: str


class SecurityEventsOut(Out):
    """A page of events, newest first; `next_before_id` asks for older ones."""

    events: list[SecurityEventOut]
    next_before_id: int | None


class CertificateOut(Out):
    """A certificate in a station. `told_at`: the station named it; `given_at`: it went through this server's hands.

    The hashes are the station's own and name the certificate in `delete_certificate`; `expires_at` and `subject` are
    known of certificates that went through our hands.
    """

    station_id: str
    use: str
    serial_number: str
    algorithm: str
    issuer_name_hash: str
    issuer_key_hash: str
    subject: str
    begins_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    given_at: AwareDatetime | None
    told_at: AwareDatetime | None


class CertificatesOut(Out):
    """Certificates by station, or those that expire soonest first."""

    clock_time: AwareDatetime
    certificates: list[CertificateOut]


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["security"])

    @routes.get("/stations/{station_id}/security-events", summary="Security events of a station")
    @viewers
    async def security_events(
        station_id: str,
        limit: int = Query(default=50, ge=1, le=1000),
        critical: bool | None = None,
        before_id: int | None = Query(default=None, ge=1, lt=2**63),
    ) -> SecurityEventsOut:
        """Newest first; all, or those that are critical by OCPP's list."""
        known_station(deps, station_id)
        return await _events(deps, limit, station_id, critical, before_id)

    @routes.get("/security-events", summary="Security events of all stations")
    @viewers
    async def all_security_events(
        limit: int = Query(default=50, ge=1, le=1000),
        critical: bool | None = None,
        before_id: int | None = Query(default=None, ge=1, lt=2**63),
    ) -> SecurityEventsOut:
        """Newest first, those that are about no station among them."""
        return await _events(deps, limit, None, critical, before_id)

    @routes.get("/certificates", summary="Certificates in stations")
    @viewers
    async def certificates(
        station_id: str | None = None,
        expiring_within_days: int | None = Query(default=None, ge=0, le=DAYS_MAX),
    ) -> CertificatesOut:
        """All that are known, of one station, or those that expire within so many days (or have expired)."""
        now = deps.clock.now()
        expires_before = None if expiring_within_days is None else now + timedelta(days=expiring_within_days)
        rows = await deps.reader.certificates(station_id=station_id, expires_before=expires_before)
        views = [CertificateOut.model_validate(row, from_attributes=True) for row in rows]
        return CertificatesOut(clock_time=now, certificates=views)

    return routes


async def _events(
    deps: ApiDeps, limit: int, station_id: str | None, critical: bool | None, before_id: int | None
) -> SecurityEventsOut:
    rows = await deps.reader.security_events(limit, station_id, critical=critical, before_id=before_id)
    events = [SecurityEventOut.model_validate({**row.model_dump(), "event_id": row.id}) for row in rows]
    next_before_id = events[-1].event_id if len(events) == limit else None
    return SecurityEventsOut(events=events, next_before_id=next_before_id)
