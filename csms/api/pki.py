"""Routes about certificates: those that this server lives by, those of stations, roots, revocation."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Annotated, Literal

from fastapi import Path, Query, Request, Response
from pydantic import AwareDatetime, Field

from csms.access.needs import administrators, technicians, viewers
from csms.access.routing import Router, caller_of
from csms.api.ports import ApiDeps, PkiPort
from csms.api.problems import Refused
from csms.api.schemas import Body, Out
from csms.api.stations import known_station
from csms.model.authentication import SecurityProfile
from csms.model.station import RegistrationStatus
from csms.station.own_certificates import is_due
from csms.station.state import StationState
from csms.store.security_tables import RootApproval

Fingerprint = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
Number = Annotated[str, Field(pattern=r"^[0-9A-Fa-f]{1,40}$")]
"""Serial number of a certificate, hexadecimal."""

State = Literal["none", "good", "due", "expired"]
Reason = Literal["unspecified", "key_compromise", "superseded", "cessation", "privilege_withdrawn"]


class KeptOut(Out):
    """A certificate of this server. `role`: authority (it signs), trusted (an authority of others), server, api.

    `key_private`: whether its key can be read by the server's user alone; None: there is no key here. `fault`: why the
    file cannot be read.
    """

    role: str
    name: str
    file: str
    subject: str
    issuer: str
    serial_number: str
    fingerprint: str
    begins_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    key_private: bool | None
    fault: str


class RevokedOut(Out):
    """A certificate that counts no more."""

    serial_number: str
    at: AwareDatetime
    reason: str


class PkiOut(Out):
    """`authority`: who signs for stations, built-in or a program; `organization`: what stands in their certificates;
    `renew_days`: so long before its end one is renewed.
    """

    clock_time: AwareDatetime
    authority: str
    organization: str
    renew_days: int
    certificates: list[KeptOut]
    revoked: list[RevokedOut]


class StationCertificateOut(Out):
    """What a station proves itself with. `serial`: what is registered; `serial_number`: the number of its certificate.

    `state`: none (no certificate is known), good, due (to be renewed), expired. `pending`: it is held until it has
    renewed it. `waiting_serial_number`: one that it was given and has not used yet. `asked_*`: the last request to
    renew, with the station's answer.
    """

    station_id: str
    security_profile: int
    serial: str
    state: State
    pending: bool
    subject: str
    serial_number: str
    begins_at: AwareDatetime | None
    expires_at: AwareDatetime | None
    given_at: AwareDatetime | None
    shown_at: AwareDatetime | None
    waiting_serial_number: str
    asked_at: AwareDatetime | None
    asked_times: int
    answer: str
    again_at: AwareDatetime | None


class StationCertificatesOut(Out):
    """By their end, those without a certificate last."""

    clock_time: AwareDatetime
    stations: list[StationCertificateOut]


class RequestBody(Body):
    """A signing request (PEM) whose name is the serial number that is registered for the station."""

    request: str = Field(min_length=1, max_length=10_000)


class ChainOut(Out):
    """The certificate with what lies between it and the root, PEM."""

    station_id: str
    chain: str


class RevokeBody(Body):
    """The serial number of a certificate, hexadecimal."""

    serial_number: Number
    reason: Reason = "unspecified"


class RevocationOut(Out):
    """`closed`: stations that were connected with it and were sent away."""

    serial_number: str
    closed: list[str]


class RootOut(Out):
    """A root that stations may be given once another administrator has agreed (`approved_by`)."""

    fingerprint: str
    subject: str
    expires_at: AwareDatetime
    proposed_by: str
    proposed_at: AwareDatetime
    approved_by: str
    approved_at: AwareDatetime | None


class RootsOut(Out):
    """`known`: fingerprints (SHA-256) of the roots of the house, which need nobody's consent."""

    known: list[str]
    proposed: list[RootOut]


class RootBody(Body):
    """One root certificate, PEM."""

    certificate: str = Field(min_length=1, max_length=5500)


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(tags=["certificates"])
    _add_own(routes, deps)
    _add_stations(routes, deps)
    _add_roots(routes, deps)
    return routes


