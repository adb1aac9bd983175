"""Routes about tokens of this interface: make, list, rotate, revoke; and who one is."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import Annotated

from fastapi import Path, Request
from pydantic import AwareDatetime, Field

from csms.access.needs import administrators, everybody
from csms.access.routing import Router, caller_of
from csms.access.tokens import Made
from csms.api.feeders import feeder_views
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Body, Out
from csms.model.access import Role
from csms.model.errors import StoreUnavailable
from csms.store.access_tables import AccessToken

GRACE_S_MAX = 30 * 86_400
ADMINISTRATOR_MADE = "AdministratorTokenMade"
"""The kind of the alert."""

Name = Annotated[str, Path(max_length=64)]


class AccessTokenBody(Body):
    """A new token. `bound_to`: feeders of a grid operator, the platform (its id in the settings) of a partner."""

    name: str = Field(min_length=1, max_length=64)
    role: Role
    bound_to: list[Annotated[str, Field(min_length=1, max_length=64)]] = Field(default=[], max_length=100)
    expires_at: AwareDatetime | None = None


class RotationBody(Body):
    """`grace_s`: for how long the old token is good beside the new one."""

    grace_s: float = Field(default=3600.0, ge=0, le=GRACE_S_MAX)


class AccessTokenOut(Out):
    """A token without its secret; `token_id` is its public part. A name has several rows after a rotation."""

    token_id: str
    name: str
    role: str
    bound_to: list[str]
    created_at: AwareDatetime
    created_by: str
    expires_at: AwareDatetime | None
    last_used_at: AwareDatetime | None
    revoked_at: AwareDatetime | None
    valid: bool


class NewAccessTokenOut(AccessTokenOut):
    """A new token; `token` is told this once and kept nowhere."""

    token: str


class AccessTokensOut(Out):
    """All tokens, oldest first."""

    clock_time: AwareDatetime
    tokens: list[AccessTokenOut]


class WhoOut(Out):
    """Whose token came with the request."""

    token_id: str
    name: str
    role: str
    bound_to: list[str]


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/access-tokens", tags=["access tokens"])
    _add_reads(routes, deps)
    _add_writes(routes, deps)
    return routes


def _add_reads(routes: Router, deps: ApiDeps) -> None:
    @routes.get("", summary="List access tokens")
    @administrators
    async def list_access_tokens() -> AccessTokensOut:
        """Valid, expired and revoked ones; no secret is kept, so none is shown."""
        views = [_view(deps, row) for row in await deps.guard.tokens.listed()]
        return AccessTokensOut(clock_time=deps.clock.now(), tokens=views)

    @routes.get("/self", summary="Who am I?")
    @everybody
    async def show_self(request: Request) -> WhoOut:
        """What the server knows of the caller."""
        caller = caller_of(request)
        return WhoOut(
            token_id=caller.token_id, name=caller.name, role=caller.role.value, bound_to=list(caller.bound_to)
        )


def _add_writes(routes: Router, deps: ApiDeps) -> None:
    tokens = deps.guard.tokens

    @routes.post("", summary="Make an access token", status_code=201)
    @administrators
    async def create_access_token(body: AccessTokenBody, request: Request) -> NewAccessTokenOut:
        """The answer holds the token, this once. A name is never given twice."""
        _check_feeders(deps, body)
        by = caller_of(request).name
        made = await tokens.create(body.name, body.role, body.bound_to, body.expires_at, created_by=by)
        await _tell(deps, made.row)
        return _new_view(deps, made)

    @routes.post("/{name}/rotate", summary="Replace an access token")
    @administrators
    async def rotate_access_token(name: Name, body: RotationBody, request: Request) -> NewAccessTokenOut:
        """Another token with the same name, role and end; the old one is good for `grace_s` more."""
        made = await tokens.rotate(name, timedelta(seconds=body.grace_s), created_by=caller_of(request).name)
        await _tell(deps, made.row)
        return _new_view(deps, made)

    @routes.delete("/{name}", summary="Revoke an access token")
    @administrators
    async def revoke_access_token(name: Name) -> AccessTokensOut:
        """All tokens of a name, or the one with this id; at once here, within seconds on other servers."""
        revoked = {row.id for row in await tokens.revoke(name)}
        views = [_view(deps, row) for row in await tokens.listed() if row.id in revoked]
        return AccessTokensOut(clock_time=deps.clock.now(), tokens=views)


async def _tell(deps: ApiDeps, row: AccessToken) -> None:
    """Whoever makes a token of an administrator for another one could act as that one: people should look at it."""
    if row.role == Role.ADMINISTRATOR and row.created_by != row.name:
        with suppress(StoreUnavailable):
            await deps.stations.alerts.raise_(ADMINISTRATOR_MADE, info=f"{row.name}, by {row.created_by}")


def _check_feeders(deps: ApiDeps, body: AccessTokenBody) -> None:
    if body.role is not Role.GRID_OPERATOR or deps.feeders is None:
        return
    known = {feeder.feeder_id for feeder in feeder_views(deps)}
    unknown = sorted(set(body.bound_to) - known)
    if unknown:
        raise Refused(422, "unknown_feeder", f"no feeder {unknown[0]!r}; there are: {', '.join(sorted(known))}")


def _facts(deps: ApiDeps, row: AccessToken) -> dict[str, object]:
    valid = row.revoked_at is None and (row.expires_at is None or row.expires_at > deps.clock.now())
    return {**row.model_dump(exclude={"id", "digest"}), "token_id": row.id, "valid": valid}


def _view(deps: ApiDeps, row: AccessToken) -> AccessTokenOut:
    return AccessTokenOut.model_validate(_facts(deps, row))


def _new_view(deps: ApiDeps, made: Made) -> NewAccessTokenOut:
    return NewAccessTokenOut.model_validate({**_facts(deps, made.row), "token": made.text})
