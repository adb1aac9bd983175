"""Id tokens (OCPP 1.6 section 4.1, 2.0.1 block C): who may charge."""

from __future__ import annotations

from datetime import datetime

from csms.model.inbound import Authorize, AuthorizeReply
from csms.model.session import AuthorizationStatus
from csms.station.context import Handlers, StationContext


async def authorize(
    context: StationContext, station_id: str, message: Authorize, received_at: datetime
) -> AuthorizeReply:
    """Answer a card at the reader (C01.FR.02)."""
    return await judge(context, message.id_token)


async def judge(context: StationContext, id_token: str) -> AuthorizeReply:
    """The listed state of a token; unlisted ones by the house rule. Start buttons without a token are let through."""
    if not id_token:
        return AuthorizeReply(AuthorizationStatus.ACCEPTED)
    row = await context.tokens.find(id_token)
    if row is None:
        known = AuthorizationStatus.ACCEPTED if context.settings.unknown_tokens else AuthorizationStatus.INVALID
        return AuthorizeReply(known)
    status = AuthorizationStatus(row.status)
    if status is AuthorizationStatus.ACCEPTED and row.expires_at is not None and row.expires_at <= context.clock.now():
        status = AuthorizationStatus.EXPIRED
    return AuthorizeReply(status, row.group_id, row.expires_at)


HANDLERS: Handlers = {Authorize: authorize}