def _add_own(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/pki", summary="Certificates of this server and its authority")
    @viewers
    async def show_pki() -> PkiOut:
        """Nothing secret."""
        pki = _pki(deps)
        return PkiOut(
            clock_time=deps.clock.now(),
            authority=pki.authority,
            organization=pki.organization,
            renew_days=pki.renew_days,
            certificates=[KeptOut.model_validate(one, from_attributes=True) for one in await pki.kept()],
            revoked=[
                RevokedOut(serial_number=f"{one.number:x}", at=one.at, reason=one.reason) for one in await pki.revoked()
            ],
        )

    @routes.get("/pki/authorities/{name}", summary="A root of the built-in authority")
    @viewers
    async def show_root(name: str) -> Response:
        """PEM; `server`: what stations need as the root of their central system, `station`, `v2g`."""
        pem = await _pki(deps).root(name)
        if pem is None:
            raise Refused(404, "unknown_root", "the built-in authority has the roots server, station and v2g")
        return Response(pem, media_type="application/x-pem-file")

    @routes.get("/pki/crl", summary="The revocation list")
    @viewers
    async def show_crl() -> Response:
        """PEM, signed just now by the built-in authority for stations."""
        return Response(await _pki(deps).revocation_list(), media_type="application/x-pem-file")

    @routes.post("/pki/revocations", summary="Revoke a certificate of a station")
    @technicians
    async def revoke(body: RevokeBody) -> RevocationOut:
        """Counts at once, and for ever; a station that is connected with it is sent away."""
        number = int(body.serial_number, 16)
        await _pki(deps).revoke(number, body.reason)
        return RevocationOut(serial_number=f"{number:x}", closed=deps.stations.certificate_revoked(number))


def _add_stations(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/pki/stations", summary="Certificates of stations by their end")
    @viewers
    async def list_stations(
        station_id: str | None = None,
        within_days: int | None = Query(default=None, ge=0, le=3650),
    ) -> StationCertificatesOut:
        """Stations that prove themselves by a certificate, or are registered for one."""
        now, ahead = deps.clock.now(), timedelta(days=_pki(deps).renew_days)
        found = [_of_station(deps, station, now, ahead) for station in deps.stations.stations.values()]
        shown = [
            one
            for one in found
            if (station_id is None or one.station_id == station_id)
            and (one.serial_number or one.serial or one.security_profile == SecurityProfile.CERTIFICATE)
            and (within_days is None or (one.expires_at and one.expires_at <= now + timedelta(days=within_days)))
        ]
        shown.sort(key=lambda one: (one.expires_at is None, one.expires_at or now, one.station_id))
        return StationCertificatesOut(clock_time=now, stations=shown)

    @routes.post("/stations/{station_id}/certificate", summary="Issue a station's first certificate")
    @technicians
    async def issue(station_id: str, body: RequestBody) -> ChainOut:
        """For commissioning: the key is made by whoever asks and stays there."""
        known_station(deps, station_id)
        chain = await deps.stations.issue_certificate(station_id, body.request)
        return ChainOut(station_id=station_id, chain=chain)


def _add_roots(routes: Router, deps: ApiDeps) -> None:
    @routes.get("/pki/roots", summary="Roots that stations may be given")
    @viewers
    async def list_roots() -> RootsOut:
        """Those of the house, and those that people proposed or agreed on."""
        roots = deps.stations.roots
        proposed = [_root(row) for row in await roots.proposed()]
        return RootsOut(known=sorted(await roots.known()), proposed=proposed)

    @routes.post("/pki/roots", summary="Propose a root")
    @administrators
    async def propose(body: RootBody, request: Request) -> RootOut:
        """Another administrator has to agree before stations can be given it."""
        return _root(await deps.stations.roots.propose(body.certificate, caller_of(request).name))

    @routes.post("/pki/roots/{fingerprint}/approve", summary="Agree to a root that another one proposed")
    @administrators
    async def approve(fingerprint: Fingerprint, request: Request) -> RootOut:
        """Compare the fingerprint with one that came another way. Whoever proposed it cannot agree, nor who got a token
        only after that, nor who made the proposer's token or had it made by the proposer.
        """
        caller = caller_of(request)
        is_another = partial(deps.guard.tokens.is_another, caller)
        return _root(await deps.stations.roots.approve(fingerprint, caller.name, is_another))

    @routes.delete("/pki/roots/{fingerprint}", status_code=204, summary="Withdraw a root")
    @administrators
    async def withdraw(fingerprint: Fingerprint) -> Response:
        """Stations that have it keep it until it is deleted there."""
        await deps.stations.roots.withdraw(fingerprint)
        return Response(status_code=204)


def _pki(deps: ApiDeps) -> PkiPort:
    if deps.pki is None:
        raise Refused(409, "no_pki", "this server keeps no certificates")
    return deps.pki


def _root(row: RootApproval) -> RootOut:
    return RootOut.model_validate(row, from_attributes=True)


def _of_station(deps: ApiDeps, station: StationState, now: datetime, ahead: timedelta) -> StationCertificateOut:
    book, station_id = deps.stations.own_certificates, station.station_id
    held, waiting, asked = book.in_use(station_id), book.waiting(station_id), deps.stations.renewals.of(station_id)
    state: State = "none"
    if held is not None and held.expires_at is not None:
        state = "expired" if held.expires_at <= now else "due" if is_due(held, now, ahead) else "good"
    return StationCertificateOut(
        station_id=station_id,
        security_profile=int(station.proof.profile),
        serial=station.proof.serial,
        state=state,
        pending=station.proof.expired and station.registration is RegistrationStatus.PENDING,
        subject=held.subject if held else "",
        serial_number=held.serial_number if held else "",
        begins_at=held.begins_at if held else None,
        expires_at=held.expires_at if held else None,
        given_at=held.given_at if held else None,
        shown_at=held.told_at if held else None,
        waiting_serial_number=waiting.serial_number if waiting else "",
        asked_at=asked.at if asked else None,
        asked_times=asked.times if asked else 0,
        answer=asked.answer if asked else "",
        again_at=asked.again_at if asked else None,
    )
