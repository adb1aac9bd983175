"""What a message does to the present state that the intake keeps, within the transaction that accepts it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Connection, Integer, String, Table, and_, cast, insert, select, type_coerce
from sqlalchemy.dialects.sqlite import Insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert

from csms.province.profile import Kind
from monitor.store.tables import (
    Intake,
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


def table_of(model: type[Intake]) -> Table:
    """The table of a model of the intake."""
    return Intake.metadata.tables[str(model.__tablename__)]


def has_content(column: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether retention has left the content of an order."""
    return type_coerce(column, String) != "{}"


def upsert(model: type[Intake], names: Iterable[str], **changed: Any) -> Insert:
    """Insert a row, or set these columns of the one that has its key; `changed` to what is given there."""
    table = table_of(model)
    statement = sqlite_insert(table)
    new = {name: statement.excluded[name] for name in names}
    return statement.on_conflict_do_update(index_elements=list(table.primary_key), set_=new | changed)


_LOG = insert(table_of(IntakeMessage))
_ORDER = table_of(IntakeOrder)
_CHECK = table_of(IntakeCheck)
_STATUS = table_of(IntakeStatus)
_NEW_ORDER = insert(_ORDER)
_KNOWN_ORDER = select(_ORDER.c.content_sha256)
_NEW_CHECK = insert(_CHECK)
_NEWEST_CHECK = (
    select(_CHECK.c.content_sha256, _CHECK.c.listed, _CHECK.c.disputes, _CHECK.c.unlisted)
    .order_by(_CHECK.c.id.desc())
    .limit(1)
)
_CHANGED = _STATUS.c.status != sqlite_insert(_STATUS).excluded.status
_PUT_STATUS = upsert(IntakeStatus, ("status", "received_at"), changes=_STATUS.c.changes + cast(_CHANGED, Integer))
_PUT_SNAPSHOT = upsert(IntakeSession, ("content", "received_at"), snapshots=table_of(IntakeSession).c.snapshots + 1)
_PUT_STATION = upsert(IntakeStation, ("content", "received_at"))


def write(connection: Connection, call: Call, message: Message) -> Standing:
    """Store a message; what its business id was to the store."""
    return _WRITERS.get(message.kind, _kept)(connection, call, message)


def log_call(connection: Connection, call: Call) -> None:
    """Write the log row of a call."""
    row = {field.name: getattr(call, field.name) for field in fields(call)}
    connection.execute(_LOG, row | {"defects": list(call.defects), "body": dict(call.body)})


def _order(connection: Connection, call: Call, message: Message) -> Standing:
    known = connection.execute(_KNOWN_ORDER.where(_mine(_ORDER, call))).scalar()
    if known is not None:
        return Standing.DUPLICATE if known == message.digest else Standing.CONFLICT
    told = message.fields
    row = {
        "content_sha256": message.digest,
        "energy_kwh": float(told.get("TotalPower", told.get("TotalElect", 0.0))),
        "money_yuan": float(told.get("TotalMoney", 0.0)),
        "ended_local": str(told.get("EndTime", "")),
        "content": dict(told),
    }
    connection.execute(_NEW_ORDER, _key(call) | row)
    return Standing.NEW


def _status(connection: Connection, call: Call, message: Message) -> Standing:
    connection.execute(_PUT_STATUS, _key(call) | {"status": int(message.fields["Status"])})
    return Standing.NEW


def _snapshot(connection: Connection, call: Call, message: Message) -> Standing:
    connection.execute(_PUT_SNAPSHOT, _key(call) | {"content": dict(message.fields)})
    return Standing.NEW


def _station(connection: Connection, call: Call, message: Message) -> Standing:
    connection.execute(_PUT_STATION, _key(call) | {"content": dict(message.fields)})
    return Standing.NEW


def _check(connection: Connection, call: Call, message: Message) -> Standing:
    """A reconciliation that is asked again is answered again. What comes out as before is on record already; what comes
    out otherwise is a row of its own, so that nothing changes what a day was judged by."""
    newest = connection.execute(_NEWEST_CHECK.where(_mine(_CHECK, call))).first()
    found = {name: message.result[name] for name in ("listed", "disputes", "unlisted")}
    if newest is None or newest != (message.digest, *found.values()):
        connection.execute(_NEW_CHECK, _key(call) | {"content_sha256": message.digest} | found)
    known = newest.content_sha256 if newest is not None else None
    return Standing.DUPLICATE if known == message.digest else Standing.NEW


def _kept(_connection: Connection, _call: Call, _message: Message) -> Standing:
    """Kept in the evidence log only."""
    return Standing.NEW


def _key(call: Call) -> dict[str, Any]:
    return {"operator_id": call.operator_id, "business_id": call.business_id, "received_at": call.received_at}


def _mine(table: Table, call: Call) -> ColumnElement[bool]:
    """The rows of what a call is about."""
    return and_(table.c.operator_id == call.operator_id, table.c.business_id == call.business_id)


_WRITERS: Mapping[Kind, Callable[[Connection, Call, Message], Standing]] = {
    Kind.CHECK_ORDERS: _check,
    Kind.CHARGE_ORDER: _order,
    Kind.STATION_STATUS: _status,
    Kind.CHARGE_STATUS: _snapshot,
    Kind.STATION_INFO: _station,
}
