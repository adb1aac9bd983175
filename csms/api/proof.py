"""Routes about how stations prove themselves: security profile, serial number, first password."""

from __future__ import annotations

from fastapi import Request
from pydantic import Field, SecretStr

from csms.access.needs import technicians, viewers
from csms.access.routing import Router, caller_of
from csms.api.ports import ApiDeps
from csms.api.schemas import Body, Out
from csms.api.stations import known_station
from csms.model.access import NotAuthorised, Role
from csms.model.authentication import SecurityProfile

PASSWORD_LENGTH_MIN, PASSWORD_LENGTH_MAX = 16, 64
"""OCPP 1.6 security white paper, OCPP 2.0.1 errata."""


class ProofOut(Out):
    """`security_profile`: the lowest that the station may come by. `serial`: what its certificate must be made out to.

    `claimed_serial`: what the certificate of a station says that nobody has approved yet.
    """

    station_id: str
    security_profile: int
    serial: str
    claimed_serial: str
    has_password: bool


class ProofBody(Body):
    """What is left out stays. A profile falls only with `lower`, for a station that was reset or replaced."""

    security_profile: int | None = Field(default=None, ge=0, le=3)
    serial: str | None = Field(default=None, max_length=64)
    lower: bool = False


class PasswordBody(Body):
    """The password that the station has; left out, a random one is made. A 1.6 key may stand in hexadecimal digits."""

    password: SecretStr | None = Field(default=None, min_length=PASSWORD_LENGTH_MIN, max_length=PASSWORD_LENGTH_MAX)


class PasswordOut(Out):
    """`password`: the one that was made, told this once; None when it was given."""

    station_id: str
    password: str | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/stations/{station_id}", tags=["security"])

    @routes.get("/security", summary="How a station proves itself")
    @viewers
    async def security(station_id: str) -> ProofOut:
        """Nothing secret."""
        return _proof(deps, station_id)

    @routes.put("/security", summary="Set how a station proves itself")
    @technicians
    async def set_security(station_id: str, body: ProofBody, request: Request) -> ProofOut:
        """Counts from its next connection on; `lower` needs the role administrator. The station itself is told
        nothing: see the command set_variables.
        """
        if body.lower and caller_of(request).role is not Role.ADMINISTRATOR:
            raise NotAuthorised("role", "lower needs the role administrator")
        profile = None if body.security_profile is None else SecurityProfile(body.security_profile)
        await deps.stations.demand(station_id, profile, body.serial, body.lower)
        return _proof(deps, station_id)

    @routes.put("/password", summary="Note the password that a station was given by hand")
    @technicians.but(body=False)
    async def set_password(station_id: str, body: PasswordBody) -> PasswordOut:
        """For the first one; to change that of a station that is connected, use the command set_password."""
        given = body.password.get_secret_value() if body.password is not None else ""
        made = await deps.stations.set_first_password(station_id, given)
        if deps.gateway is not None:
            deps.gateway.forgive(station_id)
        return PasswordOut(station_id=station_id, password=None if given else made)

    return routes


def _proof(deps: ApiDeps, station_id: str) -> ProofOut:
    proof = known_station(deps, station_id).proof
    return ProofOut(
        station_id=station_id,
        security_profile=int(proof.profile),
        serial=proof.serial,
        claimed_serial=proof.claimed,
        has_password=deps.stations.has_password(station_id),
    )
