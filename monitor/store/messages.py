"""What a message does to the present state that the intake keeps, within the transaction that accepts it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlmodel.ext.asyncio.session import AsyncSession

from csms.province.profile import Kind
from monitor.store.tables import (
    IntakeCheck,
    IntakeMessage,
    IntakeOrder,
    IntakeSession,
    IntakeStation,
    IntakeStatus,
)


class Standing(StrEnum):
    """What a business id was to the store."""

    NEW = "new"
    DUPLICATE = "duplicate"
    CONFLICT = "conflict"


@dataclass(frozen=True, slots=True)
class Call:
    """The log row of one call."""

    received_at: datetime
    interface: str
    http_status: int
    ret: int | None
    operator_id: str = ""
    business_id: str = ""
    reason: str = ""
    defects: tuple[str, ...] = ()
    size_bytes: int = 0
    latency_us: int = 0
    pulled: bool = False
    replay_key: str = ""
    stamped_at: datetime | None = None
    duplicate: bool = False
    review: bool = False
    body: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that was found right: canonical fields and the digest of what must not change."""

    kind: Kind
    fields: Mapping[str, Any]
    digest: str
    record: bytes = b""
    """What goes into the evidence log."""
    result: Mapping[str, Any] = field(default_factory=dict)
    """What a reconciliation found."""


async def write(session: AsyncSession, call: Call, message: Message) -> Standing:
    """Store a message; what its business id was to the store."""
    return await _WRITERS.get(message.kind, _kept)(session, call, message)


def row_of(call: Call) -> IntakeMessage:
    """The log row of a call."""
    values = asdict(call)
    return IntakeMessage(**{**values, "defects": list(call.defects), "body": dict(call.body)})


async def _order(session: AsyncSession, call: Call, message: Message) -> Standing:
    known = await session.get(IntakeOrder, (call.operator_id, call.business_id))
    if known is not None:
        return Standing.DUPLICATE if known.content_sha256 == message.digest else Standing.CONFLICT
    fields = message.fields
    session.add(
        IntakeOrder(
            operator_id=call.operator_id,
            business_id=call.business_id,
            content_sha256=message.digest,
            received_at=call.received_at,
            energy_kwh=float(fields.get("TotalPower", fields.get("TotalElect", 0.0))),
            money_yuan=float(fields.get("TotalMoney", 0.0)),
            content=dict(fields),
        )
    )
    return Standing.NEW


async def _status(session: AsyncSession, call: Call, message: Message) -> Standing:
    key, status = (call.operator_id, call.business_id), int(message.fields["Status"])
    known = await session.get(IntakeStatus, key)
    if known is None:
        session.add(IntakeStatus(operator_id=key[0], business_id=key[1], status=status, received_at=call.received_at))
    else:
        known.changes += known.status != status
        known.status, known.received_at = status, call.received_at
    return Standing.NEW


async def _snapshot(session: AsyncSession, call: Call, message: Message) -> Standing:
    key, content = (call.operator_id, call.business_id), dict(message.fields)
    known = await session.get(IntakeSession, key)
    if known is None:
        session.add(
            IntakeSession(operator_id=key[0], business_id=key[1], received_at=call.received_at, content=content)
        )
    else:
        known.snapshots += 1
        known.received_at, known.content = call.received_at, content
    return Standing.NEW


async def _station(session: AsyncSession, call: Call, message: Message) -> Standing:
    await session.merge(
        IntakeStation(
            operator_id=call.operator_id,
            business_id=call.business_id,
            received_at=call.received_at,
            content=dict(message.fields),
        )
    )
    return Standing.NEW


async def _check(session: AsyncSession, call: Call, message: Message) -> Standing:
    """A reconciliation that is asked again is answered again; its newest result counts."""
    known = await session.get(IntakeCheck, (call.operator_id, call.business_id))
    result = message.result
    row = IntakeCheck(
        operator_id=call.operator_id,
        business_id=call.business_id,
        content_sha256=message.digest,
        received_at=call.received_at,
        listed=result["listed"],
        disputes=result["disputes"],
        unlisted=result["unlisted"],
    )
    await session.merge(row)
    return Standing.DUPLICATE if known is not None and known.content_sha256 == message.digest else Standing.NEW


async def _kept(_session: AsyncSession, _call: Call, _message: Message) -> Standing:
    """Kept in the evidence log only."""
    return Standing.NEW


_WRITERS: Mapping[Kind, Callable[[AsyncSession, Call, Message], Awaitable[Standing]]] = {
    Kind.CHECK_ORDERS: _check,
    Kind.CHARGE_ORDER: _order,
    Kind.STATION_STATUS: _status,
    Kind.CHARGE_STATUS: _snapshot,
    Kind.STATION_INFO: _station,
}
