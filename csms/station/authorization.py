"""Id tokens (OCPP 1.6 section 4.1, 2.0.1 block C): who may charge, and where."""

from __future__ import annotations

import logging
from datetime import datetime

from msgspec import structs

from csms.model.authorization import NO_AUTHORIZATION, ContractStatus
from csms.model.ids import EvseRef
from csms.model.inbound import Authorize, AuthorizeReply
from csms.model.session import AuthorizationStatus
from csms.station.context import Handlers, StationContext
from csms.store import changes
from csms.store.tables import IdToken

_NO_CONTRACT = (
    AuthorizationStatus.BLOCKED,
    AuthorizationStatus.EXPIRED,
    AuthorizationStatus.INVALID,
    AuthorizationStatus.UNKNOWN,
)
"""What makes a good certificate one of a cancelled contract (C07.FR.13)."""

log = logging.getLogger(__name__)


async def authorize(
    context: StationContext, station_id: str, message: Authorize, received_at: datetime
) -> AuthorizeReply:
    """Answer a card at the reader (C01.FR.02), or a contract of a car (C07.FR.13 to C07.FR.17)."""
    if not message.certificate and not message.chain:
        return await judge(context, message.id_token, station_id, token_type=message.token_type)
    status = await _contract(context, message)
    if status is not ContractStatus.ACCEPTED:
        expired = status is ContractStatus.CERTIFICATE_EXPIRED
        refused = AuthorizationStatus.EXPIRED if expired else AuthorizationStatus.INVALID
        return AuthorizeReply(refused, certificate_status=status)
    reply = await judge(context, message.id_token, station_id, token_type=message.token_type)
    cancelled = reply.status in _NO_CONTRACT
    return structs.replace(reply, certificate_status=ContractStatus.CONTRACT_CANCELLED if cancelled else status)


async def _contract(context: StationContext, message: Authorize) -> ContractStatus:
    """Where nobody can be asked the chain cannot be verified, and that is what the station is told (C07.FR.17)."""
    judge_of_contracts = context.outside.contract_check
    if judge_of_contracts is None:
        return ContractStatus.CERT_CHAIN_ERROR
    try:
        return await judge_of_contracts.check(message.certificate, message.chain)
    except Exception:
        log.warning("contract_not_verified", exc_info=True)
        return ContractStatus.CERT_CHAIN_ERROR


async def judge(
    context: StationContext,
    id_token: str,
    station_id: str = "",
    *,
    evse_id: int | None = None,
    token_type: str = "",
    starting: bool = False,
) -> AuthorizeReply:
    """The listed state of a token at a station and EVSE; unlisted ones by the house rule.

    Start buttons without a token are let through (C02.FR.02), and so is a 1.6 station that names none; a card without a
    number is one that is not listed. Only who is `starting` a session can be one too many, or hold a master pass
    (C16.FR.03).
    """
    if token_type == NO_AUTHORIZATION or not (id_token or token_type):
        return AuthorizeReply(AuthorizationStatus.ACCEPTED)
    row = await context.tokens.find(id_token)
    if row is None or (row.token_type and token_type and row.token_type != token_type):
        known = AuthorizationStatus.ACCEPTED if context.settings.unknown_tokens else AuthorizationStatus.INVALID
        reply = AuthorizeReply(known)
    else:
        reply = listed(row, station_id, context.clock.now())
    if reply.status is not AuthorizationStatus.ACCEPTED:
        return reply
    refused = _refused(context, reply, id_token, EvseRef(station_id, evse_id or 0), starting)
    return reply if refused is None else structs.replace(reply, status=refused)


def listed(row: IdToken, station_id: str, now: datetime) -> AuthorizeReply:
    """What is said of a listed token at a station (C01.FR.19 to C01.FR.22)."""
    status = AuthorizationStatus(row.status)
    if status is AuthorizationStatus.ACCEPTED and row.expires_at is not None and row.expires_at <= now:
        status = AuthorizationStatus.EXPIRED
    evse_ids: tuple[int, ...] = ()
    if row.allowed and station_id and station_id not in row.allowed:
        evse_ids = _evse_ids(row.allowed, station_id)
        if not evse_ids and status is AuthorizationStatus.ACCEPTED:
            status = AuthorizationStatus.NOT_AT_THIS_LOCATION
    until = [moment for moment in (row.expires_at, row.cache_expires_at) if moment is not None]
    return AuthorizeReply(
        status,
        row.group_id,
        min(until, default=None),
        evse_ids,
        tuple(row.languages or ()),
        row.message,
    )


def _evse_ids(allowed: list[str], station_id: str) -> tuple[int, ...]:
    numbers = [place.removeprefix(f"{station_id}/") for place in allowed if place.startswith(f"{station_id}/")]
    return tuple(int(number) for number in numbers if number.isdecimal())


def _refused(
    context: StationContext, reply: AuthorizeReply, id_token: str, evse: EvseRef, starting: bool
) -> AuthorizationStatus | None:
    if evse.evse_id and reply.evse_ids and evse.evse_id not in reply.evse_ids:
        return AuthorizationStatus.NOT_AT_THIS_LOCATION
    if not starting:
        return None
    if reply.group_id and reply.group_id == context.settings.master_pass_group:
        return AuthorizationStatus.INVALID
    if context.settings.refuse_concurrent and _charges_elsewhere(context, id_token, evse):
        return AuthorizationStatus.CONCURRENT_TX
    return None


def _charges_elsewhere(context: StationContext, id_token: str, evse: EvseRef) -> bool:
    """Whether a session of this token runs on another EVSE."""
    word = id_token.lower()
    return any(
        other.session is not None and other.session.id_token.lower() == word and other.ref != evse
        for station in context.stations.values()
        for other in station.evses.values()
    )


async def put_token(context: StationContext, token: IdToken) -> None:
    """List a token or change it, durable; another spelling of it goes."""
    known = await context.store.reader.token(token.id_token)
    spelt = known is not None and known.id_token != token.id_token
    other = [changes.delete_rows(IdToken, id_token=known.id_token)] if known is not None and spelt else []
    await context.store.writer.commit([*other, changes.put_token(token)])
    context.tokens.forget(token.id_token)


async def delete_token(context: StationContext, id_token: str) -> bool:
    """Take a token off, durable; False when it was not listed."""
    known = await context.store.reader.token(id_token)
    if known is None:
        return False
    await context.store.writer.commit([changes.delete_rows(IdToken, id_token=known.id_token)])
    context.tokens.forget(id_token)
    return True


HANDLERS: Handlers = {Authorize: authorize}
