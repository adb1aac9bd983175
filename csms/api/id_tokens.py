"""Routes about id tokens: who may charge, where, and what a station may remember of it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from fastapi import Path, Query, Response
from pydantic import AwareDatetime, Field

from csms.access.needs import technicians
from csms.access.routing import Router
from csms.api.ports import ApiDeps
from csms.api.problems import Refused
from csms.api.schemas import Body, Out
from csms.model.session import AuthorizationStatus
from csms.store.tables import IdToken

TokenName = Annotated[str, Path(min_length=1, max_length=36)]
Language = Annotated[str, Field(pattern=r"^[A-Za-z]{1,8}(-[A-Za-z0-9]{1,8})*$", max_length=8)]
Place = Annotated[str, Field(pattern=r"^[^/\s]{1,48}(/[1-9][0-9]{0,2})?$")]

TokenType = Literal["", "Central", "eMAID", "ISO14443", "ISO15693", "KeyCode", "Local", "MacAddress", "NoAuthorization"]


class TokenBody(Body):
    """What is known of a token. `token_type` empty: whatever a station takes it for.

    Tokens of one `group_id` may stop each other's sessions (1.6: parent). `expires_at` ends the token,
    `cache_expires_at` what a station remembers of it. `allowed` are stations (`CP-1`) and EVSEs (`CP-1/2`); empty:
    everywhere. `message` is shown to the driver, `languages` says how, the preferred one first.
    """

    token_type: TokenType = ""
    status: AuthorizationStatus = AuthorizationStatus.ACCEPTED
    group_id: str = Field(default="", max_length=36)
    expires_at: AwareDatetime | None = None
    cache_expires_at: AwareDatetime | None = None
    languages: list[Language] = Field(default_factory=list, max_length=2)
    message: str = Field(default="", max_length=512)
    allowed: list[Place] = Field(default_factory=list, max_length=1000)


class TokenOut(Out):
    """A listed token."""

    id_token: str
    token_type: str
    status: str
    group_id: str
    expires_at: datetime | None
    cache_expires_at: datetime | None
    languages: list[str]
    message: str
    allowed: list[str]


class TokensOut(Out):
    """Tokens in their order; ask again with `after = next_after` for more."""

    clock_time: datetime
    tokens: list[TokenOut]
    next_after: str | None


def router(deps: ApiDeps) -> Router:
    """The routes over `deps`."""
    routes = Router(prefix="/id-tokens", tags=["id tokens"])
    _add_reads(routes, deps)
    _add_writes(routes, deps)
    return routes


def _add_reads(routes: Router, deps: ApiDeps) -> None:
    @routes.get("", summary="List id tokens")
    @technicians
    async def list_tokens(
        after: str = Query(default="", max_length=64), limit: int = Query(default=100, ge=1, le=1000)
    ) -> TokensOut:
        """All of them, page by page."""
        rows = await deps.reader.token_page(after, limit)
        next_after = rows[-1].id_token if len(rows) == limit else None
        views = [token_view(row) for row in rows]
        return TokensOut(clock_time=deps.clock.now(), tokens=views, next_after=next_after)

    @routes.get("/{id_token}", summary="Show an id token")
    @technicians
    async def show_token(id_token: TokenName) -> TokenOut:
        """One token; the case of its letters does not count."""
        row = await deps.reader.token(id_token)
        if row is None:
            raise _unknown(id_token)
        return token_view(row)


def _add_writes(routes: Router, deps: ApiDeps) -> None:
    @routes.put("/{id_token}", summary="List an id token or change it")
    @technicians
    async def put_token(id_token: TokenName, body: TokenBody) -> TokenOut:
        """It counts at once; stations hear of it by what they ask, their cache and their local list."""
        row = IdToken(id_token=id_token, **body.model_dump())
        await deps.stations.put_token(row)
        return token_view(row)

    @routes.delete("/{id_token}", status_code=204, summary="Take an id token off")
    @technicians
    async def delete_token(id_token: TokenName) -> Response:
        """From now on it is a token that is not listed."""
        if not await deps.stations.delete_token(id_token):
            raise _unknown(id_token)
        return Response(status_code=204)


def _unknown(id_token: str) -> Refused:
    return Refused(404, "unknown_token", f"no token {id_token!r} is listed")


def token_view(row: IdToken) -> TokenOut:
    """A listed token."""
    return TokenOut(
        id_token=row.id_token,
        token_type=row.token_type,
        status=row.status,
        group_id=row.group_id,
        expires_at=row.expires_at,
        cache_expires_at=row.cache_expires_at,
        languages=row.languages or [],
        message=row.message,
        allowed=row.allowed or [],
    )
